// Drives the three @aws-sdk packages: one call as a JSON line in, its outcome as a JSON line out.
//
// The first line in says where the service is and how to sign in. Operations are named in snake case, and what is
// given is the input of their commands.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.cwd()}/`);
const packages = ['', '-signaling', '-webrtc-storage'].map((name) => `@aws-sdk/client-kinesis-video${name}`);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => JSON.parse((await lines.next()).value ?? '{"operation":"end"}');
const write = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

const { url, key, secret } = await read();
const settings = {
  endpoint: url,
  region: 'us-west-2',
  credentials: { accessKeyId: key, secretAccessKey: secret },
};

/** By operation: the client that has it, and its command. */
const commands = new Map();
for (const name of packages.toReversed()) {
  const sdk = require(name);
  const [, Client] = Object.entries(sdk).find(([known]) => /^KinesisVideo\w*Client$/.test(known));
  const client = new Client(settings);
  Object.keys(sdk)
    .filter((known) => known.endsWith('Command'))
    .forEach((known) => {
      const operation = known.slice(0, -7).replace(/(?<!^)[A-Z]/g, '_$&').toLowerCase();
      commands.set(operation, (input) => client.send(new sdk[known](input)));
    });
}

/** An instant as the service writes it. */
const plain = (value) => {
  if (value instanceof Date) return value.getTime() / 1000;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
};

const versions = packages.map((name) => require(`${name}/package.json`).version);
write({ version: versions.join(', '), operations: [...commands.keys()] });
for (;;) {
  const { operation, input } = await read();
  if (operation === 'end') break;
  try {
    const { $metadata, ...value } = await commands.get(operation)(input);
    write({ value: plain(value) });
  } catch (error) {
    write({ error: `${error?.name}: ${error?.message}` });
  }
}
process.exit(0);
