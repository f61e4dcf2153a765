//! Models that can be chosen.

use super::row::{ADMIN, READ, row};
use crate::openclaw::methods::{Method, models, usage};
use crate::openclaw::params::{Field, Kind, NAME, POSITIVE, TEXT, closed, may, must, open};

const MODELS: &[Field] = &[
    may("agentId", NAME),
    may("sessionKey", NAME),
    may("authProfileId", Kind::Text(1, 256)),
    may("provider", NAME),
    may("includeDetails", Kind::Bool),
    may("includeProviderCapabilities", Kind::Bool),
    may("includeDefaultModels", Kind::Bool),
    may("preparedOnly", Kind::Bool),
    may("refresh", Kind::Bool),
    may(
        "view",
        Kind::OneOf(&["default", "configured", "provider-config", "all"]),
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
        closed(&[may("refresh", Kind::Bool), may("agentId", TEXT)]),
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
