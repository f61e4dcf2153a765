// The settings of the official page: forms, the text of the file, workspace files, devices, the channel, logs and the
// page for calling a method.

import { readFileSync } from "node:fs";

import { expect, until } from "../lib/checks.mjs";
import { WAIT_MS } from "./desk.mjs";

/** Who writes to the bot, and is not known yet. */
const STRANGER = 4711;

export async function driveSettings(desk) {
  const { page } = desk;
  const config = (what, isExpected) => desk.answered(what, "config.get", {}, (answer) => isExpected(answer.config));
  const fill = async (label, value) => {
    const field = page.getByLabel(label, { exact: true }).first();
    await field.fill(value);
    await field.press("Tab");
  };

  await desk.step("a setting is changed in a form", async () => {
    await desk.go("/settings/communications");
    await fill("Response prefix", "[from the form]");
    await page.locator("main button:enabled", { hasText: /^\s*Save/ }).first().click({ timeout: 5_000 }).catch(() => {});
    await config("the setting", ({ messages }) => messages?.responsePrefix === "[from the form]");
    await desk.shot("form");
  });

  await desk.step("no setting is left to the text editor alone", async () => {
    await desk.go("/settings/advanced");
    await desk.see(/Providers/, "the form");
    const left = (await desk.text()).match(/\S+\s+Unsupported schema.*|.*only be edited as text.*/g) ?? [];
    expect(left.length === 0, left.join("\n"));
    await desk.shot("settings-form");
  });

  await desk.step("the text of the file is changed", async () => {
    await page.locator('button[title^="Edit raw"]').first().click();
    await page.locator(".config-raw-toggle").first().click();
    const editor = page.locator("main textarea").filter({ visible: true }).first();
    const text = await editor.inputValue();
    await editor.fill(text.replace("[from the form]", "[from the text]"));
    await page.locator("main button:enabled", { hasText: /^\s*Save/ }).first().click();
    await config("the setting", ({ messages }) => messages?.responsePrefix === "[from the text]");
  });

  await desk.step("a workspace file is written", async () => {
    await desk.go("/settings/agents");
    await desk.click("wa-tab", /Files/);
    const editor = page.locator("textarea.agent-file-textarea");
    await editor.fill("# Rules\nBe brief.\n");
    await page.locator("main button:enabled", { hasText: /^\s*Save/ }).first().click();
    await desk.answered("the file", "agents.files.get", { agentId: "main", name: "AGENTS.md" }, ({ file }) => file.content?.includes("Be brief."));
  });

  await desk.step("the channel says that it runs, and is probed", async () => {
    await desk.go("/settings/channels");
    await desk.click(".channels-item", /Telegram/);
    await desk.see(/Mode\s+polling/, "how it gets its messages");
    await page.locator("button", { hasText: "Probe" }).first().click();
    await desk.see(/Last probe\s+(?!n\/a)\S/, "the probe");
    await desk.shot("channel");
    await page.keyboard.press("Escape");
  });

  await desk.step("somebody who writes to the bot is let in", async () => {
    await fetch(`${desk.telegramUrl}/control/message`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ chatId: STRANGER, text: "hello" }),
    });
    await desk.answered("the request", "channels.pairing.list", {}, (answer) => JSON.stringify(answer).includes(String(STRANGER)));
    await page.getByRole("button", { name: "Refresh" }).last().click();
    await desk.see(new RegExp(STRANGER), "the request on the page");
    await desk.click("main button", /^\s*Approve/);
    await desk.click(".channels-pairing-dialog__actions button", /Approve/);
    await desk.answered("the end of the request", "channels.pairing.list", {}, (answer) => !JSON.stringify(answer).includes(String(STRANGER)));
  });

  await desk.step("a device gets another name", async () => {
    await desk.go("/settings/devices");
    await desk.click(".device-entry__menu-trigger");
    await desk.click("wa-dropdown-item", /Edit alias/);
    await page.keyboard.press("Control+A");
    await page.keyboard.type("The kitchen");
    await page.keyboard.press("Enter");
    await desk.answered("the name", "device.pair.list", {}, (answer) => JSON.stringify(answer.paired).includes("The kitchen"));
    await desk.see(/The kitchen/);
  });

  await desk.step("a method is called", async () => {
    await desk.go("/debug");
    await page.locator("select.settings-select").first().selectOption("system-presence");
    await page.locator("textarea.settings-input").fill("{}");
    await desk.click("button.primary", /Call/);
    await desk.see(/"mode": "gateway"/, "the answer");
  });

  await desk.step("the log is filtered and saved", async () => {
    await desk.go("/logs");
    await page.fill('input[placeholder="Search logs"]', "The gateway is running");
    await desk.see(/The gateway is running\./, "the line");
    expect(!/"subsystem"/.test(await desk.text()), "a line shows its wrapping");
    const [download] = await Promise.all([page.waitForEvent("download"), desk.click("button", /Export/)]);
    const saved = readFileSync(await download.path(), "utf8");
    expect(saved.includes("The gateway is running."), saved.slice(0, 400));
  });

  await desk.step("what was used is counted", async () => {
    await desk.go("/usage");
    // The row of the session: its key, its agent, what it did, and after the button its tokens.
    const row = /agent:main:main\s+.+\s+provider:.*msgs:[1-9].*\s+Copy\s+[1-9]/;
    await until(WAIT_MS, "the session with its tokens", async () => row.test(await desk.text()));
    await desk.shot("usage");
  });
}
