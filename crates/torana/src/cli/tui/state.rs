//! Everything the interface knows, and what it wants done.
//!
//! [`State`] is plain data: keys ([`super::keys`]), frames of the gateway ([`super::frames`]) and the clock change it and
//! leave [`Action`]s behind, which only [`super::run`] carries out. So every behaviour can be tested without a terminal.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde_json::{Value, json};

use super::approval::Approval;
use super::complete::Known;
use super::editor::Editor;
use super::facts::Facts;
use super::log::{Entry, Log, Progress};
use super::picker::Picker;
use super::question::{Prompt, Question};
use super::shell::{Consent, Local};
use super::suggestion::Suggestion;
use crate::cli::rpc::method;

/// Messages that wait for the gateway's word; a person does not write more while a connection is away.
const OUTGOING_MAX: usize = 100;
/// Runs remembered as over; a late word about one of them is older than this many others.
const OVER_MAX: usize = 32;

/// Something to be done outside. A call may carry a secret answer, so its parameters never appear in debug output.
#[derive(Clone, PartialEq)]
pub(crate) enum Action {
    /// Call the gateway.
    Ask {
        ask: Ask,
        method: &'static str,
        params: Value,
    },
    /// Run a command on this machine; somebody said yes.
    Shell(String),
    /// End the command that runs here.
    StopShell,
    /// Connect now, without waiting for the next attempt.
    Reconnect,
    /// Give the terminal back to the shell until it is called to the front again.
    Suspend,
    /// End the program.
    Leave,
}

/// Why the gateway was asked, so that the answer finds its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Listen to a session.
    Listen,
    /// Stop listening, or anything else whose answer changes nothing.
    Nothing,
    /// Read a session.
    History {
        session: String,
    },
    /// Read the facts of the session again.
    Facts {
        session: String,
    },
    /// Fill a picker.
    Agents,
    Sessions,
    Models,
    /// What waits for a decision, by kind. `known` is what we believed to wait when we asked: of that, what the gateway
    /// no longer lists is over. What came up meanwhile may be missing in the answer and stays; so with the next ones.
    Approvals {
        kind: &'static str,
        known: Vec<String>,
    },
    /// Send a message.
    Send {
        key: String,
    },
    /// Stop a run.
    Abort,
    /// Change the session; the text says what is different afterwards.
    Change {
        done: String,
    },
    /// Give the session a fresh transcript.
    Reset,
    /// Decide.
    Decide {
        id: String,
    },
    /// What the gateway says of itself.
    Gateway,
    /// What waits for an answer.
    Questions {
        known: Vec<String>,
    },
    /// Answer; the text says what was answered.
    Answer {
        id: String,
        done: String,
    },
    /// Commands the gateway understands.
    Commands {
        agent: String,
    },
    /// Tasks that agents suggest.
    Suggestions {
        known: Vec<String>,
    },
    /// Take or dismiss one.
    Suggest {
        id: String,
        done: String,
    },
    /// Make a session.
    Create,
}

/// The connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// Connected.
    Up,
    /// Not connected.
    Down {
        why: String,
        hint: Option<String>,
        /// When the next attempt begins, milliseconds of the monotonic clock; never, when asking again is no use.
        retry_at_ms: Option<u64>,
    },
}

/// A message the gateway has not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) key: String,
    pub(crate) session: String,
    pub(crate) text: String,
}

/// A run of this session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) since_ms: u64,
    /// What it does, in a word or two.
    pub(crate) doing: String,
}

/// What is in front of the conversation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Overlay {
    /// Keys and commands, from this line on.
    Help(usize),
    Picker(Picker),
    Prompt(Box<Prompt>),
}

/// What was drawn, for moving through it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Viewport {
    /// Lines of the conversation on the screen.
    pub(crate) height: usize,
    /// How far up one can go.
    pub(crate) scroll_max: usize,
    /// How far down the help can be moved.
    pub(crate) help_max: usize,
    /// What is to be decided did not fit on the screen.
    pub(crate) is_cut: bool,
    /// What stands in front was not drawn yet, so nobody has read it.
    pub(crate) is_unseen: bool,
}

/// Options the program was started with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) session: String,
    pub(crate) thinking: Option<String>,
    pub(crate) history: usize,
    pub(crate) deliver: bool,
    /// How long one answer may take.
    pub(crate) timeout_ms: Option<u64>,
    /// Where the gateway is, for the header.
    pub(crate) place: String,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) session: String,
    pub(crate) link: Link,
    pub(crate) version: String,
    pub(crate) facts: Facts,
    pub(crate) log: Log,
    pub(crate) editor: Editor,
    pub(crate) overlay: Option<Overlay>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) questions: Vec<Question>,
    pub(crate) suggestions: Vec<Suggestion>,
    /// Commands of the gateway, for completion.
    pub(crate) known: Vec<Known>,
    pub(crate) runs: BTreeMap<String, Run>,
    /// Runs that are over: the gateway may tell of an end before it answers the message that began it.
    over: VecDeque<String>,
    pub(crate) outgoing: Vec<Outgoing>,
    /// Lines the view is scrolled up from the newest.
    pub(crate) scroll: usize,
    pub(crate) viewport: Viewport,
    pub(crate) show_thinking: bool,
    pub(crate) show_output: bool,
    pub(crate) local: Local,
    /// What is to be said once the session was read again.
    pub(crate) told: Option<&'static str>,
    /// Ctrl-C was pressed with nothing to do; once more leaves.
    pub(crate) leaving: bool,
    pub(crate) now_ms: u64,
    pub(crate) wall_ms: i64,
    /// Keys of messages, made outside: randomness is not ours.
    pub(crate) keys: Vec<String>,
}

// === impl State ===

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            session: settings.session.clone(),
            settings,
            link: Link::Down {
                why: "connecting".to_owned(),
                hint: None,
                retry_at_ms: None,
            },
            version: String::new(),
            facts: Facts::default(),
            log: Log::default(),
            editor: Editor::default(),
            overlay: None,
            approvals: Vec::new(),
            questions: Vec::new(),
            suggestions: Vec::new(),
            known: Vec::new(),
            runs: BTreeMap::new(),
            over: VecDeque::new(),
            outgoing: Vec::new(),
            scroll: 0,
            viewport: Viewport::default(),
            show_thinking: false,
            show_output: false,
            local: Local {
                consent: Consent::Unasked,
                running: None,
            },
            told: None,
            leaving: false,
            now_ms: 0,
            wall_ms: 0,
            keys: Vec::new(),
        }
    }

    /// Agent of the session, as its key says.
    pub(crate) fn agent(&self) -> &str {
        let mut parts = self.session.split(':');
        match (parts.next(), parts.next()) {
            (Some("agent"), Some(agent)) => agent,
            _ => "main",
        }
    }

    /// The whole key of a session that somebody names: without an agent it is one of the agent on show.
    pub(crate) fn whole_key(&self, key: &str) -> String {
        if key.contains(':') || key == "global" || !self.session.starts_with("agent:") {
            return key.to_owned();
        }
        format!("agent:{}:{key}", self.agent())
    }

    pub(crate) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.runs.is_empty()
    }

    /// The connection stands: listen, read, and send what could not be sent.
    pub(crate) fn connected(&mut self, hello: &Value) -> Vec<Action> {
        self.link = Link::Up;
        self.version = super::clean::line(hello["server"]["version"].as_str().unwrap_or_default());
        let mut actions = self.listen();
        for (kind, name) in [
            ("exec", method::EXEC_APPROVAL_LIST),
            ("plugin", method::PLUGIN_APPROVAL_LIST),
            ("system-agent", method::OPENCLAW_APPROVAL_LIST),
        ] {
            let approvals = self.approvals.iter();
            let known = approvals
                .filter(|approval| approval.kind == kind)
                .map(|approval| approval.id.clone())
                .collect();
            actions.push(ask(Ask::Approvals { kind, known }, name, json!({})));
        }
        let known = self.questions.iter().map(|known| known.id.clone());
        let known = known.collect();
        actions.push(ask(
            Ask::Questions { known },
            method::QUESTION_LIST,
            json!({}),
        ));
        let known = self.suggestions.iter().map(|known| known.id.clone());
        let known = known.collect();
        actions.push(ask(
            Ask::Suggestions { known },
            method::TASK_SUGGESTIONS_LIST,
            json!({}),
        ));
        actions.push(self.read_commands());
        // A message goes under the key it had, so the gateway knows one that it already took.
        actions.extend(self.outgoing.iter().map(|message| self.sending(message)));
        actions
    }

    /// The connection is gone. What was shown stays, and what was sent without an answer is sent again.
    pub(crate) fn lost(&mut self, why: &str, hint: Option<&str>, retry_at_ms: Option<u64>) {
        for message in &self.outgoing {
            self.log.progress(&message.key, Progress::Waiting);
        }
        self.runs.clear();
        self.over.clear();
        self.link = Link::Down {
            why: super::clean::line(why),
            hint: hint.map(super::clean::line),
            retry_at_ms,
        };
    }

    /// Listens to the session on show and reads it.
    pub(crate) fn listen(&self) -> Vec<Action> {
        vec![
            ask(Ask::Nothing, method::SESSIONS_SUBSCRIBE, json!({})),
            ask(
                Ask::Listen,
                method::SESSIONS_MESSAGES_SUBSCRIBE,
                json!({ "key": self.session }),
            ),
        ]
    }

    /// Reads the session on show.
    pub(crate) fn read(&self) -> Action {
        ask(
            Ask::History {
                session: self.session.clone(),
            },
            method::CHAT_HISTORY,
            json!({ "sessionKey": self.session, "limit": self.settings.history }),
        )
    }

    /// Reads which commands the gateway understands for the agent of the session on show.
    pub(crate) fn read_commands(&self) -> Action {
        let agent = self.agent().to_owned();
        let params = json!({ "agentId": agent, "scope": "text", "includeArgs": true });
        ask(Ask::Commands { agent }, method::COMMANDS_LIST, params)
    }

    /// Reads the facts of the session on show.
    pub(crate) fn read_facts(&self) -> Action {
        ask(
            Ask::Facts {
                session: self.session.clone(),
            },
            method::CHAT_HISTORY,
            json!({ "sessionKey": self.session, "limit": 1 }),
        )
    }

    /// Shows another session.
    pub(crate) fn switch(&mut self, session: &str) -> Vec<Action> {
        self.overlay = None;
        if session == self.session {
            return Vec::new();
        }
        let agent = self.agent().to_owned();
        let left = std::mem::replace(&mut self.session, session.to_owned());
        self.log.clear();
        self.runs.clear();
        self.facts = Facts::default();
        self.scroll = 0;
        let mut actions = vec![ask(
            Ask::Nothing,
            method::SESSIONS_MESSAGES_UNSUBSCRIBE,
            json!({ "key": left }),
        )];
        actions.extend(self.listen());
        if self.agent() != agent {
            actions.push(self.read_commands());
        }
        actions
    }

    /// Opens what is asked in the session on show; never unasked, for a key meant for something else must not answer
    /// anything. False when nothing is asked.
    pub(crate) fn open_question(&mut self) -> bool {
        let found = self
            .questions
            .iter()
            .find(|question| question.belongs_to(&self.session));
        let Some(question) = found else {
            return false;
        };
        let prompt = Prompt::new(question.clone());
        self.open_unseen(Overlay::Prompt(Box::new(prompt)));
        true
    }

    /// Opens something to decide. Until it was drawn no key decides anything.
    pub(crate) fn open_unseen(&mut self, overlay: Overlay) {
        self.overlay = Some(overlay);
        self.viewport.is_unseen = true;
    }

    /// A run is over; what is told of it from now on is late.
    pub(crate) fn end_run(&mut self, run: &str) {
        self.runs.remove(run);
        if self.over.len() >= OVER_MAX {
            self.over.pop_front();
        }
        self.over.push_back(run.to_owned());
    }

    pub(crate) fn is_over(&self, run: &str) -> bool {
        self.over.iter().any(|known| known == run)
    }

    /// Says something in the session on show; without a connection it waits.
    pub(crate) fn say(&mut self, text: &str) -> Vec<Action> {
        let Some(key) = self.keys.pop() else {
            self.log.error("one moment, and once more please");
            return Vec::new();
        };
        if self.outgoing.len() >= OUTGOING_MAX {
            self.log
                .error("too many messages wait for the gateway; this one was not sent");
            self.editor.set(text);
            return Vec::new();
        }
        let message = Outgoing {
            key: key.clone(),
            session: self.session.clone(),
            text: text.to_owned(),
        };
        self.log.push(Entry::User {
            text: text.to_owned(),
            key: Some(key),
            progress: Progress::Waiting,
        });
        self.scroll = 0;
        let action = self.sending(&message);
        self.outgoing.push(message);
        if self.is_up() {
            vec![action]
        } else {
            Vec::new()
        }
    }

    fn sending(&self, message: &Outgoing) -> Action {
        let mut params = json!({
            "sessionKey": message.session, "message": message.text, "idempotencyKey": message.key,
            "deliver": self.settings.deliver,
        });
        if let Some(timeout_ms) = self.settings.timeout_ms {
            params["timeoutMs"] = json!(timeout_ms);
        }
        if let Some(thinking) = &self.settings.thinking {
            params["thinking"] = json!(thinking);
        }
        ask(
            Ask::Send {
                key: message.key.clone(),
            },
            method::CHAT_SEND,
            params,
        )
    }

    /// Changes a setting of the session on show.
    pub(crate) fn change(&mut self, field: &str, value: Value, done: String) -> Vec<Action> {
        let mut params = json!({ "key": self.session });
        params[field] = value;
        vec![ask(Ask::Change { done }, method::SESSIONS_PATCH, params)]
    }

    /// Stops what runs.
    pub(crate) fn abort(&mut self) -> Vec<Action> {
        vec![ask(
            Ask::Abort,
            method::CHAT_ABORT,
            json!({ "sessionKey": self.session }),
        )]
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask { ask, method, .. } => formatter
                .debug_struct("Ask")
                .field("ask", ask)
                .field("method", method)
                .finish_non_exhaustive(),
            Self::Shell(command) => formatter.debug_tuple("Shell").field(command).finish(),
            Self::StopShell => formatter.write_str("StopShell"),
            Self::Reconnect => formatter.write_str("Reconnect"),
            Self::Suspend => formatter.write_str("Suspend"),
            Self::Leave => formatter.write_str("Leave"),
        }
    }
}

/// A call.
pub(crate) fn ask(ask: Ask, method: &'static str, params: Value) -> Action {
    Action::Ask {
        ask,
        method,
        params,
    }
}
