// The main column: title and actions of the session, notes about the gateway, conversation, input.
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { titleOf } from "../state/sessions";
import { AsksView } from "./asks-view";
import { Composer } from "./composer";
import { useApp } from "./context";
import { DemoBanner } from "./demo-banner";
import { ConfirmDialog, RenameDialog } from "./dialogs";
import { Icon } from "./icons";
import { TranscriptView } from "./transcript-view";

type Question = "none" | "rename" | "reset" | "delete";

export function ChatView({ inert }: { inert: boolean }): JSX.Element {
  const app = useApp();
  const key = app.sessions.selected.value;
  const error = app.chat.historyError.value;
  return (
    <main class="chat" inert={inert}>
      <ChatHead />
      <DemoBanner />
      {error === undefined ? null : (
        <div class="bar bad" role="alert">
          <span class="bar-text">{error}</span>
          <button type="button" class="quiet" onClick={() => app.chat.reload()}>
            Try again
          </button>
        </div>
      )}
      <TranscriptView sessionKey={key} />
      <AsksView />
      <Composer sessionKey={key} />
    </main>
  );
}

function ChatHead(): JSX.Element {
  const app = useApp();
  const { sessions, chat } = app;
  const row = sessions.current.value;
  const [question, setQuestion] = useState<Question>("none");
  const close = (): void => setQuestion("none");
  const title = titleOf(row);
  const model = row.model === undefined ? undefined : row.modelProvider === undefined ? row.model : `${row.modelProvider}/${row.model}`;
  const waiting = app.gateway.waitingCount.value;

  return (
    <header class="chat-head">
      {app.appearance.narrow.value ? (
        <button id="drawer-button" type="button" class="ghost" aria-label="Open session list" aria-expanded={app.drawer.value === "sessions"} onClick={() => (app.drawer.value = "sessions")}>
          <Icon name="menu" />
          {waiting > 0 ? <span class="count">{waiting > 99 ? "99+" : waiting}</span> : null}
        </button>
      ) : null}
      <div class="chat-title">
        <h1 title={title}>
          <bdi>{title}</bdi>
        </h1>
        {model === undefined ? null : <p class="muted model">{model}</p>}
      </div>
      <SessionMenu onPick={setQuestion} isMain={row.key === sessions.mainKey.value} />
      {question === "rename" ? (
        <RenameDialog name={row.label ?? ""} onRename={(name) => sessions.rename(row.key, name)} onClose={close} />
      ) : null}
      {question === "reset" ? (
        <ConfirmDialog
          title="Reset this session?"
          text="The agent forgets this conversation and starts afresh. Names and settings of the session stay."
          action="Reset"
          onConfirm={async () => {
            await sessions.reset(row.key);
            chat.clear(row.key);
          }}
          onClose={close}
        />
      ) : null}
      {question === "delete" ? (
        <ConfirmDialog
          title={`Delete “${title}”?`}
          text="The session and its conversation are removed from the gateway."
          action="Delete"
          onConfirm={async () => {
            await sessions.remove(row.key);
            chat.clear(row.key);
          }}
          onClose={close}
        />
      ) : null}
    </header>
  );
}

function SessionMenu({ onPick, isMain }: { onPick: (question: Question) => void; isMain: boolean }): JSX.Element {
  const [open, setOpen] = useState(false);
  const menu = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    if (!open) return;
    menu.current?.querySelector<HTMLButtonElement>("[role=menuitem]")?.focus();
    const onPointer = (event: PointerEvent): void => {
      if (!(event.target instanceof Element) || event.target.closest(".menu-holder") === null) setOpen(false);
    };
    document.addEventListener("pointerdown", onPointer);
    return () => document.removeEventListener("pointerdown", onPointer);
  }, [open]);

  const onKeyDown = (event: KeyboardEvent): void => {
    const entries = [...(menu.current?.querySelectorAll<HTMLButtonElement>("[role=menuitem]") ?? [])];
    const index = entries.findIndex((entry) => entry === document.activeElement);
    if (event.key === "Escape") {
      event.stopPropagation();
      setOpen(false);
      button.current?.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      entries[(index + (event.key === "ArrowDown" ? 1 : entries.length - 1)) % entries.length]?.focus();
    } else if (event.key === "Tab") {
      setOpen(false);
    }
  };
  const pick = (question: Question): void => {
    setOpen(false);
    button.current?.focus();
    onPick(question);
  };

  return (
    <div class="menu-holder">
      <button ref={button} type="button" class="ghost" aria-label="Session actions" aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="more" />
      </button>
      {open ? (
        <div ref={menu} class="menu" role="menu" aria-label="Session actions" onKeyDown={onKeyDown}>
          <button type="button" role="menuitem" onClick={() => pick("rename")}>
            Rename
          </button>
          <button type="button" role="menuitem" onClick={() => pick("reset")}>
            Reset
          </button>
          {isMain ? null : (
            <button type="button" role="menuitem" class="danger-text" onClick={() => pick("delete")}>
              Delete
            </button>
          )}
        </div>
      ) : null}
    </div>
  );
}
