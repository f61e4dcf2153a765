// What is known of one session: the history as the gateway tells it, the runs that are streaming,
// and the runs that ended but are not in the history yet. Pure functions from state and event to state;
// snapshots win over deltas, and nothing here depends on having seen every event.
import type { AgentEvent, ChatEvent, HistoryResult, WireMessage } from "../protocol/types";
import { textOf } from "../protocol/content";
import { keyOf } from "./outbox";

/** Enough to bridge the time until the history shows them; older ones are long in the history. */
const ENDED_MAX = 40;

export interface ToolActivity {
  id: string;
  name: string;
  status: "running" | "done" | "failed";
  input?: unknown;
  output?: unknown;
}

export interface Run {
  runId: string;
  text: string;
  thinking: string;
  /** What the gateway does instead of writing. */
  phase?: string;
  tools: ToolActivity[];
  /** Not heard of since the connection came back: the next history answer decides. */
  stale: boolean;
}

export interface EndedRun {
  runId: string;
  outcome: "final" | "aborted" | "error";
  text: string;
  errorText?: string;
  endedAtMs: number;
  tools: ToolActivity[];
  /** What was asked, when this page asked it and the history may never show it (chat commands). */
  prompt?: { text: string; createdAtMs: number };
  /** The last history message at that time: where to show it when nothing else tells. */
  afterId: string | undefined;
  /** The history has told it. When it is gone from there later (asked again, undone), it is gone for good. */
  told?: true;
}

export interface Transcript {
  key: string;
  sessionId: string | undefined;
  messages: WireMessage[];
  runs: Run[];
  ended: EndedRun[];
  loaded: boolean;
  hasMore: boolean;
  /** Messages that came as events, with the number of their coming: a history answer may be older than they are. */
  live: { message: WireMessage; order: number }[];
  /** Number of the last such message. */
  order: number;
}

export function emptyTranscript(key: string): Transcript {
  return { key, sessionId: undefined, messages: [], runs: [], ended: [], loaded: false, hasMore: false, live: [], order: 0 };
}

/** Identity of a history message. */
export function idOf(message: WireMessage): string {
  return (
    message.__openclaw?.id ??
    message.idempotencyKey ??
    `${message.role}:${message.timestamp ?? 0}:${textOf(message).slice(0, 64)}`
  );
}

// ——— streaming ———

/** The text after one delta. The cumulative snapshot is the truth whenever it is there. */
export function textAfterDelta(text: string, delta: { deltaText?: string; replace?: boolean; message?: WireMessage }): string {
  if (delta.message !== undefined) return textOf(delta.message);
  if (delta.replace === true) return delta.deltaText ?? "";
  return text + (delta.deltaText ?? "");
}

export function applyChatEvent(transcript: Transcript, event: ChatEvent, nowMs: number): Transcript {
  if (transcript.ended.some((ended) => ended.runId === event.runId)) return transcript;
  switch (event.state) {
    case "status":
      return withRun(transcript, event.runId, (run) => ({ ...run, phase: phaseOf(event) }));
    case "delta":
      return withRun(transcript, event.runId, (run) => ({ ...run, phase: "", text: textAfterDelta(run.text, event) }));
    case "final":
    case "aborted":
    case "error":
      return withEnded(transcript, event, nowMs);
  }
}

function phaseOf(event: Extract<ChatEvent, { state: "status" }>): string {
  const retry = event.retry;
  if (retry?.attempt !== undefined) return `retrying ${retry.attempt}${retry.maxAttempts === undefined ? "" : ` of ${retry.maxAttempts}`}`;
  return (event.phase ?? "").replaceAll("_", " ");
}

function withRun(transcript: Transcript, runId: string, change: (run: Run) => Run): Transcript {
  const known = transcript.runs.find((run) => run.runId === runId);
  const changed = change({ ...(known ?? newRun(runId)), stale: false });
  const runs = known === undefined ? [...transcript.runs, changed] : transcript.runs.map((run) => (run === known ? changed : run));
  return { ...transcript, runs };
}

function newRun(runId: string): Run {
  return { runId, text: "", thinking: "", tools: [], stale: false };
}

function withEnded(
  transcript: Transcript,
  event: Extract<ChatEvent, { state: "final" | "aborted" | "error" }>,
  nowMs: number,
): Transcript {
  const run = transcript.runs.find((candidate) => candidate.runId === event.runId);
  const last = transcript.messages.at(-1);
  const ended: EndedRun = {
    runId: event.runId,
    outcome: event.state,
    text: event.message === undefined ? (event.state === "final" ? "" : (run?.text ?? "")) : textOf(event.message),
    endedAtMs: event.message?.timestamp ?? nowMs,
    tools: run?.tools ?? [],
    afterId: last === undefined ? undefined : idOf(last),
    ...(event.state === "error"
      ? { errorText: event.errorMessage ?? "The agent failed without a reason." }
      : {}),
  };
  return {
    ...transcript,
    runs: transcript.runs.filter((candidate) => candidate.runId !== event.runId),
    ended: [...transcript.ended, ended].slice(-ENDED_MAX),
  };
}

export function applyAgentEvent(transcript: Transcript, event: AgentEvent): Transcript {
  if (transcript.ended.some((ended) => ended.runId === event.runId)) return transcript;
  const data = event.data ?? {};
  if (event.stream === "thinking" && typeof data["text"] === "string") {
    const thinking = data["text"];
    return withRun(transcript, event.runId, (run) => ({ ...run, thinking }));
  }
  if (event.stream === "tool") return withRun(transcript, event.runId, (run) => ({ ...run, tools: toolsAfter(run.tools, data) }));
  return transcript;
}

function toolsAfter(tools: ToolActivity[], data: Record<string, unknown>): ToolActivity[] {
  const id = String(data["toolCallId"] ?? "");
  const known = tools.find((tool) => tool.id === id);
  const base: ToolActivity = known ?? { id, name: String(data["name"] ?? "tool"), status: "running" };
  const changed: ToolActivity =
    data["phase"] === "start"
      ? { ...base, input: data["args"] }
      : data["phase"] === "result"
        ? { ...base, status: data["isError"] === true ? "failed" : "done", output: data["result"] }
        : { ...base, output: data["partialResult"] };
  return known === undefined ? [...tools, changed] : tools.map((tool) => (tool === known ? changed : tool));
}

/** The connection was lost: every run shown may have ended meanwhile. */
export function markStale(transcript: Transcript): Transcript {
  if (transcript.runs.length === 0) return transcript;
  return { ...transcript, runs: transcript.runs.map((run) => ({ ...run, stale: true })) };
}

/** Remembers the question of an ended run whose outbox entry is about to go. */
export function withPrompt(transcript: Transcript, runId: string, prompt: { text: string; createdAtMs: number }): Transcript {
  return { ...transcript, ended: transcript.ended.map((ended) => (ended.runId === runId ? { ...ended, prompt } : ended)) };
}

// ——— history ———

/** Takes the newest page of the history, asked for when `transcript.order` was `askedAtOrder`. */
export function applyHistory(transcript: Transcript, result: HistoryResult, askedAtOrder = transcript.order): Transcript {
  const anotherSession =
    transcript.sessionId !== undefined && result.sessionId !== undefined && transcript.sessionId !== result.sessionId;
  const before = transcript.loaded && !anotherSession ? olderThan(transcript.messages, result.messages) : undefined;
  const told = new Set(result.messages.map(idOf));
  const messages = keepKnown(transcript.messages, result.messages);
  const live = anotherSession ? [] : transcript.live.filter((entry) => entry.order > askedAtOrder && !told.has(idOf(entry.message)));
  return {
    ...transcript,
    sessionId: result.sessionId ?? transcript.sessionId,
    live,
    messages: [...(before ?? []), ...messages, ...live.map((entry) => entry.message)],
    hasMore: before === undefined ? result.hasMore === true : transcript.hasMore,
    loaded: true,
    runs: runsAfter(transcript, result),
    ended: transcript.ended
      .filter((ended) => !(ended.outcome === "final" && ended.text === "" && ended.prompt === undefined))
      .map((ended) => (ended.told === undefined && isTold(ended, messages) ? { ...ended, told: true } : ended)),
  };
}

/**
 * The conversation was cut back at that time: the next history replaces what is shown, and what ended before stays
 * away. The answer to the command that cut it back ends later.
 */
export function markRewritten(transcript: Transcript, atMs: number): Transcript {
  return { ...transcript, loaded: false, ended: transcript.ended.map((ended) => (ended.endedAtMs < atMs ? { ...ended, told: true } : ended)) };
}

/** Whether the page continues what is shown. Where it cannot be expected to, it counts as joining. */
export function joins(transcript: Transcript, result: HistoryResult): boolean {
  if (!transcript.loaded || transcript.messages.length === 0 || result.hasMore !== true) return true;
  return transcript.sessionId !== result.sessionId || olderThan(transcript.messages, result.messages) !== undefined;
}

/** What we hold from before the page, or `undefined` when the page does not touch it. */
function olderThan(messages: WireMessage[], page: WireMessage[]): WireMessage[] | undefined {
  const first = page[0];
  if (first === undefined) return undefined;
  const id = idOf(first);
  const index = messages.findIndex((message) => idOf(message) === id);
  return index < 0 ? undefined : messages.slice(0, index);
}

/** Prefers the objects we already show, so that nothing unchanged is drawn again. */
function keepKnown(messages: WireMessage[], page: WireMessage[]): WireMessage[] {
  const known = new Map(messages.map((message) => [idOf(message), message]));
  return page.map((message) => {
    const held = known.get(idOf(message));
    return held !== undefined && JSON.stringify(held) === JSON.stringify(message) ? held : message;
  });
}

function runsAfter(transcript: Transcript, result: HistoryResult): Run[] {
  const inFlight = result.inFlightRun;
  const kept = transcript.runs.filter((run) => !run.stale || run.runId === inFlight?.runId);
  if (inFlight === undefined || transcript.ended.some((ended) => ended.runId === inFlight.runId)) {
    return kept.filter((run) => !run.stale);
  }
  const known = kept.find((run) => run.runId === inFlight.runId);
  const text = inFlight.text ?? "";
  if (known === undefined) return [...kept, { ...newRun(inFlight.runId), text }];
  // A stale text may belong to an attempt that died; a live one can only be ahead of the answer.
  const settled = { ...known, stale: false, text: known.stale || text.length > known.text.length ? text : known.text };
  return kept.map((run) => (run === known ? settled : run));
}

/** Takes a page of older messages; `false` in the pair when it brought nothing new. */
export function prependHistory(transcript: Transcript, result: HistoryResult): Transcript {
  const known = new Set(transcript.messages.map(idOf));
  const older = result.messages.filter((message) => !known.has(idOf(message)));
  return {
    ...transcript,
    messages: [...older, ...transcript.messages],
    hasMore: older.length > 0 && result.hasMore === true,
  };
}

/** A message somebody else wrote into this session. */
export function applyMessage(transcript: Transcript, message: WireMessage): Transcript {
  const id = idOf(message);
  if (transcript.messages.some((known) => idOf(known) === id)) return transcript;
  const order = transcript.order + 1;
  return { ...transcript, order, live: [...transcript.live, { message, order }], messages: [...transcript.messages, message] };
}

// ——— which ended runs the history already tells ———

export function isTold(ended: EndedRun, messages: readonly WireMessage[]): boolean {
  if (messages.some((message) => message.role === "assistant" && message.__openclaw?.runId === ended.runId && isClosing(message))) {
    return true;
  }
  const prompt = messages.findIndex((message) => keyOf(message) === ended.runId);
  if (prompt >= 0) {
    for (const message of messages.slice(prompt + 1)) {
      if (message.role === "user") return false;
      if (message.role === "assistant" && message.__openclaw?.runId === undefined && isClosing(message)) return true;
    }
    return false;
  }
  // A run of somebody else: only its words can be compared.
  const last = messages.findLast((message) => message.role === "assistant");
  return ended.outcome === "final" && ended.text !== "" && last !== undefined && textOf(last) === ended.text;
}

/** An assistant message that ends a turn; one that stops for a tool does not. */
export function isClosing(message: WireMessage): boolean {
  return message.stopReason !== "toolUse";
}
