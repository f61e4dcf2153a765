//! The gateway itself: health, presence, logs.

use torana_core::auth::Scope;

use super::row::{ADMIN, FREE, NONE, READ, WRITE, row};
use crate::openclaw::methods::{Method, Needs, audit, machine, system};
use crate::openclaw::params::{COUNT, Field, Kind, NAME, TEXT, closed, may, moot, must, open};

const STATUSES: Kind = Kind::Constant(&[
    "started",
    "succeeded",
    "failed",
    "cancelled",
    "timed_out",
    "blocked",
    "unknown",
]);

const SHORT: Kind = Kind::Text(1, 256);

const AUDIT: &[Field] = &[
    may("agentId", NAME),
    may("sessionKey", NAME),
    may("runId", NAME),
    may("kind", Kind::Constant(&["agent_run", "tool_action"])),
    may("status", STATUSES),
    may("after", COUNT),
    may("before", COUNT),
    may("limit", Kind::Int(1, 500)),
    may("cursor", NAME),
];

const ACTIVITY: &[Field] = &[
    may("agentId", NAME),
    may("sessionKey", NAME),
    may("runId", NAME),
    may(
        "kind",
        Kind::Constant(&["agent_run", "tool_action", "message"]),
    ),
    may("status", STATUSES),
    may("direction", Kind::Constant(&["inbound", "outbound"])),
    may("channel", NAME),
    may("after", COUNT),
    may("before", COUNT),
    may("limit", Kind::Int(1, 500)),
    may("cursor", NAME),
];

pub(super) const ROWS: &[Method] = &[
    row(
        "health",
        Needs::Nothing,
        "State of the gateway; without `operator.read` only that it lives.",
        open(&[may("probe", Kind::Any)]),
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
        closed(&[
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
        "system.info",
        READ,
        "The machine and the process.",
        NONE,
        machine::info,
    ),
    row(
        "gateway.identity.get",
        READ,
        "The gateway's own public key.",
        FREE,
        machine::identity,
    ),
    row(
        "update.status",
        ADMIN,
        "Updates; Torana does not update itself.",
        closed(&[moot(
            "refreshCheckout",
            Kind::Bool,
            "Torana runs from no checkout",
        )]),
        machine::update_status,
    ),
    row(
        "diagnostics.stability",
        READ,
        "The last things that happened, without their content.",
        open(&[
            may("limit", Kind::Int(1, 1_000)),
            may("type", NAME),
            may("sinceSeq", COUNT),
        ]),
        machine::recent,
    ),
    row(
        "diagnostics.lanes",
        READ,
        "Running and waiting turns.",
        FREE,
        machine::lanes,
    ),
    row(
        "audit.list",
        READ,
        "Runs of agents, newest first.",
        closed(AUDIT),
        audit::list,
    ),
    row(
        "audit.activity.list",
        READ,
        "The same with the type of each event.",
        closed(ACTIVITY),
        audit::activity,
    ),
    row(
        "audit.run.inspect",
        READ,
        "What is known of one run, and what people decided for it.",
        closed(&[
            may("runId", SHORT),
            may("executionId", SHORT),
            may("executionCursor", SHORT),
            moot(
                "executionLimit",
                Kind::Int(1, 50),
                "a run is one execution here",
            ),
            may("decisionCursor", SHORT),
            may("decisionLimit", Kind::Int(1, 100)),
        ]),
        audit::inspect,
    ),
    row(
        "wake",
        WRITE,
        "Gives an agent a line: as a turn now, or as a remark its next turn reads.",
        open(&[
            must("mode", Kind::Constant(&["now", "next-heartbeat"])),
            must("text", NAME),
            may("sessionKey", NAME),
            may("agentId", NAME),
        ]),
        machine::wake,
    ),
    row(
        "environments.list",
        Needs::Depends(Scope::Read, machine::scope_of_environments),
        "Where sessions can run: here.",
        closed(&[
            may("runtimeId", Kind::Text(1, 128)),
            moot(
                "projection",
                Kind::Constant(&["profiles"]),
                "there are no profiles of machines",
            ),
            moot(
                "includeDesktopSetup",
                Kind::Bool,
                "no environment has a desktop",
            ),
        ]),
        machine::environments,
    ),
    row(
        "projects.list",
        READ,
        "Workspaces of agents as projects.",
        closed(&[moot(
            "includeObserved",
            Kind::Bool,
            "only workspaces of agents are known",
        )]),
        machine::projects,
    ),
];
