// Browser storage that may be missing, full or forbidden. Reads then find nothing and writes say so;
// no caller has to guard itself. Names carry the base path, because several gateways can share an origin.

export interface KeyValueStore {
  get(name: string): string | null;
  /** False when the browser refused (quota, private mode). */
  set(name: string, value: string): boolean;
  remove(name: string): void;
  names(prefix: string): string[];
}

export function browserStore(backing: () => Storage): KeyValueStore {
  const attempt = <T>(act: (storage: Storage) => T, otherwise: T): T => {
    try {
      return act(backing());
    } catch {
      return otherwise;
    }
  };
  return {
    get: (name) => attempt((storage) => storage.getItem(name), null),
    set: (name, value) => attempt((storage) => (storage.setItem(name, value), true), false),
    remove: (name) => attempt((storage) => storage.removeItem(name), undefined),
    names: (prefix) =>
      attempt(
        (storage) =>
          Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "").filter((name) =>
            name.startsWith(prefix),
          ),
        [],
      ),
  };
}

export function memoryStore(): KeyValueStore {
  const items = new Map<string, string>();
  return {
    get: (name) => items.get(name) ?? null,
    set: (name, value) => (items.set(name, value), true),
    remove: (name) => void items.delete(name),
    names: (prefix) => [...items.keys()].filter((name) => name.startsWith(prefix)),
  };
}

/** The same store under a prefix of its own. */
export function scoped(store: KeyValueStore, prefix: string): KeyValueStore {
  return {
    get: (name) => store.get(prefix + name),
    set: (name, value) => store.set(prefix + name, value),
    remove: (name) => store.remove(prefix + name),
    names: (inner) => store.names(prefix + inner).map((name) => name.slice(prefix.length)),
  };
}

/** Parses what an earlier version of this page, or another script, may have left. */
export function readJson(store: KeyValueStore, name: string): unknown {
  const text = store.get(name);
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
