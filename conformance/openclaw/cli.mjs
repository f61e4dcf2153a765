// The official command line against Torana: every command that talks to a gateway, through the recorder, so that each
// frame is checked as well. `REFERENCE=1` with `REFERENCE_URL` and `REFERENCE_TOKEN` runs the same list against a
// gateway that is already there, which is how the expectations were certified.

import { Checks, expect } from "../lib/checks.mjs";
import { startGateway } from "../lib/process.mjs";
import { COMMANDS } from "./commands.mjs";
import { Evidence } from "./evidence.mjs";
import { expectValidFrames } from "./frames.mjs";
import { Official, RELEASE } from "./official.mjs";
import { record } from "./recorder.mjs";

const reference = process.env.REFERENCE === "1";
const checks = new Checks();
const gateway = reference
  ? { url: process.env.REFERENCE_URL, token: process.env.REFERENCE_TOKEN, port: Number(new URL(process.env.REFERENCE_URL).port) }
  : await startGateway();
const recorder = await record(gateway.url);
const official = new Official({ ...gateway, url: recorder.url });
const configured = new Official({ ...gateway, url: recorder.url }, { remote: true });
const evidence = new Evidence("cli");
const only = process.argv.slice(2).join(" ");

for (const { args, check, code = 0, remote = false } of COMMANDS) {
  const name = `openclaw ${args.join(" ")}`;
  if (!name.includes(only)) continue;
  const worked = await checks.check(name, async () => {
    const { code: found, output } = await (remote ? configured : official).run(args);
    expect(found === code, `exit code ${found}, expected ${code}:\n${output.slice(0, 1500)}`);
    check(output);
  });
  if (worked) evidence.add(name, code === 0 ? "" : "refused, as by the official gateway");
}

recorder.close();
evidence.frames(recorder);
if (!reference) {
  await checks.check("the gateway stops in order", async () => {
    const code = await gateway.program.stop();
    expect(code === 0, `exit code ${code}\n${gateway.program.output}`);
  });
}
await checks.check("every frame is valid by the published schema", async () => expectValidFrames(recorder));
evidence.write(RELEASE);
checks.finish();
