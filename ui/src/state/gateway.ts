// What the status panel shows: the gateway itself, its channels, who waits for pairing, models,
// and what could be configured. Fetched when somebody looks or the gateway reports a change.
import { batch, computed, signal } from "@preact/signals";
import { ConnectionLost, errorText } from "../protocol/errors";
import type {
  ChannelAccount,
  ChannelsStatus,
  ChatCommand,
  DevicePairingRequest,
  Health,
  HelloOk,
  ModelEntry,
  PairingRequest,
  SetupOffer,
} from "../protocol/types";
import type { Rpc } from "./rpc";

/** While the panel is open; there is no event for a new pairing request of a channel. */
const PANEL_REFRESH_MS = 5_000;

export interface ChannelRow {
  id: string;
  label: string;
  accounts: ChannelAccount[];
}

export class Gateway {
  readonly hello = signal<HelloOk | undefined>(undefined);
  /** When the gateway process started, by this browser's clock. */
  readonly startedAtMs = signal<number | undefined>(undefined);
  readonly health = signal<Health | undefined>(undefined);
  readonly version = signal<string | undefined>(undefined);
  readonly channels = signal<ChannelRow[]>([]);
  readonly pairings = signal<PairingRequest[]>([]);
  readonly devices = signal<DevicePairingRequest[]>([]);
  readonly models = signal<ModelEntry[]>([]);
  readonly offers = signal<SetupOffer[]>([]);
  /** Whether a person had the gateway look for model servers on its machine, which it never does by itself. */
  readonly search = signal<"never" | "running" | "over">("never");
  /** What may be written with a slash. */
  readonly commands = signal<ChatCommand[]>([]);
  /** Methods whose last call failed, with the reason. */
  readonly errors = signal<Record<string, string>>({});
  /** The gateway says that no real model is configured. */
  readonly isDemo = computed(() => this.hello.value?.snapshot.sessionDefaults?.modelConfigured === false);
  readonly waitingCount = computed(() => this.pairings.value.length + this.devices.value.length);
  readonly #rpc: Rpc;
  #panelTimer: ReturnType<typeof setInterval> | undefined;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  onHello(hello: HelloOk, nowMs: number): void {
    batch(() => {
      this.hello.value = hello;
      this.health.value = hello.snapshot.health;
      this.startedAtMs.value = hello.snapshot.uptimeMs === undefined ? undefined : nowMs - hello.snapshot.uptimeMs;
    });
    void this.refresh();
    this.search.value = "never";
    void this.#readOffers({});
    void this.#read<{ commands?: ChatCommand[] }>("commands.list", {}, (result) => {
      this.commands.value = (result.commands ?? []).filter((command) => typeof command.name === "string");
    });
    void this.#read<{ toranaVersion?: string }>("system.info", {}, (result) => {
      if (typeof result.toranaVersion === "string") this.version.value = result.toranaVersion;
    });
  }

  onHealth(health: Health): void {
    this.health.value = health;
    void this.#readChannels();
    void this.#readWaiting();
  }

  setPanelOpen(open: boolean): void {
    clearInterval(this.#panelTimer);
    if (!open) return;
    void this.refresh();
    this.#panelTimer = setInterval(() => void this.refresh(), PANEL_REFRESH_MS);
  }

  async refresh(): Promise<void> {
    await Promise.all([
      this.#read<Health>("health", {}, (result) => (this.health.value = result)),
      this.#readChannels(),
      this.#readWaiting(),
      this.#read<{ models: ModelEntry[] }>("models.list", {}, (result) => (this.models.value = result.models ?? [])),
    ]);
  }

  async #readWaiting(): Promise<void> {
    await Promise.all([
      this.#read<{ requests: PairingRequest[] }>("channels.pairing.list", {}, (result) => {
        this.pairings.value = result.requests ?? [];
      }),
      this.#read<{ pending: DevicePairingRequest[] }>("device.pair.list", {}, (result) => {
        this.devices.value = result.pending ?? [];
      }),
    ]);
  }

  #readOffers(params: { probe?: boolean }): Promise<void> {
    return this.#read<{ offers?: SetupOffer[] } | SetupOffer[]>("torana.setup.offers", params, (result) => {
      this.offers.value = Array.isArray(result) ? result : (result.offers ?? []);
    });
  }

  async searchServers(): Promise<void> {
    this.search.value = "running";
    await this.#readOffers({ probe: true });
    this.search.value = "over";
  }

  #readChannels(): Promise<void> {
    return this.#read<ChannelsStatus>("channels.status", { probe: false }, (result) => {
      this.channels.value = channelRows(result);
    });
  }

  async #read<T>(method: string, params: Record<string, unknown>, take: (result: T) => void): Promise<void> {
    if (!this.#rpc.supports(method)) return;
    try {
      const result = await this.#rpc.request<T>(method, params);
      batch(() => {
        take(result);
        if (this.errors.value[method] !== undefined) {
          const { [method]: _, ...rest } = this.errors.value;
          this.errors.value = rest;
        }
      });
    } catch (error) {
      if (!(error instanceof ConnectionLost)) this.errors.value = { ...this.errors.value, [method]: errorText(error) };
    }
  }

  // ——— decisions ———

  /** The refusal is called `dismiss` by OpenClaw and `deny` by Torana's own table. */
  get #refusal(): string {
    return this.#rpc.supports("channels.pairing.deny") ? "channels.pairing.deny" : "channels.pairing.dismiss";
  }

  async decidePairing(request: PairingRequest, approve: boolean): Promise<void> {
    const { channel, accountId, requestId } = request;
    await this.#rpc.request(approve ? "channels.pairing.approve" : this.#refusal, {
      channel,
      accountId,
      requestId,
      ...(approve && request.notifySupported === true ? { notify: true } : {}),
    });
    await this.#readWaiting();
  }

  async decideDevice(request: DevicePairingRequest, approve: boolean): Promise<void> {
    await this.#rpc.request(approve ? "device.pair.approve" : "device.pair.reject", { requestId: request.requestId });
    await this.#readWaiting();
  }
}

export function channelRows(status: ChannelsStatus): ChannelRow[] {
  const ids = [...new Set([...(status.channelOrder ?? []), ...Object.keys(status.channelAccounts ?? {}), ...Object.keys(status.channels ?? {})])];
  return ids
    .map((id) => {
      const summary = status.channels?.[id];
      const accounts = status.channelAccounts?.[id] ?? (summary === undefined ? [] : [{ accountId: "default", ...summary }]);
      return { id, label: status.channelLabels?.[id] ?? id, accounts };
    })
    .filter((row) => row.accounts.length > 0);
}

export type AccountState = { tone: "good" | "wait" | "bad" | "off"; text: string };

/** One word for an account, from facts that may each be missing. */
export function accountState(account: ChannelAccount): AccountState {
  if (account.lastError) return { tone: account.connected === true ? "wait" : "bad", text: account.connected === true ? "recovered" : "failing" };
  if (account.enabled === false) return { tone: "off", text: "disabled" };
  if (account.configured === false) return { tone: "off", text: "not configured" };
  if (account.connected === true) return { tone: "good", text: "connected" };
  if (account.running === true) return { tone: account.connected === false ? "wait" : "good", text: account.connected === false ? "connecting" : "running" };
  return { tone: "off", text: "stopped" };
}
