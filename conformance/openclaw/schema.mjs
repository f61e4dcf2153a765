// Checks frames against the schema that the protocol's owners publish with their package.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import Ajv from "ajv";

const schemaUrl = import.meta.resolve("@openclaw/gateway-protocol");
const schemaPath = fileURLToPath(new URL("../protocol.schema.json", schemaUrl));
const schema = JSON.parse(readFileSync(schemaPath, "utf8"));

const ajv = new Ajv({ strict: false, allErrors: true, discriminator: false });
ajv.addSchema(schema);

/** Definitions whose names do not follow from the method or event. */
const NAMED = {
  "res connect": "HelloOk",
  "event device.pair.requested": "DevicePairRequestedEvent",
  "event device.pair.resolved": "DevicePairResolvedEvent",
};

/**
 * What the official gateway of the release under test sends although the newest published schema, which is older,
 * does not know it. Seen by running this suite with `REFERENCE=1`.
 */
const NEWER = new Set([
  "HelloOk/auth method",
  "AgentEvent sessionKey",
  "AgentEvent sessionId",
  "AgentEvent agentId",
  "PresenceEntry clientId",
  "HelloOk/snapshot/presence/* clientId",
  "ModelsListResult/models/* manualSelectionAllowed",
  "ModelsListResult/models/* local",
  "SystemInfoResult processMemory",
  "SystemInfoResult disks",
  "PluginsListResult generation",
  "ChannelsStatusResult statusIssues",
]);

/** `sessions.list` becomes `SessionsList`. */
function pascal(name) {
  return name
    .split(/[.\-_]/)
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join("");
}

function definitionOf(kind, name) {
  const guess = NAMED[`${kind} ${name}`] ?? pascal(name) + (kind === "event" ? "Event" : "Result");
  return guess in schema.definitions ? guess : null;
}

function violations(definition, value) {
  const validate = ajv.getSchema(`${schema.$id}#/definitions/${definition}`);
  if (validate(value)) return [];
  // A union reports every branch; the first few errors name the place.
  return validate.errors
    .map((error) => ({ at: `${definition}${error.instancePath}`, extra: error.params.additionalProperty, message: error.message }))
    .filter(({ at, extra }) => !NEWER.has(`${at.replaceAll(/\/\d+/g, "/*")} ${extra}`))
    .slice(0, 4)
    .map(({ at, extra, message }) => `${at} ${message}${extra ? `: ${extra}` : ""}`);
}

/** Whether the protocol knows a method of this name. */
export function isMethod(name) {
  return name in schema.methods;
}

/** What is wrong with one frame from the gateway, and whether its payload had a definition to be checked against. */
export function inspect(frame, methodOf) {
  const found = violations("GatewayFrame", frame);
  let definition = null;
  if (frame.type === "event") definition = definitionOf("event", frame.event);
  if (frame.type === "res" && frame.ok) definition = definitionOf("res", methodOf(frame.id) ?? "unknown");
  if (definition) found.push(...violations(definition, frame.payload));
  if (frame.type === "event" && frame.event === "presence") {
    for (const entry of frame.payload?.presence ?? []) found.push(...violations("PresenceEntry", entry));
  }
  return { found, definition };
}
