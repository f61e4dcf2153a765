// A scripted model server, and the configuration that makes it a gateway's provider.

import { until } from "./checks.mjs";
import { Program, binary, freePort } from "./process.mjs";

/** The server that a gateway which is running already uses (`REFERENCE_MODEL`), or one of our own. */
async function runServer() {
  const given = process.env.REFERENCE_MODEL;
  if (given) return { url: given, stop: async () => {} };
  const port = await freePort();
  const program = new Program(binary("TORANA_FAKE_PROVIDER_BIN"), [`127.0.0.1:${port}`], {});
  return { url: `http://127.0.0.1:${port}`, stop: () => program.stop() };
}

/** A running model server with these models, of which the first is the usual one. */
export async function startModel(models) {
  const { url, stop } = await runServer();
  await until(30_000, "the fake model server", async () => (await fetch(`${url}/v1/models`)).ok);
  return {
    stop,
    config: {
      agents: { defaults: { model: { primary: `fake/${models[0].id}` } } },
      models: { providers: { fake: { baseUrl: `${url}/v1`, models } } },
    },
    /** What it does from now on; see `torana-fake-provider`. */
    script: async (script) => {
      const answer = await fetch(`${url}/control`, { method: "POST", body: JSON.stringify(script) });
      if (!answer.ok) throw new Error(`the model server does not understand ${JSON.stringify(script)}`);
    },
  };
}
