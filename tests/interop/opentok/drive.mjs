// Drives the npm package `opentok`: one call as a JSON line in, its outcome as a JSON line out.
// The first line in says where the service is and how to sign in. The working directory is where the package is.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(join(process.cwd(), 'driver.js'));
const OpenTok = require('opentok');

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value ?? '{"operation":"end"}');
const write = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

const { url, key, secret } = await read();
const sdk = new OpenTok(key, secret, url);

/** Methods that no call has reached yet. */
const untouched = new Set();
for (let owner = sdk; owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
  Object.getOwnPropertyNames(owner)
    .filter((name) => name !== 'constructor' && typeof sdk[name] === 'function')
    .forEach((name) => untouched.add(name));
}

/** An error that the SDK throws where nobody can catch it still belongs to the call under way. */
let fail = () => {};
process.on('unhandledRejection', (error) => fail(error));
process.on('uncaughtException', (error) => fail(error));

const local = (method, ...args) => {
  untouched.delete(method);
  return sdk[method](...args);
};
const call = (method, ...args) =>
  new Promise((resolve, reject) => {
    fail = reject;
    local(method, ...args, (error, value) => (error ? reject(error) : resolve(value)));
  });

const sip = ({ uri, ...options }) => [uri, options];
const layout = ({ type, stylesheet = null, screenshareType = null }) => [type, stylesheet, screenshareType];
const camel = (name) => name.replace(/_./g, (part) => part[1].toUpperCase());
const options = (input) => Object.fromEntries(Object.entries(input).map(([k, v]) => [camel(k), v]));

const calls = {
  create_session: (i) => call('createSession', options(i)),
  generate_token: ({ session_id, token_type, connection_data: data, ...i }) =>
    local('generateToken', session_id, { ...options(i), ...(data && { data }) }, token_type === 'T1'),
  start_archive: ({ sessionId, ...i }) => call('startArchive', sessionId, i),
  stop_archive: (i) => call('stopArchive', i.archive_id),
  get_archive: (i) => call('getArchive', i.archive_id),
  list_archives: (i) => call('listArchives', i),
  delete_archive: (i) => call('deleteArchive', i.archive_id),
  set_archive_layout: (i) => call('setArchiveLayout', i.archive_id, ...layout(i)),
  add_archive_stream: ({ archive_id, addStream, ...i }) => call('addArchiveStream', archive_id, addStream, i),
  remove_archive_stream: (i) => call('removeArchiveStream', i.archive_id, i.removeStream),
  start_broadcast: ({ sessionId, ...i }) => call('startBroadcast', sessionId, i),
  stop_broadcast: (i) => call('stopBroadcast', i.broadcast_id),
  get_broadcast: (i) => call('getBroadcast', i.broadcast_id),
  list_broadcasts: (i) => call('listBroadcasts', i),
  set_broadcast_layout: (i) => call('setBroadcastLayout', i.broadcast_id, ...layout(i)),
  add_broadcast_stream: ({ broadcast_id, addStream, ...i }) =>
    call('addBroadcastStream', broadcast_id, addStream, i),
  remove_broadcast_stream: (i) => call('removeBroadcastStream', i.broadcast_id, i.removeStream),
  get_stream: (i) => call('getStream', i.session_id, i.stream_id),
  list_streams: (i) => call('listStreams', i.session_id),
  set_stream_layout_classes: (i) => call('setStreamClassLists', i.session_id, i.items),
  force_disconnect: (i) => call('forceDisconnect', i.session_id, i.connection_id),
  force_mute_stream: (i) => call('forceMuteStream', i.session_id, i.stream_id),
  force_mute_all: ({ session_id, ...i }) => call('forceMuteAll', session_id, i),
  disable_force_mute: (i) => call('disableForceMute', i.session_id),
  signal_session: ({ session_id, ...i }) => call('signal', session_id, null, i),
  signal_connection: ({ session_id, connection_id, ...i }) => call('signal', session_id, connection_id, i),
  play_dtmf: (i) => call('playDTMF', i.session_id, null, i.digits),
  play_dtmf_to_connection: (i) => call('playDTMF', i.session_id, i.connection_id, i.digits),
  dial_sip: (i) => call('dial', i.sessionId, i.token, ...sip(i.sip)),
  start_audio_connector: (i) => call('websocketConnect', i.sessionId, i.token, ...sip(i.websocket)),
  start_captions: ({ sessionId, token, ...i }) => call('startCaptions', sessionId, token, i),
  stop_captions: (i) => call('stopCaptions', i.captions_id),
  start_render: (i) => call('startRender', i),
  get_render: (i) => call('getRender', i.render_id),
  list_renders: (i) => call('listRenders', i),
  stop_render: (i) => call('stopRender', i.render_id),
  register_callback: (i) => call('registerCallback', i),
  list_callbacks: () => call('listCallbacks'),
  unregister_callback: (i) => call('unregisterCallback', i.callback_id),
};

/** What tells that the SDK understood the answer: an identifier, or how many there are. */
const gist = (value) => {
  if (Array.isArray(value)) return value.length;
  if (typeof value !== 'object' || value === null) return value;
  return value.id ?? value.sessionId ?? value.count;
};

write({ version: require('opentok/package.json').version, operations: Object.keys(calls) });
for (;;) {
  const { operation, input } = await read();
  if (operation === 'end') break;
  if (operation === 'untouched') {
    write([...untouched].sort());
    continue;
  }
  try {
    write({ value: gist(await calls[operation](input)) });
  } catch (error) {
    write({ error: `${error?.name}: ${error?.message ?? error}` });
  }
}
process.exit(0);
