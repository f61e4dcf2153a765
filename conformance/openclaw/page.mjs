// The Control UI of the official package, unchanged, hosted by Torana (`gateway.controlUi.root`), in headless Chromium:
// signing in, a streamed answer, a reload, every page it links to, and then its use: `page-*.mjs` say what a person does
// there. How soon it is usable is measured in `speed.mjs`.
//
// `REFERENCE=1` with `REFERENCE_URL`, `REFERENCE_TOKEN` and `REFERENCE_MODEL` (the address of its model) does the same at
// the official gateway.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { Checks, expect, until } from "../lib/checks.mjs";
import { Program, binary, freePort, startGateway } from "../lib/process.mjs";
import { launch } from "./browser.mjs";
import { connect } from "./client.mjs";
import { COMPOSER, Desk, SHOTS, WAIT_MS } from "./desk.mjs";
import { Evidence } from "./evidence.mjs";
import { expectValidFrames } from "./frames.mjs";
import { CONTROL_UI, RELEASE } from "./official.mjs";
import { driveApprovals } from "./page-approvals.mjs";
import { driveChat } from "./page-chat.mjs";
import { driveConnection } from "./page-connection.mjs";
import { driveSessions } from "./page-sessions.mjs";
import { driveSettings } from "./page-settings.mjs";
import { stopInOrder } from "./stage.mjs";
import { Watch } from "./watch.mjs";

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
mkdirSync(SHOTS, { recursive: true });

async function open(browser, url) {
  const page = await browser.newPage();
  const watch = new Watch(page);
  await page.goto(url);
  await page.waitForSelector(COMPOSER, { timeout: WAIT_MS });
  return { page, watch };
}

/** A program of ours on a free port, and its address. */
async function server(variable, args) {
  const port = await freePort();
  const program = new Program(binary(variable), args(port), {});
  const url = `http://127.0.0.1:${port}`;
  await until(30_000, variable, () => fetch(url));
  return { program, url };
}

/** The gateway with everything behind it; the page lets nobody write before a model is configured. */
async function startOurs() {
  const model = await server("TORANA_FAKE_PROVIDER_BIN", (port) => [`127.0.0.1:${port}`]);
  const telegram = await server("TORANA_FAKE_TELEGRAM_BIN", (port) => ["--port", String(port)]);
  const models = [{ id: "fake-model", name: "Fake" }, { id: "other-model", name: "Other" }];
  const gateway = await startGateway({
    agents: { defaults: { model: { primary: "fake/fake-model" } } },
    models: { providers: { fake: { baseUrl: `${model.url}/v1`, models } } },
    channels: { telegram: { botToken: "1:a", apiRoot: telegram.url } },
    gateway: { controlUi: { root: CONTROL_UI } },
  });
  return { gateway, modelUrl: model.url, telegramUrl: telegram.url, programs: [model.program, telegram.program] };
}

/** The official gateway, which is running already. */
function reference() {
  const { REFERENCE_URL: url, REFERENCE_TOKEN: token, REFERENCE_MODEL: modelUrl } = process.env;
  return { gateway: { url, token }, modelUrl, programs: [] };
}

const isOurs = process.env.REFERENCE !== "1";
const { gateway, modelUrl, telegramUrl, programs } = isOurs ? await startOurs() : reference();
const origin = gateway.url.replace("ws:", "http:");
const browser = await launch();
let opened;

async function step(name, work) {
  if (await checks.check(name, work)) evidence.add(`Control UI: ${name}`);
  else await opened?.page.screenshot({ path: join(SHOTS, `failed ${name.replaceAll("/", "-")}.png`) });
}

await step("it signs in with the token in the address", async () => {
  opened = await open(browser, `${origin}/chat/main#token=${gateway.token}`);
  expect(!opened.page.url().includes(gateway.token), "the token stays in the address");
  await opened.page.screenshot({ path: join(SHOTS, "chat.png") });
});
if (opened) {
  const { page, watch } = opened;
  const client = await connect(gateway, ["operator.admin"]);
  const watches = [watch];
  const desk = new Desk({ page, watches, browser, origin, gateway, client, step, modelUrl, telegramUrl });
  await step("its load sequence is answered without an error", async () => {
    await until(WAIT_MS, "the end of the load sequence", () => watch.frames.some(({ text: frame }) => frame.includes('"messages"')));
    const refused = [...watch.refused].map(([method, message]) => `${method}: ${message}`);
    expect(refused.length === 0, refused.join("\n"));
  });
  await step("a message is answered and streams", async () => {
    await desk.say(WORDS);
    await until(WAIT_MS, "the answer", async () => ANSWER.test(await desk.text()));
    await desk.shot("answer");
    expect(watch.frames.some(({ text: frame }) => frame.includes('"state":"delta"')), "no delta came");
  });
  await step("the answer is still there after a reload", async () => {
    await page.reload();
    await page.waitForSelector(COMPOSER, { timeout: WAIT_MS });
    await until(WAIT_MS, "the old answer", async () => ANSWER.test(await desk.text()));
  });
  for (const [path, word] of PAGES) {
    await step(`the page ${path} opens`, async () => {
      await page.goto(`${origin}${path}`);
      await until(WAIT_MS, `the page ${path}`, async () => word.test(await desk.text()));
      await page.screenshot({ path: join(SHOTS, `${path.slice(1).replaceAll("/", "-")}.png`) });
    });
  }
  await driveChat(desk);
  await driveSessions(desk);
  await driveSettings(desk);
  await driveApprovals(desk);
  await driveConnection(desk);
  client.stop();
  await step("no page threw an error", async () => {
    const complaints = watches.flatMap(({ complaints: ones }) => ones);
    expect(complaints.length === 0, complaints.slice(0, 10).join("\n"));
  });
  evidence.frames(watch);
  await checks.check("every frame is valid by the published schema", async () => watches.forEach(expectValidFrames));
  if (watch.refused.size > 0) console.log(`        refused: ${[...watch.refused].map(([method, why]) => `${method} (${why})`).join(", ")}`);
}
await browser.close();
if (isOurs) {
  await stopInOrder(checks, gateway);
  evidence.write(RELEASE);
}
for (const program of programs) await program.stop();
checks.finish();
