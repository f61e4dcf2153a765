//! Cutting a reply into messages that fit, and writing each so that it stands alone.
//!
//! One pass walks the laid-out text with the spans that are open, counts what the platform counts,
//! and remembers the best places to cut. A chunk always takes at least a quarter of what was walked,
//! so the whole is linear in the length of the text.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::flow::{Edge, Flow, Style};
use super::format::{ChunkMode, Counts, Format, LengthUnit, Limits, Markup};
use super::markup::{Tags, escape, tags};
use super::{layout, passthrough};

/// One message's worth of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// In the platform's markup, well formed on its own.
    pub rendered: String,
    /// The same without markup, sent when the platform refuses the markup.
    pub plain: String,
    /// The bytes of the reply's visible text that this chunk shows.
    pub source: Range<usize>,
}

/// Renders a reply and cuts it to a platform's limits.
///
/// No chunk is blank; a reply without visible text has no chunks. Between two chunks only white
/// space is left out.
///
/// ```
/// use torana_core::render::{chunks, LengthUnit, Limits, Markup};
/// let limits = Limits::new(4096, LengthUnit::Utf16);
/// let chunks = chunks("**2 < 3**", &limits, Markup::HtmlSubset);
/// assert_eq!(chunks[0].rendered, "<b>2 &lt; 3</b>");
/// assert_eq!(chunks[0].plain, "2 < 3");
/// ```
pub fn chunks(text: &str, limits: &Limits, format: impl Into<Format>) -> Vec<Chunk> {
    let format = format.into();
    let flow = match format.markup {
        Markup::Plain | Markup::HtmlSubset => layout::lay_out(text, format),
        Markup::Markdown => passthrough::lay_out(text, format.tables),
    };
    Cutter::new(&flow, limits, format.markup).run()
}

/// Renders a reply as one piece, however long; nothing if there is no visible text.
pub fn render(text: &str, format: impl Into<Format>) -> Option<Chunk> {
    let limits = Limits {
        max_raw_bytes: usize::MAX,
        ..Limits::new(usize::MAX, LengthUnit::Bytes)
    };
    chunks(text, &limits, format).into_iter().next()
}

/// Where a walk stands: a position, the next edge, and the spans open there.
#[derive(Debug, Clone, Default)]
struct Cursor {
    at: usize,
    edge: usize,
    open: Vec<usize>,
}

/// The end of one chunk and the start of the next.
#[derive(Debug, Clone, Copy)]
struct Cut {
    end: usize,
    next: usize,
    /// The next chunk starts on a new line, whose indentation is kept.
    new_line: bool,
    /// The next chunk continues a code block, so nothing at all is skipped.
    exact: bool,
}

/// The latest places to cut, by preference; positions are where the next chunk would begin.
#[derive(Debug, Default)]
struct Places {
    paragraph: Option<usize>,
    line: Option<usize>,
    sentence: Option<usize>,
    space: Option<usize>,
    fence_line: Option<usize>,
    fence_space: Option<usize>,
}

/// What a walk found before it ran out of room.
struct Walk {
    /// Where the text no longer fits; none at the end of the text.
    overflow: Option<usize>,
    /// The code block that the overflow lies in.
    fence: Option<usize>,
    places: Places,
    /// The first blank line, where newline mode cuts.
    blank_line: Option<usize>,
}

/// Room used in a chunk.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    units: usize,
    raw: usize,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.units = self.units.saturating_add(other.units);
        self.raw = self.raw.saturating_add(other.raw);
    }
}

struct Cutter<'a> {
    flow: &'a Flow,
    edges: Vec<Edge>,
    tags: Vec<Tags>,
    limits: Limits,
    markup: Markup,
}

impl<'a> Cutter<'a> {
    fn new(flow: &'a Flow, limits: &Limits, markup: Markup) -> Self {
        Self {
            flow,
            edges: flow.edges(),
            tags: flow
                .spans
                .iter()
                .map(|span| tags(&span.style, markup))
                .collect(),
            limits: *limits,
            markup,
        }
    }

    fn run(&self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        let mut cursor = Cursor::default();
        let text = &self.flow.text;
        self.move_to(&mut cursor, skip_blank(text, 0, true));
        while cursor.at < text.len() {
            let walk = self.walk(&cursor, true);
            // Not even one character fits beside its tags: this chunk goes without style.
            let bare = walk.overflow == Some(cursor.at);
            let walk = if bare {
                self.walk(&cursor, false)
            } else {
                walk
            };
            let cut = self.cut(&cursor, &walk);
            if !text[cursor.at..cut.end].trim().is_empty() {
                chunks.push(self.write(&cursor, cut.end, bare));
            }
            let next = if cut.exact {
                cut.next
            } else {
                skip_blank(text, cut.next, cut.new_line)
            };
            self.move_to(&mut cursor, next);
        }
        chunks
    }

    /// Applies the edges before a position, and the closing ones at it.
    fn move_to(&self, cursor: &mut Cursor, at: usize) {
        while let Some(edge) = self.edges.get(cursor.edge) {
            if edge.at > at || (edge.at == at && edge.opens) {
                break;
            }
            apply(&mut cursor.open, *edge);
            cursor.edge += 1;
        }
        cursor.at = at;
    }

    // === Measuring ===

    fn cost_of_tag(&self, tag: &str) -> Cost {
        Cost {
            units: match self.limits.counts {
                Counts::Rendered => self.limits.unit.measure(tag),
                Counts::Visible => self.visible_marker(tag),
            },
            raw: tag.len(),
        }
    }

    /// Markers of Markdown are text until the platform has parsed them; a plain reading must fit too.
    fn visible_marker(&self, tag: &str) -> usize {
        match self.markup {
            Markup::Markdown => self.limits.unit.measure(tag),
            Markup::HtmlSubset | Markup::Plain => 0,
        }
    }

    fn cost_of_char(&self, ch: char) -> Cost {
        let entity = escape(ch, self.markup);
        let own = self.limits.unit.of_char(ch);
        Cost {
            units: match (self.limits.counts, entity) {
                (Counts::Rendered, Some(entity)) => self.limits.unit.measure(entity),
                (Counts::Rendered, None) | (Counts::Visible, _) => own,
            },
            raw: entity.map_or(ch.len_utf8(), str::len),
        }
    }

    // === Walking ===

    fn walk(&self, from: &Cursor, styled: bool) -> Walk {
        let text = &self.flow.text;
        let mut walk = Walk {
            overflow: None,
            fence: None,
            places: Places::default(),
            blank_line: None,
        };
        let mut cursor = from.clone();
        let mut meter = Meter::new(self, styled);
        for span in &cursor.open {
            meter.resume(*span);
        }
        walk.fence = self.fence_among(&cursor.open);
        let mut line_is_blank = true;
        for (offset, ch) in text[from.at..].char_indices() {
            let at = from.at + offset;
            while let Some(edge) = self.edges.get(cursor.edge).filter(|edge| edge.at <= at) {
                meter.edge(*edge);
                apply(&mut cursor.open, *edge);
                cursor.edge += 1;
                if self.flow.spans[edge.span].style.is_fence() {
                    walk.fence = edge.opens.then_some(edge.span);
                    walk.places.fence_line = None;
                    walk.places.fence_space = None;
                }
            }
            if !meter.take(ch) {
                walk.overflow = Some(at);
                return walk;
            }
            let next = at + ch.len_utf8();
            if (ch.is_whitespace() || ends_sentence(ch)) && self.flow.blocked_at(next).is_none() {
                self.note(&mut walk, from.at, ch, next, line_is_blank);
                if walk.blank_line.is_some() && self.limits.mode == ChunkMode::Newline {
                    return walk;
                }
            }
            line_is_blank = ch == '\n' || (line_is_blank && ch.is_whitespace());
        }
        walk
    }

    fn fence_among(&self, open: &[usize]) -> Option<usize> {
        open.iter()
            .copied()
            .find(|span| self.flow.spans[*span].style.is_fence())
    }

    /// Remembers a place to cut after `ch`.
    fn note(&self, walk: &mut Walk, from: usize, ch: char, next: usize, line_is_blank: bool) {
        let places = &mut walk.places;
        if walk.fence.is_some() {
            match ch {
                '\n' => places.fence_line = Some(next),
                _ if ch.is_whitespace() => places.fence_space = Some(next),
                _ => {}
            }
        } else if ch == '\n' && line_is_blank {
            places.paragraph = Some(next);
            if walk.blank_line.is_none() && !self.flow.text[from..next].trim().is_empty() {
                walk.blank_line = Some(next);
            }
        } else if ch == '\n' {
            places.line = Some(next);
        } else if ch.is_whitespace() {
            let before = self.flow.text[from..next - ch.len_utf8()]
                .chars()
                .next_back();
            if before.is_some_and(|before| ".!?…".contains(before)) {
                places.sentence = Some(next);
            }
            places.space = Some(next);
        } else {
            places.sentence = Some(next);
        }
    }

    // === Choosing ===

    fn cut(&self, cursor: &Cursor, walk: &Walk) -> Cut {
        let text = &self.flow.text;
        if self.limits.mode == ChunkMode::Newline
            && let Some(next) = walk.blank_line
        {
            return self.cut_before(cursor.at, next, true);
        }
        let Some(overflow) = walk.overflow else {
            return Cut {
                end: self.trim_end(cursor.at, text.len()),
                next: text.len(),
                new_line: true,
                exact: true,
            };
        };
        // A quarter keeps the work linear and still lets a paragraph win over a fuller chunk.
        let filled = |place: &usize| (place - cursor.at) * 4 >= overflow - cursor.at;
        let places = &walk.places;
        if let Some(fence) = walk.fence {
            if let Some(before) = self.before_fence(cursor, fence, overflow, places) {
                return self.cut_before(cursor.at, before, true);
            }
            if let Some(next) = places.fence_line.filter(filled) {
                return Cut {
                    end: next - 1,
                    next,
                    new_line: true,
                    exact: true,
                };
            }
            let next = places.fence_space.filter(filled);
            let next = next.unwrap_or_else(|| self.hard_cut(cursor.at, overflow));
            return Cut {
                end: next,
                next,
                new_line: true,
                exact: true,
            };
        }
        if let Some(next) = places
            .paragraph
            .filter(filled)
            .or(places.line.filter(filled))
        {
            return self.cut_before(cursor.at, next, true);
        }
        if let Some(next) = places
            .sentence
            .filter(filled)
            .or(places.space.filter(filled))
        {
            return self.cut_before(cursor.at, next, false);
        }
        let next = self.hard_cut(cursor.at, overflow);
        Cut {
            end: next,
            next,
            new_line: true,
            exact: true,
        }
    }

    fn cut_before(&self, from: usize, next: usize, new_line: bool) -> Cut {
        Cut {
            end: self.trim_end(from, next),
            next,
            new_line,
            exact: false,
        }
    }

    fn trim_end(&self, from: usize, end: usize) -> usize {
        from + self.flow.text[from..end].trim_end().len()
    }

    /// The place before a code block that should not be cut: it fits a chunk of its own, or this
    /// chunk is half full already.
    fn before_fence(
        &self,
        cursor: &Cursor,
        fence: usize,
        overflow: usize,
        places: &Places,
    ) -> Option<usize> {
        let span = &self.flow.spans[fence];
        let before = places.paragraph.max(places.line)?;
        if span.start <= cursor.at || before <= cursor.at {
            return None;
        }
        if (before - cursor.at) * 2 >= overflow - cursor.at {
            return Some(before);
        }
        let mut from = cursor.clone();
        self.move_to(&mut from, before);
        let alone = self.walk(&from, true);
        let fits = alone.overflow.is_none_or(|overflow| overflow >= span.end);
        fits.then_some(before)
    }

    /// A cut where nothing better exists: between graphemes, and not inside a marker.
    fn hard_cut(&self, from: usize, overflow: usize) -> usize {
        let text = &self.flow.text;
        let first = text[from..].chars().next().map_or(0, char::len_utf8);
        let last = text[overflow..].chars().next().map_or(0, char::len_utf8);
        let window = &text[from..overflow + last];
        let grapheme = window
            .grapheme_indices(true)
            .map(|(offset, _)| from + offset)
            .take_while(|at| *at <= overflow)
            .last()
            .filter(|at| *at > from)
            // One grapheme longer than a message: only whole characters are left to respect.
            .unwrap_or(overflow.max(from + first));
        let Some(range) = self.flow.blocked_at(grapheme) else {
            return grapheme;
        };
        let open = text.floor_char_boundary(range.start().saturating_sub(1));
        if open > from { open } else { grapheme }
    }

    // === Writing ===

    fn write(&self, cursor: &Cursor, end: usize, bare: bool) -> Chunk {
        let text = &self.flow.text;
        let mut writer = Writer::new(self, bare);
        let mut edge = cursor.edge;
        for span in &cursor.open {
            writer.open(*span, true);
        }
        for (offset, ch) in text[cursor.at..end].char_indices() {
            let at = cursor.at + offset;
            while let Some(next) = self.edges.get(edge).filter(|next| next.at <= at) {
                writer.edge(*next);
                edge += 1;
            }
            writer.push(ch);
        }
        while let Some(next) = self
            .edges
            .get(edge)
            .filter(|next| next.at <= end && !next.opens)
        {
            writer.edge(*next);
            edge += 1;
        }
        let (rendered, with_targets) = writer.finish();
        let visible = &text[cursor.at..end];
        let fits =
            self.limits.unit.measure(&with_targets) <= self.limits.max_units.max(Limits::UNITS_MIN);
        Chunk {
            rendered,
            plain: if fits {
                with_targets
            } else {
                visible.to_owned()
            },
            source: cursor.at..end,
        }
    }
}

/// Counts the room a chunk needs while it is walked.
struct Meter<'a, 'b> {
    cutter: &'b Cutter<'a>,
    styled: bool,
    used: Cost,
    /// What closing the open spans here would add.
    pending: Vec<(usize, Cost)>,
    target: usize,
    raw: usize,
}

impl<'a, 'b> Meter<'a, 'b> {
    fn new(cutter: &'b Cutter<'a>, styled: bool) -> Self {
        Self {
            cutter,
            styled,
            used: Cost::default(),
            pending: Vec::new(),
            target: cutter.limits.target(),
            raw: cutter.limits.raw_bytes(),
        }
    }

    fn resume(&mut self, span: usize) {
        let tags = &self.cutter.tags[span];
        self.open(span, &tags.resume);
    }

    fn open(&mut self, span: usize, tag: &str) {
        if self.styled {
            self.used.add(self.cutter.cost_of_tag(tag));
            let suspend = self.cutter.cost_of_tag(&self.cutter.tags[span].suspend);
            self.pending.push((span, suspend));
        }
    }

    fn edge(&mut self, edge: Edge) {
        let tags = &self.cutter.tags[edge.span];
        if edge.opens {
            self.open(edge.span, &tags.open);
        } else if self.styled {
            self.pending.retain(|(span, _)| *span != edge.span);
            self.used.add(self.cutter.cost_of_tag(&tags.close));
        }
    }

    /// Takes one more character if it fits together with everything that must be closed after it.
    fn take(&mut self, ch: char) -> bool {
        let mut total = self.used;
        total.add(self.cutter.cost_of_char(ch));
        let used = total;
        for (_, suspend) in &self.pending {
            total.add(*suspend);
        }
        let fits = total.units <= self.target && total.raw <= self.raw;
        if fits {
            self.used = used;
        }
        fits
    }
}

/// Writes one chunk; tags open late, so that no style is ever empty.
struct Writer<'a, 'b> {
    cutter: &'b Cutter<'a>,
    bare: bool,
    rendered: String,
    plain: String,
    /// Open spans with whether they started before this chunk.
    open: Vec<(usize, bool)>,
    /// How many of `open` have their tag written.
    written: usize,
}

impl<'a, 'b> Writer<'a, 'b> {
    fn new(cutter: &'b Cutter<'a>, bare: bool) -> Self {
        Self {
            cutter,
            bare,
            rendered: String::new(),
            plain: String::new(),
            open: Vec::new(),
            written: 0,
        }
    }

    fn open(&mut self, span: usize, resumed: bool) {
        self.open.push((span, resumed));
    }

    fn edge(&mut self, edge: Edge) {
        if edge.opens {
            self.open(edge.span, false);
        } else if let Some(at) = self.open.iter().rposition(|(span, _)| *span == edge.span) {
            self.open.remove(at);
            if at < self.written {
                self.written -= 1;
                let tags = &self.cutter.tags[edge.span];
                self.tag(&tags.close);
                self.show_target(edge.span);
            }
        }
    }

    fn push(&mut self, ch: char) {
        while let Some((span, resumed)) = self.open.get(self.written).copied() {
            let tags = &self.cutter.tags[span];
            self.tag(if resumed { &tags.resume } else { &tags.open });
            self.written += 1;
        }
        match escape(ch, self.cutter.markup) {
            Some(entity) => self.rendered.push_str(entity),
            None => self.rendered.push(ch),
        }
        self.plain.push(ch);
    }

    fn tag(&mut self, tag: &str) {
        if !self.bare {
            self.rendered.push_str(tag);
        }
    }

    fn show_target(&mut self, span: usize) {
        if let Style::Link { url } = &self.cutter.flow.spans[span].style {
            self.plain.push_str(" (");
            self.plain.push_str(url);
            self.plain.push(')');
        }
    }

    fn finish(mut self) -> (String, String) {
        self.open.truncate(self.written);
        while let Some((span, _)) = self.open.pop() {
            let tags = &self.cutter.tags[span];
            self.tag(&tags.suspend);
        }
        (self.rendered, self.plain)
    }
}

fn apply(open: &mut Vec<usize>, edge: Edge) {
    if edge.opens {
        open.push(edge.span);
    } else if let Some(at) = open.iter().rposition(|span| *span == edge.span) {
        open.remove(at);
    }
}

/// Punctuation that ends a sentence without a space after it.
fn ends_sentence(ch: char) -> bool {
    matches!(ch, '。' | '！' | '？')
}

/// The first position at or after `from` that shows something; with `new_line`, the start of its line.
fn skip_blank(text: &str, from: usize, new_line: bool) -> usize {
    let rest = &text[from..];
    let shown = from + (rest.len() - rest.trim_start().len());
    match text[from..shown].rfind('\n') {
        Some(newline) => from + newline + 1,
        None if new_line => from,
        None => shown,
    }
}
