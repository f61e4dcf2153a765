//! Separates `<think>…</think>` at the start of an answer from the answer itself.
//!
//! Local servers often pass the reasoning of a model on as plain text; people should see the answer only.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Thinking(String),
}

/// The state between two deltas.
#[derive(Debug, Default)]
pub(crate) enum ThinkSplitter {
    /// Nothing but white space or a beginning of the opening tag has come.
    #[default]
    Start,
    /// Held back because it may be the opening tag.
    Opening(String),
    /// Inside; what is held back may be the closing tag.
    Thinking(String),
    /// Right after the closing tag: white space is dropped.
    Closed,
    /// The rest is the answer.
    Text,
}

impl ThinkSplitter {
    /// Takes a delta and gives what it completes.
    pub(crate) fn push(&mut self, delta: &str, pieces: &mut Vec<Piece>) {
        if delta.is_empty() {
            return;
        }
        match std::mem::take(self) {
            Self::Text => {
                *self = Self::Text;
                pieces.push(Piece::Text(delta.to_owned()));
            }
            Self::Start => self.open(delta.to_owned(), pieces),
            Self::Opening(held) => self.open(held + delta, pieces),
            Self::Thinking(held) => self.think(held + delta, pieces),
            Self::Closed => self.close(delta, pieces),
        }
    }

    /// The answer has ended: gives what was held back.
    pub(crate) fn finish(self, pieces: &mut Vec<Piece>) {
        match self {
            Self::Opening(held) => pieces.push(Piece::Text(held)),
            Self::Thinking(held) if !held.is_empty() => pieces.push(Piece::Thinking(held)),
            Self::Start | Self::Thinking(_) | Self::Closed | Self::Text => {}
        }
    }

    fn open(&mut self, text: String, pieces: &mut Vec<Piece>) {
        let trimmed = text.trim_start();
        if let Some(inside) = trimmed.strip_prefix(OPEN) {
            self.think(inside.to_owned(), pieces);
        } else if OPEN.starts_with(trimmed) {
            *self = Self::Opening(text);
        } else {
            *self = Self::Text;
            pieces.push(Piece::Text(text));
        }
    }

    fn think(&mut self, text: String, pieces: &mut Vec<Piece>) {
        if let Some((inside, after)) = text.split_once(CLOSE) {
            if !inside.is_empty() {
                pieces.push(Piece::Thinking(inside.to_owned()));
            }
            self.close(after, pieces);
            return;
        }
        let held = (1..CLOSE.len())
            .rev()
            .find(|length| text.ends_with(&CLOSE[..*length]))
            .unwrap_or(0);
        let (inside, rest) = text.split_at(text.len() - held);
        if !inside.is_empty() {
            pieces.push(Piece::Thinking(inside.to_owned()));
        }
        *self = Self::Thinking(rest.to_owned());
    }

    fn close(&mut self, text: &str, pieces: &mut Vec<Piece>) {
        let answer = text.trim_start();
        if answer.is_empty() {
            *self = Self::Closed;
        } else {
            *self = Self::Text;
            pieces.push(Piece::Text(answer.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(deltas: &[&str]) -> (String, String) {
        let (mut splitter, mut pieces) = (ThinkSplitter::default(), Vec::new());
        for delta in deltas {
            splitter.push(delta, &mut pieces);
        }
        splitter.finish(&mut pieces);
        let (mut thinking, mut text) = (String::new(), String::new());
        for piece in pieces {
            match piece {
                Piece::Text(piece) => text.push_str(&piece),
                Piece::Thinking(piece) => thinking.push_str(&piece),
            }
        }
        (thinking, text)
    }

    #[test]
    fn reasoning_is_separated_at_the_start_only() {
        let owned = |thinking: &str, text: &str| (thinking.to_owned(), text.to_owned());
        assert_eq!(
            split(&["\n<think>a<b", "</th", "ink>\n\nyes"]),
            owned("a<b", "yes")
        );
        assert_eq!(split(&["<thi"]), owned("", "<thi"));
        assert_eq!(
            split(&["hello <think>x</think>"]),
            owned("", "hello <think>x</think>")
        );
        assert_eq!(split(&["<think>cut"]), owned("cut", ""));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(text in "(<think>)?[a-z<>/ ]{0,10}(</think>)?[a-zé ]{0,10}", cut in 0_usize..40) {
            let cut = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            prop_assert_eq!(split(&[&text[..cut], &text[cut..]]), split(&[&text]));
        }
    }
}
