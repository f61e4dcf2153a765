//! What is done with a line that was entered: a command is carried out, anything else is said.

use serde_json::json;

use super::picker::Topic;
use super::slash::Slash;
use super::state::{Action, Ask, Overlay, State, ask};
use super::{complete, slash};
use crate::cli::rpc::method;

impl State {
    pub(crate) fn enter(&mut self) -> Vec<Action> {
        if let Some(continued) = self.editor.text().strip_suffix('\\') {
            let continued = format!("{continued}\n");
            self.editor.set(&continued);
            return Vec::new();
        }
        if self.editor.text().trim().is_empty() {
            self.editor.clear();
            return Vec::new();
        }
        let text = self.editor.submit();
        if let Some(command) = Self::local_command(&text) {
            return self.run_here(command);
        }
        match slash::parse(&text) {
            Some(command) => self.command(command),
            None => match self.missing(&text) {
                Some(told) => {
                    self.log.error(told);
                    Vec::new()
                }
                None => self.say(text.trim_end()),
            },
        }
    }

    /// Says that the gateway lacks a command, once it has listed those it has.
    fn missing(&self, line: &str) -> Option<String> {
        let name = slash::elsewhere(line)?;
        let is_missing = !self.known.is_empty() && !complete::lists(&self.known, name);
        is_missing.then(|| format!("this gateway has no `/{name}`; nothing was sent"))
    }

    fn command(&mut self, command: Slash) -> Vec<Action> {
        match command {
            Slash::Help => {
                self.overlay = Some(Overlay::Help(0));
                Vec::new()
            }
            Slash::Agents(None) => self.open_agents(),
            Slash::Agents(Some(id)) => self.switch(&format!("agent:{id}:main")),
            Slash::Sessions(None) => self.open_sessions(),
            Slash::Sessions(Some(key)) => self.switch(&self.whole_key(&key)),
            Slash::Models(None) => self.open_models(),
            Slash::Models(Some(model)) => self.choose(&Topic::Model, &model),
            Slash::Think(None) => self.open_levels(Topic::Thinking, "How hard it thinks", "think"),
            Slash::Think(Some(level)) => self.choose(&Topic::Thinking, &level),
            Slash::Verbose(None) => {
                self.open_levels(Topic::Verbose, "How much is told of tools", "verbose")
            }
            Slash::Verbose(Some(level)) => self.choose(&Topic::Verbose, &level),
            Slash::Reasoning(None) => {
                self.open_levels(Topic::Reasoning, "Thoughts of the model", "reasoning")
            }
            Slash::Reasoning(Some(level)) => self.choose(&Topic::Reasoning, &level),
            Slash::Deliver(wanted) => {
                self.settings.deliver = wanted.unwrap_or(!self.settings.deliver);
                let words = if self.settings.deliver {
                    "also go to the platform of the session"
                } else {
                    "stay here"
                };
                self.log.note(format!("answers {words}"));
                Vec::new()
            }
            Slash::New => vec![ask(
                Ask::Create,
                method::SESSIONS_CREATE,
                json!({ "agentId": self.agent() }),
            )],
            Slash::Reset => self.reset("reset"),
            Slash::Abort => self.abort(),
            Slash::GatewayStatus => vec![ask(Ask::Gateway, method::STATUS, json!({}))],
            Slash::Question => {
                if !self.open_question() {
                    self.log.note("nothing is asked in this session");
                }
                Vec::new()
            }
            Slash::Settings => {
                self.open_settings(0);
                Vec::new()
            }
            Slash::Suggestions => {
                self.open_suggestions();
                Vec::new()
            }
            Slash::Approve { id, decision } => self.approve(id.as_deref(), decision.as_deref()),
            Slash::Exit => vec![Action::Leave],
        }
    }

    pub(crate) fn reset(&mut self, reason: &str) -> Vec<Action> {
        vec![ask(
            Ask::Reset,
            method::SESSIONS_RESET,
            json!({ "key": self.session, "reason": reason }),
        )]
    }

    fn approve(&mut self, id: Option<&str>, decision: Option<&str>) -> Vec<Action> {
        let Some(decision) = decision else {
            return self.open_approval(id);
        };
        let wanted = id.unwrap_or_default();
        match self
            .approvals
            .iter()
            .find(|approval| approval.id.starts_with(wanted))
        {
            Some(approval) if approval.decisions.iter().any(|allowed| allowed == decision) => {
                vec![approval.decide(decision)]
            }
            Some(approval) => {
                let allowed = approval.decisions.join(", ");
                self.log.error(format!(
                    "`{decision}` is no answer to this; it takes {allowed}"
                ));
                Vec::new()
            }
            None => {
                self.log.error(format!("nothing waits under `{wanted}`"));
                Vec::new()
            }
        }
    }
}
