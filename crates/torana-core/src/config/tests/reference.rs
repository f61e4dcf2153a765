//! The schema and the reference page are complete and stable in shape.

use std::sync::LazyLock;

use expect_test::expect;

use super::sections;
use crate::config::{LoadInput, TreeSchema, load, reference_markdown};

#[test]
fn the_schema_is_draft_07_without_references_or_null() {
    let schema = TreeSchema::new(&sections());
    let schema = schema.as_value();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let text = schema.to_string();
    assert!(!text.contains("$ref"), "a reference is left");
    assert!(!text.contains("\"null\""), "null is left as a type");
    assert_eq!(
        schema["properties"]["channels"]["additionalProperties"],
        false
    );
    expect![[r#"{"type":"object","additionalProperties":false,"properties":{"mode":{"x-since":"0.1.0","description":"How clients prove themselves. Unset means `password` when only a password is given, else `token`; a token is generated when none is written. `none` (also spelled `off`) is refused off loopback.","default":"token","x-reload":"live","oneOf":[{"type":"string","const":"token","description":"A shared token, generated if not written."},{"type":"string","const":"password","description":"A password."},{"type":"string","const":"none","description":"No secret at all; loopback only."},{"type":"string","const":"trusted-proxy","description":"A proxy names the person; see `trustedProxy`. The shared secret counts only on this machine."}],"x-value-aliases":{"off":"none"}},"token":{"x-since":"0.1.0","description":"The shared token; at least 24 characters when the gateway listens beyond loopback. Changing it signs out every client at once.","anyOf":[{"type":"string"},{"type":"object","description":"A reference to a secret kept elsewhere; `env` is the only source of this build.","properties":{"source":{"type":"string","enum":["env","file","exec","store"]},"provider":{"type":"string"},"id":{"type":"string"}},"required":["source","id"],"additionalProperties":false}],"x-reload":"live","x-secret":true},"password":{"x-since":"0.1.0","description":"The shared password; at least 12 characters when the gateway listens beyond loopback. Changing it signs out every client at once.","anyOf":[{"type":"string"},{"type":"object","description":"A reference to a secret kept elsewhere; `env` is the only source of this build.","properties":{"source":{"type":"string","enum":["env","file","exec","store"]},"provider":{"type":"string"},"id":{"type":"string"}},"required":["source","id"],"additionalProperties":false}],"x-reload":"live","x-secret":true},"trustedProxy":{"type":"object","additionalProperties":false,"properties":{"userHeader":{"type":"string","description":"Header in which the proxy names the person, for example `x-forwarded-user`; the proxy must remove it from what clients send.","x-since":"0.1.0","x-reload":"restart"},"requiredHeaders":{"type":"array","items":{"type":"string"},"description":"Headers that must be there too; they show that a request passed the proxy.","default":[],"x-reload":"restart","x-advanced":true,"x-since":"0.1.0"},"allowUsers":{"type":"array","items":{"type":"string"},"description":"Persons who may come in; empty means everybody whom the proxy names.","default":[],"x-reload":"restart","x-since":"0.1.0"},"allowLoopback":{"type":"boolean","description":"Believe a proxy on this machine. Off unless written: any program of this machine could pose as it.","default":false,"x-reload":"restart","x-advanced":true,"x-since":"0.1.0"}},"description":"Who may come in when `mode` is `trusted-proxy`."},"allowTailscale":{"type":"boolean","description":"Let persons in whom a Tailscale proxy on this machine names, on WebSockets only and still with a paired device. Off unless written: any program of this machine could write these headers too.","default":false,"x-reload":"restart","x-advanced":true,"x-since":"0.1.0"},"rateLimit":{"type":"object","additionalProperties":false,"properties":{"maxAttempts":{"type":"integer","x-since":"0.1.0","minimum":1,"description":"Wrong secrets within `windowMs` after which an address, or a page on this machine, is locked out. More than 1000 count as 1000.","default":10,"x-reload":"live","x-advanced":true},"windowMs":{"type":"integer","x-since":"0.1.0","minimum":1,"description":"How long a wrong secret counts, in milliseconds.","default":60000,"x-reload":"live","x-advanced":true},"lockoutMs":{"type":"integer","x-since":"0.1.0","minimum":1,"description":"How long a lockout lasts, in milliseconds; a right secret is refused meanwhile too.","default":300000,"x-reload":"live","x-advanced":true},"exemptLoopback":{"type":"boolean","description":"Never lock out programs on this machine, so that nobody on it can keep its owner out.","default":true,"x-reload":"live","x-advanced":true,"x-since":"0.1.0"}},"description":"How many wrong secrets a place may present before it is locked out."}},"description":"The secret clients present."}"#]].assert_eq(&schema["properties"]["gateway"]["properties"]["auth"].to_string());
}

#[test]
fn the_reference_has_one_row_per_key() {
    let page = reference_markdown(&TreeSchema::new(&sections()));
    let section = |title: &str| {
        let start = page
            .find(&format!("\n## {title}\n"))
            .unwrap_or_else(|| panic!("no section {title}"));
        page[start..]
            .split("\n## ")
            .nth(1)
            .unwrap_or_default()
            .to_owned()
    };
    expect![[r#"
        `session`

        How messages are grouped into sessions and when a session starts anew.

        | Key | Type | Default | Meaning | Reload | Since |
        |---|---|---|---|---|---|
        | `session.dmScope` | `main`, `per-peer`, `per-channel-peer`, `per-account-channel-peer` | `"main"` | Which direct chats share a session. `main` puts all of them into one: right for one person, wrong for several. | live | 0.1.0 |
        | `session.groupScope` | `per-group`, `main` | `"per-group"` | Which group chats share a session. | live | 0.1.0 |
        | `session.scope` | `per-sender`, `global` | `"per-sender"` | `global` puts everything into one session. | live | 0.1.0 |
        | `session.identityLinks` | map of list of text or whole number |  | One person on several platforms: a name and its identities, each as `<channel>:<id>`. | live | 0.1.0 |
        | `session.reset.mode` | `none`, `daily`, `idle` | `"none"` | The rule; unset means `none`, or `idle` when only `idleMinutes` is given. | live | 0.1.0 |
        | `session.reset.atHour` | whole number (hour), 0 to 23 | `4` | Hour of the daily reset, local time. | live | 0.1.0 |
        | `session.reset.idleMinutes` | whole number (min) |  | Silence after which the session starts anew; together with `daily`, whichever comes first. With `idle` and no figure it is 60. | live | 0.1.0 |
        | `session.resetByType.direct.mode` | `none`, `daily`, `idle` | `"none"` | The rule; unset means `none`, or `idle` when only `idleMinutes` is given. | live | 0.1.0 |
        | `session.resetByType.direct.atHour` | whole number (hour), 0 to 23 | `4` | Hour of the daily reset, local time. | live | 0.1.0 |
        | `session.resetByType.direct.idleMinutes` | whole number (min) |  | Silence after which the session starts anew; together with `daily`, whichever comes first. With `idle` and no figure it is 60. | live | 0.1.0 |
        | `session.resetByType.group.mode` | `none`, `daily`, `idle` | `"none"` | The rule; unset means `none`, or `idle` when only `idleMinutes` is given. | live | 0.1.0 |
        | `session.resetByType.group.atHour` | whole number (hour), 0 to 23 | `4` | Hour of the daily reset, local time. | live | 0.1.0 |
        | `session.resetByType.group.idleMinutes` | whole number (min) |  | Silence after which the session starts anew; together with `daily`, whichever comes first. With `idle` and no figure it is 60. | live | 0.1.0 |
        | `session.resetByType.thread.mode` | `none`, `daily`, `idle` | `"none"` | The rule; unset means `none`, or `idle` when only `idleMinutes` is given. | live | 0.1.0 |
        | `session.resetByType.thread.atHour` | whole number (hour), 0 to 23 | `4` | Hour of the daily reset, local time. | live | 0.1.0 |
        | `session.resetByType.thread.idleMinutes` | whole number (min) |  | Silence after which the session starts anew; together with `daily`, whichever comes first. With `idle` and no figure it is 60. | live | 0.1.0 |
        | `session.resetByChannel` | map of object |  | The same by channel (`webchat` is the Control UI and other clients); it wins over the other two. | live | 0.1.0 |
        | `session.resetByChannel.*.mode` | `none`, `daily`, `idle` | `"none"` | The rule; unset means `none`, or `idle` when only `idleMinutes` is given. | live | 0.1.0 |
        | `session.resetByChannel.*.atHour` | whole number (hour), 0 to 23 | `4` | Hour of the daily reset, local time. | live | 0.1.0 |
        | `session.resetByChannel.*.idleMinutes` | whole number (min) |  | Silence after which the session starts anew; together with `daily`, whichever comes first. With `idle` and no figure it is 60. | live | 0.1.0 |
        | `session.resetTriggers` | list of text | `["/new","/reset"]` | Words that start a session anew, besides `/new` and `/reset`; what follows them is the first message. | live | 0.1.0 |
    "#]].assert_eq(&section("`session`"));
    expect![[r#"
        `models`

        Model providers and the models they offer.

        | Key | Type | Default | Meaning | Reload | Since |
        |---|---|---|---|---|---|
        | `models.mode` | `merge`, `replace` | `"merge"` | `merge` adds the providers below to the built-in ones, `replace` leaves only them. | live | 0.1.0 |
        | `models.providers` | map of object |  | Providers by name; a model is written `<provider>/<model>`. | live | 0.1.0 |
        | `models.providers.*.baseUrl` | text |  | Address of the API without the final path, for example `https://api.openai.com/v1` or `http://127.0.0.1:11434/v1`. Any address you write here is allowed, but plain http with a key only within your own network. | live | 0.1.0 |
        | `models.providers.*.apiKey` | secret |  | The API key, a `${VARIABLE}` or a secret reference. Unset uses the provider's usual environment variable. | live | 0.1.0 |
        | `models.providers.*.api` | `openai-completions`, `anthropic-messages` | `"openai-completions"` | Which wire format the endpoint speaks. | live | 0.1.0 |
        | `models.providers.*.headers` | map of secret |  | Extra HTTP headers sent with every request; values are treated as secrets. | live | 0.1.0 |
        | `models.providers.*.models` | list of object | `[]` | The models of this provider with their limits and prices. | live | 0.1.0 |
        | `models.providers.*.models[].id` | text | required | The model's id as the provider knows it. | live | 0.1.0 |
        | `models.providers.*.models[].name` | text |  | Name shown to people; unset shows the id. | live | 0.1.0 |
        | `models.providers.*.models[].contextWindow` | whole number (tokens) |  | How much the model can read at once. | live | 0.1.0 |
        | `models.providers.*.models[].maxTokens` | whole number (tokens) |  | The most it may write in one answer. | live | 0.1.0 |
        | `models.providers.*.models[].cost.input` | number (USD per million tokens) | `0.0` | Tokens read. | live | 0.1.0 |
        | `models.providers.*.models[].cost.output` | number (USD per million tokens) | `0.0` | Tokens written. | live | 0.1.0 |
        | `models.providers.*.models[].cost.cacheRead` | number (USD per million tokens) | `0.0` | Tokens read from the provider's cache. | live | 0.1.0 |
        | `models.providers.*.models[].cost.cacheWrite` | number (USD per million tokens) | `0.0` | Tokens written to the provider's cache. | live | 0.1.0 |
        | `models.providers.*.models[].reasoning` | true or false | `false` | The model can think before it answers. | live | 0.1.0 |
    "#]].assert_eq(&section("`models`"));
    expect![[r#"
        `channels.telegram`

        A channel's section as a channel would write it, small.

        | Key | Type | Default | Meaning | Reload | Since |
        |---|---|---|---|---|---|
        | `channels.telegram.enabled` | true or false |  | Whether it is used. | live | 0.1.0 |
        | `channels.telegram.botToken` | secret |  | The token. | live | 0.1.0 |
        | `channels.telegram.dmPolicy` | text |  | Who may write. | live | 0.1.0 |
        | `channels.telegram.allowFrom` | list of text or whole number |  | Who they are. | live | 0.1.0 |
        | `channels.telegram.apiRoot` | text |  | A proxy. Also spelled `apiBase`. | live | 0.1.0 |
        | `channels.telegram.accounts` | map of object |  | Further accounts. | live | 0.1.0 |
        | `channels.telegram.accounts.*.enabled` | true or false |  |  | live | 0.1.0 |
        | `channels.telegram.accounts.*.botToken` | secret |  |  | live | 0.1.0 |
        | `channels.telegram.accounts.*.dmPolicy` | text |  |  | live | 0.1.0 |
        | `channels.telegram.accounts.*.allowFrom` | list of text or whole number |  |  | live | 0.1.0 |
    "#]].assert_eq(&section("`channels.telegram`"));
    expect![[r#"
        `bindings`

        Rules that choose the agent for a message; the most specific match wins, then file order.

        | Key | Type | Default | Meaning | Reload | Since |
        |---|---|---|---|---|---|
        | `bindings` | list of object | `[]` | Rules that choose the agent for a message; the most specific match wins, then file order. | live | 0.1.0 |
        | `bindings[].type` | `route` | `"route"` | What kind of rule this is. | live | 0.1.0 |
        | `bindings[].agentId` | text | required | The agent that answers. | live | 0.1.0 |
        | `bindings[].comment` | text |  | A note for whoever reads the file. | live | 0.1.0 |
        | `bindings[].match.channel` | text | required | The channel's name. | live | 0.1.0 |
        | `bindings[].match.accountId` | text |  | The account; unset means the channel's default account, `*` any. | live | 0.1.0 |
        | `bindings[].match.peer.kind` | `direct`, `group`, `channel` | required | What kind of chat. | live | 0.1.0 |
        | `bindings[].match.peer.id` | text | required | Its id on the platform, or `*` for all of this kind. | live | 0.1.0 |
        | `bindings[].match.guildId` | text |  | The server of a platform that has servers. No channel of this build has, so such a rule matches nothing. | live | 0.1.0 |
        | `bindings[].match.teamId` | text |  | The team of a platform that has teams. No channel of this build has, so such a rule matches nothing. | live | 0.1.0 |
        | `bindings[].match.roles` | list of text | `[]` | Roles, of which the sender must have one. No channel of this build has roles, so such a rule matches nothing. | live | 0.1.0 |
        | `bindings[].session.dmScope` | `main`, `per-peer`, `per-channel-peer`, `per-account-channel-peer` |  | As `session.dmScope`. | live | 0.1.0 |
        | `bindings[].session.groupScope` | `per-group`, `main` |  | As `session.groupScope`. | live | 0.1.0 |
    "#]].assert_eq(&section("`bindings`"));
}

#[test]
fn a_file_without_keys_needs_no_schema() {
    let loaded = load(LoadInput {
        path: "torana.json",
        text: "{ /* later */ }",
        env: &|_| None,
        include: &|_| Err("no includes here".to_owned()),
        schema: &LazyLock::new(|| panic!("made for nothing")),
        known_providers: &[],
    });
    assert!(loaded.config.is_some(), "{:?}", loaded.problems);
}
