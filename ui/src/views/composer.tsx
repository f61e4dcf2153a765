// Where the person writes. The draft belongs to the session and survives everything but sending.
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { channelOf } from "../state/sessions";
import { useApp } from "./context";
import { Icon } from "./icons";

/** About ten lines; longer texts scroll inside. */
const HEIGHT_PX_MAX = 240;

export function Composer({ sessionKey }: { sessionKey: string }): JSX.Element {
  const app = useApp();
  const { chat, drafts } = app;
  const [text, setText] = useState(() => drafts.get(sessionKey));
  const field = useRef<HTMLTextAreaElement>(null);
  const running = chat.running.value.has(sessionKey);
  const online = app.connectionState.value.kind === "online";

  useEffect(() => {
    setText(drafts.get(sessionKey));
    // A phone would open its keyboard over the conversation.
    if (!app.appearance.narrow.peek()) field.current?.focus();
  }, [sessionKey]);
  useLayoutEffect(() => {
    const element = field.current;
    if (element === null) return;
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
  const onKeyDown = (event: KeyboardEvent): void => {
    // While an input method composes, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  const channel = channelOf(app.sessions.current.value);

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="composer-box">
        <label class="visually-hidden" for="composer-input">
          Message
        </label>
        <textarea
          id="composer-input"
          ref={field}
          rows={1}
          dir="auto"
          placeholder={online ? "Write a message" : "Write a message; it goes out when connected"}
          value={text}
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          enterkeyhint="send"
        />
        {running ? (
          <button type="button" class="round stop" aria-label="Stop the answer" title="Stop (Esc)" aria-keyshortcuts="Escape" onClick={() => void chat.abort()} disabled={!online}>
            <Icon name="stop" size={18} />
          </button>
        ) : null}
        {running && text.trim() === "" ? null : (
          <button type="submit" class="round send" aria-label="Send" title="Send (Enter)" disabled={text.trim() === ""}>
            <Icon name="send" size={18} />
          </button>
        )}
      </div>
      <p class="composer-hint">
        {app.outbox.unsaved.value
          ? "This browser does not let the page store data: keep it open until your text is sent."
          : channel === undefined
            ? app.appearance.narrow.value
              ? ""
              : "Enter sends · Shift+Enter starts a line"
            : `Answers to what you write here stay here; they are not sent to ${channel}.`}
      </p>
    </form>
  );
}
