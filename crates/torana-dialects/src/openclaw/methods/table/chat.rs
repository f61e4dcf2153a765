//! Messages into sessions and out to chats.

use super::row::{ADMIN, OR_NULL_NAME, QUEUE_MODES, READ, WRITE, hidden, row};
use crate::openclaw::methods::{Method, chat};
use crate::openclaw::params::{
    COUNT, Field, INT_MAX, Kind, NAME, POSITIVE, TEXT, closed, may, must,
};

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

const STARTUP: &[Field] = &[
    may("sessionKey", NAME),
    may("shortId", NAME),
    may("slugHint", NAME),
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
            may("authProfileId", Kind::Text(1, 256)),
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
