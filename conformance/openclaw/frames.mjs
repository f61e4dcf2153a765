// The check that every run of this folder ends with: each frame the gateway has sent is valid by the published schema,
// and so is each request it has taken.

import { expect } from "../lib/checks.mjs";
import { inspect, inspectRequest } from "./schema.mjs";

/** How many violations are worth printing. */
const SHOWN = 20;

/** Fails when a recorded frame breaks the schema. */
export function expectValidFrames(recorder) {
  const wrong = new Map();
  const unchecked = new Set();
  const taken = new Set();
  for (const { text, isBinary, connection } of recorder.frames) {
    expect(!isBinary, "a binary frame was sent");
    const frame = JSON.parse(text);
    const { found, definition } = inspect(frame, recorder.methodOf);
    const name = frame.event ?? recorder.methodOf(frame.id);
    found.forEach((problem) => wrong.set(`${name}: ${problem}`, text.slice(0, 300)));
    if (!definition && frame.payload !== undefined) unchecked.add(name);
    if (frame.type === "res" && frame.ok) taken.add(`${connection} ${frame.id}`);
  }
  for (const { connection, frame } of recorder.requests.filter((one) => taken.has(`${one.connection} ${one.frame.id}`))) {
    inspectRequest(frame).forEach((problem) => wrong.set(`${frame.method} was taken: ${problem}`, JSON.stringify(frame.params).slice(0, 300)));
  }
  console.log(`        ${recorder.frames.length} frames; no definition for the payload of ${[...unchecked].sort().join(", ")}`);
  expect(recorder.frames.length > 0, "no frame was recorded");
  const lines = [...wrong].slice(0, SHOWN).map(([problem, text]) => `${problem} in ${text}`);
  expect(wrong.size === 0, `${wrong.size} violations\n${lines.join("\n")}`);
}
