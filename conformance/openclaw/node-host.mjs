// The official node host against Torana: it pairs, waits for the approval of its commands, answers an invocation, and
// is renamed and removed, all with the official command line.

import { expect, until } from "../lib/checks.mjs";
import { Official, json } from "./official.mjs";
import { Stage } from "./stage.mjs";

/** The host needs some seconds to start. */
const START_MS = 45_000;

const stage = await Stage.open("node-host");
const person = new Official(stage.gateway);
const machine = new Official(stage.gateway);
let output = "";
const port = new URL(stage.gateway.url).port;
function start() {
  const host = machine.spawn(["node", "run", "--host", "127.0.0.1", "--port", port, "--no-tls", "--display-name", "Bench"]);
  for (const stream of [host.stdout, host.stderr]) stream.on("data", (chunk) => (output = (output + chunk).slice(-8_000)));
  return host;
}
let host = start();

/** Runs a command of the person and returns what it printed. */
async function ask(...args) {
  const { code, output: printed } = await person.run(args);
  expect(code === 0, `openclaw ${args.join(" ")}: exit code ${code}\n${printed.slice(0, 1500)}`);
  return printed;
}

async function step(name, work) {
  const held = await stage.step(`node host: ${name}`, work);
  if (!held && output) console.log(`        the host says:\n${output.slice(-1500)}`);
}

/** A list in the answer, whatever its member is called. */
const nodes = async () => {
  const answer = json(await ask("nodes", "status", "--json"));
  return answer.nodes ?? answer;
};

await step("it connects and its commands wait for approval", async () => {
  await until(START_MS, "a request", async () => /[0-9a-f]{8}-/.test(await ask("nodes", "pending")));
});
await step("its commands are approved", async () => {
  const pending = json(await ask("nodes", "pending", "--json"));
  const [request] = Array.isArray(pending) ? pending : pending.pending;
  await ask("nodes", "approve", request.requestId);
});
await step("it is listed as connected", async () => {
  await until(START_MS, "a connected node", async () => (await nodes()).some((node) => node.connected));
});
await step("it is described with its commands", async () => {
  expect(/system\.which/.test(await ask("nodes", "describe", "--node", "Bench")), "no commands");
});
await step("it answers an invocation", async () => {
  const answer = await ask("nodes", "invoke", "--node", "Bench", "--command", "system.which", "--params", '{"bins":["sh"]}');
  expect(/\/sh/.test(answer), answer.slice(0, 500));
});
await step("the rules it keeps for programs are read and changed", async () => {
  const program = "/usr/bin/uptime";
  const listed = async () => {
    const answer = json(await ask("approvals", "get", "--node", "Bench", "--json"));
    return (answer.file.agents?.["*"]?.allowlist ?? []).some((entry) => entry.pattern === program);
  };
  await ask("approvals", "allowlist", "add", "--node", "Bench", program);
  expect(await listed(), "the program is not on the list of the node");
  await ask("approvals", "allowlist", "remove", "--node", "Bench", program);
  expect(!(await listed()), "the program is still on the list of the node");
});
await step("it is renamed", async () => {
  await ask("nodes", "rename", "--node", "Bench", "--name", "Workbench");
  expect((await nodes()).some((node) => node.displayName === "Workbench"), "the old name is still there");
});
let device;
await step("its device is listed", async () => {
  const { paired } = json(await ask("devices", "list", "--json"));
  device = paired.find(({ roles, role }) => (roles ?? [role]).includes("node"))?.deviceId;
  expect(device, JSON.stringify(paired).slice(0, 500));
});
await step("its device is renamed", async () => {
  await ask("devices", "rename", "--device", device, "--name", "Cellar");
  const { paired } = json(await ask("devices", "list", "--json"));
  expect(paired.some(({ operatorLabel }) => operatorLabel === "Cellar"), "the new name is not listed");
});
await step("the token of its device is rotated", async () => {
  expect(/node/.test(await ask("devices", "rotate", "--device", device, "--role", "node")), "no role");
});
await step("its token is revoked, and it is let in again", async () => {
  await ask("devices", "revoke", "--device", device, "--role", "node");
  let request;
  await until(START_MS, "a request", async () => {
    const { pending } = json(await ask("devices", "list", "--json"));
    request = pending.find(({ deviceId }) => deviceId === device)?.requestId;
    return request;
  });
  await ask("devices", "approve", request);
  // It waits for a person at its own machine by now.
  host.kill("SIGKILL");
  host = start();
  await until(START_MS, "a connected node", async () => (await nodes()).some((node) => node.connected));
});
await step("it is removed", async () => {
  await ask("nodes", "remove", "--node", "Workbench");
  expect(!(await nodes()).some((node) => node.paired && node.displayName === "Workbench"), "it is still paired");
});

host.kill("SIGKILL");
await stage.close();
