//! The arguments of `/queue`.

use crate::lane::{DropPolicy, QueueMode};

/// The longest debounce a chat may set: a person should not wait longer for nothing.
const DEBOUNCE_MS_MAX: u64 = 60_000;

/// The largest queue a chat may set: above it, waiting messages are no conversation any more.
const CAP_MAX: usize = 1_000;

/// What `/queue` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueAction {
    /// Show the policy in force.
    Show,
    /// Go back to the configured policy.
    Reset,
    /// Change the policy of this session.
    Set(QueueChange),
    /// Nothing is changed, because this word makes no sense.
    Invalid {
        /// The word as written, shortened.
        word: String,
    },
}

/// The parts of a queue policy that change; absent parts stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueChange {
    /// What happens to a message during a run.
    pub mode: Option<QueueMode>,
    /// How long waiting messages are collected.
    pub debounce_ms: Option<u64>,
    /// How many messages may wait.
    pub cap: Option<usize>,
    /// What happens above the cap.
    pub drop: Option<DropPolicy>,
}

impl QueueAction {
    /// Reads the arguments.
    pub(super) fn parse(rest: &str) -> Self {
        let mut change = QueueChange::default();
        let words: Vec<String> = join_options(rest);
        match words.as_slice() {
            [] => return Self::Show,
            [word] if matches!(word.as_str(), "default" | "reset") => return Self::Reset,
            [word] if word == "status" => return Self::Show,
            _ => {}
        }
        for word in &words {
            if change.read(word).is_none() {
                return Self::Invalid {
                    // As much as a reply needs to name it.
                    word: word.chars().take(40).collect(),
                };
            }
        }
        Self::Set(change)
    }
}

impl QueueChange {
    fn read(&mut self, word: &str) -> Option<()> {
        match word.split_once([':', '=']) {
            None => self.mode = Some(QueueMode::parse(word)?),
            Some(("mode", value)) => self.mode = Some(QueueMode::parse(value)?),
            Some(("debounce", value)) => self.debounce_ms = Some(duration_ms(value)?),
            Some(("cap", value)) => {
                let cap = value
                    .parse()
                    .ok()
                    .filter(|cap| (1..=CAP_MAX).contains(cap))?;
                self.cap = Some(cap);
            }
            Some(("drop", value)) => self.drop = Some(drop_policy(value)?),
            Some(_) => return None,
        }
        Some(())
    }
}

/// Words in lower case, with `cap: 5` joined to `cap:5`.
fn join_options(rest: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in rest.split_whitespace() {
        let word = word.to_ascii_lowercase();
        match words.last_mut().filter(|last| last.ends_with([':', '='])) {
            Some(last) => last.push_str(&word),
            None => words.push(word),
        }
    }
    words
}

fn duration_ms(text: &str) -> Option<u64> {
    let (number, factor) = if let Some(number) = text.strip_suffix("ms") {
        (number, 1)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1_000)
    } else {
        (text, 1)
    };
    let value = number.parse::<u64>().ok()?.checked_mul(factor)?;
    (value <= DEBOUNCE_MS_MAX).then_some(value)
}

fn drop_policy(text: &str) -> Option<DropPolicy> {
    match text {
        "summarize" | "summarise" => Some(DropPolicy::Summarize),
        "old" => Some(DropPolicy::Old),
        "new" => Some(DropPolicy::New),
        _ => None,
    }
}
