//! The configuration: reading, checking and changing it.

use super::row::{ADMIN, NONE, READ, limited, row};
use crate::openclaw::methods::{Method, config};
use crate::openclaw::params::{COUNT, Field, Kind, NAME, TEXT, closed, may, moot, must};

const DELIVERY: Kind = Kind::Any;
const TOLD: &str = "the answer says how it went; nothing is left to be told after a restart";

const APPLY: &[Field] = &[
    must("raw", NAME),
    may("baseHash", NAME),
    may("sessionKey", TEXT),
    moot("deliveryContext", DELIVERY, TOLD),
    may("note", TEXT),
    may("restartDelayMs", COUNT),
];

const PATCH: &[Field] = &[
    must("raw", NAME),
    may("baseHash", NAME),
    may("sessionKey", TEXT),
    moot("deliveryContext", DELIVERY, TOLD),
    may("note", TEXT),
    may("restartDelayMs", COUNT),
    may("replacePaths", Kind::List(&NAME)),
];

pub(super) const ROWS: &[Method] = &[
    row(
        "config.get",
        READ,
        "The configuration with secrets replaced.",
        NONE,
        config::get,
    ),
    row(
        "config.schema",
        READ,
        "The JSON Schema of the configuration, with hints for forms.",
        NONE,
        config::schema,
    ),
    row(
        "config.schema.lookup",
        READ,
        "One key of the schema and what is directly below it.",
        closed(&[must("path", Kind::Text(1, 1024))]),
        config::lookup,
    ),
    limited(row(
        "config.set",
        ADMIN,
        "Replaces the configuration file.",
        closed(&[must("raw", NAME), may("baseHash", NAME)]),
        config::set,
    )),
    limited(row(
        "config.patch",
        ADMIN,
        "Merges a patch into the configuration file.",
        closed(PATCH),
        config::patch,
    )),
    limited(row(
        "config.apply",
        ADMIN,
        "Replaces the configuration file and says what takes effect when.",
        closed(APPLY),
        config::apply,
    )),
];
