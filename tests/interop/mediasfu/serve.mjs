// A Socket.IO server of npm with a namespace that asks for a room and its token, as MediaSFU's does. It tells all that
// it receives, and acknowledges with what it was told to.

import { createServer } from 'node:http';

import { obey, require, settings, tell } from './lines.mjs';

const { package: name, options, room, token } = settings;
const module = require(name);
const http = createServer();
const io = new (module.Server ?? module)(http, options);
const answers = {};
const sockets = {};

function listen(socket) {
  const { nsp, handshake, id } = socket;
  const place = nsp.name;
  sockets[place] = socket;
  socket.use(([event, ...args], next) => {
    const ack = typeof args.at(-1) === 'function' ? args.pop() : undefined;
    tell({ event: 'packet', place, name: event, args, asked: Boolean(ack) });
    if (ack && answers[event]) ack(...answers[event]);
    else if (ack && event === 'echo') ack('success', ...args);
    next();
  });
  socket.conn.on('heartbeat', () => tell({ event: 'heartbeat', place }));
  socket.on('disconnect', (reason) => tell({ event: 'disconnect', place, reason }));
  const { query, headers } = handshake;
  tell({ event: 'connection', place, id, query, origin: headers.origin, protocol: socket.conn.protocol });
}

io.of('/').on('connection', listen);
io.of('/media').use(({ handshake: { query } }, next) => {
  const isKnown = query.apiUserName === room && query.apiToken === token;
  next(isKnown ? undefined : new Error('Invalid credentials'));
});
io.of('/media').on('connection', (socket) => {
  listen(socket);
  socket.emit('connection-success', { socketId: socket.id, mode: 'sandbox', allowRecord: 'true' });
});

http.listen(0, '127.0.0.1', () => tell({ event: 'listening', port: http.address().port }));

await obey({
  answer: ({ name, args }) => {
    answers[name] = args;
    tell({ event: 'obeyed', name });
  },
  emit: ({ place, name, args }) => sockets[place].emit(name, ...args),
  ask: ({ place, name, args }) =>
    sockets[place].emit(name, ...args, (...answer) => tell({ event: 'answered', place, name, args: answer })),
  attach: ({ place, name }) => sockets[place].emit(name, { bytes: Buffer.from([1, 2, 3]) }),
  dismiss: ({ place }) => sockets[place].disconnect(),
  cut: ({ place }) => sockets[place].conn.close(),
});
