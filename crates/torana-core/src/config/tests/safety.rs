//! Unsafe combinations do not start, or the part they concern does not.

use expect_test::expect;

use super::{EMPTY, check};

#[test]
fn listening_beyond_loopback_needs_a_strong_secret() {
    check(
        "{ gateway: { bind: 'lan', auth: { mode: 'none' } } }",
        expect![[r#"
        problem: torana.json:1:35: `gateway.auth.mode` is `none` while the gateway listens beyond loopback; set it to `token`, or `gateway.bind` to `loopback`
    "#]],
    );
    check(
        "{ gateway: { bind: 'lan', auth: { token: 'short' } } }",
        expect![[r#"
        problem: torana.json:1:35: `gateway.auth.token` has 5 characters; at least 24 are needed beyond loopback; use a long random text
    "#]],
    );
    check(
        "{ gateway: { bind: 'custom', customBindHost: '192.168.1.5', auth: { password: 'short' } } }",
        expect![[r#"
        problem: torana.json:1:69: `gateway.auth.password` has 5 characters; at least 12 are needed beyond loopback; use a long random text
    "#]],
    );
    check(
        "{ gateway: { bind: 'custom', customBindHost: '127.0.0.2', auth: { token: 'short' } } }",
        expect![[""]],
    );
    check(
        "{ gateway: { bind: 'custom' } }",
        expect![[r#"
        problem: torana.json:1:3: `gateway.customBindHost` is missing, but `gateway.bind` is `custom`; write an IP address
    "#]],
    );
    check("{ gateway: { bind: 'lan' } }", expect![[""]]);
    check(
        "{ gateway: { auth: { mode: 'password' } } }",
        expect![[r#"
        problem: torana.json:1:14: `gateway.auth.password` is missing, but `gateway.auth.mode` is `password`
    "#]],
    );
    check(
        "{ gateway: { auth: { token: '${NOPE}' } } }",
        expect![[r#"
        problem: torana.json:1:22: `gateway.auth.token` cannot be resolved, and another secret than the written one would surprise everybody; set the variable, or remove the key to get a generated token
        warning: torana.json:1:29: `gateway.auth.token` uses the variable NOPE, which has no value; set it in the environment, in `.env` or in `env.vars`
    "#]],
    );
    check(
        "{ gateway: { auth: { mode: 'none' } } }",
        expect![[r#"
        warning: torana.json:1:22: `gateway.auth.mode` lets every program on this machine use the gateway; set it to `token`
    "#]],
    );
    check(
        "{ gateway: { auth: { token: '__OPENCLAW_REDACTED__' } } }",
        expect![[r#"
        problem: torana.json:1:29: `gateway.auth.token` holds the placeholder of a hidden value instead of the value
    "#]],
    );
}

#[test]
fn restricting_keys_that_are_not_built_refuse_what_they_guard() {
    check(
        "{ proxy: { enabled: true } }",
        expect![[r#"
        problem: torana.json:1:21: `proxy.enabled` restricts something in a way that is not built yet, and starting without it would weaken protection; remove the key to start without that protection
        warning: 1 setting is known to OpenClaw but not built here yet, without effect: `proxy`
    "#]],
    );
    check(
        "{ gateway: { roles: { default: 'guest', definitions: { guest: { agents: ['main'] } } } } }",
        expect![[r#"
            problem: torana.json:1:54: `gateway.roles.definitions` restricts something in a way that is not built yet, and starting without it would weaken protection; remove the key to start without that protection
            warning: 1 setting is known to OpenClaw but not built here yet, without effect: `gateway.roles`
        "#]],
    );
    check(
        "{ proxy: { enabled: false }, tools: { deny: [] }, agents: { defaults: { sandbox: { mode: 'off' } } } }",
        expect![[r#"
        warning: 3 settings are known to OpenClaw but not built here yet, without effect: `proxy`, `tools`, `agents.defaults.sandbox`
    "#]],
    );
    check(
        "{ tools: { deny: ['exec'] }, agents: { entries: { work: { sandbox: { mode: 'all' } } } } }",
        expect![[r#"
        warning: 2 settings are known to OpenClaw but not built here yet, without effect: `tools`, `agents.entries.work.sandbox`
        refusal: torana.json:1:18: `tools.deny` restricts something in a way that is not built yet, so this stays off: agent tools (agent tools)
        refusal: torana.json:1:76: `agents.entries.work.sandbox.mode` restricts something in a way that is not built yet, so this stays off: tools of agent work (tools of agent work)
    "#]],
    );
    check(
        "{ channels: { telegram: { groups: { '-100': { allowFrom: [1] } }, proxy: 'socks5://x' } } }",
        expect![[r#"
        warning: 2 settings are known to OpenClaw but not built here yet, without effect: `channels.telegram.groups.-100.allowFrom`, `channels.telegram.proxy`
        refusal: torana.json:1:58: `channels.telegram.groups.-100.allowFrom` restricts something in a way that is not built yet, so this stays off: channel telegram (channel telegram)
        refusal: torana.json:1:74: `channels.telegram.proxy` restricts something in a way that is not built yet, so this stays off: channel telegram (channel telegram)
    "#]],
    );
    check(
        "{ session: { sendPolicy: { default: 'allow', rules: [{ action: 'deny', match: { channel: 'telegram' } }, { action: 'allow' }] } } }",
        expect![[r#"
        warning: 1 setting is known to OpenClaw but not built here yet, without effect: `session.sendPolicy`
        refusal: torana.json:1:54: `session.sendPolicy.rules[0]` restricts something in a way that is not built yet, so this stays off: channel telegram (channel telegram)
    "#]],
    );
    check(
        "{ session: { sendPolicy: { default: 'deny' } } }",
        expect![[r#"
        warning: 1 setting is known to OpenClaw but not built here yet, without effect: `session.sendPolicy`
        refusal: torana.json:1:37: `session.sendPolicy.default` restricts something in a way that is not built yet, so this stays off: every channel (every channel)
    "#]],
    );
    check(
        "{ channels: { telegram: { actions: { deleteMessage: false, poll: true }, direct: { '5': { requireTopic: true } } } } }",
        expect![[r#"
            warning: 3 settings are known to OpenClaw but not built here yet, without effect: `channels.telegram.actions.deleteMessage`, `channels.telegram.actions.poll`, `channels.telegram.direct["5"].requireTopic`
            refusal: torana.json:1:53: `channels.telegram.actions.deleteMessage` restricts something in a way that is not built yet, so this stays off: agent tools (agent tools)
            refusal: torana.json:1:105: `channels.telegram.direct["5"].requireTopic` restricts something in a way that is not built yet, so this stays off: channel telegram (channel telegram)
        "#]],
    );
    check(
        "{ gateway: { nodes: { denyCommands: ['camera.snap'], allowSkills: true } } }",
        expect![[r#"
            problem: torana.json:1:23: `gateway.nodes.denyCommands` is not a known key; did you mean `gateway.nodes.commands`?
            warning: 1 setting is known to OpenClaw but not built here yet, without effect: `gateway.nodes.allowSkills`
        "#]],
    );
    let loaded = EMPTY.load("{ channels: { telegram: { enabled: true, accounts: { a: { groups: { '*': { requireMention: true } } }, b: {} } } } }");
    let config = loaded.config.expect("only a refusal");
    assert_eq!(config.channels.sections["telegram"]["enabled"], true);
    assert_eq!(
        config.channels.sections["telegram"]["accounts"]["a"]["enabled"],
        false
    );
    assert_eq!(
        config.channels.sections["telegram"]["accounts"]["b"].get("enabled"),
        None
    );
}

#[test]
fn one_secret_has_one_purpose() {
    check(
        "{ gateway: { auth: { token: 'abc' } }, hooks: { enabled: true, token: 'abc' } }",
        expect![[r#"
        warning: 1 setting is known to OpenClaw but not built here yet, without effect: `hooks`
        refusal: torana.json:1:64: `hooks.token` equals the gateway's own secret, so this stays off: webhooks; give them a token of their own (webhooks)
    "#]],
    );
}

#[test]
fn admission_lists_that_contradict_their_policy_are_problems() {
    check(
        "{ channels: { telegram: { dmPolicy: 'allowlist' } } }",
        expect![[r#"
        problem: torana.json:1:15: `channels.telegram.allowFrom` is empty, so `dmPolicy: "allowlist"` would admit nobody; list who may write, or use `pairing`
    "#]],
    );
    check(
        "{ channels: { telegram: { dmPolicy: 'open', allowFrom: [1], accounts: { a: { allowFrom: ['*'] } } } } }",
        expect![[r#"
        problem: torana.json:1:45: `channels.telegram.allowFrom` must contain "*" for `dmPolicy: "open"`; add it, or use `pairing`
        warning: torana.json:1:1: `session.dmScope` puts everybody who may write directly (channels.telegram.accounts.a.allowFrom) into one session, so people see each other's context; set it to `per-channel-peer`
    "#]],
    );
    check(
        "{ channels: { telegram: { enabled: false, dmPolicy: 'allowlist' } } }",
        expect![[""]],
    );
    check(
        "{ channels: { telegram: { allowFrom: ['accessGroup:friends'] } } }",
        expect![[r#"
        refusal: torana.json:1:39: `channels.telegram.allowFrom[0]` uses an access group, which is not built yet, so this stays off: channel telegram (channel telegram)
    "#]],
    );
    check(
        "{ channels: { telegram: { allowFrom: [1, 2] } } }",
        expect![[r#"
        warning: torana.json:1:1: `session.dmScope` puts everybody who may write directly (channels.telegram.allowFrom) into one session, so people see each other's context; set it to `per-channel-peer`
    "#]],
    );
}

#[test]
fn references_to_nothing_are_found() {
    check(
        "{ agents: { entries: { a: { default: true, model: 'nowhere/m' }, b: { default: true } }, list: [{ id: 'A' }, {}, { id: 'bad id' }] }, bindings: [{ agentId: 'c', match: { channel: 'telegram' } }] }",
        expect![[r#"
            problem: torana.json:1:71: `agents.entries.b.default` makes a second default agent; keep `default` on one
            problem: torana.json:1:99: `agents.list[0].id` names the agent `A`, which exists already
            problem: torana.json:1:110: `agents.list[1]` needs `id`
            problem: torana.json:1:116: `agents.list[2].id` is not an agent id: letters, digits, `-` and `_`, at most 64
            problem: torana.json:1:148: `bindings[0].agentId` names the agent `c`, which does not exist; known agents: `a`, `b`, `A`, `bad id`
            warning: torana.json:1:44: `agents.entries.a.model` names the provider `nowhere`, which is not configured; add it below `models.providers`
        "#]],
    );
    check(
        "{ agents: { defaults: { model: { primary: 'openai/gpt-5', fallbacks: ['fast', 'x'] }, models: { 'local/q': { alias: 'fast' } } } } }",
        expect![[r#"
        warning: torana.json:1:25: `agents.defaults.model` names the provider `local`, which is not configured; add it below `models.providers`
        warning: torana.json:1:25: `agents.defaults.model` names `x`, which is neither `<provider>/<model>` nor a known alias
    "#]],
    );
    check(
        "{ session: { identityLinks: { a: ['telegram:1'], b: ['telegram:1'] } } }",
        expect![[r#"
        problem: torana.json:1:54: `session.identityLinks.b[0]` belongs to `a` too
    "#]],
    );
}

#[test]
fn built_in_providers_do_not_count_when_they_are_replaced() {
    check(
        "{ models: { mode: 'replace' }, agents: { defaults: { model: 'openai/gpt-5' } } }",
        expect![[r#"
            warning: torana.json:1:54: `agents.defaults.model` names the provider `openai`, which is not configured; add it below `models.providers`
        "#]],
    );
}

#[test]
fn credentials_are_not_sent_in_clear_text_to_the_internet() {
    check(
        "{ models: { providers: { a: { baseUrl: 'http://api.example.org/v1', apiKey: 'k' }, b: { baseUrl: 'http://192.168.0.2:11434', apiKey: 'k' }, c: { baseUrl: 'http://api.example.org' }, d: { baseUrl: 'ftp://x/' }, e: { baseUrl: 'http://box.local', apiKey: 'k' } } } }",
        expect![[r#"
            problem: torana.json:1:188: `models.providers.d.baseUrl` must start with `http://` or `https://`
            refusal: torana.json:1:31: `models.providers.a.baseUrl` would send the key over the internet unencrypted, so this stays off: the provider; use https (model provider a)
        "#]],
    );
}

#[test]
fn a_gateway_elsewhere_is_one_that_can_be_reached_and_recognised() {
    check(
        "{ gateway: { mode: 'remote' } }",
        expect![[r#"
        problem: torana.json:1:3: `gateway.remote.url` is missing, but `gateway.mode` is `remote`; write the address of the gateway, such as `wss://gateway.example.org`
    "#]],
    );
    check(
        "{ gateway: { mode: 'remote', remote: { url: 'gateway.example.org', tlsFingerprint: 'AB:CD', edgeAuth: { 'CF-Access-Client-Id': 'x', Host: 'evil', 'a b': 'x' } } } }",
        expect![[r#"
            problem: torana.json:1:40: `gateway.remote.url` must be an address such as `wss://gateway.example.org`, without a user name
            problem: torana.json:1:68: `gateway.remote.tlsFingerprint` must be a SHA-256: 64 hexadecimal digits, with or without colons
            problem: torana.json:1:133: `gateway.remote.edgeAuth.Host` is no header that can be sent; write the name the proxy reads, such as `CF-Access-Client-Id`
            problem: torana.json:1:147: `gateway.remote.edgeAuth["a b"]` is no header that can be sent; write the name the proxy reads, such as `CF-Access-Client-Id`
        "#]],
    );
    let pin = "AB:".repeat(31) + "ab";
    check(
        &format!(
            "{{ gateway: {{ mode: 'remote', remote: {{ url: 'wss://gateway.example.org', tlsFingerprint: 'sha256:{pin}', token: 't', transport: 'direct' }} }} }}"
        ),
        expect![[r#"
            warning: 1 setting is known to OpenClaw but not built here yet, without effect: `gateway.remote.transport`
        "#]],
    );
}

#[test]
fn addresses_are_checked() {
    check(
        "{ gateway: { trustedProxies: ['10.0.0.0/8', '::1', 'proxy', '10.0.0.0/33'], publicOrigin: 'https://x.org/path', controlUi: { allowedOrigins: ['*', 'https://a.org', 'a.org'], basePath: 'ui' } } }",
        expect![[r#"
            problem: torana.json:1:52: `gateway.trustedProxies[2]` must be an IP address or a network such as `10.0.0.0/8`
            problem: torana.json:1:61: `gateway.trustedProxies[3]` must be an IP address or a network such as `10.0.0.0/8`
            problem: torana.json:1:77: `gateway.publicOrigin` must be scheme and host only, such as `https://gateway.example.org`
            problem: torana.json:1:165: `gateway.controlUi.allowedOrigins[2]` must be scheme, host and port only, such as `https://panel.example.org`
            problem: torana.json:1:175: `gateway.controlUi.basePath` must start with `/`
            warning: torana.json:1:143: `gateway.controlUi.allowedOrigins[0]` is not honoured: it would let every website in through a visitor's browser; list the origins you use
        "#]],
    );
}
