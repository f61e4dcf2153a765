// The list of sessions in the official page: a new one, found by its words, named, pinned, put away, brought back, and
// deleted.

import { until } from "../lib/checks.mjs";
import { WAIT_MS } from "./desk.mjs";

const WORDS = "Plan the trip to the glacier.";
const NAME = "Glacier";
const ROW = ".sidebar-recent-session__link";

export async function driveSessions(desk) {
  const { page } = desk;
  let key;
  const row = async (what, isExpected) => desk.answered(what, "sessions.describe", { key }, ({ session }) => isExpected(session));
  const choose = async (name, words) => {
    await desk.find(ROW, name).click({ button: "right" });
    await desk.click("wa-dropdown-item", words);
  };

  await desk.step("a new session begins with its first message", async () => {
    await desk.click(".sidebar-new-session");
    await page.fill("textarea.new-session-page__message", WORDS);
    await page.press("textarea.new-session-page__message", "Enter");
    await desk.find(ROW, WORDS).waitFor();
    const { sessions } = await desk.answered("the session", "sessions.list", {}, (answer) => answer.sessions.some(({ displayName }) => displayName === WORDS));
    key = sessions.find(({ displayName }) => displayName === WORDS).key;
    await row("its answer", ({ status }) => status === "done");
  });

  await desk.step("a session is found by its words", async () => {
    await desk.click(".sidebar-brand__search");
    await page.keyboard.type("glacier");
    await desk.find(".cmd-palette__item--session", WORDS).waitFor();
    await desk.shot("palette");
    await page.keyboard.press("Escape");
    await page.locator(".cmd-palette__item--session").first().waitFor({ state: "detached" });
  });

  await desk.step("a session is renamed", async () => {
    await choose(WORDS, /Rename/);
    await page.keyboard.press("Control+A");
    await page.keyboard.type(NAME);
    await page.keyboard.press("Enter");
    await row("its name", ({ label }) => label === NAME);
    await desk.find(ROW, NAME).waitFor();
  });

  await desk.step("a session is pinned", async () => {
    await choose(NAME, /Pin session/);
    await row("the pin", ({ pinned }) => pinned);
  });

  await desk.step("a session is archived and brought back", async () => {
    await choose(NAME, /Archive session/);
    await row("the archive", ({ archived }) => archived);
    await page.locator(ROW).filter({ hasText: NAME }).waitFor({ state: "detached" });
    await desk.click(".sidebar-session-sort");
    await desk.click("wa-dropdown-item", /^\s*Archived/);
    await choose(NAME, /Restore|Unarchive/);
    await row("its return", ({ archived }) => !archived);
    await desk.click(".sidebar-session-sort");
    await desk.click("wa-dropdown-item", /^\s*Active/);
    await desk.find(ROW, NAME).waitFor();
  });

  await desk.step("a session is deleted", async () => {
    await choose(NAME, /Delete/);
    await desk.click("dialog button, [role=dialog] button, .danger", /Delete/);
    await until(WAIT_MS, "a list without it", async () => !(await desk.client.request("sessions.list", {})).sessions.some((session) => session.key === key));
    await page.locator(ROW).filter({ hasText: NAME }).waitFor({ state: "detached" });
  });
}
