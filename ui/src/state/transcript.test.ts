import { describe, expect, test } from "vitest";
import type { ChatEvent, HistoryResult, WireMessage } from "../protocol/types";
import { shownMessages } from "./message";
import { type Transcript, applyAgentEvent, applyChatEvent, applyHistory, applyMessage, emptyTranscript, markRewritten, markStale, prependHistory, textAfterDelta, withPrompt } from "./transcript";

const says = (text: string): WireMessage => ({ role: "assistant", content: [{ type: "text", text }], timestamp: 5 });
const user = (id: string, text = `q-${id}`): WireMessage => ({ role: "user", content: text, idempotencyKey: id, __openclaw: { id: `u-${id}` } });
const answer = (id: string, text = `a-${id}`, change: Partial<WireMessage> = {}): WireMessage => ({ ...says(text), stopReason: "stop", __openclaw: { id: `m-${id}`, runId: id }, ...change });
type Bare = ChatEvent extends infer E ? (E extends ChatEvent ? Omit<E, "runId" | "sessionKey"> : never) : never;
const event = (runId: string, fields: Bare): ChatEvent => ({ runId, sessionKey: "s", ...fields }) as ChatEvent;
const play = (events: ChatEvent[], start: Transcript = emptyTranscript("s")): Transcript => events.reduce((state, one) => applyChatEvent(state, one, 9), start);
const page = (messages: WireMessage[], change: Partial<HistoryResult> = {}): HistoryResult => ({ sessionId: "id", messages, hasMore: false, ...change });
const shown = (transcript: Transcript): string[] => shownMessages(transcript.messages, transcript.ended).map((entry) => `${entry.role}${entry.outcome === undefined ? "" : `!${entry.outcome}`}:${entry.text}`);

describe("putting deltas together", () => {
  test("appends, replaces, and believes the snapshot before both", () => {
    expect(textAfterDelta("Hel", { deltaText: "lo" })).toBe("Hello");
    expect(textAfterDelta("Hello", { deltaText: "New", replace: true })).toBe("New");
    expect(textAfterDelta("lost a part", { deltaText: "lo", message: says("Hello") })).toBe("Hello");
    expect(textAfterDelta("x", { replace: true, deltaText: "y", message: says("z") })).toBe("z");
    expect(textAfterDelta("x", {})).toBe("x");
    expect(textAfterDelta("x", { replace: true })).toBe("");
  });

  test("a stream becomes one run, and its final one answer", () => {
    const streaming = play([
      event("r", { state: "status", phase: "starting_model" }),
      event("r", { state: "delta", deltaText: "Hel" }),
      event("r", { state: "delta", deltaText: "lo" }),
    ]);
    expect(streaming.runs).toMatchObject([{ runId: "r", text: "Hello", phase: "" }]);
    const over = play([event("r", { state: "final", message: says("Hello!") })], streaming);
    expect(over.runs).toEqual([]);
    expect(shown(over)).toEqual(["assistant:Hello!"]);
  });

  test("two runs of one session do not mix", () => {
    const state = play([event("a", { state: "delta", deltaText: "1" }), event("b", { state: "delta", deltaText: "2" }), event("a", { state: "delta", deltaText: "3" })]);
    expect(state.runs.map((run) => [run.runId, run.text])).toEqual([["a", "13"], ["b", "2"]]);
  });

  test("a late delta does not bring an ended run back", () => {
    const state = play([event("r", { state: "final", message: says("x") }), event("r", { state: "delta", deltaText: "y" })]);
    expect(state.runs).toEqual([]);
  });

  test("a stopped run keeps what it had said, a failed one also its reason", () => {
    const stopped = play([event("r", { state: "delta", deltaText: "half" }), event("r", { state: "aborted", stopReason: "rpc" })]);
    expect(shown(stopped)).toEqual(["assistant!aborted:half"]);
    const failed = play([event("r", { state: "delta", deltaText: "half" }), event("r", { state: "error", errorMessage: "529" })]);
    expect(shownMessages([], failed.ended)).toMatchObject([{ outcome: "error", errorText: "529", text: "half" }]);
  });

  test("tools run, finish and fail", () => {
    const tool = (data: Record<string, unknown>) => ({ runId: "r", sessionKey: "s", stream: "tool", data: { name: "exec", toolCallId: "1", ...data } });
    let state = applyAgentEvent(emptyTranscript("s"), tool({ phase: "start", args: { a: 1 } }));
    expect(state.runs[0]?.tools).toEqual([{ id: "1", name: "exec", status: "running", input: { a: 1 } }]);
    state = applyAgentEvent(state, tool({ phase: "result", isError: true, result: "no" }));
    expect(state.runs[0]?.tools).toEqual([{ id: "1", name: "exec", status: "failed", input: { a: 1 }, output: "no" }]);
  });
});

describe("the history", () => {
  test("takes the place of the ended run it tells", () => {
    const ended = play([event("1", { state: "final", message: says("a-1") })]);
    expect(shown(applyHistory(ended, page([user("1"), answer("1")])))).toEqual(["user:q-1", "assistant:a-1"]);
  });

  test("without run ids still tells it once", () => {
    const bare: WireMessage = { ...says("a-1"), stopReason: "stop", __openclaw: { id: "m" } };
    const ended = play([event("1", { state: "final", message: says("a-1") })]);
    expect(shown(applyHistory(ended, page([user("1"), bare])))).toEqual(["user:q-1", "assistant:a-1"]);
    expect(shown(applyHistory(ended, page([{ role: "user", content: "from elsewhere" }, bare])))).toEqual(["user:from elsewhere", "assistant:a-1"]);
  });

  test("that lags behind leaves the answer at its question", () => {
    const ended = play([event("1", { state: "final", message: says("a-1") })]);
    expect(shown(applyHistory(ended, page([user("0"), answer("0"), user("1"), user("2")])))).toEqual(["user:q-0", "assistant:a-0", "user:q-1", "assistant:a-1", "user:q-2"]);
  });

  test("that never shows a chat command leaves question and answer where they were", () => {
    let state = applyHistory(emptyTranscript("s"), page([user("1"), answer("1")]));
    state = play([event("c", { state: "final", message: says("All well") })], state);
    state = withPrompt(state, "c", { text: "/status", createdAtMs: 1 });
    state = applyHistory(state, page([user("1"), answer("1"), user("2"), answer("2")]));
    expect(shown(state)).toEqual(["user:q-1", "assistant:a-1", "user:/status", "assistant:All well", "user:q-2", "assistant:a-2"]);
  });

  test("keeps older pages when a new tail joins them", () => {
    let state = applyHistory(emptyTranscript("s"), page([user("2"), answer("2")], { hasMore: true }));
    state = prependHistory(state, page([user("1"), answer("1"), user("2")]));
    state = applyHistory(state, page([answer("2"), user("3"), answer("3")], { hasMore: true }));
    expect(shown(state)).toEqual(["user:q-1", "assistant:a-1", "user:q-2", "assistant:a-2", "user:q-3", "assistant:a-3"]);
    expect(state.hasMore).toBe(false);
  });

  test("starts over when the tail does not join, and after a reset", () => {
    const state = applyHistory(emptyTranscript("s"), page([user("1"), answer("1")]));
    expect(shown(applyHistory(state, page([user("9")], { hasMore: true })))).toEqual(["user:q-9"]);
    expect(shown(applyHistory(state, page([], { sessionId: "other" })))).toEqual([]);
  });

  test("does not draw unchanged messages again", () => {
    const state = applyHistory(emptyTranscript("s"), page([user("1"), answer("1")]));
    const again = applyHistory(state, page([user("1"), answer("1", "changed")]));
    expect(again.messages[0]).toBe(state.messages[0]);
    expect(again.messages[1]).not.toBe(state.messages[1]);
  });

  test("older than a message that came as event does not swallow it, a newer one does", () => {
    const loaded = applyHistory(emptyTranscript("s"), page([user("1")]));
    const live = applyMessage(loaded, user("2"));
    expect(shown(applyHistory(live, page([user("1")]), loaded.order))).toEqual(["user:q-1", "user:q-2"]);
    expect(shown(applyHistory(live, page([user("1")]), live.order))).toEqual(["user:q-1"]);
    expect(shown(applyHistory(live, page([user("1"), user("2")]), loaded.order))).toEqual(["user:q-1", "user:q-2"]);
  });

  test("shows what went wrong, with the question to ask again", () => {
    const messages = [user("1"), answer("1", "", { stopReason: "error", errorMessage: "529" })];
    expect(shownMessages(messages, [])[1]).toMatchObject({ outcome: "error", errorText: "529", retryText: "q-1" });
  });

  test("keeps the reason that only the event told, and says it once", () => {
    const failed = play([event("1", { state: "error", errorMessage: "key refused", message: says("key refused") })]);
    expect(shownMessages([user("1"), answer("1", "key refused", { stopReason: "error" })], failed.ended)[1]).toMatchObject({ outcome: "error", text: "", errorText: "Key refused" });
    expect(shownMessages([user("1"), answer("1", "half an answer", { stopReason: "error" })], failed.ended)[1]).toMatchObject({ text: "half an answer", errorText: "Key refused" });
    expect(shownMessages([user("1"), answer("1", "half an answer", { stopReason: "error" })], [])[1]).toMatchObject({ text: "half an answer", errorText: "The answer ended with an error." });
  });

  test("a failure the history told is gone when the history loses it", () => {
    const failed = play([event("1", { state: "error", errorMessage: "529", message: says("") })], applyHistory(emptyTranscript("s"), page([user("1")])));
    const told = applyHistory(failed, page([user("1"), answer("1", "", { stopReason: "error" })]));
    expect(shown(told)).toEqual(["user:q-1", "assistant!error:"]);
    expect(shown(applyHistory(told, page([user("2")])))).toEqual(["user:q-2"]);
    const endedAtMs = failed.ended[0]?.endedAtMs ?? 0;
    expect(shown(applyHistory(markRewritten(failed, endedAtMs + 1), page([user("2")])))).toEqual(["user:q-2"]);
    // The answer of the command that cut the conversation back is not part of what it cut off.
    expect(shown(applyHistory(markRewritten(failed, endedAtMs), page([user("1")])))).toEqual(["user:q-1", "assistant!error:"]);
  });

  test("only the last turn offers to ask again", () => {
    const failed = (id: string): WireMessage[] => [user(id), answer(id, "", { stopReason: "error", errorMessage: "529" })];
    expect(shownMessages([...failed("1"), ...failed("2")], []).map((one) => one.retryText)).toEqual([undefined, undefined, undefined, "q-2"]);
    expect(shownMessages([...failed("1"), user("2")], []).map((one) => one.retryText)).toEqual([undefined, undefined, undefined]);
  });

  test("says that an answer was cut off, and names files without their bytes", () => {
    const photo: WireMessage = { role: "user", content: [{ type: "image", mimeType: "image/png", omitted: true } as { type: string }], __openclaw: { id: "p" } };
    const [asked, cut] = shownMessages([photo, answer("p", "it sh", { stopReason: "length" })], []);
    expect(asked).toMatchObject({ text: "", files: [{ name: "image/png", kind: "image" }] });
    expect(cut).toMatchObject({ text: "it sh", outcome: "cut" });
  });

  test("joins tool calls with their results", () => {
    const call: WireMessage = { role: "assistant", content: [{ type: "toolCall", id: "t", name: "exec", arguments: { a: 1 } }], stopReason: "toolUse", __openclaw: { id: "c" } };
    const result: WireMessage = { role: "toolResult", toolCallId: "t", content: [{ type: "text", text: "out" }], __openclaw: { id: "r" } };
    expect(shownMessages([user("1"), call, result, answer("1")], []).map((one) => one.tools)).toEqual([[], [{ id: "t", name: "exec", input: { a: 1 }, status: "done", output: "out" }], []]);
  });
});

describe("after a lost connection", () => {
  const cut = markStale(play([event("r", { state: "delta", deltaText: "as far as it got" })]));

  test("a run that goes on has the text the gateway tells, even a shorter one", () => {
    const state = applyHistory(cut, page([user("r")], { inFlightRun: { runId: "r", text: "again" } }));
    expect(state.runs).toMatchObject([{ runId: "r", text: "again", stale: false }]);
  });

  test("a run the gateway does not know of any more is gone", () => {
    expect(applyHistory(cut, page([user("r"), answer("r")])).runs).toEqual([]);
  });

  test("a delta that came before the history answer keeps its run", () => {
    const state = play([event("r", { state: "delta", message: says("anew"), replace: true })], cut);
    expect(applyHistory(state, page([user("r")])).runs).toMatchObject([{ text: "anew" }]);
  });

  test("an answer that ended before the history answer came does not start again", () => {
    const state = play([event("r", { state: "final", message: says("done") })], cut);
    const after = applyHistory(state, page([user("r")], { inFlightRun: { runId: "r", text: "don" } }));
    expect(after.runs).toEqual([]);
    expect(shown(after)).toEqual(["user:q-r", "assistant:done"]);
  });
});
