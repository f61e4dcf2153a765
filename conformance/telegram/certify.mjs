// Certifies our own fake Telegram server with a client library that others wrote: what grammY accepts as Telegram,
// our adapter may be tested against.

import { Bot, GrammyError } from "grammy";

import { Checks, expect, until, within } from "../lib/checks.mjs";
import { Program, binary, freePort } from "../lib/process.mjs";

const BOT_TOKEN = "123456:certify";
const CHAT_ID = 7;
const GROUP_ID = -1001234;

const checks = new Checks();
const port = await freePort();
const apiRoot = `http://127.0.0.1:${port}`;
const fake = new Program(binary("TORANA_FAKE_TELEGRAM_BIN"), ["--port", String(port)], {});

async function control(method, path, body) {
  const response = await fetch(`${apiRoot}/control/${path}`, {
    method,
    headers: { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  expect(response.ok, `/control/${path} answered ${response.status}`);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** The error with which Telegram, and so the fake, refuses a call. */
async function refusal(call) {
  const error = await call.then(
    () => null,
    (caught) => caught,
  );
  expect(error instanceof GrammyError && error.error_code >= 400, `not refused: ${error}`);
  return error;
}

const inject = (message) => control("POST", "message", message);
const log = () => control("GET", "log");

await until(10_000, "the fake server's start", async () => {
  if (fake.ended) throw new Error(`it has ended: ${fake.output}`);
  return control("GET", "faults");
});

const bot = new Bot(BOT_TOKEN, { client: { apiRoot } });
const received = [];

/** The received message; ids count per chat, so the id alone says nothing. */
const arrived = (chatId, id) =>
  until(10_000, "the message", () =>
    received.find((entry) => entry.chat.id === chatId && entry.message_id === id),
  );
bot.on("message:text", (context) => {
  received.push(context.message);
});
let polling;

await checks.check("getMe describes the bot of the token", async () => {
  await bot.init();
  expect(bot.botInfo.is_bot && bot.botInfo.id === 123456, JSON.stringify(bot.botInfo));
});

await checks.check("polling starts and receives an injected message", async () => {
  const started = new Promise((resolve) => {
    polling = bot.start({ onStart: resolve });
  });
  polling.catch(() => {});
  await within(10_000, "the start of polling", started);
  const { message_id: id } = await inject({ chatId: CHAT_ID, text: "hello" });
  const message = await arrived(CHAT_ID, id);
  expect(message.text === "hello" && message.chat.id === CHAT_ID, JSON.stringify(message));
  expect(message.chat.type === "private" && message.from?.id, JSON.stringify(message));
});

await checks.check("a group message keeps its topic", async () => {
  const { message_id: id } = await inject({
    chatId: GROUP_ID,
    chatType: "supergroup",
    threadId: 42,
    text: "in a topic",
  });
  const message = await arrived(GROUP_ID, id);
  expect(message.chat.type === "supergroup" && message.message_thread_id === 42, JSON.stringify(message));
});

let sent;
await checks.check("a sent message comes back whole and is in the log", async () => {
  sent = await bot.api.sendMessage(CHAT_ID, "<b>answer</b>", { parse_mode: "HTML" });
  expect(sent.message_id > 0 && sent.chat.id === CHAT_ID && sent.date > 0, JSON.stringify(sent));
  const entry = (await log()).find((line) => line.message_id === sent.message_id);
  expect(entry?.method === "sendMessage" && String(entry.chat_id) === String(CHAT_ID), JSON.stringify(entry));
});

await checks.check("an edit changes the message, and the same edit again is refused as Telegram does", async () => {
  await bot.api.editMessageText(CHAT_ID, sent.message_id, "edited");
  expect((await log()).some((line) => line.method === "editMessageText" && line.text === "edited"), "not in the log");
  const same = await refusal(bot.api.editMessageText(CHAT_ID, sent.message_id, "edited"));
  expect(same.error_code === 400 && same.description.includes("message is not modified"), same.description);
});

await checks.check("typing, commands and deletion are accepted", async () => {
  await bot.api.sendChatAction(CHAT_ID, "typing");
  await bot.api.setMyCommands([{ command: "help", description: "What I can do" }]);
  await bot.api.deleteMessage(CHAT_ID, sent.message_id);
});

await checks.check("an empty text is refused", async () => {
  const empty = await refusal(bot.api.sendMessage(CHAT_ID, ""));
  expect(empty.error_code === 400, String(empty));
});

await checks.check("broken markup and a text that is too long are refused in Telegram's words", async () => {
  const markup = await refusal(bot.api.sendMessage(CHAT_ID, "<b>never closed", { parse_mode: "HTML" }));
  expect(markup.description.includes("can't parse entities"), markup.description);
  const long = await refusal(bot.api.sendMessage(CHAT_ID, "x".repeat(4097)));
  expect(long.description.includes("message is too long"), long.description);
});

await checks.check("a scripted 429 names its wait", async () => {
  await control("POST", "faults", { method: "sendMessage", kind: "429", retryAfter: 1, count: 1 });
  const limited = await refusal(bot.api.sendMessage(CHAT_ID, "too fast"));
  expect(limited.error_code === 429, String(limited));
  expect(limited.parameters.retry_after === 1, JSON.stringify(limited.parameters));
  await bot.api.sendMessage(CHAT_ID, "in time");
});

await checks.check("a message sent while the bot was away is waiting when it reconnects", async () => {
  await bot.stop();
  await polling;
  received.length = 0;
  const { message_id: id } = await inject({ chatId: CHAT_ID, text: "while away" });
  polling = bot.start();
  polling.catch(() => {});
  await arrived(CHAT_ID, id);
  await bot.stop();
  await polling;
});

await fake.stop().catch(() => {});
checks.finish();
