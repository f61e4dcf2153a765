//! What the gateway answered to what was asked, or why it refused.
//!
//! Every value is cleaned here ([`super::clean`]), before anything of it reaches the state.

use serde_json::Value;

use super::log::{Entry, Progress};
use super::picker::{Item, Topic};
use super::question::{QUESTIONS_MAX, Question};
use super::state::{Action, Ask, Overlay, State};
use super::suggestion::Suggestion;
use super::{clean, complete, listed, message};
use crate::cli::failure::{Failure, Reason};
use crate::cli::words::{items_of, text_of};

impl State {
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
            Ask::Agents => self.fill(Topic::Agent, listed::agents(answer)),
            Ask::Sessions => self.fill(Topic::Session, listed::sessions(answer, self.wall_ms)),
            Ask::Models => self.fill(Topic::Model, listed::models(answer)),
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
