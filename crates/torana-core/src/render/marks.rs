//! Styles that Markdown does not know: `||spoiler||` and `<u>underline</u>`.
//!
//! Both ends must sit in the same element, which keeps the styles nested; what has no partner stays
//! ordinary text. Escaped bars never count, because the parser hands them over one by one.

use pulldown_cmark::{Event, Tag, TagEnd};

/// What a mark does to the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    Spoiler,
    Underline,
}

/// One end of a marked passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Index of the event that contains the mark.
    pub(super) event: usize,
    /// Byte offset inside that event's text; zero for `<u>`.
    pub(super) offset: usize,
    pub(super) kind: MarkKind,
    pub(super) opens: bool,
}

/// The length of `||`.
pub(super) const SPOILER_BYTES: usize = 2;

/// Finds all pairs, sorted by place.
pub(super) fn find_marks(events: &[Event<'_>]) -> Vec<Mark> {
    let mut finder = Finder::default();
    for (index, event) in events.iter().enumerate() {
        match event {
            Event::Start(tag) => {
                finder.open.push(Vec::new());
                if matches!(tag, Tag::CodeBlock(_) | Tag::Table(_)) {
                    finder.opaque += 1;
                }
            }
            Event::End(tag) => {
                finder.open.pop();
                if matches!(tag, TagEnd::CodeBlock | TagEnd::Table) {
                    finder.opaque -= 1;
                }
            }
            Event::Text(text) if finder.opaque == 0 => {
                for (offset, _) in text.match_indices("||") {
                    finder.meet_bars(index, offset);
                }
            }
            Event::InlineHtml(html) if finder.opaque == 0 => match html.as_ref() {
                "<u>" => finder.begin(index, 0, MarkKind::Underline),
                "</u>" => finder.finish(index, 0, MarkKind::Underline),
                _ => {}
            },
            _ => {}
        }
    }
    finder.marks.sort_by_key(|mark| (mark.event, mark.offset));
    finder.marks
}

#[derive(Default)]
struct Finder {
    /// Per open element, the passages that wait for their end, innermost last.
    open: Vec<Vec<Mark>>,
    /// How many open elements hold text that must stay as it is.
    opaque: usize,
    marks: Vec<Mark>,
}

impl Finder {
    fn meet_bars(&mut self, event: usize, offset: usize) {
        let waiting = self
            .open
            .last()
            .and_then(|marks| marks.iter().rfind(|mark| mark.kind == MarkKind::Spoiler));
        match waiting {
            None => self.begin(event, offset, MarkKind::Spoiler),
            // `||||` hides nothing, so neither half is a mark.
            Some(start) if start.event == event && start.offset + SPOILER_BYTES == offset => {
                if let Some(marks) = self.open.last_mut() {
                    marks.retain(|mark| mark.kind != MarkKind::Spoiler);
                }
            }
            Some(_) => self.finish(event, offset, MarkKind::Spoiler),
        }
    }

    fn begin(&mut self, event: usize, offset: usize, kind: MarkKind) {
        if let Some(marks) = self.open.last_mut()
            && !marks.iter().any(|mark| mark.kind == kind)
        {
            marks.push(Mark {
                event,
                offset,
                kind,
                opens: true,
            });
        }
    }

    fn finish(&mut self, event: usize, offset: usize, kind: MarkKind) {
        let Some(marks) = self.open.last_mut() else {
            return;
        };
        let Some(at) = marks.iter().rposition(|mark| mark.kind == kind) else {
            return;
        };
        // Passages that began inside and have not ended would cross this one: they stay text.
        let start = marks[at];
        marks.truncate(at);
        self.marks.push(start);
        self.marks.push(Mark {
            event,
            offset,
            kind,
            opens: false,
        });
    }
}
