// The list of sessions: what the gateway has, what was just started here and is not there yet,
// and which one is open.
import { batch, computed, signal } from "@preact/signals";
import { ConnectionLost, errorText } from "../protocol/errors";
import { newId } from "../protocol/ids";
import type { SessionDefaults, SessionRow, SessionsChanged } from "../protocol/types";
import type { Rpc } from "./rpc";
import type { KeyValueStore } from "./storage";

const LIST_MAX = 200;
const SELECTED = "selected.v1";
/** `sessions.changed` comes in bursts of four around a run. */
const REFRESH_DELAY_MS = 200;
const MAIN_KEY_DEFAULT = "agent:main:main";

export class Sessions {
  readonly rows = signal<SessionRow[]>([]);
  readonly loaded = signal(false);
  readonly error = signal<string | undefined>(undefined);
  readonly filter = signal("");
  readonly selected = signal<string>(MAIN_KEY_DEFAULT);
  readonly mainKey = signal(MAIN_KEY_DEFAULT);
  readonly #agentId = signal("main");
  /** Started here, without a message the gateway could list. */
  readonly #fresh = signal<SessionRow[]>([]);
  readonly #rpc: Rpc;
  readonly #store: KeyValueStore;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Everything to show: the main session first, then the most recently used. */
  readonly all = computed(() => {
    const known = new Set(this.rows.value.map((row) => row.key));
    const rows = [...this.#fresh.value.filter((row) => !known.has(row.key)), ...this.rows.value].filter((row) => row.archived !== true);
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

  constructor(rpc: Rpc, store: KeyValueStore) {
    this.#rpc = rpc;
    this.#store = store;
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
      const result = await this.#rpc.request<{ sessions: SessionRow[] }>("sessions.list", {
        limit: LIST_MAX,
        includeDerivedTitles: true,
        includeLastMessage: true,
      });
      batch(() => {
        this.rows.value = result.sessions.filter((row) => typeof row.key === "string");
        this.loaded.value = true;
        this.error.value = undefined;
      });
    } catch (error) {
      if (!(error instanceof ConnectionLost)) this.error.value = errorText(error);
    }
  }

  select(key: string): void {
    this.selected.value = key;
    this.#store.set(SELECTED, key);
    const row = this.#row(key);
    if (row?.unread === true) {
      this.rows.value = this.rows.value.map((known) => (known.key === key ? { ...known, unread: false } : known));
      // Only a mark: when it cannot be set it stays, and nothing is lost.
      this.#rpc.request("sessions.patch", { key, unread: false }).catch(() => undefined);
    }
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
      if (this.selected.value === key) this.select(this.mainKey.value);
    });
  }
}

function rank(row: SessionRow, mainKey: string): number {
  return row.key === mainKey ? Number.POSITIVE_INFINITY : (row.updatedAt ?? 0);
}

/** What a person calls the session. */
export function titleOf(row: SessionRow): string {
  const named = row.label ?? row.displayName ?? row.derivedTitle;
  if (named !== undefined && named.trim() !== "") return named;
  const parts = partsOf(row.key);
  if (row.isMain === true || parts.rest === "main") return "Main";
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
