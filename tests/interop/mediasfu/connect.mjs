// Socket.IO clients of npm, each under a name: connects as the vendor's SDKs do, and tells all that comes.

import { obey, require, settings, tell } from './lines.mjs';

const module = require(settings.package);
const sockets = {};

function open(url, place, options) {
  if (module.io) return module.io(url + place, { ...options, forceNew: true });
  // Else the older generation says the query again with the name of the namespace, and the library that serves the
  // emulator takes it for a part of the name.
  return new module.Manager(url, options).socket(place);
}

function connect({ who, url, place, options }) {
  const socket = open(url, place, { transports: ['websocket'], reconnection: false, ...options });
  sockets[who] = socket;
  // Every event, whatever its name; both generations hand them to this.
  const onevent = socket.onevent;
  socket.onevent = function handed(packet) {
    const [name, ...args] = packet.data;
    tell({ event: 'event', who, name, args });
    onevent.call(this, packet);
  };
  // The words of a refusal: an error in the newer generation, any value in the older one.
  const refused = (error) => tell({ event: 'refused', who, text: String(error?.message ?? error) });
  socket.on('connect', () => tell({ event: 'connect', who, id: socket.id }));
  socket.on('connect_error', refused);
  socket.on('error', refused);
  socket.on('disconnect', (reason) => tell({ event: 'disconnect', who, reason }));
}

await obey({
  connect,
  emit: ({ who, name, args }) => sockets[who].emit(name, ...args),
  ask: ({ who, name, args }) =>
    sockets[who].emit(name, ...args, (...answer) => tell({ event: 'ack', who, name, args: answer })),
  close: ({ who }) => sockets[who].close(),
});
