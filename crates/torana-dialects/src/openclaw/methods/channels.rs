//! Channels and their accounts: how they are, starting, stopping and signing out, and sending by action.

use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use torana_core::config::{KeyPath, edit, read_text};
use torana_core::event::AccountState;
use torana_core::id::{AccountId, ChannelId, DEFAULT_ACCOUNT};
use torana_engine::{AccountStatus, Probe};

use super::config::author;
use super::{Answer, Call, Running};
use crate::openclaw::desk::{Base, edit_failure};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::health as cache;

/// How long platforms may take to answer a probe, milliseconds (the original command line waits 8 s).
const PROBE_MS_DEFAULT: u64 = 8_000;
const PROBE_MS_MAX: u64 = 30_000;
/// Issues shown at most (the published schema's own bound).
const ISSUES_MAX: usize = 50;

pub(super) fn status(call: Call) -> Running {
    Box::pin(async move { full_status(call).await })
}

async fn full_status(call: Call) -> Answer {
    let only = call.params.word("channel");
    let mut accounts = call.engine().accounts();
    if let Some(only) = only
        && !accounts
            .iter()
            .any(|account| account.channel.as_str() == only)
    {
        let short: String = only.chars().take(64).collect();
        return Err(WireError::invalid(format!("unknown channel: {short}")));
    }
    accounts.retain(|account| only.is_none_or(|only| account.channel.as_str() == only));
    let probes = probes(&call, &accounts).await;
    let mut grouped = cache::channels(&accounts);
    for (status, probe) in accounts.iter().zip(&probes) {
        let list = grouped
            .accounts
            .get_mut(status.channel.as_str())
            .and_then(Value::as_array_mut);
        let entry = list
            .into_iter()
            .flatten()
            .find(|entry| entry["accountId"].as_str() == Some(status.account.as_str()));
        let Some(entry) = entry else { continue };
        if let Some(probe) = probe {
            tell_probe(entry, probe);
        }
        let channel = status.channel.as_str();
        if grouped.defaults[channel] == status.account.as_str() {
            sum_up(&mut grouped.summaries[channel], entry);
        }
    }
    let meta: Vec<Value> = grouped
        .order
        .iter()
        .map(|id| json!({ "id": id, "label": cache::label(id), "detailLabel": cache::label(id) }))
        .collect();
    let labels = grouped.labels.clone();
    let mut answer = json!({
        "ts": call.now_ms().max(0),
        "channelOrder": grouped.order,
        "channelLabels": grouped.labels,
        "channelDetailLabels": labels,
        "channelSystemImages": {},
        "channelMeta": meta,
        "channels": grouped.summaries,
        "channelAccounts": grouped.accounts,
        "channelDefaultAccountId": grouped.defaults,
    });
    if call.client.observed {
        // Quirk: sent by 2026.9.6, missing in the schema published with 2026.9.1.
        answer["statusIssues"] = json!(issues(&accounts, &probes));
    }
    Ok(Payload::of(&answer))
}

/// Puts what a page shows of a channel as a whole into its summary: what holds for its default account.
fn sum_up(summary: &mut Value, entry: &Value) {
    for name in ["mode", "lastProbeAt", "probe"] {
        if let Some(fact) = entry.get(name) {
            summary[name] = fact.clone();
        }
    }
}

/// Asks the platforms of accounts who we are there, when the call wants that.
pub(super) async fn probes(call: &Call, accounts: &[AccountStatus]) -> Vec<Option<Probe>> {
    if call.params.flag("probe") != Some(true) {
        return accounts.iter().map(|_| None).collect();
    }
    let timeout_ms = call
        .params
        .int("timeoutMs")
        .and_then(|wait| u64::try_from(wait).ok())
        .filter(|wait| *wait > 0)
        .unwrap_or(PROBE_MS_DEFAULT)
        .min(PROBE_MS_MAX);
    let engine = call.engine();
    let asked = accounts
        .iter()
        .map(|account| engine.probe_account(&account.channel, &account.account, timeout_ms));
    join_all(asked).await
}

/// Puts what a platform said into the entry of an account.
pub(super) fn tell_probe(entry: &mut Value, probe: &Probe) {
    entry["lastProbeAt"] = json!(probe.at_ms.max(0));
    entry["probe"] = probe_value(probe);
}

fn probe_value(probe: &Probe) -> Value {
    match &probe.outcome {
        Ok(identity) => json!({
            "ok": true, "elapsedMs": probe.elapsed_ms,
            "bot": { "id": identity.id.as_ref(), "username": identity.username },
        }),
        Err(reason) => json!({ "ok": false, "elapsedMs": probe.elapsed_ms, "error": reason }),
    }
}

fn issues(accounts: &[AccountStatus], probes: &[Option<Probe>]) -> Vec<Value> {
    let issue = |account: &AccountStatus, kind: &str, message: &str| json!({ "channel": account.channel.as_str(), "accountId": account.account.as_str(), "kind": kind, "message": message });
    let mut found = Vec::new();
    for (account, probe) in accounts.iter().zip(probes) {
        match &account.state {
            AccountState::Failing(reason) | AccountState::Stopped(reason) => {
                found.push(issue(account, "runtime", reason));
            }
            AccountState::Running | AccountState::Starting => {}
        }
        let identity = match probe.as_ref().map(|probe| &probe.outcome) {
            Some(Ok(identity)) => Some(identity),
            Some(Err(_)) => None,
            None => account.identity.as_ref(),
        };
        for notice in identity.iter().flat_map(|identity| &identity.notices) {
            found.push(issue(account, "permissions", notice));
        }
    }
    found.truncate(ISSUES_MAX);
    found
}

/// The account a call names; the default one when it names none.
fn account_of(call: &Call) -> Result<(ChannelId, AccountId), WireError> {
    let bad = |error: torana_core::id::IdError| WireError::invalid(error.to_string());
    let name = call
        .params
        .word("channel")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let channel = ChannelId::new(name).map_err(bad)?;
    let account = match call.params.word("accountId") {
        Some(account) => AccountId::new(account).map_err(bad)?,
        None => {
            let settings = call.engine().settings();
            let running = call.engine().accounts();
            let of_channel = || running.iter().filter(|status| status.channel == channel);
            let first = of_channel()
                .find(|status| status.account.as_str() == DEFAULT_ACCOUNT)
                .or_else(|| of_channel().next());
            match settings
                .default_account(&channel)
                .or_else(|| first.map(|status| status.account.clone()))
            {
                Some(account) => account,
                None => AccountId::new(DEFAULT_ACCOUNT).map_err(bad)?,
            }
        }
    };
    Ok((channel, account))
}

async fn note(call: &Call, channel: &ChannelId, account: &AccountId) {
    let act = call.act("channel", format!("{channel}/{account}"), None);
    call.gateway.audit().keep(act).await;
}

pub(super) fn start(call: Call) -> Running {
    Box::pin(async move {
        let (channel, account) = account_of(&call)?;
        let site = call.gateway.context().host.site();
        site.start_account(channel.clone(), account.clone()).await?;
        note(&call, &channel, &account).await;
        let started = call.engine().accounts().iter().any(|status| {
            status.channel == channel
                && status.account == account
                && !matches!(status.state, AccountState::Stopped(_))
        });
        Ok(Payload::of(&json!({
            "channel": channel.as_str(), "accountId": account.as_str(), "started": started,
        })))
    })
}

pub(super) fn stop(call: Call) -> Running {
    Box::pin(async move {
        let (channel, account) = account_of(&call)?;
        let site = call.gateway.context().host.site();
        let stopped = site.stop_account(channel.clone(), account.clone()).await?;
        if stopped {
            note(&call, &channel, &account).await;
        }
        Ok(Payload::of(&json!({
            "channel": channel.as_str(), "accountId": account.as_str(), "stopped": stopped,
        })))
    })
}

pub(super) fn logout(call: Call) -> Running {
    Box::pin(async move { signed_out(call).await })
}

/// Takes the credential out of the configuration and stops the account.
async fn signed_out(call: Call) -> Answer {
    let (channel, account) = account_of(&call)?;
    let context = call.gateway.context();
    let keys = context.host.site().credential_keys(channel.as_str());
    let (section, name) = (channel.to_string(), account.to_string());
    let mut cleared = false;
    let found = &mut cleared;
    call.gateway
        .desk()
        .write(
            context.host.config_file(),
            call.gateway.audit(),
            author(&call, "channels.logout"),
            Base::Current,
            move |view, _| {
                let mut text = view.text.clone();
                let document = read_text(&text).map_err(|error| edit_failure(&error))?;
                for path in credentials(&document, &section, &name, keys) {
                    text = edit::unset(&text, &path).map_err(|error| edit_failure(&error))?;
                    *found = true;
                }
                Ok(text)
            },
        )
        .await?;
    call.gateway.tell_config().await;
    let site = context.host.site();
    let stopped = site.stop_account(channel.clone(), account.clone()).await?;
    Ok(Payload::of(&json!({
        "channel": channel.as_str(), "accountId": account.as_str(), "cleared": cleared,
        // What the environment or a token file provides is not ours to remove; the account stays stopped until it is started.
        "loggedOut": cleared || stopped, "envToken": !cleared,
    })))
}

/// The credentials of one account that the file itself holds.
fn credentials(document: &Value, channel: &str, account: &str, keys: &[&str]) -> Vec<KeyPath> {
    let nothing = Map::new();
    let channels = document["channels"].as_object().unwrap_or(&nothing);
    let mut found = Vec::new();
    for (name, section) in channels
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(channel))
    {
        let base = KeyPath::root().key("channels").key(name);
        for key in keys {
            if account == DEFAULT_ACCOUNT && section.get(key).is_some() {
                found.push(base.key(*key));
            }
            if section["accounts"][account].get(key).is_some() {
                found.push(base.key("accounts").key(account).key(*key));
            }
        }
    }
    found
}
