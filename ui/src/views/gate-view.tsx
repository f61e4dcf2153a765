// The page before the chat: sign in, wait for approval, wait out a lockout, or learn what is wrong.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Gate, Notice } from "../state/refusal";
import { Command } from "./command";
import { useApp } from "./context";
import { duration } from "./format";
import { Icon, Mark } from "./icons";

export function GateView({ gate }: { gate: Gate }): JSX.Element {
  return (
    <main class="gate">
      <div class="gate-card">
        <header class="gate-head">
          <Mark size={44} />
          <h1>Torana</h1>
        </header>
        <GateBody gate={gate} />
      </div>
    </main>
  );
}

function GateBody({ gate }: { gate: Gate }): JSX.Element {
  switch (gate.kind) {
    case "open":
      return <Connecting />;
    case "sign-in":
      return <SignIn notice={gate.notice} />;
    case "pairing":
      return (
        <section aria-live="polite">
          <NoticeBlock notice={gate.notice} tone="wait" />
          <p class="waiting">
            <span class="spinner" aria-hidden="true" /> Waiting for approval
          </p>
        </section>
      );
    case "limited":
      return <Limited notice={gate.notice} untilMs={gate.untilMs} />;
    case "blocked":
      return (
        <section aria-live="polite">
          <NoticeBlock notice={gate.notice} tone="bad" />
          <button type="button" class="primary wide" onClick={() => location.reload()}>
            Reload the page
          </button>
        </section>
      );
  }
}

function NoticeBlock({ notice, tone }: { notice: Notice; tone: "wait" | "bad" }): JSX.Element {
  return (
    <div class={`notice ${tone}`}>
      <h2>{notice.title}</h2>
      <p>{notice.body}</p>
      {notice.command === undefined ? null : <Command text={notice.command} />}
    </div>
  );
}

function Connecting(): JSX.Element {
  const app = useApp();
  const state = app.connectionState.value;
  const failing = state.kind === "waiting" || (state.kind === "connecting" && state.attempt > 2);
  return (
    <section aria-live="polite">
      <p class="waiting">
        <span class="spinner" aria-hidden="true" /> Connecting to {location.host}
      </p>
      {failing ? (
        <div class="notice wait">
          <h2>The gateway does not answer</h2>
          <p>This page keeps trying. If the gateway is stopped, start it on its machine:</p>
          <Command text="torana" />
        </div>
      ) : null}
    </section>
  );
}

function SignIn({ notice }: { notice: Notice | undefined }): JSX.Element {
  const app = useApp();
  const [secret, setSecret] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // A phone would open its keyboard over the explanation.
    if (!app.appearance.narrow.peek()) field.current?.focus();
  }, []);
  const submit = (event: Event): void => {
    event.preventDefault();
    const entered = secret.trim();
    if (entered !== "") app.signIn(entered);
  };
  return (
    <section>
      {notice === undefined ? (
        <div class="notice">
          <h2>Sign in</h2>
          <p>The easiest way is a link. In a terminal on the gateway's machine:</p>
          <Command text="torana dashboard" />
        </div>
      ) : (
        <div role="alert">
          <NoticeBlock notice={notice} tone="bad" />
        </div>
      )}
      <form class="sign-in" onSubmit={submit}>
        <label for="gateway-secret">Sign-in link or gateway secret</label>
        <input
          ref={field}
          id="gateway-secret"
          type="password"
          autocomplete="off"
          spellcheck={false}
          aria-describedby="gateway-secret-note"
          value={secret}
          onInput={(event) => setSecret(event.currentTarget.value)}
        />
        <p id="gateway-secret-note" class="muted small-text">
          A link printed for another device works here too. The secret is the gateway's token or password; it is not kept, this browser gets a key of its own.
        </p>
        <button type="submit" class="primary wide" disabled={secret.trim() === ""}>
          Sign in
        </button>
      </form>
    </section>
  );
}

function Limited({ notice, untilMs }: { notice: Notice; untilMs: number }): JSX.Element {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return (
    <section>
      <div role="alert">
        <NoticeBlock notice={notice} tone="bad" />
      </div>
      <p class="waiting" role="timer">
        <Icon name="clock" /> Next attempt in {duration(Math.max(1_000, untilMs - nowMs))}
      </p>
    </section>
  );
}
