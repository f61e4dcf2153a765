//! The one helper of these tests: a small channel section, files and variables in memory, and a readable report.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use expect_test::Expect;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::config::{
    ChannelSection, IncludeRequest, Included, LoadInput, Loaded, Secret, TreeSchema, load,
};

/// A channel's section as a channel would write it, small.
#[derive(JsonSchema, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
pub(super) struct TestSection {
    /// Whether it is used.
    pub(super) enabled: Option<bool>,
    /// The token.
    pub(super) bot_token: Option<Secret>,
    /// Who may write.
    dm_policy: Option<String>,
    /// Who they are.
    allow_from: Option<Vec<crate::config::tree::IdText>>,
    /// A proxy.
    #[schemars(extend("x-aliases" = ["apiBase"]))]
    api_root: Option<String>,
    /// Further accounts.
    pub(super) accounts: BTreeMap<String, TestAccount>,
}

/// One account.
#[derive(JsonSchema, Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TestAccount {
    pub(super) enabled: Option<bool>,
    pub(super) bot_token: Option<Secret>,
    dm_policy: Option<String>,
    allow_from: Option<Vec<crate::config::tree::IdText>>,
}

pub(super) fn sections() -> Vec<ChannelSection> {
    let settings = schemars::generate::SchemaSettings::draft07()
        .with(|settings| settings.inline_subschemas = true);
    vec![ChannelSection {
        id: "telegram".to_owned(),
        aliases: vec!["tg".to_owned()],
        schema: settings
            .into_generator()
            .into_root_schema_for::<TestSection>()
            .to_value(),
    }]
}

pub(super) struct World<'a> {
    pub(super) env: &'a [(&'a str, &'a str)],
    pub(super) files: &'a [(&'a str, &'a str)],
}

pub(super) const EMPTY: World<'static> = World {
    env: &[],
    files: &[],
};

impl World<'_> {
    pub(super) fn load(&self, text: &str) -> Loaded {
        self.with_input(text, load)
    }

    pub(super) fn with_input<T>(&self, text: &str, action: impl FnOnce(LoadInput<'_>) -> T) -> T {
        let env = |name: &str| {
            self.env
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let include = |request: &IncludeRequest<'_>| {
            let path = request.path.trim_start_matches("./");
            self.files
                .iter()
                .find(|(name, _)| *name == path)
                .map(|(name, text)| Included {
                    path: (*name).to_owned(),
                    text: (*text).to_owned(),
                })
                .ok_or_else(|| "no such file".to_owned())
        };
        action(LoadInput {
            path: "torana.json",
            text,
            env: &env,
            include: &include,
            schema: &LazyLock::new(|| TreeSchema::new(&sections())),
            known_providers: &["openai"],
        })
    }
}

/// Loads `text` and compares everything it has to say.
#[track_caller]
pub(super) fn check(text: &str, expect: Expect) {
    check_in(&EMPTY, text, expect);
}

#[track_caller]
pub(super) fn check_in(world: &World<'_>, text: &str, expect: Expect) {
    let loaded = world.load(text);
    assert_eq!(loaded.config.is_some(), loaded.problems.is_empty());
    expect.assert_eq(&report(&loaded));
}

pub(super) fn report(loaded: &Loaded) -> String {
    let mut report = String::new();
    let mut line = |kind: &str, text: String| {
        writeln!(report, "{kind}: {text}").expect("a string takes everything")
    };
    for finding in &loaded.problems {
        line("problem", finding.to_string());
    }
    for finding in &loaded.warnings {
        line("warning", finding.to_string());
    }
    for refusal in &loaded.refusals {
        line("refusal", format!("{} ({})", refusal, refusal.part));
    }
    report
}

#[track_caller]
pub(super) fn config(text: &str) -> crate::config::Config {
    let loaded = EMPTY.load(text);
    assert!(loaded.problems.is_empty(), "{}", report(&loaded));
    loaded.config.expect("no problems means a configuration")
}

pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("valid JSON in a test")
}
