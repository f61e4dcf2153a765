//! Channels, their accounts and the people who ask to be let in.

use torana_core::auth::Scope;

use super::row::{ADMIN, PAIRING, READ, WRITE, limited, row};
use crate::openclaw::methods::{Method, Needs, channels, chat, pairing};
use crate::openclaw::params::{COUNT, Field, Kind, NAME, Spec, TEXT, closed, may, moot, must};

const DECIDE: Spec = closed(&[
    must("channel", NAME),
    must("accountId", NAME),
    must("requestId", NAME),
]);

const ACCOUNT: Spec = closed(&[must("channel", NAME), may("accountId", TEXT)]);

/// What an agent's tool says of whom it acts for.
const OWN: &str = "a call of a client is judged by the scopes of the client alone";

const ACTION: &[Field] = &[
    must("channel", NAME),
    must("action", NAME),
    must("params", Kind::Map(&Kind::Any)),
    may("reply", Kind::Any),
    may("accountId", TEXT),
    moot("requesterAccountId", TEXT, OWN),
    moot("requesterSenderId", TEXT, OWN),
    moot("senderIsOwner", Kind::Bool, OWN),
    may("sessionKey", TEXT),
    moot("sessionId", TEXT, OWN),
    moot(
        "inboundTurnKind",
        Kind::OneOf(&["user_request", "room_event"]),
        OWN,
    ),
    may("agentId", TEXT),
    moot("toolContext", Kind::Any, OWN),
    moot(
        "conversationReadOrigin",
        Kind::Constant(&["direct-operator"]),
        "no action of this build reads",
    ),
    must("idempotencyKey", NAME),
];

pub(super) const ROWS: &[Method] = &[
    row(
        "channels.status",
        READ,
        "Channels and their accounts.",
        closed(&[
            may("probe", Kind::Bool),
            may("timeoutMs", COUNT),
            may("channel", NAME),
        ]),
        channels::status,
    ),
    row(
        "channels.start",
        ADMIN,
        "Starts an account.",
        ACCOUNT,
        channels::start,
    ),
    row(
        "channels.stop",
        ADMIN,
        "Stops an account until it is started or the gateway is.",
        ACCOUNT,
        channels::stop,
    ),
    row(
        "channels.logout",
        ADMIN,
        "Takes an account's credential out of the configuration and stops it.",
        ACCOUNT,
        channels::logout,
    ),
    row(
        "message.action",
        WRITE,
        "Does something on a channel: `send`, `reply`, `thread-reply`, `edit` and `delete`, as far as the channel can.",
        closed(ACTION),
        chat::action,
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
];
