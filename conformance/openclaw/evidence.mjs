// What was proven: the runs of this folder write down which command and which method worked, and `table.mjs` makes
// the page in docs/ of it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where the runs leave their notes; below `target/`, which is never committed. */
export const FOLDER = join(import.meta.dirname, "..", "..", "target", "conformance");

/**
 * Refusals that are not the method's own: nobody knows it, or the gateway failed or had no time. A failure inside the
 * gateway has the bare `UNAVAILABLE` on the wire.
 */
const NO_PROOF = ["UNKNOWN_METHOD", "INTERNAL", "UNAVAILABLE", "none"];

/** The finest code of a refusal. */
function codeOf(error) {
  if (error?.message?.startsWith("unknown method")) return "UNKNOWN_METHOD";
  return error?.details?.code ?? error?.code ?? "none";
}

/** Collects what one run has proven. */
export class Evidence {
  constructor(part) {
    this.part = part;
    this.proven = [];
    this.methods = new Map();
  }

  /** A command, page or dialogue of the official software that did what it should. */
  add(what, detail = "") {
    this.proven.push({ what, detail });
  }

  /** Counts answers per method from recorded frames. */
  frames(recorder) {
    for (const { text } of recorder.frames) {
      const frame = JSON.parse(text);
      const method = frame.type === "res" ? recorder.methodOf(frame.id) : undefined;
      if (method !== undefined) this.answer(method, frame);
    }
  }

  /** Counts one answer of a method; a refusal only when it is the method's own. */
  answer(method, { ok, error }) {
    const seen = this.methods.get(method) ?? { ok: 0, refused: 0, codes: {} };
    if (ok) {
      seen.ok += 1;
    } else {
      const code = codeOf(error);
      seen.codes[code] = (seen.codes[code] ?? 0) + 1;
      if (!NO_PROOF.includes(code)) seen.refused += 1;
    }
    this.methods.set(method, seen);
  }

  /** Leaves the notes. */
  write(release) {
    mkdirSync(FOLDER, { recursive: true });
    const methods = Object.fromEntries([...this.methods].sort());
    const written = new Date().toISOString().slice(0, 10);
    const text = JSON.stringify({ part: this.part, release, written, proven: this.proven, methods }, null, 1);
    writeFileSync(join(FOLDER, `openclaw-${this.part}.json`), `${text}\n`);
  }
}
