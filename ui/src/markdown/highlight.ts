// Colours for code: comments, strings, numbers and keywords of the usual languages, found by one pass of one
// expression per family. It only cuts the text into pieces; whatever it mistakes, no character is lost or changed.

export interface Piece {
  kind: "plain" | "comment" | "string" | "number" | "keyword";
  text: string;
}

/** Longer blocks are read by programs, and colouring them while they stream would be felt. */
const CHARACTERS_MAX = 30_000;

type Family = "c" | "hash" | "sql" | "data";

/** Languages by how they write comments. What is not listed stays plain. */
const FAMILIES: Record<Family, string> = {
  c: "c cpp c++ cs csharp css dart go java javascript js jsx kotlin kt less php rs rust scala scss swift ts tsx typescript zig",
  hash: "bash console dockerfile elixir fish ini make makefile nix perl powershell ps1 py python r rb ruby sh shell toml yaml yml zsh",
  sql: "haskell hs lua postgres sql sqlite",
  data: "json json5 jsonc",
};

const COMMENTS: Record<Family, string> = {
  c: String.raw`\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)`,
  hash: String.raw`(?<![^\s;])#[^\n]*`,
  sql: String.raw`--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)`,
  data: String.raw`\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)`,
};

const STRINGS = String.raw`"""[\s\S]*?(?:"""|$)|"(?:\\.|[^"\\\n])*"?|(?<![\w&<])'(?:\\.|[^'\\\n])*'|` + "`(?:\\\\.|[^`\\\\])*`?";
const NUMBERS = String.raw`(?<![\w.-])(?:0[xXbBoO][\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\b`;

const KEYWORDS = new Set(
  (
    "abstract and as assert async await begin bool boolean break case catch char class const continue crate def default defer del delete do double " +
    "echo elif else elsif end enum esac except exit export extends extern false fi final finally float fn for foreach from fun func function go goto " +
    "if impl implements import in instanceof int interface is lambda let local long loop match mod module mut namespace new nil none not null or " +
    "override package pass private protected pub public raise readonly ref return self signed sizeof static string struct super switch then this " +
    "throw throws trait true try type typedef typeof union unless unsafe unsigned until use using var virtual void volatile when where while with yield"
  ).split(" "),
);
const SQL_KEYWORDS = new Set(
  (
    "all alter and as asc begin between by case commit create default delete desc distinct drop else end exists from group having in index inner insert into " +
    "is join key left like limit not null offset on or order outer primary references returning rollback select set table then union unique update using " +
    "values view when where with local function return if elseif for do while repeat until true false nil"
  ).split(" "),
);

const EXPRESSIONS = new Map<Family, RegExp>();

function expressionOf(family: Family): RegExp {
  const known = EXPRESSIONS.get(family) ?? new RegExp(`(${COMMENTS[family]})|(${STRINGS})|(${NUMBERS})|([A-Za-z_$][\\w$]*)`, "g");
  EXPRESSIONS.set(family, known);
  return known;
}

export function highlight(text: string, language: string): Piece[] {
  const name = language.toLowerCase();
  const family = (Object.keys(FAMILIES) as Family[]).find((key) => FAMILIES[key].split(" ").includes(name));
  if (family === undefined || text.length > CHARACTERS_MAX) return [{ kind: "plain", text }];
  const pieces: Piece[] = [];
  let plainFrom = 0;
  for (const match of text.matchAll(expressionOf(family))) {
    const kind = kindOf(match, family);
    if (kind === "plain") continue;
    if (match.index > plainFrom) pieces.push({ kind: "plain", text: text.slice(plainFrom, match.index) });
    pieces.push({ kind, text: match[0] });
    plainFrom = match.index + match[0].length;
  }
  if (plainFrom < text.length) pieces.push({ kind: "plain", text: text.slice(plainFrom) });
  return pieces;
}

function kindOf([, comment, string, number, word]: RegExpMatchArray, family: Family): Piece["kind"] {
  if (comment !== undefined) return "comment";
  if (string !== undefined) return "string";
  if (number !== undefined) return "number";
  // Only SQL is written in capitals as well.
  const isKeyword = family === "sql" ? SQL_KEYWORDS.has((word ?? "").toLowerCase()) : KEYWORDS.has(word ?? "");
  return isKeyword ? "keyword" : "plain";
}
