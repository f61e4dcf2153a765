#!/usr/bin/env node
// The page shown the worst: every field filled with markup and script, and links that try to send it
// elsewhere, in headless Chromium with the real headers. A listening canary counts what reaches it.
import { createServer } from "node:http";
import { join } from "node:path";
import { Gateway, freePort, launch, online, openPage, shot, steps, until } from "./browser-kit.mjs";

const STAND_IN = join(import.meta.dirname, "mock-gateway.mjs");
const canary = { hits: 0, port: await freePort() };
const trap = createServer((_, response) => {
  canary.hits += 1;
  response.end();
});
trap.on("upgrade", (_, socket) => {
  canary.hits += 1;
  socket.destroy();
});
trap.on("connection", () => (canary.hits += 1));
await new Promise((done) => trap.listen(canary.port, "127.0.0.1", done));

const ELEMENTS = "DIV SPAN P H1 H2 H3 H4 H5 H6 UL OL LI BLOCKQUOTE STRONG EM S TABLE THEAD TBODY TR TH TD A CODE PRE BR HR BUTTON SVG PATH RECT G MAIN ASIDE HEADER FOOTER NAV SECTION ARTICLE DL DT DD BDI TIME KBD LABEL FIELDSET LEGEND INPUT TEXTAREA FORM DETAILS SUMMARY I DIALOG".split(" ");
const gateway = new Gateway(STAND_IN, await freePort(), { MOCK_FIXTURE: "hostile" });
const link = await gateway.start();
const origin = new URL(link).origin;
const browser = await launch();
const { page, complaints, hosts } = await openPage(browser);

/** What must hold whatever is shown. */
const inspect = (elements) =>
  page.evaluate((allowed) => {
    const faults = [];
    if (window.pwned !== undefined) faults.push("a payload ran");
    for (const element of document.querySelectorAll("#app *")) {
      if (!allowed.includes(element.tagName.toUpperCase())) faults.push(`element ${element.tagName}`);
      for (const { name } of element.attributes) if (/^on|^srcdoc|^formaction|^xlink/.test(name)) faults.push(`attribute ${name}`);
    }
    for (const anchor of document.querySelectorAll("#app .prose a")) if (!/^(https?:|mailto:)/.test(anchor.href)) faults.push(`link ${anchor.href}`);
    return faults;
  }, elements);
async function check(where) {
  const faults = await inspect(ELEMENTS);
  if (faults.length > 0) throw new Error(`${where}: ${[...new Set(faults)].join(", ")}`);
}

const ok = await steps([
  ["hostile names, previews, thinking, tools and errors are only text", async () => {
    await page.goto(link);
    await online(page);
    await until(page, "the conversation", () => document.querySelectorAll('[data-role="assistant"]').length > 40);
    await page.$$eval("details", (all) => all.forEach((one) => (one.open = true)));
    await check("main session");
    await shot(page, "hostile-1");
    return `${await page.$$eval(".session", (all) => all.length)} sessions`;
  }],
  ["hostile Markdown is only Markdown", async () => {
    const count = await page.$$eval(".session", (all) => all.filter((one) => one.textContent.startsWith("markdown ")).length);
    for (let index = 0; index < count; index += 1) {
      await page.evaluate((wanted) => document.querySelectorAll(".session").forEach((one) => one.querySelector(".session-title").textContent === `markdown ${wanted}` && one.click()), index * 100);
      await until(page, `part ${index}`, (wanted) => document.querySelector(".chat-title h1")?.textContent === `markdown ${wanted}` && document.querySelectorAll("[data-role]").length > 20, index * 100);
      await check(`markdown ${index * 100}`);
    }
    return `${count} conversations`;
  }],
  ["a hostile session can be opened, named and closed", async () => {
    await page.evaluate(() => [...document.querySelectorAll(".session")].find((one) => one.textContent.includes("<script>"))?.click());
    await page.waitForTimeout(300);
    await check("hostile title");
    await page.click('[aria-label="Session actions"]');
    await page.click("text=Delete");
    await page.waitForSelector("dialog[open]");
    await check("delete dialog");
    await page.keyboard.press("Escape");
  }],
  ["hostile names of files are only text", async () => {
    await page.evaluate(() => [...document.querySelectorAll(".session")].find((one) => one.textContent.startsWith("files"))?.click());
    await page.waitForSelector(".files");
    await check("files");
  }],
  ["hostile approvals and questions are only text, and can be refused", async () => {
    for (let count = 0; count < 40; count += 1) {
      await check(`card ${count}`);
      const first = await page.$(".ask");
      if (first === null) return `${count} cards`;
      await (await first.$(".card-actions button:last-child")).click();
      await first.waitForElementState("hidden");
    }
    return "40 cards and more";
  }],
  ["hostile names of commands are only text", async () => {
    await page.fill("#composer-input", "/");
    await page.waitForSelector(".command-menu");
    await check("commands");
    await page.fill("#composer-input", "");
  }],
  ["hostile channels, senders, devices, models and offers are only text", async () => {
    await page.click("#status-button");
    await page.waitForSelector(".card");
    await until(page, "models", () => document.querySelectorAll(".models li").length > 0);
    await check("status panel");
    await shot(page, "hostile-2");
    return `${await page.$$eval(".card", (all) => all.length)} requests`;
  }],
  ["twelve crafted links connect nowhere else", async () => {
    const evil = `127.0.0.1:${canary.port}`;
    const tails = [
      `?gatewayUrl=ws://${evil}`, `#gatewayUrl=ws://${evil}`, `?gatewayUrl=ws://${evil}#token=stolen`, `#token=x&gatewayUrl=ws://${evil}`, `?url=ws://${evil}/`, `?ws=${evil}`,
      `?host=${evil}`, `?basePath=//${evil}/`, `#//${evil}`, `?session=ws://${evil}`, `?gateway=${encodeURIComponent(`http://${evil}`)}`, `#login=x&origin=http://${evil}`,
    ];
    for (const tail of tails) {
      await page.goto("about:blank");
      await page.goto(`${origin}/${tail}`);
      await online(page);
      if (/stolen|login=|token=/.test(page.url())) throw new Error(`the address keeps a credential: ${page.url()}`);
    }
    if (canary.hits > 0) throw new Error(`${canary.hits} connections to the canary`);
  }],
  ["nobody else was asked for anything, and the browser had nothing to complain about", async () => {
    const foreign = [...hosts].filter((host) => host !== "" && host !== new URL(origin).host);
    if (foreign.length > 0) throw new Error(foreign.join(", "));
    if (complaints.length > 0) throw new Error(complaints.slice(0, 5).join("; "));
  }],
]);

if (!ok) await shot(page, "hostile-failure").catch(() => undefined);
await browser.close();
await gateway.kill();
trap.close();
process.exit(ok ? 0 : 1);
