// From wire messages to what the page shows: text, thinking, and tool calls joined with their results.
import { type AttachedFile, filesOf, textOf, thinkingOf, toolCallsOf } from "../protocol/content";
import type { WireMessage } from "../protocol/types";
import { keyOf } from "./outbox";
import { type EndedRun, type Run, type ToolActivity, idOf, isClosing, isTold } from "./transcript";

export interface ShownMessage {
  /** An answer has the same key while it streams, when it ended and in the history: what is drawn stays, and with it
   * selections, opened details and the place of the focus. */
  key: string;
  role: "user" | "assistant" | "notice";
  text: string;
  thinking: string;
  tools: ToolActivity[];
  files: AttachedFile[];
  timestampMs: number | undefined;
  /** How it ended when it did not end well, or that it has not ended. */
  outcome?: "aborted" | "error" | "cut" | "running";
  /** What goes on instead of writing. */
  progress?: string;
  errorText?: string;
  /** What to send again when the person retries; only the last turn offers it. */
  retryText?: string;
}

function toolsOf(message: WireMessage, results: Map<string, WireMessage>): ToolActivity[] {
  return toolCallsOf(message).map((call) => {
    const result = results.get(call.id);
    if (result === undefined) return { ...call, status: "running" };
    return { ...call, status: result.isError === true ? "failed" : "done", output: textOf(result) };
  });
}

/** When neither the event nor the history gives a reason. */
const NO_REASON = "The answer ended with an error.";

/** An answer that is being written. */
export function shownRun(run: Run, isOnline: boolean): ShownMessage {
  const { text, thinking, tools } = run;
  return { key: keyOfRun(run.runId), role: "assistant", text, thinking, tools, files: [], timestampMs: undefined, outcome: "running", progress: progressOf(run, isOnline) };
}

function progressOf(run: Run, isOnline: boolean): string {
  if (!isOnline) return "Interrupted, continues when connected";
  const phase = run.phase ?? "";
  if (phase !== "" && (run.text !== "" || run.thinking === "")) return sentence(phase);
  return run.text === "" && run.thinking !== "" ? "Thinking" : "";
}

/** Reasons and phases come as the middle of a sentence. */
function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function keyOfRun(runId: string): string {
  return `run:${runId}`;
}

/** The history with ended runs it does not tell yet put in their places. */
export function shownMessages(messages: readonly WireMessage[], endedRuns: readonly EndedRun[]): ShownMessage[] {
  const results = new Map<string, WireMessage>();
  for (const message of messages) if (message.toolCallId !== undefined) results.set(message.toolCallId, message);

  const open = endedRuns.filter((ended) => ended.told === undefined && !isTold(ended, messages));
  const ids = new Set(messages.map(idOf));
  const prompts = new Set(messages.map(keyOf));
  const answers = new Map(open.filter((ended) => prompts.has(ended.runId)).map((ended) => [ended.runId, ended]));
  const loose = open.filter((ended) => !prompts.has(ended.runId));

  // The history may tell that an answer failed and not why; the event did.
  const reasons = new Map(endedRuns.filter((ended) => ended.errorText !== undefined).map((ended) => [ended.runId, ended]));
  const shown: ShownMessage[] = [];
  const placeLoose = (test: (ended: EndedRun) => boolean): void => {
    for (const ended of loose) if (test(ended)) shown.push(...shownEnded(ended, ended.prompt, false));
  };
  /** The question of the turn being walked through. */
  let asked: { id: string | undefined; text: string; createdAtMs: number } | undefined;
  const closeTurn = (): void => {
    const ended = asked?.id === undefined ? undefined : answers.get(asked.id);
    if (ended !== undefined) shown.push(...shownEnded(ended, asked, true));
  };

  placeLoose((ended) => ended.afterId === undefined);
  for (const message of messages) {
    if (message.role === "user") {
      closeTurn();
      asked = { id: keyOf(message), text: textOf(message), createdAtMs: 0 };
    }
    const entry = shownMessage(message, results, asked?.text, reasons.get(message.__openclaw?.runId ?? ""));
    if (entry !== undefined) shown.push(entry);
    const id = idOf(message);
    placeLoose((ended) => ended.afterId === id);
  }
  closeTurn();
  placeLoose((ended) => ended.afterId !== undefined && !ids.has(ended.afterId));
  return withOneRetry(withOwnKeys(shown));
}

/** A run may have left several messages; only one of them continues what streamed. */
function withOwnKeys(shown: ShownMessage[]): ShownMessage[] {
  const seen = new Set<string>();
  return shown.map((message, index) => {
    const key = seen.has(message.key) ? `${message.key}:${index}` : message.key;
    seen.add(key);
    return key === message.key ? message : { ...message, key };
  });
}

/** Asking an old question again would only confuse: the last turn keeps its retry. */
function withOneRetry(shown: ShownMessage[]): ShownMessage[] {
  const lastQuestion = shown.findLastIndex((message) => message.role === "user");
  return shown.map((message, index) => {
    if (index > lastQuestion || message.retryText === undefined) return message;
    const { retryText: _, ...rest } = message;
    return rest;
  });
}

function shownMessage(
  message: WireMessage,
  results: Map<string, WireMessage>,
  question: string | undefined,
  reason: EndedRun | undefined,
): ShownMessage | undefined {
  const runId = message.role === "assistant" && isClosing(message) ? message.__openclaw?.runId : undefined;
  const base = {
    key: runId === undefined ? (keyOf(message) ?? idOf(message)) : keyOfRun(runId),
    text: textOf(message),
    thinking: "",
    tools: [],
    files: filesOf(message),
    timestampMs: message.timestamp ?? message.__openclaw?.recordTimestampMs,
  };
  const kind = message.__openclaw?.kind;
  if (kind === "compaction") return { ...base, role: "notice", text: "Earlier messages were summarised for the agent." };
  if (kind === "reset") return { ...base, role: "notice", text: "The session was reset here." };
  if (message.role === "user") return { ...base, role: "user" };
  if (message.role === "system") return base.text === "" ? undefined : { ...base, role: "notice" };
  if (message.role !== "assistant") return undefined;
  const entry: ShownMessage = { ...base, role: "assistant", thinking: thinkingOf(message), tools: toolsOf(message, results) };
  const retry = question === undefined ? {} : { retryText: question };
  if (message.stopReason === "aborted") return { ...entry, outcome: "aborted", ...retry };
  if (message.stopReason === "error") {
    const errorText = message.errorMessage ?? reason?.errorText ?? NO_REASON;
    return failed({ ...entry, ...retry }, errorText);
  }
  if (message.stopReason === "length") return { ...entry, outcome: "cut" };
  return entry.text === "" && entry.thinking === "" && entry.tools.length === 0 && entry.files.length === 0 ? undefined : entry;
}

/** A failure that left no answer carries its reason as the text; said once is enough. */
function failed(entry: ShownMessage, errorText: string): ShownMessage {
  const text = entry.text.trim() === errorText.trim() ? "" : entry.text;
  return { ...entry, text, outcome: "error", errorText: sentence(errorText) };
}

function shownEnded(ended: EndedRun, prompt: EndedRun["prompt"], promptShown: boolean): ShownMessage[] {
  const base = { key: keyOfRun(ended.runId), text: ended.text, thinking: "", tools: ended.tools, files: [], timestampMs: ended.endedAtMs };
  const question: ShownMessage[] =
    prompt === undefined || promptShown
      ? []
      : [{ key: ended.runId, role: "user", text: prompt.text, thinking: "", tools: [], files: [], timestampMs: prompt.createdAtMs }];
  if (ended.outcome === "final") {
    if (ended.text !== "" || ended.tools.length > 0) return [...question, { ...base, role: "assistant" }];
    return question.length === 0 ? [] : [...question, { ...base, role: "notice", text: "No reply." }];
  }
  const entry: ShownMessage = { ...base, role: "assistant", ...(prompt === undefined ? {} : { retryText: prompt.text }) };
  if (ended.outcome === "aborted") return [...question, { ...entry, outcome: "aborted" }];
  return [...question, failed(entry, ended.errorText ?? NO_REASON)];
}
