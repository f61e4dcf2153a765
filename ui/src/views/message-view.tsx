// One entry of a conversation: what a person wrote, what the agent answered, or a remark of the gateway.
import type { ComponentChildren, JSX } from "preact";
import { Markdown } from "../markdown/view";
import type { ShownMessage } from "../state/message";
import type { OutboxItem } from "../state/outbox";
import type { ToolActivity } from "../state/transcript";
import { CopyButton } from "./copy-button";
import { fullTime, shortTime, toolText } from "./format";
import { Icon } from "./icons";
import { pure } from "./pure";

export interface MessageProps {
  message: ShownMessage;
  onRetry: (text: string) => void;
}

export const MessageView = pure(({ message, onRetry }: MessageProps) => {
  if (message.role === "notice") {
    return (
      <div class="remark" data-role="notice">
        <span>{message.text}</span>
      </div>
    );
  }
  if (message.role === "user") {
    return (
      <UserBubble text={message.text}>
        <Foot text={message.text} timestampMs={message.timestampMs} />
      </UserBubble>
    );
  }
  return (
    <article class="message assistant" data-role="assistant" data-outcome={message.outcome ?? "final"}>
      <h3 class="visually-hidden">Agent</h3>
      {message.thinking === "" ? null : <Thinking text={message.thinking} />}
      <Tools tools={message.tools} />
      {message.text === "" ? null : <Markdown text={message.text} />}
      <Outcome message={message} onRetry={onRetry} />
      {message.text === "" ? null : <Foot text={message.text} timestampMs={message.timestampMs} />}
    </article>
  );
});

export function UserBubble({ text, children }: { text: string; children?: ComponentChildren }): JSX.Element {
  return (
    <article class="message user" data-role="user">
      <h3 class="visually-hidden">You</h3>
      <div class="bubble" dir="auto">
        {text}
      </div>
      {children}
    </article>
  );
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

function Outcome({ message, onRetry }: MessageProps): JSX.Element | null {
  if (message.outcome === undefined) return null;
  const retryText = message.retryText;
  return (
    <div class={`outcome ${message.outcome}`} role={message.outcome === "error" ? "alert" : undefined}>
      <Icon name={message.outcome === "error" ? "alert" : "stop"} size={16} />
      <span class="outcome-text" dir="auto">
        {message.outcome === "aborted" ? "Stopped" : `${errorTitle(message.errorKind)}${message.errorText ?? ""}`}
      </span>
      {retryText === undefined || retryText === "" ? null : (
        <button type="button" class="quiet small" onClick={() => onRetry(retryText)}>
          <Icon name="retry" size={15} /> Retry
        </button>
      )}
    </div>
  );
}

function errorTitle(kind: string | undefined): string {
  const titles: Record<string, string> = {
    refusal: "The model refused: ",
    timeout: "The model took too long: ",
    rate_limit: "The provider limits requests: ",
    context_length: "The conversation is too long for the model: ",
  };
  return titles[kind ?? ""] ?? "";
}

export function Thinking({ text }: { text: string }): JSX.Element {
  return (
    <details class="thinking">
      <summary>
        <Icon name="chevron" size={14} /> Thinking
      </summary>
      <p dir="auto">{text}</p>
    </details>
  );
}

export function Tools({ tools }: { tools: readonly ToolActivity[] }): JSX.Element | null {
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
              {tool.status === "running" ? <span class="spinner" aria-hidden="true" /> : null}
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
