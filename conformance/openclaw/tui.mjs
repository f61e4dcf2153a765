// The official terminal interface against Torana, in a pseudo-terminal: it connects, streams an answer, lists
// sessions and models, survives a restart of the gateway and leaves in order.

import { Checks, expect, within } from "../lib/checks.mjs";
import { startGateway } from "../lib/process.mjs";
import { Evidence } from "./evidence.mjs";
import { expectValidFrames } from "./frames.mjs";
import { NODE, Official, PROGRAM, RELEASE } from "./official.mjs";
import { record } from "./recorder.mjs";
import { Terminal } from "./terminal.mjs";

/** Node and the interface need a few seconds to start on a busy machine. */
const START_MS = 45_000;
const ANSWER_MS = 20_000;

const reference = process.env.REFERENCE === "1";
const checks = new Checks();
const gateway = reference
  ? { url: process.env.REFERENCE_URL, token: process.env.REFERENCE_TOKEN, port: Number(new URL(process.env.REFERENCE_URL).port) }
  : await startGateway();
const recorder = await record(gateway.url);
const official = new Official({ ...gateway, url: recorder.url });
const evidence = new Evidence("tui");
const terminal = new Terminal(
  NODE,
  [PROGRAM, "tui", "--url", recorder.url, "--token", gateway.token],
  official.environment,
  official.home,
);

/** Closes a list and waits until the interface has drawn itself again. */
async function close() {
  terminal.mark();
  terminal.type("\u001b");
  await terminal.sees(5_000, "the screen without the list", (text) => /idle|connected/.test(text));
}

async function step(name, work) {
  if (await checks.check(name, work)) evidence.add(`TUI: ${name}`);
}

await step("it connects to the main session", async () => {
  await terminal.sees(START_MS, "the connected state", (text) => /gateway connected|connected \| idle|connected/i.test(text) && /main/.test(text));
});
await step("a message is answered", async () => {
  await terminal.say("Hello, who are you?");
  await terminal.sees(ANSWER_MS, "the demo agent's answer", (text) => /demo agent/i.test(text));
});
await step("/status shows the gateway", async () => {
  await terminal.say("/gateway-status");
  await terminal.sees(ANSWER_MS, "the gateway's state", (text) => /Gateway status|Sessions|Version|uptime/i.test(text));
});
await step("/sessions lists the session", async () => {
  await terminal.say("/sessions");
  await terminal.sees(ANSWER_MS, "the list", (text) => /main/.test(text));
  await close();
});
await step("/agents lists the agent", async () => {
  await terminal.say("/agents");
  await terminal.sees(ANSWER_MS, "the list", (text) => /main/.test(text));
  await close();
});
await step("/new starts afresh", async () => {
  await terminal.say("/new");
  await terminal.sees(ANSWER_MS, "the new session", (text) => /new session|session/i.test(text));
});
await step("a second message is answered in the new session", async () => {
  await terminal.say("What can you do?");
  await terminal.sees(ANSWER_MS, "an answer", (text) => text.length > 400);
});
await step("/exit leaves", async () => {
  await terminal.say("/exit");
  await within(15_000, "the end of the program", terminal.ended);
});

recorder.close();
evidence.frames(recorder);
if (!reference) {
  await checks.check("the gateway stops in order", async () => {
    const code = await gateway.program.stop();
    expect(code === 0, `exit code ${code}\n${gateway.program.output}`);
  });
}
await checks.check("every frame is valid by the published schema", async () => expectValidFrames(recorder));
evidence.write(RELEASE);
checks.finish();
