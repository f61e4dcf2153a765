// What the official command line is asked to do, in this order, and how one sees that it worked. Expectations were
// taken from the same commands against the official gateway of the same release; `REFERENCE=1` repeats that.

import { expect } from "../lib/checks.mjs";
import { json } from "./official.mjs";

/** Fails unless the text shows it. */
const shows = (pattern) => (output) => expect(pattern.test(output), `expected ${pattern} in:\n${output.slice(0, 1500)}`);

/** Fails unless the JSON satisfies the condition. */
const answers = (sentence, condition) => (output) => {
  const value = json(output);
  expect(condition(value), `${sentence}; got ${JSON.stringify(value).slice(0, 600)}`);
};

/** A command about something that does not exist. */
const refused = (words, pattern) => ({ args: words.split(" "), code: 1, check: shows(pattern) });

/**
 * A command, what it must show, and `code` when it must fail. `remote` runs it with a configuration that names the
 * gateway, because the command ignores the environment.
 */
export const COMMANDS = [
  { args: ["health"], check: shows(/Agents: main \(default\)/) },
  { args: ["health", "--json"], check: answers("ok", (it) => it.ok === true && Array.isArray(it.agents)) },
  { args: ["health", "--verbose"], check: shows(/Agents: main/) },
  { args: ["status"], remote: true, check: shows(/reachable \d+ms/) },
  { args: ["status", "--json"], remote: true, check: answers("a reachable gateway", (it) => it.gateway?.reachable === true) },
  { args: ["status", "--deep"], remote: true, check: shows(/Health/) },
  { args: ["gateway", "health"], check: shows(/OK/) },
  { args: ["gateway", "probe"], check: shows(/Connect: ok .*Capability: connect-only/) },
  { args: ["gateway", "status"], check: shows(/Connectivity probe: ok/) },
  { args: ["gateway", "call", "health"], check: answers("ok", (it) => it.ok === true) },
  { args: ["gateway", "call", "no.such.method"], code: 1, check: shows(/unknown method: no\.such\.method|missing scope/) },
  { args: ["gateway", "usage-cost"], check: shows(/Usage|Cost|No usage/i) },
  { args: ["gateway", "usage-cost", "--json"], check: answers("thirty days", (it) => Array.isArray(it.daily) && typeof it.totals === "object") },
  { args: ["gateway", "stability"], check: shows(/events|stability/i) },
  { args: ["agent", "--agent", "main", "--message", "Hello, who are you?"], check: shows(/\w{3}/) },
  {
    args: ["agent", "--agent", "main", "--message", "Hello again", "--json"],
    check: answers("a settled run", (it) => it.status === "ok" && typeof it.runId === "string" && it.result?.payloads?.length > 0),
  },
  { args: ["logs", "--limit", "20"], check: shows(/Log file/) },
  { args: ["logs", "--limit", "20", "--json"], check: shows(/"type":"meta"/) },
  { args: ["channels", "status"], check: shows(/Gateway reachable/) },
  { args: ["channels", "status", "--probe"], check: shows(/Gateway reachable/) },
  { args: ["channels", "status", "--json"], check: answers("maps", (it) => typeof it.channels === "object" && Array.isArray(it.channelOrder)) },
  { args: ["message", "send", "--channel", "telegram", "--target", "4711", "--message", "hi"], code: 1, check: shows(/telegram|channel/i) },
  { args: ["models", "list"], check: shows(/Model|No models/) },
  { args: ["models", "list", "--json"], check: answers("models", (it) => Array.isArray(it.models)) },
  { args: ["cron", "status"], check: answers("counts", (it) => typeof it.jobs === "number") },
  { args: ["cron", "list"], check: shows(/No cron jobs|No automations|ID/i) },
  { args: ["cron", "list", "--json"], check: answers("jobs", (it) => Array.isArray(it.jobs)) },
  { args: ["devices", "list"], check: shows(/Paired|Pending|No device/) },
  { args: ["devices", "list", "--json"], check: answers("both lists", (it) => Array.isArray(it.pending) && Array.isArray(it.paired)) },
  { args: ["nodes", "status"], check: shows(/Known: 0/) },
  { args: ["nodes", "list"], check: shows(/Pending: 0 · Paired: 0/) },
  { args: ["nodes", "pending"], check: shows(/No pending|\[\]/i) },
  { args: ["approvals", "get", "--gateway"], check: shows(/Approvals|tools\.exec/) },
  { args: ["approvals", "get", "--gateway", "--json"], check: answers("a hash", (it) => typeof it.hash === "string" && it.file?.version === 1) },
  { args: ["approvals", "allowlist", "add", "--gateway", "--agent", "main", "/usr/bin/uptime"], check: shows(/uptime|llowlist/) },
  { args: ["approvals", "allowlist", "remove", "--gateway", "--agent", "main", "/usr/bin/uptime"], check: shows(/./) },
  { args: ["approvals", "pending"], check: shows(/No pending/i) },
  { args: ["approvals", "grants", "list"], check: shows(/No .*grants/i) },
  { args: ["approvals", "resolve", "no-such-approval", "deny"], code: 1, check: shows(/not found|unknown|expired/i) },
  { args: ["system", "presence"], check: answers("entries", (it) => Array.isArray(it)) },
  { args: ["system", "event", "--text", "conformance", "--mode", "now"], check: shows(/ok/i) },
  { args: ["system", "heartbeat", "last"], check: shows(/null|\{/) },
  { args: ["sessions", "compact", "agent:main:main"], check: shows(/ompact/) },
  { args: ["sessions", "archive", "agent:main:dashboard:absent"], code: 1, check: shows(/not found|No session|absent/i) },
  { args: ["skills", "list"], check: shows(/[Ss]kill/) },
  { args: ["hooks", "list"], check: shows(/[Hh]ooks/) },
  { args: ["users", "list", "--json"], check: answers("profiles", (it) => Array.isArray(it.profiles)) },
  { args: ["users", "list"], check: shows(/No .*profiles|profiles|\[\]/i) },
  { args: ["audit"], check: shows(/./) },
  { args: ["audit", "--json"], check: answers("the runs", (it) => it.events.some((event) => event.kind === "agent_run" && event.agentId === "main")) },
  { args: ["logs", "--limit", "5", "--plain"], check: shows(/Log file/) },
  { args: ["channels", "list"], check: shows(/Chat channels/) },
  { args: ["gateway", "usage-cost", "--days", "7"], check: shows(/Usage cost \(7 days\)/) },
  { args: ["gateway", "diagnostics", "export", "--json"], check: answers("a file", (it) => it.path.endsWith(".zip") && it.bytes > 0) },
  { args: ["system", "presence", "--json"], check: answers("the gateway itself", (it) => it.some((one) => one.mode === "gateway")) },
  refused("message broadcast --channel telegram --targets 4711 --message hi", /0\/1 succeeded/),
  refused("agent --agent nobody --message hi", /unknown agent id "nobody"/),
  refused("cron get nothing", /Automation not found: nothing/),
  refused("cron show nothing", /Automation not found: nothing/),
  refused("devices approve nobody", /No pending device request matches nobody/),
  refused("devices reject nobody", /unknown requestId/),
  refused("devices rename --device nobody --name somebody", /unknown deviceId/),
  refused("devices rotate --device nobody --role operator", /token rotation denied/),
  refused("devices revoke --device nobody --role operator", /token revocation denied/),
  refused("devices remove nobody", /unknown deviceId/),
  refused("devices join-code", /loopback|publicOrigin/),
  refused("nodes approve nobody", /Unknown node pairing requestId/),
  refused("nodes reject nobody", /Unknown node pairing requestId/),
  refused("nodes describe --node nobody", /unknown node: nobody/),
  refused("nodes invoke --node nobody --command system.which", /unknown node: nobody/),
  refused("nodes notify --node nobody --title a --body b", /unknown node: nobody/),
  refused("nodes push --node nobody", /unknown node: nobody/),
  refused("nodes location get --node nobody", /unknown node: nobody/),
  refused("nodes screen record --node nobody", /unknown node: nobody/),
  refused("nodes camera list --node nobody", /unknown node: nobody/),
  { args: ["gateway", "call", "sessions.list"], check: answers("the session", (it) => it.sessions.some((row) => row.key === "agent:main:main")) },
  { args: ["gateway", "call", "chat.history", "--params", '{"sessionKey":"agent:main:main"}'], check: answers("messages", (it) => it.messages.length >= 4) },
  { args: ["gateway", "call", "config.get"], check: answers("a hash", (it) => typeof it.hash === "string") },
  { args: ["gateway", "call", "agents.list"], check: answers("main", (it) => it.agents.some((one) => one.id === "main")) },
  { args: ["sessions", "delete", "agent:main:main", "--yes"], code: 1, check: shows(/main session|cannot/i) },
];

/** Commands that say nothing about a gateway, and commands for what Torana does not do, with the reason. */
export const NOT_DRIVEN = [
  ["agents, config, configure, setup, onboard, doctor, reset, uninstall, update, migrate, backup, database, completion, docs", "work on the files of its own installation"],
  ["models status, set, scan, auth, aliases, fallbacks, image-fallbacks, accounts, refresh", "work on the files of its own installation; `models list` asks the gateway"],
  ["sessions list, tail, cleanup, export-trajectory; tasks; pairing; secrets; security; exec-policy; skills check, info, search", "read the files of its own installation; sessions are listed with `gateway call sessions.list` and in the terminal"],
  ["plugins, mcp, memory, transcripts, telemetry, promos, proxy, sandbox, fleet, worktrees, browser, clawbot, infer, capability", "are about its own plugins and helpers"],
  ["gateway run, start, stop, restart, install, uninstall, auth-token; daemon; dashboard; chat; terminal; qr; gateway discover", "run or install its own gateway, or only look at this machine"],
  ["cron add, edit, enable, disable, rm, run, runs, scratch", "no schedules yet; the lists are empty and a job is not found"],
  ["system heartbeat enable, disable", "no schedules yet"],
  ["secrets reload; users link-email; approvals grants revoke", "no team secrets, no profiles with addresses, no standing grants"],
  ["message other than send and broadcast; directory; channels add, login, logout, remove, resolve", "need a channel plugin in its own installation"],
  ["devices clear", "would remove what the other commands use"],
  ["acp, attach, connect, node install, resume, triage, worker, webhooks, dns, googlemeet, teamsmeetings, zoommeetings, file-transfer", "are bridges and programs of their own"],
];
