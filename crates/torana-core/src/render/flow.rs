//! The laid-out document: visible text, style spans over it, and places where no cut may fall.
//!
//! Spans are properly nested and stored in the order in which they open, so a list of edges can be
//! walked with a stack.

use std::ops::RangeInclusive;

/// A style over a part of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Style {
    Bold,
    Italic,
    Underline,
    Strike,
    Spoiler,
    Quote,
    Code,
    /// A code block with its language, which may be empty.
    Pre {
        language: String,
    },
    Link {
        url: String,
    },
    /// Markup that the text itself contains: only a cut inside it adds something.
    Written {
        /// Put at the start of a chunk that begins inside.
        resume: String,
        /// Put at the end of a chunk that ends inside, and after the span when `unclosed`.
        suspend: String,
        fence: bool,
        unclosed: bool,
    },
}

impl Style {
    /// Whether line structure inside must survive and cuts are a last resort.
    pub(super) fn is_fence(&self) -> bool {
        matches!(self, Self::Pre { .. } | Self::Written { fence: true, .. })
    }
}

/// A style with the byte range it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) style: Style,
}

/// A document ready to be cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Flow {
    pub(super) text: String,
    pub(super) spans: Vec<Span>,
    /// Byte positions at which no cut may fall: sorted, disjoint.
    pub(super) blocked: Vec<RangeInclusive<usize>>,
}

impl Flow {
    /// Text without any style.
    pub(super) fn unstyled(source: &str) -> Self {
        Self {
            text: source.chars().filter(|ch| is_sendable(*ch)).collect(),
            ..Self::default()
        }
    }

    /// The blocked range that contains a position.
    pub(super) fn blocked_at(&self, at: usize) -> Option<&RangeInclusive<usize>> {
        let next = self.blocked.partition_point(|range| *range.start() <= at);
        let range = &self.blocked[next.checked_sub(1)?];
        range.contains(&at).then_some(range)
    }

    /// Where spans open and close, in the order a writer meets them.
    pub(super) fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::with_capacity(self.spans.len() * 2);
        for (span, range) in self.spans.iter().enumerate() {
            if range.start < range.end {
                edges.push(Edge {
                    at: range.start,
                    opens: true,
                    span,
                });
                edges.push(Edge {
                    at: range.end,
                    opens: false,
                    span,
                });
            }
        }
        // Inner spans close before outer ones, everything closes before anything opens.
        edges.sort_by_key(|edge| {
            let order = if edge.opens {
                edge.span
            } else {
                usize::MAX - edge.span
            };
            (edge.at, edge.opens, order)
        });
        edges
    }
}

/// One end of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) at: usize,
    pub(super) opens: bool,
    pub(super) span: usize,
}

/// Sorts positions and joins what overlaps or touches.
pub(super) fn join_ranges(mut ranges: Vec<RangeInclusive<usize>>) -> Vec<RangeInclusive<usize>> {
    ranges.retain(|range| range.start() <= range.end());
    ranges.sort_by_key(|range| (*range.start(), *range.end()));
    let mut joined: Vec<RangeInclusive<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if *range.start() <= *last.end() => {
                if range.end() > last.end() {
                    *last = *last.start()..=*range.end();
                }
            }
            _ => joined.push(range),
        }
    }
    joined
}

/// Platforms refuse or mangle control characters, so only line breaks and tabs pass.
pub(super) fn is_sendable(ch: char) -> bool {
    ch == '\n' || ch == '\t' || !ch.is_control()
}
