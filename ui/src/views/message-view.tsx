// One entry of a conversation: what a person wrote, what the agent answered, or a remark of the gateway.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { Markdown } from "../markdown/view";
import type { AttachedFile } from "../protocol/content";
import type { ShownMessage } from "../state/message";
import type { OutboxItem } from "../state/outbox";
import type { ToolActivity } from "../state/transcript";
import { useApp } from "./context";
import { CopyButton } from "./copy-button";
import { Files } from "./files-view";
import { fullTime, shortTime, toolText } from "./format";
import { Icon } from "./icons";
import { pure } from "./pure";

export interface MessageProps {
  message: ShownMessage;
}

export const MessageView = pure(({ message }: MessageProps) => {
  if (message.role === "notice") {
    return (
      <div class="remark" data-role="notice">
        <span>{message.text}</span>
      </div>
    );
  }
  if (message.role === "user") {
    return (
      <UserBubble text={message.text} files={message.files}>
        <Foot text={message.text} timestampMs={message.timestampMs} />
      </UserBubble>
    );
  }
  const isRunning = message.outcome === "running";
  return (
    <article class={`message assistant ${isRunning ? "live" : ""}`} data-role="assistant" data-outcome={message.outcome ?? "final"} aria-busy={isRunning}>
      <h3 class="visually-hidden">{isRunning ? "Agent, answering" : "Agent"}</h3>
      {message.thinking === "" ? null : <Thinking text={message.thinking} />}
      <Tools tools={message.tools} />
      {message.text === "" ? null : <Markdown text={message.text} />}
      <Files files={message.files} />
      {isRunning ? <Working text={message.progress ?? ""} /> : <Outcome message={message} />}
      {message.text === "" || isRunning ? null : <Foot text={message.text} timestampMs={message.timestampMs} />}
    </article>
  );
});

/** A pasted text longer than this would push the conversation away; it opens on request. */
const BUBBLE_CHARACTERS_MAX = 1_500;
const BUBBLE_LINES_MAX = 20;

function UserBubble({ text, files = [], children }: { text: string; files?: AttachedFile[]; children?: ComponentChildren }): JSX.Element {
  const [open, setOpen] = useState(false);
  const head = headOf(text);
  return (
    <article class="message user" data-role="user">
      <h3 class="visually-hidden">You</h3>
      {text === "" ? null : (
        <div class="bubble" dir="auto">
          {open ? text : head}
          {head === text ? null : (
            <button type="button" class="quiet small unfold" aria-expanded={open} onClick={() => setOpen(!open)}>
              {open ? "Show less" : `Show all ${text.length.toLocaleString()} characters`}
            </button>
          )}
        </div>
      )}
      <Files files={files} />
      {children}
    </article>
  );
}

function headOf(text: string): string {
  const lines = text.slice(0, BUBBLE_CHARACTERS_MAX).split("\n", BUBBLE_LINES_MAX + 1);
  const head = lines.slice(0, BUBBLE_LINES_MAX).join("\n");
  return head.length === text.length ? text : `${head}…`;
}

function Foot({ text, timestampMs }: { text: string; timestampMs: number | undefined }): JSX.Element {
  return (
    <div class="foot">
      {timestampMs === undefined || timestampMs === 0 ? null : (
        <time dateTime={new Date(timestampMs).toISOString()} title={fullTime(timestampMs)}>
          {shortTime(timestampMs, Date.now())}
        </time>
      )}
      <CopyButton text={text} label="Copy message" />
    </div>
  );
}

function Outcome({ message }: MessageProps): JSX.Element | null {
  if (message.outcome === undefined) return null;
  return (
    <div class={`outcome ${message.outcome}`}>
      <Icon name={message.outcome === "error" ? "alert" : "stop"} size={16} />
      <span class="outcome-text" dir="auto">
        {outcomeText(message)}
      </span>
      {message.retryText === undefined || message.retryText === "" ? null : <RetryButton text={message.retryText} />}
    </div>
  );
}

function RetryButton({ text }: { text: string }): JSX.Element {
  const { chat, sessions } = useApp();
  const sessionKey = sessions.selected.value;
  return (
    <button type="button" class="quiet small" disabled={!chat.canRetry(sessionKey)} onClick={() => void chat.retry(sessionKey, text)}>
      <Icon name="retry" size={15} /> Retry
    </button>
  );
}

function outcomeText(message: ShownMessage): string {
  if (message.outcome === "aborted") return "Stopped";
  if (message.outcome === "cut") return "Cut off: the model reached the length it may answer in.";
  return message.errorText ?? "";
}

/** Somebody is at it, even when there is nothing to read yet. */
export function Working({ text }: { text: string }): JSX.Element {
  return (
    <p class="working">
      <span class="typing" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {text === "" ? <span class="visually-hidden">Answering</span> : text}
    </p>
  );
}

function Thinking({ text }: { text: string }): JSX.Element {
  return (
    <details class="thinking">
      <summary>
        <Icon name="chevron" size={14} /> Thinking
      </summary>
      <p dir="auto">{text}</p>
    </details>
  );
}

function Tools({ tools }: { tools: readonly ToolActivity[] }): JSX.Element | null {
  if (tools.length === 0) return null;
  return (
    <ul class="tools" aria-label="Tools used">
      {tools.map((tool) => (
        <li key={tool.id}>
          <details class={`tool ${tool.status}`}>
            <summary>
              <Icon name="tool" size={15} />
              <bdi class="tool-name">{tool.name}</bdi>
              <span class="tool-status">{tool.status === "done" ? "" : tool.status}</span>
              <span class="grow" />
              {tool.status === "running" ? <span class="spinner" aria-hidden="true" /> : null}
              <Icon name="chevron" size={14} />
            </summary>
            <ToolText title="Input" value={tool.input} />
            <ToolText title="Result" value={tool.output} />
          </details>
        </li>
      ))}
    </ul>
  );
}

function ToolText({ title, value }: { title: string; value: unknown }): JSX.Element | null {
  const text = toolText(value);
  if (text === "") return null;
  return (
    <>
      <h4>{title}</h4>
      <pre tabIndex={0}>{text}</pre>
    </>
  );
}

export interface PendingProps {
  item: OutboxItem;
  online: boolean;
  /** Its run is already answering. */
  answering: boolean;
  onResend: (item: OutboxItem) => void;
  onDiscard: (item: OutboxItem) => void;
}

/** A text that the history does not show yet. */
export const PendingView = pure(({ item, online, answering, onResend, onDiscard }: PendingProps) => (
  <UserBubble text={item.text}>
    {item.state === "failed" ? (
      <div class="outcome error" role="alert">
        <Icon name="alert" size={16} />
        <span class="outcome-text">Not sent: {item.error ?? "the gateway refused it"}</span>
        <button type="button" class="quiet small" onClick={() => onResend(item)}>
          <Icon name="retry" size={15} /> Retry
        </button>
        <button type="button" class="quiet small" onClick={() => onDiscard(item)}>
          Discard
        </button>
      </div>
    ) : (
      <p class="pending" data-state={item.state}>
        {answering ? "" : pendingText(item, online)}
      </p>
    )}
  </UserBubble>
));

function pendingText(item: OutboxItem, online: boolean): string {
  switch (item.state) {
    case "waiting":
      return online ? "Sending" : "Kept, goes out when connected";
    case "sending":
      return "Sending";
    case "accepted":
      return "Sent";
    case "queued":
      return "Queued behind the current answer";
    case "failed":
      return "Failed";
  }
}
