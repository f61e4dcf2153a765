#!/usr/bin/env node
// A small stand-in for the gateway, for work on the page and for its browser tests: serves `dist/`
// with the real headers, checks the handshake for real (signature included), and has a demo agent
// whose accepted turns survive SIGKILL. It stands in for the binary: same environment, same printed link.
//
// Environment: TORANA_GATEWAY_PORT, HOME (state), MOCK_REFUSE (pairing | limited | origin | starting),
// MOCK_BASE (base path), MOCK_FIXTURE=rich|many|hostile, MOCK_DEMO=0 (a model is configured),
// MOCK_LATE_HISTORY=1 (questions appear in the history with their answers).
// POST /__mock/<drop|gap|silent|allow|revoke|ask|ask-padded|settle> steers it from a test.
import { createHash, createHmac, createPublicKey, randomBytes, randomUUID, verify } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { homedir } from "node:os";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";
import { PADDED, answerFor, asksFixture, hostileFixture, manyFixture, richFixture } from "./mock-content.mjs";

const DIST = join(import.meta.dirname, "..", "dist");
const PORT = Number(process.env.TORANA_GATEWAY_PORT ?? 18789);
const BASE = process.env.MOCK_BASE ?? "/";
const STATE_DIR = join(process.env.HOME ?? homedir(), ".torana-mock");
const STATE_FILE = join(STATE_DIR, "state.json");
const MAIN = "agent:main:main";
const SECRET = "mock-secret";
const TICK_MS = Number(process.env.MOCK_TICK_MS ?? 30_000);
const METHODS = [
  "health", "status", "chat.send", "chat.abort", "chat.history", "sessions.list", "sessions.subscribe",
  "sessions.messages.subscribe", "sessions.messages.unsubscribe", "sessions.patch", "sessions.reset", "sessions.recover", "sessions.delete",
  "channels.status", "channels.pairing.list", "channels.pairing.approve", "channels.pairing.deny",
  "device.pair.list", "device.pair.approve", "device.pair.reject", "models.list", "torana.setup.offers",
  "commands.list", "exec.approval.list", "plugin.approval.list", "approval.resolve", "question.list", "question.resolve",
];

// ——— state that survives a kill ———

const state = load();
function load() {
  mkdirSync(STATE_DIR, { recursive: true });
  if (existsSync(STATE_FILE)) return JSON.parse(readFileSync(STATE_FILE, "utf8"));
  const fixtures = { rich: richFixture, many: manyFixture, hostile: hostileFixture };
  const fixture = { sessions: {}, channels: undefined, pairings: [], devices: [], approvals: [], questions: [], ...fixtures[process.env.MOCK_FIXTURE]?.() };
  return { installKey: randomBytes(32).toString("hex"), generation: 1, turns: {}, ...fixture };
}
function save() {
  writeFileSync(`${STATE_FILE}.new`, JSON.stringify(state));
  renameSync(`${STATE_FILE}.new`, STATE_FILE);
}
const session = (key) =>
  (state.sessions[key] ??= { key, sessionId: randomUUID(), messages: [], updatedAt: Date.now(), seq: 0 });
const logins = new Set();
let refuse = process.env.MOCK_REFUSE ?? "";
let silent = false;
const startedAt = Date.now();
const clients = new Set();
const runs = new Map();

function newLogin() {
  const code = randomBytes(24).toString("base64url");
  logins.add(code);
  return code;
}
const deviceToken = (deviceId) => createHmac("sha256", state.installKey).update(`${deviceId}|${state.generation}`).digest("base64url");

// ——— http ———

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
const server = createServer((request, response) => {
  const url = new URL(request.url, "http://x");
  if (url.pathname.startsWith("/__mock/")) return steer(url.pathname.slice(8), response);
  if (url.pathname === "/health") return void response.setHeader("content-type", "application/json").end('{"ok":true,"status":"live"}');
  if (!url.pathname.startsWith(BASE)) return void response.writeHead(404).end();
  const inside = normalize(url.pathname.slice(BASE.length)).replace(/^(\.\.[/\\])+|^[/\\]+/, "");
  const name = extname(inside) === "" ? "index.html" : inside;
  const file = join(DIST, name);
  if (!existsSync(file)) return void response.writeHead(404).end("Not Found");
  response.setHeader("content-type", TYPES[extname(name)] ?? "application/octet-stream");
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("cache-control", name === "index.html" ? "no-cache" : "public, max-age=31536000, immutable");
  if (name === "index.html") {
    const host = request.headers.host;
    response.setHeader(
      "content-security-policy",
      `default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self' ws://${host}; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'`,
    );
  }
  if (/\bbr\b/.test(request.headers["accept-encoding"] ?? "") && existsSync(`${file}.br`)) {
    response.setHeader("content-encoding", "br").end(readFileSync(`${file}.br`));
  } else if (/\bgzip\b/.test(request.headers["accept-encoding"] ?? "") && existsSync(`${file}.gz`)) {
    response.setHeader("content-encoding", "gzip").end(readFileSync(`${file}.gz`));
  } else {
    response.end(readFileSync(file));
  }
});

function steer(action, response) {
  if (action === "drop") for (const client of clients) client.socket.terminate();
  if (action === "gap") for (const client of clients) client.seq += 3;
  if (action === "silent") silent = !silent;
  if (action === "allow") refuse = "";
  if (action === "login") return void response.end(newLogin());
  if (action === "ask" || action === "ask-padded") {
    Object.assign(state, asksFixture(action === "ask" ? undefined : PADDED));
    for (const approval of state.approvals) broadcast("exec.approval.requested", approval);
    for (const question of state.questions) broadcast("question.requested", question);
  }
  if (action === "settle") for (const { id } of [...state.approvals, ...state.questions]) settle(id);
  if (action === "revoke") {
    state.generation += 1;
    save();
    for (const client of clients) client.socket.close(4001, "gateway auth changed");
  }
  response.end("ok");
}

// ——— sockets ———

const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on("connection", (socket, request) => {
  const client = { socket, nonce: randomBytes(32).toString("base64url"), ts: Date.now(), seq: 0, ready: false, subscribed: new Set(), origin: request.headers.origin };
  send(client, { type: "event", event: "connect.challenge", payload: { nonce: client.nonce, ts: client.ts } });
  socket.on("message", (data) => receive(client, JSON.parse(String(data))));
  socket.on("close", () => clients.delete(client));
  socket.on("error", () => undefined);
});
setInterval(() => broadcast("tick", { ts: Date.now() }), TICK_MS).unref();

function send(client, frame) {
  if (!silent && client.socket.readyState === 1) client.socket.send(JSON.stringify(frame));
}
function broadcast(event, payload) {
  for (const client of clients) send(client, { type: "event", event, payload, seq: ++client.seq });
}

class Refusal extends Error {
  constructor(code, message, details, extra = {}) {
    super(message);
    this.wire = { code, message, ...(details === undefined ? {} : { details }), ...extra };
  }
}

async function receive(client, frame) {
  try {
    const payload = client.ready ? await METHOD[frame.method]?.(frame.params ?? {}, client) : connect(client, frame);
    if (payload === undefined) throw new Refusal("INVALID_REQUEST", `unknown method: ${frame.method}`);
    send(client, { type: "res", id: frame.id, ok: true, payload });
    if (!client.ready) {
      client.ready = true;
      clients.add(client);
    }
  } catch (error) {
    const wire = error.wire ?? { code: "UNAVAILABLE", message: String(error) };
    send(client, { type: "res", id: frame.id, ok: false, error: wire });
    if (!client.ready) client.socket.close(1008, wire.message.slice(0, 120));
  }
}

function unauthorized(code, authReason, message, extra) {
  return new Refusal("INVALID_REQUEST", `unauthorized: ${message}`, { code, authReason, canRetryWithDeviceToken: false, recommendedNextStep: "x" }, extra);
}

function connect(client, { method, params }) {
  if (method !== "connect") throw new Refusal("INVALID_REQUEST", "invalid handshake: first request must be connect");
  const { device, auth = {} } = params;
  const raw = Buffer.from(device.publicKey, "base64url");
  if (createHash("sha256").update(raw).digest("hex") !== device.id) throw new Refusal("INVALID_REQUEST", "device identity mismatch", { code: "DEVICE_AUTH_DEVICE_ID_MISMATCH" });
  const token = auth.token ?? auth.deviceToken ?? auth.bootstrapToken ?? "";
  const text = ["v3", device.id, params.client.id, params.client.mode, params.role, params.scopes.join(","), device.signedAt, token, client.nonce, (params.client.platform ?? "").trim().toLowerCase(), (params.client.deviceFamily ?? "").trim().toLowerCase()].join("|");
  const key = createPublicKey({ key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]), format: "der", type: "spki" });
  if (device.signedAt !== client.ts || !verify(null, Buffer.from(text), key, Buffer.from(device.signature, "base64url"))) {
    throw new Refusal("INVALID_REQUEST", "device signature invalid", { code: "DEVICE_AUTH_SIGNATURE_INVALID" });
  }
  if (refuse === "limited") throw unauthorized("AUTH_RATE_LIMITED", "rate_limited", "too many failed authentication attempts (retry later)", { retryable: true, retryAfterMs: 8_000 });
  if (refuse === "origin") throw new Refusal("INVALID_REQUEST", "origin not allowed", { code: "CONTROL_UI_ORIGIN_NOT_ALLOWED", reason: "origin not allowed" });
  if (refuse === "starting") throw new Refusal("UNAVAILABLE", "gateway starting", { reason: "startup-sidecars" }, { retryable: true, retryAfterMs: 500 });
  if (refuse === "pairing") {
    throw new Refusal("NOT_PAIRED", "pairing required: device is not approved yet", { code: "PAIRING_REQUIRED", reason: "not-paired", requestId: "3f0c9a52-6d1e-4f7e-9f9e-8f6d6f1c2a10", deviceId: device.id, recommendedNextStep: "wait_then_retry", retryable: true, pauseReconnect: false });
  }
  if (auth.bootstrapToken !== undefined) {
    if (!logins.delete(auth.bootstrapToken)) throw unauthorized("AUTH_BOOTSTRAP_TOKEN_INVALID", "bootstrap_token_invalid", "setup code invalid, expired, revoked, or already used");
  } else if (auth.token !== undefined) {
    if (auth.token !== SECRET) throw unauthorized("AUTH_TOKEN_MISMATCH", "token_mismatch", "gateway token mismatch");
  } else if (auth.deviceToken !== undefined) {
    if (auth.deviceToken !== deviceToken(device.id)) throw unauthorized("AUTH_DEVICE_TOKEN_MISMATCH", "device_token_mismatch", "device token mismatch (rotate/reissue device token)");
  } else throw unauthorized("AUTH_TOKEN_MISSING", "token_missing", "gateway token missing");
  return {
    type: "hello-ok", protocol: 4,
    server: { version: "2026.9.6", bootId: randomUUID(), controlUiBuildSource: "configured", connId: randomUUID() },
    features: { methods: METHODS, events: ["connect.challenge", "agent", "chat", "tick", "health", "sessions.changed", "session.message", "shutdown"] },
    snapshot: {
      presence: [], health: health(), stateVersion: { presence: 1, health: 1 }, uptimeMs: Date.now() - startedAt,
      sessionDefaults: { defaultAgentId: "main", modelConfigured: process.env.MOCK_DEMO === "0", mainKey: "main", mainSessionKey: MAIN },
    },
    auth: { method: "device-token", role: "operator", scopes: params.scopes, deviceToken: deviceToken(device.id), issuedAtMs: Date.now() },
    policy: { maxPayload: 26214400, maxBufferedBytes: 52428800, tickIntervalMs: TICK_MS },
  };
}

const health = () => ({ ok: true, ts: Date.now(), durationMs: 1 });

// ——— methods ———

const METHOD = {
  health,
  status: () => ({ runtimeVersion: "2026.9.6" }),
  "chat.send": chatSend,
  "chat.abort": ({ sessionKey }) => {
    const ids = [...runs.values()].filter((run) => run.key === sessionKey).map((run) => run.runId);
    for (const id of ids) finish(runs.get(id), "aborted");
    return { ok: true, aborted: ids.length > 0, runIds: ids };
  },
  "chat.history": ({ sessionKey, limit = 100, offset = 0 }) => {
    const one = state.sessions[sessionKey];
    // A gateway may record question and answer together, when the turn ends.
    const late = process.env.MOCK_LATE_HISTORY === "1";
    const messages = (one?.messages ?? []).filter((message) => !late || message.idempotencyKey === undefined || state.turns[message.idempotencyKey]?.done !== false);
    const end = messages.length - offset;
    const start = Math.max(0, end - limit);
    const run = [...runs.values()].find((candidate) => candidate.key === sessionKey);
    return {
      sessionKey, sessionId: one?.sessionId, messages: messages.slice(start, Math.max(0, end)), totalMessages: messages.length,
      hasMore: start > 0, pendingInputs: { items: [], total: 0 },
      ...(run === undefined ? {} : { inFlightRun: { runId: run.runId, text: run.text } }),
    };
  },
  "sessions.subscribe": () => ({ subscribed: true }),
  "sessions.list": ({ limit = 100, search = "" }) => {
    const found = Object.values(state.sessions).map(row).filter((one) => JSON.stringify(one).toLowerCase().includes(search.toLowerCase()));
    const sessions = found.sort((one, other) => other.updatedAt - one.updatedAt).slice(0, limit);
    return { ts: Date.now(), count: sessions.length, totalCount: found.length, sessions, hasMore: sessions.length < found.length, nextOffset: null };
  },
  "sessions.messages.subscribe": ({ key }, client) => (client.subscribed.add(key), { subscribed: true, key }),
  "sessions.messages.unsubscribe": ({ key }, client) => (client.subscribed.delete(key), { subscribed: false, key }),
  "sessions.patch": ({ key, label, unread }) => {
    const one = session(key);
    if (label !== undefined) one.label = label ?? undefined;
    if (unread !== undefined) one.unread = unread;
    save();
    changed(key, "patch");
    return { ok: true, key, entry: {} };
  },
  "sessions.reset": ({ key }) => {
    Object.assign(session(key), { sessionId: randomUUID(), messages: [] });
    save();
    changed(key, "reset");
    return { ok: true, key, entry: {} };
  },
  "sessions.recover": ({ key }, client) => {
    const { messages } = session(key);
    if (Object.values(state.turns).some((turn) => turn.key === key && !turn.done)) throw new Refusal("INVALID_REQUEST", "session is running; nothing to recover");
    const at = messages.findLastIndex((message) => message.role === "user");
    if (messages.at(-1)?.stopReason === "stop") throw new Refusal("INVALID_REQUEST", "session has no interrupted run to recover");
    const [question] = messages.splice(at);
    return { ok: true, key, continuation: chatSend({ sessionKey: key, message: question.content, idempotencyKey: randomUUID() }, client) };
  },
  "sessions.delete": ({ key }) => {
    delete state.sessions[key];
    save();
    broadcast("sessions.changed", { sessionKey: key, reason: "delete", ts: Date.now() });
    return { ok: true, key, deleted: true, archived: [] };
  },
  "channels.status": () => state.channels ?? { ts: Date.now(), channelOrder: [], channelLabels: {}, channels: {}, channelAccounts: {} },
  "channels.pairing.list": () => ({ accounts: [], requests: state.pairings, commandOwnerConfigured: true, limits: { pendingPerAccount: 100, ttlMs: 3_600_000 } }),
  "channels.pairing.approve": (params) => decide(params),
  "channels.pairing.deny": (params) => decide(params),
  "device.pair.list": () => ({ pending: state.devices, paired: [] }),
  "device.pair.approve": ({ requestId }) => ((state.devices = state.devices.filter((one) => one.requestId !== requestId)), { requestId }),
  "device.pair.reject": ({ requestId }) => ((state.devices = state.devices.filter((one) => one.requestId !== requestId)), { requestId }),
  "commands.list": () => ({
    commands: state.commands ?? [{ name: "help", description: "Show the most used commands" }, { name: "reset", description: "Begin a fresh conversation" }, { name: "model", description: "Show or choose the model", acceptsArgs: true }],
  }),
  "exec.approval.list": () => state.approvals,
  "plugin.approval.list": () => [],
  "question.list": () => ({ questions: state.questions }),
  "approval.resolve": ({ id, decision }) => settle(id, { decision }),
  "question.resolve": ({ id, answers, cancel }) => settle(id, { answers, cancel }),
  "models.list": () => ({
    models: state.models ?? (process.env.MOCK_DEMO === "0"
      ? [{ id: "claude-sonnet-5", name: "Claude", provider: "anthropic", tags: ["default"], available: true }, { id: "qwen3:14b", provider: "ollama", local: true, available: true }, { id: "gpt-6-mini", provider: "openai", available: false }]
      : [{ id: "demo", name: "Demo agent", provider: "demo", tags: ["default"], available: true }]),
  }),
  "torana.setup.offers": ({ probe }) => ({
    offers: state.offers ?? (process.env.MOCK_FIXTURE === "rich"
      ? [
          { provider: "anthropic", source: "ANTHROPIC_API_KEY is set", model: "anthropic/claude-sonnet-5", note: "The key stays in the environment; the configuration only names the model.", command: "torana config set agents.defaults.model.primary anthropic/claude-sonnet-5" },
          { provider: "ollama", source: "answers on this machine", model: "ollama/qwen3:14b", baseUrl: "http://127.0.0.1:11434", command: "torana config set agents.defaults.model.primary ollama/qwen3:14b" },
        ]
      : probe
        ? [{ provider: "ollama", name: "Ollama", source: "http://127.0.0.1:11434/v1", model: null, baseUrl: "http://127.0.0.1:11434/v1", command: "torana config set agents.defaults.model.primary ollama/<model>" }]
        : []),
  }),
};

function decide({ requestId }) {
  const request = state.pairings.find((one) => one.requestId === requestId);
  if (request === undefined) throw new Refusal("INVALID_REQUEST", "unknown requestId");
  state.pairings = state.pairings.filter((one) => one !== request);
  save();
  return { requestId, senderId: request.senderId, notification: "not-requested", commandOwnerBootstrap: "not-requested" };
}

function settle(id, outcome = {}) {
  const known = [...state.approvals, ...state.questions].find((one) => one.id === id);
  if (known === undefined) throw new Refusal("INVALID_REQUEST", "unknown or expired id");
  state.approvals = state.approvals.filter((one) => one !== known);
  state.questions = state.questions.filter((one) => one !== known);
  state.settled = outcome;
  save();
  broadcast(known.questions === undefined ? "exec.approval.resolved" : "question.resolved", { id });
  return { applied: true };
}

function row(one) {
  const last = one.messages.at(-1);
  const text = typeof last?.content === "string" ? last.content : (last?.content?.[0]?.text ?? "");
  const first = one.messages.find((message) => message.role === "user");
  return {
    key: one.key, sessionId: one.sessionId, agentId: "main", isMain: one.key === MAIN, label: one.label, unread: one.unread === true,
    derivedTitle: one.key === MAIN ? undefined : one.title ?? (typeof first?.content === "string" ? first.content.slice(0, 60) : undefined),
    lastMessagePreview: text.replaceAll("\n", " ").slice(0, 120), updatedAt: one.updatedAt,
    hasActiveRun: [...runs.values()].some((run) => run.key === one.key),
    modelProvider: process.env.MOCK_DEMO === "0" ? "anthropic" : "demo", model: process.env.MOCK_DEMO === "0" ? "claude-sonnet-5" : "demo",
  };
}
function changed(key, reason) {
  broadcast("sessions.changed", { sessionKey: key, reason, ts: Date.now(), session: row(session(key)) });
}

// ——— the agent ———

function chatSend({ sessionKey, message, idempotencyKey }, client) {
  const known = state.turns[idempotencyKey];
  if (known !== undefined) return { runId: idempotencyKey, status: known.done ? "ok" : "in_flight" };
  if (message.startsWith("mock: refuse")) throw new Refusal("UNAVAILABLE", "storage is full", { code: "STORAGE_FULL" });
  const turn = { key: sessionKey, message, done: false };
  state.turns[idempotencyKey] = turn;
  const command = message.startsWith("/");
  if (!command) append(sessionKey, { role: "user", content: message, timestamp: Date.now(), idempotencyKey });
  save();
  setTimeout(() => {
    if (message.startsWith("mock: drop")) client.socket.terminate();
    if (command) {
      turn.done = true;
      broadcast("chat", { runId: idempotencyKey, sessionKey, seq: 1, state: "final", message: assistant(`Answer to \`${message}\``) });
    } else if (![...runs.values()].some((run) => run.key === sessionKey)) start(idempotencyKey);
  }, 5);
  return { runId: idempotencyKey, status: "started" };
}

function append(key, message) {
  const one = session(key);
  one.seq = (one.seq ?? 0) + 1;
  one.updatedAt = Date.now();
  one.messages.push({ ...message, __openclaw: { id: randomUUID(), seq: one.seq, ...(message.runId === undefined ? {} : { runId: message.runId }) }, runId: undefined });
  const stored = one.messages.at(-1);
  for (const client of clients) if (client.subscribed.has(key)) send(client, { type: "event", event: "session.message", payload: { sessionKey: key, message: stored }, seq: ++client.seq });
}
const assistant = (text) => ({ role: "assistant", content: [{ type: "text", text }], timestamp: Date.now() });

function start(runId, attempt = 1) {
  const turn = state.turns[runId];
  const plan = answerFor(turn.message);
  const run = { runId, key: turn.key, text: "", seq: 0, plan, chunk: 0, replace: attempt > 1 };
  runs.set(runId, run);
  changed(turn.key, "agent.run.started");
  if (plan.quiet !== true) emit(run, { state: "status", phase: "starting_model" });
  setTimeout(() => step(run), plan.delayMs ?? 120);
}
function emit(run, fields) {
  broadcast("chat", { runId: run.runId, sessionKey: run.key, agentId: "main", seq: ++run.seq, ...fields });
}
function step(run) {
  if (!runs.has(run.runId)) return;
  if (run.plan.tool !== undefined && run.chunk === 0) tool(run, run.plan.tool);
  const next = run.plan.chunks[run.chunk++];
  if (next === undefined) return finish(run, run.plan.error === undefined ? "final" : "error");
  run.text += next;
  emit(run, { state: "delta", deltaText: run.replace ? run.text : next, ...(run.replace ? { replace: true } : {}), message: assistant(run.text) });
  run.replace = false;
  setTimeout(() => step(run), run.plan.everyMs);
}
function tool(run, { name, args, result }) {
  const data = { name, toolCallId: "call-1" };
  broadcast("agent", { runId: run.runId, sessionKey: run.key, stream: "tool", seq: ++run.seq, ts: Date.now(), data: { ...data, phase: "start", args } });
  broadcast("agent", { runId: run.runId, sessionKey: run.key, stream: "tool", seq: ++run.seq, ts: Date.now(), data: { ...data, phase: "result", isError: false, result: { content: [{ type: "text", text: result }] } } });
}
function finish(run, outcome) {
  runs.delete(run.runId);
  const turn = state.turns[run.runId];
  turn.done = true;
  const stopReason = outcome === "final" ? "stop" : outcome;
  const error = outcome === "error" ? { errorMessage: run.plan.error, errorKind: "unknown" } : {};
  if (run.plan.tool !== undefined) {
    const { name, args, result } = run.plan.tool;
    append(run.key, { role: "assistant", content: [{ type: "toolCall", id: "call-1", name, arguments: args }], timestamp: Date.now(), stopReason: "toolUse", runId: run.runId });
    append(run.key, { role: "toolResult", toolCallId: "call-1", toolName: name, content: [{ type: "text", text: result }], isError: false, timestamp: Date.now() });
  }
  // As in the gateway, the history tells that an answer failed, and only the event tells why.
  append(run.key, { ...assistant(run.text), stopReason, runId: run.runId });
  session(run.key).unread = true;
  save();
  emit(run, { state: outcome, stopReason: outcome === "final" ? "stop" : "rpc", message: assistant(run.text), ...error });
  changed(run.key, "agent.input.settled");
  next(run.key);
}
function next(key) {
  const waiting = Object.entries(state.turns).find(([, turn]) => turn.key === key && !turn.done);
  if (waiting !== undefined) start(waiting[0]);
}

server.listen(PORT, "127.0.0.1", () => {
  for (const key of new Set(Object.values(state.turns).filter((turn) => !turn.done).map((turn) => turn.key))) {
    const waiting = Object.entries(state.turns).find(([, turn]) => turn.key === key && !turn.done);
    start(waiting[0], 2);
  }
  console.log(`Control UI: http://127.0.0.1:${PORT}${BASE}#login=${newLogin()}`);
});
process.on("SIGTERM", () => {
  broadcast("shutdown", { reason: "gateway stopping" });
  process.exit(0);
});
