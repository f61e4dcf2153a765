// A button that copies a text and says so for a moment.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { copyText } from "./clipboard";
import { Icon } from "./icons";

/** Long enough to read one word. */
const SAID_MS = 1_600;

/** With `word` it shows one beside its icon. */
export function CopyButton({ text, label, word }: { text: string; label: string; word?: string }): JSX.Element {
  const [outcome, setOutcome] = useState<"" | "Copied" | "Not copied">("");
  useEffect(() => {
    if (outcome === "") return;
    const timer = setTimeout(() => setOutcome(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async (): Promise<void> => setOutcome((await copyText(text)) ? "Copied" : "Not copied");
  return (
    <button type="button" class="ghost small" onClick={() => void copy()} aria-label={outcome === "" ? label : outcome} title={label}>
      <Icon name={outcome === "Copied" ? "check" : "copy"} size={15} />
      <span class="copy-said" aria-live="polite">{outcome === "" ? word : outcome}</span>
    </button>
  );
}
