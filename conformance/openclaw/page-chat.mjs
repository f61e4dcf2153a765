// A conversation in the official page: attachments, stopping, writing on while it answers, a reload in the middle,
// copying, another model, going back, and a fork.

import { expect, until } from "../lib/checks.mjs";
import { COMPOSER, WAIT_MS } from "./desk.mjs";

const KEY = "agent:main:main";
/** One orange pixel. */
const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==", "base64");
const FILES = [
  { name: "picture.png", mimeType: "image/png", buffer: PICTURE },
  { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("The fruit is a mango.\n") },
];
const STOP = ".chat-send-btn--stop";
/** An answer that is seen on its way, pieces with a pause (milliseconds) before each: 20 s, so that a slow page is in time. */
const SLOW = { chunks: 80, delayMs: 250 };
/** Longest wait for the end of one. */
const SLOW_MS = 60_000;
/** An answer that begins and never ends by itself. */
const ENDLESS = { then: "stall:4", chunks: 40 };

/** Words that nobody else says, and as many as it takes to be cut into pieces. */
const long = (word) => Array.from({ length: 80 }, (_, index) => `${word}${index}`).join(" ");

/** The texts of a conversation as the gateway keeps it. */
const texts = ({ messages }) => messages.map(({ role, content }) => `${role}: ${typeof content === "string" ? content : content.map(({ text }) => text ?? "").join(" ")}`);

export async function driveChat(desk) {
  const { page } = desk;
  const history = (what, isExpected, ms) => desk.answered(what, "chat.history", { sessionKey: KEY }, (answer) => isExpected(texts(answer)), ms);
  const isRunning = async (end) => {
    const said = texts(await desk.client.request("chat.history", { sessionKey: KEY }));
    expect(!said.some((text) => text.includes(end)), "the answer had ended before");
  };
  const idle = () => page.waitForSelector(STOP, { state: "detached" });

  await desk.step("a picture and a text file go with a message", async () => {
    await desk.go("/chat/main");
    await page.waitForSelector(COMPOSER);
    await page.setInputFiles("input.agent-chat__file-input", FILES);
    await desk.find("*", /note\.txt/).waitFor();
    await desk.say("Look at these two.");
    await desk.see(/Look at these two\.[^]*mango/, "the model's word of the file");
    await desk.find(".chat-message-image-button").waitFor();
    await desk.find(".chat-assistant-attachment-card__expand", /Open/).waitFor();
    await desk.shot("attachments");
  });

  await desk.step("a running answer is stopped", async () => {
    await desk.model({ ...ENDLESS, text: long("halt") });
    await desk.say("Begin, and be stopped.");
    await desk.see(/halt1\b/, "the beginning of the answer");
    await desk.click(STOP);
    await idle();
    await desk.answered("the end of the run", "sessions.describe", { key: KEY }, ({ session }) => session.status === "killed");
  });

  await desk.step("a message written while an answer runs is answered", async () => {
    await desk.model({ ...SLOW, text: long("busy") });
    await desk.say("Begin, and be joined.");
    await desk.see(/busy1\b/, "the beginning of the answer");
    await desk.model({});
    await desk.say("One thing more.");
    await isRunning("busy79");
    await history("an answer to the second message", (said) => said.at(-1).includes("One thing more.") && said.at(-1).startsWith("assistant"), SLOW_MS);
    await idle();
  });

  await desk.step("an answer goes on after a reload in its middle", async () => {
    await desk.model({ ...SLOW, text: long("onward") });
    await desk.say("Begin, and be watched again.");
    await desk.see(/onward1\b/, "the beginning of the answer");
    await page.reload();
    await page.waitForSelector(COMPOSER);
    await isRunning("onward79");
    await desk.see(/onward79\b/, "its end", SLOW_MS);
    await desk.model({});
    await idle();
  });

  await desk.step("an answer is copied", async () => {
    // By the keyboard: the button shows itself to a mouse only while nothing moves.
    await page.locator(".chat-group.assistant .chat-copy-btn").last().focus();
    await page.keyboard.press("Enter");
    await until(WAIT_MS, "the words in the clipboard", async () => /onward79/.test(await page.evaluate(() => navigator.clipboard.readText())));
  });

  await desk.step("a command of its menu is answered", async () => {
    await page.fill(COMPOSER, "/whoa");
    await desk.find('[role="option"]', /\/whoami/).waitFor();
    await page.press(COMPOSER, "Enter");
    await until(WAIT_MS, "the whole command", async () => (await page.inputValue(COMPOSER)).trim() === "/whoami");
    await page.press(COMPOSER, "Enter");
    await desk.see(/You are |Identity/, "who is asking");
  });

  await desk.step("another model is picked for the conversation", async () => {
    await desk.click("summary[data-chat-model-select]");
    await page.fill(".chat-controls__model-search", "other");
    await desk.click(".chat-controls__model-picker button, .chat-controls__model-picker [role=option]", /Other/);
    await desk.answered("the other model", "sessions.describe", { key: KEY }, ({ session }) => session.model === "other-model");
    await page.keyboard.press("Escape");
  });

  await desk.step("a conversation goes back to an earlier message", async () => {
    await desk.say("Forget this.");
    await history("its answer", (said) => said.at(-1).startsWith("assistant") && said.at(-1).includes("Forget this."));
    await idle();
    const message = page.locator(".chat-group.user").filter({ hasText: "Forget this." }).last();
    await message.hover();
    await message.locator(".chat-group-rewind").click();
    await desk.click(".chat-confirm-popover__yes");
    await history("a conversation without it", (said) => !said.some((text) => text.includes("Forget this.")));
    await until(WAIT_MS, "its words in the composer", async () => (await page.inputValue(COMPOSER)) === "Forget this.");
    await page.fill(COMPOSER, "");
  });

  await desk.step("a conversation is forked", async () => {
    await desk.click(".chat-header-session-menu__trigger");
    await desk.click("wa-dropdown-item", /Fork conversation/);
    await until(WAIT_MS, "the page of the fork", () => !new URL(page.url()).pathname.endsWith("/chat/main"));
    await desk.see(/onward79\b/, "what was said before the fork");
    await desk.answered("the fork", "sessions.list", {}, ({ sessions }) => sessions.some(({ parentSessionKey }) => parentSessionKey === KEY));
  });
}
