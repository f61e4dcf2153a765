// The unsent text of each session's input, so that neither a reload nor a switch loses a word.
import type { KeyValueStore } from "./storage";

const PREFIX = "draft.v1:";
/** Long enough not to write on every key, short enough to lose at most a word in a crash. */
const SAVE_DELAY_MS = 250;

export class Drafts {
  readonly #store: KeyValueStore;
  readonly #unsaved = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  get(sessionKey: string): string {
    return this.#unsaved.get(sessionKey) ?? this.#store.get(PREFIX + sessionKey) ?? "";
  }

  set(sessionKey: string, text: string): void {
    this.#unsaved.set(sessionKey, text);
    this.#timer ??= setTimeout(() => this.flush(), SAVE_DELAY_MS);
  }

  /** Writes now: the page is being hidden or a text was sent. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [key, text] of this.#unsaved) {
      if (text === "") this.#store.remove(PREFIX + key);
      else this.#store.set(PREFIX + key, text);
    }
    this.#unsaved.clear();
  }

  clear(): void {
    this.#unsaved.clear();
    for (const name of this.#store.names(PREFIX)) this.#store.remove(name);
  }
}
