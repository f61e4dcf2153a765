// The list of sessions: what the gateway has, what was just started here and is not there yet,
// and which one is open.
import { batch, computed, signal } from "@preact/signals";
import { ConnectionLost, errorText } from "../protocol/errors";
import { newId } from "../protocol/ids";
import type { SessionDefaults, SessionRow, SessionsChanged } from "../protocol/types";
import type { Rpc } from "./rpc";
import type { KeyValueStore } from "./storage";

/** Fills the list many times over; more are fetched when the person asks or searches. */
const LIST_PAGE = 200;
/** What one request may ask for at most. */
const LIST_MAX = 1_000;
/** A person who types a word should not cause a request per letter. */
const SEARCH_DELAY_MS = 200;
const SELECTED = "selected.v1";
/** `sessions.changed` comes in bursts of four around a run. */
const REFRESH_DELAY_MS = 200;
const MAIN_KEY_DEFAULT = "agent:main:main";

export interface SessionsOptions {
  rpc: Rpc;
  store: KeyValueStore;
  /** Somebody looks at the page: what arrives in the open session is read. */
  isWatched: () => boolean;
}

export class Sessions {
  readonly rows = signal<SessionRow[]>([]);
  readonly loaded = signal(false);
  readonly error = signal<string | undefined>(undefined);
  readonly filter = signal("");
  readonly selected = signal<string>(MAIN_KEY_DEFAULT);
  readonly mainKey = signal(MAIN_KEY_DEFAULT);
  /** The gateway has more sessions than the list shows. */
  readonly hasMore = signal(false);
  /** What the gateway found for the filter beyond the list. */
  readonly #found = signal<SessionRow[]>([]);
  #limit = LIST_PAGE;
  /** What was marked last: the same state is never marked twice. */
  #marked = "";
  #searchTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #agentId = signal("main");
  /** Started here, without a message the gateway could list. */
  readonly #fresh = signal<SessionRow[]>([]);
  readonly #rpc: Rpc;
  readonly #store: KeyValueStore;
  readonly #isWatched: () => boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Everything to show: the main session first, then the most recently used. */
  readonly all = computed(() => {
    const known = new Set(this.rows.value.map((row) => row.key));
    const extra = [...this.#fresh.value, ...this.#found.value].filter((row) => !known.has(row.key) && known.add(row.key));
    const rows = [...extra, ...this.rows.value].filter((row) => row.archived !== true);
    const main = this.mainKey.value;
    if (!rows.some((row) => row.key === main)) rows.push({ key: main, isMain: true });
    return rows.sort((one, other) => rank(other, main) - rank(one, main));
  });

  readonly shown = computed(() => {
    const wanted = this.filter.value.trim().toLowerCase();
    if (wanted === "") return this.all.value;
    return this.all.value.filter((row) =>
      `${titleOf(row)} ${row.key} ${row.lastMessagePreview ?? ""}`.toLowerCase().includes(wanted),
    );
  });

  readonly current = computed<SessionRow>(
    () => this.all.value.find((row) => row.key === this.selected.value) ?? { key: this.selected.value },
  );

  constructor({ rpc, store, isWatched }: SessionsOptions) {
    this.#rpc = rpc;
    this.#store = store;
    this.#isWatched = isWatched;
    this.selected.value = store.get(SELECTED) ?? MAIN_KEY_DEFAULT;
  }

  async onHello(defaults: SessionDefaults | undefined): Promise<void> {
    batch(() => {
      const main = defaults?.mainSessionKey ?? MAIN_KEY_DEFAULT;
      if (this.selected.value === this.mainKey.value && main !== this.mainKey.value) this.select(main);
      this.mainKey.value = main;
      this.#agentId.value = defaults?.defaultAgentId ?? "main";
    });
    if (this.#rpc.supports("sessions.subscribe")) {
      await this.#rpc.request("sessions.subscribe", {}).catch(() => undefined);
    }
    await this.refresh();
  }

  onChanged(change: SessionsChanged): void {
    const row = change.session;
    if (change.reason === "delete" && change.sessionKey !== undefined) {
      this.#drop(change.sessionKey);
    } else if (row !== undefined && typeof row.key === "string") {
      this.rows.value = [...this.rows.value.filter((known) => known.key !== row.key), { ...this.#row(row.key), ...row }];
    }
    this.refreshSoon();
  }

  refreshSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), REFRESH_DELAY_MS);
  }

  async refresh(): Promise<void> {
    try {
      const { rows, hasMore } = await this.#list({ limit: this.#limit });
      batch(() => {
        this.rows.value = rows;
        this.hasMore.value = hasMore && this.#limit < LIST_MAX;
        this.loaded.value = true;
        this.error.value = undefined;
      });
      this.markRead();
    } catch (error) {
      if (!(error instanceof ConnectionLost)) this.error.value = errorText(error);
    }
  }

  async #list(params: { limit: number; search?: string }): Promise<{ rows: SessionRow[]; hasMore: boolean }> {
    const result = await this.#rpc.request<{ sessions: SessionRow[]; hasMore?: boolean }>("sessions.list", {
      ...params,
      includeDerivedTitles: true,
      includeLastMessage: true,
    });
    return { rows: result.sessions.filter((row) => typeof row.key === "string"), hasMore: result.hasMore === true };
  }

  showMore(): Promise<void> {
    this.#limit = Math.min(LIST_MAX, this.#limit + LIST_PAGE);
    return this.refresh();
  }

  /** Narrows the list at once, and asks the gateway for what the list does not hold. */
  setFilter(text: string): void {
    this.filter.value = text;
    clearTimeout(this.#searchTimer);
    const search = text.trim();
    if (search === "") this.#found.value = this.#found.value.filter((row) => row.key === this.selected.value);
    if (search === "" || !this.hasMore.value) return;
    this.#searchTimer = setTimeout(() => void this.#search(search), SEARCH_DELAY_MS);
  }

  async #search(search: string): Promise<void> {
    try {
      const { rows } = await this.#list({ limit: LIST_PAGE, search });
      if (this.filter.value.trim() === search) this.#found.value = rows;
    } catch (error) {
      if (!(error instanceof ConnectionLost)) this.error.value = errorText(error);
    }
  }

  select(key: string): void {
    this.selected.value = key;
    this.#store.set(SELECTED, key);
    this.markRead();
  }

  /** The open session has been seen, as far as the page can know. */
  markRead(): void {
    const key = this.selected.value;
    const row = this.#row(key);
    const mark = `${key} ${row?.updatedAt ?? 0}`;
    if (row?.unread !== true || mark === this.#marked || !this.#isWatched()) return;
    this.#marked = mark;
    this.rows.value = this.rows.value.map((known) => (known.key === key ? { ...known, unread: false } : known));
    // Only a mark: when it cannot be set it stays, and nothing is lost.
    this.#rpc.request("sessions.patch", { key, unread: false }).catch(() => undefined);
  }

  /** A session exists from its first message on; until then only this page knows its key. */
  startNew(): string {
    const key = `agent:${this.#agentId.value}:dashboard:${newId()}`;
    this.#fresh.value = [{ key, updatedAt: Date.now() }, ...this.#fresh.value];
    this.select(key);
    return key;
  }

  async rename(key: string, label: string): Promise<void> {
    await this.#rpc.request("sessions.patch", { key, label: label === "" ? null : label });
    await this.refresh();
  }

  async reset(key: string): Promise<void> {
    await this.#rpc.request("sessions.reset", { key, reason: "reset" });
    await this.refresh();
  }

  async remove(key: string): Promise<void> {
    if (this.#row(key) !== undefined) await this.#rpc.request("sessions.delete", { key, deleteTranscript: true });
    this.#drop(key);
    await this.refresh();
  }

  #row(key: string): SessionRow | undefined {
    return this.rows.value.find((row) => row.key === key);
  }

  #drop(key: string): void {
    batch(() => {
      this.rows.value = this.rows.value.filter((row) => row.key !== key);
      this.#fresh.value = this.#fresh.value.filter((row) => row.key !== key);
      this.#found.value = this.#found.value.filter((row) => row.key !== key);
      if (this.selected.value === key) this.select(this.mainKey.value);
    });
  }
}

function rank(row: SessionRow, mainKey: string): number {
  return row.key === mainKey ? Number.POSITIVE_INFINITY : (row.updatedAt ?? 0);
}

/** What a person calls the session. */
export function titleOf(row: SessionRow): string {
  const parts = partsOf(row.key);
  const isMain = row.isMain === true || parts.rest === "main";
  // The main session outlives every subject: the words it happened to begin with are no name for it.
  const named = row.label ?? (isMain ? "Main" : (row.displayName ?? row.derivedTitle));
  if (named !== undefined && named.trim() !== "") return named;
  if (isMain) return "Main";
  if (parts.rest.startsWith("dashboard:")) return "New chat";
  return parts.rest;
}

/** The platform a session belongs to, or `undefined` for sessions of this page. */
export function channelOf(row: SessionRow): string | undefined {
  const [first, ...others] = partsOf(row.key).rest.split(":");
  if (first === undefined || others.length === 0 || first === "dashboard" || first === "webchat") return undefined;
  return first;
}

function partsOf(key: string): { agentId: string; rest: string } {
  const match = /^agent:([^:]*):(.+)$/.exec(key);
  return match === null ? { agentId: "", rest: key } : { agentId: match[1] ?? "", rest: match[2] ?? key };
}
