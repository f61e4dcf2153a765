//! Events of the session on show: what is said in it, by whom, and what its runs are doing.
//!
//! Every value is cleaned here ([`super::clean`]), before anything of it reaches the state.

use serde_json::Value;

use super::log::{CardState, Ending, Entry, Progress};
use super::state::{Action, Run, State};
use super::{clean, message};
use crate::cli::words::{number_of, text_of};

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

    pub(crate) fn doing(&mut self, run: &str, doing: &str) {
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
