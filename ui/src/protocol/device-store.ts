// Keeps the device key across visits: in IndexedDB, where a browser-held key can be stored without
// being readable; else as a seed in localStorage; else only for this visit.
import { type DeviceIdentity, identityOfBrowserKey, identityOfSeed, newBrowserKey, newSeed } from "./device";
import { fromBase64Url, toBase64Url } from "./ids";

const DATABASE = "torana-control-ui";
const STORE = "device";
const RECORD = "identity";
const SEED_ITEM = "torana.device-seed.v1";

type StoredKey = { kind: "browser"; pair: CryptoKeyPair } | { kind: "seed"; seed: Uint8Array };

let current: Promise<DeviceIdentity> | undefined;

/** The identity of this browser, made on first use. */
export function deviceIdentity(): Promise<DeviceIdentity> {
  current ??= load();
  return current;
}

/** Makes a fresh key: only for a gateway that refuses the present one as malformed. */
export async function replaceDeviceIdentity(): Promise<void> {
  current = undefined;
  removeSeed();
  try {
    await inStore("readwrite", (store) => store.delete(RECORD));
  } catch {
    // No IndexedDB: nothing was kept there.
  }
}

async function load(): Promise<DeviceIdentity> {
  try {
    return await identityOf(await loadFromDatabase());
  } catch {
    // Private windows may refuse IndexedDB, or refuse keys in it.
    return identityOfSeed(loadSeed());
  }
}

async function loadFromDatabase(): Promise<StoredKey> {
  const kept = await inStore<StoredKey | undefined>("readonly", (store) => store.get(RECORD));
  if (kept !== undefined) return kept;
  const fresh = await newStoredKey();
  // Two tabs may open at once: `add` fails for the second, which then takes the first one's key.
  try {
    await inStore("readwrite", (store) => store.add(fresh, RECORD));
    return fresh;
  } catch (error) {
    const other = await inStore<StoredKey | undefined>("readonly", (store) => store.get(RECORD));
    if (other === undefined) throw error;
    return other;
  }
}

async function newStoredKey(): Promise<StoredKey> {
  const pair = await newBrowserKey();
  return pair === null ? { kind: "seed", seed: newSeed() } : { kind: "browser", pair };
}

function identityOf(key: StoredKey): Promise<DeviceIdentity> {
  return key.kind === "browser" ? identityOfBrowserKey(key.pair) : identityOfSeed(key.seed);
}

async function inStore<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  const database = await openDatabase();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result as T);
      transaction.onabort = () => reject(transaction.error ?? new Error("storage refused the device key"));
    });
  } finally {
    database.close();
  }
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB is not available"));
    request.onblocked = () => reject(new Error("IndexedDB is blocked"));
  });
}

function loadSeed(): Uint8Array {
  try {
    const kept = localStorage.getItem(SEED_ITEM);
    if (kept !== null) return fromBase64Url(kept);
    const seed = newSeed();
    localStorage.setItem(SEED_ITEM, toBase64Url(seed));
    return seed;
  } catch {
    // Storage is off: the identity lasts as long as the page.
    return newSeed();
  }
}

function removeSeed(): void {
  try {
    localStorage.removeItem(SEED_ITEM);
  } catch {
    // Storage is off: nothing was kept there.
  }
}
