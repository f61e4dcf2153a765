// A program in a pseudo-terminal (made by `script` of util-linux), and what a person would have read in it.

import { spawn } from "node:child_process";

import { until } from "../lib/checks.mjs";

/** Size of the terminal: wide enough that no expected line is broken. */
const ROWS = 50;
const COLUMNS = 160;
/** How long a key may take to show on a busy machine. */
const ECHO_MS = 30_000;
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
      stream.on("data", (chunk) => this.#keep(chunk));
    }
    this.child.stdin.on("error", () => {});
    this.ended = new Promise((done) => this.child.once("close", done));
    process.once("exit", () => this.end());
  }

  /** Keeps the newest of what is printed; the mark moves with it. */
  #keep(chunk) {
    const all = this.#raw + chunk;
    const cut = Math.max(0, all.length - OUTPUT_CHARS_MAX);
    this.#raw = all.slice(cut);
    this.#from = Math.max(0, this.#from - cut);
  }

  /** Ends it, whatever it does. */
  end() {
    this.child.kill("SIGKILL");
  }

  /** What has been printed since the last `mark`, without control sequences. */
  get text() {
    return this.#raw.slice(this.#from).replace(CONTROL, "");
  }

  /** Whether anything has been printed since the last `mark`, if only control sequences. */
  get hasPrinted() {
    return this.#raw.length > this.#from;
  }

  /** From here on, only what is printed later counts. */
  mark() {
    this.#from = this.#raw.length;
  }

  /** Presses keys. */
  type(keys) {
    this.child.stdin.write(keys);
  }

  /** Types a line; only what is printed after Enter counts from then on. */
  async say(line) {
    this.mark();
    this.type(line);
    await this.sees(ECHO_MS, "the typed line", (text) => text.includes(line.slice(-12)));
    this.mark();
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
