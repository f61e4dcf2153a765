//! Scopes as rows keep them, and what a caller may not give because it does not hold it (S-008).

use torana_core::auth::{Scope, ScopeSet};
use torana_core::problem::{Code, Problem};

/// Scopes of a row, where they are words with commas.
pub(super) fn scopes_of(words: &str) -> ScopeSet {
    ScopeSet::parse(words.split(','))
}

/// Scopes that a caller lacks.
pub(super) fn beyond(scopes: ScopeSet, caller: ScopeSet) -> ScopeSet {
    scopes
        .iter()
        .filter(|scope| !caller.allows(*scope))
        .collect()
}

/// The caller lacks these scopes; the first is named as clients expect it.
pub(crate) fn too_much(missing: ScopeSet) -> Problem {
    let words = missing.words();
    let first = words.first().copied().unwrap_or(Scope::Admin.as_str());
    Problem::new(Code::MissingScope, format!("missing scope: {first}"))
        .details(serde_json::json!({ "missingScope": first, "requiredScopes": words }))
}
