//! What waits for a person: approvals, questions of agents, and tasks they suggest.

use serde_json::Value;

use super::approval::{APPROVALS_MAX, Approval};
use super::picker::Topic;
use super::question::{QUESTIONS_MAX, Question};
use super::state::{Overlay, State};
use super::suggestion::{SUGGESTIONS_MAX, Suggestion};
use crate::cli::words::text_of;

impl State {
    pub(crate) fn approval_requested(&mut self, event: &Value, kind: &str) {
        let Some(approval) = Approval::read(event, kind) else {
            return;
        };
        let is_known = self.approvals.iter().any(|known| known.id == approval.id);
        if !is_known && self.approvals.len() < APPROVALS_MAX {
            self.approvals.push(approval);
        }
    }

    pub(crate) fn approval_resolved(&mut self, id: &str) {
        self.approvals.retain(|approval| approval.id != id);
        if let Some(Overlay::Picker(picker)) = &self.overlay
            && picker.topic == Topic::Approval(id.to_owned())
        {
            self.overlay = None;
        }
    }

    /// An agent asks a person.
    pub(crate) fn question_requested(&mut self, event: &Value) {
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

    pub(crate) fn question_resolved(&mut self, event: &Value) {
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

    pub(crate) fn forget_question(&mut self, id: &str) -> bool {
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
    pub(crate) fn suggestion(&mut self, event: &Value) {
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

    pub(crate) fn keep_suggestion(&mut self, suggestion: Suggestion) -> bool {
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
}
