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
 * What the release under test sends and takes although the newest published schema, which is older, does not know it.
 * Seen by running this suite with `REFERENCE=1`, and in the schemas inside the release.
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
  "SkillsProposalsListResult installedSkills",
  "AgentsFilesGetResult/file hash",
  "AgentsFilesSetResult/file hash",
  "SessionsListParams group",
  "SessionsListParams pinned",
  "SessionsListParams hasBoard",
  "SessionsListParams activeOnly",
  "SessionsListParams excludeSubagents",
  "SessionsListParams excludeCron",
  "SessionsListParams/sortBy const",
  "SessionsListParams/sortBy anyOf",
  "SessionsListParams includeActivitySummary",
  "SessionsListParams excludeSystem",
  "SessionsDescribeParams agentId",
  "SessionsSearchParams scope",
  "SessionsSearchResult sessions",
  // Sent by the pages of the release.
  "ConnectParams modelCatalog",
  "EnvironmentsListParams runtimeId",
  "TasksListParams sortBy",
  "SessionsCatalogListParams allowPartialResults",
  "ChatSendParams __controlUiReconnectResume",
  "ChatHistoryParams maxBytes",
  "ChatHistoryParams inputRunIds",
  "ModelsListParams sessionKey",
  "ModelsListParams includeDetails",
  "ArtifactsListParams type",
  "ArtifactsListParams limit",
  "ArtifactsListParams cursor",
  "ArtifactsListParams messageRole",
  "ArtifactsGetParams messageRole",
  "ArtifactsDownloadParams messageRole",
  "ArtifactsDownloadParams transport",
  "ArtifactsListResult/artifacts/* image",
  "ArtifactsListResult nextCursor",
  "ArtifactsDownloadResult expiresAt",
  // Required by the schema, gone in the release.
  "ArtifactsListResult/artifacts/* title",
  "ArtifactsGetResult/artifact title",
  "ArtifactsDownloadResult/artifact title",
  "NodeSkillsUpdateParams/skills/* description",
]);

/** Beside the methods of the published schema: `deny` is the word of our command line for the protocol's `dismiss`. */
export const EXTRA_METHODS = [
  "channels.pairing.deny",
  // In the method list of OpenClaw 2026.9.6.
  "gateway.suspend.handoff",
  // Called by the pages of OpenClaw 2026.9.6; the newest published schema, 2026.9.1, is older than they are.
  "canvas.document.preview",
  "canvas.document.view",
  "mentions.list",
  "plugins.controlUi.list",
  "themes.list",
  "users.listModelAccounts",
];

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
    .map((error) => ({ at: `${definition}${error.instancePath}`, extra: error.params.additionalProperty ?? error.params.missingProperty ?? error.keyword, message: error.message }))
    .filter(({ at, extra }) => !NEWER.has(`${at.replaceAll(/\/\d+/g, "/*")} ${extra}`))
    .slice(0, 4)
    .map(({ at, extra, message }) => `${at} ${message} (${extra})`);
}

/** Whether the protocol knows a method of this name. */
export function isMethod(name) {
  return name in schema.methods;
}

/** What is wrong with a request that was taken: the frame, and its parameters where the protocol defines them. */
export function inspectRequest(frame) {
  const found = violations("RequestFrame", frame);
  const definition = `${pascal(frame.method)}Params`;
  if (definition in schema.definitions) found.push(...violations(definition, frame.params ?? {}));
  return found;
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
