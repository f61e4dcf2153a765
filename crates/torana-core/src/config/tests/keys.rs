//! Keys are ours, not built yet, or unknown; each kind gets its answer, and all at once.

use expect_test::expect;
use serde_json::Value;

use super::{EMPTY, World, check, check_in, config};
use crate::config::tree::{AuthMode, Bind, NativeCommands, QueueMode};
use crate::config::{Config, TreeSchema};

#[test]
fn an_empty_file_means_the_same_as_no_file() {
    assert_eq!(config("{}"), Config::default());
}

#[test]
fn all_problems_are_reported_at_once_with_their_places() {
    check(
        "{\n  gateway: { prot: 1, port: 70000, auth: { mode: 'tokn' } },\n  sesion: {},\n  logging: { level: 5, file: null },\n  bindings: [{ agentId: 'main', match: {} }],\n  models: { providers: { x: { models: [{ name: 'y' }], baseUrl: 'nonsense' } } },\n  messages: { queue: { cap: 1.5, mode: true } },\n  dmScope: 'main',\n  channels: { telegram: { botTokn: 'x', dmPolicy: 7 }, myspace: {} },\n}",
        expect![[r#"
            problem: torana.json:2:14: `gateway.prot` is not a known key; did you mean `gateway.port`?
            problem: torana.json:2:29: `gateway.port` is 70000; at most 65535 is allowed
            problem: torana.json:2:50: `gateway.auth.mode` must be one of `token`, `password`, `none`, `trusted-proxy`; did you mean `token`?
            problem: torana.json:3:3: `sesion` is not a known key; did you mean `session`?
            problem: torana.json:4:21: `logging.level` must be one of `silent`, `fatal`, `error`, `warn`, `info`, `debug`, `trace`
            problem: torana.json:4:30: `logging.file` is null; text is needed; leave the key out to use its default
            problem: torana.json:5:40: `bindings[0].match` needs `channel`
            problem: torana.json:6:40: `models.providers.x.models[0]` needs `id`
            problem: torana.json:6:65: `models.providers.x.baseUrl` must be a complete address such as `https://example.org`
            problem: torana.json:7:29: `messages.queue.cap` is a number; a whole number is needed
            problem: torana.json:7:40: `messages.queue.mode` must be one of `steer`, `followup`, `collect`, `interrupt`
            problem: torana.json:8:3: `dmScope` is not a known key; did you mean `session.dmScope`?
            problem: torana.json:9:27: `channels.telegram.botTokn` is not a known key; did you mean `channels.telegram.botToken`?
            problem: torana.json:9:51: `channels.telegram.dmPolicy` is a number; text is needed
            problem: torana.json:9:56: `channels.myspace` is not a known key
        "#]],
    );
}

#[test]
fn keys_of_openclaw_that_are_not_built_are_accepted_with_one_warning() {
    check(
        "{ meta: { lastTouchedVersion: '2026.9.6' }, wizard: {}, cron: { enabled: true }, messages: { ackReaction: '👀' }, gateway: { controlUi: { root: '/x' } }, models: { providers: { a: { models: [{ id: 'm', input: ['text', 'image'] }] } } } }",
        expect![[r#"
            warning: 5 settings are known to OpenClaw but not built here yet, without effect: `meta`, `wizard`, `cron`, `messages.ackReaction`, `models.providers.a.models[0].input`
        "#]],
    );
    check(
        "{ gateway: { controlUi: { rot: '/x' } } }",
        expect![[r#"
        problem: torana.json:1:27: `gateway.controlUi.rot` is not a known key; did you mean `gateway.controlUi.root`?
    "#]],
    );
    check(
        "{ channels: { discord: { token: 'x' }, signal: {} } }",
        expect![[r#"
        warning: torana.json:1:15: `channels.discord` is a channel that is not available in this build
        warning: torana.json:1:40: `channels.signal` is a channel that is not available in this build
    "#]],
    );
}

#[test]
fn keys_without_effect_here_are_never_in_the_tree() {
    let text = "{ agents: { defaults: { blockStreamingDefault: 'on', blockStreamingChunk: { minChars: 5 } }, list: [{ id: 'a' }] }, messages: { queue: { mode: 'steer+backlog', byChannel: { telegram: 'steer-backlog' }, debounceMs: 5, debounceMsByChannel: { telegram: 1 } } }, bindings: [{ agentId: 'a', match: { channel: 'telegram', guildId: '1' } }] }";
    let unbuilt = EMPTY.load(text).accepted_unbuilt;
    for key in [
        "agents.defaults.blockStreamingDefault",
        "messages.queue.mode = steer+backlog",
        "messages.queue.debounceMs",
    ] {
        assert!(
            unbuilt.iter().any(|known| known == key),
            "{key} in {unbuilt:?}"
        );
    }
    assert_eq!(config(text).messages.queue.mode, QueueMode::Steer);
}

#[test]
fn values_that_are_not_built_switch_off_what_uses_them() {
    let text = "{ gateway: { bind: 'tailnet' }, bindings: [{ type: 'acp', agentId: 'main', match: { channel: 'telegram' } }, { agentId: 'main', match: { channel: 'telegram' } }], models: { providers: { g: { api: 'google-vertex' }, o: {} } } }";
    check(
        text,
        expect![[r#"
        warning: 3 settings are known to OpenClaw but not built here yet, without effect: `gateway.bind = tailnet`, `bindings[0].type = acp`, `models.providers.g.api = google-vertex`
        refusal: torana.json:1:197: `models.providers.g.api` is `google-vertex`, which is not built yet, so this stays off: model provider g (model provider g)
    "#]],
    );
    let config = config(text);
    assert_eq!(config.gateway.bind, Some(Bind::Loopback));
    assert_eq!(config.bindings.len(), 1);
    assert_eq!(config.models.providers.keys().collect::<Vec<_>>(), ["o"]);
    check(
        "{ gateway: { auth: { mode: 'trusted-proxy' } } }",
        expect![[r#"
            problem: torana.json:1:3: `gateway.trustedProxies` is empty, but `gateway.auth.mode` is `trusted-proxy`; write the proxy's address
            problem: torana.json:1:14: `gateway.auth.trustedProxy.userHeader` is missing, but `gateway.auth.mode` is `trusted-proxy`; write the header in which the proxy names the person
        "#]],
    );
}

#[test]
fn aliases_of_keys_and_words_are_read_as_ours() {
    let text = "{ gateway: { auth: { mode: 'off' } }, session: { resetByType: { dm: { mode: 'daily' } } }, channels: { tg: { apiBase: 'x' } }, messages: { queue: { mode: 'queue' } }, commands: { native: false, ownerAllowFrom: [123, 'telegram:4'] }, logging: { maxFileBytes: 1e6 } }";
    let config = config(text);
    assert_eq!(config.gateway.auth.mode, Some(AuthMode::None));
    assert_eq!(config.messages.queue.mode, QueueMode::Steer);
    assert_eq!(config.commands.native, NativeCommands::Off);
    assert_eq!(config.commands.owner_allow_from[0].as_str(), "123");
    assert_eq!(config.logging.max_file_bytes, 1_000_000);
    assert!(config.session.reset_by_type.direct.is_some());
    assert_eq!(config.channels.sections["telegram"]["apiRoot"], "x");
    check(
        "{ channels: { tg: {}, telegram: {} } }",
        expect![[r#"
        problem: torana.json:1:23: `channels.telegram` is another spelling of `telegram`, which is written too
    "#]],
    );
}

#[test]
fn variables_are_filled_in_and_missing_ones_stay_visible() {
    let world = World {
        env: &[("HOST", "example.org"), ("TOKEN", "t-123"), ("EMPTY", "")],
        files: &[],
    };
    let text = "{ env: { vars: { OWN: 'mine' } }, gateway: { publicOrigin: 'https://${HOST}' }, logging: { file: '$${HOST}/${OWN}/${GONE}' }, channels: { telegram: { botToken: '${TOKEN}', accounts: { a: { botToken: '$TOKEN' }, b: { botToken: '${EMPTY}' }, c: { botToken: { source: 'env', provider: 'default', id: 'TOKEN' } }, d: { botToken: { source: 'file', provider: 'v', id: '/x' } } } } } }";
    check_in(
        &world,
        text,
        expect![[r#"
            warning: torana.json:1:98: `logging.file` uses the variable GONE, which has no value; set it in the environment, in `.env` or in `env.vars`
            warning: torana.json:1:227: `channels.telegram.accounts.b.botToken` uses the variable EMPTY, which has no value; set it in the environment, in `.env` or in `env.vars`
            refusal: torana.json:1:326: `channels.telegram.accounts.d.botToken` takes a secret from `file`, which is not built yet, so this stays off: account d of channel telegram (account d of channel telegram)
        "#]],
    );
    let config = world.load(text).config.expect("only warnings");
    assert_eq!(
        config.gateway.public_origin.as_deref(),
        Some("https://example.org")
    );
    assert_eq!(config.logging.file.as_deref(), Some("${HOST}/mine/${GONE}"));
    let section: super::TestSection =
        serde_json::from_value(config.channels.sections["telegram"].clone())
            .expect("the section is clean");
    assert_eq!(
        section
            .bot_token
            .as_ref()
            .and_then(|secret| secret.expose()),
        Some("t-123")
    );
    let account = |name: &str| section.accounts[name].bot_token.as_ref();
    assert_eq!(
        account("a").and_then(|secret| secret.expose()),
        Some("t-123")
    );
    assert_eq!(account("b").and_then(|secret| secret.expose()), None);
    assert_eq!(
        account("b").and_then(|secret| secret.unresolved()),
        Some("${EMPTY}")
    );
    assert_eq!(
        account("c").and_then(|secret| secret.expose()),
        Some("t-123")
    );
    assert_eq!(section.accounts["d"].enabled, Some(false));
    assert_eq!(section.enabled, None);
}

#[test]
fn secrets_never_appear_in_debug_output() {
    let loaded = EMPTY.load(
        "{ gateway: { auth: { token: 'very-secret' } }, env: { vars: { A: 'very-secret' } } }",
    );
    assert!(!format!("{:?}", loaded.config).contains("very-secret"));
}

#[test]
fn every_key_has_a_meaning_and_a_reload_class() {
    fn visit(schema: &Value, path: &str, has_reload: bool, missing: &mut Vec<String>) {
        let properties = schema["properties"].as_object();
        for (name, property) in properties.into_iter().flatten() {
            let path = format!("{path}.{name}");
            let has_reload = has_reload || property.get("x-reload").is_some();
            let is_leaf = property.get("properties").is_none()
                && property.get("additionalProperties").is_none();
            if property.get("description").is_none() || (is_leaf && !has_reload) {
                missing.push(path.clone());
            }
            visit(property, &path, has_reload, missing);
        }
        for keyword in ["additionalProperties", "items"] {
            if let Some(below) = schema.get(keyword) {
                visit(below, &format!("{path}.*"), has_reload, missing);
            }
        }
    }
    let mut missing = Vec::new();
    visit(TreeSchema::new(&[]).as_value(), "", false, &mut missing);
    assert_eq!(missing, [""; 0]);
}
