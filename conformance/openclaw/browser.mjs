// The browser of these runs: headless Chromium with a profile of its own, so that what it keeps between two visits is
// what a person's browser keeps.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

/** Removed when the run ends: Chromium still writes for a moment after it was closed. */
const profiles = [];
process.on("exit", () => profiles.forEach((profile) => rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })));

/** Starts it with an empty profile. */
export async function launch() {
  const profile = mkdtempSync(join(tmpdir(), "torana-browser-"));
  profiles.push(profile);
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    viewport: { width: 1280, height: 820 },
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  });
  // A page may copy, as in a browser whose owner was asked.
  await browser.grantPermissions(["clipboard-read", "clipboard-write"]);
  return browser;
}
