// Where the person writes. The draft belongs to the session and survives everything but sending.
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { channelOf } from "../state/sessions";
import { useCommandMenu } from "./command-menu";
import { useApp } from "./context";
import { Icon } from "./icons";

/** About ten lines; longer texts scroll inside. */
const HEIGHT_PX_MAX = 240;
/** From here on the field is full anyway, and measuring a pasted book on every key would be felt. */
const MEASURED_CHARACTERS_MAX = 4_000;

export function Composer({ sessionKey }: { sessionKey: string }): JSX.Element {
  const app = useApp();
  const { chat, drafts } = app;
  const [text, setText] = useState(() => drafts.get(sessionKey));
  const field = useRef<HTMLTextAreaElement>(null);
  const running = chat.running.value.has(sessionKey);
  const online = app.connectionState.value.kind === "online";

  useEffect(() => {
    setText(drafts.get(sessionKey));
    // A phone would open its keyboard over the conversation, and who writes in the search by now goes on writing there.
    const isWriting = document.activeElement instanceof HTMLInputElement;
    if (!app.appearance.narrow.peek() && !isWriting) field.current?.focus();
  }, [sessionKey]);
  useLayoutEffect(() => {
    const element = field.current;
    if (element === null) return;
    if (text.length > MEASURED_CHARACTERS_MAX) {
      element.style.height = `${HEIGHT_PX_MAX}px`;
      return;
    }
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, HEIGHT_PX_MAX)}px`;
  }, [text]);

  const change = (next: string): void => {
    setText(next);
    drafts.set(sessionKey, next);
  };
  const send = (): void => {
    if (text.trim() === "") return;
    chat.send(sessionKey, text.trim());
    change("");
    drafts.flush();
  };
  const menu = useCommandMenu(text, change);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (menu.onKeyDown(event)) return;
    // While an input method composes, Enter belongs to it; Safari says so only with this key code.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    // Keyboards on glass have no Shift+Enter: there Enter starts a line and the button sends.
    if (app.appearance.touch.value && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    send();
  };
  const hint = useHint();

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {menu.view}
      <div class="composer-box">
        <label class="visually-hidden" for="composer-input">
          Message
        </label>
        <textarea
          id="composer-input"
          ref={field}
          rows={1}
          dir="auto"
          placeholder="Write a message"
          value={text}
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          {...menu.fieldProps}
          enterkeyhint={app.appearance.touch.value ? "enter" : "send"}
        />
        {running ? (
          <button type="button" class="round stop" aria-label="Stop the answer" title="Stop (Esc)" aria-keyshortcuts="Escape" onClick={() => void chat.abort()} disabled={!online}>
            <Icon name="stop" size={18} />
          </button>
        ) : null}
        {running && text.trim() === "" ? null : (
          <button type="submit" class="round send" aria-label="Send" title={app.appearance.touch.value ? "Send" : "Send (Enter)"} disabled={text.trim() === ""}>
            <Icon name="send" size={18} />
          </button>
        )}
      </div>
      {hint === "" ? null : <p class="composer-hint">{hint}</p>}
    </form>
  );
}

function useHint(): string {
  const app = useApp();
  if (app.outbox.unsaved.value) return "This browser does not let the page store data: keep it open until your text is sent.";
  const channel = channelOf(app.sessions.current.value);
  if (channel !== undefined) return `Answers to what you write here stay here; they are not sent to ${channel}.`;
  return app.appearance.narrow.value || app.appearance.touch.value ? "" : "Enter sends · Shift+Enter starts a line";
}
