//! Reads a request to run a tool, checks its name, and answers.
//!
//! This build has no tools that may be run from outside, so every well-formed request learns that its tool is not
//! available. A name is read exactly as it stands (S-019, decision 41): no folding of case, no trimming, so that no
//! spelling of a denied name can ever pass for another tool.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use torana_core::ask::is_tool_name;

use crate::front::answer::{Answer, json as json_answer};
use crate::front::json;

/// Tools that are never run over HTTP (OpenClaw 2026.9.6), whatever an agent may use: they execute, write, or steer the
/// gateway itself.
const DENIED: [&str; 12] = [
    "exec",
    "spawn",
    "shell",
    "fs_write",
    "fs_delete",
    "fs_move",
    "apply_patch",
    "sessions_spawn",
    "sessions_send",
    "cron",
    "gateway",
    "nodes",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    tool: Option<Value>,
    name: Option<Value>,
    #[expect(dead_code, reason = "its shape is checked while it is read")]
    args: Option<Map<String, Value>>,
    #[expect(dead_code, reason = "its shape is checked while it is read")]
    action: Option<String>,
    #[expect(dead_code, reason = "its shape is checked while it is read")]
    session_key: Option<String>,
    #[expect(dead_code, reason = "its shape is checked while it is read")]
    agent_id: Option<String>,
    #[expect(dead_code, reason = "its shape is checked while it is read")]
    idempotency_key: Option<String>,
    #[expect(dead_code, reason = "its shape is checked while it is read")]
    dry_run: Option<bool>,
}

/// Why a tool is not run.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// The request is not one.
    Invalid(String),
    /// There is no such tool for this caller.
    Missing(String),
}

/// Answers one request.
pub(crate) fn invoke(bytes: &[u8]) -> Answer {
    match tool(bytes) {
        Refusal::Invalid(message) => answer(StatusCode::BAD_REQUEST, "invalid_request", &message),
        Refusal::Missing(name) => {
            let message = format!("Tool not available: {name}");
            answer(StatusCode::NOT_FOUND, "not_found", &message)
        }
    }
}

fn answer(status: StatusCode, kind: &str, message: &str) -> Answer {
    let error = json!({ "type": kind, "message": message });
    json_answer(status, &json!({ "ok": false, "error": error }))
}

fn tool(bytes: &[u8]) -> Refusal {
    let body: Body = match json::object(bytes) {
        Ok(body) => body,
        Err(fault) => return Refusal::Invalid(fault.to_string()),
    };
    let named = body.tool.or(body.name);
    let Some(name) = named.as_ref().and_then(Value::as_str) else {
        return Refusal::Invalid("tools.invoke requires name".to_owned());
    };
    if !is_tool_name(name) {
        let message = "a tool's name has 1 to 64 letters, digits, `_` and `-`";
        return Refusal::Invalid(message.to_owned());
    }
    // A denied tool is as good as absent: a caller does not learn what an agent has.
    if DENIED.contains(&name) {
        tracing::debug!(
            tool = name,
            "A tool that is never run over HTTP was asked for."
        );
    }
    Refusal::Missing(name.to_owned())
}

/// Fuzz entry: any body is refused, never a panic.
pub fn fuzz_invoke(bytes: &[u8]) {
    drop(tool(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_exactly_as_they_stand() {
        let missing = |name: &str| Refusal::Missing(name.to_owned());
        for name in DENIED
            .into_iter()
            .chain(["web_search", "EXEC", "mcp-thing"])
        {
            for field in ["tool", "name"] {
                let body = json!({ field: name }).to_string();
                assert_eq!(tool(body.as_bytes()), missing(name));
            }
        }
        let long = "a".repeat(65);
        for name in [
            "",
            " exec",
            "exec ",
            "ex\u{0}ec",
            "exec\n",
            "ехес",
            "e/x",
            "../exec",
            "a.b",
            "exec%20",
            &long,
        ] {
            let body = json!({ "tool": name }).to_string();
            let refusal = tool(body.as_bytes());
            assert!(
                matches!(refusal, Refusal::Invalid(_)),
                "{name:?}: {refusal:?}"
            );
        }
    }

    #[test]
    fn what_is_no_request_is_told_so() {
        let required = Refusal::Invalid("tools.invoke requires name".to_owned());
        for body in [
            "{}",
            r#"{"tool":7}"#,
            r#"{"name":null}"#,
            r#"{"tool":["exec"]}"#,
        ] {
            assert_eq!(tool(body.as_bytes()), required, "{body}");
        }
        for body in [
            "",
            "[",
            r#"{"tool":"a","tool":"b"}"#,
            r#"{"tool":"a","args":[]}"#,
        ] {
            assert!(
                matches!(tool(body.as_bytes()), Refusal::Invalid(_)),
                "{body}"
            );
        }
    }
}

#[cfg(test)]
mod fuzz {
    #[test]
    fn tool_bodies() {
        let corpus: [&[u8]; 3] = [
            br#"{"tool":"exec","args":{}}"#,
            br#"{"name":"x","dryRun":true}"#,
            b"[]",
        ];
        crate::front::tests::drive(&corpus, super::fuzz_invoke);
    }
}
