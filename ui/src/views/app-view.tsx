// The frame of the page, and the keys that work everywhere.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { titleOf } from "../state/sessions";
import { ChatView } from "./chat-view";
import { useApp } from "./context";
import { GateView } from "./gate-view";
import { FILTER_ID, Sidebar } from "./sidebar";
import { StatusPanel } from "./status-panel";

export function AppView(): JSX.Element {
  const app = useApp();
  const gate = app.gate.value;
  if (gate.kind !== "open" || !app.welcomed.value) return <GateView gate={gate} />;
  return <Shell />;
}

function Shell(): JSX.Element {
  const app = useApp();
  const drawer = app.drawer.value;
  const narrow = app.appearance.narrow.value;
  const title = titleOf(app.sessions.current.value);
  const running = app.chat.running.value.size > 0;
  const waiting = app.asks.approvals.value.length + app.asks.questions.value.length;
  useEffect(() => {
    // Read in a row of tabs: who must act comes first, then what goes on.
    document.title = `${waiting > 0 ? `(${waiting}) ` : running ? "… " : ""}${title} · Torana`;
  }, [title, running, waiting]);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      // An input method has its own use for Escape, and a dialog too.
      if (event.isComposing || document.querySelector("dialog[open]") !== null) return;
      if (event.key === "Escape") {
        if (app.drawer.value !== "none") app.drawer.value = "none";
        else if (app.chat.running.value.has(app.sessions.selected.value)) void app.chat.abort();
      } else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
        event.preventDefault();
        if (app.appearance.narrow.value) app.drawer.value = "sessions";
        // The drawer leaves its inert state with the next drawing.
        requestAnimationFrame(() => requestAnimationFrame(() => document.getElementById(FILTER_ID)?.focus()));
      }
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);

  return (
    <div class={`shell ${drawer === "status" ? "with-status" : ""}`}>
      <a class="skip" href="#composer-input" onClick={(event) => { event.preventDefault(); document.getElementById("composer-input")?.focus(); }}>
        Skip to message input
      </a>
      <Sidebar />
      {narrow && drawer !== "none" ? <div class="scrim" onClick={() => (app.drawer.value = "none")} /> : null}
      <ChatView inert={narrow && drawer !== "none"} />
      {drawer === "status" ? <StatusPanel /> : null}
      <div class="visually-hidden" aria-live="polite" role="status">
        {app.announcement.value}
      </div>
    </div>
  );
}
