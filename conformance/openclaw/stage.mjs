// What every run with the official software stands on: a gateway behind the recorder, a list of checks, and notes of
// what was proven. `REFERENCE=1` with `REFERENCE_URL` and `REFERENCE_TOKEN` puts a gateway there that is running already,
// which is how expectations are certified.

import { Checks, expect } from "../lib/checks.mjs";
import { restartGateway, startGateway } from "../lib/process.mjs";
import { Evidence } from "./evidence.mjs";
import { expectValidFrames } from "./frames.mjs";
import { RELEASE } from "./official.mjs";
import { record } from "./recorder.mjs";

/** The gateway that is running already. */
function reference() {
  const url = process.env.REFERENCE_URL;
  return { url, token: process.env.REFERENCE_TOKEN, port: Number(new URL(url).port) };
}

/** Ends a gateway of ours, and counts how. */
export async function stopInOrder(checks, gateway) {
  await checks.check("the gateway stops in order", async () => {
    const code = await gateway.program.stop();
    expect(code === 0, `exit code ${code}\n${gateway.program.output}`);
  });
}

/** A gateway whose address is the recorder's, for one part of the suite. */
export class Stage {
  checks = new Checks();

  /** Starts everything; a gateway that is running already has its own configuration. */
  static async open(part, config) {
    const stage = new Stage();
    const isReference = process.env.REFERENCE === "1";
    stage.own = isReference ? null : await startGateway(config);
    const gateway = stage.own ?? reference();
    stage.recorder = await record(gateway.url);
    stage.gateway = { ...gateway, url: stage.recorder.url };
    stage.evidence = new Evidence(part);
    return stage;
  }

  /** One check that is noted when it holds. */
  async step(what, work, detail = "") {
    const held = await this.checks.check(what, work);
    if (held) this.evidence.add(what, detail);
    return held;
  }

  /** Stops the gateway in order and starts it again. */
  async restart() {
    const code = await restartGateway(this.own);
    expect(code === 0, `exit code ${code}`);
  }

  /** Stops everything, checks what was recorded, leaves the notes. */
  async close() {
    this.recorder.close();
    this.evidence.frames(this.recorder);
    if (this.own) await stopInOrder(this.checks, this.own);
    await this.checks.check("every frame is valid by the published schema", async () => expectValidFrames(this.recorder));
    // What another gateway does proves nothing about ours.
    if (this.own) this.evidence.write(RELEASE);
    this.checks.finish();
  }
}
