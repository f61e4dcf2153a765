//! Shapes that several answers and events share: session rows, messages, usage.

use std::sync::Arc;

use serde_json::{Value, json};
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::media::MediaRef;
use torana_core::message::ReplyTarget;
use torana_core::run::{Entry, FailureKind, ModelRef, Outcome, Role, Settled, Usage};
use torana_engine::service::sessions::SessionView;
use torana_engine::service::usage::Figures;

use torana_engine::store::session::SessionRow;
use torana_engine::{AgentSettings, Engine, Settings};

use super::attached::{self, Line};
use super::thinking;

/// The three ways clients distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `final`.
    Answered,
    /// `aborted`.
    Stopped,
    /// `error`.
    Failed,
}

impl Ending {
    /// How an outcome looks to clients.
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok | Outcome::Empty | Outcome::Length | Outcome::ClientTools => Self::Answered,
            Outcome::Cancelled => Self::Stopped,
            Outcome::Refused | Outcome::Error => Self::Failed,
        }
    }
}

/// The word for why a run ended; for one that was stopped, by whom.
pub(crate) fn stop_word(settled: &Settled, stopped: Option<&'static str>) -> &'static str {
    if let (Outcome::Cancelled, Some(word)) = (settled.outcome, stopped) {
        return word;
    }
    match settled.outcome {
        Outcome::Ok | Outcome::Empty => "stop",
        Outcome::ClientTools => "tool_calls",
        Outcome::Length => "length",
        Outcome::Refused => "refusal",
        Outcome::Cancelled => "rpc",
        Outcome::Error => "error",
    }
}

/// The word for a failure.
pub(crate) fn failure_word(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::RateLimit => "rate_limit",
        FailureKind::Timeout => "timeout",
        FailureKind::Auth => "auth",
        FailureKind::Billing => "billing",
        FailureKind::ModelNotFound => "model_not_found",
        FailureKind::ContextLength => "context_length",
        FailureKind::Refusal => "refusal",
        FailureKind::Unavailable => "server_error",
        FailureKind::Format => "format",
        FailureKind::NotConfigured => "not_configured",
        FailureKind::Internal => "internal",
    }
}

/// Token counts.
pub(crate) fn usage(usage: &Usage) -> Value {
    let mut value = json!({
        "input": usage.input, "output": usage.output, "cacheRead": usage.cache_read, "cacheWrite": usage.cache_write,
        "totalTokens": usage.total(),
    });
    if let Some(cost) = usage.cost_usd {
        value["cost"] = json!({ "total": cost });
    }
    value
}

/// An answer as a message.
pub(crate) fn answer_message(text: &str, at_ms: i64) -> Value {
    json!({ "role": "assistant", "content": [{ "type": "text", "text": text }], "timestamp": at_ms })
}

/// Sums of tokens and money.
pub(crate) fn totals(figures: &Figures) -> Value {
    let mut value = tokens(figures);
    let parts = figures.parts;
    for (name, part) in [
        ("inputCost", parts.input),
        ("outputCost", parts.output),
        ("cacheReadCost", parts.cache_read),
        ("cacheWriteCost", parts.cache_write),
    ] {
        value[name] = json!(part);
    }
    value["missingCostEntries"] = json!(figures.unpriced);
    value
}

/// Sums of tokens, and the money for them.
pub(crate) fn tokens(figures: &Figures) -> Value {
    json!({
        "input": figures.input, "output": figures.output, "cacheRead": figures.cache_read,
        "cacheWrite": figures.cache_write, "totalTokens": figures.tokens(), "totalCost": figures.cost_usd,
    })
}

/// What a person said, with the files that came with it.
pub(crate) fn user_message(
    text: &str,
    files: &[MediaRef],
    line: Option<&Line<'_>>,
    at_ms: i64,
) -> Value {
    if files.is_empty() {
        return json!({ "role": "user", "content": text, "timestamp": at_ms });
    }
    let mut content = attached::parts(files, line);
    if !text.is_empty() {
        content.insert(0, json!({ "type": "text", "text": text }));
    }
    json!({ "role": "user", "content": content, "timestamp": at_ms })
}

/// A transcript line as a message.
pub(crate) fn entry(entry: &Entry, line: &Line<'_>) -> Value {
    let mut meta = json!({ "id": line.id, "seq": line.sequence, "recordTimestampMs": entry.at_ms });
    let mut message = match entry.role {
        Role::User => user_message(&entry.text, &entry.media, Some(line), entry.at_ms),
        Role::Assistant => answer_message(&entry.text, entry.at_ms),
        Role::System if entry.boundary.is_some() => boundary(entry, &mut meta),
        // Clients know no other system lines; a notice of the gateway is shown like an answer.
        Role::System => answer_message(&entry.text, entry.at_ms),
    };
    if let Some(run_id) = &entry.run_id {
        match entry.role {
            Role::User => message["idempotencyKey"] = json!(run_id.as_str()),
            Role::Assistant | Role::System => {}
        }
        meta["runId"] = json!(run_id.as_str());
    }
    if let Some(model) = &entry.model {
        message["provider"] = json!(model.provider);
        message["model"] = json!(model.model);
    }
    if let Some(counts) = &entry.usage {
        message["usage"] = usage(counts);
    }
    if entry.role == Role::Assistant {
        let stop = match entry.outcome {
            Some(Outcome::Cancelled) => "aborted",
            Some(Outcome::Error | Outcome::Refused) => "error",
            Some(Outcome::Length) => "length",
            Some(Outcome::ClientTools) => "tool_calls",
            Some(Outcome::Ok | Outcome::Empty) | None => "stop",
        };
        message["stopReason"] = json!(stop);
        if stop == "error" {
            // Lines of older releases have the reason as their text.
            message["errorMessage"] = json!(entry.error.as_ref().unwrap_or(&entry.text));
        }
    }
    if entry.aside {
        // Quirk: the marks of a command and its answer differ (OpenClaw 2026.9.6).
        match entry.role {
            Role::User => meta["contextFreeCommand"] = json!(true),
            Role::Assistant | Role::System => message["excludeFromContext"] = json!(true),
        }
    }
    if let Some(sender) = &entry.sender {
        meta["senderLabel"] = json!(sender);
    }
    message["__openclaw"] = meta;
    message
}

/// A summary that stands for what came before it.
fn boundary(entry: &Entry, meta: &mut Value) -> Value {
    meta["kind"] = json!("compaction");
    meta["turnBoundary"] = json!(true);
    if let Some(boundary) = &entry.boundary {
        meta["tokensBefore"] = json!(boundary.tokens_before);
        meta["tokensAfter"] = json!(boundary.tokens_after);
    }
    let text = if entry.text.is_empty() {
        "Earlier messages are no longer shown to the agent."
    } else {
        entry.text.as_str()
    };
    json!({ "role": "system", "content": [{ "type": "text", "text": text }], "timestamp": entry.at_ms })
}

/// What new sessions of an agent use when nothing is chosen.
pub(crate) fn defaults(engine: &Engine, session: &SessionKey) -> Value {
    let settings = engine.settings();
    let agent = engine.agent_of(session).ok();
    let agent = agent.and_then(|agent| settings.agents.get(&agent));
    let model = agent.and_then(|agent| agent.model.as_ref());
    let mut value = json!({
        "modelProvider": model.map(|model| model.provider.as_str()),
        "model": model.map(|model| model.model.as_str()),
        "contextTokens": agent.map_or(0, |agent| agent.context_tokens),
        "modelSelectionTarget": "session",
    });
    thinking::put(&mut value, &settings, agent, model);
    value
}

/// The model a session would use now.
pub(crate) fn resolved(engine: &Engine, row: &SessionRow) -> Value {
    let settings = engine.settings();
    let agent = settings
        .agents
        .iter()
        .find(|(id, _)| id.as_str() == row.agent)
        .map(|(_, agent)| agent);
    let model = row
        .model
        .as_deref()
        .and_then(ModelRef::parse)
        .or_else(|| agent.and_then(|agent| agent.model.clone()));
    json!({
        "modelProvider": model.as_ref().map(|model| model.provider.as_str()),
        "model": model.as_ref().map(|model| model.model.as_str()),
        "runtimeSelectionLocked": true,
        "thinkingLevel": thinking::level_of(engine, row),
    })
}

/// The name of a session for people, when anybody gave it one.
pub(crate) fn display_name(row: &SessionRow) -> Option<&str> {
    row.label
        .as_deref()
        .or(row.face.display_name.as_deref())
        .or(row.face.auto_label.as_deref())
        .or(row.title.as_deref())
}

/// Characters of a derived title.
const TITLE_CHARS_MAX: usize = 60;

/// Parts of a row that cost a list its brevity; clients ask for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowParts {
    /// A title made from the first message.
    pub(crate) title: bool,
    /// The beginning of the newest line.
    pub(crate) last_message: bool,
}

/// A session as a row, with everything.
pub(crate) fn session_row(engine: &Engine, view: &SessionView) -> Value {
    let all = RowParts {
        title: true,
        last_message: true,
    };
    Rows::new(engine).row(view, all)
}

/// Shapes the rows of one answer: what they share is looked up once.
pub(crate) struct Rows<'a> {
    engine: &'a Engine,
    settings: Arc<Settings>,
    now_ms: i64,
    /// Agent whose defaults stand beside the rows: what these say, rows leave out.
    beside: Option<AgentId>,
}

impl<'a> Rows<'a> {
    /// For one answer.
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            settings: engine.settings(),
            now_ms: engine.world().wall_ms(),
            beside: None,
        }
    }

    /// For an answer that also has the [`defaults`] of a session.
    pub(crate) fn beside(engine: &'a Engine, session: &SessionKey) -> Self {
        Self {
            beside: engine.agent_of(session).ok(),
            ..Self::new(engine)
        }
    }

    /// Whether the defaults beside the rows say how much this model may think.
    fn is_told(&self, agent: Option<&AgentSettings>, model: Option<&ModelRef>) -> bool {
        let beside = self.beside.as_ref();
        let Some(usual) = beside.and_then(|agent| self.settings.agents.get(agent)) else {
            return false;
        };
        let default = |agent| self.settings.thinking_default(agent, model);
        model == usual.model.as_ref() && default(agent) == default(Some(usual))
    }

    /// A session as a row.
    pub(crate) fn row(&self, view: &SessionView, parts: RowParts) -> Value {
        let row = &view.row;
        let agent = AgentId::new(&row.agent)
            .ok()
            .and_then(|id| self.settings.agents.get(&id));
        let chosen = row.model.as_deref().and_then(ModelRef::parse);
        let configured = agent.and_then(|agent| agent.model.as_ref());
        let model = chosen.as_ref().or(configured);
        let key = self.engine.parse_key(&row.key).ok();
        let is_main = key.as_ref().is_some_and(|key| key.is_main());
        let kind = match row.chat_type.as_deref() {
            _ if row.key == "global" => "global",
            Some("group" | "channel") => "group",
            _ => "direct",
        };
        let chat_type = match row.chat_type.as_deref() {
            Some("group") => "group",
            Some("channel") => "channel",
            _ => "direct",
        };
        let mut value = json!({
            "key": row.key,
            "kind": kind,
            "sessionId": row.session_id,
            "agentId": row.agent,
            "classification": if is_main { "main" } else { chat_type },
            "isMain": is_main,
            "chatType": chat_type,
            "updatedAt": row.updated_at_ms,
            "createdAt": row.created_at_ms,
            "lastInteractionAt": row.last_interaction_at_ms,
            "archived": row.archived,
            "pinned": row.pinned,
            "unread": row.unread,
            "hasActiveRun": view.active.is_some(),
            "activeRunIds": view.active.iter().map(|turn| turn.run_id.as_str()).collect::<Vec<_>>(),
            "activeLeafEntryId": leaf_id(row),
            "inputTokens": row.usage.input,
            "outputTokens": row.usage.output,
            "totalTokens": row.context_tokens,
            "totalTokensFresh": row.context_tokens > 0,
            "contextTokens": agent.map_or(0, |agent| agent.context_tokens),
            "modelOverrideSource": if chosen.is_some() { json!("user") } else { Value::Null },
            "effectiveQueueMode": row.queue_mode.as_deref().unwrap_or("steer"),
            "visibility": "shared",
            "snapshotAt": self.now_ms,
            "abortedLastRun": row.status.as_deref() == Some("killed"),
        });
        if !self.is_told(agent, model) {
            thinking::put(&mut value, &self.settings, agent, model);
        }
        texts(&mut value, view, model, parts);
        moments(&mut value, view);
        if let Some(target) = &row.last_target {
            place(&mut value, target);
        }
        if let Some(source) = &row.fork {
            value["forkSource"] = json!({
                "sessionKey": source.key, "sessionId": source.session_id,
                "entryId": format!("{}:{}", source.session_id, source.sequence),
            });
            value["forkedFromParent"] = json!(true);
        }
        if let Some(cost) = row.usage.cost_usd {
            value["estimatedCostUsd"] = cost.into();
        }
        value
    }
}

/// The last line of the branch in use.
fn leaf_id(row: &SessionRow) -> Option<String> {
    let leaf = row.branch_leaf();
    (leaf > 0).then(|| format!("{}:{leaf}", row.session_id))
}

/// What a row says in words; empty ones are left out.
fn texts(value: &mut Value, view: &SessionView, model: Option<&ModelRef>, parts: RowParts) {
    let row = &view.row;
    let mut text = |name: &str, text: Option<&str>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            value[name] = text.into();
        }
    };
    let status = if view.active.is_some() {
        Some("running")
    } else {
        row.status.as_deref().filter(|word| *word != "running")
    };
    text("status", status);
    text("label", row.label.as_deref());
    text("autoLabel", row.face.auto_label.as_deref());
    text("icon", row.face.icon.as_deref());
    text("color", row.face.color.as_deref());
    text("category", row.category.as_deref());
    text("displayName", display_name(row));
    text("thinkingLevel", row.thinking.as_deref());
    text("verboseLevel", row.manner.verbose.as_deref());
    text("reasoningLevel", row.manner.reasoning.as_deref());
    text("responseUsage", row.manner.usage.as_deref());
    text("sendPolicy", row.manner.send.as_deref());
    text("groupActivation", row.manner.activation.as_deref());
    text("channel", row.channel.as_deref());
    text("lastRunId", row.last_run.as_deref());
    text("lastRunError", row.last_error.as_deref());
    text("parentSessionKey", row.parent.as_deref());
    text("modelProvider", model.map(|model| model.provider.as_str()));
    text("model", model.map(|model| model.model.as_str()));
    if parts.title {
        let title = row.first_text.as_deref().map(derived_title);
        text("derivedTitle", title.as_deref());
    }
    if parts.last_message {
        text("lastMessagePreview", row.last_text.as_deref());
    }
}

/// A title made of a session's first words, cut between two of them where that leaves more than half.
pub(crate) fn derived_title(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let Some((end, _)) = text.char_indices().nth(TITLE_CHARS_MAX) else {
        return text;
    };
    // One less than the room, for the sign that something follows.
    let (last, _) = text[..end].char_indices().next_back().unwrap_or_default();
    let is_whole = text[last..].starts_with(' ');
    let end = text[..last]
        .rfind(' ')
        .filter(|space| !is_whole && *space > last / 2);
    let whole = &text[..end.unwrap_or(last)];
    format!(
        "{}…",
        whole.trim_end_matches([' ', ',', ';', ':', '-', '–'])
    )
}

/// The chat a session was last used in, which is where its answers are delivered.
fn place(value: &mut Value, target: &ReplyTarget) {
    let chat = &target.conversation;
    let mut context = json!({
        "channel": chat.channel.as_str(), "to": chat.peer.id, "accountId": chat.account.as_str(),
    });
    if let Some(thread) = &chat.thread {
        context["threadId"] = json!(thread);
    }
    for (name, fact) in [
        ("lastChannel", "channel"),
        ("lastTo", "to"),
        ("lastAccountId", "accountId"),
        ("lastThreadId", "threadId"),
    ] {
        if let Some(fact) = context.get(fact) {
            value[name] = fact.clone();
        }
    }
    value["deliveryContext"] = context;
}

/// The moments a row knows.
fn moments(value: &mut Value, view: &SessionView) {
    let row = &view.row;
    let ended = row.run_ended_at_ms.filter(|_| view.active.is_none());
    for (name, number) in [
        ("startedAt", row.run_started_at_ms),
        ("endedAt", ended),
        (
            "runtimeMs",
            row.run_started_at_ms
                .zip(ended)
                .map(|(start, end)| (end - start).max(0)),
        ),
        ("archivedAt", row.archived_at_ms),
        ("pinnedAt", row.pinned_at_ms),
        ("lastReadAt", row.read_at_ms),
        ("markedUnreadAt", row.marked_unread_at_ms),
    ] {
        if let Some(number) = number {
            value[name] = number.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_end_between_words() {
        let sixty = "x".repeat(60);
        for (text, expected) in [
            ("hello\n  there ", "hello there".to_owned()),
            (sixty.as_str(), sixty.clone()),
            (
                "Please plan a week in the mountains for two families with small children",
                "Please plan a week in the mountains for two families with…".to_owned(),
            ),
            (
                "Compare these: one, two, three, four, five, six, seven, eight, nine",
                "Compare these: one, two, three, four, five, six, seven…".to_owned(),
            ),
            // A word that fills the room is cut, because less than half would be left.
            (
                &format!("a {}", "ü".repeat(90)),
                format!("a {}…", "ü".repeat(57)),
            ),
        ] {
            let title = derived_title(text);
            assert_eq!(title, expected, "{text:?}");
            assert!(title.chars().count() <= TITLE_CHARS_MAX);
        }
    }
}
