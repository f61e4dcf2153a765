//! `torana system`, `torana users` and `torana audit`: what happens at the gateway, and who is there.

use serde_json::{Value, json};
use torana_host::moment::rfc3339;

use super::operate::{ask, short};
use crate::cli::args::{
    AuditFlags, HeartbeatCommand, StabilityFlags, SystemCommand, UsersCommand, WakeMode,
};
use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::output::{facts, table};
use crate::cli::rpc::method;
use crate::cli::words::{age, ago, items_of, number_of, plain, text_of};

/// Runs `torana system …`.
pub(crate) async fn run(
    invocation: &mut Invocation,
    command: SystemCommand,
) -> Result<(), Failure> {
    match command {
        SystemCommand::Event {
            text,
            mode,
            session,
        } => {
            let (word, told) = match mode {
                WakeMode::Now => ("now", "the agent hears of it now"),
                WakeMode::NextHeartbeat => (
                    "next-heartbeat",
                    "the agent hears of it with its next heartbeat",
                ),
            };
            let mut params = json!({ "mode": word, "text": text });
            if let Some(session) = session {
                params["sessionKey"] = json!(session);
            }
            let answer = ask(invocation, method::WAKE, params).await?;
            invocation.output.either(&answer, || told.to_owned())
        }
        SystemCommand::Heartbeat { command } => heartbeat(invocation, command).await,
        SystemCommand::Presence => {
            let answer = ask(invocation, method::SYSTEM_PRESENCE, json!({})).await?;
            let now_ms = invocation.world.wall_ms();
            invocation
                .output
                .either(&answer, || presence(&answer, now_ms))
        }
    }
}

async fn heartbeat(invocation: &Invocation, command: HeartbeatCommand) -> Result<(), Failure> {
    let enabled = match command {
        HeartbeatCommand::Last => {
            let answer = ask(invocation, method::LAST_HEARTBEAT, json!({})).await?;
            let now_ms = invocation.world.wall_ms();
            return invocation
                .output
                .either(&answer, || last_heartbeat(&answer, now_ms));
        }
        HeartbeatCommand::Enable => true,
        HeartbeatCommand::Disable => false,
    };
    let answer = ask(
        invocation,
        method::SET_HEARTBEATS,
        json!({ "enabled": enabled }),
    )
    .await?;
    invocation.output.either(&answer, || {
        format!("heartbeats are {}", if enabled { "on" } else { "off" })
    })
}

fn last_heartbeat(answer: &Value, now_ms: i64) -> String {
    if answer.is_null() {
        return "there was no heartbeat yet".to_owned();
    }
    let at = number_of(answer, "ts")
        .map(|at_ms| ago(now_ms, at_ms))
        .unwrap_or_default();
    facts([
        ("Heartbeat", at),
        ("Status", text_of(answer, "status").to_owned()),
        ("Reason", text_of(answer, "reason").to_owned()),
        ("Text", text_of(answer, "preview").to_owned()),
    ])
}

fn presence(answer: &Value, now_ms: i64) -> String {
    let rows = answer.as_array().into_iter().flatten().map(|entry| {
        [
            text_of(entry, "host").to_owned(),
            text_of(entry, "mode").to_owned(),
            text_of(entry, "ip").to_owned(),
            text_of(entry, "version").to_owned(),
            text_of(entry, "platform").to_owned(),
            number_of(entry, "ts")
                .map(|at_ms| age(now_ms, at_ms))
                .unwrap_or_default(),
        ]
    });
    table(["host", "as", "from", "version", "platform", "heard"], rows)
}

/// Runs `torana users …`; each command ends with the people as they are then.
pub(crate) async fn users(
    invocation: &mut Invocation,
    command: UsersCommand,
) -> Result<(), Failure> {
    let answer = match command {
        UsersCommand::List => ask(invocation, method::USERS_LIST, json!({})).await?,
        UsersCommand::LinkEmail { email, to } => {
            let params = json!({ "email": email, "targetProfileId": to });
            ask(invocation, method::USERS_LINK_EMAIL, params).await?
        }
    };
    let now_ms = invocation.world.wall_ms();
    invocation.output.either(&answer, || {
        let profiles = items_of(&answer, "profiles");
        if profiles.is_empty() {
            return "the gateway knows nobody by name".to_owned();
        }
        let rows = profiles.iter().map(|profile| {
            [
                text_of(profile, "id").to_owned(),
                text_of(profile, "displayName").to_owned(),
                text_of(profile, "role").to_owned(),
                super::operate::joined(profile, "emails"),
                number_of(profile, "updatedAt")
                    .map(|at_ms| age(now_ms, at_ms))
                    .unwrap_or_default(),
            ]
        });
        table(["user", "name", "role", "mail", "changed"], rows)
    })
}

/// Runs `torana gateway stability`.
pub(crate) async fn stability(
    invocation: &mut Invocation,
    flags: StabilityFlags,
) -> Result<(), Failure> {
    let mut params = json!({ "limit": flags.limit });
    if let Some(kind) = flags.kind {
        params["type"] = json!(kind);
    }
    if let Some(sequence) = flags.since_seq {
        params["sinceSeq"] = json!(sequence);
    }
    let answer = ask(invocation, method::DIAGNOSTICS_STABILITY, params).await?;
    invocation.output.either(&answer, || events(&answer))
}

/// Events as a table.
pub(super) fn events(answer: &Value) -> String {
    let events = items_of(answer, "events");
    if events.is_empty() {
        return "nothing happened since the gateway started".to_owned();
    }
    let rows = events.iter().map(|event| {
        let rest: Vec<String> = event
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| !matches!(name.as_str(), "seq" | "ts" | "type"))
            .map(|(name, value)| format!("{name} {}", plain(value)))
            .collect();
        [
            number_of(event, "seq").unwrap_or(0).to_string(),
            number_of(event, "ts").map(rfc3339).unwrap_or_default(),
            text_of(event, "type").to_owned(),
            rest.join(", "),
        ]
    });
    table(["number", "at", "what", "more"], rows)
}

/// Runs `torana audit`.
pub(crate) async fn audit(invocation: &mut Invocation, flags: AuditFlags) -> Result<(), Failure> {
    if flags.explain || flags.execution.is_some() {
        return inspect(invocation, flags).await;
    }
    let mut params = json!({ "limit": flags.limit });
    let wanted = [
        ("agentId", flags.agent),
        ("sessionKey", flags.session),
        ("runId", flags.run),
        ("kind", flags.kind),
        ("status", flags.status),
        ("channel", flags.channel),
        ("direction", flags.direction),
        ("cursor", flags.cursor),
    ];
    for (name, value) in wanted {
        if let Some(value) = value {
            params[name] = json!(value);
        }
    }
    for (name, at_ms) in [("after", flags.after), ("before", flags.before)] {
        if let Some(at_ms) = at_ms {
            params[name] = json!(at_ms);
        }
    }
    let answer = ask(invocation, method::AUDIT_ACTIVITY_LIST, params).await?;
    invocation.output.either(&answer, || {
        let events = items_of(&answer, "events");
        if events.is_empty() {
            return "nothing is recorded".to_owned();
        }
        let rows = events.iter().map(|event| {
            let place = [text_of(event, "sessionKey"), text_of(event, "channel")]
                .into_iter()
                .find(|text| !text.is_empty())
                .unwrap_or_default();
            [
                number_of(event, "occurredAt")
                    .map(rfc3339)
                    .unwrap_or_default(),
                text_of(event, "action").to_owned(),
                text_of(event, "status").to_owned(),
                text_of(event, "agentId").to_owned(),
                place.to_owned(),
                short(text_of(event, "runId")),
            ]
        });
        let mut text = table(["at", "what", "status", "agent", "where", "run"], rows);
        let cursor = text_of(&answer, "nextCursor");
        if !cursor.is_empty() {
            text.push_str(&format!(
                "\n\nthere is more; go on with `--cursor {cursor}`"
            ));
        }
        text
    })
}

/// Decisions of one page, as the method allows.
const DECISIONS_MAX: u16 = 100;

/// Who one run was for, and why it was let in.
async fn inspect(invocation: &Invocation, flags: AuditFlags) -> Result<(), Failure> {
    let mut params = json!({ "decisionLimit": flags.limit.min(DECISIONS_MAX) });
    let wanted = [
        ("runId", flags.run),
        ("executionId", flags.execution),
        ("decisionCursor", flags.cursor),
    ];
    for (name, value) in wanted {
        if let Some(value) = value {
            params[name] = json!(value);
        }
    }
    let answer = ask(invocation, method::AUDIT_RUN_INSPECT, params).await?;
    invocation.output.either(&answer, || inspected(&answer))
}

fn inspected(answer: &Value) -> String {
    let (run, identity, coverage) = (&answer["run"], &answer["identity"], &answer["coverage"]);
    let because = |value: &Value| {
        let reason = text_of(value, "reasonCode");
        let missing = super::operate::joined(value, "missingEvidence");
        let why: Vec<&str> = [reason, missing.as_str()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        if why.is_empty() {
            text_of(value, "state").to_owned()
        } else {
            format!("{} ({})", text_of(value, "state"), why.join("; "))
        }
    };
    let mut text = facts([
        ("Run", text_of(run, "runId").to_owned()),
        ("Known", text_of(run, "status").to_owned()),
        ("For whom", because(identity)),
        ("Evidence", because(coverage)),
    ]);
    for decision in items_of(answer, "decisionDisplays") {
        text.push_str(&format!("\n\n{}", plain(decision)));
    }
    let cursor = text_of(answer, "nextDecisionCursor");
    if !cursor.is_empty() {
        text.push_str(&format!(
            "\n\nthere is more; go on with `--cursor {cursor}`"
        ));
    }
    text
}
