// Writes docs/reference/openclaw-conformance.md from what the runs of this folder have left in `target/conformance`.
// `npm run conform` ends with it: `--check` fails when the committed page says something else than this run proved.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { FOLDER } from "./evidence.mjs";

const PARTS = ["cli", "tui", "node-host", "control-ui"];
const PAGE = join(import.meta.dirname, "..", "..", "docs", "reference", "openclaw-conformance.md");

const notes = PARTS.filter((part) => existsSync(join(FOLDER, `openclaw-${part}.json`))).map((part) =>
  JSON.parse(readFileSync(join(FOLDER, `openclaw-${part}.json`), "utf8")),
);
if (notes.length !== PARTS.length) {
  console.log(`notes of ${PARTS.length - notes.length} runs are missing; hint: run \`cargo xtask conform openclaw\``);
  process.exit(2);
}

const cell = (text) => text.replaceAll("|", "\\|");
const methods = new Map();
for (const { part, methods: seen } of notes) {
  for (const [method, { ok }] of Object.entries(seen)) {
    if (ok === 0) continue;
    methods.set(method, [...(methods.get(method) ?? []), part]);
  }
}
const lines = [
  "# Official OpenClaw software against Torana",
  "",
  "Written by `cargo xtask conform openclaw`; a run that proves something else than this page fails.",
  `The software is the published package, release ${notes[0].release}, unmodified. What is expected of each command was`,
  "taken from the same command against the official gateway of that release.",
  `This page was last written on ${new Date().toISOString().slice(0, 10)}; every run of CI proves its rows again.`,
  "",
  "## Commands and pages",
  "",
  "| what | remark |",
  "|---|---|",
  ...notes.flatMap(({ proven }) => proven.map(({ what, detail }) => `| \`${cell(what)}\` | ${cell(detail)} |`)),
  "",
  "## Methods that the official software called and that answered well",
  "",
  "Every frame was checked against the published schema as far as that defines it.",
  "",
  "| method | called by |",
  "|---|---|",
  ...[...methods].sort(([left], [right]) => (left < right ? -1 : 1)).map(([method, parts]) => `| \`${method}\` | ${parts.join(", ")} |`),
  "",
];
const text = lines.join("\n");
if (process.argv.includes("--check")) {
  const committed = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : "";
  // Which methods a page happens to call depends on its timing; what it can do does not.
  const commands = (page) => page.split("## Methods")[0].split("\n");
  const name = (line) => line.split(" | ")[0];
  const proven = new Set(commands(text).map(name));
  const lost = commands(committed).filter((line) => line.startsWith("| `") && !proven.has(name(line)));
  if (lost.length > 0) {
    console.log(`the page in docs/ says more than this run proved:\n${lost.join("\n")}\nhint: node table.mjs`);
    process.exit(1);
  }
} else {
  writeFileSync(PAGE, text);
}
