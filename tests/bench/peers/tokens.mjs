// Nanoseconds of CPU time that npm `opentok` takes per client token: one line for each form. The working
// directory is where the package is; the arguments are the API key, the secret, the session and the data.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const OpenTok = createRequire(join(process.cwd(), 'peer.js'))('opentok');
const [key, secret, session, data] = process.argv.slice(2);
const sdk = new OpenTok(key, secret);

for (const [form, t1, count] of [['JWT', false, 2000], ['T1', true, 20000]]) {
  const make = () => sdk.generateToken(session, { role: 'moderator', data }, t1);
  for (let i = 0; i < count / 4; i += 1) make();
  const begun = process.cpuUsage();
  for (let i = 0; i < count; i += 1) make();
  const { user, system } = process.cpuUsage(begun);
  console.log(form, ((user + system) * 1000) / count);
}
