import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Connection, type ConnectionState, type RefusalAnswer, backoffMs } from "./connection";
import { ConnectionLost, RpcError } from "./errors";
import type { ConnectParams, EventFrame, HelloOk } from "./types";

class FakeSocket {
  readyState = 1;
  sent: { id: string; method: string; params: Record<string, unknown> }[] = [];
  closed: number | undefined;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as (typeof this.sent)[number]);
  }
  close(code?: number): void {
    this.closed ??= code ?? 1000;
    this.readyState = 3;
  }
  receive(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  die(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

const HELLO: HelloOk = {
  type: "hello-ok", protocol: 4, server: { version: "2026.9.6", connId: "c" }, features: { methods: [], events: [] },
  snapshot: {}, auth: { role: "operator", scopes: [] }, policy: { tickIntervalMs: 30_000, maxPayload: 1 },
};

function setUp(refusal: RefusalAnswer = { retry: false }) {
  const sockets: FakeSocket[] = [];
  const states: ConnectionState["kind"][] = [];
  const events: EventFrame[] = [];
  const seen = { gaps: 0, hellos: 0, refusals: [] as RpcError[] };
  const connection = new Connection({
    url: "ws://gateway/",
    connectParams: () => Promise.resolve({} as ConnectParams),
    onState: (state) => states.push(state.kind),
    onHello: () => (seen.hellos += 1),
    onEvent: (event) => events.push(event),
    onGap: () => (seen.gaps += 1),
    onRefused: (error) => (seen.refusals.push(error), refusal),
    openSocket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
  });
  const socket = (): FakeSocket => sockets.at(-1) as FakeSocket;
  const challenge = async (): Promise<void> => {
    socket().receive({ type: "event", event: "connect.challenge", payload: { nonce: "n", ts: 1 } });
    await vi.advanceTimersByTimeAsync(0);
  };
  const welcome = async (): Promise<void> => {
    await challenge();
    socket().receive({ type: "res", id: socket().sent[0]?.id, ok: true, payload: HELLO });
    await vi.advanceTimersByTimeAsync(0);
  };
  return { connection, sockets, socket, states, events, seen, challenge, welcome };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("signing on", () => {
  test("waits for the challenge, then sends connect once", async () => {
    const { connection, socket, challenge } = setUp();
    connection.start();
    expect(socket().sent).toEqual([]);
    await challenge();
    await challenge();
    expect(socket().sent.map((request) => request.method)).toEqual(["connect"]);
  });

  test("gives up on a peer that sends no challenge, and tries again", async () => {
    const { connection, sockets, states } = setUp();
    connection.start();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(states).toEqual(["connecting", "waiting"]);
    await vi.advanceTimersByTimeAsync(300);
    expect(sockets).toHaveLength(2);
  });

  test("stops when the refusal is final, waits as told when it is not", async () => {
    for (const [answer, kind] of [[{ retry: false }, "stopped"], [{ retry: true, delayMs: 5_000 }, "waiting"]] as const) {
      const { connection, sockets, socket, states, seen, challenge } = setUp(answer);
      connection.start();
      await challenge();
      socket().receive({ type: "res", id: socket().sent[0]?.id, ok: false, error: { code: "INVALID_REQUEST", message: "no", details: { code: "AUTH_TOKEN_MISSING" } } });
      await vi.advanceTimersByTimeAsync(0);
      expect(states.at(-1)).toBe(kind);
      expect(seen.refusals[0]?.detailCode).toBe("AUTH_TOKEN_MISSING");
      await vi.advanceTimersByTimeAsync(4_999);
      expect(sockets).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(sockets).toHaveLength(answer.retry ? 2 : 1);
    }
  });
});

describe("requests", () => {
  test("are matched by id, in any order", async () => {
    const { connection, socket, welcome } = setUp();
    connection.start();
    await welcome();
    const first = connection.request("health");
    const second = connection.request("status");
    const [, one, two] = socket().sent;
    socket().receive({ type: "res", id: two?.id, ok: true, payload: 2 });
    socket().receive({ type: "res", id: one?.id, ok: false, error: { code: "FORBIDDEN", message: "missing scope" } });
    await expect(second).resolves.toBe(2);
    await expect(first).rejects.toBeInstanceOf(RpcError);
  });

  test("fail at once when the connection is lost", async () => {
    const { connection, socket, welcome } = setUp();
    connection.start();
    await welcome();
    const pending = expect(connection.request("health")).rejects.toBeInstanceOf(ConnectionLost);
    socket().die();
    await pending;
    await expect(connection.request("health")).rejects.toBeInstanceOf(ConnectionLost);
  });

  test("fail after their deadline", async () => {
    const { connection, welcome } = setUp();
    connection.start();
    await welcome();
    const pending = expect(connection.request("health")).rejects.toThrow("did not answer health");
    await vi.advanceTimersByTimeAsync(30_000);
    await pending;
  });
});

describe("staying on", () => {
  test("a missed event is noticed, a new connection counts from one again", async () => {
    const { connection, socket, welcome, seen } = setUp();
    connection.start();
    await welcome();
    for (const seq of [1, 2, 3]) socket().receive({ type: "event", event: "tick", seq });
    expect(seen.gaps).toBe(0);
    socket().receive({ type: "event", event: "tick", seq: 5 });
    expect(seen.gaps).toBe(1);
    socket().die();
    await vi.advanceTimersByTimeAsync(300);
    await welcome();
    socket().receive({ type: "event", event: "tick", seq: 1 });
    expect(seen.gaps).toBe(1);
    expect(seen.hellos).toBe(2);
  });

  test("two silent tick intervals end the connection", async () => {
    const { connection, sockets, socket, welcome } = setUp();
    connection.start();
    await welcome();
    await vi.advanceTimersByTimeAsync(55_000);
    socket().receive({ type: "event", event: "tick", seq: 1 });
    await vi.advanceTimersByTimeAsync(55_000);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(sockets[0]?.closed).toBe(4000);
    expect(sockets.length).toBeGreaterThan(1);
  });

  test("null means absent, except inside other people's data", async () => {
    const { connection, socket, welcome, events } = setUp();
    connection.start();
    await welcome();
    socket().receive({ type: "event", event: "x", payload: { a: null, b: [{ c: null, d: 0 }], arguments: { e: null } } });
    expect(events[0]?.payload).toEqual({ b: [{ d: 0 }], arguments: { e: null } });
  });

  test("rubbish is ignored", async () => {
    const { connection, socket, welcome, events } = setUp();
    connection.start();
    await welcome();
    for (const data of ["", "{", "null", "[]", '"x"', '{"type":"other"}']) socket().onmessage?.({ data });
    expect(events).toEqual([]);
    expect(connection.state.kind).toBe("online");
  });
});

test("the wait doubles from 250 ms to 10 s", () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, 20].map((attempt) => backoffMs(attempt, 1))).toEqual([250, 250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  expect(backoffMs(1, 0)).toBe(200);
});
