#!/usr/bin/env node
// The page against the stand-in gateway: what a real gateway cannot easily be made to do.
// Refusals, lockout, revocation, silence, missed events, a base path, no secure context, keys, many messages.
import { launch, online, say, scenes, steps, until } from "./browser-kit.mjs";

const browser = await launch();
const { scene, complaints } = scenes(browser);
const kept = (page) => page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
const shownText = (page) => page.innerText("#app");

const ok = await steps([
  ["without a credential: the form; a wrong secret is refused; the right one signs in and is not kept", () =>
    scene({}, {}, async ({ page, origin }) => {
      await page.goto(origin);
      await page.fill("#gateway-secret", "wrong");
      await page.press("#gateway-secret", "Enter");
      await page.waitForSelector(".notice.bad");
      await page.fill("#gateway-secret", "mock-secret");
      await page.press("#gateway-secret", "Enter");
      await online(page);
      if ((await kept(page)).includes("mock-secret")) throw new Error("the secret is stored");
      await page.reload();
      await online(page);
    })],
  ["#token= signs in, and leaves the address and the storage", () =>
    scene({}, {}, async ({ page, origin }) => {
      await page.goto(`${origin}/#token=mock-secret`);
      await online(page);
      if (page.url() !== `${origin}/` || (await kept(page)).includes("mock-secret")) throw new Error(page.url());
    })],
  ["a link pasted into an open tab signs in", () =>
    scene({}, {}, async ({ page, origin, link }) => {
      await page.goto(origin);
      await page.waitForSelector("#gateway-secret");
      await page.evaluate((hash) => (location.hash = hash), new URL(link).hash);
      await online(page);
    })],
  ["waiting for pairing names the command and goes on by itself", () =>
    scene({ MOCK_REFUSE: "pairing" }, {}, async ({ page, link, steer }) => {
      await page.goto(link);
      await page.waitForSelector("text=torana devices approve 3f0c9a52");
      await steer("allow");
      await online(page);
    })],
  ["a lockout counts down and goes on by itself", () =>
    scene({ MOCK_REFUSE: "limited" }, {}, async ({ page, link, steer }) => {
      await page.goto(link);
      await page.waitForSelector('[role="timer"]');
      await steer("allow");
      await online(page);
    })],
  ["a foreign origin is told what to configure", () =>
    scene({ MOCK_REFUSE: "origin" }, {}, async ({ page, link }) => {
      await page.goto(link);
      await page.waitForSelector("text=gateway.controlUi.allowedOrigins");
    })],
  ["a revoked browser forgets its token, shows the form, and comes back with a new link and its draft", () =>
    scene({}, {}, async ({ page, link, origin, steer }) => {
      await page.goto(link);
      await online(page);
      await page.fill("#composer-input", "my draft");
      await page.waitForTimeout(400);
      await steer("revoke");
      await page.waitForSelector("#gateway-secret");
      if ((await kept(page)).includes("device-token")) throw new Error("the token is still there");
      await page.goto(`${origin}/#login=${await steer("login")}`);
      await online(page);
      if ((await page.inputValue("#composer-input")) !== "my draft") throw new Error("the draft is gone");
    })],
  ["a silent gateway is noticed after two ticks", () =>
    scene({ MOCK_TICK_MS: "1000" }, {}, async ({ page, link, steer }) => {
      await page.goto(link);
      await online(page);
      await steer("silent");
      await until(page, "the page notices", () => document.querySelector('[data-connection="online"]') === null);
      await steer("silent");
      await page.waitForTimeout(100);
      await page.reload();
      await online(page);
    })],
  ["missed events and dropped connections lose nothing and double nothing", () =>
    scene({}, {}, async ({ page, link, steer }) => {
      await page.goto(link);
      await online(page);
      await say(page, "demo: slow");
      await until(page, "a beginning", () => document.querySelector(".live .prose")?.textContent.includes("step2"));
      for (const action of ["gap", "drop", "gap", "drop"]) {
        await steer(action);
        await page.waitForTimeout(500);
      }
      await until(page, "the whole answer", () => document.querySelector('[data-outcome="final"]')?.textContent.includes("and that was slow."));
      const roles = await page.$$eval("[data-role]", (entries) => entries.map((one) => one.dataset.role).join(" "));
      if (roles !== "user assistant") throw new Error(roles);
    })],
  ["a connection cut right after a text was accepted does not send it twice", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await say(page, "mock: drop");
      await until(page, "the answer", () => document.querySelector('[data-outcome="final"]') !== null);
      await page.waitForTimeout(600);
      const roles = await page.$$eval("[data-role]", (entries) => entries.map((one) => one.dataset.role).join(" "));
      if (roles !== "user assistant") throw new Error(roles);
      if ((await kept(page)).includes("outbox.v1")) throw new Error("it is still in the outbox");
    })],
  ["a refused text stays, with retry and discard", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await say(page, "mock: refuse this");
      await page.waitForSelector("text=Not sent: storage is full");
      await page.reload();
      await online(page);
      await page.waitForSelector("text=Not sent: storage is full");
      await page.click("text=Discard");
      await until(page, "it is gone", () => document.querySelector(".bubble") === null);
    })],
  ["under a base path everything stays below it", () =>
    scene({ MOCK_BASE: "/deep/torana/" }, {}, async ({ page, link }) => {
      const sockets = [];
      page.on("websocket", (socket) => sockets.push(new URL(socket.url()).pathname));
      await page.goto(link);
      await online(page);
      if (sockets.join() !== "/deep/torana/") throw new Error(sockets.join());
    })],
  ["without a secure context (plain http, a name) sign-in, reload and copying work", () =>
    scene({}, {}, async ({ page, link, gateway }) => {
      const there = `http://torana.test:${gateway.port}/`;
      await page.goto(there + new URL(link).hash);
      await online(page);
      if (await page.evaluate(() => isSecureContext)) throw new Error("this context is secure");
      await page.reload();
      await online(page);
      await say(page, "demo: markdown");
      await page.waitForSelector(".prose .code");
      await page.click(".code button");
      await page.waitForSelector("text=Copied");
    })],
  ["sessions: new, renamed, found by key, deleted", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.click(".new-chat");
      await say(page, "mock: echo first");
      await page.waitForSelector('[data-outcome="final"]');
      await page.click('[aria-label="Session actions"]');
      await page.click("text=Rename");
      await page.fill("#session-name", "Harvest");
      await page.keyboard.press("Enter");
      await until(page, "the new name", () => document.querySelector(".chat-title h1").textContent === "Harvest");
      await page.click(".session >> nth=0");
      await page.keyboard.press("Control+k");
      await until(page, "focus", () => document.activeElement.id === "session-filter");
      await page.keyboard.type("harv");
      await page.keyboard.press("Enter");
      await until(page, "the session", () => document.querySelector(".chat-title h1").textContent === "Harvest");
      await page.click('[aria-label="Session actions"]');
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("Enter");
      await page.waitForSelector("dialog[open]");
      await page.click("dialog .danger");
      await page.waitForSelector("dialog", { state: "detached" });
      await page.fill("#session-filter", "");
      await until(page, "only main is left", () => document.querySelectorAll(".session").length === 1 && document.querySelector(".chat-title h1").textContent === "Main");
    })],
  ["reset empties the conversation", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await say(page, "hello");
      await page.waitForSelector('[data-outcome="final"]');
      await page.click('[aria-label="Session actions"]');
      await page.click("text=Reset");
      await page.click("dialog .danger");
      await page.waitForSelector(".empty");
    })],
  ["model servers are looked for when a person asks", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.click("text=Set up a model");
      if (/Ollama/.test(await shownText(page))) throw new Error("it looked unasked");
      await page.click("text=Look for model servers");
      await page.waitForSelector(".offers >> text=Ollama");
      const facts = await page.textContent(".offer-head .muted");
      if (facts.trim() !== "http://127.0.0.1:11434/v1") throw new Error(`the facts are ${facts}`);
    })],
  ["pairing: approve and dismiss", () =>
    scene({ MOCK_FIXTURE: "rich" }, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.click("#status-button");
      await page.click(".card >> nth=0 >> text=Approve");
      await until(page, "one is left", () => document.querySelectorAll(".card").length === 1);
      await page.click(".card >> text=Dismiss");
      await until(page, "none is left", () => document.querySelectorAll(".card").length === 0);
      if (!/club[\s\S]*409 Conflict/.test(await shownText(page))) throw new Error("the failing account is not shown");
    })],
  ["everything can be reached with Tab, and the focus is visible", () =>
    scene({ MOCK_FIXTURE: "rich" }, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.waitForSelector(".prose .code");
      await page.evaluate(() => document.activeElement?.blur());
      const seen = new Set();
      for (let presses = 0; presses < 80; presses += 1) {
        await page.keyboard.press("Tab");
        const found = await page.evaluate(() => {
          const element = document.activeElement;
          const style = getComputedStyle(element);
          const field = element.matches("textarea");
          return { name: element.getAttribute("aria-label") ?? element.id ?? "", tag: element.tagName, body: element === document.body, visible: field || style.outlineStyle !== "none" };
        });
        if (found.body) continue;
        if (!found.visible) throw new Error(`no focus ring on ${found.tag} ${found.name}`);
        seen.add(`${found.tag}:${found.name}`);
      }
      for (const wanted of ["Find a session", "Gateway status", "Session actions", "Copy code", "Conversation", "composer-input"]) {
        if (![...seen].some((name) => name.includes(wanted))) throw new Error(`${wanted} was never focused`);
      }
      return `${seen.size} stops`;
    })],
  ["every button has a name, and there is one main heading", () =>
    scene({ MOCK_FIXTURE: "rich" }, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.click("#status-button");
      await page.waitForSelector(".card");
      const nameless = await page.$$eval("button", (buttons) => buttons.filter((one) => (one.getAttribute("aria-label") ?? one.textContent).trim() === "").length);
      if (nameless > 0) throw new Error(`${nameless} buttons without a name`);
      if ((await page.$$("h1")).length !== 1) throw new Error("there are several h1");
    })],
  ["a long stream into a long conversation keeps the page quick", () =>
    scene({ MOCK_FIXTURE: "rich" }, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.click("text=A very long session");
      await until(page, "the history", () => document.querySelectorAll("[data-role]").length >= 100);
      for (let rounds = 0; rounds < 3; rounds += 1) {
        await page.$eval(".transcript", (frame) => (frame.scrollTop = 0));
        await page.waitForTimeout(300);
      }
      const before = await page.$$eval("[data-role]", (entries) => entries.length);
      await page.$eval(".transcript", (frame) => (frame.scrollTop = frame.scrollHeight));
      await page.evaluate(() => {
        window.longTasks = [];
        new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ entryTypes: ["longtask"] });
      });
      await say(page, "demo: long");
      await until(page, "a long answer", () => (document.querySelector(".live .prose")?.textContent.length ?? 0) > 4_000);
      const typedAt = Date.now();
      await page.type("#composer-input", "typing while it streams");
      const perKey = (Date.now() - typedAt) / 23;
      const { longTasks, atEnd } = await page.evaluate(() => {
        const frame = document.querySelector(".transcript");
        return { longTasks: window.longTasks, atEnd: frame.scrollHeight - frame.scrollTop - frame.clientHeight < 60 };
      });
      const worst = Math.max(0, ...longTasks);
      if (!atEnd) throw new Error("the page does not follow the answer");
      if (worst > 200) throw new Error(`a task took ${Math.round(worst)} ms`);
      return `${before} messages, ${longTasks.length} long tasks, worst ${Math.round(worst)} ms, ${Math.round(perKey)} ms per key`;
    })],
  ["no complaint from the browser", async () => {
    if (complaints().length > 0) throw new Error(complaints().join("; "));
  }],
]);
await browser.close();
process.exit(ok ? 0 : 1);
