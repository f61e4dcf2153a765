// The official terminal interface against Torana, in a pseudo-terminal: it connects, streams an answer, lists
// sessions and agents, starts a new one and leaves in order.

import { within } from "../lib/checks.mjs";
import { NODE, Official, PROGRAM } from "./official.mjs";
import { Stage } from "./stage.mjs";
import { Terminal } from "./terminal.mjs";

/** Node and the interface need a few seconds to start on a busy machine. */
const START_MS = 45_000;
const ANSWER_MS = 20_000;

const stage = await Stage.open("tui");
const official = new Official(stage.gateway);
const terminal = new Terminal(
  NODE,
  [PROGRAM, "tui", "--url", stage.gateway.url, "--token", stage.gateway.token],
  official.environment,
  official.home,
);

/** Closes a list and waits until the interface has drawn itself again. */
async function close() {
  terminal.mark();
  terminal.type("\u001b");
  await terminal.sees(5_000, "the screen without the list", (text) => /idle|connected/.test(text));
}

const step = (name, work) => stage.step(`TUI: ${name}`, work);

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

await stage.close();
