// The official command line against Torana: every command that talks to a gateway, through the recorder, so that each
// frame is checked as well. Words on the command line choose the commands whose line contains them.

import { expect } from "../lib/checks.mjs";
import { decideApprovals } from "./approvals.mjs";
import { COMMANDS } from "./commands.mjs";
import { Official } from "./official.mjs";
import { Stage } from "./stage.mjs";

const stage = await Stage.open("cli");
const official = new Official(stage.gateway);
const configured = new Official(stage.gateway, { remote: true });
const only = process.argv.slice(2).join(" ");

for (const { args, check, code = 0, remote = false } of COMMANDS) {
  const name = `openclaw ${args.join(" ")}`;
  if (!name.includes(only)) continue;
  const work = async () => {
    const { code: found, output } = await (remote ? configured : official).run(args);
    expect(found === code, `exit code ${found}, expected ${code}:\n${output.slice(0, 1500)}`);
    check(output);
  };
  await stage.step(name, work, code === 0 ? "" : "refused, as by the official gateway");
}
if (only === "") {
  await decideApprovals(stage);
  await stage.step("openclaw gateway suspend, gateway resume", async () => {
    const suspended = await official.run(["gateway", "suspend"]);
    const [, id] = /Suspension ID: (\S+)/.exec(suspended.output) ?? [];
    expect(id, suspended.output);
    const resumed = await official.run(["gateway", "resume", id]);
    expect(resumed.code === 0, resumed.output);
  });
}
await stage.close();
