// An answer while it is being written.
import type { JSX } from "preact";
import { StreamingMarkdown } from "../markdown/view";
import type { Run } from "../state/transcript";
import { Thinking, Tools } from "./message-view";
import { pure } from "./pure";

export const RunView = pure(({ run, online }: { run: Run; online: boolean }): JSX.Element => (
  <article class="message assistant live" data-role="assistant" data-outcome="running" aria-busy="true">
    <h3 class="visually-hidden">Agent, answering</h3>
    {run.thinking === "" ? null : <Thinking text={run.thinking} />}
    <Tools tools={run.tools} />
    {run.text === "" ? null : <StreamingMarkdown text={run.text} />}
    <p class={`working ${run.text === "" ? "" : "with-text"}`}>
      <span class="typing" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span class="working-text">{workingText(run, online)}</span>
    </p>
  </article>
));

function workingText(run: Run, online: boolean): string {
  if (!online) return "Interrupted, continues when connected";
  if (run.text !== "") return "";
  if (run.thinking !== "") return "Thinking";
  return run.phase === undefined || run.phase === "" ? "" : run.phase.charAt(0).toUpperCase() + run.phase.slice(1);
}
