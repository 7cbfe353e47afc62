// SPDX-License-Identifier: Apache-2.0
// Starts a provider and a Governor for a file of tests, and looks at what reached the provider.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const aire = process.env.AIRE_BIN ?? join(root, "build", "aire");

export const question = "please refund order 4711";

// Nothing stays behind: neither after a failure nor when the tests hang.
const children = [];
const end = () => children.forEach((child) => child.kill("SIGKILL"));
process.on("exit", end);
setTimeout(() => {
  console.error("the tests hang");
  process.exit(1);
}, 120000).unref();

// Resolves with the address once the process says where it listens.
function launch(folder, args) {
  const child = spawn(aire, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let errors = "";
  child.stderr.on("data", (data) => (errors += data));
  const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)));
  return new Promise((resolve, reject) => {
    child.stdout.once("data", (data) => {
      const url = /listening on (http:\/\/\S+)/.exec(String(data))?.[1];
      resolve({
        url,
        log: () => errors,
        stop: () => {
          child.kill("SIGTERM");
          return ended;
        },
      });
    });
    ended.then((code) => {
      reject(new Error(`aire ${args.join(" ")} ended with ${code}: ${errors}`));
      if (code !== 0) end();
    });
  });
}

export async function until(condition, limitMs = 10000) {
  const end = Date.now() + limitMs;
  let value = await condition();
  while (!value && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    value = await condition();
  }
  return value;
}

// `config` is aire.yaml with SIM for the address of the provider.
export async function world(config) {
  const folder = mkdtempSync(join(tmpdir(), "aire-e2e-"));
  const sim = await launch(folder, ["sim", "--listen", "127.0.0.1:0"]);
  writeFileSync(join(folder, "aire.yaml"), config.replaceAll("SIM", sim.url));
  const governor = await launch(folder, [
    "serve", "--config", "aire.yaml", "--data", "data", "--listen", "127.0.0.1:0",
  ]);
  const get = async (path) => (await fetch(sim.url + path)).text();
  return {
    url: governor.url,
    state: async () => JSON.parse(await get("/sim/state")),
    last: () => get("/sim/last"),
    // What the provider does wrong from now on; nothing: it is well again.
    async fault(act, match = "") {
      const rules = act ? `version: 1\nrules:\n  - {match: {${match}}, do: {${act}}}\n` : "";
      const set = await fetch(sim.url + "/sim/script", { method: act ? "POST" : "DELETE", body: act ? rules : null });
      if (!set.ok) throw new Error(await set.text());
    },
    async stop() {
      const codes = [await governor.stop(), await sim.stop()];
      rmSync(folder, { recursive: true, force: true });
      if (codes.some((code) => code !== 0)) throw new Error(`ended with ${codes}: ${governor.log()}`);
    },
  };
}

export const config = `version: 1
providers:
  east: {dialect: openai, base_url: "SIM/east/v1"}
  west: {dialect: openai, base_url: "SIM/west/v1"}
  south: {dialect: anthropic, base_url: "SIM/south"}
  north: {dialect: anthropic, base_url: "SIM/north"}
targets:
  one: {provider: east, model: model-one}
  two: {provider: west, model: model-two}
  first: {provider: south, model: claude-first}
  second: {provider: north, model: claude-second}
routes:
  safe: {path: [one, two], retries: {backoff: 5ms}, breaker: {failures: 1000}}
  alone: {path: [one], retries: {backoff: 5ms}, breaker: {failures: 1000}}
  claude: {path: [first, second], retries: {backoff: 5ms}, breaker: {failures: 1000}}
  claude-alone: {path: [first], retries: {backoff: 5ms}, breaker: {failures: 1000}}
agents:
  paced: {rate: 1/h}
`;

// The refund agent's tools, in the form that both dialects share.
const order = { type: "object", properties: { order_id: { type: "string" } }, required: ["order_id"] };
export const tools = [
  { name: "lookup_order", description: "Look an order up", schema: order },
  {
    name: "refund_order",
    description: "Refund an order",
    schema: { ...order, properties: { ...order.properties, amount: { type: "number" } } },
  },
];
export const results = {
  lookup_order: '{"order_id":"4711","status":"delivered","amount":20}',
  refund_order: '{"order_id":"4711","refunded":20,"ok":true}',
};

export const schema = {
  type: "object",
  properties: { answer: { type: "string" }, confident: { type: "boolean" } },
  required: ["answer", "confident"],
  additionalProperties: false,
};
