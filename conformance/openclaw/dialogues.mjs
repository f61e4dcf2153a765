// The recorded dialogues of our own tests, held against the published schema: what we answer, and what was asked and
// taken. So every method is checked, also those that no official command happens to call.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { Checks, expect } from "../lib/checks.mjs";
import { Evidence } from "./evidence.mjs";
import { RELEASE } from "./official.mjs";
import { EXTRA_METHODS, inspect, inspectRequest, isMethod } from "./schema.mjs";

const FOLDER = join(import.meta.dirname, "..", "..", "crates", "torana-dialects", "src", "openclaw", "tests", "dialogues");

/** How many violations are worth printing. */
const SHOWN = 30;

/** What the recording stands for, where the schema asks for more than any text. */
function real(text) {
  return text
    .replaceAll("(uuid)", "00000000-0000-4000-8000-000000000000")
    .replaceAll("(time)", "2026-01-01T00:00:00.000Z")
    .replaceAll('"(here)"', "18789")
    .replaceAll("(path)", "/somewhere/x");
}

const checks = new Checks();
const evidence = new Evidence("dialogues");
const counted = { answers: 0, defined: new Set(), undefined: new Set() };

function read(name) {
  const wrong = new Map();
  const asked = new Map();
  for (const line of readFileSync(join(FOLDER, name), "utf8").trim().split("\n")) {
    const [, direction, speaker, rest] = /^([<>])(\w*)[!?]? (.*)$/.exec(line);
    let frame;
    try {
      frame = JSON.parse(real(rest));
    } catch {
      continue; // A direction of the play, or how a connection was closed.
    }
    const key = `${speaker} ${frame.id}`;
    if (direction === ">") {
      asked.set(key, frame);
      continue;
    }
    const request = asked.get(key);
    const { found, definition } = inspect(frame, () => request?.method);
    if (request && frame.type === "res") evidence.answer(request.method, frame);
    if (frame.ok === true) {
      counted.answers += 1;
      (definition ? counted.defined : counted.undefined).add(request.method);
      // Placeholders of the play (`$REQUEST`, a device by its number) are texts and numbers like any other.
      if (request.method !== "connect") {
        found.push(...inspectRequest(request).map((problem) => `asked: ${problem}`));
      }
    }
    found.forEach((problem) => wrong.set(`${request?.method ?? frame.event}: ${problem}`, rest.slice(0, 200)));
  }
  return wrong;
}

for (const name of readdirSync(FOLDER).filter((name) => name.endsWith(".jsonl"))) {
  await checks.check(`${name} is valid by the published schema`, async () => {
    const lines = [...read(name)].slice(0, SHOWN).map(([problem, text]) => `${problem} in ${text}`);
    expect(lines.length === 0, `\n${lines.join("\n")}`);
  });
}

await checks.check("every method is one of the protocol, or our own", async () => {
  const strange = [...counted.defined, ...counted.undefined].filter((name) => !isMethod(name) && !EXTRA_METHODS.includes(name) && !name.startsWith("torana."));
  console.log(`        ${counted.answers} answers and as many requests; no definition for the answer of ${[...counted.undefined].sort().join(", ")}`);
  expect(strange.length === 0, `unknown: ${strange.join(", ")}`);
});
evidence.write(RELEASE);
checks.finish();
