// A program in a pseudo-terminal (made by `script` of util-linux), and what a person would have read in it.

import { spawn } from "node:child_process";

import { until } from "../lib/checks.mjs";

/** Size of the terminal: wide enough that no expected line is broken. */
const ROWS = 50;
const COLUMNS = 160;
/** How much of the output is kept. */
const OUTPUT_CHARS_MAX = 400_000;

/** Control sequences: colours, movements, titles. */
// eslint-disable-next-line no-control-regex
const CONTROL = /\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b\[[0-9;?<>=]*[ -/]*[@-~]|\u001b[@-Z\\-_=>]|[\u0000-\u0008\u000e-\u001f]/g;

/** Quotes for the shell that `script` starts. */
const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/** A program in a terminal. */
export class Terminal {
  #raw = "";
  #from = 0;

  constructor(program, args, environment, folder) {
    const line = `stty rows ${ROWS} cols ${COLUMNS}; exec ${[program, ...args].map(quoted).join(" ")}`;
    this.child = spawn("script", ["-qfec", line, "/dev/null"], { env: environment, cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on("data", (chunk) => (this.#raw = (this.#raw + chunk).slice(-OUTPUT_CHARS_MAX)));
    }
    this.child.stdin.on("error", () => {});
    this.ended = new Promise((done) => this.child.once("close", done));
    process.once("exit", () => this.child.kill("SIGKILL"));
  }

  /** What has been printed since the last `mark`, without control sequences. */
  get text() {
    return this.#raw.slice(this.#from).replace(CONTROL, "");
  }

  /** From here on, only what is printed later counts. */
  mark() {
    this.#from = this.#raw.length;
  }

  /** Presses keys. */
  type(keys) {
    this.child.stdin.write(keys);
  }

  /** Types a line. */
  async say(line) {
    this.mark();
    this.type(line);
    await this.sees(5_000, "the typed line", (text) => text.includes(line.slice(-12)));
    this.type("\r");
  }

  /** Waits until the screen shows it. */
  async sees(ms, what, condition) {
    try {
      await until(ms, what, () => condition(this.text));
    } catch (error) {
      throw new Error(`${error.message}; the terminal shows:\n${this.text.slice(-2500)}`);
    }
  }
}
