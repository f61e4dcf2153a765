// The list of sessions. On a phone it is a drawer.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { SessionRow } from "../protocol/types";
import { channelOf, titleOf } from "../state/sessions";
import { ConnectionBadge } from "./connection-badge";
import { useApp } from "./context";
import { shortTime, withoutMarks } from "./format";
import { Icon, Mark } from "./icons";

export const FILTER_ID = "session-filter";

export function Sidebar(): JSX.Element {
  const app = useApp();
  const { sessions, appearance } = app;
  const narrow = appearance.narrow.value;
  const open = !narrow || app.drawer.value === "sessions";
  const list = useRef<HTMLUListElement>(null);
  const closer = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!narrow || !open) return;
    closer.current?.focus();
    return () => {
      // Nothing else was chosen to have the focus: it goes back to where it came from.
      if (document.activeElement === document.body || document.activeElement?.closest(".sidebar") !== null) document.getElementById("drawer-button")?.focus();
    };
  }, [narrow && open]);
  const pick = (key: string): void => {
    sessions.select(key);
    if (narrow) app.drawer.value = "none";
  };
  // From the data: whoever types fast presses Enter before the list is drawn anew.
  const pickFirst = (): void => {
    const first = sessions.shown.value[0];
    if (first !== undefined) pick(first.key);
  };
  const startNew = (): void => {
    sessions.startNew();
    if (narrow) app.drawer.value = "none";
    document.getElementById("composer-input")?.focus();
  };
  const dark = appearance.dark.value;
  const waiting = app.gateway.waitingCount.value;

  return (
    <aside class={`sidebar ${open ? "open" : ""}`} inert={!open} aria-label="Sessions">
      <div class="brand">
        <Mark />
        <span class="brand-name">Torana</span>
        {narrow ? (
          <button ref={closer} type="button" class="ghost" aria-label="Close session list" onClick={() => (app.drawer.value = "none")}>
            <Icon name="close" />
          </button>
        ) : null}
      </div>
      <button type="button" class="new-chat" onClick={startNew}>
        <Icon name="plus" /> New chat
      </button>
      <div class="filter">
        <Icon name="search" size={16} />
        <input
          id={FILTER_ID}
          type="search"
          placeholder="Find a session"
          aria-label="Find a session"
          aria-keyshortcuts="Control+K Meta+K"
          value={sessions.filter.value}
          onInput={(event) => sessions.setFilter(event.currentTarget.value)}
          onKeyDown={(event) => filterKey(event, list.current, pickFirst, () => sessions.setFilter(""))}
        />
        <kbd aria-hidden="true">{/Mac|iPhone/.test(navigator.userAgent) ? "⌘K" : "Ctrl K"}</kbd>
      </div>
      {sessions.error.value === undefined ? null : <p class="error-text side-note">{sessions.error.value}</p>}
      <nav class="session-nav" aria-label="Sessions">
        <ul ref={list} class="session-list" onKeyDown={(event) => moveFocus(event, list.current)}>
          {sessions.shown.value.map((row) => (
            <SessionItem key={row.key} row={row} current={row.key === sessions.selected.value} running={app.chat.running.value.has(row.key)} onPick={pick} />
          ))}
        </ul>
        {sessions.shown.value.length === 0 ? <p class="muted side-note">No session matches.</p> : null}
        {sessions.hasMore.value && sessions.filter.value === "" ? (
          <button type="button" class="quiet more-sessions" onClick={() => void sessions.showMore()}>
            Show more sessions
          </button>
        ) : null}
      </nav>
      <footer class="side-foot">
        <ConnectionBadge />
        <span class="grow" />
        <button
          type="button"
          class="ghost"
          aria-label={waiting > 0 ? `Gateway status, ${waiting} waiting for approval` : "Gateway status"}
          aria-expanded={app.drawer.value === "status"}
          title="Gateway status"
          id="status-button"
          onClick={() => (app.drawer.value = app.drawer.value === "status" ? "none" : "status")}
        >
          <Icon name="pulse" />
          {waiting > 0 ? <span class="count">{waiting > 99 ? "99+" : waiting}</span> : null}
        </button>
        <button type="button" class="ghost" aria-label={dark ? "Use light colours" : "Use dark colours"} title={dark ? "Light" : "Dark"} onClick={() => appearance.toggle()}>
          <Icon name={dark ? "sun" : "moon"} />
        </button>
      </footer>
    </aside>
  );
}

function SessionItem(props: { row: SessionRow; current: boolean; running: boolean; onPick: (key: string) => void }): JSX.Element {
  const { row, current } = props;
  const running = props.running || row.hasActiveRun === true;
  const channel = channelOf(row);
  return (
    <li>
      <button type="button" class="session" aria-current={current ? "true" : undefined} onClick={() => props.onPick(row.key)}>
        <span class="session-line">
          <bdi class="session-title" title={titleOf(row)}>
            {titleOf(row)}
          </bdi>
          {running ? (
            <span class="session-running" title="Answering">
              <span class="visually-hidden">answering</span>
            </span>
          ) : row.unread === true && !current ? (
            <span class="session-unread">
              <span class="visually-hidden">unread</span>
            </span>
          ) : null}
          {row.updatedAt ? <time class="session-time">{shortTime(row.updatedAt, Date.now())}</time> : null}
        </span>
        <span class="session-line">
          {channel === undefined ? null : <span class="chip">{channel}</span>}
          <bdi class="session-preview">{withoutMarks(row.lastMessagePreview ?? "") || "No messages yet"}</bdi>
        </span>
      </button>
    </li>
  );
}

function filterKey(event: KeyboardEvent, list: HTMLElement | null, pickFirst: () => void, clear: () => void): void {
  if (event.key === "ArrowDown") {
    event.preventDefault();
    list?.querySelector<HTMLButtonElement>("button.session")?.focus();
  } else if (event.key === "Enter") {
    pickFirst();
    document.getElementById("composer-input")?.focus();
  } else if (event.key === "Escape") {
    event.stopPropagation();
    clear();
    document.getElementById("composer-input")?.focus();
  }
}

function moveFocus(event: KeyboardEvent, list: HTMLElement | null): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const buttons = [...(list?.querySelectorAll<HTMLButtonElement>("button.session") ?? [])];
  const index = buttons.findIndex((button) => button === document.activeElement);
  const next = buttons[index + (event.key === "ArrowDown" ? 1 : -1)];
  event.preventDefault();
  if (next === undefined && event.key === "ArrowUp") document.getElementById(FILTER_ID)?.focus();
  else next?.focus();
}
