// What was proven: the runs of this folder write down which command and which method worked, and `table.mjs` makes
// the page in docs/ of it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where the runs leave their notes; below `target/`, which is never committed. */
export const FOLDER = join(import.meta.dirname, "..", "..", "target", "conformance");

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
      if (method === undefined) continue;
      const seen = this.methods.get(method) ?? { ok: 0, refused: 0 };
      if (frame.ok) seen.ok += 1;
      else seen.refused += 1;
      this.methods.set(method, seen);
    }
  }

  /** Leaves the notes. */
  write(release) {
    mkdirSync(FOLDER, { recursive: true });
    const methods = Object.fromEntries([...this.methods].sort());
    const text = JSON.stringify({ part: this.part, release, proven: this.proven, methods }, null, 1);
    writeFileSync(join(FOLDER, `openclaw-${this.part}.json`), `${text}\n`);
  }
}
