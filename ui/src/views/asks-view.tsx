// Cards for what waits for a person: they stand between the conversation and the input, in every session,
// because an agent stands still until somebody answers.
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { errorText } from "../protocol/errors";
import { ANSWER_CHARACTERS_MAX, type Answers, type Approval, type Decision, type Question, type QuestionPart } from "../state/asks";
import { titleOf } from "../state/sessions";
import { useApp } from "./context";
import { shortTime, visibleLines, visibleName } from "./format";

/** More at once would hide the conversation they are about. */
const SHOWN_MAX = 3;

const WORDS: Record<Decision, string> = { "allow-once": "Allow once", "allow-always": "Always allow", deny: "Deny" };

export function AsksView(): JSX.Element | null {
  const { asks } = useApp();
  const waiting = [...asks.approvals.value, ...asks.questions.value];
  if (waiting.length === 0) return null;
  const more = waiting.length - SHOWN_MAX;
  return (
    <section class="asks" aria-label="Waiting for you">
      {waiting.slice(0, SHOWN_MAX).map((ask) => ("decisions" in ask ? <ApprovalCard key={ask.id} approval={ask} /> : <QuestionCard key={ask.id} question={ask} />))}
      {more > 0 ? <p class="muted small-text">and {more} more</p> : null}
    </section>
  );
}

/** One answer at a time, and a reason when it did not get through. */
function useAnswering(): { busy: boolean; error: string; run: (act: () => Promise<void>) => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const run = (act: () => Promise<void>): void => {
    setBusy(true);
    setError("");
    act()
      .catch((thrown: unknown) => setError(errorText(thrown)))
      .finally(() => setBusy(false));
  };
  return { busy, error, run };
}

function Card(props: { title: string; sessionKey: string | undefined; expiresAtMs: number; error: string; children: ComponentChildren }): JSX.Element {
  const { sessions } = useApp();
  const { sessionKey } = props;
  const elsewhere = sessionKey !== undefined && sessionKey !== sessions.selected.value;
  return (
    <article class="card ask">
      <header class="ask-head">
        <h2 class="card-title">{props.title}</h2>
        {Number.isFinite(props.expiresAtMs) ? <span class="muted small-text">until {shortTime(props.expiresAtMs, Date.now())}</span> : null}
      </header>
      {elsewhere ? (
        <button type="button" class="quiet small" onClick={() => sessions.select(sessionKey)}>
          In “{titleOf(sessions.all.value.find((row) => row.key === sessionKey) ?? { key: sessionKey })}”
        </button>
      ) : null}
      {props.children}
      {props.error === "" ? null : (
        <p class="error-text" role="alert">
          {props.error}
        </p>
      )}
    </article>
  );
}

function ApprovalCard({ approval }: { approval: Approval }): JSX.Element {
  const { asks } = useApp();
  const { busy, error, run } = useAnswering();
  return (
    <Card title={visibleName(approval.title)} sessionKey={approval.sessionKey} expiresAtMs={approval.expiresAtMs} error={error}>
      {approval.subject === "" ? null : (
        <pre class="ask-subject" tabIndex={0} dir="ltr">
          {visibleLines(approval.subject)}
        </pre>
      )}
      {approval.warning === "" ? null : <p class="error-text">{visibleName(approval.warning)}</p>}
      {approval.facts.length === 0 ? null : <p class="muted small-text ask-facts">{approval.facts.map(([name, text]) => `${name} ${visibleName(text)}`).join(" · ")}</p>}
      <div class="card-actions">
        {approval.decisions.map((decision, index) => (
          <button key={decision} type="button" class={index === 0 && decision !== "deny" ? "primary small" : "quiet small"} disabled={busy} onClick={() => run(() => asks.decide(approval, decision))}>
            {WORDS[decision]}
          </button>
        ))}
      </div>
    </Card>
  );
}

function QuestionCard({ question }: { question: Question }): JSX.Element {
  const { asks } = useApp();
  const { busy, error, run } = useAnswering();
  const [chosen, setChosen] = useState<Answers>({});
  const [written, setWritten] = useState<Record<string, string>>({});
  const answers: Answers = Object.fromEntries(question.parts.map((part) => [part.id, answersTo(part, chosen, written)]));
  const complete = Object.values(answers).every((texts) => texts.length > 0);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (complete) run(() => asks.answer(question, answers));
  };
  return (
    <Card title="The agent asks" sessionKey={question.sessionKey} expiresAtMs={question.expiresAtMs} error={error}>
      <form onSubmit={submit}>
        {question.parts.map((part) => (
          <Part
            key={part.id}
            part={part}
            name={`${question.id}:${part.id}`}
            chosen={chosen[part.id] ?? []}
            written={written[part.id] ?? ""}
            onChoose={(labels) => {
              setChosen({ ...chosen, [part.id]: labels });
              if (!part.isMulti) setWritten({ ...written, [part.id]: "" });
            }}
            onWrite={(text) => {
              setWritten({ ...written, [part.id]: text });
              if (!part.isMulti) setChosen({ ...chosen, [part.id]: [] });
            }}
          />
        ))}
        <div class="card-actions">
          <button type="submit" class="primary small" disabled={busy || !complete}>
            Answer
          </button>
          <button type="button" class="quiet small" disabled={busy} onClick={() => run(() => asks.skip(question))}>
            Skip
          </button>
        </div>
      </form>
    </Card>
  );
}

function answersTo(part: QuestionPart, chosen: Answers, written: Record<string, string>): string[] {
  return [...(chosen[part.id] ?? []), (written[part.id] ?? "").trim()].filter((text) => text !== "");
}

interface PartProps {
  part: QuestionPart;
  name: string;
  chosen: string[];
  written: string;
  onChoose: (labels: string[]) => void;
  onWrite: (text: string) => void;
}

function Part({ part, name, chosen, written, onChoose, onWrite }: PartProps): JSX.Element {
  const toggled = (label: string): string[] => {
    if (!part.isMulti) return [label];
    return chosen.includes(label) ? chosen.filter((other) => other !== label) : [...chosen, label];
  };
  return (
    <fieldset class="ask-part">
      <legend dir="auto">{visibleLines(part.text === "" ? part.header : part.text)}</legend>
      {part.options.map((option) => (
        <label key={option.label} class="ask-option">
          <input type={part.isMulti ? "checkbox" : "radio"} name={name} checked={chosen.includes(option.label)} onChange={() => onChoose(toggled(option.label))} />
          <span dir="auto">
            {visibleName(option.label)}
            {option.description === "" ? null : <span class="muted small-text ask-description">{visibleName(option.description)}</span>}
          </span>
        </label>
      ))}
      {part.isFree ? (
        <input
          type="text"
          dir="auto"
          maxLength={ANSWER_CHARACTERS_MAX}
          aria-label={part.options.length === 0 ? "Your answer" : "Another answer"}
          placeholder={part.options.length === 0 ? "Your answer" : "Another answer"}
          value={written}
          onInput={(event) => onWrite(event.currentTarget.value)}
        />
      ) : null}
    </fieldset>
  );
}
