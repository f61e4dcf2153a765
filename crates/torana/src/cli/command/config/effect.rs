//! What a running gateway makes of a change, in words.

use torana_core::config::ReloadPlan;
use torana_core::config::tree::ReloadMode;

/// Whether only commands of this machine read what changed: where their gateway is.
pub(crate) fn is_for_commands(plan: &ReloadPlan) -> bool {
    let mut changed = plan.live.iter().chain(&plan.restart).peekable();
    changed.peek().is_some()
        && plan.accounts.is_empty()
        && changed.all(|path| {
            let path = path.to_string();
            path == "gateway.mode" || path.starts_with("gateway.remote")
        })
}

/// What a running gateway makes of a change, in words.
pub(crate) fn effect(plan: &ReloadPlan, mode: ReloadMode) -> String {
    if plan.is_empty() {
        return "it has no effect on a running gateway".to_owned();
    }
    let keys: Vec<String> = plan
        .restart
        .iter()
        .map(|path| format!("`{path}`"))
        .collect();
    let keys = keys.join(", ");
    let mut parts = Vec::new();
    match mode {
        ReloadMode::Off => {
            return "`gateway.reload.mode` is `off`: it takes effect after `torana gateway restart`"
                .to_owned();
        }
        ReloadMode::Restart if keys.is_empty() => {
            return "the running gateway restarts for it".to_owned();
        }
        ReloadMode::Restart | ReloadMode::Hybrid if !keys.is_empty() => {
            return format!("the running gateway restarts for {keys}");
        }
        ReloadMode::Hot if !keys.is_empty() => {
            parts.push(format!("{keys}: only after `torana gateway restart`"));
        }
        ReloadMode::Restart | ReloadMode::Hybrid | ReloadMode::Hot => {}
    }
    if !plan.accounts.is_empty() {
        let accounts: Vec<String> = plan.accounts.iter().map(account_name).collect();
        parts.push(format!(
            "the running gateway restarts {}",
            accounts.join(", ")
        ));
    }
    if parts.is_empty() {
        parts.push("the running gateway takes it up".to_owned());
    }
    parts.join("; ")
}

/// An account, as people write it.
pub(crate) fn account_name((channel, account): &(String, Option<String>)) -> String {
    account
        .as_ref()
        .map_or_else(|| channel.clone(), |account| format!("{channel}:{account}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::configuration;

    fn plan(old: &Value, new: &Value) -> ReloadPlan {
        ReloadPlan::between(configuration::schema(), old, new)
    }

    #[test]
    fn where_the_gateway_is_concerns_commands_only() {
        let remote =
            json!({ "gateway": { "mode": "remote", "remote": { "url": "wss://a.example" } } });
        let both = json!({ "gateway": { "mode": "remote", "port": 1 } });
        assert!(is_for_commands(&plan(&json!({}), &remote)));
        assert!(!is_for_commands(&plan(&json!({}), &both)));
        assert!(!is_for_commands(&plan(&remote, &remote)));
    }

    #[test]
    fn what_a_change_does_follows_the_mode_of_reloading() {
        let restart = plan(&json!({}), &json!({ "gateway": { "port": 1 } }));
        let live = plan(
            &json!({}),
            &json!({ "agents": { "defaults": { "model": "a/b" } } }),
        );
        let cases = [
            (
                &restart,
                ReloadMode::Hybrid,
                "the running gateway restarts for `gateway.port`",
            ),
            (
                &restart,
                ReloadMode::Hot,
                "`gateway.port`: only after `torana gateway restart`",
            ),
            (&live, ReloadMode::Hybrid, "the running gateway takes it up"),
            (
                &live,
                ReloadMode::Restart,
                "the running gateway restarts for it",
            ),
            (
                &live,
                ReloadMode::Off,
                "`gateway.reload.mode` is `off`: it takes effect after `torana gateway restart`",
            ),
        ];
        for (plan, mode, words) in cases {
            assert_eq!(effect(plan, mode), words);
        }
    }
}
