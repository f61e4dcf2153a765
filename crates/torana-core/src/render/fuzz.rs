//! Fuzz entry: any bytes through every parser and markup of this folder.

use super::{
    ChunkMode, Counts, Format, LengthUnit, Limits, Markup, PrefixValues, ReplyContext, TableMode,
    chunks, expand_prefix, finalise, preview,
};

/// Drives all parsers with arbitrary bytes; panics when a promise is broken.
pub fn fuzz_render(bytes: &[u8]) {
    let (knobs, text) = bytes.split_at(bytes.len().min(2));
    let knob = |index: usize| usize::from(knobs.get(index).copied().unwrap_or_default());
    let text = String::from_utf8_lossy(text);
    let counts = [Counts::Rendered, Counts::Visible][knob(0) % 2];
    let mode = [ChunkMode::Length, ChunkMode::Newline][knob(0) / 2 % 2];
    let unit = [LengthUnit::Utf16, LengthUnit::Chars, LengthUnit::Bytes][knob(0) / 4 % 3];
    let tables = [TableMode::Code, TableMode::Bullets, TableMode::Off][knob(0) / 16 % 3];
    let limits = Limits::new(Limits::UNITS_MIN + knob(1), unit)
        .counting(counts)
        .with_mode(mode);
    for markup in [Markup::Plain, Markup::HtmlSubset, Markup::Markdown] {
        for chunk in chunks(&text, &limits, Format { markup, tables }) {
            assert!(!chunk.plain.trim().is_empty(), "a chunk shows something");
            assert!(
                chunk.rendered.len() <= limits.raw_bytes(),
                "raw size is bounded"
            );
            if counts == Counts::Rendered {
                assert!(
                    unit.measure(&chunk.rendered) <= limits.target(),
                    "length is bounded"
                );
            }
        }
    }
    let reply = finalise(
        &text,
        &ReplyContext {
            direct: knob(0) % 2 == 0,
        },
    );
    assert_eq!(
        reply.silent.is_some(),
        reply.text.is_empty(),
        "silence has a reason"
    );
    assert!(
        preview(&text).len() <= text.len() * 2 + 8,
        "a preview only adds a fence"
    );
    expand_prefix(&text, &PrefixValues::default());
}
