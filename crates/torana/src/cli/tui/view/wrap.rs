//! Long lines made to fit: broken between words, measured in the cells a terminal uses.

use ratatui_core::style::Style;
use ratatui_core::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// A line before it is broken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Long {
    /// In front of the first row, and of every further one.
    pub(crate) first: Span<'static>,
    pub(crate) rest: Span<'static>,
    pub(crate) spans: Vec<Span<'static>>,
}

// === impl Long ===

impl Long {
    pub(crate) fn plain(text: impl Into<String>, style: Style) -> Self {
        Self {
            spans: vec![Span::styled(text.into(), style)],
            ..Self::default()
        }
    }

    /// Puts something in front, outside of what is in front already.
    #[must_use]
    pub(crate) fn within(mut self, first: &Span<'static>, rest: &Span<'static>) -> Self {
        let joined = |outer: &Span<'static>, inner: &Span<'static>| {
            let style = if inner.content.is_empty() {
                outer.style
            } else {
                inner.style
            };
            Span::styled(format!("{}{}", outer.content, inner.content), style)
        };
        self.first = joined(first, &self.first);
        self.rest = joined(rest, &self.rest);
        self
    }

    /// Rows of at most `width` cells.
    pub(crate) fn rows(&self, width: usize) -> Vec<Line<'static>> {
        let width = width.max(4);
        let cells: Vec<(&str, Style, usize)> = self
            .spans
            .iter()
            .flat_map(|span| {
                span.content
                    .graphemes(true)
                    .map(|grapheme| (grapheme, span.style, grapheme.width()))
            })
            .collect();
        let mut rows = Vec::new();
        let mut start = 0;
        while start < cells.len() || rows.is_empty() {
            let prefix = if rows.is_empty() {
                &self.first
            } else {
                &self.rest
            };
            let room = width.saturating_sub(prefix.content.width()).max(2);
            let end = row_end(&cells[start..], room) + start;
            rows.push(row(prefix, &cells[start..end]));
            start = end;
            // The space a row was broken at is not shown on the next one.
            if start < cells.len()
                && cells
                    .get(start)
                    .is_some_and(|(grapheme, ..)| *grapheme == " ")
            {
                start += 1;
            }
        }
        rows
    }
}

/// How many cells go on a row.
fn row_end(cells: &[(&str, Style, usize)], room: usize) -> usize {
    let mut used = 0;
    let mut break_at = None;
    for (at, (grapheme, _, width)) in cells.iter().enumerate() {
        if used + width > room {
            return match break_at {
                Some(break_at) if *grapheme != " " && break_at > 0 => break_at,
                // A single character wider than the row still has to go somewhere.
                _ => at.max(1),
            };
        }
        used += width;
        if *grapheme == " " {
            break_at = Some(at + 1);
        }
    }
    cells.len()
}

fn row(prefix: &Span<'static>, cells: &[(&str, Style, usize)]) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    if !prefix.content.is_empty() {
        spans.push(prefix.clone());
    }
    let mut text = String::new();
    let mut style = None;
    for (grapheme, now, _) in cells {
        if style.is_some_and(|style| style != *now) {
            spans.push(Span::styled(
                std::mem::take(&mut text),
                style.unwrap_or_default(),
            ));
        }
        style = Some(*now);
        text.push_str(grapheme);
    }
    if !text.is_empty() {
        spans.push(Span::styled(text, style.unwrap_or_default()));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str, width: usize) -> Vec<String> {
        Long::plain(text, Style::new())
            .rows(width)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(rows("one two three", 8), ["one two ", "three"]);
        assert_eq!(rows("one two", 7), ["one two"]);
        assert_eq!(rows("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(rows("日本語日本語", 5), ["日本", "語日", "本語"]);
        assert_eq!(rows("", 5), [""]);
    }

    #[test]
    fn what_is_in_front_is_repeated_in_its_own_form() {
        let long = Long {
            first: "• ".into(),
            rest: "  ".into(),
            spans: vec!["one two three".into()],
        };
        let long = long.within(&"│ ".into(), &"│ ".into());
        let rows: Vec<String> = long.rows(11).iter().map(ToString::to_string).collect();
        assert_eq!(rows, ["│ • one two", "│   three"]);
    }

    proptest! {
        #[test]
        fn no_row_is_too_wide_and_no_letter_is_lost(text in "[a-z日 👩]{0,60}", width in 4_usize..20) {
            let rows = rows(&text, width);
            for row in &rows {
                prop_assert!(row.width() <= width, "{row:?}");
            }
            let letters = |text: &str| text.chars().filter(|letter| *letter != ' ').collect::<String>();
            prop_assert_eq!(letters(&rows.concat()), letters(&text));
        }
    }
}
