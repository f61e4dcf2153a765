//! Torana's own methods.

use super::row::{ADMIN, NONE, READ, limited, row};
use crate::openclaw::methods::{Method, audit, own};
use crate::openclaw::params::{Kind, LONG, NAME, POSITIVE, Spec, closed, may, must};

const ROW_ID: Spec = closed(&[must("id", POSITIVE)]);

const PAGE: Spec = closed(&[may("limit", Kind::Int(1, 1000))]);

pub(super) const ROWS: &[Method] = &[
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
    row(
        "torana.audit.list",
        ADMIN,
        "Administrative acts and refused credentials, newest first.",
        closed(&[
            may("limit", Kind::Int(1, 500)),
            may("before", POSITIVE),
            may("kind", NAME),
        ]),
        audit::acts,
    ),
    row(
        "torana.audit.verify",
        ADMIN,
        "Whether a record of the audit log was changed or taken out.",
        NONE,
        audit::verify,
    ),
];
