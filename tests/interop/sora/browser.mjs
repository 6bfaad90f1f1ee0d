// Drives `sora-js-sdk` in a headless Chromium: commands as JSON lines in, what the SDK tells as JSON lines out.
// The first line says which program the browser is.
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

const packages = createRequire(path.join(process.cwd(), "package.json"));
const { default: puppeteer } = await import(packages.resolve("puppeteer-core"));
// It has no entry that Node.js could resolve: it is for browsers.
const sdk = path.join(process.cwd(), "node_modules", "sora-js-sdk");

const tell = (event, members) => console.log(JSON.stringify({ event, ...members }));
const lines = readline.createInterface({ input: process.stdin });

// Runs in the page.
function watch(Sora) {
  let connection;
  const text = (data) => new TextDecoder().decode(data);
  const attach = () => {
    connection.on("signaling", (told) => tell("signaling", { kind: told.type, lane: told.transportType }));
    connection.on("switched", (message) => tell("switched", { message }));
    connection.on("notify", (message, lane) => tell("notify", { message, lane }));
    connection.on("push", (message, lane) => tell("push", { message, lane }));
    connection.on("datachannel", (told) => tell("datachannel", { label: told.datachannel.label }));
    connection.on("message", (told) => tell("data", { label: told.label, text: text(told.data) }));
    connection.on("timeline", (told) => {
      if (told.type === "onopen" && told.logType === "datachannel") tell("open", { label: told.dataChannelLabel });
      if (told.type === "onclose" && told.logType === "websocket") tell("socket_closed", { told: told.data });
    });
    connection.on("disconnect", (end) => {
      tell("end", { kind: end.type, title: end.title, code: end.code ?? null, reason: end.reason ?? null });
    });
  };
  const failed = (error) => tell("failed", { code: error.code ?? null, reason: error.reason ?? null, text: `${error}` });
  const commands = {
    async connect({ urls, channel, metadata, options }) {
      connection = Sora.connection(urls, false).recvonly(channel, metadata, options);
      attach();
      await connection.connect().then(() => tell("connected", { methods: connection.rpcMethods }), failed);
    },
    async rpc({ as, method, params, options }) {
      const settled = (outcome) => tell("settled", { as, ...outcome });
      const told = (error) => settled({ error: error instanceof Error ? error.message : error });
      await connection.rpc(method, params ?? undefined, options ?? {}).then((result = null) => settled({ result }), told);
    },
    async send({ label, text: data }) {
      await connection.sendMessage(label, new TextEncoder().encode(data));
    },
    async disconnect() {
      await connection.disconnect();
      tell("disconnected", {});
    },
  };
  window.obey = (command) => {
    commands[command.do](command).catch((error) => tell("thrown", { text: `${error}` }));
  };
  tell("ready", { version: Sora.version() });
}

const page = `<!doctype html><script type="module">
import Sora from "/sora.js";
(${watch})(Sora);
</script>`;
const server = http.createServer((request, response) => {
  const script = request.url === "/sora.js";
  response.setHeader("content-type", script ? "text/javascript" : "text/html");
  response.end(script ? fs.readFileSync(path.join(sdk, "dist/sora.js")) : page);
});

let tab;
let browser;
for await (const line of lines) {
  const command = JSON.parse(line);
  if (command.do === "quit") break;
  if (tab) {
    await tab.evaluate((command) => window.obey(command), command);
    continue;
  }
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  // Its sandbox refuses the user root; containers have little shared memory, and no resolver of the names that would
  // stand in place of addresses.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  args.push("--disable-features=WebRtcHideLocalIpsWithMdns");
  // The pipe ends with this process, and the browser with the pipe.
  browser = await puppeteer.launch({ executablePath: command.browser, headless: true, pipe: true, args });
  tab = await browser.newPage();
  tab.on("pageerror", (error) => tell("thrown", { text: `${error}` }));
  await tab.exposeFunction("tell", tell);
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
}
await browser?.close();
server.close();
tell("gone", {});
process.exit();
