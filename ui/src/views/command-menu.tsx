// Offers the gateway's chat commands while somebody types one. It completes and never sends: a command typed by half
// should not reset a session.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ChatCommand } from "../protocol/types";
import { useApp } from "./context";

/** What fits above the input of a phone. */
const SHOWN_MAX = 6;
const MENU_ID = "command-menu";

export interface CommandMenu {
  /** The list, or nothing while no command is being typed. */
  view: JSX.Element | null;
  /** For the field: it keeps the focus while the list is used. */
  fieldProps: { "aria-autocomplete"?: "list"; "aria-haspopup"?: "listbox"; "aria-controls"?: string; "aria-activedescendant"?: string };
  /** True when the key was for the list. */
  onKeyDown: (event: KeyboardEvent) => boolean;
}

export function useCommandMenu(text: string, complete: (text: string) => void): CommandMenu {
  const { gateway } = useApp();
  const [at, setAt] = useState(0);
  const [closedFor, setClosedFor] = useState("");
  const found = text === closedFor ? [] : matching(gateway.commands.value, text);
  useEffect(() => setAt(0), [text]);
  const take = (command: ChatCommand): void => complete(`/${command.name}${command.acceptsArgs === true ? " " : ""}`);

  const onKeyDown = (event: KeyboardEvent): boolean => {
    const current = found[at];
    if (current === undefined || event.isComposing || event.shiftKey || event.ctrlKey || event.metaKey) return false;
    if (event.key === "ArrowDown") setAt((at + 1) % found.length);
    else if (event.key === "ArrowUp") setAt((at + found.length - 1) % found.length);
    else if (event.key === "Tab" || event.key === "Enter") take(current);
    else if (event.key === "Escape") setClosedFor(text);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  const open = found.length > 0;
  const view = open ? (
    <ul id={MENU_ID} class="command-menu" role="listbox" aria-label="Commands">
      {found.map((command, index) => (
        <li
          key={command.name}
          id={`${MENU_ID}-${index}`}
          role="option"
          aria-selected={index === at}
          // A click would take the focus from the field.
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => take(command)}
        >
          <span class="command-name">/{command.name}</span>
          <span class="muted small-text command-description">{command.description}</span>
        </li>
      ))}
    </ul>
  ) : null;
  // A field of several lines may not become a combobox; these say the same.
  const fieldProps = open
    ? ({ "aria-autocomplete": "list", "aria-haspopup": "listbox", "aria-controls": MENU_ID, "aria-activedescendant": `${MENU_ID}-${at}` } as const)
    : {};
  return { view, fieldProps, onKeyDown };
}

/** Commands that begin with what is typed. One that is typed out needs no help. */
function matching(commands: readonly ChatCommand[], text: string): ChatCommand[] {
  const typed = /^\/(\S*)$/.exec(text)?.[1]?.toLowerCase();
  if (typed === undefined || commands.some((command) => command.name === typed)) return [];
  return commands.filter((command) => command.name.startsWith(typed)).slice(0, SHOWN_MAX);
}
