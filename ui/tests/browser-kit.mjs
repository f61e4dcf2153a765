// What the browser tests share: a gateway process in an empty home, a page that records every
// complaint, and waiting for visible conditions instead of times.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

/** Longest wait for anything visible; a slow machine is no failure. */
export const WAIT_MS = 20_000;
const ARTIFACTS = resolve(process.env.ARTIFACTS ?? "artifacts");

export async function freePort() {
  return await new Promise((done) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Starts the binary as a newcomer would: no arguments, an empty home. */
export class Gateway {
  constructor(binary, port, extraEnv = {}) {
    this.binary = resolve(binary);
    this.port = port;
    this.home = mkdtempSync(join(tmpdir(), "torana-ui-"));
    this.extraEnv = extraEnv;
  }

  /** Resolves with the sign-in link it prints. */
  async start() {
    const env = {
      PATH: process.env.PATH, HOME: this.home, LANG: "C.UTF-8",
      TORANA_GATEWAY_PORT: String(this.port), ...this.extraEnv,
    };
    const child = spawn(this.binary, [], { env, cwd: this.home, stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    this.log = [];
    return await new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`the gateway printed no sign-in link:\n${this.log.join("\n")}`)), WAIT_MS);
      const read = (line) => {
        this.log.push(line);
        const link = /https?:\/\/\S*#login=[^\s"'<>]+/.exec(line)?.[0];
        if (link !== undefined) {
          clearTimeout(timer);
          done(link);
        }
      };
      createInterface({ input: child.stdout }).on("line", read);
      createInterface({ input: child.stderr }).on("line", read);
      child.on("error", fail);
      child.on("exit", (code, signal) => fail(new Error(`the gateway ended (${code ?? signal}) before it printed a link:\n${this.log.join("\n")}`)));
    });
  }

  async kill(signal = "SIGKILL") {
    const child = this.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await ended;
  }
}

/** `http://torana.test` reaches this machine but is no secure context, as on a home network. */
export async function launch() {
  return await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP torana.test 127.0.0.1"],
  });
}

/** A page that remembers everything that must not happen: CSP reports, exceptions, foreign requests. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 820 }, ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    // A refused connection is logged by the browser itself while the gateway is down.
    if (message.type() === "error" && !/WebSocket connection to .* failed|ERR_CONNECTION_REFUSED/.test(text)) complaints.push(`console: ${text}`);
  });
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  const hosts = new Set();
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  page.on("websocket", (socket) => hosts.add(new URL(socket.url()).host));
  page.setDefaultTimeout(WAIT_MS);
  return { context, page, complaints, hosts };
}

/** Runs scenes against the stand-in gateway, each with a gateway of its own and a fresh browser profile. */
export function scenes(browser) {
  const all = [];
  const scene = async (env, options, act) => {
    const gateway = new Gateway(join(import.meta.dirname, "mock-gateway.mjs"), await freePort(), env);
    const link = await gateway.start();
    const opened = await openPage(browser, options);
    all.push(opened.complaints);
    const steer = (action) => fetch(`http://127.0.0.1:${gateway.port}/__mock/${action}`, { method: "POST" }).then((answer) => answer.text());
    try {
      return await act({ page: opened.page, link, origin: new URL(link).origin, steer, gateway });
    } catch (error) {
      await shot(opened.page, "page-failure").catch(() => undefined);
      throw error;
    } finally {
      await opened.context.close();
      await gateway.kill();
    }
  };
  const complaints = () => all.flat().filter((text) => !/status of 404|favicon/.test(text));
  return { scene, complaints };
}

export async function shot(page, name) {
  mkdirSync(ARTIFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTIFACTS, `${name}.png`) });
}

/** Waits until a function that runs in the page says true. */
export async function until(page, what, condition, argument) {
  try {
    await page.waitForFunction(condition, argument, { timeout: WAIT_MS });
  } catch {
    throw new Error(`did not happen within ${WAIT_MS / 1000} s: ${what}`);
  }
}

export async function online(page) {
  await page.waitForSelector('[data-connection="online"]', { state: "attached" });
}

export async function say(page, text) {
  await page.fill("#composer-input", text);
  await page.press("#composer-input", "Enter");
}

/** Runs named steps, one line each; the first failure ends the run. */
export async function steps(list) {
  for (const [name, act] of list) {
    const startedAt = Date.now();
    try {
      const note = await act();
      console.log(`ok    ${name}${note === undefined ? "" : ` (${note})`} ${Date.now() - startedAt} ms`);
    } catch (error) {
      console.log(`FAIL  ${name}: ${error.message}`);
      return false;
    }
  }
  return true;
}
