#!/usr/bin/env node
// Whether the page is good to use, against the stand-in gateway: nothing jumps, nothing is lost, everything can be
// touched, read and heard, and what waits for a person is in front of that person.
import { launch, online, say, scenes, steps, until } from "./browser-kit.mjs";

const browser = await launch();
const { scene, complaints } = scenes(browser);
const PHONE = { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true };
const RICH = { MOCK_FIXTURE: "rich" };

const titleIs = (page, wanted) => until(page, `the session ${wanted}`, (title) => document.querySelector(".chat-title h1")?.textContent === title, wanted);
const heard = (page, wanted) => until(page, `"${wanted}" in the live region`, (text) => document.querySelector('.shell > [aria-live="polite"]')?.textContent.includes(text), wanted);
const finished = (page) => page.waitForSelector('[data-outcome="final"]');
const topOf = (page, selector) => page.$eval(selector, (element) => element.getBoundingClientRect().top);

/** Buttons and fields that a finger of 44 px can miss. A button may reach further than it shows. */
const missed = (page) =>
  page.evaluate(() => {
    const FINGER = 22;
    const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.closest("[inert], .visually-hidden, .skip") === null;
    const reached = (element, x, y) => element.contains(document.elementFromPoint(x, y));
    return [...document.querySelectorAll("button, input, textarea, summary, .ask-option")]
      .filter((element) => shown(element) && !element.closest(".ask-option:not(:scope)"))
      .filter((element) => {
        element.scrollIntoView({ block: "center" });
        const box = element.getBoundingClientRect();
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        const half = [Math.max(FINGER, box.width / 2) - 1, Math.max(FINGER, box.height / 2) - 1];
        return ![[x, y - half[1]], [x, y + half[1]], [x - half[0], y], [x + half[0], y]].every(([px, py]) => reached(element, px, py));
      })
      .map((element) => `${element.getAttribute("aria-label") ?? element.textContent.trim()} ${Math.round(element.offsetWidth)}x${Math.round(element.offsetHeight)}`);
  });

/** Texts below 4.5:1 and edges of fields below 3:1, with the colours as the browser computes them. */
const faint = (page) =>
  page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([red, green, blue]) => {
      const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
      return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
    };
    const ratio = (one, other) => (Math.max(light(one), light(other)) + 0.05) / (Math.min(light(one), light(other)) + 0.05);
    const ground = (element) => {
      const layers = [];
      for (let at = element; at !== null; at = at.parentElement) {
        const colour = rgba(getComputedStyle(at).backgroundColor);
        layers.push(colour);
        if (colour[3] === 255) break;
      }
      return layers.reverse().reduce((below, above) => below.map((value, index) => value + (above[index] - value) * (above[3] / 255)), [255, 255, 255]);
    };
    const faults = [];
    for (const element of document.querySelectorAll("#app *")) {
      if (!element.checkVisibility({ visibilityProperty: true }) || element.closest(".visually-hidden, :disabled, .skip") !== null) continue;
      const style = getComputedStyle(element);
      const name = `${element.tagName.toLowerCase()}.${element.className}`;
      if ([...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "") && ratio(rgba(style.color), ground(element)) < 4.5) {
        faults.push(`${name} ${ratio(rgba(style.color), ground(element)).toFixed(2)}`);
      }
      if (element.matches(".composer-box, .sign-in input, .ask input[type=text]") && ratio(rgba(style.borderTopColor), ground(element.parentElement)) < 3) {
        faults.push(`edge of ${name} ${ratio(rgba(style.borderTopColor), ground(element.parentElement)).toFixed(2)}`);
      }
    }
    return [...new Set(faults)];
  });

const none = (what, list) => {
  if (list.length > 0) throw new Error(`${what}: ${list.join("; ")}`);
};

const ok = await steps([
  ["the reason of a failure stays, is said once and aloud, and a retry asks again in its place", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await say(page, "demo: error");
      await page.waitForSelector('[data-outcome="error"]');
      await heard(page, "529 overloaded");
      // The history, which does not tell the reason, has long been read by then.
      await page.waitForTimeout(600);
      const text = await page.innerText('[data-outcome="error"]');
      if (!text.includes("The provider answered 529 overloaded")) throw new Error(text);
      // Who is in a hurry asks twice; it is one question all the same.
      await page.dblclick('[data-outcome="error"] >> text=Retry');
      await page.waitForSelector(".live");
      await page.waitForSelector('[data-outcome="error"]');
      await page.waitForTimeout(600);
      const roles = await page.$$eval("[data-role]", (entries) => entries.map((one) => one.dataset.role).join(" "));
      if (roles !== "user assistant") throw new Error(`asked again in its place it should be one turn, not ${roles}`);
      await say(page, "mock: echo on");
      await finished(page);
      if ((await page.$$("text=Retry")).length > 0) throw new Error("an old turn offers a retry");
    })],
  ["who waits for the first word sees that somebody is at it", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await say(page, "mock: think");
      await page.waitForSelector(".working .typing", { timeout: 1_200 });
      await page.waitForSelector(".round.stop");
      await finished(page);
    })],
  ["an answer that ends is not drawn anew, and nothing moves", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await say(page, "demo: slow");
      await page.waitForSelector(".live .prose p");
      await page.evaluate(() => {
        window.streamed = document.querySelector(".live .prose p");
        getSelection().selectAllChildren(window.streamed);
        window.tops = new Set();
        const watch = () => {
          window.tops.add(Math.round(window.streamed.getBoundingClientRect().top));
          requestAnimationFrame(watch);
        };
        watch();
      });
      await page.waitForSelector('[data-outcome="final"]');
      await page.waitForTimeout(600);
      const { same, selected, tops } = await page.evaluate(() => ({
        same: document.querySelector('[data-outcome="final"] .prose p') === window.streamed, selected: String(getSelection()), tops: [...window.tops],
      }));
      if (!same || !selected.includes("step1")) throw new Error(`the same element: ${same}, selected: ${selected}`);
      if (tops.length > 1) throw new Error(`it moved: ${tops.join(", ")}`);
    })],
  ["sending goes to the end; reading further up is left alone while an answer streams", () =>
    scene(RICH, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.click("text=A very long session");
      await until(page, "the history", () => document.querySelectorAll("[data-role]").length >= 100);
      const scroll = (to) => page.$eval(".transcript", (frame, top) => (frame.scrollTop = top), to);
      await scroll(2_000);
      await say(page, "demo: long");
      await until(page, "the end", () => {
        const frame = document.querySelector(".transcript");
        return document.querySelector(".live .prose") !== null && frame.scrollHeight - frame.scrollTop - frame.clientHeight < 60;
      });
      await scroll(3_000);
      await page.waitForSelector(".jump");
      const marked = await page.evaluateHandle(() => [...document.querySelectorAll(".message")].find((one) => one.getBoundingClientRect().top > 200));
      const before = await marked.evaluate((element) => element.getBoundingClientRect().top);
      await page.waitForTimeout(700);
      const after = await marked.evaluate((element) => element.getBoundingClientRect().top);
      if (Math.abs(after - before) > 1) throw new Error(`the text moved by ${after - before} px`);
      await page.click(".jump");
      await page.waitForSelector(".jump", { state: "detached" });
    })],
  ["losing the connection moves nothing", () =>
    scene(RICH, {}, async ({ page, link, gateway }) => {
      await page.goto(link);
      await online(page);
      await page.waitForSelector(".prose .code");
      const before = await topOf(page, ".prose .code");
      await gateway.kill();
      await page.waitForSelector(".bar.floating");
      if ((await topOf(page, ".prose .code")) !== before) throw new Error("the conversation jumped");
    })],
  ["commands are offered, completed by keyboard, and never sent by half", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.type("#composer-input", "/");
      await until(page, "three commands", () => document.querySelectorAll(".command-menu li").length === 3);
      await page.keyboard.press("ArrowUp");
      await until(page, "the last one", () => document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))?.textContent.startsWith("/model"));
      await page.keyboard.press("Escape");
      await page.waitForSelector(".command-menu", { state: "detached" });
      await page.type("#composer-input", "re");
      await page.waitForSelector(".command-menu");
      await page.keyboard.press("Enter");
      if ((await page.inputValue("#composer-input")) !== "/reset") throw new Error(await page.inputValue("#composer-input"));
      if ((await page.$$(".bubble")).length > 0) throw new Error("it was sent by half");
      await page.keyboard.press("Enter");
      await until(page, "the answer", () => document.querySelector(".prose")?.textContent.includes("/reset"));
    })],
  ["a huge pasted text stays small until it is opened, and typing into it stays quick", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.$eval("#composer-input", (field) => {
        field.value = "a line of a long paste\n".repeat(4_000);
        field.dispatchEvent(new Event("input", { bubbles: true }));
      });
      await page.focus("#composer-input");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".unfold");
      const height = await page.$eval(".bubble", (bubble) => bubble.offsetHeight);
      if (height > 600) throw new Error(`it is ${height} px high`);
      await page.click(".unfold");
      await until(page, "the whole text", () => document.querySelector(".bubble").textContent.length > 80_000);
      await page.click(".unfold");
      await until(page, "a short text", () => document.querySelector(".bubble").textContent.length < 2_000);
    })],
  ["what is watched is read; what ends elsewhere is not", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await say(page, "mock: echo one");
      await finished(page);
      await page.click(".new-chat");
      await say(page, "demo: slow");
      await page.waitForSelector(".live .prose");
      await page.click(".session >> nth=0");
      await titleIs(page, "Main");
      await page.waitForSelector(".session-unread", { timeout: 15_000 });
      const unread = await page.$$eval(".session:has(.session-unread)", (all) => all.map((one) => one.querySelector(".session-title").textContent));
      if (unread.join() !== "demo: slow") throw new Error(unread.join());
      await page.click(".session >> nth=1");
      await page.waitForSelector(".session-unread", { state: "detached" });
    })],
  ["sessions beyond the first page can be found and shown", () =>
    scene({ MOCK_FIXTURE: "many" }, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.waitForSelector(".more-sessions");
      await page.fill("#session-filter", "number 259");
      await until(page, "the one found", () => document.querySelectorAll(".session").length === 1);
      await page.keyboard.press("Enter");
      await titleIs(page, "Subject number 259");
      await page.fill("#session-filter", "");
      await page.click(".more-sessions");
      await until(page, "all of them", () => document.querySelectorAll(".session").length === 261);
      await page.waitForSelector(".more-sessions", { state: "detached" });
    })],
  ["what waits for a person is shown, heard and answered; answered elsewhere it goes away", () =>
    scene({}, {}, async ({ page, link, steer }) => {
      await page.goto(link);
      await online(page);
      await steer("ask");
      await until(page, "two cards", () => document.querySelectorAll(".ask").length === 2);
      await heard(page, "The agent asks");
      if (!(await page.innerText(".ask-subject")).includes("\\u{202E}txt.exe")) throw new Error("a hidden character acts");
      const question = await page.innerText(".ask form");
      for (const hidden of ["colour?\\u{202E}", "as the\\u{200B} mark", "Sand\\u{2066}"]) if (!question.includes(hidden)) throw new Error(`${hidden} is not spelled out: ${question}`);
      if ((await page.$$("text=Always allow")).length > 0) throw new Error("it offers what is not allowed");
      await page.click("text=Allow once");
      await until(page, "one card", () => document.querySelectorAll(".ask").length === 1);
      if (!(await page.isDisabled(".ask [type=submit]"))) throw new Error("half an answer can be sent");
      await page.check("text=Teal");
      await page.check("text=Tue");
      await page.click(".ask [type=submit]");
      await page.waitForSelector(".ask", { state: "detached" });
      await steer("ask");
      await until(page, "two cards again", () => document.querySelectorAll(".ask").length === 2);
      await page.reload();
      await online(page);
      await until(page, "two cards after a reload", () => document.querySelectorAll(".ask").length === 2);
      await steer("settle");
      await page.waitForSelector(".ask", { state: "detached" });
    })],
  ["who can allow a command has passed its whole text", () =>
    scene({}, {}, async ({ page, link, steer }) => {
      await page.goto(link);
      await online(page);
      await steer("ask-padded");
      await page.waitForSelector(".ask-subject");
      const card = await page.$eval(".ask", (ask) => {
        const [text, button] = [ask.querySelector(".ask-subject"), ask.querySelector(".card-actions button")];
        const { x, y, width, height } = button.getBoundingClientRect();
        return { folded: text.scrollHeight > text.clientHeight + 1, live: button.contains(document.elementFromPoint(x + width / 2, y + height / 2)) };
      });
      if (card.folded) throw new Error("a part of the command is below a fold of its own");
      if (card.live) throw new Error("it can be allowed before its end was in sight");
      await page.click("text=Allow once");
      await until(page, "one card", () => document.querySelectorAll(".ask").length === 1);
    })],
  ["a printed link can be pasted where the secret is asked for", () =>
    scene({}, PHONE, async ({ page, link, origin }) => {
      await page.goto(`${origin}/#login=used-long-ago`);
      await page.waitForSelector(".notice.bad");
      if (await page.evaluate(() => document.activeElement?.matches("input"))) throw new Error("a keyboard opens over the explanation");
      await page.fill("#gateway-secret", link.replace(/^http:\/\/[^/]*/, "http://127.0.0.1:18789"));
      await page.press("#gateway-secret", "Enter");
      await online(page);
    })],
  ["on a phone everything can be touched, and a drawer has the focus to itself", () =>
    scene(RICH, PHONE, async ({ page, link, origin, steer }) => {
      await page.goto(origin);
      await page.waitForSelector("#gateway-secret");
      none("sign-in", await missed(page));
      await page.goto(link);
      await online(page);
      await steer("ask");
      await page.waitForSelector(".ask");
      none("conversation", await missed(page));
      await page.tap("#drawer-button");
      await page.waitForSelector(".sidebar.open");
      await until(page, "the focus in the drawer", () => document.activeElement?.closest(".sidebar") !== null);
      if (!(await page.$eval(".chat", (chat) => chat.inert))) throw new Error("what is behind the drawer can be reached");
      await page.waitForTimeout(250);
      none("drawer", await missed(page));
      await page.keyboard.press("Escape");
      await until(page, "the focus back", () => document.activeElement?.id === "drawer-button");
      await page.tap("#drawer-button");
      await page.tap("#status-button");
      await page.waitForSelector(".status");
      await page.waitForTimeout(250);
      none("status", await missed(page));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      if (wide) throw new Error("the page is wider than the screen");
    })],
  ...["light", "dark"].map((colorScheme) => [`everything can be read in ${colorScheme} colours`, () =>
    scene(RICH, { colorScheme }, async ({ page, link, origin, steer }) => {
      await page.goto(`${origin}/#login=used`);
      await page.waitForSelector(".notice.bad");
      none("sign-in", await faint(page));
      await page.goto(link);
      await online(page);
      await steer("ask");
      await page.waitForSelector(".ask");
      await page.click("#status-button");
      await say(page, "demo: error");
      await page.waitForSelector('[data-outcome="error"]');
      await page.waitForTimeout(400);
      none("conversation", await faint(page));
    })]),
  ["on a phone Enter starts a line and the button sends", () =>
    scene({}, PHONE, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await page.fill("#composer-input", "mock: echo one");
      await page.press("#composer-input", "Enter");
      await page.type("#composer-input", "two");
      await page.tap('[aria-label="Send"]');
      await until(page, "both lines", () => document.querySelector(".bubble")?.textContent === "mock: echo one\ntwo");
    })],
  ["a wide table scrolls by itself, and no word is torn into letters", () =>
    scene({}, PHONE, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      const cells = (text) => `| ${Array(7).fill(text).join(" | ")} |`;
      await page.fill("#composer-input", `mock: echo ${cells("Heading")}\n${cells("---")}\n${cells("incomprehensible")}`);
      await page.tap('[aria-label="Send"]');
      await page.waitForSelector(".prose table");
      const { inner, outer, cell, pageWide } = await page.$eval(".table-scroll", (box) => ({
        inner: box.scrollWidth, outer: box.clientWidth, cell: box.querySelector("td").offsetHeight, pageWide: document.documentElement.scrollWidth > innerWidth,
      }));
      if (inner <= outer || cell > 50 || pageWide) throw new Error(JSON.stringify({ inner, outer, cell, pageWide }));
    })],
  ["who wants less motion gets none", () =>
    scene({}, { reducedMotion: "reduce" }, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await say(page, "demo: slow");
      await page.waitForSelector(".live .prose");
      await page.waitForTimeout(200);
      none("moving", await page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running").map((one) => one.effect?.target?.className ?? "?")));
    })],
  ["text finds its own direction, and tasks have boxes", () =>
    scene({}, {}, async ({ page, link }) => {
      await page.goto(link);
      await online(page);
      await say(page, "mock: echo English first.\n\nمرحبا بالعالم\n\n- [x] done\n- [ ] open\n\n```sh\necho مرحبا\n```");
      await finished(page);
      const places = await page.$$eval(".prose > p", (all) => all.map((one) => {
        const range = document.createRange();
        range.selectNodeContents(one);
        return Math.round(range.getBoundingClientRect().right - one.getBoundingClientRect().right);
      }));
      if (places[0] === 0 || places[1] !== 0) throw new Error(`distances from the right edge: ${places.join(", ")}`);
      const boxes = await page.$$eval(".prose li .check", (all) => all.map((one) => one.getAttribute("aria-label")).join());
      if (boxes !== "done,to do") throw new Error(boxes);
    })],
  ["no complaint from the browser", async () => none("complaints", complaints())],
]);
await browser.close();
process.exit(ok ? 0 : 1);
