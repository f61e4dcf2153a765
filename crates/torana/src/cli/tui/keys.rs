//! What a key does: in the line one writes in, in a list, and to the conversation.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind};
use serde_json::{Value, json};

use super::complete;
use super::log::Log;
use super::picker::{Item, Picker, Topic};
use super::question::Step;
use super::slash::{self, Slash};
use super::state::{Action, Ask, Overlay, State, ask};
use super::suggestion::Suggestion;
use crate::cli::rpc::method;

/// Keys and what they do; the help is made of it.
pub(crate) const KEYS: &[(&str, &str)] = &[
    ("Enter", "send"),
    ("Shift- or Alt-Enter, Ctrl-J", "new line"),
    ("Up, Down", "line, or history"),
    ("PageUp, PageDown", "scroll"),
    ("Tab", "complete a command"),
    ("Esc", "stop the answer or command, or close a list"),
    ("Ctrl-C", "clear, stop, leave"),
    ("Ctrl-D", "leave"),
    ("Ctrl-Z", "back to the shell; `fg` goes on"),
    ("Ctrl-G", "agents"),
    ("Ctrl-P", "sessions"),
    ("Ctrl-L", "models"),
    ("Ctrl-Y", "decide, or answer a question"),
    ("Ctrl-T", "show or hide thinking"),
    ("Ctrl-O", "show or hide tool output"),
    ("Ctrl-R", "connect again now"),
];

/// Sessions read for the list; the filter works on these.
const SESSIONS_LISTED: usize = 200;
/// Lines a turn of the wheel moves.
const WHEEL_LINES: usize = 3;

impl State {
    /// Something happened at the terminal.
    pub(crate) fn terminal(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => {
                match &mut self.overlay {
                    Some(Overlay::Picker(picker)) => {
                        text.chars().for_each(|character| picker.type_in(character))
                    }
                    Some(Overlay::Prompt(prompt)) => prompt.paste(&text),
                    Some(Overlay::Help(_)) | None => self.editor.insert(&text),
                }
                Vec::new()
            }
            Event::Mouse(mouse) => {
                match mouse.kind {
                    MouseEventKind::ScrollUp => self.scroll_up(WHEEL_LINES),
                    MouseEventKind::ScrollDown => {
                        self.scroll = self.scroll.saturating_sub(WHEEL_LINES)
                    }
                    _ => {}
                }
                Vec::new()
            }
            Event::Key(_) | Event::Resize(..) | Event::FocusGained | Event::FocusLost => Vec::new(),
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Action> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            return self.interrupt();
        }
        self.leaving = false;
        if control && key.code == KeyCode::Char('z') {
            return vec![Action::Suspend];
        }
        match &self.overlay {
            Some(Overlay::Help(top)) => {
                self.overlay = self.help_key(*top, key.code);
                return Vec::new();
            }
            Some(Overlay::Picker(_)) => return self.picker_key(key, control),
            Some(Overlay::Prompt(_)) => return self.prompt_key(key),
            None => {}
        }
        match key.code {
            KeyCode::Char(character) if control => self.control(character),
            KeyCode::Esc if self.local.running.is_some() => vec![Action::StopShell],
            KeyCode::Esc if self.is_running() => self.abort(),
            KeyCode::PageUp => {
                self.scroll_up(self.viewport.height.max(1));
                Vec::new()
            }
            KeyCode::PageDown => {
                self.scroll = self.scroll.saturating_sub(self.viewport.height.max(1));
                Vec::new()
            }
            KeyCode::Enter if key.modifiers.is_empty() => self.enter(),
            _ => {
                self.edit(key);
                Vec::new()
            }
        }
    }

    /// The help moved by a key; closed by any that moves nothing.
    fn help_key(&self, top: usize, key: KeyCode) -> Option<Overlay> {
        let page = self.viewport.height.max(1);
        let top = match key {
            KeyCode::Up => top.saturating_sub(1),
            KeyCode::Down => top + 1,
            KeyCode::PageUp => top.saturating_sub(page),
            KeyCode::PageDown => top + page,
            _ => return None,
        };
        Some(Overlay::Help(top.min(self.viewport.help_max)))
    }

    fn scroll_up(&mut self, lines: usize) {
        self.scroll = (self.scroll + lines).min(self.viewport.scroll_max);
    }

    /// Ctrl-C: closes a list, clears the line, stops the answer; with nothing left to do, twice leaves.
    fn interrupt(&mut self) -> Vec<Action> {
        if self.leaving {
            return vec![Action::Leave];
        }
        if self.overlay.is_some() {
            self.close();
            return Vec::new();
        }
        if !self.editor.is_empty() {
            self.editor.clear();
            return Vec::new();
        }
        self.leaving = true;
        if self.local.running.is_some() {
            vec![Action::StopShell]
        } else if self.is_running() {
            self.abort()
        } else {
            Vec::new()
        }
    }

    /// Closes what is in front; of a list that was narrowed the filter goes first.
    fn close(&mut self) {
        match &mut self.overlay {
            Some(Overlay::Picker(picker)) if !picker.filter.is_empty() => picker.filter.clear(),
            _ => self.overlay = None,
        }
    }

    fn control(&mut self, character: char) -> Vec<Action> {
        match character {
            'd' if self.editor.is_empty() => return vec![Action::Leave],
            'd' => self.editor.delete(),
            'j' => self.editor.insert("\n"),
            'a' => self.editor.home(),
            'e' => self.editor.end(),
            'b' => self.editor.left(),
            'f' => self.editor.right(),
            'h' => self.editor.backspace(),
            'w' => self.editor.delete_word(),
            'u' => self.editor.delete_to_start(),
            'k' => self.editor.delete_to_end(),
            'g' => return self.open_agents(),
            'p' => return self.open_sessions(),
            'l' => return self.open_models(),
            'y' if self.approvals.is_empty() && self.open_question() => {}
            'y' => return self.open_approval(None),
            't' => self.show_thinking = !self.show_thinking,
            'o' => self.show_output = !self.show_output,
            'r' if !self.is_up() => return vec![Action::Reconnect],
            _ => {}
        }
        Vec::new()
    }

    fn edit(&mut self, key: KeyEvent) {
        let by_word = key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        match key.code {
            KeyCode::Char(character) => self.editor.insert(character.encode_utf8(&mut [0; 4])),
            // Reached only with a modifier: terminals that can tell send Shift, the rest Alt.
            KeyCode::Enter => self.editor.insert("\n"),
            KeyCode::Backspace if by_word => self.editor.delete_word(),
            KeyCode::Backspace => self.editor.backspace(),
            KeyCode::Delete => self.editor.delete(),
            KeyCode::Left if by_word => self.editor.word_left(),
            KeyCode::Right if by_word => self.editor.word_right(),
            KeyCode::Left => self.editor.left(),
            KeyCode::Right => self.editor.right(),
            KeyCode::Up => self.editor.up(),
            KeyCode::Down => self.editor.down(),
            KeyCode::Home => self.editor.home(),
            KeyCode::End => self.editor.end(),
            KeyCode::Tab => {
                if let Some(completed) = complete::complete(self.editor.text(), &self.known) {
                    self.editor.set(&completed);
                }
            }
            _ => {}
        }
    }

    fn enter(&mut self) -> Vec<Action> {
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

    // === lists ===

    fn open_agents(&mut self) -> Vec<Action> {
        self.overlay = Some(Overlay::Picker(Picker::waiting(Topic::Agent, "Agents")));
        vec![ask(Ask::Agents, method::AGENTS_LIST, json!({}))]
    }

    fn open_sessions(&mut self) -> Vec<Action> {
        self.overlay = Some(Overlay::Picker(Picker::waiting(Topic::Session, "Sessions")));
        vec![ask(
            Ask::Sessions,
            method::SESSIONS_LIST,
            json!({ "limit": SESSIONS_LISTED, "includeDerivedTitles": true }),
        )]
    }

    fn open_models(&mut self) -> Vec<Action> {
        self.overlay = Some(Overlay::Picker(Picker::waiting(Topic::Model, "Models")));
        vec![ask(
            Ask::Models,
            method::MODELS_LIST,
            json!({ "includeDetails": true }),
        )]
    }

    /// Opens the words that may follow a command.
    fn open_levels(&mut self, topic: Topic, title: &str, command: &str) -> Vec<Action> {
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
    fn open_settings(&mut self, at: isize) {
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

    fn open_suggestions(&mut self) {
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

    fn prompt_key(&mut self, key: KeyEvent) -> Vec<Action> {
        let Some(Overlay::Prompt(prompt)) = &mut self.overlay else {
            return Vec::new();
        };
        let skips = key.code == KeyCode::Char('x') && key.modifiers.contains(KeyModifiers::CONTROL);
        if self.viewport.is_unseen && (skips || key.code == KeyCode::Enter) {
            // What nobody has read yet nobody answers.
            return Vec::new();
        }
        if key.code == KeyCode::Enter && self.viewport.is_cut && prompt.gives_secret() {
            // Nobody gives a secret away to what could not be read whole (S-013). What was typed stays: the terminal can
            // be made larger.
            return Vec::new();
        }
        let at = prompt.at;
        match prompt.key(key) {
            Step::Stay => {
                // The next part was not drawn yet, so nobody has read it.
                self.viewport.is_unseen |= prompt.at != at;
                Vec::new()
            }
            Step::Aside => {
                self.overlay = None;
                Vec::new()
            }
            Step::Done(action) => {
                self.overlay = None;
                vec![action]
            }
        }
    }

    fn picker_key(&mut self, key: KeyEvent, control: bool) -> Vec<Action> {
        let page = isize::try_from(self.viewport.height / 2)
            .unwrap_or(1)
            .max(1);
        let Some(Overlay::Picker(picker)) = &mut self.overlay else {
            return Vec::new();
        };
        match key.code {
            KeyCode::Esc => self.close(),
            KeyCode::Up => picker.step(-1),
            KeyCode::Down => picker.step(1),
            KeyCode::Char('p') if control => picker.step(-1),
            KeyCode::Char('n') if control => picker.step(1),
            KeyCode::PageUp => picker.step(-page),
            KeyCode::PageDown => picker.step(page),
            KeyCode::Backspace => picker.backspace(),
            KeyCode::Char(character) if !control => picker.type_in(character),
            // What nobody has read yet nobody decides.
            KeyCode::Enter if self.viewport.is_unseen => {}
            KeyCode::Enter => {
                let (topic, chosen) = (picker.topic.clone(), picker.selected());
                if let Some(chosen) = chosen {
                    self.overlay = None;
                    if let Some(why) = chosen.blocked {
                        self.log.note(why);
                        return Vec::new();
                    }
                    return self.choose(&topic, &chosen.id);
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn choose(&mut self, topic: &Topic, id: &str) -> Vec<Action> {
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
