//! Agents and their turns.

use torana_core::auth::Scope;

use super::row::{ADMIN, LABEL, NONE, READ, WRITE, row};
use crate::openclaw::methods::{Method, Needs, agent_entries, agent_files, agents, machine};
use crate::openclaw::params::{COUNT, Field, Kind, NAME, POSITIVE, Spec, TEXT, closed, may, must};

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

const AGENT_ID: Spec = closed(&[must("agentId", NAME)]);
const NOTE_PATH: Spec = closed(&[must("agentId", NAME), must("path", NAME)]);
const NOTE: Spec = closed(&[must("agentId", NAME), must("name", NAME)]);

pub(super) const ROWS: &[Method] = &[
    row(
        "agents.list",
        READ,
        "Configured agents.",
        NONE,
        agents::list,
    ),
    row(
        "agents.create",
        ADMIN,
        "Adds an agent with a workspace of its own.",
        closed(&[
            must("name", NAME),
            may("workspace", NAME),
            may("model", NAME),
            may("emoji", TEXT),
        ]),
        agent_entries::create,
    ),
    row(
        "agents.update",
        ADMIN,
        "Changes name, model, emoji or workspace of an agent.",
        closed(&[
            must("agentId", NAME),
            may("name", NAME),
            may("workspace", NAME),
            may("model", Kind::OrNull(&NAME)),
            may("emoji", TEXT),
        ]),
        agent_entries::update,
    ),
    row(
        "agents.delete",
        ADMIN,
        "Removes an agent and the bindings that choose it.",
        closed(&[must("agentId", NAME), may("deleteFiles", Kind::Bool)]),
        agent_entries::delete,
    ),
    row(
        "agents.files.list",
        READ,
        "Notes an agent's prompt is made of.",
        AGENT_ID,
        agent_files::list,
    ),
    row(
        "agents.files.get",
        READ,
        "One of these notes.",
        NOTE,
        agent_files::get,
    ),
    row(
        "agents.files.set",
        ADMIN,
        "Writes one of these notes; the next turn sees it.",
        closed(&[
            must("agentId", NAME),
            must("name", NAME),
            must("content", TEXT),
            may("expectedHash", Kind::Text(64, 64)),
        ]),
        agent_files::set,
    ),
    row(
        "agents.workspace.list",
        READ,
        "What is in an agent's workspace.",
        closed(&[
            must("agentId", NAME),
            may("path", TEXT),
            may("offset", COUNT),
            may("limit", POSITIVE),
        ]),
        agent_files::browse,
    ),
    row(
        "agents.workspace.get",
        READ,
        "One file of an agent's workspace.",
        NOTE_PATH,
        agent_files::open,
    ),
    row(
        "commands.list",
        READ,
        "Commands people may write in a chat.",
        closed(&[
            may("sessionKey", NAME),
            may("agentId", NAME),
            may("provider", NAME),
            may("scope", Kind::OneOf(&["text", "native", "both"])),
            may("includeArgs", Kind::Bool),
        ]),
        machine::commands,
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
];
