// Markdown to a small tree of our own. The parser (markdown-it) only reads; it never makes HTML.
// The tree has no node for raw HTML, images or attributes, so nothing of that kind can reach the page.
import MarkdownIt from "markdown-it";

export type Node =
  | { kind: "text"; text: string }
  | { kind: "element"; tag: Tag; children: Node[]; align?: "left" | "center" | "right"; start?: number }
  | { kind: "link"; href: string; children: Node[] }
  | { kind: "code"; text: string }
  | { kind: "block"; language: string; text: string }
  /** The box of a task list. */
  | { kind: "check"; done: boolean }
  | { kind: "break" }
  | { kind: "rule" };

/** Every element a message can become, beside links and code. */
export type Tag =
  | "p" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "li" | "blockquote" | "strong" | "em" | "s"
  | "table" | "thead" | "tbody" | "tr" | "th" | "td";

export interface Block {
  /** The lines it was made from; equal lines make an equal block, which need not be drawn again. */
  source: string;
  node: Node;
}

const TAGS: Record<string, Tag> = {
  p: "p", h1: "h3", h2: "h4", h3: "h5", h4: "h6", h5: "h6", h6: "h6",
  ul: "ul", ol: "ol", li: "li", blockquote: "blockquote", strong: "strong", em: "em", s: "s",
  table: "table", thead: "thead", tbody: "tbody", tr: "tr", th: "th", td: "td",
};

const LINK_SCHEMES = new Set(["http:", "https:", "mailto:"]);
/** A longer "word" behind a code fence is not the name of a language. */
const LANGUAGE_MAX = 32;

const parser = new MarkdownIt({ html: false, linkify: true, breaks: true, typographer: false });
type Token = ReturnType<typeof parser.parse>[number];

/** The address as the browser will understand it, or `undefined` when it must not be followed. */
export function safeHref(href: string): string | undefined {
  // Without a scheme it would point into the gateway's own pages.
  if (!/^[a-z][a-z0-9+.-]*:/i.test(href)) return undefined;
  try {
    const url = new URL(href);
    return LINK_SCHEMES.has(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

export function parseMarkdown(text: string): Block[] {
  const tokens = parser.parse(text, {});
  const lines = text.split("\n");
  const blocks: Block[] = [];
  for (let index = 0; index < tokens.length; ) {
    const end = closingIndex(tokens, index);
    const map = tokens[index]?.map;
    const source = map === null || map === undefined ? "" : lines.slice(map[0], map[1]).join("\n");
    const [node] = nodesOf(tokens.slice(index, end + 1));
    if (node !== undefined) blocks.push({ source, node });
    index = end + 1;
  }
  return blocks;
}

function closingIndex(tokens: Token[], start: number): number {
  let depth = 0;
  for (let index = start; index < tokens.length; index += 1) {
    depth += tokens[index]?.nesting ?? 0;
    if (depth <= 0) return index;
  }
  return tokens.length - 1;
}

/** Flat tokens to a tree. What is not known here keeps its text and loses its form. */
function nodesOf(tokens: readonly Token[]): Node[] {
  const root: Node[] = [];
  const open: Node[][] = [root];
  const push = (node: Node): void => void open.at(-1)?.push(node);
  for (const [index, token] of tokens.entries()) {
    if (token.nesting === 1) {
      const node = opened(token);
      if (node !== undefined) push(node);
      // An element that is dropped passes its children on to its parent.
      open.push(node !== undefined && "children" in node ? node.children : (open.at(-1) ?? root));
    } else if (token.nesting === -1) {
      if (open.length > 1) open.pop();
    } else if (token.type === "inline") {
      const nodes = nodesOf(token.children ?? []);
      for (const node of tokens[index - 2]?.type === "list_item_open" ? withCheck(nodes) : nodes) push(node);
    } else {
      for (const node of leaf(token)) push(node);
    }
  }
  return root;
}

/** `[x] done` at the beginning of a list entry. */
function withCheck(nodes: Node[]): Node[] {
  const [first, ...rest] = nodes;
  const mark = first?.kind === "text" ? /^\[([ xX])\] /.exec(first.text) : null;
  if (first?.kind !== "text" || mark === null) return nodes;
  return [{ kind: "check", done: mark[1] !== " " }, { kind: "text", text: first.text.slice(mark[0].length) }, ...rest];
}

function opened(token: Token): Node | undefined {
  // In a tight list the paragraphs are only there for the parser.
  if (token.hidden) return undefined;
  if (token.tag === "a") {
    const href = safeHref(String(token.attrGet("href") ?? ""));
    return href === undefined ? undefined : { kind: "link", href, children: [] };
  }
  const tag = TAGS[token.tag];
  if (tag === undefined) return undefined;
  const align = /text-align:(left|center|right)/.exec(String(token.attrGet("style") ?? ""))?.[1];
  const start = token.tag === "ol" ? Number(token.attrGet("start") ?? Number.NaN) : Number.NaN;
  return {
    kind: "element",
    tag,
    children: [],
    ...(align === undefined ? {} : { align: align as "left" | "center" | "right" }),
    ...(Number.isSafeInteger(start) ? { start } : {}),
  };
}

function leaf(token: Token): Node[] {
  switch (token.type) {
    case "text":
    case "text_special":
      return token.content === "" ? [] : [{ kind: "text", text: token.content }];
    case "softbreak":
    case "hardbreak":
      return [{ kind: "break" }];
    case "code_inline":
      return [{ kind: "code", text: token.content }];
    case "fence":
    case "code_block":
      return [{ kind: "block", language: languageOf(token.info), text: token.content.replace(/\n$/, "") }];
    case "hr":
      return [{ kind: "rule" }];
    case "image":
      return [imageLink(token)];
    default:
      return token.content === "" ? [] : [{ kind: "text", text: token.content }];
  }
}

/** Images are never fetched: their address would learn who reads, and when. A link leaves the choice. */
function imageLink(token: Token): Node {
  const alt = (token.children ?? []).map((child) => child.content).join("");
  const text: Node = { kind: "text", text: alt === "" ? "Image" : `Image: ${alt}` };
  const href = safeHref(String(token.attrGet("src") ?? ""));
  return href === undefined ? text : { kind: "link", href, children: [text] };
}

function languageOf(info: string): string {
  const name = info.trim().split(/\s+/)[0] ?? "";
  return name.length > LANGUAGE_MAX ? "" : name;
}
