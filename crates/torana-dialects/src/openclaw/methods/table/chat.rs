//! Messages into sessions and out to chats.

use super::row::{ADMIN, OR_NULL_NAME, QUEUE_MODES, READ, WRITE, hidden, row};
use crate::openclaw::methods::{Method, chat};
use crate::openclaw::params::{
    COUNT, Field, INT_MAX, Kind, NAME, POSITIVE, Spec, TEXT, absent, closed, may, moot, must,
};

const FAST: &str = "faster service tiers are not available on this gateway";

/// What a person looks at while writing (OpenClaw 2026.9.6, `ChatWorkContext`).
const WORK: Spec = closed(&[
    must("page", Kind::Text(1, 64)),
    may("sessionKey", Kind::Text(0, 192)),
    may("sessionId", Kind::Text(0, 64)),
    may("agentId", Kind::Text(0, 64)),
    may("workspace", Kind::Text(0, 224)),
    may("file", Kind::Text(0, 224)),
    may("selection", Kind::Text(0, 640)),
]);

const CHAT_SEND: &[Field] = &[
    must("sessionKey", Kind::Text(1, 512)),
    must("message", TEXT),
    must("idempotencyKey", NAME),
    may("agentId", NAME),
    may("sessionId", NAME),
    absent(
        "mentions",
        Kind::Any,
        "nobody else has a profile on this gateway who could be mentioned",
    ),
    may("workContext", Kind::Object(&WORK)),
    absent(
        "intent",
        Kind::Any,
        "goals are not available on this gateway",
    ),
    may("thinking", TEXT),
    absent("fastMode", Kind::OrWord(&Kind::Bool, &["auto"]), FAST),
    absent("fastAutoOnSeconds", POSITIVE, FAST),
    may("queueMode", QUEUE_MODES),
    may("deliver", Kind::Bool),
    may("originatingChannel", TEXT),
    may("originatingTo", TEXT),
    may("originatingAccountId", TEXT),
    may("originatingThreadId", TEXT),
    may("replyToId", NAME),
    may("attachments", Kind::List(&Kind::Any)),
    absent(
        "toolBindings",
        Kind::Map(&Kind::Any),
        "tools are not available on this gateway",
    ),
    may("timeoutMs", COUNT),
    absent(
        "systemInputProvenance",
        Kind::Any,
        "a message of a client is the client's own here",
    ),
    absent(
        "systemProvenanceReceipt",
        TEXT,
        "a message of a client is the client's own here",
    ),
    may("suppressCommandInterpretation", Kind::Bool),
    may("expectedLeafEntryId", OR_NULL_NAME),
    // Quirk: the page marks what was written while it was not connected (OpenClaw 2026.9.6); no published schema has it.
    moot(
        "__controlUiReconnectResume",
        Kind::Bool,
        "what is sent again under one idempotency key is one message",
    ),
    absent(
        "expectedSessionRoutingContract",
        NAME,
        "routing contracts are not available on this gateway",
    ),
    absent(
        "expectedPermissionMode",
        Kind::Any,
        "session changed; sessions have no permission mode here",
    ),
    absent(
        "expectedToolOverrides",
        Kind::Any,
        "session changed; sessions choose no tools here",
    ),
];

const SEND: &[Field] = &[
    must("to", NAME),
    must("idempotencyKey", NAME),
    may("message", TEXT),
    may("mediaUrl", TEXT),
    may("mediaUrls", Kind::List(&TEXT)),
    may("buffer", TEXT),
    absent("filename", TEXT, "media is not supported yet; send text"),
    absent("contentType", TEXT, "media is not supported yet; send text"),
    absent(
        "asVoice",
        Kind::Bool,
        "voice messages are not available on this gateway",
    ),
    absent(
        "gifPlayback",
        Kind::Bool,
        "media is not supported yet; send text",
    ),
    may("channel", TEXT),
    may("accountId", TEXT),
    may("agentId", TEXT),
    may("replyToId", TEXT),
    may("threadId", TEXT),
    absent(
        "forceDocument",
        Kind::Bool,
        "media is not supported yet; send text",
    ),
    absent(
        "silent",
        Kind::Bool,
        "no channel of this build sends without a notification",
    ),
    absent(
        "parseMode",
        Kind::Constant(&["HTML"]),
        "texts are Markdown; each channel writes it in its own markup",
    ),
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

const STARTUP: &[Field] = &[
    may("sessionKey", NAME),
    may("shortId", NAME),
    moot("slugHint", NAME, "the id alone decides"),
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

pub(super) const ROWS: &[Method] = &[
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
            moot(
                "preserveSideRuns",
                Kind::Bool,
                "a session has no runs beside its own",
            ),
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
    row(
        "chat.startup",
        READ,
        "The same with models and commands: what a chat page needs when it opens.",
        closed(STARTUP),
        chat::startup,
    ),
    row(
        "chat.metadata",
        READ,
        "Models and commands for a chat page.",
        closed(&[
            may("agentId", NAME),
            absent(
                "authProfileId",
                Kind::Text(1, 256),
                "model accounts are not available on this gateway",
            ),
            may("sessionKey", NAME),
        ]),
        chat::metadata,
    ),
    row(
        "chat.message.get",
        READ,
        "One message of a transcript, whole.",
        closed(&[
            must("sessionKey", NAME),
            may("agentId", NAME),
            must("messageId", NAME),
            may("maxChars", Kind::Int(1, 2_000_000)),
        ]),
        chat::message,
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
];
