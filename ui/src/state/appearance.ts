// Theme and width of the window. The theme follows the system until the person chooses.
import { effect, signal } from "@preact/signals";
import type { KeyValueStore } from "./storage";

export type Theme = "system" | "light" | "dark";
const THEME = "theme.v1";
/** Below this the session list is a drawer; the same number stands in the styles. */
const NARROW = "(max-width: 820px)";

export class Appearance {
  readonly theme = signal<Theme>("system");
  readonly narrow = signal(false);
  readonly dark = signal(false);
  /** A finger is the first pointer, and the keyboard most likely one on glass. */
  readonly touch = signal(false);

  constructor(store: KeyValueStore) {
    const kept = store.get(THEME);
    if (kept === "light" || kept === "dark") this.theme.value = kept;
    const follow = (query: string, set: (matches: boolean) => void): void => {
      const list = matchMedia(query);
      set(list.matches);
      list.addEventListener("change", () => set(list.matches));
    };
    const systemDark = signal(false);
    follow("(prefers-color-scheme: dark)", (matches) => (systemDark.value = matches));
    follow("(pointer: coarse)", (matches) => (this.touch.value = matches));
    follow(NARROW, (matches) => (this.narrow.value = matches));
    effect(() => {
      const theme = this.theme.value;
      this.dark.value = theme === "dark" || (theme === "system" && systemDark.value);
      document.documentElement.dataset["theme"] = this.dark.value ? "dark" : "light";
      if (theme === "system") store.remove(THEME);
      else store.set(THEME, theme);
    });
  }

  /** The other one of the two; choosing what the system wants means following it again. */
  toggle(): void {
    const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const wantDark = !this.dark.value;
    this.theme.value = wantDark === systemDark ? "system" : wantDark ? "dark" : "light";
  }
}
