// The way in and the way back of the official page: a wrong token, a gateway that restarts under an open page, and a
// telephone.

import { expect } from "../lib/checks.mjs";
import { restartGateway } from "../lib/process.mjs";
import { COMPOSER, Desk } from "./desk.mjs";
import { Watch } from "./watch.mjs";

/** A telephone, in pixels. */
const TELEPHONE = { width: 390, height: 844 };

export async function driveConnection(desk) {
  const { browser, origin } = desk;
  const another = async () => {
    const page = await browser.newPage();
    desk.watches.push(new Watch(page));
    return { page, person: new Desk({ ...desk, page }) };
  };

  // Whoever certifies with the official gateway does not start it.
  if (desk.gateway.program) {
    await desk.step("an open page comes back after a restart of the gateway", async () => {
      await desk.go("/chat/main");
      await desk.page.waitForSelector(COMPOSER);
      const code = await restartGateway(desk.gateway);
      expect(code === 0, `exit code ${code}`);
      await desk.say("Are you back?");
      await desk.answered("the answer", "chat.history", { sessionKey: "agent:main:main" }, ({ messages }) => {
        const last = messages.at(-1);
        return last.role === "assistant" && JSON.stringify(last.content).includes("Are you back?");
      });
      await desk.find(".chat-group.assistant", /Are you back\?/).waitFor();
    });
  }

  await desk.step("a wrong token is refused and said to be wrong", async () => {
    const { page, person: stranger } = await another();
    await page.goto(`${origin}/settings/connection`);
    await page.evaluate(() => (localStorage.clear(), sessionStorage.clear()));
    await page.goto(`${origin}/chat/main#token=nothing-of-the-kind`);
    await stranger.see(/rejected the supplied Gateway secret/, "the refusal");
    await stranger.shot("wrong-token");
    await page.close();
  });

  await desk.step("a telephone shows the conversation", async () => {
    const { page, person: telephone } = await another();
    await page.setViewportSize(TELEPHONE);
    await page.goto(`${origin}/chat/main#token=${desk.gateway.token}`);
    await page.waitForSelector(COMPOSER);
    await telephone.see(/onward79\b/, "the conversation");
    const overhang = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overhang <= 0, `${overhang} pixels beside the screen`);
    await telephone.shot("telephone");
    await page.close();
  });
}
