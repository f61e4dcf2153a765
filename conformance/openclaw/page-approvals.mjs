// Commands that wait for a person, decided in the official page, and the policy of which of them wait.

import { randomUUID } from "node:crypto";

import { expect, until } from "../lib/checks.mjs";
import { WAIT_MS } from "./desk.mjs";

/** The inbox of the side bar, and the decision that a button of it takes. */
const INBOX = ".sidebar-issues-button";
const ANSWERS = [
  ["allow-once", /Allow once/],
  ["deny", /Deny/],
];

export async function driveApprovals(desk) {
  const { client } = desk;
  await desk.step("the inbox of waiting commands opens", async () => {
    await desk.go("/chat/main");
    await desk.click(INBOX);
    await desk.see(/Nothing waiting/, "an empty inbox");
  });
  for (const [decision, words] of ANSWERS) {
    await desk.step(`a waiting command is shown and decided, ${decision}`, async () => {
      const id = randomUUID();
      const command = `uname --${decision}`;
      await client.request("exec.approval.request", { id, command, host: "gateway", twoPhase: true, timeoutMs: 4 * WAIT_MS });
      const decided = client.request("exec.approval.waitDecision", { id }, { timeoutMs: 4 * WAIT_MS });
      // Whatever ends the step early ends the waiting as well.
      decided.catch(() => {});
      await desk.see(new RegExp(command), "the command");
      await desk.shot(`approval-${decision}`);
      await desk.click(".sidebar-approval-row__action", words);
      const answer = await decided;
      expect(answer.decision === decision, JSON.stringify(answer));
      await desk.see(/Nothing waiting/, "an empty inbox");
    });
  }
  await desk.step("the policy is changed and saved", async () => {
    await desk.go("/settings/devices");
    const field = desk.page.locator(".settings-row", { hasText: "Default prompt policy" }).locator("select").first();
    // The page may still be reading the policy, and would put the old value back.
    await until(WAIT_MS, "the policy", async () => {
      await field.selectOption({ label: "Always" });
      await desk.page.locator("main button:enabled", { hasText: "Save" }).first().click({ timeout: 5_000 });
      const { file } = await client.request("exec.approvals.get", {});
      return file.defaults?.ask === "always";
    });
  });
}
