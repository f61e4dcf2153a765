// One person at the page of the gateway: the browser tab, a second client that sees what became of each click, and the
// model and the messenger behind the gateway.

import { join } from "node:path";

import { until } from "../lib/checks.mjs";
import { FOLDER } from "./evidence.mjs";

/** Longest wait for anything visible; a slow machine is no failure. */
export const WAIT_MS = 30_000;
export const COMPOSER = 'textarea[aria-label="Chat composer"]';
/** Where the screenshots are left. */
export const SHOTS = join(FOLDER, "control-ui");

export class Desk {
  /** `parts`: page, watches, browser, origin, gateway, client, step, modelUrl, telegramUrl. */
  constructor(parts) {
    Object.assign(this, parts);
    this.page.setDefaultTimeout(WAIT_MS);
  }

  /** Opens an address of the page within the page, as a click on a link does. */
  async go(path) {
    await this.page.evaluate((to) => {
      history.pushState({}, "", to);
      dispatchEvent(new PopStateEvent("popstate"));
    }, path);
  }

  /** Everything that can be read. */
  text() {
    return this.page.evaluate(() => document.body.innerText);
  }

  /** Waits until something can be read. */
  async see(words, what = String(words), ms = WAIT_MS) {
    await until(ms, what, async () => words.test(await this.text()));
  }

  /** The first visible element that says this. */
  find(selector, words = /(?:)/) {
    return this.page.locator(selector).filter({ hasText: words, visible: true }).first();
  }

  click(selector, words) {
    return this.find(selector, words).click();
  }

  /** Writes a message and sends it. */
  async say(words) {
    await this.page.fill(COMPOSER, words);
    await this.page.press(COMPOSER, "Enter");
  }

  /** Waits until the gateway says what is expected of it. */
  async answered(what, method, params, isExpected, ms = WAIT_MS) {
    return await until(ms, what, async () => {
      const answer = await this.client.request(method, params);
      return isExpected(answer) && answer;
    });
  }

  /** What the model does from now on. */
  model(script) {
    return fetch(`${this.modelUrl}/control`, { method: "POST", body: JSON.stringify(script) });
  }

  shot(name) {
    return this.page.screenshot({ path: join(SHOTS, `${name}.png`) });
  }
}
