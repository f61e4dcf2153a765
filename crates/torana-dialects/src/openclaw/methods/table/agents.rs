//! Agents and their turns.

use torana_core::auth::Scope;

use super::row::{ADMIN, LABEL, NONE, READ, WRITE, row};
use crate::openclaw::methods::{Method, Needs, agent_entries, agent_files, agents, machine};
use crate::openclaw::params::{
    COUNT, Field, Kind, NAME, POSITIVE, Spec, TEXT, absent, closed, may, moot, must,
};

/// A picture in any of its ways. The official page sends one of at most 16,000 characters (OpenClaw 2026.9.6); this is
/// room for a better one, and short enough for a line of the configuration.
const PICTURE: Kind = Kind::Text(0, 65_536);

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
    absent("groupId", TEXT, "a group is known by its session key here"),
    absent(
        "groupChannel",
        TEXT,
        "a group is known by its session key here",
    ),
    absent(
        "groupSpace",
        TEXT,
        "a group is known by its session key here",
    ),
    may("timeout", COUNT),
    moot(
        "bestEffortDeliver",
        Kind::Bool,
        "delivery is durable and apart from the run, so it never fails one",
    ),
    absent(
        "lane",
        TEXT,
        "a turn waits in the lane of its session; there are no others",
    ),
    absent("cwd", NAME, "an agent works in its own workspace"),
    moot(
        "cleanupBundleMcpOnRunEnd",
        Kind::Bool,
        "no tool servers are started, so none are left",
    ),
    may("modelRun", Kind::Bool),
    may("promptMode", Kind::Constant(&["full", "none"])),
    may("extraSystemPrompt", TEXT),
    moot(
        "bootstrapContextMode",
        Kind::Constant(&["full"]),
        "an agent's notes are always whole",
    ),
    moot(
        "bootstrapContextRunKind",
        Kind::Constant(&["default"]),
        "there is one kind of run",
    ),
    absent(
        "acpTurnSource",
        Kind::Any,
        "turns of other agents' protocols are not available on this gateway",
    ),
    absent(
        "internalRuntimeHandoffId",
        NAME,
        "runs are not handed over on this gateway",
    ),
    absent(
        "internalExecutionIdentityRetry",
        Kind::Bool,
        "runs are not handed over on this gateway",
    ),
    absent(
        "internalExecutionIdentityRecoveryAttempt",
        POSITIVE,
        "runs are not handed over on this gateway",
    ),
    absent(
        "execApprovalFollowupExpectedSessionId",
        NAME,
        "commands of agents are not available on this gateway",
    ),
    absent(
        "internalEvents",
        Kind::List(&Kind::Any),
        "internal events are not available on this gateway",
    ),
    absent(
        "inputProvenance",
        Kind::Any,
        "a message of a client is the client's own here",
    ),
    absent(
        "suppressPromptPersistence",
        Kind::Bool,
        "every turn of a session is kept on this gateway",
    ),
    moot(
        "sessionEffects",
        Kind::Constant(&["visible"]),
        "every turn of a session is visible",
    ),
    absent(
        "sourceReplyDeliveryMode",
        Kind::Any,
        "answers are delivered in one way on this gateway",
    ),
    moot(
        "disableMessageTool",
        Kind::Bool,
        "agents have no tool that sends messages",
    ),
    absent(
        "swarmCollector",
        Kind::Bool,
        "swarms of agents are not available on this gateway",
    ),
    absent(
        "swarmOutputSchema",
        Kind::Any,
        "swarms of agents are not available on this gateway",
    ),
    moot(
        "forceRestartSafeTools",
        Kind::Bool,
        "no tool is unsafe in a restart",
    ),
    absent(
        "forceCodeModeTools",
        Kind::Bool,
        "tools are not available on this gateway",
    ),
    absent(
        "voiceWakeTrigger",
        TEXT,
        "waking by voice is not available on this gateway",
    ),
    absent(
        "label",
        LABEL,
        "a run has no name; sessions.patch names a session",
    ),
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
            may("avatar", PICTURE),
        ]),
        agent_entries::create,
    ),
    row(
        "agents.update",
        ADMIN,
        "Changes name, model, emoji, avatar or workspace of an agent.",
        closed(&[
            must("agentId", NAME),
            may("name", NAME),
            may("workspace", NAME),
            may("model", Kind::OrNull(&NAME)),
            may("emoji", TEXT),
            may("avatar", PICTURE),
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
            moot("sessionKey", NAME, "every session has the same commands"),
            may("agentId", NAME),
            moot("provider", NAME, "every channel has the same commands"),
            moot(
                "scope",
                Kind::Constant(&["text", "native", "both"]),
                "every command is both",
            ),
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
