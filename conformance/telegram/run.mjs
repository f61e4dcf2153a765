// Torana against an emulator of Telegram that others wrote: a person writes to the bot and gets one answer.

import telegramTestApi from "telegram-test-api";

import { Checks, expect, until } from "../lib/checks.mjs";
import { freePort, startGateway } from "../lib/process.mjs";

const BOT_TOKEN = "123:abc";
const Server = telegramTestApi.default ?? telegramTestApi.TelegramServer ?? telegramTestApi;

const checks = new Checks();
const port = await freePort();
const apiRoot = `http://127.0.0.1:${port}`;
const emulator = new Server({ port, host: "127.0.0.1", storage: "RAM", storeTimeout: 120 });
await emulator.start();

const gateway = await startGateway({
  channels: {
    telegram: { enabled: true, botToken: BOT_TOKEN, apiRoot, dmPolicy: "open", allowFrom: ["*"] },
  },
});

/** A person with this id writes to the bot in private. */
async function write(id, text) {
  const person = { id, first_name: "Alice", username: `alice${id}`, is_bot: false };
  await post("/sendMessage", {
    botToken: BOT_TOKEN,
    date: Math.floor(Date.now() / 1000),
    from: person,
    chat: { id, first_name: person.first_name, type: "private" },
    text,
  });
}

async function post(path, body) {
  const response = await fetch(apiRoot + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json();
}

/** What the bot has sent to one chat, drafts and finals alike, as the chat shows it. */
async function shownIn(id) {
  const history = await post("/getUpdatesHistory", { token: BOT_TOKEN });
  return (history.result ?? [])
    .map((entry) => entry.message)
    .filter((message) => message && String(message.chat_id ?? "") === String(id))
    .map((message) => message.text ?? "");
}

await checks.check("a message gets an answer", async () => {
  await write(7, "hello");
  const shown = await until(30_000, "an answer", async () => {
    const texts = await shownIn(7);
    return texts.some((text) => text.length > 0) ? texts : null;
  });
  expect(shown.length >= 1, "nothing was sent");
});

await checks.check("two people are answered apart from each other", async () => {
  await Promise.all([write(8, "hello from eight"), write(9, "hello from nine")]);
  await until(30_000, "both answers", async () => (await shownIn(8)).length > 0 && (await shownIn(9)).length > 0);
});

await checks.check("the next message of the same person is answered too", async () => {
  const before = (await shownIn(7)).length;
  await write(7, "and again");
  await until(30_000, "a second answer", async () => (await shownIn(7)).length > before);
});

await checks.check("the gateway stops in order", async () => {
  const code = await gateway.program.stop();
  expect(code === 0, `exit code ${code}\n${gateway.program.output}`);
});

await emulator.stop();
checks.finish();
