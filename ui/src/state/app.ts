// Puts the stores and the connection together: one object the views read from and act on.
import { batch, effect, signal, untracked } from "@preact/signals";
import { Connection, type ConnectionState } from "../protocol/connection";
import type { RpcError } from "../protocol/errors";
import { type Credential, browserName, connectParams } from "../protocol/handshake";
import { deviceIdentity, replaceDeviceIdentity } from "../protocol/device-store";
import { newId } from "../protocol/ids";
import type { Place } from "../protocol/place";
import type { AgentEvent, Challenge, ChatEvent, ConnectParams, EventFrame, Health, HelloOk, SessionsChanged, WireMessage } from "../protocol/types";
import { Appearance } from "./appearance";
import { Asks } from "./asks";
import { Chat } from "./chat";
import { Credentials, takeFromLink } from "./credentials";
import { Drafts } from "./drafts";
import { Files } from "./files";
import { Gateway } from "./gateway";
import { Outbox } from "./outbox";
import { type Gate, judgeRefusal } from "./refusal";
import { Sessions } from "./sessions";
import { browserStore, scoped } from "./storage";

export type Drawer = "none" | "sessions" | "status";

export class App {
  readonly place: Place;
  readonly connectionState = signal<ConnectionState>({ kind: "idle" });
  readonly gate = signal<Gate>({ kind: "open" });
  /** A hello was seen since the page was loaded: the chat may be shown, even while reconnecting. */
  readonly welcomed = signal(false);
  /** The gateway said it is going down on purpose. */
  readonly restarting = signal(false);
  readonly drawer = signal<Drawer>("none");
  /** Read out by screen readers when an answer is complete. */
  readonly announcement = signal("");
  readonly appearance: Appearance;
  readonly asks: Asks;
  readonly chat: Chat;
  readonly drafts: Drafts;
  readonly files: Files;
  readonly gateway: Gateway;
  readonly outbox: Outbox;
  readonly sessions: Sessions;
  readonly #connection: Connection;
  readonly #credentials: Credentials;
  readonly #instanceId = newId();
  #methods = new Set<string>();
  #shown: { kind: Credential["kind"]; deviceId: string } = { kind: "none", deviceId: "" };

  constructor(place: Place) {
    this.place = place;
    const lasting = scoped(browserStore(() => localStorage), `torana:${place.basePath}:`);
    const tab = scoped(browserStore(() => sessionStorage), `torana:${place.basePath}:`);
    this.#credentials = new Credentials({ lasting, tab });
    this.#connection = new Connection({
      url: place.socketUrl,
      connectParams: (challenge) => this.#connectParams(challenge),
      onState: (state) => this.#onState(state),
      onHello: (hello) => this.#onHello(hello),
      onEvent: (event) => this.#onEvent(event),
      onGap: () => this.#onGap(),
      onRefused: (error) => this.#onRefused(error),
    });
    const rpc = {
      request: <T>(method: string, params?: Record<string, unknown>) => this.#connection.request<T>(method, params),
      supports: (method: string) => this.#methods.has(method),
    };
    this.appearance = new Appearance(lasting);
    this.drafts = new Drafts(lasting);
    this.files = new Files(rpc, place.basePath);
    this.outbox = new Outbox(lasting);
    this.sessions = new Sessions({ rpc, store: lasting, isWatched: () => document.visibilityState === "visible" });
    this.gateway = new Gateway(rpc);
    this.asks = new Asks(rpc, (text) => (this.announcement.value = text));
    this.chat = new Chat({ rpc, outbox: this.outbox, onEnded: (key, text) => this.#announce(key, text) });
    effect(() => {
      const key = this.sessions.selected.value;
      untracked(() => this.chat.open(key));
    });
    effect(() => {
      const open = this.drawer.value === "status";
      untracked(() => this.gateway.setPanelOpen(open));
    });
  }

  start(): void {
    this.#takeLink();
    // A new link pasted into an open tab changes only the fragment and loads nothing.
    addEventListener("hashchange", () => {
      if (this.#takeLink()) this.#connection.start();
    });
    addEventListener("online", () => this.#connection.retryNow());
    addEventListener("storage", (event) => this.outbox.onStorage(event.key ?? "", event.newValue));
    addEventListener("pagehide", () => this.drafts.flush());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") {
        this.drafts.flush();
      } else {
        this.#connection.check();
        this.#connection.retryNow();
        this.sessions.markRead();
      }
    });
    this.#connection.start();
  }

  /** With the gateway's secret, or with a sign-in link pasted where it says "secret". */
  signIn(entered: string): void {
    const { credential } = takeFromLink({ pathname: "", search: "", hash: /#.*$/.exec(entered)?.[0] ?? "" });
    this.#credentials.offer(credential ?? { kind: "secret", secret: entered, typed: true });
    this.gate.value = { kind: "open" };
    this.#connection.start();
  }

  /** Leaves nothing of the person behind in this browser. */
  signOut(): void {
    this.#credentials.forget();
    this.drafts.clear();
    this.outbox.remove(this.outbox.items.value.map((item) => item.id));
    this.#connection.stop();
    location.reload();
  }

  reconnect(): void {
    if (this.#connection.state.kind === "stopped") this.#connection.start();
    else this.#connection.retryNow();
  }

  supports(method: string): boolean {
    return this.#methods.has(method);
  }

  // ——— connection ———

  #takeLink(): boolean {
    const { credential, cleaned } = takeFromLink(location);
    if (cleaned !== undefined) history.replaceState(history.state, "", cleaned);
    if (credential === undefined) return false;
    this.#credentials.offer(credential);
    this.gate.value = { kind: "open" };
    return true;
  }

  async #connectParams(challenge: Challenge): Promise<ConnectParams> {
    const identity = await deviceIdentity();
    const credential = this.#credentials.current(identity.id);
    this.#shown = { kind: credential.kind, deviceId: identity.id };
    return connectParams({
      identity,
      credential,
      challenge,
      instanceId: this.#instanceId,
      version: __UI_VERSION__,
      displayName: browserName(navigator.userAgent),
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      locale: navigator.language,
    });
  }

  #onState(state: ConnectionState): void {
    batch(() => {
      this.connectionState.value = state;
      if (state.kind !== "online") this.chat.onOffline();
    });
  }

  #onHello(hello: HelloOk): void {
    this.#credentials.accepted(this.#shown.deviceId, hello.auth.deviceToken);
    this.#methods = new Set(hello.features.methods);
    batch(() => {
      this.gate.value = { kind: "open" };
      this.welcomed.value = true;
      this.restarting.value = false;
      this.gateway.onHello(hello, Date.now());
      void this.sessions.onHello(hello.snapshot.sessionDefaults);
      this.chat.onHello(Date.now());
    });
    void this.asks.refresh();
  }

  #onRefused(error: RpcError): { retry: false } | { retry: true; delayMs?: number } {
    const verdict = judgeRefusal(error, this.#shown.kind, Date.now(), this.place.origin);
    const another = verdict.forget && this.#credentials.refused(this.#shown.kind, this.#shown.deviceId);
    if (verdict.newDevice === true) void replaceDeviceIdentity();
    // An old link must not hide that this browser is signed in anyway.
    if (another) return { retry: true, delayMs: 0 };
    this.gate.value = verdict.gate;
    if (verdict.retry.after === "never") return { retry: false };
    return verdict.retry.after === "delay" ? { retry: true, delayMs: verdict.retry.delayMs } : { retry: true };
  }

  #onGap(): void {
    this.chat.refetch();
    void this.sessions.refresh();
    void this.gateway.refresh();
    void this.asks.refresh();
  }

  #onEvent(frame: EventFrame): void {
    const payload = frame.payload;
    if (this.asks.onEvent(frame.event, payload)) return;
    switch (frame.event) {
      case "chat":
        this.chat.onChat(payload as ChatEvent);
        if ((payload as ChatEvent).state !== "delta") this.sessions.refreshSoon();
        break;
      case "agent":
        this.chat.onAgent(payload as AgentEvent);
        break;
      case "session.message": {
        const news = payload as { sessionKey?: string; message?: WireMessage };
        if (news.sessionKey !== undefined && news.message !== undefined) this.chat.onSessionMessage(news.sessionKey, news.message);
        break;
      }
      case "sessions.changed":
        this.#onSessionChanged(payload as SessionsChanged);
        break;
      case "health":
        this.gateway.onHealth(payload as Health);
        break;
      case "device.pair.requested":
      case "device.pair.resolved":
        void this.gateway.refresh();
        break;
      case "shutdown":
        this.restarting.value = true;
        break;
    }
  }

  #onSessionChanged(change: SessionsChanged): void {
    this.sessions.onChanged(change);
    const rewritten = change.reason === "rewind" || change.reason === "reset" || change.reason === "compact";
    if (rewritten && change.sessionKey !== undefined) this.chat.onRewritten(change.sessionKey, change.ts);
  }

  #announce(sessionKey: string, text: string): void {
    if (sessionKey === this.sessions.selected.value) this.announcement.value = text.slice(0, 600);
  }
}
