// Starts the programs under test in a home of their own, and ends them however the test ends.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until, within } from "./checks.mjs";

/** How much of a program's output is kept for the error message. */
const OUTPUT_CHARS_MAX = 8_000;

/** A port that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** The path in an environment variable that `cargo xtask conform` sets. */
export function binary(variable) {
  const path = process.env[variable];
  if (!path) {
    console.log(`${variable} is not set; hint: run \`cargo xtask conform\``);
    process.exit(2);
  }
  return path;
}

/** A running program. */
export class Program {
  #child;
  #exited;
  #output = "";

  constructor(path, args, environment) {
    // Nothing of the caller's environment may leak in: no keys, no configuration.
    this.#child = spawn(path, args, {
      env: { PATH: process.env.PATH, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#exited = once(this.#child, "exit");
    this.#child.on("error", (error) => this.#keep(`${error}\n`));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on("data", (chunk) => this.#keep(chunk.toString()));
    }
    const kill = () => this.#child.kill("SIGKILL");
    process.on("exit", kill);
    this.#child.on("exit", () => process.off("exit", kill));
  }

  /** The end of what the program has printed. */
  get output() {
    return this.#output;
  }

  /** Whether it has ended by itself. */
  get ended() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Asks it to stop and returns its exit code. */
  async stop() {
    if (!this.ended) {
      this.#child.kill("SIGTERM");
      await within(40_000, "the program's orderly stop", this.#exited);
    }
    return this.#child.exitCode;
  }

  #keep(text) {
    this.#output = (this.#output + text).slice(-OUTPUT_CHARS_MAX);
  }
}

/** A gateway in an empty home; `config` is written to a file when given. */
export async function startGateway(config) {
  const home = mkdtempSync(join(tmpdir(), "torana-conformance-"));
  process.on("exit", () => rmSync(home, { recursive: true, force: true }));
  const port = await freePort();
  const args = ["gateway", "run", "--port", String(port)];
  if (config) {
    const path = join(home, "torana.json");
    writeFileSync(path, JSON.stringify(config));
    args.push("--config", path);
  }
  const place = { home, port, url: `ws://127.0.0.1:${port}`, program: await runGateway(args, home, port), args };
  return { ...place, token: readFileSync(join(home, ".torana", "credentials", "gateway-token"), "utf8").trim() };
}

/** Stops a gateway in order and starts it again at the same place; says how the old one ended. */
export async function restartGateway(gateway) {
  const code = await gateway.program.stop();
  gateway.program = await runGateway(gateway.args, gateway.home, gateway.port);
  return code;
}

/** Starts the program and waits until it is ready. */
async function runGateway(args, home, port) {
  const program = new Program(binary("TORANA_BIN"), args, { HOME: home });
  try {
    await until(30_000, "the gateway's readiness", async () => {
      if (program.ended) throw new Error("the gateway has ended");
      const response = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(5_000) });
      return response.ok;
    });
  } catch (error) {
    throw new Error(`${error.message}\n${program.output}`);
  }
  return program;
}
