// Draws the Markdown tree with Preact. Text becomes text nodes, so there is no HTML string anywhere
// and Trusted Types need no policy. While an answer streams, only its last block is drawn again.
import { Component, type ComponentChild, type JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { CopyButton } from "../views/copy-button";
import { pure } from "../views/pure";
import { highlight } from "./highlight";
import { type Block, type Node, parseMarkdown } from "./parse";

/** How much of the time a stream may spend in the parser: it waits this many times its last duration. */
const PARSE_PAUSE_FACTOR = 6;

/** For text that may still grow: very long answers are parsed less often than once per frame. */
export const Markdown = pure(({ text }: { text: string }) => {
  const latest = useRef(text);
  latest.current = text;
  const [shown, setShown] = useState<Block[]>(() => parseMarkdown(text));
  const state = useRef({ parsed: text, costMs: 0, timer: undefined as ReturnType<typeof setTimeout> | undefined });
  useEffect(() => {
    const current = state.current;
    if (current.timer !== undefined || current.parsed === latest.current) return;
    const run = (): void => {
      current.timer = undefined;
      const startedAt = performance.now();
      current.parsed = latest.current;
      setShown(parseMarkdown(current.parsed));
      current.costMs = performance.now() - startedAt;
    };
    const pauseMs = current.costMs * PARSE_PAUSE_FACTOR;
    if (pauseMs < 16) run();
    else current.timer = setTimeout(run, pauseMs);
  }, [text]);
  useEffect(() => () => clearTimeout(state.current.timer), []);
  return <Blocks blocks={shown} />;
});

function Blocks({ blocks }: { blocks: Block[] }): JSX.Element {
  return (
    <div class="prose" dir="auto">
      {blocks.map((block, index) => (
        <DrawnBlock key={index} block={block} />
      ))}
    </div>
  );
}

/** Equal lines make an equal block, unless a link definition elsewhere completes it. */
function isSame(one: Block, other: Block): boolean {
  return one.source !== "" && one.source === other.source && !one.source.includes("]");
}

class DrawnBlock extends Component<{ block: Block }> {
  override shouldComponentUpdate(next: { block: Block }): boolean {
    return !isSame(this.props.block, next.block);
  }

  override render(): ComponentChild {
    return drawn(this.props.block.node, 0);
  }
}

function drawn(node: Node, key: number): ComponentChild {
  switch (node.kind) {
    case "text":
      return node.text;
    case "check":
      return <span key={key} class={`check ${node.done ? "done" : ""}`} role="img" aria-label={node.done ? "done" : "to do"} />;
    case "break":
      return <br key={key} />;
    case "rule":
      return <hr key={key} />;
    case "code":
      return <code key={key}>{node.text}</code>;
    case "block":
      return <CodeBlock key={key} language={node.language} text={node.text} />;
    case "link":
      return (
        <a key={key} href={node.href} title={node.href} target="_blank" rel="noopener noreferrer">
          {node.children.map(drawn)}
        </a>
      );
    case "element":
      return drawnElement(node, key);
  }
}

function drawnElement(node: Extract<Node, { kind: "element" }>, key: number): ComponentChild {
  const Tag = node.tag;
  const children = node.children.map(drawn);
  if (Tag === "table") {
    return (
      <div key={key} class="table-scroll" tabIndex={0} role="region" aria-label="Table">
        <table>{children}</table>
      </div>
    );
  }
  if (Tag === "ol") {
    return (
      <ol key={key} {...(node.start === undefined ? {} : { start: node.start })}>
        {children}
      </ol>
    );
  }
  return (
    <Tag key={key} {...(node.align === undefined ? {} : { class: `align-${node.align}` })}>
      {children}
    </Tag>
  );
}

function highlighted(text: string, language: string): ComponentChild {
  return highlight(text, language).map((piece, index) =>
    piece.kind === "plain" ? piece.text : (
      <span key={index} class={`code-${piece.kind}`}>
        {piece.text}
      </span>
    ),
  );
}

const CodeBlock = pure(({ language, text }: { language: string; text: string }) => (
  <div class="code" dir="ltr">
    <div class="code-head">
      <span class="code-language">{language === "" ? "text" : language}</span>
      <CopyButton text={text} label="Copy code" word="Copy" />
    </div>
    <pre tabIndex={0}>
      <code>{highlighted(text, language)}</code>
    </pre>
  </div>
));
