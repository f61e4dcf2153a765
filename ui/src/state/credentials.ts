// Which credential to show the gateway, and where each kind is kept:
// a login code only in memory (it works once), the shared secret at most for this tab,
// the device token for this origin. Links may bring a credential, never an address.
import type { Credential } from "../protocol/handshake";
import { type KeyValueStore, readJson } from "./storage";

const DEVICE_TOKEN = "device-token.v1";
const SECRET = "secret.v1";

export interface CredentialStores {
  /** Survives the browser. */
  lasting: KeyValueStore;
  /** Survives a reload of this tab. */
  tab: KeyValueStore;
}

export class Credentials {
  readonly #stores: CredentialStores;
  #login: string | undefined;

  constructor(stores: CredentialStores) {
    this.#stores = stores;
  }

  /** The best credential at hand: the freshest wish of the person first. */
  current(deviceId: string): Credential {
    if (this.#login !== undefined) return { kind: "login", code: this.#login };
    const secret = readJson(this.#stores.tab, SECRET) as { secret?: unknown; typed?: unknown } | undefined;
    if (typeof secret?.secret === "string") return { kind: "secret", secret: secret.secret, typed: secret.typed === true };
    const kept = readJson(this.#stores.lasting, DEVICE_TOKEN) as { token?: unknown; deviceId?: unknown } | undefined;
    // A token is bound to a key; after the key is gone (site data partly cleared) it only costs a failure.
    if (typeof kept?.token === "string" && kept.deviceId === deviceId) return { kind: "device", token: kept.token };
    return { kind: "none" };
  }

  offer(credential: Credential): void {
    if (credential.kind === "login") this.#login = credential.code;
    if (credential.kind === "secret") {
      this.#login = undefined;
      this.#stores.tab.set(SECRET, JSON.stringify({ secret: credential.secret, typed: credential.typed }));
    }
  }

  /** After a successful hello: from now on the device token does, and nothing stronger is kept. */
  accepted(deviceId: string, deviceToken: string | undefined): void {
    this.#login = undefined;
    if (deviceToken === undefined) return;
    if (this.#stores.lasting.set(DEVICE_TOKEN, JSON.stringify({ token: deviceToken, deviceId }))) {
      this.#stores.tab.remove(SECRET);
    }
  }

  /** Drops the refused credential. True when another one is left to try. */
  refused(kind: Credential["kind"], deviceId: string): boolean {
    if (kind === "login") this.#login = undefined;
    if (kind === "secret") this.#stores.tab.remove(SECRET);
    if (kind === "device") this.#stores.lasting.remove(DEVICE_TOKEN);
    return this.current(deviceId).kind !== "none";
  }

  forget(): void {
    this.#login = undefined;
    this.#stores.tab.remove(SECRET);
    this.#stores.lasting.remove(DEVICE_TOKEN);
  }
}

export interface LinkParts {
  pathname: string;
  search: string;
  hash: string;
}

/**
 * Takes a credential out of the page's address. `cleaned` is the address without it, to be put into
 * the history at once, or `undefined` when there was nothing to remove.
 */
export function takeFromLink(link: LinkParts): { credential?: Credential; cleaned?: string } {
  const fragment = new URLSearchParams(link.hash.replace(/^#/, ""));
  const query = new URLSearchParams(link.search);
  const login = fragment.get("login");
  // `?token=` is an old form of links; it is honoured so that it can be removed from the address.
  const secret = fragment.get("token") ?? query.get("token");
  if (login === null && secret === null) return {};
  query.delete("token");
  const rest = query.toString();
  const cleaned = link.pathname + (rest === "" ? "" : `?${rest}`);
  if (login !== null && login.trim() !== "") return { credential: { kind: "login", code: login.trim() }, cleaned };
  if (secret !== null && secret.trim() !== "") {
    return { credential: { kind: "secret", secret: secret.trim(), typed: false }, cleaned };
  }
  return { cleaned };
}
