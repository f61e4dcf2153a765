//! Markdown as lines for a terminal. Links show where they lead, since a text can claim anything.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::text::Span;
use unicode_width::UnicodeWidthStr as _;

use super::table;
use super::wrap::Long;

/// Quotes and lists in each other that are shown as such; what is in front of a line must leave room for the line.
const DEPTH_MAX: usize = 6;
/// Spaces in front of code.
const CODE_INDENT: &str = "  ";

/// Renders a text for a screen of so many cells; only tables care, for all else is broken afterwards.
pub(crate) fn lines(source: &str, base: Style, width: usize) -> Vec<Long> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = Page {
        base,
        width,
        styles: vec![base],
        ..Page::default()
    };
    for event in Parser::new_ext(source, options) {
        page.take(event);
    }
    page.flush();
    while page.lines.last().is_some_and(is_blank) {
        page.lines.pop();
    }
    page.lines
}

#[derive(Default)]
struct Page {
    base: Style,
    width: usize,
    lines: Vec<Long>,
    current: Vec<Span<'static>>,
    styles: Vec<Style>,
    /// Numbers of the lists we are in; none for bullets.
    lists: Vec<Option<u64>>,
    /// What stands in front of the next line of an item.
    marker: Option<String>,
    quotes: usize,
    code: bool,
    link: Option<String>,
    link_text: String,
    table: Option<Vec<Vec<String>>>,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.open(tag),
            Event::End(tag) => self.close(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(code) => self.styled(&code, self.style().fg(Color::Yellow)),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.text(&text),
            Event::FootnoteReference(name) => self.text(&format!("[{name}]")),
            // A break is where its author made it, as in every other chat: poems and addresses have no blank lines.
            Event::SoftBreak | Event::HardBreak => self.flush(),
            Event::Rule => {
                self.flush();
                self.lines.push(Long::plain(
                    "────────",
                    self.base.add_modifier(Modifier::DIM),
                ));
                self.blank();
            }
            Event::TaskListMarker(done) => self.text(if done { "[x] " } else { "[ ] " }),
        }
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or(self.base)
    }

    fn text(&mut self, text: &str) {
        if self.code {
            let style = self.base.fg(Color::Yellow);
            // Code keeps its line breaks, each line on its own.
            for (number, line) in text.split('\n').enumerate() {
                if number > 0 {
                    self.flush();
                }
                if !line.is_empty() {
                    self.current.push(Span::styled(line.to_owned(), style));
                }
            }
            return;
        }
        self.styled(text, self.style());
    }

    fn styled(&mut self, text: &str, style: Style) {
        if self.link.is_some() {
            self.link_text.push_str(text);
        }
        if let Some(cell) = self
            .table
            .as_mut()
            .and_then(|rows| rows.last_mut())
            .and_then(|row| row.last_mut())
        {
            cell.push_str(text);
            return;
        }
        self.current.push(Span::styled(text.to_owned(), style));
    }

    fn open(&mut self, tag: Tag<'_>) {
        let style = self.style();
        match tag {
            Tag::Heading { level, .. } => {
                self.flush();
                let mut style = self.base.add_modifier(Modifier::BOLD);
                if level <= HeadingLevel::H2 {
                    style = style.fg(Color::Cyan);
                }
                self.styles.push(style);
            }
            Tag::BlockQuote(_) => {
                self.flush();
                self.quotes += 1;
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                self.code = true;
                if let CodeBlockKind::Fenced(language) = kind
                    && !language.is_empty()
                {
                    self.current.push(Span::styled(
                        language.to_string(),
                        self.base.add_modifier(Modifier::DIM),
                    ));
                    self.flush();
                }
            }
            Tag::List(start) => {
                self.flush();
                self.lists.push(start);
            }
            Tag::Item => {
                self.flush();
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}. ");
                        *number = number.saturating_add(1);
                        marker
                    }
                    _ => "• ".to_owned(),
                });
            }
            Tag::Emphasis => self.styles.push(style.add_modifier(Modifier::ITALIC)),
            Tag::Strong => self.styles.push(style.add_modifier(Modifier::BOLD)),
            Tag::Strikethrough => self.styles.push(style.add_modifier(Modifier::CROSSED_OUT)),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.styles.push(style.add_modifier(Modifier::UNDERLINED));
                self.link = Some(dest_url.to_string());
                self.link_text.clear();
            }
            Tag::Table(_) => {
                self.flush();
                self.table = Some(Vec::new());
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(rows) = &mut self.table {
                    rows.push(Vec::new());
                }
            }
            Tag::TableCell => {
                if let Some(row) = self.table.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(String::new());
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => {
                self.flush();
                if self.lists.is_empty() {
                    self.blank();
                }
            }
            TagEnd::Heading(_) => {
                self.flush();
                self.styles.pop();
                self.blank();
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quotes = self.quotes.saturating_sub(1);
                self.blank();
            }
            TagEnd::CodeBlock => {
                self.flush();
                self.code = false;
                self.blank();
            }
            TagEnd::Item => {
                self.flush();
                self.marker = None;
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                if self.lists.is_empty() {
                    self.blank();
                }
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => drop(self.styles.pop()),
            TagEnd::Link | TagEnd::Image => {
                self.styles.pop();
                if let Some(target) = self.link.take()
                    && !target.is_empty()
                    && target != self.link_text
                {
                    self.styled(
                        &format!(" ({target})"),
                        self.base.add_modifier(Modifier::DIM),
                    );
                }
            }
            TagEnd::Table => self.table_end(),
            _ => {}
        }
    }

    /// Ends the line that is being collected.
    fn flush(&mut self) {
        if self.current.is_empty() && self.marker.is_none() {
            if self.code && self.lines.last().is_some_and(|line| !is_blank(line)) {
                self.lines.push(Long::default());
            }
            return;
        }
        let spans = std::mem::take(&mut self.current);
        let depth = "  ".repeat(self.lists.len().saturating_sub(1).min(DEPTH_MAX));
        let mut line = Long {
            spans,
            ..Long::default()
        };
        if self.code {
            line = line.within(&CODE_INDENT.into(), &CODE_INDENT.into());
        }
        if let Some(marker) = self.marker.take() {
            let hanging = " ".repeat(marker.width());
            line = line.within(
                &format!("{depth}{marker}").into(),
                &format!("{depth}{hanging}").into(),
            );
        } else if !self.lists.is_empty() {
            line = line.within(&format!("{depth}  ").into(), &format!("{depth}  ").into());
        }
        if self.quotes > 0 {
            let bar = Span::styled(
                "▎ ".repeat(self.quotes.min(DEPTH_MAX)),
                self.base.add_modifier(Modifier::DIM),
            );
            line = line.within(&bar, &bar);
        }
        self.lines.push(line);
    }

    fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !is_blank(line)) {
            self.lines.push(Long::default());
        }
    }

    fn table_end(&mut self) {
        let rows = self.table.take().unwrap_or_default();
        let in_front = 2 * self.quotes.min(DEPTH_MAX) + 4 * self.lists.len().min(DEPTH_MAX);
        let room = self.width.saturating_sub(in_front);
        for spans in table::lines(&rows, self.base, room) {
            self.current = spans;
            self.flush();
        }
        self.blank();
    }
}

fn is_blank(line: &Long) -> bool {
    line.spans.is_empty() && line.first.content.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn shown(source: &str) -> String {
        lines(source, Style::new(), 40)
            .iter()
            .flat_map(|line| line.rows(40))
            .map(|row| row.to_string().trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn everything_models_write_has_a_form() {
        expect![[r#"
            Title

            Some bold and code, a link
            (https://example.org), and a longer line
            that wraps.

            • one
            • two
              1. nested
              2. more
            • [x] done

            ▎ quoted
            ▎ text

              rust
              fn main() {

                  run();
              }

            name  │ size
            ──────┼─────
            alpha │ 1

            ────────

            end"#]]
        .assert_eq(&shown(
            "# Title\n\nSome **bold** and `code`, [a link](https://example.org), and a longer line that wraps.\n\n\
             - one\n- two\n  1. nested\n  2. more\n- [x] done\n\n> quoted\\\n> text\n\n```rust\nfn main() {\n\n    run();\n}\n```\n\n\
             | name | size |\n|---|---|\n| alpha | 1 |\n\n---\n\nend",
        ));
    }

    #[test]
    fn a_line_ends_where_its_author_ended_it() {
        assert_eq!(
            shown("Roses are red\nViolets are blue\n\n- one\n  more\n\n> said\n> twice"),
            "Roses are red\nViolets are blue\n\n• one\n  more\n\n▎ said\n▎ twice"
        );
    }

    #[test]
    fn a_table_that_is_too_wide_keeps_its_words_and_its_columns() {
        expect![[r#"
            name  │ what it is for, at length
            ──────┼─────────────────────────────────
            alpha │ the first of them, and the one
                  │ everybody means
            ──────┼─────────────────────────────────
            家族  │ short"#]]
        .assert_eq(&shown(
            "| name | what it is for, at length |\n|---|---|\n\
             | alpha | the first of them, and the one everybody means |\n| 家族 | short |",
        ));
    }

    #[test]
    fn a_table_of_more_columns_than_fit_is_told_line_by_line() {
        let row = |cell: &str| format!("|{}", format!("{cell}|").repeat(20));
        let source = format!("{}\n{}\n{}", row("head"), row("-"), row("x"));
        let told = shown(&source);
        assert_eq!(told.matches("head").count(), 20, "{told}");
        assert_eq!(told.matches('x').count(), 20, "{told}");
    }

    #[test]
    fn a_link_that_says_where_it_leads_is_not_said_twice() {
        assert_eq!(shown("<https://example.org>"), "https://example.org");
    }

    #[test]
    fn nobody_pushes_the_text_off_the_screen_with_quotes() {
        let deep = format!("{} here", ">".repeat(500));
        assert_eq!(shown(&deep), format!("{}here", "▎ ".repeat(DEPTH_MAX)));
    }

    #[test]
    fn what_is_still_being_written_is_shown_as_far_as_it_goes() {
        assert_eq!(shown("```sh\nls -"), "  sh\n  ls -");
        assert_eq!(shown("a **half"), "a **half");
    }
}
