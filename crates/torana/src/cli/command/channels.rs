//! `torana channels`: how the accounts of platforms are, and switching them.

use serde_json::{Value, json};

use crate::cli::args::{AccountFlags, ChannelsCommand};
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::table;
use crate::cli::rpc::method;
use crate::cli::words::{age, items_of, number_of, text_of};

/// Platforms answer within seconds or not at all; the gateway asks them all at once.
pub(super) const PROBE_MS: u64 = 8_000;

/// Runs one of the commands.
pub(crate) async fn run(
    invocation: &mut Invocation,
    command: ChannelsCommand,
) -> Result<(), Failure> {
    let (probe, channel) = match command {
        ChannelsCommand::Status {
            probe,
            channel,
            wait,
        } => {
            invocation.wait_ms = wait.wait_ms;
            (probe, channel)
        }
        ChannelsCommand::Start(account) => {
            return switch(invocation, method::CHANNELS_START, account, "starts").await;
        }
        ChannelsCommand::Stop(account) => {
            return switch(invocation, method::CHANNELS_STOP, account, "stops").await;
        }
        ChannelsCommand::Logout(account) => {
            return switch(
                invocation,
                method::CHANNELS_LOGOUT,
                account,
                "is signed out",
            )
            .await;
        }
    };
    let mut params = json!({ "probe": probe, "timeoutMs": PROBE_MS });
    if let Some(channel) = channel {
        params["channel"] = json!(channel);
    }
    let status = super::operate::ask(invocation, method::CHANNELS_STATUS, params).await?;
    let now_ms = invocation.world.wall_ms();
    invocation.output.either(&status, || rows(&status, now_ms))
}

/// Accounts as a table.
pub(crate) fn rows(status: &Value, now_ms: i64) -> String {
    let accounts = &status["channelAccounts"];
    let order = items_of(status, "channelOrder")
        .iter()
        .filter_map(Value::as_str);
    let accounts: Vec<(&str, &Value)> = order
        .flat_map(|channel| {
            items_of(accounts, channel)
                .iter()
                .map(move |account| (channel, account))
        })
        .collect();
    let rows: Vec<[String; 5]> = accounts
        .iter()
        .map(|(channel, account)| row(channel, account, now_ms))
        .collect();
    if rows.is_empty() {
        return "no channel is configured; the browser always works (`torana dashboard`)"
            .to_owned();
    }
    let mut text = table(
        ["channel", "account", "state", "identity", "last message"],
        rows,
    );
    // Not in the table: what is wrong and what to do about it stands at the end of an error, where a column ends it.
    for (channel, account) in accounts {
        let error = text_of(account, "lastError");
        if !error.is_empty() {
            let name = text_of(account, "accountId");
            text.push_str(&format!("\n\nerror of {channel}:{name}\n  {error}"));
        }
    }
    text
}

async fn switch(
    invocation: &Invocation,
    method: &str,
    account: AccountFlags,
    done: &str,
) -> Result<(), Failure> {
    let channel = account.channel.given();
    let name = match &account.account {
        Some(name) => format!("{channel}:{name}"),
        None => channel.clone(),
    };
    let mut params = json!({ "channel": channel });
    if let Some(account) = account.account {
        params["accountId"] = json!(account);
    }
    let answer = super::operate::ask(invocation, method, params).await?;
    invocation
        .output
        .either(&answer, || format!("{name} {done}"))
}

fn row(channel: &str, account: &Value, now_ms: i64) -> [String; 5] {
    let flag = |name: &str| account[name].as_bool();
    let state = match (flag("enabled"), flag("connected"), flag("running")) {
        (Some(false), _, _) => "off",
        (_, Some(true), _) => "connected",
        (_, _, Some(true)) => "connecting",
        _ => "stopped",
    };
    let identity = ["identity", "username", "botUsername", "name"]
        .iter()
        .find_map(|name| match &account[*name] {
            Value::String(text) => Some(text.clone()),
            Value::Object(map) => map
                .get("username")
                .or_else(|| map.get("name"))
                .and_then(Value::as_str)
                .map(str::to_owned),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        });
    let inbound = number_of(account, "lastInboundAt").map(|at_ms| age(now_ms, at_ms));
    [
        channel.to_owned(),
        text_of(account, "accountId").to_owned(),
        state.to_owned(),
        identity.unwrap_or_default(),
        inbound.unwrap_or_default(),
    ]
}
