// The official command line, unmodified, as an installed user runs it: the published package on the Node release it
// asks for (both from this folder's lock file), in a home of its own.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const modules = join(import.meta.dirname, "node_modules");

/** The Node that the official package needs; the one that runs this file may be older. */
export const NODE = join(modules, `node-${process.platform}-${process.arch}`, "bin", "node");
/** The official program. */
export const PROGRAM = join(modules, "openclaw", "openclaw.mjs");
/** The release under test. */
export const RELEASE = JSON.parse(readFileSync(join(dirname(PROGRAM), "package.json"), "utf8")).version;
/** The Control UI that the package ships. */
export const CONTROL_UI = join(dirname(PROGRAM), "dist", "control-ui");

/** The longest that one command may take; its own limit for a call is 10 s, and Node needs a while to start. */
const COMMAND_MS = 60_000;

/** What the program must not see of whoever runs this. */
function environment(home, gateway, extra) {
  return {
    PATH: `${dirname(NODE)}:${process.env.PATH}`,
    HOME: home,
    LANG: "C.UTF-8",
    NO_COLOR: "1",
    TERM: "xterm-256color",
    OPENCLAW_GATEWAY_URL: gateway.url,
    OPENCLAW_GATEWAY_TOKEN: gateway.token,
    OPENCLAW_GATEWAY_PORT: String(gateway.port),
    ...extra,
  };
}

/** One person's installation of the official program, pointed at a gateway. */
export class Official {
  constructor(gateway, { remote = false, ...extra } = {}) {
    this.home = mkdtempSync(join(tmpdir(), "openclaw-home-"));
    mkdirSync(join(this.home, ".openclaw"));
    if (remote) {
      const config = { gateway: { mode: "remote", remote: { url: gateway.url, token: gateway.token } } };
      writeFileSync(join(this.home, ".openclaw", "openclaw.json"), JSON.stringify(config));
    }
    process.on("exit", () => rmSync(this.home, { recursive: true, force: true }));
    this.environment = environment(this.home, gateway, extra);
  }

  /** Starts it and leaves it running. */
  spawn(args, options = {}) {
    const child = spawn(NODE, [PROGRAM, ...args], { env: this.environment, cwd: this.home, stdio: ["pipe", "pipe", "pipe"], ...options });
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("close", () => process.off("exit", kill));
    return child;
  }

  /** Runs it to its end. */
  async run(args) {
    const child = this.spawn(args);
    child.stdin.end();
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    const timer = setTimeout(() => child.kill("SIGKILL"), COMMAND_MS);
    const code = await new Promise((done) => child.on("close", done));
    clearTimeout(timer);
    return { code, output };
  }
}

/** What follows the first brace or bracket: programs print warnings before their JSON. */
export function json(output) {
  const start = output.search(/^[[{]/m);
  if (start < 0) throw new Error(`no JSON in: ${output.slice(0, 400)}`);
  let text = output.slice(start);
  for (;;) {
    try {
      return JSON.parse(text);
    } catch (error) {
      const end = Math.max(text.lastIndexOf("\n}"), text.lastIndexOf("\n]"));
      if (end <= 0) throw new Error(`${error.message} in: ${output.slice(0, 400)}`);
      const shorter = text.slice(0, end + 2);
      if (shorter.length >= text.length) throw new Error(`${error.message} in: ${output.slice(0, 400)}`);
      text = shorter;
    }
  }
}
