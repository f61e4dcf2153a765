// A conversation that has not begun.
import type { JSX } from "preact";
import { useApp } from "./context";
import { Mark } from "./icons";

const DEMO_STARTERS = ["What can you do?", "Help me configure", "demo: markdown", "demo: slow"];
const STARTERS = ["/help", "/status"];

export function EmptyChat({ sessionKey }: { sessionKey: string }): JSX.Element {
  const app = useApp();
  const demo = app.gateway.isDemo.value;
  return (
    <div class="empty">
      <Mark size={52} />
      <h2>Start the conversation</h2>
      <p class="muted">{demo ? "The demo agent answers without any key or account." : "Your message goes to the agent behind this gateway."}</p>
      <ul class="starters" aria-label="Suggestions">
        {(demo ? DEMO_STARTERS : STARTERS).map((text) => (
          <li key={text}>
            <button type="button" class="quiet" onClick={() => app.chat.send(sessionKey, text)}>
              {text}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
