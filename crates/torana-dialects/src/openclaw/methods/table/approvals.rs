//! Approvals, questions and the host's policy for commands.

use torana_core::auth::Scope;

use super::row::{ADMIN, FREE, NONE, row};
use crate::openclaw::methods::{Method, Needs, approvals};
use crate::openclaw::params::{
    Field, Kind, NAME, POSITIVE, Spec, TEXT, absent, closed, keep, kept, may, moot, must, open,
};

const APPROVALS: Needs = Needs::Scope(Scope::Approvals);
const QUESTIONS: Needs = Needs::Scope(Scope::Questions);

const REVIEWERS: &str = "who may decide cannot be narrowed to devices on this gateway";
const ASKED: &str = "approvals are told to approval clients and to nobody else";

const OR_NULL: Kind = Kind::OrNull(&TEXT);
const ID: Spec = closed(&[must("id", NAME)]);
const KINDS: Kind = Kind::OneOf(&["exec", "plugin", "system-agent"]);
const REVIEWER: Kind = Kind::Object(&closed(&[
    must("channel", NAME),
    must("accountId", NAME),
    must("senderId", NAME),
]));
const DECIDE: Spec = closed(&[
    must("id", NAME),
    must("decision", NAME),
    may("reviewer", REVIEWER),
]);

/// How far a decision would reach, in words of whoever asks; people are shown it.
const SCOPE: Kind = Kind::Object(&open(&[must("kind", NAME)]));

/// `ExecApprovalRequestParams` of OpenClaw 2026.9.6.
const EXEC_REQUEST: &[Field] = &[
    may("id", NAME),
    may("command", NAME),
    may("commandArgv", Kind::List(&TEXT)),
    may("systemRunPlan", Kind::Any),
    may("env", Kind::Map(&TEXT)),
    kept("cwd", OR_NULL),
    kept("nodeId", OR_NULL),
    kept("host", OR_NULL),
    kept("security", OR_NULL),
    may("ask", OR_NULL),
    kept("warningText", OR_NULL),
    kept("scope", SCOPE),
    may(
        "unavailableDecisions",
        Kind::List(&Kind::OneOf(&["allow-always"])),
    ),
    kept("commandSpans", Kind::List(&Kind::Any)),
    may("agentId", OR_NULL),
    kept("resolvedPath", OR_NULL),
    may("sessionKey", OR_NULL),
    kept("sessionId", OR_NULL),
    kept("runId", OR_NULL),
    kept("toolCallId", OR_NULL),
    kept("turnSourceChannel", OR_NULL),
    kept("turnSourceTo", OR_NULL),
    kept("turnSourceAccountId", OR_NULL),
    kept("turnSourceThreadId", Kind::Any),
    absent("approvalReviewerDeviceIds", Kind::List(&NAME), REVIEWERS),
    may("requireDeliveryRoute", Kind::Bool),
    moot("suppressDelivery", Kind::Bool, ASKED),
    moot("deliverToApprovalClientsOnly", Kind::Bool, ASKED),
    may("timeoutMs", POSITIVE),
    may("twoPhase", Kind::Bool),
];

/// `PluginApprovalRequestParams` of OpenClaw 2026.9.6.
const PLUGIN_REQUEST: &[Field] = &[
    keep(must("title", Kind::Text(1, 80))),
    keep(must("description", Kind::Text(1, 512))),
    kept("pluginId", OR_NULL),
    kept("detail", Kind::OrNull(&Kind::Text(1, 16_384))),
    kept(
        "severity",
        Kind::OrNull(&Kind::OneOf(&["info", "warning", "critical"])),
    ),
    kept("scope", Kind::OrNull(&SCOPE)),
    kept("toolName", OR_NULL),
    kept("toolCallId", OR_NULL),
    kept(
        "mcpTool",
        Kind::Object(&closed(&[must("server", NAME), must("tool", NAME)])),
    ),
    may("allowedDecisions", Kind::OrNull(&Kind::List(&NAME))),
    may("agentId", OR_NULL),
    may("sessionKey", OR_NULL),
    absent(
        "approvalReviewerDeviceIds",
        Kind::OrNull(&Kind::List(&NAME)),
        REVIEWERS,
    ),
    kept("turnSourceChannel", OR_NULL),
    kept("turnSourceTo", OR_NULL),
    kept("turnSourceAccountId", OR_NULL),
    kept("turnSourceThreadId", Kind::Any),
    may("timeoutMs", Kind::Int(1, 600_000)),
    may("twoPhase", Kind::Bool),
];

const QUESTION: Kind = Kind::Object(&closed(&[
    must("questionId", NAME),
    must("header", Kind::Text(0, 12)),
    must("question", NAME),
    may("url", Kind::Text(1, 2_048)),
    must(
        "options",
        Kind::List(&Kind::Object(&closed(&[
            must("label", NAME),
            may("description", TEXT),
        ]))),
    ),
    may("multiSelect", Kind::Bool),
    may("isOther", Kind::Bool),
    may("isSecret", Kind::Bool),
    may("secretStore", Kind::Any),
]));

/// How long a standing permission lasts.
const GRANT_DAYS: Field = absent(
    "grantExpiresInDays",
    Kind::Int(1, 3_650),
    "this gateway has no standing permissions; leave it away",
);

const NATIVE_ACTION: Kind = Kind::OneOf(&["allow", "deny", "prompt"]);

/// Rules of a system that has its own.
const NATIVE_RULES: Kind = Kind::Object(&closed(&[
    may("defaultAction", NATIVE_ACTION),
    must(
        "rules",
        Kind::List(&Kind::Object(&closed(&[
            must("pattern", NAME),
            must("action", NATIVE_ACTION),
            may("shells", Kind::List(&NAME)),
            may("enabled", Kind::Bool),
        ]))),
    ),
]));

pub(super) const ROWS: &[Method] = &[
    row(
        "exec.approvals.get",
        ADMIN,
        "The policy document for commands, without secrets, and its hash.",
        NONE,
        approvals::policy,
    ),
    row(
        "exec.approvals.set",
        ADMIN,
        "Replaces the policy document for commands when its hash is still the same.",
        closed(&[must("file", Kind::Map(&Kind::Any)), may("baseHash", NAME)]),
        approvals::set_policy,
    ),
    row(
        "exec.approvals.node.get",
        ADMIN,
        "The policy document for commands that a node keeps.",
        closed(&[must("nodeId", NAME)]),
        approvals::node_policy,
    ),
    row(
        "exec.approvals.node.set",
        ADMIN,
        "Replaces the policy document a node keeps; the node compares the hash.",
        closed(&[
            must("nodeId", NAME),
            may("file", Kind::Map(&Kind::Any)),
            may("native", NATIVE_RULES),
            may("baseHash", NAME),
        ]),
        approvals::set_node_policy,
    ),
    row(
        "exec.approval.get",
        APPROVALS,
        "One command that waits for a decision.",
        ID,
        approvals::details,
    ),
    row(
        "exec.approval.list",
        APPROVALS,
        "Commands that wait for a decision.",
        FREE,
        approvals::listed,
    ),
    row(
        "exec.approval.request",
        APPROVALS,
        "Asks for a decision about a command; answers when it is made.",
        closed(EXEC_REQUEST),
        approvals::request_exec,
    ),
    row(
        "exec.approval.waitDecision",
        APPROVALS,
        "Waits for the decision about a command.",
        ID,
        approvals::wait,
    ),
    row(
        "exec.approval.resolve",
        APPROVALS,
        "Decides about a command; the first decision counts.",
        closed(&[
            must("id", NAME),
            must("decision", NAME),
            may("reviewer", REVIEWER),
            GRANT_DAYS,
        ]),
        approvals::resolve,
    ),
    row(
        "plugin.approval.list",
        APPROVALS,
        "Plugin requests that wait for a decision.",
        FREE,
        approvals::listed,
    ),
    row(
        "plugin.approval.request",
        APPROVALS,
        "Asks for a decision on behalf of a plugin; answers when it is made.",
        closed(PLUGIN_REQUEST),
        approvals::request_plugin,
    ),
    row(
        "plugin.approval.waitDecision",
        APPROVALS,
        "Waits for the decision about a plugin request.",
        ID,
        approvals::wait,
    ),
    row(
        "plugin.approval.resolve",
        APPROVALS,
        "Decides about a plugin request; the first decision counts.",
        DECIDE,
        approvals::resolve,
    ),
    row(
        "openclaw.approval.list",
        APPROVALS,
        "Requests of the managing agent that wait for a decision.",
        FREE,
        approvals::listed,
    ),
    row(
        "approval.get",
        APPROVALS,
        "One approval of any kind, waiting or decided.",
        ID,
        approvals::get,
    ),
    row(
        "approval.resolve",
        APPROVALS,
        "Decides about an approval of any kind, and says what was decided when somebody was first.",
        closed(&[
            must("id", NAME),
            must("kind", KINDS),
            must(
                "decision",
                Kind::OneOf(&["allow-once", "allow-always", "deny"]),
            ),
            may("reviewer", REVIEWER),
            GRANT_DAYS,
        ]),
        approvals::resolve_any,
    ),
    row(
        "approval.history",
        APPROVALS,
        "What was decided, newest first.",
        closed(&[
            may("cursor", Kind::Text(1, 512)),
            may("limit", Kind::Int(1, 100)),
            may("kind", KINDS),
        ]),
        approvals::history,
    ),
    row(
        "question.list",
        QUESTIONS,
        "Questions that wait for an answer.",
        NONE,
        approvals::questions,
    ),
    row(
        "question.get",
        QUESTIONS,
        "One question.",
        ID,
        approvals::show_question,
    ),
    row(
        "question.request",
        QUESTIONS,
        "Asks a person one to three questions.",
        closed(&[
            may("id", NAME),
            must("questions", Kind::List(&QUESTION)),
            may("agentId", NAME),
            may("sessionKey", NAME),
            may("runId", NAME),
            may("timeoutMs", POSITIVE),
        ]),
        approvals::ask_question,
    ),
    row(
        "question.waitAnswer",
        QUESTIONS,
        "Waits a while for the answer to a question.",
        closed(&[
            must("id", NAME),
            may("timeoutMs", POSITIVE),
            may("includeResolutionId", Kind::Bool),
        ]),
        approvals::wait_answer,
    ),
    row(
        "question.resolve",
        QUESTIONS,
        "Answers a question or takes it back; the first answer counts.",
        closed(&[
            must("id", NAME),
            may(
                "answers",
                Kind::Object(&closed(&[must("answers", Kind::Map(&Kind::List(&TEXT)))])),
            ),
            may("cancel", Kind::Bool),
            may("resolvedBy", NAME),
            may("resolutionId", Kind::Text(1, 128)),
        ]),
        approvals::resolve_question,
    ),
];
