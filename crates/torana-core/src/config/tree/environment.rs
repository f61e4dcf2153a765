//! `env.*`: variables that the configuration itself provides.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Secret;

/// Environment variables for this gateway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Environment {
    /// Variables by name, used for `${NAME}`, provider keys and channel tokens where neither the process nor `.env` has a value. Treated as secrets.
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub vars: BTreeMap<String, Secret>,
}
