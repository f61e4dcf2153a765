// Writes docs/reference/openclaw-conformance.md from what the runs of this folder have left in `target/conformance`:
// for each command, page and method what was proven and when, and how soon the page is usable.
//
// `npm run conform` ends with `--check`: it fails when a method of ours is not proven at all, or when the committed page
// says more than this run proved.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { NOT_DRIVEN } from "./commands.mjs";
import { FOLDER } from "./evidence.mjs";

const PARTS = ["cli", "tui", "node-host", "control-ui"];
const REFERENCE = join(import.meta.dirname, "..", "..", "docs", "reference");
const PAGE = join(REFERENCE, "openclaw-conformance.md");
/** What `cargo xtask conform --latest` has last passed with. */
const NEWEST = JSON.parse(readFileSync(join(import.meta.dirname, "..", "newest.json"), "utf8")).openclaw;

/** What one run has left. */
function notesOf(part) {
  const path = join(FOLDER, `openclaw-${part}.json`);
  if (!existsSync(path)) {
    console.log(`the notes of ${part} are missing; hint: run \`cargo xtask conform openclaw\``);
    process.exit(2);
  }
  return JSON.parse(readFileSync(path, "utf8"));
}

/** The methods of the method table, which is where the reference page comes from. */
function methodNames() {
  const text = readFileSync(join(REFERENCE, "methods.md"), "utf8");
  return ["connect", ...[...text.matchAll(/^\| `([\w.-]+)` \|/gm)].map(([, name]) => name)];
}

/** One method: who called it and was answered well, or was refused where nothing else can be. */
function methodRow(name, notes, dialogues) {
  const callers = notes.filter(({ methods }) => methods[name]?.ok > 0);
  const refusers = notes.filter(({ methods }) => methods[name]?.refused > 0);
  const parts = (witnesses) => witnesses.map(({ part }) => part).join(", ");
  const official = parts(callers) || (refusers.length > 0 ? `refused: ${parts(refusers)}` : "");
  const seen = dialogues.methods[name];
  const recorded = seen?.ok > 0 ? "yes" : seen?.refused > 0 ? "refused" : "";
  const witnesses = [...callers, ...refusers, ...(recorded === "" ? [] : [dialogues])];
  const proven = witnesses.map(({ written }) => written).sort().at(-1);
  return { name, official, recorded, proven };
}

const cell = (text) => text.replaceAll("|", "\\|");

/** A table of the page. */
const rows = (heads, lines) => [`| ${heads.join(" | ")} |`, `|${"---|".repeat(heads.length)}`, ...lines.map((cells) => `| ${cells.map(cell).join(" | ")} |`), ""];

function page(notes, dialogues, speed, methods) {
  const isTheirs = ([name]) => name.includes("openclaw");
  const releases = Object.entries(NEWEST.releases).filter(isTheirs).map(([name, release]) => `\`${name}\` ${release}`);
  return [
    "# Official OpenClaw software against Torana",
    "",
    "Written by `cargo xtask conform openclaw`; a run that proves less than this page fails.",
    `The software is the published package, release ${notes[0].release}, unmodified.`,
    "What is expected of each command was taken from the same command against the official gateway of that release.",
    `Each row was last proven on the day beside it; every run of CI proves all of them again.`,
    `The newest releases passed the runs with programs (not the dialogues and the speed) on ${NEWEST.passed} (\`cargo xtask conform openclaw --latest\`): ${releases.join(", ")}.`,
    "",
    "## Commands and pages",
    "",
    ...rows(["what", "remark", "proven"], notes.flatMap(({ proven, written }) => proven.map(({ what, detail }) => [`\`${what}\``, detail, written]))),
    "## Commands that are not driven",
    "",
    ...rows(["command", "why"], NOT_DRIVEN.map(([command, why]) => [`\`openclaw ${command}\``, why])),
    "## Methods",
    "",
    "Official software: which of the programs above called it and was answered well.",
    "Recorded dialogue: our own tests hold a dialogue with it; its request and its answer are valid by the published schema as far as that defines them.",
    "`refused` means that it was only asked about something that does not exist, and said so.",
    "",
    ...rows(["method", "official software", "recorded dialogue", "proven"], methods.map(({ name, official, recorded, proven }) => [`\`${name}\``, official, recorded, proven ?? "not proven"])),
    "## How soon the Control UI is usable",
    "",
    "Medians of one run, both gateways in turn on one machine; [what is measured](../../conformance/openclaw/speed.mjs), [what is behind it](../concepts/performance.md#the-page-of-openclaw).",
    "",
    ...rows(["measured", "Torana", "its own gateway", "times sooner", "budget"], speed.results.map(({ what, ours_ms, theirs_ms, times, budget }) => [what, `${ours_ms} ms`, `${theirs_ms} ms`, String(times), String(budget)])),
  ].join("\n");
}

/** What the committed page says and this run did not prove. */
function lost(text) {
  const committed = existsSync(PAGE) ? readFileSync(PAGE, "utf8") : "";
  // Which methods a page happens to call depends on its timing; what it can do does not.
  const proven = (page) => page.split("## Commands that are not driven")[0].split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split(" | ")[0]);
  const found = new Set(proven(text));
  return proven(committed).filter((name) => !found.has(name));
}

const notes = PARTS.map(notesOf);
const dialogues = notesOf("dialogues");
const methods = methodNames().map((name) => methodRow(name, notes, dialogues));
const text = page(notes, dialogues, notesOf("speed"), methods);
const unproven = methods.filter(({ proven }) => proven === undefined).map(({ name }) => `${name} is called by nobody and stands in no dialogue`);
if (!process.argv.includes("--check")) {
  writeFileSync(PAGE, text);
} else if (unproven.length + lost(text).length > 0) {
  console.log(`the page in docs/ says more than this run proved:\n${[...unproven, ...lost(text)].join("\n")}\nhint: node table.mjs`);
  process.exitCode = 1;
}
