//! Markdown → visible text with style spans, for markups that are not Markdown.
//!
//! Events of the parser are written straight into one text: blocks become lines, inline styles
//! become spans, lists and tables become characters. Tables are in `table`, styles unknown to
//! Markdown in `marks`.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::flow::{Flow, Span, Style, is_sendable};
use super::format::{Format, Markup, TableMode};
use super::marks::{Mark, MarkKind, SPOILER_BYTES, find_marks};
use super::markup::{is_linkable, language};
use super::table::Table;

/// Lists and quotes nested deeper than this make the whole text plain: no person writes so, and the
/// parser's work on blank lines grows with the depth.
const DEPTH_MAX: usize = 64;

/// Deeper levels are not indented further, so that nesting cannot multiply the length of a reply.
const INDENT_MAX: usize = 8;

/// The Markdown dialect models write.
pub(super) fn parser_options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// Lays out Markdown for a markup with tags, or none.
pub(super) fn lay_out(source: &str, format: Format) -> Flow {
    if nests_too_deep(source) {
        return Flow::unstyled(source);
    }
    let events: Vec<Event<'_>> = Parser::new_ext(source, parser_options()).collect();
    let marks = find_marks(&events);
    let mut layout = Layout::new(format, marks);
    for index in 0..events.len() {
        layout.event(index, &events);
    }
    layout.finish()
}

/// Whether any line starts more containers than [`DEPTH_MAX`], or starts one that far to the right.
pub(super) fn nests_too_deep(source: &str) -> bool {
    source.lines().any(|line| {
        let bytes = line.as_bytes();
        let (mut at, mut markers) = (0, 0);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b' ' | b'\t' => at += 1,
                b'>' => {
                    markers += 1;
                    at += 1;
                }
                b'-' | b'*' | b'+' if matches!(bytes.get(at + 1), None | Some(b' ' | b'\t')) => {
                    markers += 1;
                    at += 1;
                }
                b'0'..=b'9' => {
                    let digits = bytes[at..]
                        .iter()
                        .take_while(|byte| byte.is_ascii_digit())
                        .count();
                    if !matches!(bytes.get(at + digits), Some(b'.' | b')')) {
                        return false;
                    }
                    markers += 1;
                    at += digits + 1;
                }
                _ => return false,
            }
            // A level is at least two columns wide.
            if markers > DEPTH_MAX || (markers > 0 && at > DEPTH_MAX * 4) {
                return true;
            }
        }
        false
    })
}

/// What an open element does when it ends.
enum Frame {
    Nothing,
    Block,
    Span(Option<usize>),
    /// Bold and block at once.
    Heading(Option<usize>),
    Quote(Option<usize>),
    Link {
        span: Option<usize>,
        url: String,
        label_start: usize,
        /// Not inside another link, whose target would be the one people reach.
        outermost: bool,
    },
    Code(Option<usize>),
    List,
    Item,
    Table,
}

struct Layout {
    format: Format,
    text: String,
    spans: Vec<Span>,
    /// The spans that are open, at most one per kind of style.
    on: Vec<usize>,
    frames: Vec<Frame>,
    /// Open links and images.
    links: usize,
    marks: std::iter::Peekable<std::vec::IntoIter<Mark>>,
    /// Open spans of `marks`, innermost last.
    marked: Vec<(MarkKind, Option<usize>)>,
    /// Next number of each open list; none for bullets.
    lists: Vec<Option<u64>>,
    quotes: usize,
    /// Line breaks owed before the next text.
    gap: usize,
    at_line_start: bool,
    /// The bullet was just written, so the first block continues its line.
    after_bullet: bool,
    in_code: bool,
    table: Option<Table>,
}

impl Layout {
    fn new(format: Format, marks: Vec<Mark>) -> Self {
        Self {
            format,
            text: String::new(),
            spans: Vec::new(),
            on: Vec::new(),
            frames: Vec::new(),
            links: 0,
            marks: marks.into_iter().peekable(),
            marked: Vec::new(),
            lists: Vec::new(),
            quotes: 0,
            gap: 0,
            at_line_start: true,
            after_bullet: false,
            in_code: false,
            table: None,
        }
    }

    fn finish(self) -> Flow {
        Flow {
            text: self.text,
            spans: self.spans,
            blocked: Vec::new(),
        }
    }

    fn event(&mut self, index: usize, events: &[Event<'_>]) {
        match &events[index] {
            Event::Start(tag) => self.start(tag, index, events),
            Event::End(tag) => self.end(*tag),
            Event::Text(text) => self.marked_text(index, text),
            Event::Code(text) => {
                let span = self.open_inline(Style::Code);
                self.push(text);
                self.close(span);
            }
            Event::Html(html) => self.push(html),
            Event::InlineHtml(html) => self.inline_html(index, html),
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.push(text);
            }
            Event::SoftBreak | Event::HardBreak => self.line_break(),
            Event::Rule => {
                self.block();
                self.push("———");
            }
            Event::TaskListMarker(done) => self.push(if *done { "☑ " } else { "☐ " }),
        }
    }

    fn start(&mut self, tag: &Tag<'_>, index: usize, events: &[Event<'_>]) {
        let frame = match tag {
            Tag::Paragraph | Tag::HtmlBlock => {
                self.block();
                Frame::Block
            }
            Tag::Heading { .. } => {
                self.block();
                Frame::Heading(self.open_inline(Style::Bold))
            }
            Tag::BlockQuote(_) => self.start_quote(),
            Tag::CodeBlock(kind) => self.start_code(kind),
            Tag::List(first) => {
                self.container();
                self.lists.push(*first);
                Frame::List
            }
            Tag::Item => {
                self.start_item(is_task(&events[index + 1..]));
                Frame::Item
            }
            Tag::Table(alignments) => {
                self.table = Some(Table::new(alignments.clone()));
                Frame::Table
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
                Frame::Nothing
            }
            Tag::TableCell => {
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(String::new());
                }
                Frame::Nothing
            }
            Tag::Emphasis => Frame::Span(self.open_inline(Style::Italic)),
            Tag::Strong => Frame::Span(self.open_inline(Style::Bold)),
            Tag::Strikethrough => Frame::Span(self.open_inline(Style::Strike)),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.start_link(dest_url),
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => Frame::Nothing,
        };
        self.frames.push(frame);
    }

    fn end(&mut self, tag: TagEnd) {
        match self.frames.pop() {
            None | Some(Frame::Nothing | Frame::Block) => {}
            Some(Frame::Span(span) | Frame::Heading(span)) => self.close(span),
            Some(Frame::Quote(span)) => {
                self.quotes -= 1;
                self.close(span);
            }
            Some(Frame::Link {
                span,
                url,
                label_start,
                outermost,
            }) => self.end_link(span, &url, label_start, outermost, tag == TagEnd::Image),
            Some(Frame::Code(span)) => {
                self.in_code = false;
                if self.text.ends_with('\n') {
                    self.text.pop();
                }
                self.at_line_start = false;
                self.close(span);
            }
            Some(Frame::List) => {
                self.lists.pop();
                self.after_bullet = false;
            }
            Some(Frame::Item) => self.after_bullet = false,
            Some(Frame::Table) => self.end_table(),
        }
    }

    // === Blocks ===

    /// Asks for the distance that separates blocks here.
    fn block(&mut self) {
        if self.after_bullet {
            self.after_bullet = false;
        } else {
            let distance = if self.lists.is_empty() { 2 } else { 1 };
            self.gap = self.gap.max(distance);
        }
    }

    /// A block that only holds blocks: the first of them may continue the line of a bullet.
    fn container(&mut self) {
        if !self.after_bullet {
            self.block();
        }
    }

    fn start_quote(&mut self) -> Frame {
        self.container();
        self.settle_gap();
        self.quotes += 1;
        Frame::Quote(self.open(Style::Quote))
    }

    fn start_code(&mut self, kind: &CodeBlockKind<'_>) -> Frame {
        self.block();
        self.begin_code();
        let language = match kind {
            CodeBlockKind::Indented => String::new(),
            CodeBlockKind::Fenced(info) => language(info),
        };
        Frame::Code(self.open(Style::Pre { language }))
    }

    /// Code starts on a line of its own, without indentation, so that it can be copied.
    fn begin_code(&mut self) {
        self.settle_gap();
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.at_line_start = false;
        self.in_code = true;
    }

    fn start_item(&mut self, is_task: bool) {
        if self.after_bullet {
            self.after_bullet = false;
        } else {
            self.gap = self.gap.max(1);
        }
        let bullet = match self.lists.last_mut() {
            Some(Some(number)) => {
                let bullet = format!("{number}. ");
                *number = number.saturating_add(1);
                bullet
            }
            Some(None) if is_task => String::new(),
            Some(None) | None => "• ".to_owned(),
        };
        self.settle_gap();
        if self.at_line_start {
            self.begin_line(self.lists.len().saturating_sub(1));
        }
        self.text.push_str(&bullet);
        self.after_bullet = true;
    }

    fn end_table(&mut self) {
        let Some(table) = self.table.take() else {
            return;
        };
        let laid_out = table.lay_out(self.format.tables);
        self.block();
        match self.format.tables {
            TableMode::Code => {
                self.begin_code();
                let span = self.open(Style::Pre {
                    language: String::new(),
                });
                self.push(&laid_out);
                self.in_code = false;
                self.close(span);
            }
            TableMode::Bullets | TableMode::Off => self.push(&laid_out),
        }
    }

    // === Links ===

    fn start_link(&mut self, url: &str) -> Frame {
        let outermost = self.links == 0;
        self.links += 1;
        let url: String = url.chars().filter(|ch| !ch.is_control()).collect();
        let as_link = outermost && self.format.markup == Markup::HtmlSubset && is_linkable(&url);
        let span = if as_link && self.table.is_none() {
            self.open_inline(Style::Link { url: url.clone() })
        } else {
            None
        };
        let label_start = self.written().len();
        Frame::Link {
            span,
            url,
            label_start,
            outermost,
        }
    }

    fn end_link(
        &mut self,
        span: Option<usize>,
        url: &str,
        label_start: usize,
        outermost: bool,
        is_image: bool,
    ) {
        self.links -= 1;
        let label = self.written().get(label_start..).unwrap_or_default().trim();
        let label_is_url = label == url || url.strip_prefix("mailto:") == Some(label);
        if label.is_empty() {
            let fallback = if url.is_empty() && is_image {
                "image"
            } else {
                url
            };
            self.push(fallback);
            self.discard(span);
        } else if span.is_some() && !label_is_url {
            self.close(span);
        } else {
            self.discard(span);
            if outermost && !label_is_url && !url.is_empty() {
                self.push(&format!(" ({url})"));
            }
        }
    }

    // === Text ===

    fn marked_text(&mut self, event: usize, text: &str) {
        let mut from = 0;
        while let Some(mark) = self.marks.next_if(|mark| mark.event == event) {
            self.push(&text[from..mark.offset]);
            from = mark.offset + SPOILER_BYTES;
            self.apply(mark);
        }
        self.push(&text[from..]);
    }

    fn inline_html(&mut self, event: usize, html: &str) {
        if let Some(mark) = self.marks.next_if(|mark| mark.event == event) {
            self.apply(mark);
        } else if matches!(html, "<br>" | "<br/>" | "<br />") {
            self.line_break();
        } else {
            self.push(html);
        }
    }

    fn apply(&mut self, mark: Mark) {
        if mark.opens {
            let style = match mark.kind {
                MarkKind::Spoiler => Style::Spoiler,
                MarkKind::Underline => Style::Underline,
            };
            let span = self.open_inline(style);
            self.marked.push((mark.kind, span));
        } else if let Some((_, span)) = self.marked.pop() {
            self.close(span);
        }
    }

    /// The text being written: a table cell, else the document.
    fn written(&mut self) -> &str {
        match self.table.as_mut().and_then(Table::cell) {
            Some(cell) => cell,
            None => &self.text,
        }
    }

    fn push(&mut self, text: &str) {
        if let Some(table) = &mut self.table {
            if let Some(cell) = table.cell() {
                cell.extend(text.chars().filter(|ch| is_sendable(*ch) && *ch != '\n'));
            }
            return;
        }
        for piece in text.split_inclusive('\n') {
            let (line, ends) = match piece.strip_suffix('\n') {
                Some(line) => (line, true),
                None => (piece, false),
            };
            if !line.is_empty() {
                self.begin_text();
                self.text.extend(line.chars().filter(|ch| is_sendable(*ch)));
            }
            if ends {
                self.line_break();
            }
        }
    }

    fn line_break(&mut self) {
        if let Some(table) = &mut self.table {
            if let Some(cell) = table.cell() {
                cell.push(' ');
            }
            return;
        }
        self.settle_gap();
        self.text.push('\n');
        self.at_line_start = !self.in_code;
    }

    fn begin_text(&mut self) {
        self.after_bullet = false;
        self.settle_gap();
        if self.at_line_start {
            self.begin_line(self.lists.len());
        }
    }

    fn begin_line(&mut self, levels: usize) {
        if self.format.markup == Markup::Plain {
            for _ in 0..self.quotes.min(INDENT_MAX) {
                self.text.push_str("> ");
            }
        }
        for _ in 0..levels.min(INDENT_MAX) {
            self.text.push_str("  ");
        }
        self.at_line_start = false;
    }

    /// Writes the line breaks owed, counting those already there.
    fn settle_gap(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        if gap == 0 || self.text.is_empty() {
            return;
        }
        let there = self
            .text
            .bytes()
            .rev()
            .take(gap)
            .take_while(|byte| *byte == b'\n')
            .count();
        for _ in there..gap {
            self.text.push('\n');
        }
        self.at_line_start = true;
    }

    // === Spans ===

    fn open_inline(&mut self, style: Style) -> Option<usize> {
        if self.table.is_some() {
            return None;
        }
        self.begin_text();
        self.open(style)
    }

    /// Opens a style unless it is already on; platforms gain nothing from bold in bold, and the
    /// number of open styles stays bounded however deep a document nests.
    fn open(&mut self, style: Style) -> Option<usize> {
        let kind = std::mem::discriminant(&style);
        let is_on = |index: &usize| std::mem::discriminant(&self.spans[*index].style) == kind;
        if self.on.iter().any(is_on) {
            return None;
        }
        self.spans.push(Span {
            start: self.text.len(),
            end: self.text.len(),
            style,
        });
        self.on.push(self.spans.len() - 1);
        Some(self.spans.len() - 1)
    }

    fn close(&mut self, span: Option<usize>) {
        if let Some(index) = span {
            self.spans[index].end = self.text.len();
            self.on.retain(|open| *open != index);
        }
    }

    /// Takes a span back: it covers nothing.
    fn discard(&mut self, span: Option<usize>) {
        if let Some(index) = span {
            self.spans[index].end = self.spans[index].start;
            self.on.retain(|open| *open != index);
        }
    }
}

/// Whether an item starts with a check box, which takes the place of the bullet.
fn is_task(rest: &[Event<'_>]) -> bool {
    matches!(
        rest,
        [Event::TaskListMarker(_), ..]
            | [Event::Start(Tag::Paragraph), Event::TaskListMarker(_), ..]
    )
}
