//! Checks that need more than one key: unsafe combinations, references to nothing, lists that admit nobody.
//!
//! Everything here is pure and reports all it finds; types, ranges and unknown keys were settled by the walk.

mod channels;
mod remote;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use url::{Host, Url};

use super::document::{Document, Node};
use super::effective::ModelRef;
use super::finding::{Finding, Part, Refusal};
use super::path::KeyPath;
use super::tree::{AuthMode, Bind, Config, DmScope, ModelsMode, Provider, WeakSecret};
use crate::auth::{Scope, same_secret};

/// Longest agent id; it is part of every session key, which has 512 characters at most.
const AGENT_ID_LEN_MAX: usize = 64;
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

    fn listener(&mut self) {
        let gateway = &self.config.gateway;
        let mode = gateway.auth.effective_mode();
        if mode == AuthMode::None {
            let path = KeyPath::from_keys(&["gateway", "auth", "mode"]);
            if gateway.is_loopback() {
                self.warn(
                    path,
                    "lets every program on this machine use the gateway",
                    Some("set it to `token`"),
                );
            } else {
                self.problem(
                    path,
                    "is `none` while the gateway listens beyond loopback",
                    Some("set it to `token`, or `gateway.bind` to `loopback`"),
                );
            }
        }
        if mode == AuthMode::TrustedProxy {
            self.trusted_proxy();
        }
        for (index, word) in gateway.legacy_client_scopes.iter().enumerate() {
            if Scope::parse(word).is_none() {
                let path = KeyPath::from_keys(&["gateway", "legacyClientScopes"]).index(index);
                self.problem(path, "must be a scope such as `operator.read`", None);
            }
        }
        if gateway.bind == Some(Bind::Custom) {
            let path = KeyPath::from_keys(&["gateway", "customBindHost"]);
            match gateway.custom_bind_host.as_deref() {
                None => self.problem(
                    path,
                    "is missing, but `gateway.bind` is `custom`",
                    Some("write an IP address"),
                ),
                Some(host) if host.parse::<IpAddr>().is_err() => {
                    self.problem(path, "must be an IP address", None);
                }
                Some(_) => {}
            }
        }
    }

    /// Mode `trusted-proxy` without a proxy, or without a header, would let in nobody or anybody.
    fn trusted_proxy(&mut self) {
        let gateway = &self.config.gateway;
        let header = gateway.auth.trusted_proxy.user_header.as_deref();
        if header.is_none_or(|header| header.trim().is_empty()) {
            let path = KeyPath::from_keys(&["gateway", "auth", "trustedProxy", "userHeader"]);
            self.problem(
                path,
                "is missing, but `gateway.auth.mode` is `trusted-proxy`",
                Some("write the header in which the proxy names the person"),
            );
        }
        if gateway.trusted_proxies.is_empty() {
            let path = KeyPath::from_keys(&["gateway", "trustedProxies"]);
            self.problem(
                path,
                "is empty, but `gateway.auth.mode` is `trusted-proxy`",
                Some("write the proxy's address"),
            );
        }
    }

    /// The shared secrets: present where needed, resolved, and long enough for where the gateway listens.
    fn secrets(&mut self) {
        let gateway = &self.config.gateway;
        let auth = &gateway.auth;
        if auth.effective_mode() == AuthMode::Password && auth.password.is_none() {
            let path = KeyPath::from_keys(&["gateway", "auth", "password"]);
            self.problem(
                path,
                "is missing, but `gateway.auth.mode` is `password`",
                None,
            );
        }
        for (key, secret) in [("token", &auth.token), ("password", &auth.password)] {
            let Some(secret) = secret else { continue };
            let path = KeyPath::from_keys(&["gateway", "auth", key]);
            match secret.expose() {
                None => self.problem(
                    path,
                    "cannot be resolved, and another secret than the written one would surprise everybody",
                    Some("set the variable, or remove the key to get a generated token"),
                ),
                Some(text) if is_placeholder(text) => {
                    self.warn(path, "is a placeholder that everybody knows", Some("use a long random text"));
                }
                Some(_) => {}
            }
        }
        if gateway.is_loopback() {
            return;
        }
        for WeakSecret {
            key,
            chars,
            chars_min,
        } in auth.weak_secrets()
        {
            let path = KeyPath::from_keys(&["gateway", "auth", key]);
            let message =
                format!("has {chars} characters; at least {chars_min} are needed beyond loopback");
            self.problem(path, message, Some("use a long random text"));
        }
    }

    fn addresses(&mut self) {
        let gateway = &self.config.gateway;
        for (index, proxy) in gateway.trusted_proxies.iter().enumerate() {
            if !is_address_or_network(proxy) {
                let path = KeyPath::from_keys(&["gateway", "trustedProxies"]).index(index);
                self.problem(
                    path,
                    "must be an IP address or a network such as `10.0.0.0/8`",
                    None,
                );
            }
        }
        for (index, network) in gateway.nodes.pairing.auto_approve_cidrs.iter().enumerate() {
            if !is_address_or_network(network) {
                let path = KeyPath::from_keys(&["gateway", "nodes", "pairing", "autoApproveCidrs"])
                    .index(index);
                self.problem(
                    path,
                    "must be an IP address or a network such as `10.0.0.0/8`",
                    None,
                );
            }
        }
        if let Some(origin) = &gateway.public_origin
            && !is_origin(origin)
        {
            let path = KeyPath::from_keys(&["gateway", "publicOrigin"]);
            self.problem(
                path,
                "must be scheme and host only, such as `https://gateway.example.org`",
                None,
            );
        }
        for (index, origin) in gateway.control_ui.allowed_origins.iter().enumerate() {
            let path = KeyPath::from_keys(&["gateway", "controlUi", "allowedOrigins"]).index(index);
            if origin == "*" {
                self.warn(
                    path,
                    "is not honoured: it would let every website in through a visitor's browser",
                    Some("list the origins you use"),
                );
            } else if !is_origin(origin) {
                self.problem(
                    path,
                    "must be scheme, host and port only, such as `https://panel.example.org`",
                    None,
                );
            }
        }
        if !gateway.control_ui.base_path.starts_with('/') {
            let path = KeyPath::from_keys(&["gateway", "controlUi", "basePath"]);
            self.problem(path, "must start with `/`", None);
        }
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

    fn providers(&mut self) {
        for (name, provider) in &self.config.models.providers {
            let path = KeyPath::from_keys(&["models", "providers", name]);
            let mut ids = BTreeSet::new();
            for (index, model) in provider.models.iter().enumerate() {
                if !ids.insert(model.id.as_str()) {
                    let path = path.key("models").index(index).key("id");
                    self.problem(path, "names a model that is listed twice", None);
                }
            }
            let Some(base_url) = provider.base_url.as_deref() else {
                continue;
            };
            let Ok(url) = Url::parse(base_url) else {
                continue;
            };
            let path = path.key("baseUrl");
            if !matches!(url.scheme(), "http" | "https") {
                self.problem(path, "must start with `http://` or `https://`", None);
            } else if url.scheme() == "http" && has_credential(provider) && !is_local_host(&url) {
                let message = "would send the key over the internet unencrypted, so this stays off: the provider; use https";
                self.refuse(path, Part::Provider(name.clone()), message);
            }
        }
    }

    fn agents(&mut self) {
        let mut defaults = Vec::new();
        for (id, entry) in &self.config.agents.entries {
            let path = KeyPath::from_keys(&["agents", "entries", id]);
            if entry.id.as_deref().is_some_and(|written| written != id) {
                self.problem(
                    path.key("id"),
                    format!("differs from the agent's key `{id}`"),
                    Some("remove it"),
                );
            }
            self.agent_id(path.clone(), id);
            if entry.default {
                defaults.push(path);
            }
        }
        let mut seen: BTreeMap<String, ()> = self
            .config
            .agents
            .entries
            .keys()
            .map(|id| (id.to_ascii_lowercase(), ()))
            .collect();
        if seen.len() < self.config.agents.entries.len() {
            let path = KeyPath::from_keys(&["agents", "entries"]);
            self.problem(path, "has two agents whose ids differ in case only", None);
        }
        for (index, entry) in self.config.agents.list.iter().enumerate() {
            let path = KeyPath::from_keys(&["agents", "list"]).index(index);
            let Some(id) = entry.id.as_deref() else {
                self.problem(path, "needs `id`", None);
                continue;
            };
            self.agent_id(path.key("id"), id);
            if seen.insert(id.to_ascii_lowercase(), ()).is_some() {
                self.problem(
                    path.key("id"),
                    format!("names the agent `{id}`, which exists already"),
                    None,
                );
            }
            if entry.default {
                defaults.push(path);
            }
        }
        for path in defaults.into_iter().skip(1) {
            self.problem(
                path.key("default"),
                "makes a second default agent",
                Some("keep `default` on one"),
            );
        }
    }

    fn agent_id(&mut self, path: KeyPath, id: &str) {
        let is_valid = id.len() <= AGENT_ID_LEN_MAX
            && id.starts_with(|first: char| first.is_ascii_alphanumeric())
            && id.chars().all(|character| {
                character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
            });
        if !is_valid {
            self.problem(
                path,
                format!(
                    "is not an agent id: letters, digits, `-` and `_`, at most {AGENT_ID_LEN_MAX}"
                ),
                None,
            );
        }
    }

    fn models(&mut self) {
        let defaults = KeyPath::from_keys(&["agents", "defaults", "model"]);
        let mut choices = vec![(defaults, &self.config.agents.defaults.model)];
        for (id, entry) in &self.config.agents.entries {
            choices.push((
                KeyPath::from_keys(&["agents", "entries", id, "model"]),
                &entry.model,
            ));
        }
        for (index, entry) in self.config.agents.list.iter().enumerate() {
            choices.push((
                KeyPath::from_keys(&["agents", "list"])
                    .index(index)
                    .key("model"),
                &entry.model,
            ));
        }
        for (path, choice) in choices {
            let Some(choice) = choice else { continue };
            for reference in choice
                .primary()
                .into_iter()
                .chain(choice.fallbacks().iter().map(String::as_str))
            {
                self.model(&path, reference);
            }
        }
    }

    fn model(&mut self, path: &KeyPath, reference: &str) {
        match self.config.resolve_model(reference) {
            Some(ModelRef { provider, .. }) if self.has_provider(&provider) => {}
            Some(ModelRef { provider, .. }) => {
                let message = format!("names the provider `{provider}`, which is not configured");
                self.warn(
                    path.clone(),
                    message,
                    Some("add it below `models.providers`"),
                );
            }
            None => {
                let message = format!(
                    "names `{reference}`, which is neither `<provider>/<model>` nor a known alias"
                );
                self.warn(path.clone(), message, None);
            }
        }
    }

    fn has_provider(&self, name: &str) -> bool {
        let models = &self.config.models;
        let is_built_in = models.mode == ModelsMode::Merge && self.known_providers.contains(&name);
        is_built_in || models.providers.contains_key(name)
    }

    fn bindings(&mut self) {
        let agents = self.config.agent_ids();
        for (index, binding) in self.config.bindings.iter().enumerate() {
            if !agents
                .iter()
                .any(|id| id.eq_ignore_ascii_case(&binding.agent_id))
            {
                let path = KeyPath::from_keys(&["bindings"])
                    .index(index)
                    .key("agentId");
                let known = agents
                    .iter()
                    .map(|id| format!("`{id}`"))
                    .collect::<Vec<_>>()
                    .join(", ");
                self.problem(
                    path,
                    format!(
                        "names the agent `{}`, which does not exist",
                        binding.agent_id
                    ),
                    Some(&format!("known agents: {known}")),
                );
            }
            if binding.matches.needs_server() {
                let path = KeyPath::from_keys(&["bindings"]).index(index).key("match");
                self.warn(
                    path,
                    "asks for a server, a team or roles, which no channel of this build has, so it matches nothing",
                    None,
                );
            }
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

fn has_credential(provider: &Provider) -> bool {
    provider.api_key.is_some() || !provider.headers.is_empty()
}

/// Words that ship in examples everywhere; as a secret they keep nobody out.
fn is_placeholder(text: &str) -> bool {
    const PLACEHOLDERS: &[&str] = &[
        "changeme",
        "change-me",
        "secret",
        "password",
        "token",
        "test",
        "admin",
        "12345678",
    ];
    let folded = text.to_ascii_lowercase();
    PLACEHOLDERS.contains(&folded.as_str())
        || folded.starts_with("your-")
        || folded.starts_with("replace-")
}

fn is_address_or_network(text: &str) -> bool {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let bits_max: u8 = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= bits_max))
}

fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// Addresses that stay within the operator's own network: loopback, private ranges, local names.
fn is_local_host(url: &Url) -> bool {
    match url.host() {
        None => false,
        Some(Host::Ipv4(address)) => {
            let [first, second, ..] = address.octets();
            // 100.64.0.0/10 is the carrier range that tailnets use.
            let is_tailnet = first == 100 && (64..128).contains(&second);
            address.is_loopback() || address.is_private() || address.is_link_local() || is_tailnet
        }
        Some(Host::Ipv6(address)) => {
            let first = address.segments()[0];
            // fc00::/7 is unique local, fe80::/10 link local.
            address.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
        Some(Host::Domain(name)) => {
            const LOCAL_SUFFIXES: &[&str] = &[
                ".localhost",
                ".local",
                ".lan",
                ".internal",
                ".home.arpa",
                ".ts.net",
            ];
            name == "localhost"
                || !name.contains('.')
                || LOCAL_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        }
    }
}
