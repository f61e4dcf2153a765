// The device identity: an Ed25519 key that belongs to this browser and origin.
// The key signs the gateway's challenge, so a stolen device token is useless elsewhere.
// Where it is kept: `device-store.ts`.
import { toBase64Url, toHex } from "./ids";

export interface DeviceIdentity {
  /** Lower-case hex SHA-256 of the raw public key. */
  id: string;
  /** Raw public key, base64url. */
  publicKey: string;
  sign(text: string): Promise<string>;
}

export interface SignedFields {
  deviceId: string;
  clientId: string;
  clientMode: string;
  role: string;
  scopes: readonly string[];
  signedAtMs: number;
  /** The credential sent in `auth`, or empty. A password is not part of it. */
  token: string;
  nonce: string;
  platform: string;
  deviceFamily: string;
}

/** The exact text that is signed, form v3. */
export function signedText(fields: SignedFields): string {
  return [
    "v3",
    fields.deviceId,
    fields.clientId,
    fields.clientMode,
    fields.role,
    fields.scopes.join(","),
    String(fields.signedAtMs),
    fields.token,
    fields.nonce,
    asciiLower(fields.platform.trim()),
    asciiLower(fields.deviceFamily.trim()),
  ].join("|");
}

/** Only A-Z change: the gateway compares bytes, and full Unicode folding depends on the browser. */
function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

// ——— keys held by the browser ———

/** Makes a key that scripts can use but never read; `null` where the browser lacks Ed25519. */
export async function newBrowserKey(): Promise<CryptoKeyPair | null> {
  try {
    return (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  } catch {
    // No secure context (plain http on a LAN address) or a browser without Ed25519.
    return null;
  }
}

export async function identityOfBrowserKey(pair: CryptoKeyPair): Promise<DeviceIdentity> {
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
  return {
    id: toHex(digest),
    publicKey: toBase64Url(raw),
    sign: async (text) =>
      toBase64Url(new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, new TextEncoder().encode(text)))),
  };
}

// ——— keys held by us ———

export function newSeed(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(32));
}

/** The same in plain script, loaded only where the browser cannot do it. */
export async function identityOfSeed(seed: Uint8Array): Promise<DeviceIdentity> {
  const [ed25519, sha2] = await Promise.all([import("@noble/ed25519"), import("@noble/hashes/sha2.js")]);
  ed25519.hashes.sha512 = sha2.sha512;
  const raw = ed25519.getPublicKey(seed);
  return {
    id: toHex(sha2.sha256(raw)),
    publicKey: toBase64Url(raw),
    sign: async (text) => toBase64Url(ed25519.sign(new TextEncoder().encode(text), seed)),
  };
}
