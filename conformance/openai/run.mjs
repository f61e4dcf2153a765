// OpenAI's published client libraries, in JavaScript here and in Python beside, against `/v1` of the real gateway in
// front of the fake model server: whole answers, streams, tools, structured answers, errors and aborts.

import { once } from "node:events";
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { dirname, join } from "node:path";

import OpenAI, { APIUserAbortError, AuthenticationError, BadRequestError, NotFoundError } from "openai";

import { Checks, expect, until, within } from "../lib/checks.mjs";
import { Program, binary, freePort, startGateway } from "../lib/process.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const TOOLS = [
  {
    type: "function",
    function: { name: "weather", description: "The weather at a place", parameters: { type: "object", properties: { place: { type: "string" } } } },
  },
];
const PIXEL = "data:image/png;base64,iVBORw0KGgo=";
/** Makes the fake model server behave in a certain way, for one request. */
const behave = (how) => ({ headers: { "x-openclaw-model": `fake/${how}` } });

const checks = new Checks();
const providerPort = await freePort();
const provider = new Program(binary("TORANA_FAKE_PROVIDER_BIN"), [`127.0.0.1:${providerPort}`], {});
const providerUrl = `http://127.0.0.1:${providerPort}`;
await until(10_000, "the fake model server", async () => (await fetch(`${providerUrl}/v1/models`)).ok);
const lastRequest = async () => (await (await fetch(`${providerUrl}/control`)).json()).last;

const gateway = await startGateway({
  agents: { defaults: { model: { primary: "fake/fake-model" } } },
  models: { providers: { fake: { baseUrl: `${providerUrl}/v1`, models: [{ id: "fake-model" }] } } },
  gateway: { http: { endpoints: { embeddings: { model: "fake/fake-model" } } } },
});
const baseURL = `http://127.0.0.1:${gateway.port}/v1`;
const client = new OpenAI({ baseURL, apiKey: gateway.token, maxRetries: 0 });

/** The error a promise fails with. */
const failure = (promise) => promise.then(() => null, (error) => error);

await checks.check("models are listed and one is read", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  expect(ids.join() === "openclaw,openclaw/default,openclaw/main", `ids are ${ids}`);
  const model = await client.models.retrieve("openclaw/main");
  expect(model.id === "openclaw/main", JSON.stringify(model));
});

await checks.check("chat: a whole answer", async () => {
  const answer = await client.chat.completions.create({ model: "openclaw", messages: [{ role: "user", content: "hello there" }] });
  expect(answer.choices[0].message.content === "hello there", JSON.stringify(answer));
  expect(answer.choices[0].finish_reason === "stop", answer.choices[0].finish_reason);
  expect(answer.usage.total_tokens > 0, JSON.stringify(answer.usage));
});

await checks.check("chat: a stream grows into the same answer and tells its usage", async () => {
  const stream = await client.chat.completions.create({
    model: "openclaw/main",
    messages: [{ role: "user", content: "hello stream" }],
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage;
  let pieces = 0;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content) pieces += 1;
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  expect(text === "hello stream" && pieces > 1, `${pieces} pieces: ${text}`);
  expect(usage?.total_tokens > 0, JSON.stringify(usage));
});

await checks.check("chat: options and images reach the model", async () => {
  await client.chat.completions.create({
    model: "openclaw",
    messages: [
      { role: "system", content: "be kind" },
      { role: "user", content: [{ type: "text", text: "look" }, { type: "image_url", image_url: { url: PIXEL } }] },
    ],
    temperature: 0.25,
    top_p: 0.5,
    max_tokens: 77,
    stop: ["END"],
    seed: 7,
    frequency_penalty: 0.5,
    presence_penalty: -0.5,
    response_format: { type: "json_schema", json_schema: { name: "reply", schema: { type: "object" }, strict: true } },
  });
  const body = await lastRequest();
  expect(body.temperature === 0.25 && body.top_p === 0.5 && body.max_tokens === 77 && body.seed === 7, JSON.stringify(body));
  expect(body.frequency_penalty === 0.5 && body.presence_penalty === -0.5 && body.stop.join() === "END", JSON.stringify(body));
  expect(body.response_format.json_schema.name === "reply", JSON.stringify(body.response_format));
  expect(body.messages.at(-1).content[1].image_url.url === PIXEL, JSON.stringify(body.messages));
});

for (const user of [undefined, "tool-user"]) {
  const session = user ? "in a session" : "without a session";
  await checks.check(`chat: the library's tool runner calls a tool and goes on, ${session}`, async () => {
    const called = [];
    const tools = [
      { type: "function", function: { ...TOOLS[0].function, parse: JSON.parse, function: (args) => (called.push(args), "sunny") } },
    ];
    const request = { model: "openclaw", messages: [{ role: "user", content: "weather?" }], tools, user };
    const runner = client.chat.completions.runTools(request, behave("do=tool:weather"));
    const text = await runner.finalContent();
    expect(JSON.stringify(called) === '[{"place":"here"}]', JSON.stringify(called));
    expect(text === "sunny", text);
    const roles = (await lastRequest()).messages.map((message) => message.role).filter((role) => role !== "system");
    expect(roles.join() === "user,assistant,tool", roles.join());
  });
}

await checks.check("chat: a streamed tool call is put together", async () => {
  const stream = client.chat.completions.stream({ model: "openclaw", messages: [{ role: "user", content: "weather?" }], tools: TOOLS }, behave("do=tool:weather"));
  const answer = await stream.finalChatCompletion();
  expect(answer.choices[0].finish_reason === "tool_calls", answer.choices[0].finish_reason);
  expect(answer.choices[0].message.tool_calls[0].function.arguments === '{"place":"here"}', JSON.stringify(answer.choices[0]));
});

await checks.check("errors are the library's own classes", async () => {
  const messages = [{ role: "user", content: "x" }];
  const ask = (fields, options) => failure(client.chat.completions.create({ model: "openclaw", messages, ...fields }, options));
  const stranger = new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 });
  expect((await failure(stranger.models.list())) instanceof AuthenticationError, "a wrong key");
  expect((await ask({ model: "gpt-4o" })) instanceof BadRequestError, "an unknown model");
  expect((await ask({ temperature: 3 })) instanceof BadRequestError, "a temperature of 3");
  const unknown = client.responses.create({ model: "openclaw", input: "x", previous_response_id: "resp_none" });
  expect((await failure(unknown)) instanceof NotFoundError, "an unknown response");
  const refused = await ask({}, behave("do=422"));
  expect(refused instanceof BadRequestError, `the model server's refusal is ${refused}`);
});

await checks.check("an abort ends the run", async () => {
  const controller = new AbortController();
  const request = { model: "openclaw", messages: [{ role: "user", content: "count" }], stream: true, user: "aborter" };
  const slow = { ...behave("chunks=400,delay=50"), signal: controller.signal };
  const aborted = await failure((async () => {
    for await (const chunk of await client.chat.completions.create(request, slow)) {
      if (chunk.choices[0]?.delta?.content) controller.abort();
    }
  })());
  expect(aborted === null || aborted instanceof APIUserAbortError, `${aborted}`);
  // The session takes one run at a time, so an answer proves that the slow one is gone.
  const next = client.chat.completions.create({ ...request, messages: [{ role: "user", content: "next" }], stream: false });
  const answer = await within(10_000, "the next answer of the session", next);
  expect(answer.choices[0].message.content === "next", JSON.stringify(answer));
});

await checks.check("responses: a whole answer, and one that goes on from it", async () => {
  const first = await client.responses.create({ model: "openclaw", input: "first question", instructions: "be kind" });
  expect(first.output_text === "first question" && first.status === "completed", JSON.stringify(first));
  const second = await client.responses.create({ model: "openclaw", input: "second question", previous_response_id: first.id });
  expect(second.output_text === "second question", JSON.stringify(second));
  const said = (await lastRequest()).messages.filter((message) => message.role !== "system");
  expect(said.map((message) => message.content).join() === "first question,first question,second question", JSON.stringify(said));
});

await checks.check("responses: the library follows the events of a stream", async () => {
  const stream = client.responses.stream({ model: "openclaw", input: "hello events", store: false });
  const names = [];
  for await (const event of stream) names.push(event.type);
  const final = await stream.finalResponse();
  expect(final.output_text === "hello events", JSON.stringify(final));
  expect(names[0] === "response.created" && names.at(-1) === "response.completed", names.join());
});

await checks.check("responses: a tool is called and its output goes on", async () => {
  const tools = [{ type: "function", strict: false, ...TOOLS[0].function }];
  const options = behave("do=tool:weather");
  const first = await client.responses.create({ model: "openclaw", input: "weather?", tools }, options);
  const call = first.output.find((item) => item.type === "function_call");
  expect(call?.name === "weather" && call.arguments === '{"place":"here"}', JSON.stringify(first.output));
  const output = [{ type: "function_call_output", call_id: call.call_id, output: "rainy" }];
  const second = await client.responses.create({ model: "openclaw", input: output, tools, previous_response_id: first.id }, options);
  expect(second.output_text === "rainy", JSON.stringify(second));
});

await checks.check("embeddings: numbers come back in order", async () => {
  const answer = await client.embeddings.create({ model: "openclaw", input: ["a", "four"] });
  const vectors = answer.data.map((item) => Array.from(item.embedding));
  expect(JSON.stringify(vectors) === "[[1,0.5,-1],[4,0.5,-1]]", JSON.stringify(answer));
});

await checks.check("Python: the library is installed", async () => {
  const target = join(HERE, "node_modules", ".python");
  const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", target, "--upgrade", "-r", join(HERE, "requirements.txt")];
  const installed = spawnSync("python3", install, { encoding: "utf8" });
  expect(installed.status === 0, `${installed.error ?? installed.stderr}`);
});

const python = spawn("python3", [join(HERE, "check.py")], {
  env: { PATH: process.env.PATH, HOME: gateway.home, PYTHONPATH: join(HERE, "node_modules", ".python"), BASE_URL: baseURL, TOKEN: gateway.token },
  stdio: ["ignore", "pipe", "pipe"],
});
let said = "";
let wrong = "";
python.stdout.on("data", (chunk) => (said += chunk));
python.stderr.on("data", (chunk) => (wrong += chunk));
const ended = once(python, "close");
await checks.check("Python: every check ran", async () => {
  const [code] = await within(120_000, "the end of the Python checks", ended);
  expect(code === 0, `exit code ${code}\n${wrong}`);
});
for (const line of said.split("\n").filter((line) => line.startsWith("{"))) {
  const { name, error } = JSON.parse(line);
  await checks.check(`Python: ${name}`, async () => expect(!error, error));
}

await checks.check("the gateway stops in order", async () => {
  const code = await gateway.program.stop();
  expect(code === 0, `exit code ${code}\n${gateway.program.output}`);
});
await provider.stop();
checks.finish();
