import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ConnectionLost, RequestTimeout, RpcError } from "../protocol/errors";
import type { HistoryResult, WireMessage } from "../protocol/types";
import { Chat } from "./chat";
import { Outbox } from "./outbox";
import { memoryStore } from "./storage";

type Call = { method: string; params: Record<string, unknown>; resolve: (value: unknown) => void; reject: (error: Error) => void };

function setUp() {
  const calls: Call[] = [];
  const methods = new Set<string>();
  const rpc = {
    request: <T>(method: string, params: Record<string, unknown> = {}) =>
      new Promise<T>((resolve, reject) => calls.push({ method, params, resolve: resolve as (value: unknown) => void, reject })),
    supports: (method: string) => methods.has(method),
  };
  const outbox = new Outbox(memoryStore());
  const answers: string[] = [];
  const chat = new Chat({ rpc, outbox, onEnded: (_, text) => answers.push(text) });
  chat.open("s");
  const sends = (): Call[] => calls.filter((call) => call.method === "chat.send");
  const histories = (): Call[] => calls.filter((call) => call.method === "chat.history");
  const tell = async (messages: WireMessage[], change: Partial<HistoryResult> = {}): Promise<void> => {
    histories().at(-1)?.resolve({ sessionId: "id", messages, ...change });
    await vi.advanceTimersByTimeAsync(0);
  };
  const allow = (method: string): unknown => methods.add(method);
  return { allow, calls, outbox, chat, answers, sends, histories, tell };
}
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

describe("sending", () => {
  test("waits for a connection, then sends with the text's own key", async () => {
    const { chat, outbox, sends } = setUp();
    chat.send("s", "hello");
    expect(sends()).toEqual([]);
    chat.onHello(Date.now());
    expect(sends()[0]?.params).toEqual({ sessionKey: "s", message: "hello", deliver: false, idempotencyKey: outbox.items.value[0]?.id });
  });

  test("keeps the order of one session", async () => {
    const { chat, sends } = setUp();
    chat.onHello(Date.now());
    chat.send("s", "one");
    chat.send("s", "two");
    expect(sends().map((call) => call.params["message"])).toEqual(["one"]);
    sends()[0]?.resolve({ runId: "x", status: "started" });
    await settle();
    expect(sends().map((call) => call.params["message"])).toEqual(["one", "two"]);
  });

  test("cut off in the middle goes out again under the same key, once", async () => {
    const { chat, outbox, sends, tell } = setUp();
    chat.onHello(Date.now());
    chat.send("s", "hello");
    const key = outbox.items.value[0]?.id ?? "";
    chat.onOffline();
    sends()[0]?.reject(new ConnectionLost());
    await settle();
    expect(outbox.items.value).toHaveLength(1);
    chat.onHello(Date.now());
    expect(sends().map((call) => call.params["idempotencyKey"])).toEqual([key, key]);
    sends()[1]?.resolve({ runId: key, status: "in_flight" });
    await vi.advanceTimersByTimeAsync(200);
    await tell([{ role: "user", content: "hello", idempotencyKey: key }]);
    expect(outbox.items.value).toEqual([]);
  });

  test("a text the gateway finished long ago is let go after the history was read", async () => {
    const { chat, outbox, sends, histories, tell } = setUp();
    chat.send("s", "/status");
    chat.onHello(Date.now());
    await tell([]);
    sends()[0]?.resolve({ runId: "x", status: "ok" });
    await settle();
    expect(histories()).toHaveLength(2);
    await tell([]);
    expect(outbox.items.value).toEqual([]);
  });

  test("a refusal for now is tried again later, one for good is shown", async () => {
    const { chat, outbox, sends } = setUp();
    chat.onHello(Date.now());
    chat.send("s", "hello");
    sends()[0]?.reject(new RpcError({ code: "UNAVAILABLE", message: "busy", retryable: true, retryAfterMs: 700 }));
    await vi.advanceTimersByTimeAsync(699);
    expect(sends()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sends()).toHaveLength(2);
    sends()[1]?.reject(new RpcError({ code: "UNAVAILABLE", message: "storage is full" }));
    await settle();
    expect(outbox.items.value).toMatchObject([{ state: "failed", error: "storage is full" }]);
    const failed = outbox.items.value[0];
    if (failed !== undefined) chat.resend(failed);
    expect(sends()[2]?.params["idempotencyKey"]).toBe(failed?.id);
  });
});

describe("streaming", () => {
  test("many deltas of one frame are one change", async () => {
    const { chat, tell } = setUp();
    chat.onHello(Date.now());
    await tell([]);
    let changes = -1;
    const stop = chat.transcript("s").subscribe(() => (changes += 1));
    for (let index = 1; index <= 200; index += 1) {
      chat.onChat({ runId: "r", sessionKey: "s", state: "delta", deltaText: "x", message: { role: "assistant", content: "x".repeat(index) } });
    }
    expect(changes).toBe(0);
    await vi.advanceTimersByTimeAsync(100);
    expect(changes).toBe(1);
    expect(chat.transcript("s").value.runs[0]?.text).toHaveLength(200);
    stop();
  });

  test("a finished answer is announced once and its text leaves the outbox", async () => {
    const { chat, outbox, answers, sends, tell } = setUp();
    chat.onHello(Date.now());
    await tell([]);
    chat.send("s", "hello");
    const key = String(sends()[0]?.params["idempotencyKey"]);
    sends()[0]?.resolve({ runId: key, status: "started" });
    await settle();
    expect(chat.running.value.has("s")).toBe(true);
    chat.onChat({ runId: key, sessionKey: "s", state: "final", message: { role: "assistant", content: "hi" } });
    chat.onChat({ runId: key, sessionKey: "s", state: "delta", deltaText: "late" });
    await vi.advanceTimersByTimeAsync(100);
    expect(answers).toEqual(["hi"]);
    expect(outbox.items.value).toEqual([]);
    expect(chat.transcript("s").value).toMatchObject({ runs: [], ended: [{ text: "hi", prompt: { text: "hello" } }] });
  });

  test("events that came before a history answer count before it", async () => {
    const { chat, tell } = setUp();
    chat.onHello(Date.now());
    chat.onChat({ runId: "r", sessionKey: "s", state: "final", message: { role: "assistant", content: "done" } });
    await tell([], { inFlightRun: { runId: "r", text: "do" } });
    expect(chat.transcript("s").value.runs).toEqual([]);
  });

  test("a tail that does not join what is shown is asked for again, longer", async () => {
    const { chat, histories, tell } = setUp();
    const user = (id: number): WireMessage => ({ role: "user", content: `q${id}`, __openclaw: { id: `u${id}` } });
    chat.onHello(Date.now());
    await tell([user(1), user(2)]);
    chat.reload();
    await tell([user(8), user(9)], { hasMore: true });
    expect(histories().at(-1)?.params["limit"]).toBe(102);
    await tell([1, 2, 3, 4, 5, 6, 7, 8, 9].map(user));
    expect(chat.transcript("s").value.messages).toHaveLength(9);
  });

  test("an answer to an old connection's question is not believed", async () => {
    const { chat, histories } = setUp();
    chat.onHello(Date.now());
    chat.onOffline();
    chat.onHello(Date.now());
    histories()[0]?.resolve({ sessionId: "id", messages: [{ role: "user", content: "old" }] });
    await settle();
    expect(chat.transcript("s").value.messages).toEqual([]);
  });
});

describe("asking again", () => {
  test("happens in place where the gateway can, and with a new text where it cannot", async () => {
    const { chat, calls, outbox, sends, allow } = setUp();
    chat.onHello(Date.now());
    await chat.retry("s", "again");
    expect(sends()).toHaveLength(1);
    outbox.remove(outbox.items.value.map((item) => item.id));
    allow("sessions.recover");
    const asked = chat.retry("s", "again");
    const recover = calls.find((call) => call.method === "sessions.recover");
    recover?.resolve({ ok: true });
    await asked;
    expect(recover?.params).toEqual({ key: "s" });
    expect(sends()).toHaveLength(1);
    expect(chat.running.value.has("s")).toBe(true);
  });

  /** One retry that the gateway can answer. */
  function retrying() {
    const set = setUp();
    set.allow("sessions.recover");
    set.chat.onHello(Date.now());
    const recovers = (): Call[] => set.calls.filter((call) => call.method === "sessions.recover");
    const texts = (): string[] => set.outbox.items.value.map((item) => item.text);
    return { ...set, recovers, texts, asked: set.chat.retry("s", "again") };
  }
  const refusal = (message: string): RpcError => new RpcError({ code: "INVALID_REQUEST", message });

  test("is a new text when the gateway has nothing to recover", async () => {
    const { asked, recovers, texts } = retrying();
    recovers()[0]?.reject(refusal("session has no interrupted run to recover"));
    await asked;
    expect(texts()).toEqual(["again"]);
  });

  test("waits while offline, once", async () => {
    const { chat, outbox } = setUp();
    await chat.retry("s", "later");
    await chat.retry("s", "later");
    expect(outbox.items.value.map((item) => item.text)).toEqual(["later"]);
  });

  test("keeps a question that was taken back and then refused", async () => {
    const { asked, chat, recovers, sends, histories, texts } = retrying();
    recovers()[0]?.resolve({ ok: true, continuation: { status: "rejected", error: { code: "UNAVAILABLE", message: "draining" } } });
    await asked;
    expect(texts()).toEqual(["again"]);
    expect(sends().map((call) => call.params["message"])).toEqual(["again"]);
    expect(histories()).toHaveLength(2);
    expect(chat.running.value.has("s")).toBe(false);
  });

  test("happens once however often it is asked for, and not while the session answers", async () => {
    const { asked, chat, recovers, texts } = retrying();
    expect(chat.canRetry("s")).toBe(false);
    expect(chat.canRetry("another")).toBe(true);
    await chat.retry("s", "again");
    recovers()[0]?.resolve({ ok: true, continuation: { status: "started", runId: "r" } });
    await asked;
    expect(chat.canRetry("s")).toBe(false);
    await chat.retry("s", "again");
    expect(recovers()).toHaveLength(1);
    expect(texts()).toEqual([]);
  });

  test("that another page was first with shows the run and nothing else", async () => {
    const { asked, chat, recovers, tell, texts } = retrying();
    recovers()[0]?.reject(refusal("session is running; nothing to recover"));
    await settle();
    await tell([{ role: "user", content: "again" }], { inFlightRun: { runId: "r", text: "" } });
    await asked;
    expect(texts()).toEqual([]);
    expect(chat.running.value.has("s")).toBe(true);
    expect(chat.historyError.value).toBeUndefined();
  });

  test("of unknown fate is not sent again, but explained", async () => {
    for (const error of [new RequestTimeout("sessions.recover"), refusal("not allowed")]) {
      const { asked, chat, recovers, tell, texts } = retrying();
      recovers()[0]?.reject(error);
      await settle();
      await tell([{ role: "user", content: "again" }]);
      await asked;
      expect(texts()).toEqual([]);
      expect(chat.historyError.value).toBe(`Asking again failed: ${error.message}`);
      expect(chat.canRetry("s")).toBe(true);
    }
  });
});
