// The conversations: keeps a transcript per opened session, feeds it from events and history,
// and moves texts from the outbox to the gateway.
import { batch, signal, type Signal } from "@preact/signals";
import { ConnectionLost, RequestTimeout, RpcError, errorText } from "../protocol/errors";
import { newId } from "../protocol/ids";
import type { AgentEvent, ChatEvent, HistoryResult, RecoverResult, SendResult, WireMessage } from "../protocol/types";
import { FrameBatch } from "./frame-batch";
import { type Outbox, type OutboxItem, reconcile } from "./outbox";
import type { Rpc } from "./rpc";
import {
  type Transcript,
  applyAgentEvent,
  applyChatEvent,
  applyHistory,
  applyMessage,
  emptyTranscript,
  joins,
  markRewritten,
  markStale,
  prependHistory,
  withPrompt,
} from "./transcript";

/** First page: fills any screen several times over. */
const HISTORY_PAGE = 100;
/** After a run only its own messages are new; a few more bridge what other clients wrote. */
const HISTORY_TAIL = 30;
/** What one history request may ask for at most. */
const HISTORY_MAX = 1_000;
/** Several events end one run; one fetch afterwards is enough. */
const REFRESH_DELAY_MS = 150;
/** Sessions kept in memory; the least recently opened one is fetched again when needed. */
const TRANSCRIPTS_MAX = 16;
/** Receipts the gateway is asked for at once (its own limit). */
const RECEIPTS_MAX = 50;
/** When a refusal says "later" without saying when. */
const RETRY_MS_DEFAULT = 2_000;
/** How `sessions.recover` says that it did nothing, because the last question was answered (OpenClaw 2026.9.6). */
const NOTHING_TO_RECOVER = /no interrupted run/;

type StreamEvent = { kind: "chat"; event: ChatEvent } | { kind: "agent"; event: AgentEvent };

export interface ChatOptions {
  rpc: Rpc;
  outbox: Outbox;
  /** Called with what each run ended with, for people who listen instead of look. */
  onEnded?: (sessionKey: string, text: string) => void;
}

export class Chat {
  /** Session whose transcript is on screen. */
  readonly openKey = signal<string | undefined>(undefined);
  /** Sessions with a run we have heard of. */
  readonly running = signal<ReadonlySet<string>>(new Set());
  /** Why the open session's history could not be read. */
  readonly historyError = signal<string | undefined>(undefined);
  readonly loadingOlder = signal(false);
  /** How many texts were sent from this page: who sends wants to see the end of the conversation. */
  readonly sent = signal(0);
  /** Sessions whose last question is being asked again. */
  readonly #retrying = signal<ReadonlySet<string>>(new Set());
  readonly #options: ChatOptions;
  readonly #transcripts = new Map<string, Signal<Transcript>>();
  readonly #batch = new FrameBatch(() => this.#flush());
  #events: StreamEvent[] = [];
  #subscribedKey: string | undefined;
  readonly #refreshTimers = new Map<string, ReturnType<typeof setTimeout>>();
  #sendTimer: ReturnType<typeof setTimeout> | undefined;
  #online = false;
  /** Counts connections, so that an answer of an old one is recognised. */
  #epoch = 0;

  constructor(options: ChatOptions) {
    this.#options = options;
  }

  transcript(key: string): Signal<Transcript> {
    const known = this.#transcripts.get(key);
    const transcript = known ?? signal(emptyTranscript(key));
    // Re-inserted so that the map's order is the order of use.
    this.#transcripts.delete(key);
    this.#transcripts.set(key, transcript);
    for (const oldest of this.#transcripts.keys()) {
      if (this.#transcripts.size <= TRANSCRIPTS_MAX) break;
      if (oldest !== this.openKey.peek()) this.#transcripts.delete(oldest);
    }
    return transcript;
  }

  open(key: string): void {
    if (this.openKey.value === key) return;
    batch(() => {
      this.openKey.value = key;
      this.historyError.value = undefined;
      this.transcript(key);
    });
    if (this.#online) {
      void this.#subscribe(key);
      void this.#refresh(key, HISTORY_PAGE);
    }
  }

  // ——— connection ———

  onHello(nowMs: number): void {
    this.#online = true;
    this.#epoch += 1;
    this.#subscribedKey = undefined;
    this.#options.outbox.reopen(nowMs);
    this.refetch();
    this.#pump();
  }

  onOffline(): void {
    this.#online = false;
    clearTimeout(this.#sendTimer);
    this.#sendTimer = undefined;
    batch(() => {
      for (const transcript of this.#transcripts.values()) transcript.value = markStale(transcript.value);
      this.running.value = new Set();
    });
  }

  /** Everything shown may be out of date. Closed sessions are fetched when they are opened. */
  refetch(): void {
    const openKey = this.openKey.value;
    for (const [key, transcript] of this.#transcripts) {
      if (key !== openKey) transcript.value = { ...markStale(transcript.value), loaded: false };
    }
    // The end of a run may be among what was missed; the list of sessions tells which still go on.
    this.running.value = new Set([...this.running.value].filter((key) => key === openKey));
    if (openKey === undefined) return;
    const transcript = this.transcript(openKey);
    transcript.value = markStale(transcript.value);
    void this.#subscribe(openKey);
    void this.#refresh(openKey, HISTORY_PAGE);
  }

  onChat(event: ChatEvent): void {
    // A newer snapshot of the same run makes the queued one pointless.
    const last = this.#events.at(-1);
    const superseded =
      event.state === "delta" && event.message !== undefined && last?.kind === "chat" &&
      last.event.state === "delta" && last.event.runId === event.runId && last.event.sessionKey === event.sessionKey;
    if (superseded) this.#events.pop();
    this.#events.push({ kind: "chat", event });
    this.#batch.schedule();
  }

  onAgent(event: AgentEvent): void {
    if (event.sessionKey === undefined || (event.stream !== "tool" && event.stream !== "thinking")) return;
    this.#events.push({ kind: "agent", event });
    this.#batch.schedule();
  }

  /** `session.message`: somebody, perhaps on another platform, wrote into the open session. */
  onSessionMessage(key: string, message: WireMessage): void {
    const transcript = this.#transcripts.get(key);
    if (transcript === undefined) return;
    if (message.role === "user") {
      // The outbox keeps its copy: an event is no proof that the history will show the text.
      transcript.value = applyMessage(transcript.value, message);
    } else if (transcript.value.runs.length === 0) {
      this.#refreshSoon(key);
    }
  }

  #flush(): void {
    const events = this.#events;
    this.#events = [];
    batch(() => {
      for (const entry of events) {
        if (entry.kind === "agent") this.#applyAgent(entry.event);
        else this.#applyChat(entry.event);
      }
    });
  }

  #applyAgent(event: AgentEvent): void {
    const transcript = this.#transcripts.get(event.sessionKey ?? "");
    if (transcript !== undefined) transcript.value = applyAgentEvent(transcript.value, event);
  }

  #applyChat(event: ChatEvent): void {
    const key = event.sessionKey;
    const transcript = this.#transcripts.get(key);
    if (transcript !== undefined) transcript.value = applyChatEvent(transcript.value, event, Date.now());
    const over = event.state === "final" || event.state === "aborted" || event.state === "error";
    this.#setRunning(key, !over);
    if (!over) return;
    const item = this.#options.outbox.get(event.runId);
    if (item !== undefined) {
      if (transcript !== undefined) {
        transcript.value = withPrompt(transcript.value, item.id, { text: item.text, createdAtMs: item.createdAtMs });
      }
      this.#options.outbox.remove([item.id]);
    }
    const ended = transcript?.value.ended.find((candidate) => candidate.runId === event.runId);
    const said = ended?.errorText ?? ended?.text ?? "";
    if (said !== "") this.#options.onEnded?.(key, said);
    this.#refreshSoon(key);
  }

  #setRunning(key: string, running: boolean): void {
    mark(this.running, key, running);
  }

  // ——— history ———

  async #subscribe(key: string): Promise<void> {
    const { rpc } = this.#options;
    if (this.#subscribedKey === key || !rpc.supports("sessions.messages.subscribe")) return;
    const before = this.#subscribedKey;
    this.#subscribedKey = key;
    try {
      if (before !== undefined && rpc.supports("sessions.messages.unsubscribe")) {
        await rpc.request("sessions.messages.unsubscribe", { key: before });
      }
      await rpc.request("sessions.messages.subscribe", { key });
    } catch {
      // Only news from other clients comes later then: the history after each run still brings it.
      if (this.#subscribedKey === key) this.#subscribedKey = undefined;
    }
  }

  #refreshSoon(key: string): void {
    if (key !== this.openKey.peek()) {
      const transcript = this.#transcripts.get(key);
      if (transcript !== undefined) transcript.value = { ...transcript.value, loaded: false };
      return;
    }
    clearTimeout(this.#refreshTimers.get(key));
    this.#refreshTimers.set(
      key,
      setTimeout(() => {
        this.#refreshTimers.delete(key);
        if (this.#online) void this.#refresh(key, HISTORY_TAIL);
      }, REFRESH_DELAY_MS),
    );
  }

  reload(): void {
    const key = this.openKey.value;
    if (key !== undefined && this.#online) void this.#refresh(key, HISTORY_PAGE);
  }

  async #refresh(key: string, limit: number): Promise<void> {
    const { rpc, outbox } = this.#options;
    const epoch = this.#epoch;
    const held = outbox.items.value.filter((item) => item.sessionKey === key).map((item) => item.id);
    const inputRunIds = held.slice(0, RECEIPTS_MAX);
    const askedAtOrder = this.transcript(key).peek().order;
    try {
      const result = await rpc.request<HistoryResult>("chat.history", {
        sessionKey: key,
        limit,
        ...(inputRunIds.length === 0 ? {} : { inputRunIds }),
      });
      if (epoch !== this.#epoch) return;
      // Events that came before this answer are older than it and must be applied first.
      this.#flush();
      const transcript = this.transcript(key).peek();
      if (limit < HISTORY_MAX && !joins(transcript, result)) {
        // More was written than was asked for: ask for all that is shown, so that nothing vanishes.
        await this.#refresh(key, Math.min(HISTORY_MAX, transcript.messages.length + HISTORY_PAGE));
        return;
      }
      batch(() => {
        this.#takeHistory(key, result, askedAtOrder);
        if (key === this.openKey.value) this.historyError.value = undefined;
      });
    } catch (error) {
      if (error instanceof ConnectionLost || epoch !== this.#epoch) return;
      if (key === this.openKey.value) this.historyError.value = errorText(error);
    }
  }

  #takeHistory(key: string, result: HistoryResult, askedAtOrder: number): void {
    const { outbox } = this.#options;
    const transcript = this.transcript(key);
    transcript.value = applyHistory(transcript.value, result, askedAtOrder);
    const items = outbox.items.value.filter((item) => item.sessionKey === key);
    const { consumed, queued } = reconcile(items, result);
    outbox.remove(consumed);
    for (const id of queued) if (outbox.get(id)?.state === "accepted") outbox.update(id, { state: "queued" });
    this.#setRunning(key, transcript.value.runs.length > 0);
  }

  async loadOlder(): Promise<void> {
    const key = this.openKey.value;
    const transcript = key === undefined ? undefined : this.#transcripts.get(key);
    if (key === undefined || transcript === undefined || !transcript.value.hasMore || this.loadingOlder.value) return;
    this.loadingOlder.value = true;
    const sessionId = transcript.value.sessionId;
    try {
      const result = await this.#options.rpc.request<HistoryResult>("chat.history", {
        sessionKey: key,
        limit: HISTORY_PAGE,
        offset: transcript.value.messages.length,
      });
      if (transcript.value.sessionId === sessionId) transcript.value = prependHistory(transcript.value, result);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) transcript.value = { ...transcript.value, hasMore: false };
    } finally {
      this.loadingOlder.value = false;
    }
  }

  /** After a reset or delete nothing of the old transcript may stay. */
  clear(key: string): void {
    const transcript = this.#transcripts.get(key);
    if (transcript !== undefined) transcript.value = emptyTranscript(key);
    if (key === this.openKey.value && this.#online) void this.#refresh(key, HISTORY_PAGE);
  }

  /** Somebody took back a part of the conversation, or asked again. */
  onRewritten(key: string, atMs = Number.POSITIVE_INFINITY): void {
    const transcript = this.#transcripts.get(key);
    if (transcript === undefined) return;
    transcript.value = markRewritten(transcript.value, atMs);
    if (key === this.openKey.value && this.#online) void this.#refresh(key, HISTORY_PAGE);
  }

  // ——— sending ———

  send(sessionKey: string, text: string): void {
    batch(() => {
      this.#options.outbox.add({ id: newId(), sessionKey, text, createdAtMs: Date.now(), state: "waiting" });
      this.sent.value += 1;
    });
    this.#pump();
  }

  /** Whether the last question may be asked again: nothing of the session is under way. */
  canRetry(sessionKey: string): boolean {
    const onItsWay = this.#options.outbox.items.value.some((item) => item.sessionKey === sessionKey && item.state !== "failed");
    return !onItsWay && !this.#retrying.value.has(sessionKey) && !this.running.value.has(sessionKey);
  }

  /** Asks the last question again in its place; a gateway that cannot do that is sent the text anew. */
  async retry(sessionKey: string, text: string): Promise<void> {
    if (!this.canRetry(sessionKey)) return;
    const { rpc } = this.#options;
    if (!this.#online || !rpc.supports("sessions.recover")) {
      this.send(sessionKey, text);
      return;
    }
    mark(this.#retrying, sessionKey, true);
    try {
      this.#recovered(sessionKey, text, await rpc.request<RecoverResult>("sessions.recover", { key: sessionKey }));
    } catch (error) {
      await this.#retryFailed(sessionKey, text, error);
    } finally {
      mark(this.#retrying, sessionKey, false);
    }
  }

  #recovered(sessionKey: string, text: string, result: RecoverResult): void {
    batch(() => {
      this.onRewritten(sessionKey);
      // Taken back but not asked: only the page still has the text.
      if (result.continuation?.status === "rejected") {
        this.send(sessionKey, text);
        return;
      }
      this.#setRunning(sessionKey, true);
      this.sent.value += 1;
    });
  }

  async #retryFailed(sessionKey: string, text: string, error: unknown): Promise<void> {
    if (error instanceof RpcError && NOTHING_TO_RECOVER.test(error.message)) {
      this.send(sessionKey, text);
      return;
    }
    // After a lost connection the next hello reads the history anyway.
    if (error instanceof ConnectionLost) return;
    // Too late, or refused because another page was first: when the history shows a run, all is well.
    await this.#refresh(sessionKey, HISTORY_PAGE);
    if (!this.#online || sessionKey !== this.openKey.value || this.running.value.has(sessionKey)) return;
    this.historyError.value = `Asking again failed: ${errorText(error)}`;
  }

  /** Sends a failed text again, under its own key: the gateway may have it after all. */
  resend(item: OutboxItem): void {
    this.#options.outbox.update(item.id, { state: "waiting" });
    this.#pump();
  }

  async abort(): Promise<void> {
    const key = this.openKey.value;
    if (key === undefined) return;
    try {
      await this.#options.rpc.request("chat.abort", { sessionKey: key });
    } catch (error) {
      if (!(error instanceof ConnectionLost)) this.historyError.value = `Stopping failed: ${errorText(error)}`;
    }
    this.#refreshSoon(key);
  }

  #pump(): void {
    if (!this.#online || this.#sendTimer !== undefined) return;
    for (const item of this.#options.outbox.due()) void this.#dispatch(item);
  }

  async #dispatch(item: OutboxItem): Promise<void> {
    const { rpc, outbox } = this.#options;
    const epoch = this.#epoch;
    outbox.update(item.id, { state: "sending" });
    try {
      const result = await rpc.request<SendResult>("chat.send", {
        sessionKey: item.sessionKey,
        message: item.text,
        deliver: false,
        idempotencyKey: item.id,
      });
      if (outbox.get(item.id)?.state === "sending") outbox.update(item.id, { state: "accepted" });
      if (result.status === "started") this.#setRunning(item.sessionKey, true);
      else this.#alreadyThere(item, result);
    } catch (error) {
      if (epoch === this.#epoch) this.#sendFailed(item, error);
    }
    this.#pump();
  }

  /** The gateway had this text before: the history tells what became of it. */
  #alreadyThere(item: OutboxItem, result: SendResult): void {
    if (result.status === "in_flight") {
      this.#refreshSoon(item.sessionKey);
      return;
    }
    const shown = item.sessionKey === this.openKey.value ? this.#refresh(item.sessionKey, HISTORY_PAGE) : Promise.resolve();
    void shown.then(() => this.#options.outbox.remove([item.id]));
  }

  #sendFailed(item: OutboxItem, error: unknown): void {
    const { outbox } = this.#options;
    if (error instanceof ConnectionLost) return;
    if (error instanceof RequestTimeout || (error instanceof RpcError && error.retryable)) {
      outbox.update(item.id, { state: "waiting" });
      const delayMs = error instanceof RpcError ? (error.retryAfterMs ?? RETRY_MS_DEFAULT) : RETRY_MS_DEFAULT;
      // While the timer runs nothing is sent: `due` would offer the same text again at once.
      this.#sendTimer = setTimeout(() => {
        this.#sendTimer = undefined;
        this.#pump();
      }, delayMs);
      return;
    }
    outbox.update(item.id, { state: "failed", error: errorText(error) });
  }
}

function mark(keys: Signal<ReadonlySet<string>>, key: string, marked: boolean): void {
  if (keys.value.has(key) === marked) return;
  const next = new Set(keys.value);
  if (marked) next.add(key);
  else next.delete(key);
  keys.value = next;
}
