// Says whether the gateway can be reached, and offers to try at once when it cannot.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ConnectionState } from "../protocol/connection";
import { useApp } from "./context";

export function ConnectionBadge(): JSX.Element {
  const app = useApp();
  const state = app.connectionState.value;
  const { tone, text } = described(state, app.restarting.value);
  return (
    <span class="badge" role="status" data-connection={state.kind}>
      <span class={`dot ${tone}`} aria-hidden="true" />
      {text}
    </span>
  );
}

function described(state: ConnectionState, restarting: boolean): { tone: string; text: string } {
  switch (state.kind) {
    case "online":
      return { tone: "good", text: "Connected" };
    case "idle":
    case "connecting":
      return { tone: "wait", text: "Connecting" };
    case "waiting":
      return { tone: "wait", text: restarting ? "Gateway restarting" : "Reconnecting" };
    case "stopped":
      return { tone: "bad", text: "Not connected" };
  }
}

/** The line above the conversation while it is cut off. */
export function OfflineBar(): JSX.Element | null {
  const app = useApp();
  const state = app.connectionState.value;
  const offline = state.kind !== "online";
  const [shown, setShown] = useState(false);
  // A reconnect within half a second is nothing a person needs to read about.
  useEffect(() => {
    if (!offline) {
      setShown(false);
      return;
    }
    const timer = setTimeout(() => setShown(true), 500);
    return () => clearTimeout(timer);
  }, [offline]);
  if (!offline || !shown) return null;
  return (
    <div class="bar floating" role="status">
      <span class="spinner" aria-hidden="true" />
      <span class="bar-text">
        {app.restarting.value ? "The gateway is restarting." : "No connection to the gateway."} What you send is kept and goes out by itself.
      </span>
      <button type="button" class="quiet small" onClick={() => app.reconnect()}>
        Try now
      </button>
    </div>
  );
}
