//! A message into a session: sent, stopped, or put there without a turn.

use std::sync::Arc;

use serde_json::json;
use torana_core::auth::Scope;
use torana_core::id::{AccountId, ChannelId, DEFAULT_ACCOUNT, IdError};
use torana_core::key::SessionKey;
use torana_core::media::MediaRef;
use torana_core::message::{Conversation, Peer, PeerKind, ReplyTarget};
use torana_core::run::Role;
use torana_engine::service::{history, sessions};
use torana_engine::store::inbox::ClientInput;
use torana_engine::{ClientTurn, StopReason, SubmitStatus, Submitted};

use super::{accept, cursor_of};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running};

/// The session a call names; an agent beside it completes short spellings.
pub(in crate::openclaw::methods) fn session_of(
    call: &Call,
    name: &str,
) -> Result<SessionKey, WireError> {
    let text = call.params.word(name).unwrap_or("main");
    key_of(call, text, call.params.word("agentId"))
}

/// A session key in any spelling, for an agent where it does not say.
pub(in crate::openclaw::methods) fn key_of(
    call: &Call,
    text: &str,
    agent: Option<&str>,
) -> Result<SessionKey, WireError> {
    let engine = call.engine();
    if let Some(agent) = agent
        && !text.to_ascii_lowercase().starts_with("agent:")
        && !text.eq_ignore_ascii_case("global")
    {
        return Ok(engine.parse_key(&format!("agent:{agent}:{text}"))?);
    }
    Ok(engine.parse_key(text)?)
}

/// A message on its way into a session.
pub(in crate::openclaw::methods) struct Said {
    /// Wire method, by which keys are remembered.
    pub(in crate::openclaw::methods) method: &'static str,
    /// The session.
    pub(in crate::openclaw::methods) session: SessionKey,
    /// Idempotency key.
    pub(in crate::openclaw::methods) key: String,
    /// What to do while another run goes on.
    pub(in crate::openclaw::methods) queue_mode: Option<String>,
    /// Words for the agent before the message.
    pub(in crate::openclaw::methods) preface: Option<String>,
    /// Where the answer also goes.
    pub(in crate::openclaw::methods) deliver_to: Option<ReplyTarget>,
    /// A person typed it.
    pub(in crate::openclaw::methods) typed: bool,
}

impl Said {
    /// A message by the usual way.
    pub(in crate::openclaw::methods) fn new(
        method: &'static str,
        session: SessionKey,
        key: String,
    ) -> Self {
        Self {
            method,
            session,
            key,
            queue_mode: None,
            preface: None,
            deliver_to: None,
            typed: false,
        }
    }
}

/// Sends the `message` and `attachments` of a call.
pub(in crate::openclaw::methods) async fn say(
    call: &mut Call,
    said: Said,
) -> Result<Submitted, WireError> {
    if said.session.has_unseen() {
        return Err(WireError::invalid(
            "invalid session key: it contains invisible characters",
        ));
    }
    let text = call.params.take_text("message").unwrap_or_default();
    let has_files = call
        .params
        .get("attachments")
        .and_then(serde_json::Value::as_array)
        .is_some_and(|list| !list.is_empty());
    if text.trim().is_empty() && !has_files {
        return Err(WireError::invalid("message or attachment required"));
    }
    let media = accept(call, &said.session).await?;
    submit(call, said, text, media).await
}

/// Sends the `message` of a call with files that are kept already.
pub(in crate::openclaw::methods) async fn say_with(
    call: &mut Call,
    said: Said,
    media: Vec<MediaRef>,
) -> Result<Submitted, WireError> {
    let text = call.params.take_text("message").unwrap_or_default();
    submit(call, said, text, media).await
}

async fn submit(
    call: &Call,
    said: Said,
    text: String,
    media: Vec<MediaRef>,
) -> Result<Submitted, WireError> {
    let input = ClientInput {
        text,
        media,
        thinking: call.params.word("thinking").map(str::to_owned),
        timeout_ms: call
            .params
            .int("timeoutMs")
            .and_then(|ms| u64::try_from(ms).ok())
            .filter(|ms| *ms > 0),
        owner: call.scopes().allows(Scope::Admin),
        queue_mode: said.queue_mode,
        preface: said.preface,
        deliver_to: said.deliver_to,
        typed: said.typed,
        literal: call.params.flag("suppressCommandInterpretation") == Some(true),
        ..ClientInput::default()
    };
    let turn = ClientTurn {
        method: said.method,
        session: said.session,
        key: said.key,
        input,
        origin: Some(call.client.id),
    };
    Ok(call.engine().submit(turn).await?)
}

/// The word for what became of a message.
pub(in crate::openclaw::methods) fn status_word(submitted: &Submitted) -> &'static str {
    match &submitted.status {
        SubmitStatus::Started(_) => "started",
        SubmitStatus::InFlight(_) => "in_flight",
        SubmitStatus::Finished(result) => {
            match result.as_ref().and_then(|result| result["status"].as_str()) {
                Some("error") => "error",
                _ => "ok",
            }
        }
    }
}

pub(in crate::openclaw::methods) fn send(mut call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        check_expectations(&call, &session).await?;
        let said = Said {
            queue_mode: call.params.text("queueMode").map(str::to_owned),
            preface: preface(&call, &session).await?,
            deliver_to: route(&call, &session).await?,
            typed: true,
            ..Said::new(
                "chat.send",
                session,
                call.params.take_text("idempotencyKey").unwrap_or_default(),
            )
        };
        let submitted = say_timed(&mut call, said).await?;
        let status = status_word(&submitted);
        Ok(Payload::of(
            &json!({ "runId": submitted.run_id.as_str(), "status": status }),
        ))
    })
}

/// Sends a message and, for a page, measures its way: a run has the key of its message for a name.
async fn say_timed(call: &mut Call, said: Said) -> Result<Submitted, WireError> {
    if !call.client.observed {
        return say(call, said).await;
    }
    let (gateway, key) = (Arc::clone(&call.gateway), said.key.clone());
    let (timings, world) = (gateway.hub().timings(), call.engine().world().clone());
    let is_new = timings.begin(&key, call.client.id, world.monotonic_ms());
    let submitted = say(call, said).await;
    match submitted.as_ref().map(|submitted| &submitted.status) {
        Ok(SubmitStatus::Started(_)) => timings.acked(&key, world.monotonic_ms()),
        _ if is_new => timings.forget(&key),
        _ => {}
    }
    submitted
}

/// Characters of a message that is quoted for the agent: enough to know which one is meant.
const QUOTE_CHARS_MAX: usize = 2_000;

/// What the agent is told before the message: which one it answers, and what the person looks at.
async fn preface(call: &Call, session: &SessionKey) -> Result<Option<String>, WireError> {
    let mut lines = Vec::new();
    if let Some(work) = call.params.get("workContext") {
        let seen: Vec<String> = ["page", "workspace", "file", "sessionKey", "agentId"]
            .iter()
            .filter_map(|name| Some((name, work[*name].as_str()?)))
            .filter(|(_, text)| !text.trim().is_empty())
            .map(|(name, text)| format!("{name} {}", one_line(text)))
            .collect();
        lines.push(format!("[The person is looking at: {}]", seen.join(", ")));
        if let Some(selection) = work["selection"].as_str().filter(|text| !text.is_empty()) {
            lines.push("[Selected there]".to_owned());
            quote(&mut lines, selection);
        }
    }
    if let Some(id) = call.params.word("replyToId") {
        let line = match cursor_of(id) {
            Some(cursor) => history::line(call.engine(), session, cursor).await?,
            None => None,
        };
        // As with a chat platform's deleted message: the answer to it is still an answer.
        match line {
            None => lines.push("[in reply to a message that is not in this session]".to_owned()),
            Some(stored) => {
                let whose = match stored.entry.role {
                    Role::User => "a message of the person",
                    Role::Assistant | Role::System => "a message of yours",
                };
                lines.push(format!("[in reply to {whose}]"));
                let text: String = stored.entry.text.chars().take(QUOTE_CHARS_MAX).collect();
                quote(&mut lines, &text);
            }
        }
    }
    Ok((!lines.is_empty()).then(|| lines.join("\n")))
}

/// Adds a quote and the empty line that ends it: in Markdown the line after a quote belongs to it.
fn quote(lines: &mut Vec<String>, text: &str) {
    lines.extend(text.lines().map(|line| format!("> {line}")));
    lines.push(String::new());
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// Where the answer also goes: the chat the message names, else the one the session was last used in.
async fn route(call: &Call, session: &SessionKey) -> Result<Option<ReplyTarget>, WireError> {
    let params = &call.params;
    let named = [
        "originatingChannel",
        "originatingTo",
        "originatingAccountId",
        "originatingThreadId",
    ]
    .iter()
    .find(|name| params.word(name).is_some());
    if params.flag("deliver") != Some(true) {
        return match named {
            Some(name) => Err(WireError::invalid(format!("{name} needs deliver"))),
            None => Ok(None),
        };
    }
    if named.is_some() {
        let place = Place {
            channel: params.word("originatingChannel"),
            to: params.word("originatingTo"),
            account: params.word("originatingAccountId"),
            thread: params.word("originatingThreadId"),
        };
        return place.target()?.map(Some).ok_or_else(|| {
            WireError::invalid("deliver needs originatingChannel and originatingTo")
        });
    }
    // A session that was never used in a chat has no other place for its answers than its transcript.
    last_place(call, session).await
}

/// The chat a session was last used in.
pub(in crate::openclaw::methods) async fn last_place(
    call: &Call,
    session: &SessionKey,
) -> Result<Option<ReplyTarget>, WireError> {
    let row = sessions::get(call.engine(), session).await?;
    let target = row.and_then(|view| view.row.last_target);
    Ok(target.map(|target| ReplyTarget {
        reply_to: None,
        ..target
    }))
}

/// A chat as clients name it.
pub(in crate::openclaw::methods) struct Place<'a> {
    pub(in crate::openclaw::methods) channel: Option<&'a str>,
    pub(in crate::openclaw::methods) to: Option<&'a str>,
    pub(in crate::openclaw::methods) account: Option<&'a str>,
    pub(in crate::openclaw::methods) thread: Option<&'a str>,
}

impl Place<'_> {
    /// Whether no part of it is named.
    pub(in crate::openclaw::methods) fn is_empty(&self) -> bool {
        let parts = [self.channel, self.to, self.account, self.thread];
        parts.iter().all(Option::is_none)
    }

    /// The chat; `None` when channel or chat is missing.
    pub(in crate::openclaw::methods) fn target(&self) -> Result<Option<ReplyTarget>, WireError> {
        let (Some(channel), Some(to)) = (self.channel, self.to) else {
            return Ok(None);
        };
        let bad = |error: IdError| WireError::invalid(error.to_string());
        // Platforms that mark groups do so in the id itself.
        let kind = if to.starts_with('-') {
            PeerKind::Group
        } else {
            PeerKind::Direct
        };
        Ok(Some(ReplyTarget {
            conversation: Conversation {
                channel: ChannelId::new(channel).map_err(bad)?,
                account: AccountId::new(self.account.unwrap_or(DEFAULT_ACCOUNT)).map_err(bad)?,
                peer: Peer {
                    kind,
                    id: Arc::from(to),
                },
                thread: self.thread.map(Arc::from),
            },
            reply_to: None,
        }))
    }
}

/// A page that still shows another branch, or the transcript before a reset, must not write into this one.
async fn check_expectations(call: &Call, session: &SessionKey) -> Result<(), WireError> {
    let Some(expected) = call.params.nullable("expectedLeafEntryId") else {
        return Ok(());
    };
    let engine = call.engine();
    let current = sessions::get(engine, session).await?.map(|view| view.row);
    let same_session = call
        .params
        .word("sessionId")
        .is_none_or(|id| current.as_ref().is_some_and(|row| row.session_id == id));
    let known = match expected.as_deref().map(cursor_of) {
        Some(Some(leaf)) => history::is_on_branch(engine, session, leaf).await?,
        Some(None) => false,
        // Null says that nothing was said yet.
        None => current.is_none_or(|row| row.branch_leaf() == 0),
    };
    if same_session && known {
        Ok(())
    } else {
        Err(WireError::invalid("session changed; reload and retry"))
    }
}

pub(in crate::openclaw::methods) fn abort(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        let ids = call
            .engine()
            .abort(&session, call.params.word("runId"), StopReason::Client)
            .await?;
        let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        Ok(Payload::of(
            &json!({ "ok": true, "aborted": !ids.is_empty(), "runIds": ids }),
        ))
    })
}

pub(in crate::openclaw::methods) fn inject(mut call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        let text = call.params.take_text("message").unwrap_or_default();
        let label = call.params.word("label").map(str::to_owned);
        let appended = call.engine().inject(&session, text, label).await?;
        Ok(Payload::of(
            &json!({ "ok": true, "messageId": appended.entry_id }),
        ))
    })
}
