//! The line one writes in: several lines if need be, moved through by what a reader sees as a character, with a history.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::clean;

/// Lines that can be called back; more are never looked for one by one.
const HISTORY_MAX: usize = 200;
/// Bytes of one input: far more than anyone types, and a pasted log still fits.
const INPUT_BYTES_MAX: usize = 256 * 1024;

/// Text, cursor, history.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    text: String,
    /// Byte position, always between two characters.
    cursor: usize,
    history: Vec<String>,
    /// Entry of the history on show, and what was being written before.
    recalled: Option<(usize, String)>,
}

/// The text cut into rows, and where the cursor is among them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) rows: Vec<String>,
    pub(crate) row: usize,
    pub(crate) column: usize,
}

// === impl Editor ===

impl Editor {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Puts text at the cursor; what does not fit and what is harmful stays out.
    pub(crate) fn insert(&mut self, text: &str) {
        let cleaned = clean::text(text);
        if self.text.len() + cleaned.len() > INPUT_BYTES_MAX {
            return;
        }
        self.text.insert_str(self.cursor, &cleaned);
        self.cursor += cleaned.len();
    }

    /// Replaces everything.
    pub(crate) fn set(&mut self, text: &str) {
        self.text = clean::text(text);
        self.cursor = self.text.len();
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.cursor = 0;
        self.recalled = None;
    }

    /// Takes the text out and remembers it.
    pub(crate) fn submit(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        self.cursor = 0;
        self.recalled = None;
        if !text.trim().is_empty() && self.history.last() != Some(&text) {
            if self.history.len() >= HISTORY_MAX {
                self.history.remove(0);
            }
            self.history.push(text.clone());
        }
        text
    }

    pub(crate) fn left(&mut self) {
        self.cursor -= self.before();
    }

    pub(crate) fn right(&mut self) {
        self.cursor += self.after();
    }

    pub(crate) fn backspace(&mut self) {
        let start = self.cursor - self.before();
        self.cut(start, self.cursor);
    }

    pub(crate) fn delete(&mut self) {
        let end = self.cursor + self.after();
        self.cut(self.cursor, end);
    }

    pub(crate) fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    pub(crate) fn word_right(&mut self) {
        let rest = &self.text[self.cursor..];
        let gap = rest.len() - rest.trim_start().len();
        let word = rest[gap..]
            .find(char::is_whitespace)
            .unwrap_or(rest.len() - gap);
        self.cursor += gap + word;
    }

    pub(crate) fn delete_word(&mut self) {
        let start = self.word_start();
        self.cut(start, self.cursor);
    }

    pub(crate) fn home(&mut self) {
        self.cursor = self.line_start();
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.line_end();
    }

    pub(crate) fn delete_to_start(&mut self) {
        let start = self.line_start();
        self.cut(start, self.cursor);
    }

    pub(crate) fn delete_to_end(&mut self) {
        let end = self.line_end();
        self.cut(self.cursor, end);
    }

    /// One line up, or the entry before in the history.
    pub(crate) fn up(&mut self) {
        let start = self.line_start();
        if start == 0 {
            return self.recall_older();
        }
        let column = self.text[start..self.cursor].graphemes(true).count();
        let above_end = start - 1;
        let above_start = self.text[..above_end].rfind('\n').map_or(0, |at| at + 1);
        self.cursor = above_start + offset(&self.text[above_start..above_end], column);
    }

    /// One line down, or the entry after in the history.
    pub(crate) fn down(&mut self) {
        let end = self.line_end();
        if end == self.text.len() {
            return self.recall_newer();
        }
        let column = self.text[self.line_start()..self.cursor]
            .graphemes(true)
            .count();
        let below_start = end + 1;
        let below_end = self.text[below_start..]
            .find('\n')
            .map_or(self.text.len(), |at| below_start + at);
        self.cursor = below_start + offset(&self.text[below_start..below_end], column);
    }

    fn recall_older(&mut self) {
        let at = match &self.recalled {
            Some((0, _)) => return,
            Some((at, _)) => at - 1,
            None if self.history.is_empty() => return,
            None => self.history.len() - 1,
        };
        let draft = match self.recalled.take() {
            Some((_, draft)) => draft,
            None => self.text.clone(),
        };
        self.recalled = Some((at, draft));
        self.text.clone_from(&self.history[at]);
        // At the beginning, so that the next press goes on into the past even through entries of several lines.
        self.cursor = 0;
    }

    fn recall_newer(&mut self) {
        let Some((at, draft)) = self.recalled.take() else {
            return;
        };
        if at + 1 < self.history.len() {
            self.text.clone_from(&self.history[at + 1]);
            self.recalled = Some((at + 1, draft));
        } else {
            self.text = draft;
        }
        self.cursor = self.text.len();
    }

    fn before(&self) -> usize {
        self.text[..self.cursor]
            .graphemes(true)
            .next_back()
            .map_or(0, str::len)
    }

    fn after(&self) -> usize {
        self.text[self.cursor..]
            .graphemes(true)
            .next()
            .map_or(0, str::len)
    }

    fn word_start(&self) -> usize {
        let trimmed = self.text[..self.cursor].trim_end();
        trimmed
            .char_indices()
            .rev()
            .find(|(_, character)| character.is_whitespace())
            .map_or(0, |(at, character)| at + character.len_utf8())
    }

    fn line_start(&self) -> usize {
        self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.cursor..]
            .find('\n')
            .map_or(self.text.len(), |at| self.cursor + at)
    }

    fn cut(&mut self, start: usize, end: usize) {
        self.text.replace_range(start..end, "");
        self.cursor = start;
    }

    /// The text as rows of a width.
    pub(crate) fn layout(&self, width: usize) -> Layout {
        let width = width.max(2);
        let mut rows = vec![String::new()];
        let (mut row, mut column, mut used) = (0, 0, 0);
        let mut at = 0;
        for grapheme in self.text.graphemes(true) {
            if at == self.cursor {
                (row, column) = (rows.len() - 1, used);
            }
            at += grapheme.len();
            if grapheme == "\n" {
                rows.push(String::new());
                used = 0;
                continue;
            }
            let cells = grapheme.width();
            if used + cells > width {
                rows.push(String::new());
                used = 0;
                if at - grapheme.len() == self.cursor {
                    (row, column) = (rows.len() - 1, 0);
                }
            }
            if let Some(last) = rows.last_mut() {
                last.push_str(grapheme);
            }
            used += cells;
        }
        if self.cursor == self.text.len() {
            if used >= width {
                rows.push(String::new());
                used = 0;
            }
            (row, column) = (rows.len() - 1, used);
        }
        Layout { rows, row, column }
    }
}

fn offset(line: &str, column: usize) -> usize {
    line.grapheme_indices(true)
        .nth(column)
        .map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.insert(text);
        editor
    }

    #[test]
    fn one_press_moves_over_one_visible_character() {
        let mut editor = typed("a👩‍👧é");
        editor.left();
        editor.left();
        editor.backspace();
        assert_eq!(editor.text(), "👩‍👧é");
        editor.delete();
        assert_eq!(editor.text(), "é");
    }

    #[test]
    fn words_and_lines_are_cut_as_in_a_shell() {
        let mut editor = typed("one two\nthree four");
        editor.delete_word();
        assert_eq!(editor.text(), "one two\nthree ");
        editor.delete_to_start();
        assert_eq!(editor.text(), "one two\n");
        editor.up();
        editor.delete_to_end();
        assert_eq!(editor.text(), "\n");
    }

    #[test]
    fn history_is_walked_and_the_draft_comes_back() {
        let mut editor = Editor::default();
        for text in ["first", "second\nline"] {
            editor.insert(text);
            assert_eq!(editor.submit(), text);
        }
        editor.insert("draft");
        editor.up();
        assert_eq!(editor.text(), "second\nline");
        editor.up();
        assert_eq!(editor.text(), "first");
        editor.up();
        assert_eq!(editor.text(), "first");
        editor.down();
        editor.down();
        editor.down();
        assert_eq!(editor.text(), "draft");
    }

    #[test]
    fn rows_wrap_and_the_cursor_is_where_the_next_character_goes() {
        let editor = typed("abcdef\ng");
        assert_eq!(
            editor.layout(4),
            Layout {
                rows: vec!["abcd".into(), "ef".into(), "g".into()],
                row: 2,
                column: 1
            }
        );
        let full = typed("abcd");
        assert_eq!((full.layout(4).row, full.layout(4).column), (1, 0));
        assert_eq!(typed("日本").layout(3).rows, ["日", "本"]);
    }

    #[test]
    fn pasted_control_characters_stay_out() {
        assert_eq!(typed("a\u{1b}[31mb\u{202e}\r\nc").text(), "ab\nc");
    }

    proptest! {
        #[test]
        fn any_keys_keep_the_cursor_between_characters(keys in proptest::collection::vec(0_u8..14, 0..80)) {
            let mut editor = typed("añ👩‍👧 b\n\nc d");
            for key in keys {
                match key {
                    0 => editor.left(), 1 => editor.right(), 2 => editor.up(), 3 => editor.down(),
                    4 => editor.backspace(), 5 => editor.delete(), 6 => editor.word_left(), 7 => editor.word_right(),
                    8 => editor.delete_word(), 9 => editor.home(), 10 => editor.end(), 11 => editor.insert("é\n"),
                    12 => drop(editor.submit()), _ => editor.delete_to_end(),
                }
                prop_assert!(editor.text.is_char_boundary(editor.cursor));
                let layout = editor.layout(5);
                prop_assert!(layout.row < layout.rows.len() && layout.column <= 5);
            }
        }
    }
}
