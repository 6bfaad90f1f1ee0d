// Drives the SignalingClient of amazon-kinesis-video-streams-webrtc: commands as JSON lines in, what it tells as JSON
// lines out. The first line in says where and as whom.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.cwd()}/`);
// The package wants a browser's.
globalThis.WebSocket = require('ws');
const { SignalingClient } = require('amazon-kinesis-video-streams-webrtc');

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value ?? '{"do":"end"}');
const write = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);

const { key, secret, ...settings } = await read();
const client = new SignalingClient({
  ...settings,
  region: 'us-west-2',
  credentials: { accessKeyId: key, secretAccessKey: secret },
});

client.on('open', () => write({ event: 'open' }));
client.on('close', () => write({ event: 'close' }));
client.on('error', (error) => write({ event: 'error', text: String(error?.message ?? error) }));
client.on('statusResponse', (status) => write({ event: 'statusResponse', text: JSON.stringify(status) }));
client.on('sdpOffer', ({ sdp }, from) => write({ event: 'sdpOffer', text: sdp, from }));
client.on('sdpAnswer', ({ sdp }, from) => write({ event: 'sdpAnswer', text: sdp, from }));
client.on('iceCandidate', ({ candidate }, from) => write({ event: 'iceCandidate', text: candidate, from }));
client.open();

const commands = {
  offer: ({ text, to }) => client.sendSdpOffer({ type: 'offer', sdp: text }, to),
  answer: ({ text, to }) => client.sendSdpAnswer({ type: 'answer', sdp: text }, to),
  candidate: ({ text, to }) =>
    client.sendIceCandidate({ candidate: text, sdpMid: '0', sdpMLineIndex: 0 }, to),
};
for (;;) {
  const command = await read();
  if (command.do === 'end') break;
  try {
    commands[command.do](command);
  } catch (error) {
    write({ event: 'thrown', text: String(error?.message ?? error) });
  }
}
client.close();
process.exit(0);
