#!/usr/bin/env node
// The Control UI against a real gateway, in headless Chromium: first visit by the printed link,
// a streamed answer, stop, reload, and a kill in mid-answer. Usage: node tests/browser.mjs <torana binary>.
// With TORANA_URL (a printed link) it uses a running gateway and skips the kill.
// Screenshots go to `artifacts/`, or to the folder named by ARTIFACTS.
import { Gateway, freePort, launch, online, openPage, say, shot, steps, until } from "./browser-kit.mjs";

const binary = process.argv[2] ?? process.env.TORANA_BIN;
if (binary === undefined && process.env.TORANA_URL === undefined) {
  console.error("usage: node tests/browser.mjs <path of the torana binary>");
  process.exit(2);
}
const gateway = binary === undefined ? undefined : new Gateway(binary, await freePort());
const link = process.env.TORANA_URL ?? (await gateway.start());
const origin = new URL(link).origin;
const browser = await launch();
const { context, page, complaints, hosts } = await openPage(browser);

const last = (list) => list[list.length - 1];
const answers = () => page.$$eval('[data-role="assistant"]', (all) => all.map((one) => ({ outcome: one.dataset.outcome, text: one.innerText })));
const settled = (count) =>
  until(page, `${count} finished answers`, (wanted) => {
    const all = [...document.querySelectorAll('[data-role="assistant"]')];
    return all.length >= wanted && all.every((one) => one.dataset.outcome !== "running");
  }, count);
const growing = (more) =>
  until(page, `an answer longer than ${more} characters`, (length) => {
    const live = document.querySelector('[data-role="assistant"][data-outcome="running"] .prose');
    return live !== null && live.innerText.length > length;
  }, more);

const ok = await steps([
  ["the printed link signs in", async () => {
    await page.goto(link);
    await online(page);
    await shot(page, "1-first-visit");
  }],
  ["the code is gone from the address", async () => {
    if (page.url().includes("login")) throw new Error(page.url());
  }],
  ["the demo agent is named as such", async () => {
    await page.waitForSelector(".demo");
  }],
  ["hello is answered, and the answer grows while it is written", async () => {
    await page.evaluate(() => {
      window.seenLengths = new Set();
      new MutationObserver(() => {
        const prose = [...document.querySelectorAll('[data-role="assistant"] .prose')].pop();
        if (prose !== undefined) window.seenLengths.add(prose.textContent.length);
      }).observe(document.querySelector(".transcript-inner"), { subtree: true, childList: true, characterData: true });
    });
    await say(page, "hello");
    await settled(1);
    const states = await page.evaluate(() => window.seenLengths.size);
    if (states < 2) throw new Error(`the text appeared in ${states} step(s)`);
    await shot(page, "2-answer");
    return `${states} steps`;
  }],
  ["a long answer can be stopped", async () => {
    await say(page, "demo: long");
    await growing(200);
    await page.keyboard.press("Escape");
    await page.waitForSelector('[data-outcome="aborted"]');
    await settled(2);
    const length = last(await answers()).text.length;
    await page.waitForTimeout(700);
    if (last(await answers()).text.length !== length) throw new Error("it went on growing");
    await shot(page, "3-stopped");
    return `${length} characters kept`;
  }],
  ["Markdown is drawn", async () => {
    await say(page, "demo: markdown");
    await settled(3);
    await page.waitForSelector(".prose :is(h3, h4, table, pre)");
    await shot(page, "4-markdown");
  }],
  ["an error is shown with a way to retry", async () => {
    await say(page, "demo: error");
    await page.waitForSelector('[data-outcome="error"]');
    await page.waitForSelector('[data-outcome="error"] button:has-text("Retry")');
    await until(page, "the reason, after the history was read", () => document.querySelector('[data-outcome="error"] .outcome-text')?.textContent.includes("asked for with"));
    await shot(page, "5-error");
  }],
  ["a retry asks again in its place", async () => {
    const before = await page.$$eval('[data-role="user"]', (all) => all.length);
    await page.click('[data-outcome="error"] button:has-text("Retry")');
    await page.waitForSelector(".live");
    await page.waitForSelector('[data-outcome="error"]');
    await until(page, "one turn instead of two", (count) => document.querySelectorAll('[data-role="user"]').length === count && document.querySelector(".live") === null, before);
  }],
  ["a reload keeps session and history", async () => {
    const before = await page.$$eval('[data-role="user"] .bubble', (all) => all.map((one) => one.textContent));
    await page.reload();
    await online(page);
    await until(page, "the same questions", (count) => document.querySelectorAll('[data-role="user"] .bubble').length >= count, before.length);
    const after = await page.$$eval('[data-role="user"] .bubble', (all) => all.map((one) => one.textContent));
    if (JSON.stringify(before) !== JSON.stringify(after)) throw new Error(`${before.join("|")} became ${after.join("|")}`);
    return `${after.length} questions`;
  }],
  ["a draft survives a reload", async () => {
    await page.fill("#composer-input", "not sent yet");
    await page.reload();
    await online(page);
    if ((await page.inputValue("#composer-input")) !== "not sent yet") throw new Error("the draft is gone");
    await page.fill("#composer-input", "");
  }],
  ...(gateway === undefined ? [] : [
    ["a kill in mid-answer: the page reconnects and the answer completes once", async () => {
      await say(page, "demo: slow");
      await growing(5);
      await gateway.kill("SIGKILL");
      await until(page, "the page notices", () => document.querySelector('[data-connection="online"]') === null);
      await shot(page, "6-gateway-killed");
      await gateway.start();
      await online(page);
      await until(page, "the answer after the restart", () => {
        const questions = [...document.querySelectorAll('[data-role="user"]')];
        const slow = questions.filter((one) => one.querySelector(".bubble").textContent === "demo: slow");
        const following = [...document.querySelectorAll('[data-role="assistant"]')].filter((one) => slow[0]?.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
        return slow.length === 1 && following.length === 1 && following[0].dataset.outcome === "final";
      });
      await page.waitForTimeout(500);
      const count = await page.$$eval('[data-role="user"] .bubble', (all) => all.filter((one) => one.textContent === "demo: slow").length);
      if (count !== 1) throw new Error(`the question is shown ${count} times`);
      await shot(page, "7-after-restart");
    }],
    ["the same after a reload: one question, one answer", async () => {
      await page.reload();
      await online(page);
      await until(page, "the history", () => [...document.querySelectorAll(".bubble")].some((one) => one.textContent === "demo: slow"));
      const tail = await page.$$eval("[data-role]", (all) => all.slice(-2).map((one) => `${one.dataset.role}:${one.dataset.outcome ?? ""}`));
      if (tail.join(" ") !== "user: assistant:final") throw new Error(tail.join(" "));
    }],
    ["text sent while the gateway is down goes out by itself", async () => {
      const before = (await answers()).length;
      await gateway.kill("SIGKILL");
      await until(page, "the page notices", () => document.querySelector('[data-connection="online"]') === null);
      await say(page, "hello again");
      await page.waitForSelector('.pending[data-state="waiting"]');
      await shot(page, "8-kept-text");
      await gateway.start();
      await online(page);
      await settled(before + 1);
      const count = await page.$$eval(".bubble", (all) => all.filter((one) => one.textContent === "hello again").length);
      if (count !== 1) throw new Error(`it is shown ${count} times`);
    }],
  ]),
  ["a used link is refused with the way out, and the signed-in browser stays signed in", async () => {
    const other = await openPage(browser);
    await other.page.goto(link);
    await other.page.waitForSelector(".notice.bad");
    const text = await other.page.innerText(".notice.bad");
    if (!text.includes("torana dashboard")) throw new Error(text);
    await shot(other.page, "9-used-link");
    await other.context.close();
    await page.goto("about:blank");
    await page.goto(link);
    await online(page);
  }],
  ["no link can point the page elsewhere", async () => {
    for (const tail of ["?gatewayUrl=ws://127.0.0.1:9", "?url=ws://127.0.0.1:9", "#gatewayUrl=ws://127.0.0.1:9", "#gateway=ws://127.0.0.1:9&url=ws://127.0.0.1:9", "?ws=ws://127.0.0.1:9#host=127.0.0.1:9"]) {
      await page.goto("about:blank");
      await page.goto(origin + "/" + tail);
      await online(page);
    }
    const foreign = [...hosts].filter((host) => host !== "" && host !== new URL(origin).host);
    if (foreign.length > 0) throw new Error(foreign.join(", "));
  }],
  ["a phone can use it", async () => {
    await page.setViewportSize({ width: 390, height: 780 });
    await page.click('[aria-label="Open session list"]');
    await page.waitForSelector(".sidebar.open .session");
    await shot(page, "10-phone-sessions");
    await page.keyboard.press("Escape");
    await until(page, "the drawer is away", () => getComputedStyle(document.querySelector(".sidebar")).visibility === "hidden");
    await shot(page, "11-phone");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    if (wide) throw new Error("the page is wider than the screen");
  }],
  ["no complaint from the browser", async () => {
    if (complaints.length > 0) throw new Error(complaints.join("; "));
  }],
]);

if (!ok) {
  await shot(page, "failure").catch(() => undefined);
  if (complaints.length > 0) console.log(`browser: ${complaints.join("; ")}`);
  if (gateway !== undefined) console.log(`gateway log, last lines:\n${gateway.log.slice(-15).join("\n")}`);
}
await context.close();
await browser.close();
await gateway?.kill();
process.exit(ok ? 0 : 1);
