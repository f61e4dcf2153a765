import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ConnectionLost, RequestTimeout, RpcError } from "../protocol/errors";
import { Asks, readApproval, readQuestion } from "./asks";

const approval = (id: string, change: Record<string, unknown> = {}): Record<string, unknown> => ({ id, approvalKind: "exec", expiresAtMs: 61_000, request: { command: "make", allowedDecisions: ["allow-once", "deny"] }, ...change });
const question = (id: string): Record<string, unknown> => ({ id, status: "pending", questions: [{ questionId: "colour", question: "Which?", options: [{ label: "red" }], isOther: false }] });

function setUp(lists: { approvals?: unknown; questions?: unknown } = {}) {
  const calls: [string, unknown][] = [];
  const said: string[] = [];
  let refusal: Error | undefined;
  const held: (() => void)[] = [];
  let holding = false;
  const list = <T>(answer: unknown): Promise<T> =>
    new Promise((resolve, reject) => {
      const settle = (): void => (answer instanceof Error ? reject(answer) : resolve(answer as T));
      if (holding) held.push(settle);
      else settle();
    });
  const rpc = {
    supports: () => true,
    request: <T>(method: string, params?: Record<string, unknown>): Promise<T> => {
      if (method === "exec.approval.list") return list(lists.approvals ?? []);
      if (method === "question.list") return list(lists.questions instanceof Error ? lists.questions : { questions: lists.questions ?? [] });
      if (method.endsWith(".list")) return Promise.reject(new RpcError({ code: "UNAVAILABLE", message: "no" }));
      calls.push([method, params]);
      return refusal === undefined ? Promise.resolve({} as T) : Promise.reject(refusal);
    },
  };
  const asks = new Asks(rpc, (text) => said.push(text));
  /** Lists stay on their way, with what they said when they were asked for, until released. */
  const hold = (): boolean => (holding = true);
  const release = (): void => {
    holding = false;
    for (const settle of held.splice(0)) settle();
  };
  const shown = (): string[] => [...asks.approvals.value, ...asks.questions.value].map((ask) => ask.id);
  return { asks, calls, said, lists, hold, release, shown, refuse: (error: Error) => (refusal = error) };
}

beforeEach(() => void vi.useFakeTimers({ now: 1_000 }));
afterEach(() => void vi.useRealTimers());

describe("what waits for a person", () => {
  test("is listed after the connection and announced afterwards, once", async () => {
    const { asks, said } = setUp({ approvals: [approval("a")], questions: [question("q")] });
    await asks.refresh();
    expect(asks.onEvent("exec.approval.requested", approval("a"))).toBe(true);
    asks.onEvent("question.requested", question("p"));
    expect(asks.approvals.value.map((one) => one.id)).toEqual(["a"]);
    expect(asks.questions.value.map((one) => one.id)).toEqual(["q", "p"]);
    expect(said).toEqual(["The agent asks: Which?"]);
    expect(asks.onEvent("chat", {})).toBe(false);
  });

  test("is decided with what the gateway allows", async () => {
    const { asks, calls } = setUp({ approvals: [approval("a")], questions: [question("q")] });
    await asks.refresh();
    const [command] = asks.approvals.value;
    const [asked] = asks.questions.value;
    if (command === undefined || asked === undefined) throw new Error("nothing is listed");
    expect(command.decisions).toEqual(["allow-once", "deny"]);
    await asks.decide(command, "deny");
    await asks.answer(asked, { colour: ["red"] });
    expect(calls).toEqual([["approval.resolve", { id: "a", kind: "exec", decision: "deny" }], ["question.resolve", { id: "q", answers: { answers: { colour: ["red"] } } }]]);
    expect([asks.approvals.value, asks.questions.value]).toEqual([[], []]);
  });

  test("that somebody else settled goes away without a complaint", async () => {
    const { asks, lists, refuse } = setUp({ approvals: [approval("a"), approval("b")] });
    await asks.refresh();
    const [first, second] = asks.approvals.value;
    if (first === undefined || second === undefined) throw new Error("nothing is listed");
    refuse(new RpcError({ code: "INVALID_REQUEST", message: "unknown or expired approval id" }));
    lists.approvals = [approval("b")];
    await asks.decide(first, "deny");
    expect(asks.approvals.value.map((one) => one.id)).toEqual(["b"]);
    await expect(asks.decide(second, "deny")).rejects.toThrow("unknown or expired");
    asks.onEvent("exec.approval.resolved", { id: "b" });
    expect(asks.approvals.value).toEqual([]);
  });

  test("is not forgotten when it is announced while the lists are on their way", async () => {
    const { asks, hold, release, shown } = setUp({ approvals: [approval("a")] });
    hold();
    const refreshed = asks.refresh();
    asks.onEvent("exec.approval.requested", approval("b"));
    asks.onEvent("question.requested", question("q"));
    release();
    await refreshed;
    expect(shown()).toEqual(["a", "b", "q"]);
  });

  test("does not come back when it is settled while the lists are on their way", async () => {
    const { asks, hold, release, shown } = setUp({ approvals: [approval("a"), approval("b")], questions: [question("q")] });
    await asks.refresh();
    hold();
    const refreshed = asks.refresh();
    asks.onEvent("exec.approval.resolved", { id: "a" });
    asks.onEvent("question.resolved", { id: "q" });
    release();
    await refreshed;
    expect(shown()).toEqual(["b"]);
  });

  test("is listed anew for who asks while lists are on their way", async () => {
    const { asks, lists, hold, release, shown } = setUp({ approvals: [approval("a")] });
    hold();
    const first = asks.refresh();
    lists.approvals = [approval("b")];
    const second = asks.refresh();
    release();
    await Promise.all([first, second]);
    expect(shown()).toEqual(["b"]);
  });

  test("stays when its list cannot be read, and a decision of unknown fate does not look made", async () => {
    const { asks, lists, refuse, shown } = setUp({ approvals: [approval("a"), approval("b")], questions: [question("q")] });
    await asks.refresh();
    const [asked] = asks.questions.value;
    if (asked === undefined) throw new Error("nothing is listed");
    lists.approvals = [approval("b")];
    lists.questions = new RpcError({ code: "UNAVAILABLE", message: "no" });
    refuse(new RequestTimeout("question.resolve"));
    await expect(asks.skip(asked)).rejects.toThrow("did not answer question.resolve in time");
    expect(shown()).toEqual(["b", "q"]);
    lists.questions = [];
    await asks.skip(asked);
    expect(shown()).toEqual(["b"]);
  });

  test("stays while the connection is away", async () => {
    const { asks, refuse } = setUp({ approvals: [approval("a")] });
    await asks.refresh();
    const [command] = asks.approvals.value;
    if (command === undefined) throw new Error("nothing is listed");
    refuse(new ConnectionLost());
    await expect(asks.decide(command, "deny")).rejects.toThrow("No connection");
    expect(asks.approvals.value).toHaveLength(1);
  });

  test("is gone when its time is over", async () => {
    const { asks } = setUp({ approvals: [approval("a")], questions: [question("q")] });
    await asks.refresh();
    vi.advanceTimersByTime(60_000);
    expect(asks.approvals.value).toEqual([]);
    expect(asks.questions.value).toHaveLength(1);
  });
});

describe("reading what anybody may have sent", () => {
  test("takes nothing without an id or without a part, and nothing that is over", () => {
    for (const value of [undefined, null, 7, "text", [], {}, { id: "" }, { id: 3 }]) {
      expect(readApproval(value, "exec")).toBeUndefined();
      expect(readQuestion(value)).toBeUndefined();
    }
    expect(readQuestion({ ...question("q"), status: "answered" })).toBeUndefined();
    expect(readQuestion({ id: "q", questions: [{ question: "without an id" }] })).toBeUndefined();
  });

  test("leaves a question for a secret to the terminal, wherever in it the secret is asked for", () => {
    const asking = (part: Record<string, unknown>): unknown => readQuestion({ id: "q", questions: [...["one", "two", "three"].map((questionId) => ({ questionId })), { questionId: "four", ...part }] });
    expect(asking({ isSecret: false, secretStore: null })).toBeDefined();
    expect([asking({ isSecret: true }), asking({ secretStore: { name: "KEY" } })]).toEqual([undefined, undefined]);
  });

  test("a part without options takes free text; one with options only when it says so or says nothing", () => {
    const free = (part: Record<string, unknown>): boolean | undefined => readQuestion({ id: "q", questions: [{ questionId: "one", ...part }] })?.parts[0]?.isFree;
    expect([free({}), free({ isOther: false }), free({ options: [{ label: "a" }], isOther: false }), free({ options: [{ label: "a" }] })]).toEqual([true, true, false, true]);
  });

  test("offers every decision when the gateway names none it knows", () => {
    expect(readApproval({ id: "a", request: { allowedDecisions: ["maybe"] } }, "plugin")).toMatchObject({ kind: "plugin", decisions: ["allow-once", "allow-always", "deny"] });
  });
});
