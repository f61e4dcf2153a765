//! Models that can be chosen.

use super::row::{ADMIN, READ, row};
use crate::openclaw::methods::{Method, models, usage};
use crate::openclaw::params::{
    Field, Kind, NAME, POSITIVE, TEXT, absent, closed, may, moot, must, open,
};

const MODELS: &[Field] = &[
    may("agentId", NAME),
    may("sessionKey", NAME),
    absent(
        "authProfileId",
        Kind::Text(1, 256),
        "model accounts are not available on this gateway",
    ),
    may("provider", NAME),
    may("includeDetails", Kind::Bool),
    moot(
        "includeProviderCapabilities",
        Kind::Bool,
        "the list is configured; no service is asked what it could do",
    ),
    may("includeDefaultModels", Kind::Bool),
    moot(
        "preparedOnly",
        Kind::Bool,
        "the list is configured, so it is always prepared",
    ),
    moot(
        "refresh",
        Kind::Bool,
        "the list is configured; there is nothing to look up again",
    ),
    moot(
        "view",
        Kind::Constant(&["default", "configured", "provider-config", "all"]),
        "no model is known that is not configured",
    ),
];

pub(super) const ROWS: &[Method] = &[
    row(
        "models.list",
        READ,
        "Models that can be chosen.",
        closed(MODELS),
        models::list,
    ),
    row(
        "models.authStatus",
        READ,
        "Model services and where their keys come from.",
        open(&[
            moot("refresh", Kind::Any, "keys are looked at in every call"),
            may("agentId", TEXT),
        ]),
        models::auth_status,
    ),
    row(
        "models.probe",
        ADMIN,
        "Asks a model service whether it lets us in.",
        closed(&[
            must("provider", NAME),
            may("profileId", NAME),
            may("timeoutMs", POSITIVE),
            may("agentId", TEXT),
        ]),
        models::probe,
    ),
    row(
        "usage.status",
        READ,
        "Quotas of model services; none tells its own.",
        open(&[]),
        usage::status,
    ),
    row(
        "usage.cost",
        READ,
        "Tokens and money by day (UTC).",
        open(&[
            may("days", POSITIVE),
            may("startDate", NAME),
            may("endDate", NAME),
            may("agentId", NAME),
        ]),
        usage::cost,
    ),
];
