// One WebSocket to the gateway that keeps coming back: challenge, connect, hello, requests, events,
// the tick watchdog, and reconnecting with backoff. It knows frames, not chats.
import { withoutNulls } from "./absent";
import { ConnectionLost, RequestTimeout, RpcError } from "./errors";
import { newId } from "./ids";
import type { Challenge, ConnectParams, EventFrame, Frame, HelloOk, ResponseFrame } from "./types";

/** First wait after a loss; short, because a restarting gateway is back within a second. */
const BACKOFF_MS_FIRST = 250;
/** Longest wait between attempts: a laptop lid opened again should not wait half a minute. */
const BACKOFF_MS_MAX = 10_000;
/** The gateway sends its challenge at once; after this long the other side is not a gateway. */
const HANDSHAKE_MS_MAX = 15_000;
/** Deadline of a request; the gateway answers everything here without waiting for a model. */
const REQUEST_MS_MAX = 30_000;
/** Until hello says otherwise. */
const TICK_MS_DEFAULT = 30_000;

export type ConnectionState =
  | { kind: "idle" }
  | { kind: "connecting"; attempt: number }
  | { kind: "online" }
  | { kind: "waiting"; attempt: number; retryAtMs: number }
  /** Refused for a reason that retrying does not change. */
  | { kind: "stopped" };

/** What to do after the gateway refused `connect`. */
export type RefusalAnswer = { retry: false } | { retry: true; delayMs?: number };

export interface ConnectionOptions {
  url: string;
  connectParams: (challenge: Challenge) => Promise<ConnectParams>;
  onState: (state: ConnectionState) => void;
  onHello: (hello: HelloOk) => void;
  onEvent: (event: EventFrame) => void;
  /** At least one event was missed: everything shown must be fetched again. */
  onGap: () => void;
  onRefused: (error: RpcError) => RefusalAnswer;
  openSocket?: (url: string) => WebSocket;
}

interface Pending {
  method: string;
  resolve: (payload: unknown) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #pending = new Map<string, Pending>();
  #state: ConnectionState = { kind: "idle" };
  #socket: WebSocket | undefined;
  #connectId: string | undefined;
  #lastSeq = 0;
  #attempt = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #handshakeTimer: ReturnType<typeof setTimeout> | undefined;
  #watchdog: ReturnType<typeof setInterval> | undefined;
  #heardAtMs = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Connects now, whatever was going on before. */
  start(): void {
    this.#drop();
    this.#attempt = 0;
    this.#open();
  }

  stop(): void {
    this.#drop();
    this.#enter({ kind: "stopped" });
  }

  /** Cuts a wait short: the network came back, the tab is visible again, or a person asked. */
  retryNow(): void {
    if (this.#state.kind === "waiting") this.#open();
  }

  /** Checks at once whether the peer has gone silent, e.g. after the computer slept. */
  check(): void {
    if (this.#state.kind === "online") this.#checkSilence(1.5 * this.#tickMs);
  }

  request<T>(method: string, params: Record<string, unknown> = {}): Promise<T> {
    const socket = this.#socket;
    if (socket === undefined || this.#state.kind !== "online") return Promise.reject(new ConnectionLost());
    return this.#call<T>(socket, newId(), method, params, REQUEST_MS_MAX);
  }

  #tickMs = TICK_MS_DEFAULT;

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.#options.onState(state);
  }

  #open(): void {
    clearTimeout(this.#retryTimer);
    this.#attempt += 1;
    this.#lastSeq = 0;
    this.#enter({ kind: "connecting", attempt: this.#attempt });
    const open = this.#options.openSocket ?? ((url: string) => new WebSocket(url));
    const socket = open(this.#options.url);
    this.#socket = socket;
    const mine = (act: () => void) => () => {
      if (this.#socket === socket) act();
    };
    socket.onmessage = (message: MessageEvent) => {
      if (this.#socket === socket && typeof message.data === "string") this.#receive(socket, message.data);
    };
    socket.onclose = mine(() => this.#lost());
    socket.onerror = () => {
      // A close event always follows and carries the consequence.
    };
    this.#handshakeTimer = setTimeout(
      mine(() => this.#lost()),
      HANDSHAKE_MS_MAX,
    );
  }

  /** Forgets the socket without waiting for it: on a dead network a close can take minutes. */
  #drop(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#handshakeTimer);
    clearInterval(this.#watchdog);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#connectId = undefined;
    if (socket !== undefined) {
      socket.onmessage = null;
      socket.onclose = null;
      try {
        socket.close();
      } catch {
        // Already closed.
      }
    }
    const cut = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of cut) {
      clearTimeout(pending.timer);
      pending.reject(new ConnectionLost());
    }
  }

  #lost(delayMs?: number): void {
    this.#drop();
    const waitMs = delayMs ?? backoffMs(this.#attempt, Math.random());
    this.#enter({ kind: "waiting", attempt: this.#attempt, retryAtMs: Date.now() + waitMs });
    this.#retryTimer = setTimeout(() => this.#open(), waitMs);
  }

  #receive(socket: WebSocket, text: string): void {
    this.#heardAtMs = Date.now();
    const frame = parseFrame(text);
    if (frame === undefined) return;
    if (frame.type === "res") this.#settle(frame);
    else if (frame.event === "connect.challenge") this.#answerChallenge(socket, frame);
    else this.#deliver(frame);
  }

  #settle(frame: ResponseFrame): void {
    const pending = this.#pending.get(frame.id);
    if (pending === undefined) return;
    this.#pending.delete(frame.id);
    clearTimeout(pending.timer);
    if (frame.ok) pending.resolve(frame.payload);
    else pending.reject(new RpcError(frame.error ?? { code: "UNAVAILABLE", message: "the gateway gave no reason" }));
  }

  #deliver(frame: EventFrame): void {
    if (typeof frame.seq === "number") {
      const missed = frame.seq > this.#lastSeq + 1;
      this.#lastSeq = frame.seq;
      if (missed) this.#options.onGap();
    }
    this.#options.onEvent(frame);
  }

  #answerChallenge(socket: WebSocket, frame: EventFrame): void {
    const challenge = frame.payload as Partial<Challenge> | undefined;
    if (this.#connectId !== undefined || typeof challenge?.nonce !== "string" || typeof challenge.ts !== "number") return;
    const connectId = newId();
    this.#connectId = connectId;
    this.#options
      .connectParams({ nonce: challenge.nonce, ts: challenge.ts })
      .then((params) => this.#call<HelloOk>(socket, connectId, "connect", { ...params }, HANDSHAKE_MS_MAX))
      .then(
        (hello) => this.#welcome(socket, hello),
        (error: unknown) => this.#refused(socket, error),
      );
  }

  #welcome(socket: WebSocket, hello: HelloOk): void {
    if (this.#socket !== socket) return;
    clearTimeout(this.#handshakeTimer);
    this.#attempt = 0;
    this.#tickMs = Math.max(1_000, hello.policy?.tickIntervalMs ?? TICK_MS_DEFAULT);
    this.#heardAtMs = Date.now();
    this.#watchdog = setInterval(() => this.#checkSilence(2 * this.#tickMs), this.#tickMs / 4);
    this.#enter({ kind: "online" });
    this.#options.onHello(hello);
  }

  #checkSilence(limitMs: number): void {
    if (Date.now() - this.#heardAtMs > limitMs) {
      this.#socket?.close(4000, "tick timeout");
      this.#lost(0);
    }
  }

  #refused(socket: WebSocket, error: unknown): void {
    if (this.#socket !== socket) return;
    if (!(error instanceof RpcError)) {
      this.#lost();
      return;
    }
    // Dropped before the callback, which may already start the next attempt.
    this.#drop();
    const answer = this.#options.onRefused(error);
    if (this.#socket !== undefined) return;
    if (answer.retry) this.#lost(answer.delayMs);
    else this.#enter({ kind: "stopped" });
  }

  #call<T>(socket: WebSocket, id: string, method: string, params: Record<string, unknown>, deadlineMs: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (socket !== this.#socket || socket.readyState !== 1) {
        reject(new ConnectionLost());
        return;
      }
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new RequestTimeout(method));
      }, deadlineMs);
      this.#pending.set(id, { method, resolve: resolve as (payload: unknown) => void, reject, timer });
      socket.send(JSON.stringify({ type: "req", id, method, params }));
    });
  }
}

/** Doubles from the first wait to the longest; up to a fifth is random so that tabs do not march in step. */
export function backoffMs(attempt: number, random: number): number {
  const base = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** Math.max(0, attempt - 1));
  return Math.round(base * (0.8 + 0.2 * random));
}

function parseFrame(text: string): Frame | undefined {
  try {
    const frame = JSON.parse(text) as Partial<Frame> | null;
    if (frame?.type === "res" || frame?.type === "event") return withoutNulls(frame as Frame);
  } catch {
    // Not a frame of this protocol; the watchdog deals with a peer that sends nothing else.
  }
  return undefined;
}
