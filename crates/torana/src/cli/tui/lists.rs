//! The lists one chooses from, and what a choice does.

use serde_json::{Value, json};

use super::complete;
use super::log::Log;
use super::picker::{Item, Picker, Topic};
use super::state::{Action, Ask, Overlay, State, ask};
use super::suggestion::Suggestion;
use crate::cli::rpc::method;

/// Sessions read for the list; the filter works on these.
const SESSIONS_LISTED: usize = 200;

impl State {
    pub(crate) fn open_agents(&mut self) -> Vec<Action> {
        self.overlay = Some(Overlay::Picker(Picker::waiting(Topic::Agent, "Agents")));
        vec![ask(Ask::Agents, method::AGENTS_LIST, json!({}))]
    }

    pub(crate) fn open_sessions(&mut self) -> Vec<Action> {
        self.overlay = Some(Overlay::Picker(Picker::waiting(Topic::Session, "Sessions")));
        vec![ask(
            Ask::Sessions,
            method::SESSIONS_LIST,
            json!({ "limit": SESSIONS_LISTED, "includeDerivedTitles": true }),
        )]
    }

    pub(crate) fn open_models(&mut self) -> Vec<Action> {
        self.overlay = Some(Overlay::Picker(Picker::waiting(Topic::Model, "Models")));
        vec![ask(
            Ask::Models,
            method::MODELS_LIST,
            json!({ "includeDetails": true }),
        )]
    }

    /// Opens the words that may follow a command.
    pub(crate) fn open_levels(&mut self, topic: Topic, title: &str, command: &str) -> Vec<Action> {
        let items = complete::choices(command, &self.known)
            .into_iter()
            .map(|level| Item {
                id: level.to_owned(),
                label: level.to_owned(),
                detail: String::new(),
                blocked: None,
            })
            .collect();
        self.overlay = Some(Overlay::Picker(Picker::of(topic, title, items)));
        Vec::new()
    }

    /// Opens the question about one approval, the oldest unless another is named.
    pub(crate) fn open_approval(&mut self, wanted: Option<&str>) -> Vec<Action> {
        let fits = |id: &str| wanted.is_none_or(|wanted| id.starts_with(wanted));
        let Some(approval) = self.approvals.iter().find(|approval| fits(&approval.id)) else {
            self.log.note("nothing waits for a decision");
            return Vec::new();
        };
        // The refusal comes first: an Enter too many must not let anything happen.
        let mut decisions = approval.decisions.clone();
        decisions.sort_by_key(|decision| decision != "deny");
        let items = decisions
            .into_iter()
            .map(|decision| {
                let label = match decision.as_str() {
                    "deny" => "Refuse",
                    "allow-once" => "Allow this once",
                    "allow-always" => "Allow from now on",
                    other => other,
                };
                Item {
                    label: label.to_owned(),
                    id: decision,
                    detail: String::new(),
                    blocked: None,
                }
            })
            .collect();
        let title = format!("{}: {}", approval.kind, approval.subject);
        let topic = Topic::Approval(approval.id.clone());
        self.open_unseen(Overlay::Picker(Picker::of(topic, &title, items)));
        Vec::new()
    }

    /// What is shown of what happens; choosing one turns it over and the list stays.
    pub(crate) fn open_settings(&mut self, at: isize) {
        let shown = |is_shown: bool| if is_shown { "shown" } else { "hidden" }.to_owned();
        let item = |id: &str, label: &str, detail: String| Item {
            id: id.to_owned(),
            label: label.to_owned(),
            detail,
            blocked: None,
        };
        let items = vec![
            item("output", "Whole output of tools", shown(self.show_output)),
            item(
                "thinking",
                "What the model thinks",
                shown(self.show_thinking),
            ),
        ];
        let mut picker = Picker::of(Topic::Settings, "Settings", items);
        picker.step(at);
        self.overlay = Some(Overlay::Picker(picker));
    }

    pub(crate) fn open_suggestions(&mut self) {
        if self.suggestions.is_empty() {
            self.log.note("no agent suggests anything");
            return;
        }
        let items = self.suggestions.iter().map(Suggestion::item).collect();
        let picker = Picker::of(Topic::Suggestions, "What agents suggest", items);
        self.overlay = Some(Overlay::Picker(picker));
    }

    fn open_suggestion(&mut self, id: &str) {
        let found = self.suggestions.iter().find(|known| known.id == id);
        let Some(suggestion) = found else {
            gone(&mut self.log);
            return;
        };
        let item = |id: &str, label: &str| Item {
            id: id.to_owned(),
            label: label.to_owned(),
            detail: String::new(),
            blocked: None,
        };
        // The one that starts nothing comes first: an Enter too many must do no harm.
        let items = vec![item("dismiss", "Dismiss it"), item("accept", "Begin it")];
        let topic = Topic::Suggestion(id.to_owned());
        let picker = Picker::of(topic, &suggestion.tldr, items);
        self.overlay = Some(Overlay::Picker(picker));
    }

    pub(crate) fn choose(&mut self, topic: &Topic, id: &str) -> Vec<Action> {
        match topic {
            Topic::Agent => self.switch(&format!("agent:{id}:main")),
            Topic::Session => self.switch(id),
            Topic::Model => self.change("model", or_usual(id), format!("this session uses {id}")),
            Topic::Thinking => {
                self.settings.thinking = None;
                self.change("thinkingLevel", or_usual(id), format!("thinking is {id}"))
            }
            Topic::Reasoning => {
                self.show_thinking = !matches!(id, "off" | "default");
                self.change("reasoningLevel", or_usual(id), format!("reasoning is {id}"))
            }
            Topic::Verbose => self.change("verboseLevel", or_usual(id), format!("verbose is {id}")),
            Topic::Settings => {
                let at = if id == "output" {
                    self.show_output = !self.show_output;
                    0
                } else {
                    self.show_thinking = !self.show_thinking;
                    1
                };
                self.open_settings(at);
                Vec::new()
            }
            Topic::Suggestions => {
                self.open_suggestion(id);
                Vec::new()
            }
            Topic::Suggestion(suggestion) => {
                let (name, done) = if id == "accept" {
                    (method::TASK_SUGGESTIONS_ACCEPT, "begun")
                } else {
                    (method::TASK_SUGGESTIONS_DISMISS, "dismissed")
                };
                let target = Ask::Suggest {
                    id: suggestion.clone(),
                    done: done.to_owned(),
                };
                vec![ask(target, name, json!({ "taskId": suggestion }))]
            }
            Topic::Shell(_) if id != "no" && self.viewport.is_cut => {
                self.log
                    .error("the terminal is too small to show all of it; make it larger");
                Vec::new()
            }
            Topic::Shell(command) => self.allow_here(command, id),
            Topic::Approval(_) if id != "deny" && self.viewport.is_cut => {
                // What nobody could read whole nobody allows (S-013).
                self.log.error(
                    "the terminal is too small to show all of it; make it larger, or answer with `/approve`",
                );
                Vec::new()
            }
            Topic::Approval(approval) => {
                let found = self
                    .approvals
                    .iter()
                    .find(|waiting| waiting.id == *approval);
                match found {
                    Some(found) => vec![found.decide(id)],
                    None => {
                        gone(&mut self.log);
                        Vec::new()
                    }
                }
            }
        }
    }
}

/// The value of a setting; none puts it back to the usual.
fn or_usual(word: &str) -> Value {
    if word == "default" {
        Value::Null
    } else {
        json!(word)
    }
}

fn gone(log: &mut Log) {
    log.note("somebody else was faster, or it expired");
}
