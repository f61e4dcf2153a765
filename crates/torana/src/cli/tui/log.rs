//! The conversation on the screen: what was said, by whom, and which tools ran in between.
//!
//! Gateways send an answer as one growing text per run. A tool that starts in the middle cuts it, so that the card stands
//! where it happened; [`Log::grow`] and [`Log::finish`] keep the pieces in step with the whole.

use std::collections::{BTreeMap, VecDeque};

/// Entries kept: more than anyone scrolls back; older ones are in the transcript.
const ENTRIES_MAX: usize = 2_000;
/// Runs whose text is followed at once; lanes run one turn each, so this is far above what one session has.
const RUNS_MAX: usize = 64;
/// Output shown of one tool, bytes; the whole is in the transcript.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// One thing on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Somebody wrote.
    User {
        text: String,
        /// Its idempotency key, when known.
        key: Option<String>,
        progress: Progress,
    },
    /// A piece of an answer.
    Answer {
        run: String,
        text: String,
        ending: Option<Ending>,
    },
    /// What the model thought.
    Thinking { run: String, text: String },
    /// A tool ran.
    Tool(Card),
    /// Something of ours, or of the gateway, that nobody said.
    Note { text: String, grave: bool },
}

/// How far a message of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It waits for a connection or for the gateway's word.
    Waiting,
    /// It waits behind a turn.
    Queued,
    /// It is with the gateway.
    Accepted,
    /// The gateway refused it.
    Refused,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    Stopped,
    Failed,
}

/// A tool at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) run: String,
    pub(crate) call: String,
    pub(crate) name: String,
    /// What it was asked, on one line.
    pub(crate) summary: String,
    pub(crate) output: String,
    pub(crate) state: CardState,
}

/// How a tool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CardState {
    Running,
    Done,
    Failed,
}

#[derive(Debug, Default)]
struct Live {
    whole: String,
    /// Where the last piece begins in the whole.
    cut: usize,
}

/// Everything said.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    live: BTreeMap<String, Live>,
}

// === impl Log ===

impl Log {
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        if self.entries.len() >= ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.push(Entry::Note {
            text: text.into(),
            grave: false,
        });
    }

    pub(crate) fn error(&mut self, text: impl Into<String>) {
        self.push(Entry::Note {
            text: text.into(),
            grave: true,
        });
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.live.clear();
    }

    /// A message with this key is on the screen.
    pub(crate) fn has_message(&self, wanted: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry, Entry::User { key: Some(key), .. } if key == wanted))
    }

    /// Something a run said or did is on the screen; thoughts are not said to anybody.
    pub(crate) fn shows(&self, wanted: &str) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Answer { run, .. } => run == wanted,
            Entry::Tool(card) => card.run == wanted,
            Entry::User { .. } | Entry::Thinking { .. } | Entry::Note { .. } => false,
        })
    }

    /// Sets how far a message is.
    pub(crate) fn progress(&mut self, wanted: &str, now: Progress) {
        for entry in self.entries.iter_mut().rev() {
            if let Entry::User {
                key: Some(key),
                progress,
                ..
            } = entry
                && key == wanted
            {
                *progress = now;
                return;
            }
        }
    }

    /// An answer is `whole` now.
    pub(crate) fn grow(&mut self, run: &str, whole: String) {
        if self.live.len() >= RUNS_MAX && !self.live.contains_key(run) {
            self.live.pop_first();
        }
        let live = self.live.entry(run.to_owned()).or_default();
        let continues = whole
            .get(..live.cut)
            .is_some_and(|head| live.whole.starts_with(head));
        if !continues {
            live.cut = 0;
            self.entries
                .retain(|entry| !matches!(entry, Entry::Answer { run: other, .. } if other == run));
        }
        let piece = whole.get(live.cut..).unwrap_or_default().to_owned();
        live.whole = whole;
        if piece.is_empty() {
            return;
        }
        let open = self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Answer {
                run: other,
                text,
                ending: None,
            } if other == run => Some(text),
            _ => None,
        });
        match open {
            Some(text) => *text = piece,
            None => self.push(Entry::Answer {
                run: run.to_owned(),
                text: piece,
                ending: None,
            }),
        }
    }

    /// What an answer is so far.
    pub(crate) fn growing(&self, run: &str) -> &str {
        self.live.get(run).map_or("", |live| live.whole.as_str())
    }

    /// An answer is over; an empty `whole` keeps what was shown.
    pub(crate) fn finish(&mut self, run: &str, whole: &str, how: Ending) {
        if !whole.is_empty() {
            self.grow(run, whole.to_owned());
        }
        self.live.remove(run);
        for entry in &mut self.entries {
            match entry {
                Entry::Answer {
                    run: other, ending, ..
                } if other == run => *ending = Some(how),
                // A tool whose end was never told did not outlive its run.
                Entry::Tool(card) if card.run == run && card.state == CardState::Running => {
                    card.state = if how == Ending::Whole {
                        CardState::Done
                    } else {
                        CardState::Failed
                    };
                }
                _ => {}
            }
        }
    }

    /// What a model thought so far.
    pub(crate) fn think(&mut self, run: &str, whole: String) {
        let open = self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Thinking { run: other, text } if other == run => Some(text),
            _ => None,
        });
        match open {
            Some(text) => *text = whole,
            None => self.push(Entry::Thinking {
                run: run.to_owned(),
                text: whole,
            }),
        }
    }

    /// The card of a call; made when it is new, and then the answer goes on below it.
    pub(crate) fn card(&mut self, run: &str, call: &str, name: &str) -> Option<&mut Card> {
        let at = self
            .entries
            .iter()
            .rposition(|entry| matches!(entry, Entry::Tool(card) if card.call == call));
        let at = match at {
            Some(at) => at,
            None => {
                if let Some(live) = self.live.get_mut(run) {
                    live.cut = live.whole.len();
                }
                for entry in self.entries.iter_mut().rev() {
                    if let Entry::Answer {
                        run: other, ending, ..
                    } = entry
                        && other == run
                        && ending.is_none()
                    {
                        *ending = Some(Ending::Whole);
                    }
                }
                self.push(Entry::Tool(Card {
                    run: run.to_owned(),
                    call: call.to_owned(),
                    name: name.to_owned(),
                    summary: String::new(),
                    output: String::new(),
                    state: CardState::Running,
                }));
                self.entries.len() - 1
            }
        };
        match self.entries.get_mut(at) {
            Some(Entry::Tool(card)) => Some(card),
            _ => None,
        }
    }

    /// Cards and thoughts of a run that goes on, to be shown again after the rest was read anew.
    pub(crate) fn unstored(&self, run: &str) -> Vec<Entry> {
        self.entries
            .iter()
            .filter(|entry| match entry {
                Entry::Tool(card) => card.run == run,
                Entry::Thinking { run: other, .. } => other == run,
                Entry::User { .. } | Entry::Answer { .. } | Entry::Note { .. } => false,
            })
            .cloned()
            .collect()
    }
}

// === impl Card ===

impl Card {
    /// Replaces the output, cut to what is shown.
    pub(crate) fn set_output(&mut self, output: &str) {
        let mut end = output.len().min(OUTPUT_BYTES_MAX);
        while !output.is_char_boundary(end) {
            end -= 1;
        }
        self.output = output[..end].to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(log: &Log) -> Vec<String> {
        log.entries()
            .map(|entry| match entry {
                Entry::Answer { text, .. } => format!("answer {text}"),
                Entry::Tool(card) => format!("tool {}", card.name),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn an_answer_grows_around_the_tools_it_used() {
        let mut log = Log::default();
        log.grow("r", "Let me look.".into());
        log.card("r", "c1", "exec");
        log.grow("r", "Let me look. Found".into());
        log.grow("r", "Let me look. Found it.".into());
        assert_eq!(
            pieces(&log),
            ["answer Let me look.", "tool exec", "answer  Found it."]
        );
        log.finish("r", "Let me look. Found it.", Ending::Whole);
        assert_eq!(
            pieces(&log),
            ["answer Let me look.", "tool exec", "answer  Found it."]
        );
    }

    #[test]
    fn a_text_that_begins_anew_replaces_what_was_shown() {
        let mut log = Log::default();
        log.grow("r", "First try".into());
        log.card("r", "c1", "exec");
        log.grow("r", "Second".into());
        assert_eq!(pieces(&log), ["tool exec", "answer Second"]);
        log.finish("r", "", Ending::Stopped);
        assert!(log.entries().any(|entry| matches!(
            entry,
            Entry::Answer {
                ending: Some(Ending::Stopped),
                ..
            }
        )));
        assert!(
            log.entries()
                .any(|entry| matches!(entry, Entry::Tool(card) if card.state == CardState::Failed))
        );
    }

    #[test]
    fn it_stays_within_its_bounds() {
        let mut log = Log::default();
        for number in 0..ENTRIES_MAX + 10 {
            log.grow(&format!("r{number}"), "x".into());
        }
        assert_eq!(log.entries().count(), ENTRIES_MAX);
        assert!(log.live.len() <= RUNS_MAX);
    }
}
