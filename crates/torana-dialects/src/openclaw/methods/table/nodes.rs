//! Nodes: devices that lend commands. What operators ask about them, and what they ask themselves.

use torana_core::auth::Scope;

use super::row::{NONE, PAIRING, READ, WRITE, hidden, limited, row};
use crate::openclaw::methods::{Method, Needs, nodes, surface};
use crate::openclaw::params::{
    COUNT, Field, Kind, NAME, Spec, TEXT, closed, may, moot, must, open,
};

const NODE: Needs = Needs::Node { old: true };
/// Withheld from nodes of the previous protocol (OpenClaw 2026.9.6).
const NEW_NODE: Needs = Needs::Node { old: false };

const REQUEST_ID: Spec = closed(&[must("requestId", NAME)]);
const NODE_ID: Spec = closed(&[must("nodeId", NAME)]);
/// Characters of one piece of progress (OpenClaw 2026.9.6).
const CHUNK: Kind = Kind::Text(0, 16_384);

/// Members in which an agent's tool says whom it acts for.
const SPOKEN_FOR: &str = "a call of a client is judged by the scopes of the client alone";

const INVOKE: &[Field] = &[
    must("nodeId", NAME),
    must("command", NAME),
    may("params", Kind::Any),
    may("timeoutMs", COUNT),
    must("idempotencyKey", NAME),
    moot("sessionKey", NAME, SPOKEN_FOR),
    moot("turnSourceChannel", TEXT, SPOKEN_FOR),
    moot("turnSourceTo", TEXT, SPOKEN_FOR),
    moot("turnSourceAccountId", TEXT, SPOKEN_FOR),
    moot("turnSourceThreadId", Kind::Any, SPOKEN_FOR),
];

const NODE_ERROR: Spec = closed(&[may("code", NAME), may("message", NAME)]);

const SKILL: Spec = closed(&[
    must("name", Kind::Text(1, 64)),
    must("content", Kind::Text(1, 65_536)),
]);

const MCP_TOOL: Spec = closed(&[must("server", NAME), must("tool", NAME)]);
const TOOL: Spec = open(&[
    must("pluginId", NAME),
    must("name", Kind::Text(1, 64)),
    may("parameters", Kind::Map(&Kind::Any)),
    may("command", NAME),
    may("mcp", Kind::Object(&MCP_TOOL)),
]);

pub(super) const ROWS: &[Method] = &[
    row(
        "node.list",
        READ,
        "Nodes that are paired or connected.",
        NONE,
        nodes::list,
    ),
    row("node.describe", READ, "One node.", NODE_ID, nodes::describe),
    limited(row(
        "node.rename",
        PAIRING,
        "Names a node.",
        closed(&[must("nodeId", NAME), must("displayName", NAME)]),
        nodes::rename,
    )),
    row(
        "node.pair.list",
        PAIRING,
        "Offers of nodes that wait for an approval, and nodes with one.",
        NONE,
        nodes::pair_list,
    ),
    limited(row(
        "node.pair.approve",
        PAIRING,
        "Lets a node be asked for what it offers; commands that run programs take an administrator.",
        REQUEST_ID,
        nodes::approve,
    )),
    limited(row(
        "node.pair.reject",
        PAIRING,
        "Refuses what a node offers.",
        REQUEST_ID,
        nodes::reject,
    )),
    limited(row(
        "node.pair.remove",
        PAIRING,
        "Takes the node role from a device.",
        NODE_ID,
        nodes::remove,
    )),
    row(
        "node.invoke",
        Needs::Depends(Scope::Write, nodes::scope_of_invoke),
        "Asks a connected node to carry out a command it lends.",
        closed(INVOKE),
        nodes::invoke,
    ),
    row(
        "node.pending.enqueue",
        WRITE,
        "Leaves a request for a node that may be asleep.",
        closed(&[
            must("nodeId", NAME),
            must("type", Kind::OneOf(&["status.request", "location.request"])),
            may("priority", Kind::OneOf(&["normal", "high"])),
            may("expiresInMs", Kind::Int(1_000, 86_400_000)),
            moot(
                "wake",
                Kind::Bool,
                "there is no push service; `wakeTriggered` says so",
            ),
        ]),
        nodes::enqueue,
    ),
    row(
        "node.pending.drain",
        NODE,
        "Requests that wait for the calling node.",
        closed(&[may("maxItems", Kind::Int(1, 10))]),
        nodes::drain,
    ),
    row(
        "node.pending.pull",
        NODE,
        "Commands the calling node could not carry out in the background.",
        NONE,
        nodes::pull,
    ),
    row(
        "node.pending.ack",
        NODE,
        "The calling node has done some of them.",
        closed(&[must("ids", Kind::List(&NAME))]),
        nodes::acknowledge,
    ),
    row(
        "node.invoke.result",
        NODE,
        "A node's answer.",
        closed(&[
            must("id", NAME),
            must("nodeId", NAME),
            must("ok", Kind::Bool),
            may("payload", Kind::Any),
            may("payloadJSON", Kind::OrNull(&TEXT)),
            may("error", Kind::OrNull(&Kind::Object(&NODE_ERROR))),
        ]),
        nodes::result,
    ),
    row(
        "node.invoke.progress",
        NODE,
        "A piece of a node's answer.",
        closed(&[
            must("invokeId", NAME),
            must("nodeId", NAME),
            must("seq", COUNT),
            must("chunk", CHUNK),
        ]),
        nodes::progress,
    ),
    row(
        "node.event",
        NODE,
        "Something happened on a node's device.",
        closed(&[
            must("event", NAME),
            may("payload", Kind::Any),
            may("payloadJSON", Kind::OrNull(&TEXT)),
        ]),
        nodes::event,
    ),
    row(
        "node.skills.update",
        NEW_NODE,
        "Replaces the skills the calling node publishes.",
        closed(&[must("skills", Kind::List(&Kind::Object(&SKILL)))]),
        nodes::skills,
    ),
    row(
        "node.pluginSurface.refresh",
        NEW_NODE,
        "A fresh address of the canvas for the calling node.",
        open(&[must("surface", NAME)]),
        surface::refresh,
    ),
    row(
        "node.pluginTools.update",
        NEW_NODE,
        "Replaces the tools the calling node publishes.",
        closed(&[must("tools", Kind::List(&Kind::Object(&TOOL)))]),
        nodes::tools,
    ),
    hidden(row(
        "node.runnerInventory.update",
        NEW_NODE,
        "Replaces what the calling node says about the programs it could run agents with.",
        open(&[must("protocolFeatures", Kind::List(&NAME))]),
        nodes::runners,
    )),
];
