//! The section: inheritance, legacy spellings, normalised ids, and every complaint.

use std::fmt::Write;
use std::sync::LazyLock;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use torana_core::admit::{DmPolicy, GroupPolicy};
use torana_core::config::{LoadInput, TreeSchema};
use torana_core::id::AccountId;
use torana_core::render::{ChunkMode, LengthUnit, TableMode};

use super::support::{Sleep, TOKEN, account, accounts, parts_with, world};
use crate::policy::{ReplyToMode, StreamingMode};
use crate::telegram::kind::KIND;

/// All problems of a section, one per line; for a valid one what blocks and what is warned about.
fn check(section: Value, expected: Expect) {
    let mut out = String::new();
    let mut line = |kind: &str, issue: &crate::Issue| {
        writeln!(out, "{kind} {issue}").expect("a string takes everything")
    };
    match accounts(&section) {
        Err(issues) => issues.iter().for_each(|issue| line("error", issue)),
        Ok(accounts) => {
            for account in accounts {
                account
                    .blocked
                    .iter()
                    .for_each(|issue| line("blocked", issue));
                account
                    .warnings
                    .iter()
                    .for_each(|issue| line("warning", issue));
            }
        }
    }
    expected.assert_eq(&out);
}

fn with(fields: Value) -> Value {
    let mut section = json!({ "botToken": TOKEN });
    for (key, value) in fields.as_object().expect("an object") {
        section[key] = value.clone();
    }
    section
}

#[test]
fn an_empty_section_has_safe_defaults() {
    let account = account(&json!({ "botToken": TOKEN }));
    let policy = &account.policy;
    assert_eq!(
        (policy.dm_policy, policy.group_policy),
        (DmPolicy::Pairing, None)
    );
    assert_eq!(policy.streaming.mode, StreamingMode::Progress);
    assert_eq!(
        (policy.text_chunk_limit, policy.chunk_mode, policy.tables),
        (4000, ChunkMode::Length, TableMode::Code)
    );
    assert_eq!(
        (policy.reply_to_mode, policy.native_commands),
        (ReplyToMode::Off, None)
    );
    assert!(
        account.enabled
            && account.is_default
            && account.blocked.is_none()
            && account.warnings.is_empty()
    );
    assert_eq!(account.api_root, "https://api.telegram.org");
}

#[test]
fn every_wrong_shape_is_reported_with_its_path() {
    check(
        json!({ "botToken": 5, "dmPolicy": "everyone", "allowFrom": "7", "webhookPort": 99_999, "streaming": 3,
                "defaultAccount": 1, "accounts": { "work": { "enabled": "yes" }, "home": [] } }),
        expect![[r#"
            error `channels.telegram.accounts.home`: must be an object
            error `channels.telegram.defaultAccount`: must be the name of an account
            error `channels.telegram.botToken`: invalid type: integer `5`, expected a secret as text
            error `channels.telegram.dmPolicy`: unknown variant `everyone`, expected one of `pairing`, `allowlist`, `open`, `disabled`
            error `channels.telegram.allowFrom`: invalid type: string "7", expected a sequence
            error `channels.telegram.webhookPort`: invalid value: integer `99999`, expected u16
            error `channels.telegram.streaming`: has none of the shapes this key can have
            error `channels.telegram.accounts.work.enabled`: invalid type: string "yes", expected a boolean
        "#]],
    );
}

#[test]
fn policies_that_admit_nobody_or_too_many_are_errors() {
    check(
        with(
            json!({ "dmPolicy": "allowlist", "allowFrom": ["@alice"], "accounts": { "open": { "botToken": "1:a", "dmPolicy": "open" } } }),
        ),
        expect![[r#"
            error `channels.telegram.allowFrom`: is empty, so `dmPolicy: "allowlist"` would admit nobody; hint: list Telegram user ids, or set `dmPolicy` to `pairing` or `disabled`
            error `channels.telegram.accounts.open.allowFrom`: must contain "*" for `dmPolicy: "open"`; hint: add "*" to let everybody write, or use `pairing` or `allowlist`
        "#]],
    );
}

#[test]
fn names_authorise_nobody_and_are_reported() {
    check(
        with(
            json!({ "allowFrom": ["@alice", 7], "groups": { "teaparty": {}, "-5": { "allowFrom": ["bob"] } } }),
        ),
        expect![[r#"
            warning `channels.telegram.allowFrom[0]`: is not a Telegram id, so it matches nobody; hint: write the numeric user id; `/whoami` tells a person theirs
            warning `channels.telegram.groups.-5.allowFrom[0]`: is not a Telegram id, so it matches nobody; hint: write the numeric user id; `/whoami` tells a person theirs
            warning `channels.telegram.groups.teaparty`: is not a group id, so it matches no group; hint: use the numeric id, such as -1001234567890
        "#]],
    );
}

#[test]
fn api_roots_that_cannot_work_are_errors() {
    for (root, words) in [
        (
            "https://api.telegram.org/bot1:abc",
            "must not end in /bot<token>",
        ),
        ("ftp://example.org", "must be an http or https URL"),
        ("api.telegram.org", "is not a URL"),
        ("http://8.8.8.8", "unencrypted"),
        ("http://api.telegram.org", "unencrypted"),
        ("https://example.org/?a=1", "query"),
    ] {
        let issues = accounts(&with(json!({ "apiRoot": root }))).expect_err(root);
        assert!(
            issues
                .iter()
                .any(|issue| issue.path.ends_with("apiRoot") && issue.message.contains(words)),
            "{root}: {issues:?}"
        );
    }
    for root in [
        "http://127.0.0.1:8081/",
        "http://telegram-bot-api:8081",
        "http://10.0.0.3",
        "https://bots.example.org/path",
    ] {
        assert_eq!(
            account(&with(json!({ "apiRoot": root }))).api_root,
            root.trim_end_matches('/')
        );
    }
}

#[test]
fn a_webhook_without_a_good_secret_blocks_its_account_only() {
    let hook = |secret: Value| json!({ "botToken": TOKEN, "webhookUrl": "https://bot.example.org/hook", "webhookSecret": secret });
    for secret in [
        json!(""),
        json!("short"),
        json!("0123456789abcde"),
        json!("0123456789abcdef!"),
        json!("a".repeat(257)),
    ] {
        let account = account(&hook(secret.clone()));
        assert!(
            account
                .blocked
                .is_some_and(|issue| issue.path.ends_with("webhookSecret")),
            "{secret}"
        );
    }
    let account = account(&hook(json!("0123456789abcdef")));
    assert!(account.blocked.is_none());
    let listener = account.webhook_listener.expect("a listener");
    assert_eq!((listener.host.as_str(), listener.port), ("127.0.0.1", 8787));
}

#[test]
fn a_missing_or_wrong_token_blocks_the_account() {
    check(
        json!({ "accounts": { "default": {}, "wrong": { "botToken": "not a token" }, "twice": { "botToken": TOKEN }, "again": { "botToken": "4242:other" },
                "unset": { "botToken": { "$unresolved": "${BOT}" } } } }),
        expect![[r#"
            blocked `channels.telegram.accounts.default.botToken`: there is no bot token; hint: set `botToken` or `tokenFile`, or the variable TELEGRAM_BOT_TOKEN
            blocked `channels.telegram.accounts.twice.botToken`: another account uses this bot; hint: one bot has one account
            blocked `channels.telegram.accounts.unset.botToken`: the token comes from ${BOT}, which is not set
            blocked `channels.telegram.accounts.wrong.botToken`: is not a bot token: it must look like 123456789:text; hint: ask @BotFather for the token
        "#]],
    );
}

#[test]
fn the_variable_serves_the_default_account_only() {
    let environment = |name: &str| (name == "TELEGRAM_BOT_TOKEN").then(|| TOKEN.to_owned());
    let accounts = KIND
        .accounts(
            &json!({ "accounts": { "default": {}, "work": {} } }),
            &environment,
        )
        .expect("valid");
    let blocked: Vec<bool> = accounts
        .iter()
        .map(|account| account.blocked.is_some())
        .collect();
    assert_eq!(blocked, [false, true]);
}

#[test]
fn account_values_win_and_groups_are_replaced() {
    let section = json!({
        "botToken": TOKEN, "webhookUrl": "https://bot.example.org/hook", "webhookSecret": "0123456789abcdef",
        "dmPolicy": "allowlist", "allowFrom": ["tg:7", "telegram:8", 7], "streaming": { "mode": "block", "chunkMode": "newline" },
        "groups": { "*": { "requireMention": false } }, "defaultAccount": "work",
        "accounts": { "work": { "botToken": "5:b", "streamMode": "off", "allowFrom": [9], "name": "Work",
                                "groups": { "telegram:-10": { "topics": { "3": { "enabled": false } } } } } },
    });
    let accounts = accounts(&section).expect("valid");
    let [root, work] = accounts.as_slice() else {
        panic!("two accounts, not {}", accounts.len())
    };
    assert_eq!(
        (root.account.as_str(), work.account.as_str()),
        ("default", "work")
    );
    assert_eq!(root.policy.allow_from, ["7", "8"]);
    assert_eq!(work.policy.allow_from, ["9"]);
    assert_eq!(
        (root.policy.streaming.mode, work.policy.streaming.mode),
        (StreamingMode::Block, StreamingMode::Off)
    );
    assert_eq!(root.policy.chunk_mode, ChunkMode::Newline);
    assert_eq!(work.policy.groups.keys().collect::<Vec<_>>(), ["-10"]);
    assert_eq!(work.policy.groups["-10"].topics["3"].enabled, Some(false));
    assert!(work.is_default && !root.is_default);
    assert_eq!(
        (root.name.as_deref(), work.name.as_deref()),
        (None, Some("Work"))
    );
    let paths: Vec<String> = [root, work]
        .map(|account| {
            let crate::kind::Settings::Telegram(settings) = &account.settings;
            settings
                .webhook
                .as_ref()
                .map(|webhook| format!("{} {}", webhook.url, webhook.path))
                .unwrap_or_default()
        })
        .to_vec();
    assert_eq!(
        paths,
        [
            "https://bot.example.org/hook /telegram-webhook",
            "https://bot.example.org/hook/work /telegram-webhook/work"
        ]
    );
}

#[test]
fn every_spelling_of_streaming_is_understood() {
    let mode = |fields: Value| account(&with(fields)).policy.streaming.mode;
    assert_eq!(mode(json!({ "streaming": true })), StreamingMode::Partial);
    assert_eq!(mode(json!({ "streaming": false })), StreamingMode::Off);
    assert_eq!(mode(json!({ "streaming": "draft" })), StreamingMode::Draft);
    assert_eq!(
        mode(json!({ "streaming": { "chunkMode": "newline" }, "streamMode": "partial" })),
        StreamingMode::Partial
    );
    assert_eq!(
        mode(json!({ "streamingMode": "block" })),
        StreamingMode::Block
    );
    let details = account(&with(json!({ "streaming": {
        "mode": "block", "preview": { "chunk": { "minChars": 9000, "maxChars": 500 } } } })));
    let streaming = details.policy.streaming;
    assert_eq!(
        (streaming.chunk.min_chars, streaming.chunk.max_chars),
        (500, 500)
    );
}

#[test]
fn group_policy_and_limits_reach_those_who_act_on_them() {
    let account = account(&with(
        json!({ "groupPolicy": "open", "groupAllowFrom": ["accessGroup:team", "*"], "textChunkLimit": 9000,
        "dms": { "tg:7": { "historyLimit": 3 } }, "markdown": { "tables": "bullets" }, "replyToMode": "first", "responsePrefix": "" }),
    ));
    let policy = account.policy;
    assert_eq!(policy.group_policy, Some(GroupPolicy::Open));
    assert_eq!(
        policy.group_allow_from,
        Some(vec!["accessGroup:team".to_owned(), "*".to_owned()])
    );
    assert_eq!(
        (
            policy.text_chunk_limit,
            policy.dm_history_limits["7"],
            policy.tables
        ),
        (4096, 3, TableMode::Bullets)
    );
    assert_eq!(
        (policy.reply_to_mode, policy.response_prefix.as_deref()),
        (ReplyToMode::First, Some(""))
    );
}

#[test]
fn rates_follow_the_words_and_the_figures() {
    let rate = |value: Value| {
        parts_with(
            "http://127.0.0.1:9",
            json!({ "rateLimit": value }),
            world(Sleep::Jump).0,
        )
        .limits
        .rate
    };
    assert_eq!(
        rate(json!("platform")).map(|rate| rate.account_per_second),
        Some(30.0)
    );
    assert_eq!(rate(json!("off")), None);
    let figures = rate(json!({ "groupPerMinute": 60 })).expect("rates");
    assert_eq!(
        (figures.group_per_minute, figures.conversation_per_second),
        (60.0, 1.0)
    );
    check(
        with(json!({ "rateLimit": { "accountPerSecond": 0, "conversationBurst": 0.5 } })),
        expect![[r#"
            error `channels.telegram.rateLimit.accountPerSecond`: must be at least 0.01
            error `channels.telegram.rateLimit.conversationBurst`: must be at least 1
        "#]],
    );
}

#[test]
fn parts_say_what_the_platform_can_do_and_show_no_secret() {
    let parts = parts_with(
        "http://127.0.0.1:9",
        json!({ "textChunkLimit": 1000 }),
        world(Sleep::Jump).0,
    );
    assert_eq!(
        (
            parts.limits.text.unit,
            parts.limits.text.max_units,
            parts.limits.text.soft
        ),
        (LengthUnit::Utf16, 4096, 1000)
    );
    assert_eq!(parts.platform_account.as_ref(), "4242");
    assert!(parts.receive.is_some() && parts.webhook.is_none() && parts.transmit.is_some());
    let config = account(&with(
        json!({ "proxy": "http://user:hunter2@proxy.example" }),
    ));
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("AAtest") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn a_token_file_is_read_when_the_account_is_built() {
    let path = std::env::temp_dir().join(format!("torana-token-{}", std::process::id()));
    std::fs::write(&path, format!("{TOKEN}\n")).expect("a temporary file");
    let section = json!({ "tokenFile": path, "botToken": "9:ignored" });
    let (world, _) = world(Sleep::Jump);
    let build = |config| {
        KIND.build(
            config,
            crate::Build {
                client: reqwest::Client::new(),
                world: world.clone(),
                commands: Vec::new(),
            },
        )
    };
    torana_host::egress::install_crypto();
    let parts = build(account(&section)).expect("an account");
    assert_eq!(
        (parts.platform_account.as_ref(), parts.exclusive.as_deref()),
        ("4242", Some(format!("telegram:{TOKEN}").as_str()))
    );
    std::fs::remove_file(&path).expect("the file is there");
    let failure = build(account(&section)).err().expect("no token");
    assert!(failure.message.contains("cannot be read"), "{failure}");
}

#[test]
fn unknown_keys_are_left_to_the_config_table() {
    assert!(
        accounts(&with(
            json!({ "ackReaction": "👀", "actions": { "reactions": true } })
        ))
        .is_ok()
    );
}

#[test]
fn the_schema_documents_every_key_and_marks_secrets() {
    fn walk(schema: &Value, path: &str, missing: &mut Vec<String>) {
        // What a reference to a secret looks like is documented where secrets are.
        if schema.get("x-secret").is_some() {
            return;
        }
        for (key, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let path = format!("{path}.{key}");
            if property.get("description").is_none() {
                missing.push(path.clone());
            }
            walk(property, &path, missing);
        }
        for inner in [schema.get("additionalProperties"), schema.get("items")]
            .into_iter()
            .flatten()
        {
            walk(inner, path, missing);
        }
        for branch in schema
            .get("anyOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            walk(branch, path, missing);
        }
    }
    let schema = KIND.config_schema();
    let mut missing = Vec::new();
    walk(&schema, "telegram", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
    let text = schema.to_string();
    assert!(
        !text.contains("$ref") && !text.contains("\"null\""),
        "{text}"
    );
    for key in ["botToken", "webhookSecret", "proxy"] {
        for base in [
            "/properties",
            "/properties/accounts/additionalProperties/properties",
        ] {
            assert_eq!(
                schema.pointer(&format!("{base}/{key}/x-secret")),
                Some(&Value::Bool(true)),
                "{base}/{key}"
            );
            assert!(
                schema.pointer(&format!("{base}/{key}/x-reload")).is_some(),
                "{base}/{key}"
            );
        }
    }
    assert_eq!(
        schema.pointer("/properties/webhookPort/x-reload"),
        Some(&json!("listener"))
    );
    AccountId::new("default").expect("an id");
}

/// Loads a whole file with our section in the tree.
fn load(text: &str) -> torana_core::config::Loaded {
    torana_core::config::load(LoadInput {
        path: "torana.json",
        text,
        env: &|name| (name == "BOT").then(|| TOKEN.to_owned()),
        include: &|_| Err("no includes".to_owned()),
        schema: &LazyLock::new(|| TreeSchema::new(&[KIND.config_section()])),
        known_providers: &[],
    })
}

#[test]
fn a_section_of_an_openclaw_file_loads_as_it_is() {
    let loaded = load(
        r#"{ channels: { telegram: {
            enabled: true, botToken: "${BOT}", dmPolicy: "open", allowFrom: ["*", 7, "tg:8"], groupPolicy: "allowlist",
            groups: { "*": { requireMention: true }, "-1001234567890": { topics: { "99": { requireMention: false } } } },
            streaming: { mode: "partial", preview: { toolProgress: false, chunk: { breakPreference: "sentence" } }, block: { enabled: true }, progress: { maxLines: 3 } }, replyToMode: "first", textChunkLimit: 3500,
            blockStreamingCoalesce: { idleMs: 5 }, linkPreview: false, customCommands: [{ command: "backup", description: "Git backup" }], rateLimit: "off",
            accounts: { alerts: { name: "Alerts", botToken: "5:other", streaming: "off", blockStreaming: true, commands: { native: "auto" } } },
        } } }"#,
    );
    let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, Vec::<String>::new());
    expect![[r#"
        channels.telegram.streaming.preview.toolProgress
        channels.telegram.streaming.preview.chunk.breakPreference
        channels.telegram.streaming.block.enabled
        channels.telegram.streaming.progress.maxLines
        channels.telegram.blockStreamingCoalesce
        channels.telegram.accounts.alerts.blockStreaming"#]]
    .assert_eq(&loaded.accepted_unbuilt.join("\n"));
    let config = loaded.config.expect("a valid file");
    let accounts = accounts(&config.channels.sections["telegram"]).expect("a valid section");
    let facts: Vec<(&str, bool, StreamingMode)> = accounts
        .iter()
        .map(|account| {
            (
                account.account.as_str(),
                account.blocked.is_none(),
                account.policy.streaming.mode,
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            ("default", true, StreamingMode::Partial),
            ("alerts", true, StreamingMode::Off)
        ]
    );
}

#[test]
fn a_mistyped_key_is_found_by_the_config_table() {
    let loaded = load(
        r#"{ channels: { telegram: { botTokn: "1:a", accounts: { a: { dmPolcy: "open" } } } } }"#,
    );
    let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].contains("botTokn") && problems[0].contains("botToken"),
        "{problems:?}"
    );
}
