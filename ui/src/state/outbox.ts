// Texts the person sent, kept until the gateway's history shows them. Each has one idempotency key
// for all its attempts, so sending again after a lost connection never makes a second turn.
// One storage item per text: two tabs never overwrite each other.
import { signal } from "@preact/signals";
import type { HistoryResult, WireMessage } from "../protocol/types";
import { type KeyValueStore, readJson } from "./storage";

/** The gateway remembers keys for 24 hours; an older text could become a second turn, so a person decides. */
export const RESEND_AGE_MS_MAX = 23 * 60 * 60 * 1000;
const PREFIX = "outbox.v1:";

export type OutboxState =
  /** To be sent as soon as there is a connection. */
  | "waiting"
  | "sending"
  /** The gateway has it; the history does not show it yet. */
  | "accepted"
  /** Accepted, but another turn comes first. */
  | "queued"
  | "failed";

export interface OutboxItem {
  /** Idempotency key, and with it the run id. */
  id: string;
  sessionKey: string;
  text: string;
  createdAtMs: number;
  state: OutboxState;
  error?: string;
}

export class Outbox {
  readonly items = signal<OutboxItem[]>([]);
  /** The browser refuses to store: a reload would lose unsent text. */
  readonly unsaved = signal(false);
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.#store = store;
    this.items.value = store
      .names(PREFIX)
      .map((name) => parseItem(readJson(store, name)))
      .filter((item) => item !== undefined)
      .sort((one, other) => one.createdAtMs - other.createdAtMs);
  }

  get(id: string): OutboxItem | undefined {
    return this.items.value.find((item) => item.id === id);
  }

  add(item: OutboxItem): void {
    this.items.value = [...this.items.value, item];
    this.#save(item);
  }

  update(id: string, change: Partial<Pick<OutboxItem, "state" | "error">>): void {
    const known = this.get(id);
    if (known === undefined) return;
    const { error: _, ...rest } = known;
    const changed: OutboxItem = { ...rest, ...change };
    this.items.value = this.items.value.map((item) => (item.id === id ? changed : item));
    this.#save(changed);
  }

  remove(ids: Iterable<string>): void {
    const gone = new Set(ids);
    if (gone.size === 0) return;
    for (const id of gone) this.#store.remove(PREFIX + id);
    this.items.value = this.items.value.filter((item) => !gone.has(item.id));
  }

  /** Another tab changed the storage: what it let go of is settled here too. */
  onStorage(name: string, value: string | null): void {
    const id = name.split(PREFIX)[1];
    if (id !== undefined && value === null) this.items.value = this.items.value.filter((item) => item.id !== id);
  }

  /** A new connection: what was under way is of unknown fate and goes out again under its old key. */
  reopen(nowMs: number): void {
    for (const item of this.items.value) {
      if (item.state === "failed") continue;
      if (nowMs - item.createdAtMs > RESEND_AGE_MS_MAX) {
        this.update(item.id, { state: "failed", error: "It was never confirmed. Check the conversation, then send it again." });
      } else {
        this.update(item.id, { state: "waiting" });
      }
    }
  }

  /** The next text that may go out in its session: texts of one session leave in order, one at a time. */
  due(): OutboxItem[] {
    const blocked = new Set<string>();
    const due: OutboxItem[] = [];
    for (const item of this.items.value) {
      if (item.state === "sending") blocked.add(item.sessionKey);
      if (item.state === "waiting" && !blocked.has(item.sessionKey)) {
        blocked.add(item.sessionKey);
        due.push(item);
      }
    }
    return due;
  }

  #save(item: OutboxItem): void {
    // "Sending" is a fact of this page's life only; after a reload the text waits again.
    const kept = { ...item, state: item.state === "sending" ? "waiting" : item.state };
    this.unsaved.value = !this.#store.set(PREFIX + item.id, JSON.stringify(kept));
  }
}

function parseItem(value: unknown): OutboxItem | undefined {
  const item = value as Partial<OutboxItem> | undefined;
  if (typeof item?.id !== "string" || typeof item.sessionKey !== "string" || typeof item.text !== "string") return undefined;
  return {
    id: item.id,
    sessionKey: item.sessionKey,
    text: item.text,
    createdAtMs: typeof item.createdAtMs === "number" ? item.createdAtMs : 0,
    state: item.state === "failed" || item.state === "accepted" || item.state === "queued" ? item.state : "waiting",
    ...(typeof item.error === "string" ? { error: item.error } : {}),
  };
}

export interface Reconciliation {
  /** In the transcript: the outbox can let go. */
  consumed: string[];
  /** Accepted and waiting for its turn. */
  queued: string[];
}

/** What a history answer says about the texts we still hold. */
export function reconcile(items: readonly OutboxItem[], history: HistoryResult): Reconciliation {
  const shown = new Set<string>();
  for (const message of history.messages) {
    const key = keyOf(message);
    if (key !== undefined) shown.add(key);
  }
  for (const receipt of history.inputReceipts ?? []) if (receipt.state === "consumed") shown.add(receipt.runId);
  for (const consumption of history.inputConsumptions ?? []) shown.add(consumption.runId);
  const pending = new Set((history.pendingInputs?.items ?? []).flatMap((input) => [input.id, input.runId ?? input.id]));
  return {
    consumed: items.filter((item) => shown.has(item.id)).map((item) => item.id),
    queued: items.filter((item) => !shown.has(item.id) && pending.has(item.id)).map((item) => item.id),
  };
}

/** The idempotency key of a user message; some gateways store it with a `:user` suffix. */
export function keyOf(message: WireMessage): string | undefined {
  if (message.role !== "user") return undefined;
  const key = message.idempotencyKey ?? message.__openclaw?.idempotencyKey;
  return key?.replace(/:user$/, "");
}
