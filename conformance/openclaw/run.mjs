// The published OpenClaw client against Torana in an empty home: it connects, chats with the demo agent and lists
// sessions, and every frame it is sent is valid by the published schema.

import { randomUUID } from "node:crypto";

import { GatewayClient } from "@openclaw/gateway-client";
import { PROTOCOL_VERSION } from "@openclaw/gateway-protocol/version";

import { Checks, expect, within } from "../lib/checks.mjs";
import { startGateway } from "../lib/process.mjs";
import { expectValidFrames } from "./frames.mjs";
import { record } from "./recorder.mjs";
import { EXTRA_METHODS, isMethod } from "./schema.mjs";
import { stopInOrder } from "./stage.mjs";

const SESSION_KEY = "agent:main:main";

const checks = new Checks();
const gateway = await startGateway();
const recorder = await record(gateway.url);
const listeners = new Set();
let hello;
let gaps = 0;

const client = new GatewayClient({
  url: recorder.url,
  token: gateway.token,
  minProtocol: PROTOCOL_VERSION,
  maxProtocol: PROTOCOL_VERSION,
  scopes: ["operator.read", "operator.write"],
  onHelloOk: (value) => listeners.forEach((listen) => listen({ hello: value })),
  onConnectError: (error) => listeners.forEach((listen) => listen({ error })),
  onEvent: (event) => listeners.forEach((listen) => listen({ event })),
  onGap: () => (gaps += 1),
});

/** The first thing that happens for which `pick` returns something. */
function next(ms, what, pick) {
  let listen;
  const happened = new Promise((resolve, reject) => {
    listen = (happening) => {
      if (happening.error) reject(happening.error);
      const picked = pick(happening);
      if (picked) resolve(picked);
    };
    listeners.add(listen);
  });
  return within(ms, what, happened).finally(() => listeners.delete(listen));
}

const connected = await checks.check("the client connects with the generated token", async () => {
  const greeted = next(30_000, "hello-ok", ({ hello }) => hello);
  client.start();
  hello = await greeted;
  expect(hello.protocol === PROTOCOL_VERSION, `protocol is ${hello.protocol}`);
});

if (connected) {
  await checks.check("health answers", async () => {
    const health = await client.request("health", {});
    expect(health.ok === true, `health is ${JSON.stringify(health).slice(0, 200)}`);
  });

  await checks.check("every method the hello names is known to the protocol or is our own", async () => {
    const strange = hello.features.methods.filter(
      (name) => !isMethod(name) && !EXTRA_METHODS.includes(name) && !name.startsWith("torana."),
    );
    expect(strange.length === 0, `unknown: ${strange.join(", ")}`);
  });

  await checks.check("a message is answered and the answer streams", async () => {
    const runId = randomUUID();
    let deltas = 0;
    const settled = next(30_000, "the final event", ({ event }) => {
      if (event?.event !== "chat" || event.payload.runId !== runId) return null;
      if (event.payload.state === "delta") deltas += 1;
      return ["final", "error", "aborted"].includes(event.payload.state) ? event.payload : null;
    });
    const started = await client.request("chat.send", {
      sessionKey: SESSION_KEY,
      message: "Hello, who are you?",
      idempotencyKey: runId,
    });
    expect(started.runId === runId, `runId is ${started.runId}`);
    const final = await settled;
    expect(final.state === "final", `the run ended as ${final.state}`);
    expect(JSON.stringify(final.message ?? "").length > 20, "the final event has no message");
    expect(deltas > 0, "no delta came before the final event");
    const again = await client.request("chat.send", {
      sessionKey: SESSION_KEY,
      message: "Hello, who are you?",
      idempotencyKey: runId,
    });
    expect(again.status === "ok", `a repeat answers ${again.status}`);
  });

  await checks.check("the conversation is in the history, once", async () => {
    const history = await client.request("chat.history", { sessionKey: SESSION_KEY });
    const roles = history.messages.map((message) => message.role);
    expect(roles.join() === "user,assistant", `roles are ${roles.join()}`);
  });

  await checks.check("the session is listed", async () => {
    const list = await client.request("sessions.list", {});
    const keys = list.sessions.map((session) => session.key);
    expect(keys.includes(SESSION_KEY), `sessions are ${keys.join(", ")}`);
  });

  await checks.check("an unknown method is refused in the protocol's own words", async () => {
    const refusal = await client.request("no.such.method", {}).then(
      () => null,
      (error) => error,
    );
    expect(refusal, "it was accepted");
  });
}

client.stop();
await stopInOrder(checks, gateway);
recorder.close();

await checks.check("every frame is valid by the published schema", async () => expectValidFrames(recorder));

await checks.check("sequence numbers have no gap", async () => {
  expect(gaps === 0, `the client saw ${gaps} gaps`);
});

checks.finish();
