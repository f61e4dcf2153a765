//! Accounts have credentials, and their policies let in whom they should.

use torana_channels::AccountConfig;
use torana_core::admit::DmPolicy;
use torana_engine::store::pairing;

use super::finding::{Finding, Patient, Report};
use super::reading;
use crate::compose;
use crate::gateway::refusal_of;

const CHECK: &str = "channels";

pub(super) fn check(patient: &Patient<'_>, report: &mut Report) {
    let Some(config) = &patient.config else {
        return;
    };
    let variables = patient.invocation.variables();
    let (accounts, issues) = compose::channels::accounts(config, &|name| variables.get(name));
    for (channel, issue) in issues {
        report.add(Finding::fail(
            CHECK,
            format!("{channel}: {}", issue.message),
            issue.hint.unwrap_or_else(|| "mend the section".to_owned()),
        ));
    }
    if accounts.is_empty() {
        report.add(Finding::ok(
            CHECK,
            "no platform is configured; the browser always works",
        ));
        return;
    }
    for account in &accounts {
        match refusal_of(&patient.refusals, account) {
            // What is wrong and what to do was said with the configuration.
            Some(why) => report.add(Finding::warn(
                CHECK,
                format!("{}:{} does not start", account.channel, account.account),
                format!("mend {why}"),
            )),
            None => account_check(account, report),
        }
    }
    if config.commands.owner_allow_from.is_empty() && !owner_recorded(patient) {
        report.add(Finding::warn(
            CHECK,
            "nobody is the owner yet",
            "the first person you approve becomes it: `torana pairing list`, then `torana pairing approve`",
        ));
    }
}

fn owner_recorded(patient: &Patient<'_>) -> bool {
    let path = patient.invocation.paths.database();
    let owners = reading::open(&path)
        .ok()
        .and_then(|connection| pairing::owners(&connection).ok());
    owners.is_some_and(|owners| !owners.is_empty())
}

fn account_check(account: &AccountConfig, report: &mut Report) {
    let name = format!("{}:{}", account.channel, account.account);
    if !account.enabled {
        report.add(Finding::ok(CHECK, format!("{name} is switched off")));
        return;
    }
    for warning in &account.warnings {
        report.add(Finding::warn(
            CHECK,
            format!("{name}: `{}` {}", warning.path, warning.message),
            warning
                .hint
                .clone()
                .unwrap_or_else(|| "look at that key".to_owned()),
        ));
    }
    if let Some(blocked) = &account.blocked {
        report.add(Finding::fail(
            CHECK,
            format!("{name} does not start: {}", blocked.message),
            blocked
                .hint
                .clone()
                .unwrap_or_else(|| format!("set `{}`", blocked.path)),
        ));
        return;
    }
    let policy = &account.policy;
    let everybody = policy.allow_from.iter().any(|entry| entry == "*");
    let section = format!("channels.{}", account.channel);
    match policy.dm_policy {
        DmPolicy::Allowlist if policy.allow_from.is_empty() => report.add(Finding::warn(
            CHECK,
            format!("{name}: direct messages are for listed people, and the list is empty"),
            format!("add ids to `{section}.allowFrom`, or set `{section}.dmPolicy` to `pairing`"),
        )),
        DmPolicy::Open if !everybody => report.add(Finding::warn(
            CHECK,
            format!(
                "{name}: `dmPolicy` is `open`, which takes effect only with `*` in `allowFrom`"
            ),
            format!("add \"*\" to `{section}.allowFrom`, or set `{section}.dmPolicy` to `pairing`"),
        )),
        DmPolicy::Allowlist | DmPolicy::Open | DmPolicy::Pairing | DmPolicy::Disabled => {
            report.add(Finding::ok(CHECK, format!("{name} is configured")));
        }
    }
}
