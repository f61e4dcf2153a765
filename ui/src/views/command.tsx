// A command for a terminal, with a button that copies it.
import type { JSX } from "preact";
import { CopyButton } from "./copy-button";

export function Command({ text }: { text: string }): JSX.Element {
  return (
    <div class="command">
      <code>{text}</code>
      <CopyButton text={text} label="Copy command" />
    </div>
  );
}
