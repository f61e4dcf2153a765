// A command that waits for an approval, asked for by the published client, and a person who decides with the official
// command line, once. The official gateway takes such a request only while its Control UI is open in a browser.

import { randomUUID } from "node:crypto";

import { expect, until } from "../lib/checks.mjs";
import { connect as connectClient } from "./client.mjs";
import { Official } from "./official.mjs";

/** How long a request waits for the person, milliseconds. */
const OPEN_MS = 120_000;
const CONNECT_MS = 30_000;

/** Whoever asks and whoever could decide. */
const SCOPES = ["operator.read", "operator.approvals"];

/** A connected client of the gateway that may ask for approvals. */
export const connect = (gateway) => connectClient(gateway, SCOPES);

/** Decides requests of a client with the command line. */
export async function decideApprovals(stage) {
  const person = new Official(stage.gateway);
  const asker = await connect(stage.gateway);
  // A request that nobody could decide ends at once: somebody has to be there.
  const watcher = await connect(stage.gateway);
  const ask = async () => {
    const id = randomUUID();
    const accepted = await asker.request("exec.approval.request", { id, command: "uname -a", host: "gateway", twoPhase: true, timeoutMs: OPEN_MS });
    expect(accepted.id === id, JSON.stringify(accepted));
    return { id, decided: asker.request("exec.approval.waitDecision", { id }, { timeoutMs: OPEN_MS }) };
  };
  const step = (name, work) => stage.step(`openclaw approvals: ${name}`, work);
  const run = (...args) => person.run(["approvals", ...args]);
  for (const decision of ["allow-once", "deny"]) {
    await step(`a waiting command is listed and decided, ${decision}`, async () => {
      const { id, decided } = await ask();
      await until(CONNECT_MS, "the request in the list", async () => (await run("pending", "--json")).output.includes(id));
      const { code, output } = await run("resolve", id, decision);
      expect(code === 0, `exit code ${code}:\n${output}`);
      expect((await decided).decision === decision, JSON.stringify(await decided));
      const again = await run("resolve", id, decision === "deny" ? "allow-once" : "deny");
      expect(again.code === 1 && /already resolved/.test(again.output), `a second decision is taken:\n${again.output}`);
    });
  }
  asker.stop();
  watcher.stop();
}
