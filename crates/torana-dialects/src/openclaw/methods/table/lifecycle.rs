//! Restarting and suspending the gateway.

use super::row::{ADMIN, FREE, READ, limited, row};
use crate::openclaw::methods::{Method, lifecycle};
use crate::openclaw::params::{Field, Kind, POSITIVE, Spec, TEXT, closed, may, must, open};

const ID: Kind = Kind::Text(1, 128);
const LEASE: Spec = closed(&[must("suspensionId", ID)]);
const PROCESS: Kind = Kind::Object(&closed(&[
    must("pid", POSITIVE),
    must("processInstanceId", ID),
]));
const RESTART: &[Field] = &[
    may("reason", TEXT),
    may("skipDeferral", Kind::Any),
    may("target", Kind::Any),
    may("safe", Kind::Any),
    may("restartIntent", Kind::Any),
];

pub(super) const ROWS: &[Method] = &[
    row(
        "gateway.restart.preflight",
        READ,
        "What a restart would interrupt.",
        FREE,
        lifecycle::preflight,
    ),
    limited(row(
        "gateway.restart.request",
        ADMIN,
        "Restarts the gateway when what runs is over, after five minutes at the latest; `skipDeferral` does not wait, and `restartIntent.waitMs` says how long.",
        open(RESTART),
        lifecycle::restart,
    )),
    limited(row(
        "gateway.suspend.prepare",
        ADMIN,
        "Takes a lease under which no turn begins; with `drain` also while something runs, which comes to its end.",
        closed(&[
            must("requestId", ID),
            may("terminalPolicy", Kind::OneOf(&["preserve", "terminate"])),
            may("drain", Kind::Bool),
        ]),
        lifecycle::prepare,
    )),
    row(
        "gateway.suspend.status",
        READ,
        "Whether a lease holds, and what still runs under it.",
        LEASE,
        lifecycle::suspension,
    ),
    row(
        "gateway.suspend.resume",
        ADMIN,
        "Ends a lease; what waited begins.",
        LEASE,
        lifecycle::resume,
    ),
    limited(row(
        "gateway.suspend.handoff",
        ADMIN,
        "Says that the stop that comes is followed by a start: clients are told to come back.",
        closed(&[must("suspensionId", ID), must("target", PROCESS)]),
        lifecycle::hand_over,
    )),
];
