// The conversation: history, then texts on their way and answers being written. Follows the end
// as long as the person is there, and never moves the text under somebody who reads further up.
import type { JSX } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type ShownMessage, shownMessages, shownRun } from "../state/message";
import { type OutboxItem, keyOf } from "../state/outbox";
import { type EndedRun, type Run, isClosing } from "../state/transcript";
import type { WireMessage } from "../protocol/types";
import { useApp } from "./context";
import { OfflineBar } from "./connection-badge";
import { EmptyChat } from "./empty-chat";
import { dayName, sameDay } from "./format";
import { Icon } from "./icons";
import { MessageView, PendingView, Working } from "./message-view";

/** Being this close to the end counts as being there: a line of text, not a screen. */
const END_SLACK_PX = 48;
/** Older messages are fetched before the person reaches the top. */
const OLDER_AHEAD_PX = 400;

export function TranscriptView({ sessionKey }: { sessionKey: string }): JSX.Element {
  const app = useApp();
  const { chat, outbox } = app;
  const transcript = chat.transcript(sessionKey).value;
  const items = unshownItems(outbox.items.value, sessionKey, transcript.messages);
  const online = app.connectionState.value.kind === "online";
  const scroll = useFollowingScroll(`${sessionKey} ${chat.sent.value}`, transcript.messages[0], () => void chat.loadOlder(), transcript.hasMore);
  const runs = liveRuns(transcript.runs, transcript.messages);
  const empty = transcript.loaded && transcript.messages.length === 0 && transcript.ended.length === 0 && items.length === 0 && transcript.runs.length === 0;

  return (
    <div class="transcript-frame">
      <OfflineBar />
      <div class="transcript" ref={scroll.frame} onScroll={scroll.onScroll} role="log" aria-live="off" aria-label="Conversation" aria-busy={transcript.runs.length > 0} tabIndex={0}>
        <div class="transcript-inner" ref={scroll.content}>
          {transcript.hasMore ? (
            <button type="button" class="quiet older" disabled={chat.loadingOlder.value} onClick={() => void chat.loadOlder()}>
              {chat.loadingOlder.value ? "Loading earlier messages" : "Show earlier messages"}
            </button>
          ) : null}
          {!transcript.loaded && transcript.messages.length === 0 && chat.historyError.value === undefined ? <Loading /> : null}
          {empty ? <EmptyChat sessionKey={sessionKey} /> : null}
          <Entries messages={transcript.messages} ended={transcript.ended} items={items} runs={runs} online={online} />
          {runs.length === 0 && chat.running.value.has(sessionKey) ? <Working text="" /> : null}
        </div>
      </div>
      {scroll.away ? (
        <button type="button" class="jump" onClick={scroll.toEnd}>
          <Icon name="down" size={16} /> Jump to latest
        </button>
      ) : null}
    </div>
  );
}

/** Texts of this session that the conversation does not show anyway. */
function unshownItems(items: OutboxItem[], sessionKey: string, messages: readonly WireMessage[]): OutboxItem[] {
  const mine = items.filter((item) => item.sessionKey === sessionKey);
  if (mine.length === 0) return mine;
  const shown = new Set(messages.map(keyOf));
  return mine.filter((item) => !shown.has(item.id));
}

/** A run whose closing message the history already has would show the same words twice. */
function liveRuns(runs: Run[], messages: readonly WireMessage[]): Run[] {
  if (runs.length === 0) return runs;
  return runs.filter(
    (run) => !messages.some((message) => message.role === "assistant" && message.__openclaw?.runId === run.runId && message.stopReason !== undefined && isClosing(message)),
  );
}

interface EntriesProps {
  messages: WireMessage[];
  ended: EndedRun[];
  items: OutboxItem[];
  runs: Run[];
  online: boolean;
}

/**
 * History, texts on their way and answers being written, in one list of keyed entries: an answer that ends moves from
 * one part to the other without being drawn anew. The drawing of the history is kept while only the tail changes.
 */
function Entries({ messages, ended, items, runs, online }: EntriesProps): JSX.Element {
  const { chat, outbox } = useApp();
  const onResend = useCallback((item: OutboxItem) => chat.resend(item), []);
  const onDiscard = useCallback((item: OutboxItem) => outbox.remove([item.id]), []);
  const history = useMemo(() => {
    const nowMs = Date.now();
    return shownMessages(messages, ended).map((message, index, all) => (
      <Entry key={message.key} message={message} day={newDay(all[index - 1], message, nowMs)} />
    ));
  }, [messages, ended]);
  const asked = new Set(items.map((item) => item.id));
  const answer = (run: Run): JSX.Element => {
    const message = shownRun(run, online);
    return <Entry key={message.key} message={message} day={undefined} />;
  };
  // Each text is followed by its own answer; answers to texts already in the history come first.
  const early = runs.filter((run) => !asked.has(run.runId)).map(answer);
  const tail = items.flatMap((item) => {
    const run = runs.find((candidate) => candidate.runId === item.id);
    const text = <PendingView key={item.id} item={item} online={online} answering={run !== undefined} onResend={onResend} onDiscard={onDiscard} />;
    return run === undefined ? [text] : [text, answer(run)];
  });
  return <>{[...history, ...early, ...tail]}</>;
}

function Entry(props: { message: ShownMessage; day: string | undefined }): JSX.Element {
  return (
    <>
      {props.day === undefined ? null : (
        <div class="remark day">
          <span>{props.day}</span>
        </div>
      )}
      <MessageView message={props.message} />
    </>
  );
}

function newDay(before: ShownMessage | undefined, message: ShownMessage, nowMs: number): string | undefined {
  const at = message.timestampMs;
  if (at === undefined || at === 0) return undefined;
  const previous = before?.timestampMs;
  if (before === undefined) return sameDay(at, nowMs) ? undefined : dayName(at, nowMs);
  return previous !== undefined && previous !== 0 && !sameDay(previous, at) ? dayName(at, nowMs) : undefined;
}

function Loading(): JSX.Element {
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">Loading the conversation</span>
      <i class="right" />
      <i />
      <i class="short" />
    </div>
  );
}

interface FollowingScroll {
  frame: { current: HTMLDivElement | null };
  content: { current: HTMLDivElement | null };
  away: boolean;
  onScroll: () => void;
  toEnd: () => void;
}

/** Follows the end; `jump` names the moment, and a new one goes to the end whatever the person reads. */
function useFollowingScroll(jump: string, first: WireMessage | undefined, loadOlder: () => void, hasMore: boolean): FollowingScroll {
  const frame = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const height = useRef(0);
  const [away, setAway] = useState(false);

  const onScroll = (): void => {
    const element = frame.current;
    if (element === null) return;
    following.current = element.scrollHeight - element.scrollTop - element.clientHeight <= END_SLACK_PX;
    setAway(!following.current);
    if (hasMore && element.scrollTop < OLDER_AHEAD_PX) loadOlder();
  };
  const stick = (): void => {
    const element = frame.current;
    if (element === null) return;
    if (following.current) element.scrollTop = element.scrollHeight;
    height.current = element.scrollHeight;
  };
  const toEnd = (): void => {
    following.current = true;
    setAway(false);
    stick();
  };

  useLayoutEffect(toEnd, [jump]);
  // Older messages were put on top: what the person reads keeps its place.
  useLayoutEffect(() => {
    const element = frame.current;
    if (element !== null && !following.current && element.scrollHeight > height.current) {
      element.scrollTop += element.scrollHeight - height.current;
    }
    stick();
  }, [first]);
  useEffect(() => {
    if (content.current === null || frame.current === null) return;
    const observer = new ResizeObserver(stick);
    observer.observe(content.current);
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  return { frame, content, away, onScroll, toEnd };
}
