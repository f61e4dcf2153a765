//! The way from text to a usable configuration: parse, include, fill in variables, walk, deserialise, check.
//!
//! Nothing here touches a file or the environment; both come in through closures, so a load can be repeated in a test
//! or in a simulation from the same values.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::document::{Document, NodeKind, Origin, Sources};
use super::env::{self, Variables};
use super::finding::{Finding, Part, Refusal};
use super::include::{self, Expander, IncludeLoader};
use super::parse;
use super::path::KeyPath;
use super::schema::TreeSchema;
use super::tree::{Bind, Config};
use super::validate::Checks;
use super::walk::{self, Findings};

/// How many ignored keys the grouped warning names; the rest is counted, and `config validate` lists all.
const NAMED_KEYS_MAX: usize = 12;

/// What a load needs.
#[derive(Clone, Copy)]
pub struct LoadInput<'a> {
    /// The file's resolved path; findings name it, and includes start in its folder.
    pub path: &'a str,
    /// What is in it.
    pub text: &'a str,
    /// A variable of the process environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads an included file.
    pub include: &'a IncludeLoader<'a>,
    /// The keys of this build; not made for a file without any.
    pub schema: &'a LazyLock<TreeSchema>,
    /// Model providers that exist without being configured.
    pub known_providers: &'a [&'a str],
}

/// What a load found. There is a configuration exactly when there are no problems.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration with everything refused already switched off in it.
    pub config: Option<Config>,
    /// The merged files as they are written; absent when the text could not be parsed.
    pub document: Option<Document>,
    /// Everything that keeps the gateway from starting.
    pub problems: Vec<Finding>,
    /// Everything worth a look.
    pub warnings: Vec<Finding>,
    /// Parts that do not start.
    pub refusals: Vec<Refusal>,
    /// Keys (and `key = value`) that are accepted but not built yet, all of them.
    pub accepted_unbuilt: Vec<String>,
    /// Channels that are configured but not part of this build.
    pub unavailable_channels: Vec<String>,
}

/// Reads a configuration; everything wrong with it is reported at once.
///
/// ```
/// use std::sync::LazyLock;
///
/// use torana_core::config::{LoadInput, TreeSchema, load};
///
/// let loaded = load(LoadInput {
///     path: "torana.json",
///     text: "{ gateway: { prot: 18789 } }",
///     env: &|_| None,
///     include: &|_| Err("no includes here".to_owned()),
///     schema: &LazyLock::new(|| TreeSchema::new(&[])),
///     known_providers: &[],
/// });
/// assert!(loaded.config.is_none());
/// assert_eq!(
///     loaded.problems[0].to_string(),
///     "torana.json:1:14: `gateway.prot` is not a known key; did you mean `gateway.port`?"
/// );
/// ```
#[must_use]
pub fn load(input: LoadInput<'_>) -> Loaded {
    let text = parse::without_bom(input.text);
    let mut sources = Sources::default();
    let source = sources.add(input.path, text);
    let root = match parse::parse(&sources, source, text) {
        Ok(root) => root,
        Err(problems) => return Loaded::unreadable(problems),
    };
    let mut expander = Expander::new(&mut sources, input.include, input.path);
    let root = expander.expand(root, &mut KeyPath::root());
    let mut problems = expander.findings;
    if include::depth(&root) > parse::DEPTH_MAX {
        let message = format!(
            "the included files together are nested more than {} levels deep",
            parse::DEPTH_MAX
        );
        problems.push(Finding::new(
            sources.place(Origin { source, offset: 0 }),
            &KeyPath::root(),
            message,
        ));
    }
    if !problems.is_empty() {
        return Loaded::unreadable(problems);
    }
    let document = Document { sources, root };
    let variables = Variables::new(input.env, &document.root);
    let mut resolved = document.root.clone();
    let mut warnings = Vec::new();
    env::substitute_tree(
        &mut resolved,
        &mut KeyPath::root(),
        &variables,
        &document.sources,
        &mut warnings,
    );
    let has_keys = !matches!(&resolved.kind, NodeKind::Object(members) if members.is_empty());
    let (value, found) = if has_keys {
        let schema = input.schema.as_value();
        walk::walk(&document.sources, &variables, &resolved, schema)
    } else {
        (json!({}), Findings::default())
    };
    let mut loaded = Loaded::from_walk(document, warnings, found);
    let Ok(mut config) = serde_json::from_value::<Config>(value) else {
        // The parser's own text may quote a value, and any value may be a secret.
        if loaded.problems.is_empty() {
            let message =
                "the file cannot be read although no key in it is wrong; please report this";
            loaded
                .problems
                .push(Finding::new(None, &KeyPath::root(), message));
        }
        return loaded;
    };
    if loaded
        .accepted_unbuilt
        .iter()
        .any(|key| key == "gateway.bind = tailnet")
    {
        // Falling back to the default could mean all interfaces inside a container, which is wider than a tailnet.
        config.gateway.bind = Some(Bind::Loopback);
    }
    if let Some(document) = &loaded.document {
        let checks = Checks::run(&config, document, &resolved, input.known_providers);
        loaded.problems.extend(checks.problems);
        loaded.warnings.extend(checks.warnings);
        loaded.refusals.extend(checks.refusals);
    }
    switch_off(&mut config, &loaded.refusals, input.schema);
    loaded.in_file_order(input.path);
    if loaded.problems.is_empty() {
        loaded.config = Some(config);
    }
    loaded
}

// === impl Loaded ===

impl Loaded {
    /// Adds a problem that a channel found in its own section, unless that key has one already.
    pub fn add_problem(&mut self, path: &str, message: impl Into<String>, hint: Option<String>) {
        if self.problems.iter().any(|known| known.path == path) {
            return;
        }
        let place = path
            .parse()
            .ok()
            .and_then(|path| self.document.as_ref()?.place(&path));
        self.problems.push(Finding {
            place,
            path: path.to_owned(),
            message: message.into(),
            hint,
        });
        self.config = None;
    }

    fn unreadable(problems: Vec<Finding>) -> Self {
        Self {
            config: None,
            document: None,
            problems,
            warnings: Vec::new(),
            refusals: Vec::new(),
            accepted_unbuilt: Vec::new(),
            unavailable_channels: Vec::new(),
        }
    }

    fn from_walk(document: Document, mut warnings: Vec<Finding>, found: Findings) -> Self {
        warnings.extend(found.warnings);
        warnings.extend(grouped_warning(&found.accepted));
        let unavailable_channels: Vec<String> = found
            .unavailable_channels
            .iter()
            .map(|finding| finding.path.trim_start_matches("channels.").to_owned())
            .collect();
        warnings.extend(found.unavailable_channels);
        Self {
            config: None,
            document: Some(document),
            problems: found.problems,
            warnings,
            refusals: found.refusals,
            accepted_unbuilt: found.accepted,
            unavailable_channels,
        }
    }

    /// Findings of the main file first, each file from top to bottom.
    fn in_file_order(&mut self, main: &str) {
        let key = |finding: &Finding| {
            finding.place.as_ref().map(|place| {
                (
                    place.file != main,
                    place.file.clone(),
                    place.line,
                    place.column,
                )
            })
        };
        self.problems.sort_by_key(key);
        self.warnings.sort_by_key(key);
    }
}

/// How the sum of the settings that have no effect calls them; whoever lists these settings leaves the sum out by it.
pub const NOT_BUILT: &str = "known to OpenClaw but not built here yet";

fn grouped_warning(accepted: &[String]) -> Option<Finding> {
    if accepted.is_empty() {
        return None;
    }
    let mut named = accepted
        .iter()
        .take(NAMED_KEYS_MAX)
        .map(|key| format!("`{key}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if accepted.len() > NAMED_KEYS_MAX {
        named.push_str(&format!(" and {} more", accepted.len() - NAMED_KEYS_MAX));
    }
    let count = accepted.len();
    let subject = if count == 1 {
        "1 setting is"
    } else {
        "settings are"
    };
    let subject = if count == 1 {
        subject.to_owned()
    } else {
        format!("{count} {subject}")
    };
    let message = format!("{subject} {NOT_BUILT}, without effect: {named}");
    Some(Finding::new(None, &KeyPath::root(), message))
}

/// Switches off what must not start, so that nobody can forget to look at the refusals.
fn switch_off(config: &mut Config, refusals: &[Refusal], schema: &LazyLock<TreeSchema>) {
    for refusal in refusals {
        match &refusal.part {
            Part::Channels => {
                for (channel, section) in &mut config.channels.sections {
                    disable_channel(channel, section, None, schema.as_value());
                }
            }
            Part::Channel { channel, account } => {
                if let Some(section) = config.channels.sections.get_mut(channel) {
                    disable_channel(channel, section, account.as_deref(), schema.as_value());
                }
            }
            Part::Provider(provider) => {
                config.models.providers.remove(provider);
            }
            Part::Gateway | Part::Tools { .. } | Part::Hooks | Part::Section(_) => {}
        }
    }
}

/// Disables a channel with all its accounts, or one account of it.
fn disable_channel(channel: &str, section: &mut Value, account: Option<&str>, schema: &Value) {
    let own = &schema["properties"]["channels"]["properties"][channel];
    let Some(section) = section.as_object_mut() else {
        return;
    };
    if account.is_none() && own["properties"].get("enabled").is_some() {
        section.insert("enabled".to_owned(), Value::Bool(false));
    }
    if own["properties"]["accounts"]["additionalProperties"]["properties"]
        .get("enabled")
        .is_none()
    {
        return;
    }
    let accounts = section.get_mut("accounts").and_then(Value::as_object_mut);
    for (name, settings) in accounts.into_iter().flatten() {
        if account.is_none_or(|only| only == name)
            && let Some(settings) = settings.as_object_mut()
        {
            settings.insert("enabled".to_owned(), Value::Bool(false));
        }
    }
}
