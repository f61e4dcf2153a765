// The Control UI of the official package, unchanged, hosted by Torana (`gateway.controlUi.root`), in headless Chromium:
// signing in, a streamed answer, a reload, and every page it links to. How soon it is usable is measured in `speed.mjs`.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { Checks, expect, until } from "../lib/checks.mjs";
import { Program, binary, freePort, startGateway } from "../lib/process.mjs";
import { launch } from "./browser.mjs";
import { Evidence, FOLDER } from "./evidence.mjs";
import { expectValidFrames } from "./frames.mjs";
import { CONTROL_UI, RELEASE } from "./official.mjs";
import { stopInOrder } from "./stage.mjs";

/** Longest wait for anything visible; a slow machine is no failure. */
const WAIT_MS = 30_000;
const COMPOSER = 'textarea[aria-label="Chat composer"]';

/** Pages the navigation links to, and a word that stands on each when it works. */
const PAGES = [
  ["/settings/connection", /gateway/i],
  ["/settings/channels", /channels/i],
  ["/settings/devices", /devices/i],
  ["/settings/agents", /agents/i],
  ["/settings/model-providers", /models/i],
  ["/settings/skills", /skills/i],
  ["/settings/approvals", /approvals/i],
  ["/settings/secrets", /secrets/i],
  ["/settings/security", /security/i],
  ["/settings/advanced", /advanced/i],
  ["/settings/about", /about/i],
  ["/debug", /debug/i],
  ["/logs", /logs/i],
  ["/agents", /agents/i],
  ["/automations", /automations/i],
  ["/plugins", /plugins/i],
];

/** What is said; the fake model says it back, so an answered page shows it twice. */
const WORDS = "Hello, who are you?";
const ANSWER = /Hello, who are you\?[^]*Hello, who are you\?/;

const checks = new Checks();
const evidence = new Evidence("control-ui");
const shots = join(FOLDER, "control-ui");
mkdirSync(shots, { recursive: true });

/** What a page said on its sockets, and everything that must not happen. */
class Watch {
  frames = [];
  requests = [];
  refused = new Map();
  complaints = [];
  #methods = new Map();

  constructor(page) {
    page.on("pageerror", (error) => this.complaints.push(error.message));
    let sockets = 0;
    page.on("websocket", (socket) => {
      const connection = (sockets += 1);
      socket.on("framesent", ({ payload }) => this.#sent(payload, connection));
      socket.on("framereceived", ({ payload }) => this.#received(payload, connection));
    });
  }

  methodOf = (id) => this.#methods.get(id);

  #sent(payload, connection) {
    const frame = JSON.parse(payload);
    if (frame.type !== "req") return;
    this.#methods.set(frame.id, frame.method);
    this.requests.push({ connection, frame });
  }

  #received(payload, connection) {
    const text = String(payload);
    this.frames.push({ text, isBinary: false, connection });
    const frame = JSON.parse(text);
    if (frame.type === "res" && !frame.ok) this.refused.set(this.methodOf(frame.id), frame.error?.message);
  }
}

async function open(browser, url) {
  const page = await browser.newPage();
  const watch = new Watch(page);
  await page.goto(url);
  await page.waitForSelector(COMPOSER, { timeout: WAIT_MS });
  return { page, watch };
}

const text = (page) => page.evaluate(() => document.body.innerText);

async function say(page, words) {
  await page.fill(COMPOSER, words);
  await page.press(COMPOSER, "Enter");
}

// The page lets nobody write before a model is configured.
const modelPort = await freePort();
const model = new Program(binary("TORANA_FAKE_PROVIDER_BIN"), [`127.0.0.1:${modelPort}`], {});
const modelUrl = `http://127.0.0.1:${modelPort}`;
await until(10_000, "the fake model server", async () => (await fetch(`${modelUrl}/v1/models`)).ok);
const gateway = await startGateway({
  agents: { defaults: { model: { primary: "fake/fake-model" } } },
  models: { providers: { fake: { baseUrl: `${modelUrl}/v1`, models: [{ id: "fake-model" }] } } },
  gateway: { controlUi: { root: CONTROL_UI } },
});
const origin = gateway.url.replace("ws:", "http:");
const browser = await launch();
let opened;

async function step(name, work) {
  if (await checks.check(name, work)) evidence.add(`Control UI: ${name}`);
}

await step("it signs in with the token in the address", async () => {
  opened = await open(browser, `${origin}/chat/main#token=${gateway.token}`);
  expect(!opened.page.url().includes(gateway.token), "the token stays in the address");
  await opened.page.screenshot({ path: join(shots, "chat.png") });
});
if (opened) {
  const { page, watch } = opened;
  await step("its load sequence is answered without an error", async () => {
    await until(WAIT_MS, "the end of the load sequence", () => watch.frames.some(({ text: frame }) => frame.includes('"messages"')));
    const refused = [...watch.refused].map(([method, message]) => `${method}: ${message}`);
    expect(refused.length === 0, refused.join("\n"));
  });
  await step("a message is answered and streams", async () => {
    await say(page, WORDS);
    await until(WAIT_MS, "the answer", async () => ANSWER.test(await text(page)));
    await page.screenshot({ path: join(shots, "answer.png") });
    expect(watch.frames.some(({ text: frame }) => frame.includes('"state":"delta"')), "no delta came");
  });
  await step("the answer is still there after a reload", async () => {
    await page.reload();
    await page.waitForSelector(COMPOSER, { timeout: WAIT_MS });
    await until(WAIT_MS, "the old answer", async () => ANSWER.test(await text(page)));
  });
  for (const [path, word] of PAGES) {
    await step(`the page ${path} opens`, async () => {
      await page.goto(`${origin}${path}`);
      await until(WAIT_MS, `the page ${path}`, async () => word.test(await text(page)));
      await page.screenshot({ path: join(shots, `${path.slice(1).replaceAll("/", "-")}.png`) });
    });
  }
  await step("no page threw an error", async () => {
    expect(watch.complaints.length === 0, watch.complaints.slice(0, 10).join("\n"));
  });
  evidence.frames(watch);
  await checks.check("every frame is valid by the published schema", async () => expectValidFrames(watch));
  if (watch.refused.size > 0) console.log(`        refused: ${[...watch.refused.keys()].join(", ")}`);
}
await browser.close();
await model.stop();
await stopInOrder(checks, gateway);
evidence.write(RELEASE);
checks.finish();
