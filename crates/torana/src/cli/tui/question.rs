//! What an agent asks a person: up to three questions at once, answered one after the other where one sits.
//!
//! [`Question`] is what the gateway tells, [`Prompt`] is the answering of it. A secret answer is shown as dots and
//! leaves this program only towards the gateway: it is in no note and no history.

use std::collections::BTreeSet;
use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Map, Value, json};

use super::clean;
use super::state::{Action, Ask, ask};
use crate::cli::rpc::method;
use crate::cli::words::{items_of, number_of, text_of};

/// Questions kept at once; the gateway keeps the rest, and they are read again with the next connection.
pub(crate) const QUESTIONS_MAX: usize = 64;
/// Parts of one question (OpenClaw 2026.9.6).
const PARTS_MAX: usize = 3;
/// Options of one part; the protocol has four, and a list of more than this is not read by anybody.
const OPTIONS_MAX: usize = 32;
/// Characters of an answer the gateway takes.
const ANSWER_CHARS_MAX: usize = 16_384;

/// Something an agent asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) id: String,
    /// Session it belongs to; none means nobody's in particular.
    pub(crate) session: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) expires_at_ms: i64,
}

/// One part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) id: String,
    pub(crate) header: String,
    pub(crate) text: String,
    pub(crate) url: String,
    pub(crate) options: Vec<String>,
    /// Several options may be chosen.
    pub(crate) multi: bool,
    /// Something else than the options may be written.
    pub(crate) free: bool,
    /// The answer is not to be seen.
    pub(crate) secret: bool,
    /// What a secret is for: its name, why, and where it may be sent.
    pub(crate) purpose: Vec<String>,
    hosts: Vec<String>,
}

/// The answering of one question. What is answered may be secret, so it never appears in debug output.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) question: Question,
    /// Part on show.
    pub(crate) at: usize,
    /// Row the cursor is on.
    pub(crate) row: usize,
    /// Options chosen, where several may be.
    pub(crate) chosen: BTreeSet<usize>,
    /// An answer is being written.
    pub(crate) typing: bool,
    pub(crate) typed: String,
    answers: Vec<(String, Vec<String>)>,
}

/// A line one can stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    Option(usize),
    Other,
    Skip,
}

/// What a key led to.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// It goes on.
    Stay,
    /// The prompt is put aside; the question still waits.
    Aside,
    /// The gateway is told.
    Done(Action),
}

// === impl Question ===

impl Question {
    /// Reads what the gateway lists and announces.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let id = text_of(value, "id");
        let status = text_of(value, "status");
        let parts: Vec<Part> = items_of(value, "questions")
            .iter()
            .take(PARTS_MAX)
            .filter_map(Part::read)
            .collect();
        if id.is_empty() || parts.is_empty() || !matches!(status, "" | "pending") {
            return None;
        }
        Some(Self {
            id: id.to_owned(),
            session: text_of(value, "sessionKey").to_owned(),
            parts,
            expires_at_ms: number_of(value, "expiresAtMs").unwrap_or(i64::MAX),
        })
    }

    /// It is asked in this session, or in none.
    pub(crate) fn belongs_to(&self, session: &str) -> bool {
        self.session.is_empty() || self.session == session
    }

    /// What it is about, on one line.
    pub(crate) fn subject(&self) -> String {
        let texts: Vec<String> = self
            .parts
            .iter()
            .map(|part| clean::line(&part.text))
            .collect();
        texts.join(" · ")
    }
}

impl Part {
    fn read(value: &Value) -> Option<Self> {
        let id = text_of(value, "questionId");
        if id.is_empty() {
            return None;
        }
        let options: Vec<String> = items_of(value, "options")
            .iter()
            .map(|option| text_of(option, "label").to_owned())
            .filter(|label| !label.is_empty())
            .take(OPTIONS_MAX)
            .collect();
        let flag = |name: &str| value[name].as_bool() == Some(true);
        let store = &value["secretStore"];
        let hosts: Vec<String> = items_of(store, "allowedHosts")
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let mut purpose = Vec::new();
        if store.is_object() {
            purpose.push(format!("kept as {}", text_of(store, "name")));
            if !text_of(store, "reason").is_empty() {
                purpose.push(format!("why: {}", text_of(store, "reason")));
            }
            if !hosts.is_empty() {
                purpose.push(format!("for {}", hosts.join(", ")));
            }
            // One line each: a reason must not look like the list of hosts.
            purpose = purpose.iter().map(|text| clean::line(text)).collect();
        }
        Some(Self {
            id: id.to_owned(),
            header: text_of(value, "header").to_owned(),
            text: text_of(value, "question").to_owned(),
            url: text_of(value, "url").to_owned(),
            multi: flag("multiSelect"),
            free: options.is_empty() || value["isOther"].as_bool() != Some(false),
            secret: flag("isSecret") || store.is_object(),
            options,
            purpose,
            hosts,
        })
    }
}

// === impl Prompt ===

impl Prompt {
    pub(crate) fn new(question: Question) -> Self {
        let mut prompt = Self {
            question,
            at: 0,
            row: 0,
            chosen: BTreeSet::new(),
            typing: false,
            typed: String::new(),
            answers: Vec::new(),
        };
        prompt.begin();
        prompt
    }

    /// The part on show.
    pub(crate) fn part(&self) -> &Part {
        let last = self.question.parts.len().saturating_sub(1);
        &self.question.parts[self.at.min(last)]
    }

    /// Lines one can stand on.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let part = self.part();
        let mut rows: Vec<Row> = (0..part.options.len()).map(Row::Option).collect();
        if part.free {
            rows.push(Row::Other);
        }
        rows.push(Row::Skip);
        rows
    }

    /// Enter would give an answer that nobody else may see.
    pub(crate) fn gives_secret(&self) -> bool {
        let on_option = matches!(self.rows().get(self.row), Some(Row::Option(_)));
        self.part().secret && (self.typing || on_option)
    }

    fn begin(&mut self) {
        self.row = 0;
        self.chosen.clear();
        self.typed.clear();
        self.typing = self.part().options.is_empty();
    }

    /// Text that was pasted.
    pub(crate) fn paste(&mut self, text: &str) {
        if self.typing {
            let room = ANSWER_CHARS_MAX.saturating_sub(self.typed.chars().count());
            let text = clean::text(text);
            self.typed
                .extend(text.trim_end_matches('\n').chars().take(room));
        }
    }

    /// What a key does.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Step {
        if self.typing {
            self.write(key)
        } else {
            self.choose(key)
        }
    }

    fn write(&mut self, key: KeyEvent) -> Step {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc if self.part().options.is_empty() => return Step::Aside,
            KeyCode::Esc => {
                self.typing = false;
                self.typed.clear();
            }
            KeyCode::Enter => {
                let typed = self.typed.trim().to_owned();
                if !typed.is_empty() {
                    let mut answers = self.labels();
                    answers.push(typed);
                    return self.accept(answers);
                }
            }
            KeyCode::Backspace => drop(self.typed.pop()),
            KeyCode::Char('u') if control => self.typed.clear(),
            // Skipping needs a key of its own where there is no list to skip from.
            KeyCode::Char('x') if control => return self.skip(),
            KeyCode::Char('j') if control && !self.part().secret => self.paste_line_break(),
            KeyCode::Char(character)
                if !control
                    && !clean::is_harmful(character)
                    && self.typed.chars().count() < ANSWER_CHARS_MAX =>
            {
                self.typed.push(character);
            }
            _ => {}
        }
        Step::Stay
    }

    fn paste_line_break(&mut self) {
        if self.typed.chars().count() < ANSWER_CHARS_MAX {
            self.typed.push('\n');
        }
    }

    fn choose(&mut self, key: KeyEvent) -> Step {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let rows = self.rows();
        let last = rows.len().saturating_sub(1);
        self.row = self.row.min(last);
        match key.code {
            KeyCode::Esc => return Step::Aside,
            KeyCode::Up => self.row = self.row.saturating_sub(1),
            KeyCode::Down => self.row = (self.row + 1).min(last),
            KeyCode::Char('p') if control => self.row = self.row.saturating_sub(1),
            KeyCode::Char('n') if control => self.row = (self.row + 1).min(last),
            KeyCode::Char('x') if control => return self.skip(),
            KeyCode::Char(' ') => self.toggle(rows[self.row]),
            KeyCode::Char(digit) if digit.is_ascii_digit() && digit != '0' => {
                let wanted = digit as usize - '1' as usize;
                if let Some(row) = rows.get(wanted) {
                    self.row = wanted;
                    self.toggle(*row);
                }
            }
            KeyCode::Enter => return self.enter(rows[self.row]),
            _ => {}
        }
        Step::Stay
    }

    fn toggle(&mut self, row: Row) {
        if let Row::Option(option) = row
            && self.part().multi
            && !self.chosen.remove(&option)
        {
            self.chosen.insert(option);
        }
    }

    fn enter(&mut self, row: Row) -> Step {
        match row {
            Row::Skip => self.skip(),
            Row::Other => {
                self.typing = true;
                Step::Stay
            }
            Row::Option(option) => {
                if !self.part().multi || self.chosen.is_empty() {
                    self.chosen = BTreeSet::from([option]);
                }
                let answers = self.labels();
                self.accept(answers)
            }
        }
    }

    fn labels(&self) -> Vec<String> {
        let part = self.part();
        // Where one answer is wanted, what is written takes the place of what was chosen.
        if self.typing && !part.multi {
            return Vec::new();
        }
        self.chosen
            .iter()
            .filter_map(|option| part.options.get(*option).cloned())
            .collect()
    }

    fn accept(&mut self, answers: Vec<String>) -> Step {
        let id = self.part().id.clone();
        self.answers.push((id, answers));
        if self.at + 1 < self.question.parts.len() {
            self.at += 1;
            self.begin();
            return Step::Stay;
        }
        let answers: Map<String, Value> = self
            .answers
            .drain(..)
            .map(|(id, texts)| (id, json!(texts)))
            .collect();
        let mut params = json!({ "id": self.question.id, "answers": { "answers": answers } });
        let hosts: Vec<&String> = self
            .question
            .parts
            .iter()
            .flat_map(|part| &part.hosts)
            .collect();
        if !hosts.is_empty() {
            params["secretStoreAllowedHosts"] = json!(hosts);
        }
        self.typed.clear();
        Step::Done(self.resolve(params, "answered"))
    }

    fn skip(&self) -> Step {
        let params = json!({ "id": self.question.id, "cancel": true });
        Step::Done(self.resolve(params, "skipped"))
    }

    fn resolve(&self, params: Value, done: &str) -> Action {
        let target = Ask::Answer {
            id: self.question.id.clone(),
            done: format!("{done}: {}", self.question.subject()),
        };
        ask(target, method::QUESTION_RESOLVE, params)
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Prompt")
            .field("question", &self.question)
            .field("at", &self.at)
            .field("row", &self.row)
            .field("chosen", &self.chosen)
            .field("typing", &self.typing)
            .finish_non_exhaustive()
    }
}
