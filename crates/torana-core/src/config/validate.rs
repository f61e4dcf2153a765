//! Checks that need more than one key: unsafe combinations, references to nothing, lists that admit nobody.
//!
//! Everything here is pure and reports all it finds; types, ranges and unknown keys were settled by the walk.

use std::collections::BTreeMap;

use super::document::{Document, Node};
use super::finding::{Finding, Part, Refusal};
use super::path::KeyPath;
use super::tree::{Config, DmScope};
use crate::auth::same_secret;

mod agents;
mod channels;
mod listener;
mod providers;
mod remote;

/// Patterns that are searched in every line of the log; more would make logging a burden.
const REDACT_PATTERNS_MAX: usize = 64;
/// Compiled size of one of them, bytes: bounds its memory and the time it takes per line.
const REDACT_PATTERN_BYTES_MAX: usize = 1 << 18;

/// What the checks look at and what they report.
pub(super) struct Checks<'a> {
    config: &'a Config,
    document: &'a Document,
    /// The tree with its variables filled in.
    resolved: &'a Node,
    /// Providers that exist without being configured.
    known_providers: &'a [&'a str],
    pub(super) problems: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
    pub(super) refusals: Vec<Refusal>,
}

// === impl Checks ===

impl<'a> Checks<'a> {
    pub(super) fn run(
        config: &'a Config,
        document: &'a Document,
        resolved: &'a Node,
        known_providers: &'a [&'a str],
    ) -> Self {
        let mut checks = Self {
            config,
            document,
            resolved,
            known_providers,
            problems: Vec::new(),
            warnings: Vec::new(),
            refusals: Vec::new(),
        };
        checks.listener();
        checks.secrets();
        checks.addresses();
        checks.remote();
        checks.hooks();
        checks.providers();
        checks.agents();
        checks.models();
        checks.bindings();
        checks.sessions();
        checks.logging();
        checks.channels();
        checks
    }

    /// One secret, one purpose: a leaked hook token must not open the gateway.
    fn hooks(&mut self) {
        let Some(hook_token) = self
            .resolved
            .at_keys(&["hooks", "token"])
            .and_then(Node::text)
        else {
            return;
        };
        let auth = &self.config.gateway.auth;
        let gateway_secrets = [&auth.token, &auth.password];
        let is_shared = gateway_secrets
            .iter()
            .filter_map(|secret| secret.as_ref()?.expose())
            .any(|secret| same_secret(secret, hook_token));
        if is_shared && !hook_token.is_empty() {
            let path = KeyPath::from_keys(&["hooks", "token"]);
            self.refuse(path, Part::Hooks, "equals the gateway's own secret, so this stays off: webhooks; give them a token of their own");
        }
    }

    fn logging(&mut self) {
        let patterns = &self.config.logging.redact_patterns;
        let list = KeyPath::from_keys(&["logging", "redactPatterns"]);
        if patterns.len() > REDACT_PATTERNS_MAX {
            self.problem(
                list.clone(),
                format!("has more than {REDACT_PATTERNS_MAX} patterns"),
                None,
            );
        }
        for (index, pattern) in patterns.iter().enumerate().take(REDACT_PATTERNS_MAX) {
            let built = regex::RegexBuilder::new(pattern)
                .size_limit(REDACT_PATTERN_BYTES_MAX)
                .build();
            let (complaint, hint) = match built {
                Ok(regex) if regex.is_match("") => {
                    ("matches empty text, so it would match everywhere", None)
                }
                Ok(_) => continue,
                Err(_) => (
                    "is not a regular expression that can be used here",
                    Some(
                        "write it without look-around and back-references, which can take for ever",
                    ),
                ),
            };
            self.problem(list.index(index), complaint, hint);
        }
    }

    fn sessions(&mut self) {
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, identities) in &self.config.session.identity_links {
            for (index, identity) in identities.iter().enumerate() {
                if let Some(other) = owners.insert(identity.as_str(), name)
                    && other != name
                {
                    let path = KeyPath::from_keys(&["session", "identityLinks", name]).index(index);
                    self.problem(path, format!("belongs to `{other}` too"), None);
                }
            }
        }
        if self.config.session.dm_scope == DmScope::Main
            && let Some(place) = self.several_people()
        {
            let path = KeyPath::from_keys(&["session", "dmScope"]);
            self.warn(
                path,
                format!("puts everybody who may write directly ({place}) into one session, so people see each other's context"),
                Some("set it to `per-channel-peer`"),
            );
        }
    }

    fn problem(&mut self, path: KeyPath, message: impl Into<String>, hint: Option<&str>) {
        let finding = self.finding(&path, message, hint);
        self.problems.push(finding);
    }

    fn warn(&mut self, path: KeyPath, message: impl Into<String>, hint: Option<&str>) {
        let finding = self.finding(&path, message, hint);
        self.warnings.push(finding);
    }

    fn refuse(&mut self, path: KeyPath, part: Part, message: &str) {
        self.refusals.push(Refusal {
            part,
            key: path.to_string(),
            place: self.document.place(&path),
            message: message.to_owned(),
        });
    }

    fn finding(&self, path: &KeyPath, message: impl Into<String>, hint: Option<&str>) -> Finding {
        let finding = Finding::new(self.document.place(path), path, message);
        match hint {
            Some(hint) => finding.with_hint(hint),
            None => finding,
        }
    }
}
