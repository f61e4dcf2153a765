//! `sessions.compact`: a summary for what was said long ago.

use serde_json::json;
use torana_core::problem::Code;
use torana_engine::CompactRequest;

use crate::openclaw::frame::Payload;
use crate::openclaw::methods::chat::{entry_id, session_of};
use crate::openclaw::methods::{Call, Running};

pub(in crate::openclaw::methods) fn compact(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        let request = CompactRequest {
            lines_kept: call.params.count("maxLines"),
            ..CompactRequest::default()
        };
        let key = session.as_str();
        let answer = match call.engine().compact_session(&session, request).await {
            // Quirk: a session that is not there is one with nothing in it (OpenClaw 2026.9.6).
            Err(problem) if problem.code == Code::SessionNotFound => {
                json!({ "ok": true, "key": key, "compacted": false, "reason": "no sessionId" })
            }
            Err(problem) => return Err(problem.into()),
            Ok(Ok(done)) => {
                let mut result = json!({
                    "summary": done.summary, "tokensBefore": done.tokens_before, "tokensAfter": done.tokens_after,
                    "details": { "readFiles": [], "modifiedFiles": [] },
                });
                if let Some(first) = &done.first_kept {
                    result["firstKeptEntryId"] = json!(entry_id(first));
                }
                json!({ "ok": true, "key": key, "compacted": true, "result": result })
            }
            Ok(Err(uncompacted)) => {
                json!({ "ok": true, "key": key, "compacted": false, "reason": uncompacted.reason() })
            }
        };
        Ok(Payload::of(&answer))
    })
}
