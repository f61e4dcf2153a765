#!/usr/bin/env node
// The same malice through the real gateway: what a model says, how it fails, what people write, and the names in the
// configuration, each by the way it really takes to the page. Usage: node tests/hostile-gateway.mjs <torana binary>.
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gateway, freePort, launch, online, openPage, say, shot, steps, until } from "./browser-kit.mjs";
import { MARKDOWN, RAW } from "./xss-corpus.mjs";

const binary = process.argv[2] ?? process.env.TORANA_BIN;
if (binary === undefined) {
  console.error("usage: node tests/hostile-gateway.mjs <path of the torana binary>");
  process.exit(2);
}

// One answer carries many payloads, so that few turns carry the whole corpus.
const PER_ANSWER = 60;
const answers = Array.from({ length: Math.ceil(MARKDOWN.length / PER_ANSWER) }, (_, index) => MARKDOWN.slice(index * PER_ANSWER, (index + 1) * PER_ANSWER).join("\n\n"));
const failures = [RAW[0], RAW[4], RAW[11]];
const model = createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => {
    // The platform of the configuration is here as well, and knows nobody.
    if (!request.url.endsWith("/chat/completions")) return response.writeHead(404, { "content-type": "application/json" }).end(JSON.stringify({ ok: false, error_code: 404, description: channelName }));
    const question = JSON.parse(body).messages.findLast((one) => one.role === "user").content;
    const text = typeof question === "string" ? question : question.map((part) => part.text).join("");
    const number = Number(/#(\d+)/.exec(text)?.[1] ?? 0);
    if (text.startsWith("fail")) {
      const message = failures[number % failures.length];
      response.writeHead(400, { "content-type": "application/json" });
      return response.end(JSON.stringify({ error: { message, type: message, code: message } }));
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const piece of answers[number % answers.length].match(/[\s\S]{1,2000}/g)) {
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: piece } }] })}\n\n`);
    }
    response.end(`data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\ndata: [DONE]\n\n`);
  });
});
await new Promise((done) => model.listen(0, "127.0.0.1", done));

const [name, modelName, channelName] = ["<img src=x onerror=window.pwned=1>", "<svg onload=window.pwned=1>", "<script>window.pwned=1</script>"];
const config = join(mkdtempSync(join(tmpdir(), "torana-ui-config-")), "torana.json");
writeFileSync(config, JSON.stringify({
  models: { providers: { evil: { baseUrl: `http://127.0.0.1:${model.address().port}/v1`, apiKey: "none", api: "openai-completions", models: [{ id: "x", name: modelName }] } } },
  agents: { defaults: { model: "evil/x" }, list: [{ id: "main", name, identity: { name, emoji: name } }] },
  channels: { telegram: { name: channelName, botToken: "1:unknown", apiRoot: `http://127.0.0.1:${model.address().port}` } },
}));
const gateway = new Gateway(binary, await freePort(), { TORANA_CONFIG: config });
const link = await gateway.start();
const browser = await launch();
const { page, complaints, hosts } = await openPage(browser);

const check = async (where) => {
  const faults = await page.evaluate(() => {
    const found = window.pwned === undefined ? [] : ["a payload ran"];
    const never = document.querySelectorAll("#app :is(script, iframe, object, embed, link, style, base, meta, img, video, audio, math, foreignObject, template, portal)");
    for (const element of never) found.push(`element ${element.tagName}`);
    for (const element of document.querySelectorAll("#app *")) for (const { name } of element.attributes) if (/^on|^srcdoc|^formaction|^xlink/.test(name)) found.push(`attribute ${name}`);
    for (const anchor of document.querySelectorAll("#app .prose a")) if (!/^(https?:|mailto:)/.test(anchor.href)) found.push(`link ${anchor.href}`);
    return [...new Set(found)];
  });
  if (faults.length > 0) throw new Error(`${where}: ${faults.join(", ")}`);
};
const settled = (count) =>
  until(page, `${count} finished answers`, (wanted) => {
    const all = [...document.querySelectorAll('[data-role="assistant"]')];
    return all.length >= wanted && all.every((one) => one.dataset.outcome !== "running");
  }, count);

const ok = await steps([
  ["hostile answers of a model are only Markdown", async () => {
    await page.goto(link);
    await online(page);
    for (let index = 0; index < answers.length; index += 1) {
      await say(page, `say #${index} ${RAW[index]}`);
      await settled(index + 1);
      await check(`answer ${index}`);
    }
    return `${MARKDOWN.length} payloads in ${answers.length} answers`;
  }],
  ["hostile failures of a model are only text", async () => {
    for (let index = 0; index < failures.length; index += 1) {
      await say(page, `fail #${index}`);
      await until(page, "the failure", (count) => document.querySelectorAll('[data-outcome="error"]').length > count, index);
      await check(`failure ${index}`);
    }
  }],
  ["the same after a reload, from the transcript, with titles and previews of the list", async () => {
    await page.reload();
    await online(page);
    await settled(answers.length);
    await check("history");
    await shot(page, "hostile-3");
  }],
  ["hostile names of the configuration are only text", async () => {
    await page.click("#status-button");
    await until(page, "models", () => document.querySelectorAll(".models li").length > 0);
    await check("status panel");
    await shot(page, "hostile-4");
  }],
  ["nobody else was asked for anything, and the browser had nothing to complain about", async () => {
    const foreign = [...hosts].filter((host) => host !== "" && host !== new URL(link).host);
    if (foreign.length > 0) throw new Error(foreign.join(", "));
    if (complaints.length > 0) throw new Error(complaints.slice(0, 5).join("; "));
  }],
]);

if (!ok) {
  await shot(page, "hostile-gateway-failure").catch(() => undefined);
  console.log(`gateway log, last lines:\n${gateway.log.slice(-15).join("\n")}`);
}
await browser.close();
await gateway.kill();
model.close();
process.exit(ok ? 0 : 1);
