// From wire messages to what the page shows: text, thinking, and tool calls joined with their results.
import { textOf, thinkingOf, toolCallsOf } from "../protocol/content";
import type { WireMessage } from "../protocol/types";
import { keyOf } from "./outbox";
import { type EndedRun, type ToolActivity, idOf, isTold } from "./transcript";

export interface ShownMessage {
  key: string;
  role: "user" | "assistant" | "notice";
  text: string;
  thinking: string;
  tools: ToolActivity[];
  timestampMs: number | undefined;
  /** How it ended when it did not end well. */
  outcome?: "aborted" | "error";
  errorText?: string;
  errorKind?: string;
  /** What to send again when the person retries. */
  retryText?: string;
}

function toolsOf(message: WireMessage, results: Map<string, WireMessage>): ToolActivity[] {
  return toolCallsOf(message).map((call) => {
    const result = results.get(call.id);
    if (result === undefined) return { ...call, status: "running" };
    return { ...call, status: result.isError === true ? "failed" : "done", output: textOf(result) };
  });
}

/** The history with ended runs it does not tell yet put in their places. */
export function shownMessages(messages: readonly WireMessage[], endedRuns: readonly EndedRun[]): ShownMessage[] {
  const results = new Map<string, WireMessage>();
  for (const message of messages) if (message.toolCallId !== undefined) results.set(message.toolCallId, message);

  const open = endedRuns.filter((ended) => !isTold(ended, messages));
  const ids = new Set(messages.map(idOf));
  const prompts = new Set(messages.map(keyOf));
  const answers = new Map(open.filter((ended) => prompts.has(ended.runId)).map((ended) => [ended.runId, ended]));
  const loose = open.filter((ended) => !prompts.has(ended.runId));

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
    const entry = shownMessage(message, results, asked?.text);
    if (entry !== undefined) shown.push(entry);
    const id = idOf(message);
    placeLoose((ended) => ended.afterId === id);
  }
  closeTurn();
  placeLoose((ended) => ended.afterId !== undefined && !ids.has(ended.afterId));
  return shown;
}

function shownMessage(
  message: WireMessage,
  results: Map<string, WireMessage>,
  question: string | undefined,
): ShownMessage | undefined {
  const base = {
    key: keyOf(message) ?? idOf(message),
    text: textOf(message),
    thinking: "",
    tools: [],
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
    return { ...entry, outcome: "error", errorText: message.errorMessage ?? "The agent failed.", ...retry };
  }
  return entry.text === "" && entry.thinking === "" && entry.tools.length === 0 ? undefined : entry;
}

function shownEnded(ended: EndedRun, prompt: EndedRun["prompt"], promptShown: boolean): ShownMessage[] {
  const base = { key: `end:${ended.runId}`, text: ended.text, thinking: "", tools: ended.tools, timestampMs: ended.endedAtMs };
  const question: ShownMessage[] =
    prompt === undefined || promptShown
      ? []
      : [{ key: ended.runId, role: "user", text: prompt.text, thinking: "", tools: [], timestampMs: prompt.createdAtMs }];
  if (ended.outcome === "final") {
    if (ended.text !== "" || ended.tools.length > 0) return [...question, { ...base, role: "assistant" }];
    return question.length === 0 ? [] : [...question, { ...base, role: "notice", text: "No reply." }];
  }
  return [
    ...question,
    {
      ...base,
      role: "assistant",
      outcome: ended.outcome,
      ...(ended.errorText === undefined ? {} : { errorText: ended.errorText }),
      ...(ended.errorKind === undefined ? {} : { errorKind: ended.errorKind }),
      ...(prompt === undefined ? {} : { retryText: prompt.text }),
    },
  ];
}
