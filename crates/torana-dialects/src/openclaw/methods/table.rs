//! The rows. A method without a scope does not compile (S-007).

use torana_core::auth::Scope;

use super::{Call, Method, Needs, Running, agents, chat, own, pairing, sessions, system};
use crate::openclaw::params::{
    COUNT, Field, INT_MAX, Kind, LONG, NAME, POSITIVE, Spec, TEXT, closed, may, must, open,
};

const READ: Needs = Needs::Scope(Scope::Read);
const WRITE: Needs = Needs::Scope(Scope::Write);
const ADMIN: Needs = Needs::Scope(Scope::Admin);
const PAIRING: Needs = Needs::Scope(Scope::Pairing);

/// A row that is listed and not limited.
const fn row(
    name: &'static str,
    needs: Needs,
    doc: &'static str,
    params: Spec,
    run: fn(Call) -> Running,
) -> Method {
    Method {
        name,
        needs,
        listed: true,
        write: false,
        since: "0.1",
        doc,
        params,
        run,
    }
}

const fn hidden(method: Method) -> Method {
    Method {
        listed: false,
        ..method
    }
}

const fn limited(method: Method) -> Method {
    Method {
        write: true,
        ..method
    }
}

const LABEL: Kind = Kind::Text(1, 512);
const OR_NULL_NAME: Kind = Kind::OrNull(&NAME);
const QUEUE_MODES: Kind = Kind::OneOf(&["steer", "followup", "collect", "interrupt"]);

const CHAT_SEND: &[Field] = &[
    must("sessionKey", Kind::Text(1, 512)),
    must("message", TEXT),
    must("idempotencyKey", NAME),
    may("agentId", NAME),
    may("sessionId", NAME),
    may("mentions", Kind::Any),
    may("workContext", Kind::Any),
    may("intent", Kind::Any),
    may("thinking", TEXT),
    may("fastMode", Kind::OrWord(&Kind::Bool, &["auto"])),
    may("fastAutoOnSeconds", POSITIVE),
    may("queueMode", QUEUE_MODES),
    may("deliver", Kind::Bool),
    may("originatingChannel", TEXT),
    may("originatingTo", TEXT),
    may("originatingAccountId", TEXT),
    may("originatingThreadId", TEXT),
    may("replyToId", NAME),
    may("attachments", Kind::List(&Kind::Any)),
    may("toolBindings", Kind::Map(&Kind::Any)),
    may("timeoutMs", COUNT),
    may("systemInputProvenance", Kind::Any),
    may("systemProvenanceReceipt", TEXT),
    may("suppressCommandInterpretation", Kind::Bool),
    may("expectedLeafEntryId", OR_NULL_NAME),
    may("expectedSessionRoutingContract", NAME),
    may("expectedPermissionMode", Kind::Any),
    may("expectedToolOverrides", Kind::Any),
];

const AGENT: &[Field] = &[
    must("message", NAME),
    must("idempotencyKey", NAME),
    may("agentId", NAME),
    may("provider", TEXT),
    may("model", TEXT),
    may("to", TEXT),
    may("replyTo", TEXT),
    may("sessionId", TEXT),
    may("sessionKey", TEXT),
    may("expectedExistingSessionId", NAME),
    may("thinking", TEXT),
    may("deliver", Kind::Bool),
    may("attachments", Kind::List(&Kind::Any)),
    may("channel", TEXT),
    may("replyChannel", TEXT),
    may("accountId", TEXT),
    may("replyAccountId", TEXT),
    may("threadId", TEXT),
    may("groupId", TEXT),
    may("groupChannel", TEXT),
    may("groupSpace", TEXT),
    may("timeout", COUNT),
    may("bestEffortDeliver", Kind::Bool),
    may("lane", TEXT),
    may("cwd", NAME),
    may("cleanupBundleMcpOnRunEnd", Kind::Bool),
    may("modelRun", Kind::Bool),
    may("promptMode", Kind::OneOf(&["full", "minimal", "none"])),
    may("extraSystemPrompt", TEXT),
    may(
        "bootstrapContextMode",
        Kind::OneOf(&["full", "lightweight"]),
    ),
    may(
        "bootstrapContextRunKind",
        Kind::OneOf(&["default", "heartbeat", "cron"]),
    ),
    may("acpTurnSource", Kind::Any),
    may("internalRuntimeHandoffId", NAME),
    may("internalExecutionIdentityRetry", Kind::Bool),
    may("internalExecutionIdentityRecoveryAttempt", POSITIVE),
    may("execApprovalFollowupExpectedSessionId", NAME),
    may("internalEvents", Kind::List(&Kind::Any)),
    may("inputProvenance", Kind::Any),
    may("suppressPromptPersistence", Kind::Bool),
    may("sessionEffects", Kind::OneOf(&["visible", "internal"])),
    may("sourceReplyDeliveryMode", Kind::Any),
    may("disableMessageTool", Kind::Bool),
    may("swarmCollector", Kind::Bool),
    may("swarmOutputSchema", Kind::Any),
    may("forceRestartSafeTools", Kind::Bool),
    may("forceCodeModeTools", Kind::Bool),
    may("voiceWakeTrigger", TEXT),
    may("label", LABEL),
];

const SESSIONS_LIST: &[Field] = &[
    may("limit", POSITIVE),
    may("offset", COUNT),
    may("activeMinutes", POSITIVE),
    may("activeOnly", Kind::Bool),
    may("requireLastInteraction", Kind::Bool),
    may(
        "sortBy",
        Kind::OneOf(&["updatedAt", "lastInteractionAt", "activity"]),
    ),
    may("includeGlobal", Kind::Bool),
    may("includeUnknown", Kind::Bool),
    may("excludeSubagents", Kind::Bool),
    may("excludeCron", Kind::Bool),
    may("excludeSystem", Kind::Bool),
    may("configuredAgentsOnly", Kind::Bool),
    may("includeDerivedTitles", Kind::Bool),
    may("includeLastMessage", Kind::Bool),
    may("includeActivitySummary", Kind::Bool),
    may("label", LABEL),
    may("projectId", NAME),
    may("workspaceDir", NAME),
    may("group", TEXT),
    may("pinned", Kind::Bool),
    may("boardFace", Kind::OneOf(&["chat", "dashboard"])),
    may("hasBoard", Kind::Bool),
    may("creatorId", NAME),
    may("ownerId", NAME),
    may("ownerFirst", Kind::Bool),
    may("involvingMe", Kind::Bool),
    may("profileRelation", Kind::Any),
    may("involvingProfileId", NAME),
    may("includePeople", Kind::Bool),
    may("spawnedBy", NAME),
    may("agentId", NAME),
    may("search", TEXT),
    may("archived", Kind::OrWord(&Kind::Bool, &["all"])),
];

/// Settings that every writer may change; the rest needs an administrator (section 4 of our notes).
pub(super) const PATCH_WRITABLE: &[&str] = &[
    "key",
    "agentId",
    "label",
    "autoLabel",
    "icon",
    "color",
    "category",
    "boardFace",
    "boardPresentation",
    "pinned",
    "archived",
    "unread",
    "model",
    "agentRuntime",
    "thinkingLevel",
    "fastMode",
];

const SESSIONS_PATCH: &[Field] = &[
    must("key", NAME),
    may("agentId", NAME),
    may("expectedSessionId", NAME),
    may("expectedLifecycleRevision", NAME),
    may("expectedPermissionMode", Kind::Any),
    may("expectedToolOverrides", Kind::Any),
    may("expectedMarkedUnreadAt", Kind::OrNull(&Kind::Number)),
    may("label", Kind::OrNull(&LABEL)),
    may("model", OR_NULL_NAME),
    may("thinkingLevel", OR_NULL_NAME),
    may("archived", Kind::Bool),
    may("pinned", Kind::Bool),
    may("unread", Kind::Bool),
    may("queueMode", Kind::OrNull(&QUEUE_MODES)),
];

const SEND: &[Field] = &[
    must("to", NAME),
    must("idempotencyKey", NAME),
    may("message", TEXT),
    may("mediaUrl", TEXT),
    may("mediaUrls", Kind::List(&TEXT)),
    may("buffer", TEXT),
    may("filename", TEXT),
    may("contentType", TEXT),
    may("asVoice", Kind::Bool),
    may("gifPlayback", Kind::Bool),
    may("channel", TEXT),
    may("accountId", TEXT),
    may("agentId", TEXT),
    may("replyToId", TEXT),
    may("threadId", TEXT),
    may("forceDocument", Kind::Bool),
    may("silent", Kind::Bool),
    may("parseMode", Kind::OneOf(&["HTML"])),
    may("sessionKey", TEXT),
];

const HISTORY: &[Field] = &[
    must("sessionKey", NAME),
    may("agentId", NAME),
    may("cursor", TEXT),
    may("limit", Kind::Int(1, 1000)),
    may("maxBytes", Kind::Int(1024, INT_MAX)),
    may("offset", COUNT),
    may("pendingBefore", POSITIVE),
    may("inputRunIds", Kind::List(&Kind::Text(1, 256))),
    may("messageId", NAME),
    may("sessionId", NAME),
    may("maxChars", Kind::Int(1, 500_000)),
];

const RESOLVE: &[Field] = &[
    may("key", NAME),
    may("sessionId", NAME),
    may("label", LABEL),
    may("shortId", NAME),
    may("slugHint", NAME),
    may("agentId", NAME),
    may("spawnedBy", NAME),
    may("includeGlobal", Kind::Bool),
    may("includeUnknown", Kind::Bool),
    may("allowMissing", Kind::Bool),
];

const DELETE: &[Field] = &[
    must("key", NAME),
    may("agentId", NAME),
    may("deleteTranscript", Kind::Bool),
    may("expectedSessionId", NAME),
    may("expectedLifecycleRevision", NAME),
    may("expectedSessionUpdatedAt", Kind::Number),
    may("emitLifecycleHooks", Kind::Bool),
    may("archivedOnly", Kind::Bool),
];

const MODELS: &[Field] = &[
    may("agentId", NAME),
    may("sessionKey", NAME),
    may("authProfileId", Kind::Text(1, 256)),
    may("provider", NAME),
    may("includeDetails", Kind::Bool),
    may("includeProviderCapabilities", Kind::Bool),
    may("includeDefaultModels", Kind::Bool),
    may("preparedOnly", Kind::Bool),
    may("refresh", Kind::Bool),
    may(
        "view",
        Kind::OneOf(&["default", "configured", "provider-config", "all"]),
    ),
];

const KEY_ONLY: Spec = closed(&[must("key", NAME), may("agentId", NAME)]);
const NONE: Spec = closed(&[]);
const FREE: Spec = open(&[]);
const REQUEST_ID: Spec = closed(&[must("requestId", NAME)]);
const DECIDE: Spec = closed(&[
    must("channel", NAME),
    must("accountId", NAME),
    must("requestId", NAME),
]);
const ROW_ID: Spec = closed(&[must("id", POSITIVE)]);
const PAGE: Spec = closed(&[may("limit", Kind::Int(1, 1000))]);

/// Every method, by family.
pub(crate) const TABLE: &[Method] = &[
    row(
        "health",
        Needs::Nothing,
        "State of the gateway; without `operator.read` only that it lives.",
        open(&[may("probe", Kind::Bool)]),
        system::health,
    ),
    row(
        "status",
        READ,
        "Summary of sessions, channels and heartbeats.",
        FREE,
        system::status,
    ),
    row(
        "system-presence",
        READ,
        "Who is connected.",
        FREE,
        system::presence,
    ),
    row(
        "system-event",
        ADMIN,
        "Reports a line or a presence entry.",
        open(&[
            must("text", NAME),
            may("host", TEXT),
            may("ip", TEXT),
            may("mode", TEXT),
            may("version", TEXT),
            may("platform", TEXT),
            may("deviceFamily", TEXT),
            may("instanceId", TEXT),
            may("reason", TEXT),
            may("tags", Kind::List(&TEXT)),
        ]),
        system::event,
    ),
    row(
        "last-heartbeat",
        READ,
        "The last scheduled agent turn; null while there is no scheduler.",
        FREE,
        system::last_heartbeat,
    ),
    row(
        "logs.tail",
        READ,
        "A page of the log file.",
        closed(&[
            may("cursor", COUNT),
            may("limit", Kind::Int(1, 5000)),
            may("maxBytes", Kind::Int(1, 1_000_000)),
        ]),
        system::logs,
    ),
    row(
        "config.get",
        READ,
        "The configuration with secrets replaced.",
        NONE,
        system::config,
    ),
    row(
        "config.schema",
        READ,
        "The JSON Schema of the configuration.",
        NONE,
        system::config_schema,
    ),
    row(
        "models.list",
        READ,
        "Models that can be chosen.",
        closed(MODELS),
        system::models,
    ),
    row(
        "channels.status",
        READ,
        "Channels and their accounts.",
        closed(&[
            may("probe", Kind::Bool),
            may("timeoutMs", COUNT),
            may("channel", NAME),
        ]),
        system::channels,
    ),
    row(
        "agents.list",
        READ,
        "Configured agents.",
        NONE,
        agents::list,
    ),
    row(
        "agent.identity.get",
        READ,
        "Name and avatar of an agent.",
        closed(&[may("agentId", NAME), may("sessionKey", TEXT)]),
        agents::identity,
    ),
    row(
        "agent",
        Needs::Depends(Scope::Write, agents::scope_of_agent),
        "Runs one turn; answers twice, accepted and final.",
        closed(AGENT),
        agents::agent,
    ),
    row(
        "agent.wait",
        WRITE,
        "Waits for the end of a run.",
        closed(&[must("runId", NAME), may("timeoutMs", COUNT)]),
        agents::wait,
    ),
    row(
        "chat.send",
        WRITE,
        "Sends a message into a session; the answer comes as events.",
        closed(CHAT_SEND),
        chat::send,
    ),
    row(
        "chat.abort",
        WRITE,
        "Stops what runs and waits in a session.",
        closed(&[
            must("sessionKey", NAME),
            may("agentId", NAME),
            may("runId", NAME),
            may("preserveSideRuns", Kind::Bool),
        ]),
        chat::abort,
    ),
    row(
        "chat.history",
        READ,
        "A page of a transcript, with what is running and waiting.",
        closed(HISTORY),
        chat::history,
    ),
    hidden(row(
        "chat.inject",
        ADMIN,
        "Adds a line to a transcript without a turn.",
        closed(&[
            must("sessionKey", NAME),
            must("message", NAME),
            may("agentId", NAME),
            may("label", Kind::Text(0, 100)),
        ]),
        chat::inject,
    )),
    row(
        "send",
        WRITE,
        "Sends a message to a chat on a channel, durably.",
        closed(SEND),
        chat::deliver,
    ),
    row(
        "sessions.list",
        READ,
        "A page of sessions, most recently changed first.",
        closed(SESSIONS_LIST),
        sessions::list,
    ),
    hidden(row(
        "sessions.get",
        READ,
        "Messages of a session.",
        open(&[
            may("key", NAME),
            may("sessionKey", NAME),
            may("limit", POSITIVE),
        ]),
        sessions::get,
    )),
    row(
        "sessions.describe",
        READ,
        "One session row.",
        open(&[must("key", NAME)]),
        sessions::describe,
    ),
    row(
        "sessions.resolve",
        READ,
        "Finds a session by key, id or label.",
        closed(RESOLVE),
        sessions::resolve,
    ),
    row(
        "sessions.preview",
        READ,
        "The newest lines of several sessions.",
        closed(&[
            must("keys", Kind::List(&NAME)),
            may("limit", POSITIVE),
            may("maxChars", Kind::Int(20, INT_MAX)),
        ]),
        sessions::preview,
    ),
    row(
        "sessions.patch",
        Needs::Depends(Scope::Write, sessions::scope_of_patch),
        "Changes settings of a session.",
        closed(SESSIONS_PATCH),
        sessions::patch,
    ),
    row(
        "sessions.reset",
        ADMIN,
        "Gives a session a fresh transcript.",
        closed(&[
            must("key", NAME),
            may("agentId", NAME),
            may("reason", Kind::OneOf(&["new", "reset"])),
        ]),
        sessions::reset,
    ),
    row(
        "sessions.delete",
        Needs::Depends(Scope::Admin, sessions::scope_of_delete),
        "Removes a session.",
        closed(DELETE),
        sessions::delete,
    ),
    row(
        "sessions.subscribe",
        READ,
        "Asks for `sessions.changed` events.",
        closed(SESSIONS_LIST),
        sessions::subscribe,
    ),
    row(
        "sessions.messages.subscribe",
        READ,
        "Asks for the messages of a session as events.",
        closed(&[
            must("key", NAME),
            may("agentId", NAME),
            may("includeApprovals", Kind::Bool),
        ]),
        sessions::listen,
    ),
    row(
        "sessions.messages.unsubscribe",
        READ,
        "Ends that.",
        KEY_ONLY,
        sessions::stop_listening,
    ),
    row(
        "channels.pairing.list",
        PAIRING,
        "Strangers who asked to be let in.",
        closed(&[may("channel", NAME), may("accountId", NAME)]),
        pairing::list,
    ),
    limited(row(
        "channels.pairing.approve",
        Needs::Depends(Scope::Pairing, pairing::scope_of_approve),
        "Lets a stranger in, by request id or code.",
        closed(&[
            must("channel", NAME),
            must("accountId", NAME),
            must("requestId", NAME),
            may("notify", Kind::Bool),
            may("bootstrapCommandOwner", Kind::Bool),
            may("processNow", Kind::Bool),
        ]),
        pairing::approve,
    )),
    limited(row(
        "channels.pairing.dismiss",
        PAIRING,
        "Refuses a stranger.",
        DECIDE,
        pairing::dismiss,
    )),
    limited(row(
        "channels.pairing.deny",
        PAIRING,
        "The same under the name of our command line.",
        DECIDE,
        pairing::dismiss,
    )),
    row(
        "device.pair.list",
        PAIRING,
        "Devices that wait and devices that are paired.",
        NONE,
        pairing::devices,
    ),
    limited(row(
        "device.pair.approve",
        PAIRING,
        "Lets a device in with what it asked for.",
        REQUEST_ID,
        pairing::approve_device,
    )),
    limited(row(
        "device.pair.reject",
        PAIRING,
        "Refuses a device.",
        REQUEST_ID,
        pairing::reject_device,
    )),
    limited(row(
        "device.pair.remove",
        PAIRING,
        "Forgets a device.",
        closed(&[must("deviceId", NAME)]),
        pairing::remove_device,
    )),
    limited(row(
        "device.pair.rename",
        PAIRING,
        "Names a device.",
        closed(&[must("deviceId", NAME), must("label", Kind::Text(1, 64))]),
        pairing::rename_device,
    )),
    limited(row(
        "device.token.rotate",
        PAIRING,
        "Replaces the token of a device.",
        closed(&[
            must("deviceId", NAME),
            must("role", NAME),
            may("scopes", Kind::List(&NAME)),
        ]),
        pairing::rotate_token,
    )),
    limited(row(
        "device.token.revoke",
        PAIRING,
        "Takes the token of a device away.",
        closed(&[must("deviceId", NAME), must("role", NAME)]),
        pairing::revoke_token,
    )),
    row(
        "torana.status",
        READ,
        "Torana's own state: journals, lanes, channels, disk.",
        NONE,
        own::status,
    ),
    row(
        "torana.explain",
        READ,
        "The story of one message: `last`, a row id or a run id.",
        closed(&[
            may("id", Kind::OrWord(&POSITIVE, &["last"])),
            may("runId", Kind::Text(1, LONG)),
        ]),
        own::explain,
    ),
    row(
        "torana.outbox.list",
        READ,
        "Replies that wait, retry or are parked.",
        PAGE,
        own::outbox,
    ),
    limited(row(
        "torana.outbox.retry",
        ADMIN,
        "Sends a parked reply again.",
        ROW_ID,
        own::retry_intent,
    )),
    limited(row(
        "torana.outbox.edit",
        ADMIN,
        "Sends a parked reply again with other words.",
        closed(&[must("id", POSITIVE), must("text", NAME)]),
        own::retry_intent,
    )),
    limited(row(
        "torana.outbox.drop",
        ADMIN,
        "Gives a reply up for good.",
        ROW_ID,
        own::drop_intent,
    )),
    row(
        "torana.inbox.parked",
        READ,
        "Messages that were set aside.",
        PAGE,
        own::parked,
    ),
    limited(row(
        "torana.inbox.retry",
        ADMIN,
        "Answers a message that was set aside.",
        ROW_ID,
        own::retry_inbox,
    )),
    limited(row(
        "torana.login.create",
        ADMIN,
        "A single-use sign-in code, good for ten minutes.",
        NONE,
        own::login,
    )),
    row(
        "torana.setup.offers",
        READ,
        "Model services that could be configured.",
        closed(&[may("probe", Kind::Bool)]),
        own::offers,
    ),
    limited(row(
        "torana.gateway.stop",
        ADMIN,
        "Begins an orderly stop.",
        closed(&[may("reason", Kind::Text(1, 200))]),
        own::stop,
    )),
];
