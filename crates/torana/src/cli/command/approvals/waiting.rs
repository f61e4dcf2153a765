//! What waits for a decision, of every kind.

use serde_json::{Value, json};

use crate::cli::command::operate::short;
use crate::cli::failure::{Failure, Reason};
use crate::cli::output::table;
use crate::cli::rpc::{Client, method};
use crate::cli::words::{number_of, span, text_of};

/// Kinds of approvals and the method that lists each.
const LISTS: [(&str, &str); 3] = [
    ("exec", method::EXEC_APPROVAL_LIST),
    ("plugin", method::PLUGIN_APPROVAL_LIST),
    ("system-agent", method::OPENCLAW_APPROVAL_LIST),
];

/// Everything that waits. A kind the gateway does not know has nothing that could wait.
pub(crate) async fn waiting(client: &mut Client) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    let mut offered = 0;
    let mut missing = None;
    for (kind, list) in LISTS {
        match client.call(list, json!({})).await {
            Ok(Value::Array(items)) => {
                offered += 1;
                all.extend(items.into_iter().map(|mut item| {
                    if item["approvalKind"].is_null() {
                        item["approvalKind"] = json!(kind);
                    }
                    item
                }));
            }
            Ok(_) => {
                return Err(Failure::failed(format!(
                    "`{list}` was not answered with a list"
                )));
            }
            Err(failure) if failure.reason == Reason::NotOffered => {
                missing = missing.or(Some(failure))
            }
            Err(failure) => return Err(failure),
        }
    }
    match missing {
        Some(failure) if offered == 0 => Err(failure),
        _ => Ok(all),
    }
}

/// One approval that waits, under the names of the official command line (OpenClaw 2026.9.6).
pub(crate) fn entry(item: &Value) -> Value {
    let request = &item["request"];
    let text = |names: &[&str]| {
        let texts = names.iter().map(|name| text_of(request, name));
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>()
    };
    let command = text(&["command", "commandText"]);
    let mut summary = text(&["title", "description"]).join(": ");
    if let Some(command) = command.first() {
        summary = match text_of(item, "approvalKind") {
            "plugin" if !summary.is_empty() => format!("{summary} — Command: {command}"),
            _ => (*command).to_owned(),
        };
    }
    json!({
        "id": item["id"], "kind": item["approvalKind"], "agentId": request["agentId"],
        "sessionKey": request["sessionKey"], "createdAtMs": item["createdAtMs"],
        "expiresAtMs": item["expiresAtMs"], "cwd": request["cwd"], "summary": summary,
    })
}

/// What waits, for people.
pub(crate) fn shown(waiting: &[Value], now_ms: i64) -> String {
    if waiting.is_empty() {
        return "nothing waits for a decision".to_owned();
    }
    let rows = waiting.iter().map(|item| {
        let left_ms = number_of(item, "expiresAtMs")
            .unwrap_or(now_ms)
            .saturating_sub(now_ms)
            .max(0);
        [
            short(text_of(item, "id")),
            text_of(item, "kind").to_owned(),
            text_of(item, "agentId").to_owned(),
            text_of(item, "summary").to_owned(),
            text_of(item, "cwd").to_owned(),
            span(left_ms.unsigned_abs() / 1_000),
        ]
    });
    // Nobody should allow what a column cut short, or what a line break in it pretends to be (S-013).
    let whole: String = waiting
        .iter()
        .map(|item| {
            let summary = text_of(item, "summary").replace('\n', "\\n");
            format!("\n  {}  {summary}", short(text_of(item, "id")))
        })
        .collect();
    format!(
        "decide with `torana approvals resolve <id> allow-once|allow-always|deny`\n{}\n\nin full{whole}",
        table(["id", "kind", "agent", "wants", "in", "valid for"], rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_allowed_is_shown_whole_and_on_one_line() {
        let command = format!("echo {}\nrm -rf /srv", "x".repeat(80));
        let item = json!({
            "id": "abcdef", "approvalKind": "exec", "createdAtMs": 1, "expiresAtMs": 61_000,
            "request": { "command": command, "agentId": "main" },
        });
        let entry = entry(&item);
        assert_eq!(entry["summary"], json!(command), "for programs as it is");
        let text = shown(&[entry], 1_000);
        let whole = format!("  abcdef  {}", command.replace('\n', "\\n"));
        assert!(text.ends_with(&whole), "{text}");
    }
}
