// How soon the official Control UI is usable, hosted by Torana and by its own gateway: one run, both in turn, medians.
//
// Usable means that the field for a message takes text and that the last message of the conversation is on the page,
// by the page's own clock since it was navigated to. It is measured from the start of the gateway, with both gateways
// running for a browser that has never seen the page and for one that has, and without a browser: the files and
// requests of a load asked for by a program, which leaves out what the browser does with them.

import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { GatewayClient } from "@openclaw/gateway-client";
import { PROTOCOL_VERSION } from "@openclaw/gateway-protocol/version";

import { Checks, expect, until, within } from "../lib/checks.mjs";
import { Program, binary, freePort } from "../lib/process.mjs";
import { launch } from "./browser.mjs";
import { FOLDER } from "./evidence.mjs";
import { CONTROL_UI, NODE, PROGRAM, RELEASE } from "./official.mjs";

/** Starts of each gateway; one of the official takes more than ten seconds. Odd, and enough that one slow start moves no median. */
const STARTS = 5;
/** Loads of each page by a new browser; odd, for the median. */
const ROUNDS = 5;
/** Browsers that come back to each page. */
const RETURNS = 3;
/** Loads after which V8 has kept the compiled scripts of a page, and one more that is measured. */
const VISITS = 4;
/** How long a usable page is left to itself, milliseconds. */
const SETTLE_MS = 2_000;
/** Longest wait for a gateway or a page; a slow machine is no failure. */
const WAIT_MS = 90_000;
/** Longest wait for one answer while a gateway starts, milliseconds; it is asked again. */
const ASK_MS = 5_000;
/** Connections that a browser opens to one host for HTTP/1.1. */
const CONNECTIONS = 6;
/** The secret of both gateways. */
const TOKEN = "0123456789abcdef0123456789abcdef";
/** What the model answers, the last message of the conversation; nobody else says it. */
const ANSWER = "The sentence to wait for.";

/**
 * How many times sooner Torana has to be. With both running, what is left is the browser, which parses and runs 1.5 MB of
 * compressed script for either: there we must not be later, with room for a machine that does other things.
 */
const BUDGETS = {
  "from the start of the gateway": 5,
  "both running, first visit": 0.8,
  "both running, later visit": 0.8,
  "without a browser": 3,
};

/** A gateway that can be stopped and started again in the same home. */
class Host {
  constructor(name, port, command) {
    this.name = name;
    this.port = port;
    this.home = mkdtempSync(join(tmpdir(), "torana-speed-"));
    this.command = command(this);
    /** What it refused of a load, by request. */
    this.refusals = new Map();
    process.on("exit", () => rmSync(this.home, { recursive: true, force: true }));
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it and returns when it answers. */
  async start() {
    const [path, args, environment] = this.command;
    this.program = new Program(path, args, { HOME: this.home, ...environment });
    await until(WAIT_MS, `the start of ${this.name}`, async () => {
      if (this.program.ended) throw new Error(this.program.output);
      return (await fetch(`${this.origin}/chat/main`, { signal: AbortSignal.timeout(ASK_MS) })).ok;
    });
  }

  /** Writes a file of its home. */
  write(path, value) {
    mkdirSync(dirname(join(this.home, path)), { recursive: true });
    writeFileSync(join(this.home, path), JSON.stringify(value));
  }
}

const modelPort = await freePort();
const model = new Program(binary("TORANA_FAKE_PROVIDER_BIN"), [`127.0.0.1:${modelPort}`], {});
const config = (gateway) => ({
  gateway: { auth: { mode: "token", token: TOKEN }, ...gateway },
  agents: { defaults: { model: { primary: "fake/fake-model" } } },
  models: {
    providers: { fake: { baseUrl: `http://127.0.0.1:${modelPort}/v1`, apiKey: "x", api: "openai-completions", models: [{ id: "fake-model", name: "Fake" }] } },
  },
});
const ours = new Host("Torana", await freePort(), (host) => {
  host.write("torana.json", config({ controlUi: { root: CONTROL_UI } }));
  return [binary("TORANA_BIN"), ["gateway", "run", "--port", String(host.port), "--config", join(host.home, "torana.json")], {}];
});
const theirs = new Host("its own gateway", await freePort(), (host) => {
  host.write(".openclaw/openclaw.json", config({ mode: "local", bind: "loopback", port: host.port }));
  const path = `${dirname(NODE)}:${process.env.PATH}`;
  return [NODE, [PROGRAM, "gateway", "run", "--port", String(host.port)], { PATH: path, NO_COLOR: "1" }];
});
const hosts = [ours, theirs];

/** Runs in the page before anything else: notes when it becomes usable. */
function watchUsable(words) {
  const look = () => {
    const composer = document.querySelector('textarea[aria-label="Chat composer"]');
    // Lists beside the conversation may show its words before it is there.
    const conversations = [...document.querySelectorAll(".chat-thread")];
    const isUsable = composer && !composer.disabled && conversations.some(({ innerText }) => innerText.includes(words));
    if (isUsable) globalThis.usableMs = performance.now();
    else requestAnimationFrame(look);
  };
  look();
}

/** Loads the conversation in a new tab; the milliseconds until it is usable. */
async function visit(browser, host, listen = () => {}) {
  const page = await browser.newPage();
  listen(page);
  await page.addInitScript(watchUsable, ANSWER);
  await page.goto(`${host.origin}/chat/main#token=${TOKEN}`, { waitUntil: "commit" });
  await page.waitForFunction(() => globalThis.usableMs, null, { timeout: WAIT_MS });
  const usableMs = await page.evaluate(() => globalThis.usableMs);
  // The page goes on fetching what it does not need at once, and V8 keeps compiled scripts some time after they ran.
  await page.waitForLoadState("networkidle", { timeout: SETTLE_MS }).catch(() => {});
  await page.close();
  return usableMs;
}

/** A connected client of the gateway. */
async function connect(host) {
  let greeted;
  const hello = new Promise((resolve, reject) => (greeted = { resolve, reject }));
  const client = new GatewayClient({
    url: host.origin.replace("http:", "ws:"),
    token: TOKEN,
    minProtocol: PROTOCOL_VERSION,
    maxProtocol: PROTOCOL_VERSION,
    scopes: ["operator.admin"],
    onHelloOk: greeted.resolve,
    onConnectError: greeted.reject,
  });
  client.start();
  try {
    await within(WAIT_MS, "hello-ok", hello);
  } catch (error) {
    client.stop();
    throw error;
  }
  return client;
}

/** Does something with a connected client, which goes on connecting until it is stopped. */
async function withClient(host, work) {
  const client = await connect(host);
  try {
    return await work(client);
  } finally {
    client.stop();
  }
}

/** Does something with a new browser, which keeps this process alive until it is closed. */
async function withBrowser(work) {
  const browser = await launch();
  try {
    return await work(browser);
  } finally {
    await browser.close();
  }
}

/** Has the model say its sentence, so that every load has a conversation to show. */
async function converse(host) {
  const sessionKey = "agent:main:main";
  await withClient(host, async (client) => {
    await client.request("chat.send", { sessionKey, message: "hello", idempotencyKey: randomUUID() });
    await until(WAIT_MS, "an answer", async () => {
      const { messages } = await client.request("chat.history", { sessionKey });
      return messages.some(({ role }) => role === "assistant");
    });
  });
}

/** What one load asks for: paths of files, and requests on the socket without their ids. */
async function recordLoad(host) {
  const load = { paths: [], requests: [] };
  const listen = (page) => {
    page.on("response", (response) => {
      const url = new URL(response.url());
      if (response.ok() && url.origin === host.origin) load.paths.push(url.pathname + url.search);
    });
    page.on("websocket", (socket) =>
      socket.on("framesent", ({ payload }) => {
        const { type, method, params } = JSON.parse(payload);
        if (type === "req" && method !== "connect") load.requests.push({ method, params });
      }),
    );
  };
  await withBrowser((browser) => visit(browser, host, listen));
  return load;
}

/** Fetches a file to its end; it has to be there. */
function fetchFile(agent, host, path) {
  return new Promise((resolve, reject) => {
    const headers = { "accept-encoding": "br", authorization: `Bearer ${TOKEN}` };
    get(`${host.origin}${path}`, { agent, headers, signal: AbortSignal.timeout(WAIT_MS) }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${host.name} answered ${path} with ${response.statusCode}`));
      response.on("end", resolve).on("error", reject).resume();
    }).on("error", reject);
  });
}

/** Asks one request of a load. A refusal is an answer as well: it counts for what it took, and is remembered. */
async function ask(client, host, { method, params }) {
  try {
    await client.request(method, params);
  } catch (error) {
    host.refusals.set(`${method} ${JSON.stringify(params)}`, error.message);
  }
}

/** The milliseconds in which a program is answered everything that a page asks for. */
async function replay(host, load) {
  const began = performance.now();
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  try {
    await Promise.all(load.paths.map((path) => fetchFile(agent, host, path)));
  } finally {
    agent.destroy();
  }
  return await withClient(host, async (client) => {
    await Promise.all(load.requests.map((request) => ask(client, host, request)));
    return performance.now() - began;
  });
}

const median = (values) => values.toSorted((left, right) => left - right)[values.length >> 1];

/** Measures both in turn, `rounds` times, and holds the medians against the budget. */
async function compare(checks, what, rounds, measure) {
  const taken = new Map(hosts.map((host) => [host, []]));
  await checks.check(`usable ${what}`, async () => {
    for (let round = 0; round < rounds; round += 1) {
      for (const host of hosts) taken.get(host).push(await measure(host));
    }
    const [our, their] = hosts.map((host) => median(taken.get(host)));
    const spread = (host) => taken.get(host).map((ms) => ms.toFixed(0)).join(" ");
    const times = their / our;
    console.log(`        Torana ${our.toFixed(0)} ms (${spread(ours)}), its own gateway ${their.toFixed(0)} ms (${spread(theirs)}): ${times.toFixed(1)} times`);
    results.push({ what, ours_ms: Math.round(our), theirs_ms: Math.round(their), times: Number(times.toFixed(1)), budget: BUDGETS[what] });
    expect(times >= BUDGETS[what], `${times.toFixed(2)} times sooner, ${BUDGETS[what]} are due`);
  });
}

const checks = new Checks();
const results = [];
await until(WAIT_MS, "the model", async () => {
  const script = { method: "POST", body: JSON.stringify({ text: ANSWER }), signal: AbortSignal.timeout(ASK_MS) };
  return (await fetch(`http://127.0.0.1:${modelPort}/control`, script)).ok;
});
for (const host of hosts) {
  await host.start();
  await converse(host);
}
const load = await recordLoad(ours);
console.log(`        a load is ${load.paths.length} files and ${load.requests.length} requests`);
await recordLoad(theirs);

await compare(checks, "without a browser", ROUNDS, (host) => replay(host, load));
await checks.check("nothing of a load that its own gateway answers is refused", () => {
  const refused = [...ours.refusals].filter(([request]) => !theirs.refusals.has(request));
  expect(refused.length === 0, refused.map(([request, why]) => `${request}: ${why}`).join("\n"));
});
await compare(checks, "both running, first visit", ROUNDS, (host) => withBrowser((browser) => visit(browser, host)));
await compare(checks, "both running, later visit", RETURNS, (host) =>
  withBrowser(async (browser) => {
    let usableMs;
    for (let count = 0; count < VISITS; count += 1) usableMs = await visit(browser, host);
    return usableMs;
  }),
);
await compare(checks, "from the start of the gateway", STARTS, async (host) => {
  await host.program.stop();
  return await withBrowser(async (browser) => {
    const began = performance.now();
    await host.start();
    const startMs = performance.now() - began;
    return startMs + (await visit(browser, host));
  });
});
for (const host of hosts) await host.program.stop();
await model.stop();
mkdirSync(FOLDER, { recursive: true });
writeFileSync(join(FOLDER, "openclaw-speed.json"), `${JSON.stringify({ release: RELEASE, results }, null, 1)}\n`);
checks.finish();
// Whatever a failed measurement left open must not keep the run alive.
process.exit();
