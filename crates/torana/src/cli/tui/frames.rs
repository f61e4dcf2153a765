//! What the gateway sends: events of the session on show, approvals, and the answers to what was asked.
//!
//! Every value is cleaned here ([`super::clean`]), before anything of it reaches the state.

use serde_json::Value;

use super::approval::{APPROVALS_MAX, Approval};
use super::clean;
use super::complete;
use super::log::{CardState, Ending, Entry, Progress};
use super::message;
use super::picker::{Item, Topic};
use super::question::{QUESTIONS_MAX, Question};
use super::state::{Action, Ask, Overlay, Run, State};
use super::suggestion::{SUGGESTIONS_MAX, Suggestion};
use crate::cli::failure::{Failure, Reason};
use crate::cli::words::{age, items_of, number_of, text_of};

/// Runs of one session that are followed; a lane runs one turn at a time.
const RUNS_MAX: usize = 16;
/// Bytes of arguments read for the one line of a card.
const SUMMARY_CHARS_MAX: usize = 400;

impl State {
    /// An event of the gateway.
    pub(crate) fn event(&mut self, name: &str, payload: Value) -> Vec<Action> {
        let payload = clean::value(payload);
        match name {
            "chat" => return self.chat(&payload),
            "agent" => self.agent_event(&payload),
            "session.message" => self.session_message(&payload),
            "sessions.changed" => return self.session_changed(&payload),
            "exec.approval.requested" => self.approval_requested(&payload, "exec"),
            "plugin.approval.requested" => self.approval_requested(&payload, "plugin"),
            "openclaw.approval.requested" => self.approval_requested(&payload, "system-agent"),
            "exec.approval.resolved"
            | "plugin.approval.resolved"
            | "openclaw.approval.resolved" => {
                self.approval_resolved(text_of(&payload, "id"));
            }
            "question.requested" => self.question_requested(&payload),
            "question.resolved" => self.question_resolved(&payload),
            "task.suggestion" => self.suggestion(&payload),
            "shutdown" => self
                .log
                .note("the gateway stops; what was unfinished goes on after its next start"),
            _ => {}
        }
        Vec::new()
    }

    fn chat(&mut self, event: &Value) -> Vec<Action> {
        if text_of(event, "sessionKey") != self.session {
            return Vec::new();
        }
        let run = text_of(event, "runId").to_owned();
        let whole = message::text(&event["message"]);
        match text_of(event, "state") {
            "status" => {
                let doing = text_of(event, "phase").replace('_', " ");
                self.doing(&run, &doing);
            }
            "delta" => {
                self.doing(&run, "answering");
                let delta = text_of(event, "deltaText");
                let whole = if !whole.is_empty() {
                    whole
                } else if event["replace"].as_bool() == Some(true) {
                    delta.to_owned()
                } else {
                    format!("{}{delta}", self.log.growing(&run))
                };
                self.log.grow(&run, whole);
            }
            "final" => {
                // A model that was asked and said nothing, or only what is not meant for anybody.
                let was_asked = number_of(&event["usage"], "output").is_some_and(|count| count > 0);
                if was_asked && whole.is_empty() && !self.log.shows(&run) {
                    self.log.note("no answer");
                }
                return self.ended(&run, &whole, Ending::Whole);
            }
            "aborted" => return self.ended(&run, &whole, Ending::Stopped),
            "error" => {
                let said = text_of(event, "errorMessage");
                let said = if said.is_empty() {
                    "the turn failed"
                } else {
                    said
                };
                let actions = self.ended(&run, "", Ending::Failed);
                self.log.error(said);
                return actions;
            }
            _ => {}
        }
        Vec::new()
    }

    fn doing(&mut self, run: &str, doing: &str) {
        if self.is_over(run) {
            return;
        }
        if let Some(known) = self.runs.get_mut(run) {
            doing.clone_into(&mut known.doing);
            return;
        }
        if self.runs.len() >= RUNS_MAX {
            self.runs.pop_first();
        }
        let begun = Run {
            since_ms: self.now_ms,
            doing: doing.to_owned(),
        };
        self.runs.insert(run.to_owned(), begun);
        self.log.progress(run, Progress::Accepted);
    }

    fn ended(&mut self, run: &str, whole: &str, how: Ending) -> Vec<Action> {
        self.end_run(run);
        self.leaving = false;
        self.log.progress(run, Progress::Accepted);
        self.log.finish(run, whole, how);
        if how == Ending::Stopped {
            self.log.note("stopped");
        }
        vec![self.read_facts()]
    }

    /// Tools, thoughts and progress of runs that belong to this session.
    fn agent_event(&mut self, event: &Value) {
        let session = text_of(event, "sessionKey");
        let run = text_of(event, "runId").to_owned();
        // Gateways leave the session out for most clients; then the `chat` events have named the run.
        let is_ours = session == self.session || session.is_empty() && self.runs.contains_key(&run);
        if !is_ours {
            return;
        }
        let data = &event["data"];
        match text_of(event, "stream") {
            "thinking" => {
                self.doing(&run, "thinking");
                self.log.think(&run, text_of(data, "text").to_owned());
            }
            "tool" => self.tool(&run, data),
            "item" if text_of(data, "kind") == "tool" => self.item(&run, data),
            "command_output" => {
                let call = text_of(data, "toolCallId");
                if let Some(card) = self.log.card(&run, call, text_of(data, "name")) {
                    card.set_output(text_of(data, "output"));
                }
            }
            "run_status" => self.doing(&run, &text_of(data, "phase").replace('_', " ")),
            "lifecycle" => match text_of(data, "phase") {
                "start" => self.doing(&run, "starting"),
                "waiting-approval" => self.doing(&run, "waiting for a decision"),
                "approval-resolved" => self.doing(&run, "running"),
                "model" if !text_of(data, "model").is_empty() => {
                    self.facts.model =
                        format!("{}/{}", text_of(data, "provider"), text_of(data, "model"));
                }
                "fallback_step" => self.doing(&run, "trying another model"),
                _ => {}
            },
            "compaction" => self.doing(&run, "compacting"),
            _ => {}
        }
    }

    fn tool(&mut self, run: &str, data: &Value) {
        let name = text_of(data, "name").to_owned();
        let phase = text_of(data, "phase");
        if phase == "start" {
            self.doing(run, &format!("running {name}"));
        } else if phase == "result" {
            self.doing(run, "working");
        }
        let Some(card) = self.log.card(run, text_of(data, "toolCallId"), &name) else {
            return;
        };
        match phase {
            "start" => card.summary = summary(&data["args"]),
            "update" => card.set_output(&message::text(&data["partialResult"])),
            "result" => {
                let is_error = data["isError"].as_bool() == Some(true);
                card.state = if is_error {
                    CardState::Failed
                } else {
                    CardState::Done
                };
                let output = message::text(&data["result"]);
                if !output.is_empty() {
                    card.set_output(&output);
                }
            }
            _ => {}
        }
    }

    /// The short form of a tool, for gateways that do not send the long one.
    fn item(&mut self, run: &str, data: &Value) {
        let Some(card) = self
            .log
            .card(run, text_of(data, "toolCallId"), text_of(data, "name"))
        else {
            return;
        };
        if card.summary.is_empty() {
            card.summary = text_of(data, "title").to_owned();
        }
        card.state = match text_of(data, "status") {
            "completed" => CardState::Done,
            "failed" => CardState::Failed,
            _ => card.state,
        };
    }

    /// Somebody else wrote in this session.
    fn session_message(&mut self, event: &Value) {
        if text_of(event, "sessionKey") != self.session {
            return;
        }
        let said = &event["message"];
        let key = text_of(said, "idempotencyKey");
        if text_of(said, "role") != "user" || (!key.is_empty() && self.log.has_message(key)) {
            return;
        }
        self.log.push(Entry::User {
            text: message::text(said),
            key: Some(key.to_owned()).filter(|key| !key.is_empty()),
            progress: Progress::Accepted,
        });
    }

    fn session_changed(&mut self, event: &Value) -> Vec<Action> {
        let row = if event["session"].is_object() {
            &event["session"]
        } else {
            event
        };
        let key = text_of(event, "sessionKey");
        let key = if key.is_empty() {
            text_of(row, "key")
        } else {
            key
        };
        if key != self.session {
            return Vec::new();
        }
        self.facts.learn(row);
        // Whoever did it, what is on the screen is no longer what the agent remembers.
        self.told = match text_of(event, "reason") {
            "reset" | "new" => {
                Some("this session was begun afresh; the old transcript is in the archive")
            }
            "rewind" => Some("this session went back to an earlier message"),
            _ => return Vec::new(),
        };
        vec![self.read()]
    }

    fn approval_requested(&mut self, event: &Value, kind: &str) {
        let Some(approval) = Approval::read(event, kind) else {
            return;
        };
        let is_known = self.approvals.iter().any(|known| known.id == approval.id);
        if !is_known && self.approvals.len() < APPROVALS_MAX {
            self.approvals.push(approval);
        }
    }

    /// An agent asks a person.
    fn question_requested(&mut self, event: &Value) {
        let Some(question) = Question::read(event) else {
            return;
        };
        let is_known = self.questions.iter().any(|known| known.id == question.id);
        if is_known || self.questions.len() >= QUESTIONS_MAX {
            return;
        }
        if question.belongs_to(&self.session) {
            self.log
                .note(format!("an agent asks: {}", question.subject()));
        }
        self.questions.push(question);
    }

    fn question_resolved(&mut self, event: &Value) {
        let id = text_of(event, "id");
        let how = match text_of(event, "status") {
            "expired" => "the question has expired",
            "cancelled" => "the question was taken back or skipped",
            _ => "the question was answered",
        };
        let was_open =
            matches!(&self.overlay, Some(Overlay::Prompt(prompt)) if prompt.question.id == id);
        if self.forget_question(id) && was_open {
            self.log.note(how);
        }
    }

    fn forget_question(&mut self, id: &str) -> bool {
        let before = self.questions.len();
        self.questions.retain(|question| question.id != id);
        if let Some(Overlay::Prompt(prompt)) = &self.overlay
            && prompt.question.id == id
        {
            self.overlay = None;
        }
        self.questions.len() < before
    }

    /// An agent suggests a task, or one was taken or dismissed.
    fn suggestion(&mut self, event: &Value) {
        if text_of(event, "action") == "resolved" {
            let id = text_of(event, "taskId");
            self.suggestions.retain(|known| known.id != id);
            return;
        }
        if let Some(suggestion) = Suggestion::read(&event["suggestion"]) {
            let told = format!("an agent suggests: {} (/suggestions)", suggestion.tldr);
            if self.keep_suggestion(suggestion) {
                self.log.note(told);
            }
        }
    }

    fn keep_suggestion(&mut self, suggestion: Suggestion) -> bool {
        let is_known = self
            .suggestions
            .iter()
            .any(|known| known.id == suggestion.id);
        let keeps = !is_known && self.suggestions.len() < SUGGESTIONS_MAX;
        if keeps {
            self.suggestions.push(suggestion);
        }
        keeps
    }

    fn approval_resolved(&mut self, id: &str) {
        self.approvals.retain(|approval| approval.id != id);
        if let Some(Overlay::Picker(picker)) = &self.overlay
            && picker.topic == Topic::Approval(id.to_owned())
        {
            self.overlay = None;
        }
    }

    /// Time went by: what expired waits no longer.
    pub(crate) fn tick(&mut self, now_ms: u64, wall_ms: i64) {
        self.now_ms = now_ms;
        self.wall_ms = wall_ms;
        let expired: Vec<String> = self
            .approvals
            .iter()
            .filter(|approval| approval.expires_at_ms <= wall_ms)
            .map(|approval| approval.id.clone())
            .collect();
        for id in expired {
            self.approval_resolved(&id);
        }
        let expired: Vec<String> = self
            .questions
            .iter()
            .filter(|question| question.expires_at_ms <= wall_ms)
            .map(|question| question.id.clone())
            .collect();
        for id in expired {
            self.forget_question(&id);
            self.log.note("a question has expired");
        }
    }

    // === answers ===

    /// The gateway answered.
    pub(crate) fn answered(&mut self, ask: Ask, outcome: Result<Value, Failure>) -> Vec<Action> {
        match outcome {
            Ok(value) => self.accepted(ask, &clean::value(value)),
            Err(failure) => self.refused(ask, &failure),
        }
    }

    fn accepted(&mut self, ask: Ask, answer: &Value) -> Vec<Action> {
        match ask {
            Ask::Listen => {
                self.rename(text_of(answer, "key"));
                return vec![self.read()];
            }
            Ask::History { session } if session == self.session => self.history(answer),
            Ask::Facts { session } if session == self.session => {
                self.facts.learn(&answer["sessionInfo"])
            }
            Ask::Agents => self.fill(Topic::Agent, agents(answer)),
            Ask::Sessions => self.fill(Topic::Session, sessions(answer, self.wall_ms)),
            Ask::Models => self.fill(Topic::Model, models(answer)),
            Ask::Approvals { kind, known } => {
                let listed = answer.as_array().map(Vec::as_slice).unwrap_or_default();
                for id in gone(known, listed) {
                    self.approval_resolved(&id);
                }
                for waiting in listed {
                    self.approval_requested(waiting, kind);
                }
            }
            Ask::Send { key } => {
                self.outgoing.retain(|message| message.key != key);
                self.log.progress(&key, Progress::Accepted);
                match text_of(answer, "status") {
                    // A repeat of something that is over brings no events any more.
                    "ok" | "error" => {
                        self.runs.remove(&key);
                        return vec![self.read()];
                    }
                    _ => self.doing(&key, "accepted"),
                }
            }
            Ask::Abort if answer["aborted"].as_bool() == Some(false) => {
                self.log.note("nothing runs")
            }
            Ask::Change { done } => {
                self.log.note(done);
                return vec![self.read_facts()];
            }
            Ask::Reset => {
                self.rename(text_of(answer, "key"));
                self.log.clear();
                self.log
                    .note("a fresh transcript begins; the old one is in the archive");
                return vec![self.read_facts()];
            }
            Ask::Decide { id } => {
                self.approval_resolved(&id);
                self.log.note("decided");
            }
            Ask::History { .. } | Ask::Facts { .. } | Ask::Abort | Ask::Nothing => {}
            other => return self.accepted_more(other, answer),
        }
        Vec::new()
    }

    /// Answers about what agents ask and suggest, commands, and new sessions.
    fn accepted_more(&mut self, ask: Ask, answer: &Value) -> Vec<Action> {
        match ask {
            Ask::Questions { known } => {
                let listed = items_of(answer, "questions");
                for id in gone(known, listed) {
                    self.forget_question(&id);
                }
                for waiting in listed {
                    if let Some(question) = Question::read(waiting)
                        && self.questions.len() < QUESTIONS_MAX
                        && self.questions.iter().all(|known| known.id != question.id)
                    {
                        self.questions.push(question);
                    }
                }
            }
            Ask::Answer { id, done } => {
                self.forget_question(&id);
                self.log.note(done);
            }
            Ask::Commands { agent } if agent == self.agent() => {
                self.known = complete::read(answer);
            }
            Ask::Suggestions { known } => {
                let listed = items_of(answer, "suggestions");
                let over = gone(known, listed);
                self.suggestions
                    .retain(|suggestion| !over.contains(&suggestion.id));
                for waiting in listed {
                    if let Some(suggestion) = Suggestion::read(waiting) {
                        self.keep_suggestion(suggestion);
                    }
                }
            }
            Ask::Suggest { id, done } => {
                self.suggestions.retain(|known| known.id != id);
                self.log.note(done);
            }
            Ask::Create => {
                let key = text_of(answer, "key").to_owned();
                if !key.is_empty() {
                    let actions = self.switch(&key);
                    self.log.note("a new session begins");
                    return actions;
                }
            }
            Ask::Gateway => {
                let status = message::gateway(self, answer);
                self.log.note(status);
            }
            _ => {}
        }
        Vec::new()
    }

    /// The gateway spells the session on show its own way; messages on their way to it follow.
    fn rename(&mut self, key: &str) {
        if key.is_empty() {
            return;
        }
        for message in &mut self.outgoing {
            if message.session == self.session {
                key.clone_into(&mut message.session);
            }
        }
        key.clone_into(&mut self.session);
    }

    fn refused(&mut self, ask: Ask, failure: &Failure) -> Vec<Action> {
        let mut said = clean::line(&failure.message);
        if let Some(hint) = &failure.hint {
            said = format!("{said} ({})", clean::line(hint));
        }
        let is_missing = failure.reason == Reason::NotOffered;
        match ask {
            // Extras a gateway may lack; without them less is shown, and nothing is wrong.
            Ask::Nothing
            | Ask::Facts { .. }
            | Ask::Approvals { .. }
            | Ask::Questions { .. }
            | Ask::Suggestions { .. }
            | Ask::Commands { .. } => return Vec::new(),
            // An older gateway makes room for a new conversation in the same session.
            Ask::Create if is_missing => return self.reset("new"),
            Ask::Listen if is_missing => return vec![self.read()],
            Ask::Agents | Ask::Sessions | Ask::Models => self.overlay = None,
            Ask::Send { key } => {
                self.outgoing.retain(|message| message.key != key);
                self.runs.remove(&key);
                self.log.progress(&key, Progress::Refused);
            }
            Ask::Listen
            | Ask::History { .. }
            | Ask::Abort
            | Ask::Change { .. }
            | Ask::Reset
            | Ask::Decide { .. }
            | Ask::Answer { .. }
            | Ask::Suggest { .. }
            | Ask::Create
            | Ask::Gateway => {}
        }
        self.log.error(said);
        Vec::new()
    }

    /// Shows a session as the gateway knows it, and what only we know of it.
    fn history(&mut self, answer: &Value) {
        let running = text_of(&answer["inFlightRun"], "runId").to_owned();
        let unstored = self.log.unstored(&running);
        self.log.clear();
        self.runs.retain(|run, _| *run == running);
        let messages = items_of(answer, "messages");
        let total = answer["totalMessages"].as_u64().unwrap_or(0);
        let earlier = total.saturating_sub(messages.len() as u64);
        if earlier > 0 && answer["hasMore"].as_bool() == Some(true) {
            self.log.note(format!(
                "{earlier} earlier messages are not shown; `--history-limit` shows more"
            ));
        }
        for stored in messages {
            message::push(&mut self.log, stored);
        }
        for waiting in items_of(&answer["pendingInputs"], "items") {
            self.log.push(Entry::User {
                text: message::text(&waiting["message"]),
                key: Some(text_of(waiting, "runId").to_owned()),
                progress: Progress::Queued,
            });
        }
        if !running.is_empty() {
            for entry in unstored {
                self.log.push(entry);
            }
            self.doing(&running, "answering");
            self.log
                .grow(&running, text_of(&answer["inFlightRun"], "text").to_owned());
        }
        let mine: Vec<_> = self
            .outgoing
            .iter()
            .filter(|message| message.session == self.session)
            .cloned()
            .collect();
        for message in mine {
            if !self.log.has_message(&message.key) {
                self.log.push(Entry::User {
                    text: message.text,
                    key: Some(message.key),
                    progress: Progress::Waiting,
                });
            }
        }
        if let Some(told) = self.told.take() {
            self.log.note(told);
        }
        self.facts.learn(&answer["sessionInfo"]);
        if self.facts.thinking.is_empty() {
            text_of(answer, "thinkingLevel").clone_into(&mut self.facts.thinking);
        }
    }

    fn fill(&mut self, topic: Topic, items: Vec<Item>) {
        let current = match topic {
            Topic::Agent => self.agent().to_owned(),
            Topic::Session => self.session.clone(),
            Topic::Model => self.facts.model.clone(),
            Topic::Thinking
            | Topic::Verbose
            | Topic::Reasoning
            | Topic::Shell(_)
            | Topic::Approval(_)
            | Topic::Settings
            | Topic::Suggestions
            | Topic::Suggestion(_) => String::new(),
        };
        if let Some(Overlay::Picker(picker)) = &mut self.overlay
            && picker.topic == topic
        {
            picker.fill(items, &current);
        }
    }
}

/// What the gateway no longer lists of what was known.
fn gone(mut known: Vec<String>, listed: &[Value]) -> Vec<String> {
    known.retain(|id| listed.iter().all(|waiting| text_of(waiting, "id") != id));
    known
}

/// Arguments of a tool on one line.
fn summary(args: &Value) -> String {
    let text = match args {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(map) if map.len() == 1 => map.values().next().map(plain).unwrap_or_default(),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| format!("{name}: {}", plain(value)))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    };
    clean::line(&text).chars().take(SUMMARY_CHARS_MAX).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn agents(answer: &Value) -> Vec<Item> {
    items_of(answer, "agents")
        .iter()
        .map(|agent| {
            let id = text_of(agent, "id").to_owned();
            let name = [text_of(&agent["identity"], "name"), text_of(agent, "name")]
                .into_iter()
                .find(|name| !name.is_empty() && **name != id)
                .map_or_else(|| id.clone(), |name| format!("{id} ({name})"));
            Item {
                label: name,
                detail: text_of(&agent["model"], "primary").to_owned(),
                blocked: None,
                id,
            }
        })
        .collect()
}

fn sessions(answer: &Value, now_ms: i64) -> Vec<Item> {
    items_of(answer, "sessions")
        .iter()
        .map(|row| {
            let title = ["label", "displayName", "derivedTitle"]
                .iter()
                .map(|name| text_of(row, name))
                .find(|text| !text.is_empty())
                .unwrap_or_default();
            let used = number_of(row, "updatedAt")
                .map(|at_ms| age(now_ms, at_ms))
                .unwrap_or_default();
            Item {
                id: text_of(row, "key").to_owned(),
                label: text_of(row, "key").to_owned(),
                detail: clean::line(&format!("{used} {title}")).trim().to_owned(),
                blocked: None,
            }
        })
        .collect()
}

fn models(answer: &Value) -> Vec<Item> {
    items_of(answer, "models")
        .iter()
        .map(|model| {
            let (id, provider) = (text_of(model, "id"), text_of(model, "provider"));
            let prefix = format!("{provider}/");
            let id = if provider.is_empty() || id.starts_with(&prefix) {
                id.to_owned()
            } else {
                format!("{prefix}{id}")
            };
            let mut facts = Vec::new();
            if let Some(window) = number_of(model, "contextWindow").filter(|window| *window > 0) {
                facts.push(format!("{}k", window / 1_000));
            }
            if model["reasoning"].as_bool() == Some(true) {
                facts.push("thinks".to_owned());
            }
            let blocked = (model["available"].as_bool() == Some(false)).then(|| {
                facts.push("not available".to_owned());
                let told = text_of(model, "unavailableReason");
                let why = if told.is_empty() {
                    "`torana models status` says what it lacks"
                } else {
                    told
                };
                format!("{id} cannot be used now: {why}")
            });
            Item {
                label: id.clone(),
                id,
                detail: facts.join(", "),
                blocked,
            }
        })
        .collect()
}
