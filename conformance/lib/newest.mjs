// Writes down in `newest.json` which releases a suite has just passed with: `node newest.mjs <suite> <folder>`, where
// the folder is the copy that `cargo xtask conform --latest` has driven.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NOTES = join(import.meta.dirname, "..", "newest.json");
const [suite, folder] = process.argv.slice(2);

const read = (path) => JSON.parse(readFileSync(path, "utf8"));
const release = (name) => read(join(folder, "node_modules", name, "package.json")).version;

const names = Object.keys(read(join(folder, "package.json")).dependencies);
const notes = existsSync(NOTES) ? read(NOTES) : {};
notes[suite] = {
  passed: new Date().toISOString().slice(0, 10),
  releases: Object.fromEntries(names.map((name) => [name, release(name)])),
};
writeFileSync(NOTES, `${JSON.stringify(notes, null, 2)}\n`);
