//! Markdown for platforms that read Markdown: the text stays as written, and spans only say how to
//! repair what a cut would break.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::flow::{Flow, Span, Style, is_sendable, join_ranges};
use super::format::TableMode;
use super::layout::{nests_too_deep, parser_options};
use super::markup::language;
use super::table::Table;

/// Styles nested deeper are not repaired at cuts; real text has two or three levels.
const SPANS_OPEN_MAX: usize = 16;

/// A fence or code marker longer than this is decoration, not a marker worth repeating.
const MARKER_BYTES_MAX: usize = 16;

/// Lays out Markdown as itself.
pub(super) fn lay_out(source: &str, tables: TableMode) -> Flow {
    let mut text: String = source.chars().filter(|ch| is_sendable(*ch)).collect();
    if nests_too_deep(&text) {
        return Flow::unstyled(source);
    }
    if let Some(replaced) = replace_tables(&text, tables) {
        text = replaced;
    }
    let mut scan = Scan {
        text: &text,
        spans: Vec::new(),
        blocked: Vec::new(),
        open: Vec::new(),
        deep: 0,
    };
    for (event, range) in Parser::new_ext(&text, parser_options()).into_offset_iter() {
        scan.event(&event, &range);
    }
    let Scan { spans, blocked, .. } = scan;
    Flow {
        spans,
        blocked: join_ranges(blocked),
        text,
    }
}

struct Scan<'a> {
    text: &'a str,
    spans: Vec<Span>,
    blocked: Vec<std::ops::RangeInclusive<usize>>,
    /// Ends of the spans that are open.
    open: Vec<usize>,
    /// Styles open beyond [`SPANS_OPEN_MAX`], not recorded.
    deep: usize,
}

impl Scan<'_> {
    fn event(&mut self, event: &Event<'_>, range: &Range<usize>) {
        match event {
            Event::Start(Tag::Strong) => self.start_style(range, 2),
            Event::Start(Tag::Emphasis) => self.start_style(range, 1),
            Event::Start(Tag::Strikethrough) => {
                let double = self.text[range.clone()].starts_with("~~");
                self.start_style(range, if double { 2 } else { 1 });
            }
            Event::End(TagEnd::Strong | TagEnd::Emphasis | TagEnd::Strikethrough) => {
                if self.deep > 0 {
                    self.deep -= 1;
                } else {
                    self.open.pop();
                }
            }
            Event::Code(_) => self.code(range),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => self.fence(range, info),
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => self.block_inside(range),
            _ => {}
        }
    }

    fn start_style(&mut self, range: &Range<usize>, marker_bytes: usize) {
        if self.open.len() >= SPANS_OPEN_MAX {
            self.deep += 1;
            return;
        }
        self.open.push(range.end);
        self.written(range, marker_bytes);
    }

    fn code(&mut self, range: &Range<usize>) {
        let ticks = self.text[range.clone()]
            .bytes()
            .take_while(|byte| *byte == b'`')
            .count();
        if (1..=MARKER_BYTES_MAX).contains(&ticks) {
            self.written(range, ticks);
        }
    }

    /// A span whose marker is the same at both ends.
    fn written(&mut self, range: &Range<usize>, marker_bytes: usize) {
        let inner = range.start + marker_bytes..range.end.saturating_sub(marker_bytes);
        if inner.start >= inner.end {
            return;
        }
        let marker = &self.text[range.start..inner.start];
        self.spans.push(Span {
            start: inner.start,
            end: inner.end,
            style: Style::Written {
                resume: marker.to_owned(),
                suspend: marker.to_owned(),
                fence: false,
                unclosed: false,
            },
        });
        self.blocked.push(range.start + 1..=inner.start);
        self.blocked.push(inner.end..=range.end - 1);
    }

    fn fence(&mut self, range: &Range<usize>, info: &str) {
        let block = &self.text[range.clone()];
        let Some(first) = block.chars().next().filter(|ch| matches!(ch, '`' | '~')) else {
            return;
        };
        let marker: String = block.chars().take_while(|ch| *ch == first).collect();
        let Some(content) = block.find('\n').map(|newline| range.start + newline + 1) else {
            return;
        };
        if marker.len() > MARKER_BYTES_MAX {
            return;
        }
        let body = block.trim_end();
        let last_line = body.rfind('\n').map_or(0, |newline| newline + 1);
        let last = body[last_line..].trim_start_matches([' ', '\t', '>']);
        let is_closed = range.start + last_line >= content
            && last.len() >= marker.len()
            && last.chars().all(|ch| ch == first);
        let end = range.start + body.len();
        if end <= content {
            return;
        }
        self.spans.push(Span {
            start: content,
            end,
            style: Style::Written {
                resume: format!("{marker}{}\n", language(info)),
                suspend: format!("\n{marker}"),
                fence: true,
                unclosed: !is_closed,
            },
        });
        self.blocked.push(range.start + 1..=content);
        if is_closed {
            self.blocked.push(range.start + last_line..=end - 1);
        }
    }

    fn block_inside(&mut self, range: &Range<usize>) {
        if range.start + 1 < range.end {
            self.blocked.push(range.start + 1..=range.end - 1);
        }
    }
}

/// Replaces tables that stand at the top of the document; nested ones stay as written.
fn replace_tables(text: &str, mode: TableMode) -> Option<String> {
    if mode == TableMode::Off || !text.contains('|') {
        return None;
    }
    let mut replaced = String::new();
    let (mut copied, mut depth) = (0, 0_usize);
    let mut table: Option<Table> = None;
    for (event, range) in Parser::new_ext(text, parser_options()).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                match (tag, &mut table) {
                    (Tag::Table(alignments), None) if depth == 0 => {
                        table = Some(Table::new(alignments));
                    }
                    (Tag::TableHead | Tag::TableRow, Some(table)) => table.rows.push(Vec::new()),
                    (Tag::TableCell, Some(table)) => {
                        let cell = text[range].trim_matches(['|', ' ', '\t', '\n']);
                        if let Some(row) = table.rows.last_mut() {
                            row.push(cell.replace("\\|", "|"));
                        }
                    }
                    _ => {}
                }
                depth += 1;
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                if tag == TagEnd::Table
                    && depth == 0
                    && let Some(table) = table.take()
                {
                    replaced.push_str(&text[copied..range.start]);
                    let laid_out = table.lay_out(mode);
                    match mode {
                        TableMode::Code => {
                            replaced.push_str("```\n");
                            replaced.push_str(&laid_out.replace("```", "'''"));
                            replaced.push_str("\n```\n");
                        }
                        TableMode::Bullets | TableMode::Off => {
                            replaced.push_str(&laid_out);
                            replaced.push('\n');
                        }
                    }
                    copied = range.end;
                }
            }
            _ => {}
        }
    }
    (copied > 0).then(|| {
        replaced.push_str(&text[copied..]);
        replaced
    })
}
