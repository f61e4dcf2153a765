// The official terminal interface against Torana, in a pseudo-terminal: what a person does with it in a day, from the
// first answer over models, sessions and approvals to a gateway that restarts under it.

import { randomUUID } from "node:crypto";

import { expect, within } from "../lib/checks.mjs";
import { startModel } from "../lib/model.mjs";
import { connect } from "./approvals.mjs";
import { NODE, Official, PROGRAM } from "./official.mjs";
import { Stage } from "./stage.mjs";
import { Terminal } from "./terminal.mjs";

/** Node and the interface need a few seconds to start on a busy machine. */
const START_MS = 60_000;
const ANSWER_MS = 30_000;
/** The interface tries again after at most this, and the gateway has to start. */
const RESTART_MS = 60_000;
/** What stands above every list. */
const LIST = /(?:search|filter):/i;
/** Decisions as keys: refusing is preselected, the last of three. */
const DENY = "\r";
const ALLOW_ONCE = "\u001b[A\u001b[A\r";
/** How long an approval waits for the person. */
const OPEN_MS = 120_000;

const model = await startModel([{ id: "fake-model" }, { id: "second", name: "Second", reasoning: true }]);
const stage = await Stage.open("tui", model.config);
const official = new Official(stage.gateway);
const terminal = new Terminal(
  NODE,
  [PROGRAM, "tui", "--url", stage.gateway.url, "--token", stage.gateway.token],
  official.environment,
  official.home,
);

/** Opens a list, finds a row in it, and closes it; Esc and the next key must not be read as one. */
async function look(line, row) {
  await terminal.say(line);
  await terminal.sees(ANSWER_MS, "the list", (text) => LIST.test(text) && row.test(text));
  terminal.mark();
  terminal.type("\u001b");
  await terminal.sees(ANSWER_MS, "the screen without the list", () => terminal.hasPrinted);
}

/** Says something; the model's answer is given. */
async function talk(line, answer) {
  await model.script({ text: answer });
  await terminal.say(line);
  await terminal.sees(ANSWER_MS, `the answer ${answer}`, (text) => text.includes(answer));
}

/** Gives a command and waits for its result. */
async function command(line, what, pattern) {
  await terminal.say(line);
  await terminal.sees(ANSWER_MS, what, (text) => pattern.test(text));
}

/** A plugin asks in the session on the screen, the person presses these keys; the decision that reaches the plugin. */
async function approve(keys) {
  const title = `Write a note, ${randomUUID().slice(0, 8)}`;
  const asker = await connect(stage.gateway);
  try {
    terminal.mark();
    const session = { agentId: "main", sessionKey: "agent:main:main" };
    const asked = { ...session, title, description: "Writes one line.", toolName: "notes", twoPhase: true, timeoutMs: OPEN_MS };
    const { id } = await asker.request("plugin.approval.request", asked);
    await terminal.sees(ANSWER_MS, "the approval", (text) => text.includes(title) && /Deny/.test(text));
    terminal.type(keys);
    return (await asker.request("plugin.approval.waitDecision", { id }, { timeoutMs: OPEN_MS })).decision;
  } finally {
    asker.stop();
  }
}

const step = (name, work) => stage.step(`TUI: ${name}`, work);

await step("it connects to the main session", async () => {
  await terminal.sees(START_MS, "the connected state", (text) => /gateway connected|connected \| idle|connected/i.test(text) && /main/.test(text));
});
await step("a message is answered", async () => await talk("Hello, who are you?", "Somebody at your service."));
await step("answers that come at once leave it ready for the next", async () => {
  for (const number of ["one", "two", "three", "four"]) await talk(`Count: ${number}`, `That was ${number}.`);
});
await step("/status shows the gateway", async () => await command("/gateway-status", "the gateway's state", /Gateway status\s[^]*sessions: \d/i));
await step("/usage cost is answered by the gateway", async () => await command("/usage cost", "what was used", /\btoday\b.*\d/i));
await step("/models chooses a model", async () => {
  await command("/models", "the list", /fake\/second/);
  terminal.mark();
  terminal.type("second");
  await terminal.sees(ANSWER_MS, "the narrowed list", (text) => /→ .*second/.test(text));
  terminal.type("\r");
  await terminal.sees(ANSWER_MS, "the choice", (text) => /model set to fake\/second/.test(text));
});
await step("/think sets how hard the model thinks", async () => {
  await command("/think high", "the new level", /thinking set to high/);
  await talk("And now?", "With more thought.");
});
await step("Esc stops the answer", async () => {
  await model.script({ then: "stall:1", chunks: 2, text: "Once upon a time, and so on." });
  await terminal.say("Tell me a story");
  await terminal.sees(ANSWER_MS, "the beginning", (text) => /Once upon/.test(text));
  terminal.mark();
  terminal.type("\u001b");
  await terminal.sees(ANSWER_MS, "the end of the run", (text) => /run aborted/.test(text));
});
await step("approvals of plugins are shown and decided", async () => {
  for (const [keys, decision] of [[DENY, "deny"], [ALLOW_ONCE, "allow-once"]]) {
    const decided = await approve(keys);
    expect(decided === decision, `${decision} reaches the plugin as ${decided}`);
  }
});
await step("/sessions lists the session", async () => await look("/sessions", /→ .*\(main\)/));
await step("/session shows another session and its history", async () => {
  await command("/session notes", "the empty session", /session agent:main:notes/);
  await talk("Remember the milk", "Noted: milk.");
  await command("/session main", "what was said before", /session agent:main:main[^]*That was four\.[^]*Once upon/);
  await command("/session notes", "the other conversation", /session agent:main:notes[^]*Noted: milk/);
});
await step("/agents lists the agent", async () => await look("/agents", /→ main/));
if (stage.own) {
  await step("it goes on when the gateway was restarted", async () => {
    terminal.mark();
    await stage.restart();
    await terminal.sees(RESTART_MS, "the new connection", (text) => /gateway reconnected/.test(text));
    await talk("Still there?", "I was away for a moment.");
  });
}
await step("/new starts afresh", async () => await command("/new", "the new session", /new session: agent:main:/));
await step("a second message is answered in the new session", async () => await talk("What can you do?", "Very much."));
await step("/exit leaves", async () => {
  await terminal.say("/exit");
  await within(30_000, "the end of the program", terminal.ended);
});

terminal.end();
await stage.close();
await model.stop();
