// Commands as JSON lines in, what happens as JSON lines out.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

// The packages are those of the folder that the driver runs in.
export const require = createRequire(`${process.cwd()}/`);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => {
  const { value, done } = await lines.next();
  return done ? undefined : JSON.parse(value);
};

export const settings = await read();
export const tell = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);

// Obeys until there are no more commands; then the process ends with all its connections.
export async function obey(commands) {
  for (let command = await read(); command; command = await read()) {
    try {
      commands[command.do](command);
    } catch (error) {
      tell({ event: 'thrown', text: String(error?.message ?? error) });
    }
  }
  process.exit(0);
}
