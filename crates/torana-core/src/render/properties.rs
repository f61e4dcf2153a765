//! What holds for the chunks of any text: within limits, well formed, nothing lost.

use proptest::prelude::*;

use super::directive::Fence;
use super::flow::Flow;
use super::*;

/// Markdown-like text: words, markers and line structure in any order.
fn markdown() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-zA-Z]{1,9} ",
        1 => Just("\n".to_owned()),
        1 => Just("\n\n".to_owned()),
        2 => prop_oneof![
            Just("**"), Just("*"), Just("~~"), Just("`"), Just("||"), Just("<u>"), Just("</u>"), Just("__"),
        ].prop_map(str::to_owned),
        2 => prop_oneof![
            Just("```rust\n"), Just("\n```\n"), Just("> "), Just("- "), Just("  - "), Just("1. "), Just("# "),
            Just("| a | b |\n|---|--:|\n| c | d |\n"), Just("- [x] "), Just("---\n"), Just("    "),
        ].prop_map(str::to_owned),
        1 => prop_oneof![
            Just("[l&b](https://x.org/a?b=c&d)"), Just("[bad](javascript:x)"), Just("![i](http://i.org)"), Just("["),
            Just("]("), Just("<x@y.org>"), Just("&amp;"), Just("<b>"), Just("👩‍👩‍👧"), Just("e\u{301}"), Just("\\"),
        ].prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn limits() -> impl Strategy<Value = Limits> {
    let unit = prop_oneof![
        Just(LengthUnit::Utf16),
        Just(LengthUnit::Chars),
        Just(LengthUnit::Bytes)
    ];
    let mode = prop_oneof![Just(ChunkMode::Length), Just(ChunkMode::Newline)];
    let counts = prop_oneof![Just(Counts::Rendered), Just(Counts::Visible)];
    (1_usize..200, unit, mode, counts).prop_map(|(units, unit, mode, counts)| {
        Limits::new(units, unit).with_mode(mode).counting(counts)
    })
}

fn tables() -> impl Strategy<Value = TableMode> {
    prop_oneof![
        Just(TableMode::Code),
        Just(TableMode::Bullets),
        Just(TableMode::Off)
    ]
}

fn html(text: &str) -> String {
    render(text, Markup::HtmlSubset).map_or(String::new(), |chunk| chunk.rendered)
}

/// The text of well-formed markup; an error says what is wrong.
fn visible(rendered: &str) -> Result<String, String> {
    let (mut text, mut open) = (String::new(), Vec::new());
    let mut rest = rendered;
    while let Some(at) = rest.find(['<', '>', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('&') {
            let known = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')];
            let (entity, ch) = known
                .into_iter()
                .find(|(entity, _)| rest.starts_with(entity))
                .ok_or("bare ampersand")?;
            text.push(ch);
            rest = &rest[entity.len()..];
            continue;
        }
        let end = rest.find('>').ok_or("open bracket")?;
        let tag = rest.strip_prefix('<').ok_or("closing bracket")?[..end - 1].to_owned();
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let expected: Option<String> = open.pop();
            if expected.as_deref() != Some(name) {
                return Err(format!("</{name}> closes {expected:?}"));
            }
            continue;
        }
        let (name, attribute) = tag.split_once(' ').unwrap_or((&tag, ""));
        let is_known = match name {
            "b" | "i" | "u" | "s" | "blockquote" | "tg-spoiler" | "pre" => attribute.is_empty(),
            "code" => attribute.is_empty() || is_attribute(attribute, "class=\"language-"),
            "a" => is_attribute(attribute, "href=\""),
            _ => false,
        };
        if !is_known || open.iter().any(|other| other == name) {
            return Err(format!("<{tag}> in {open:?}"));
        }
        open.push(name.to_owned());
    }
    text.push_str(rest);
    if open.is_empty() {
        Ok(text)
    } else {
        Err(format!("{open:?} stay open"))
    }
}

fn is_attribute(text: &str, start: &str) -> bool {
    let value = text
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix('"'));
    value.is_some_and(|value| !value.is_empty() && !value.contains(['"', '<', '>']))
}

fn without_space(text: &str) -> String {
    text.chars().filter(|ch| !ch.is_whitespace()).collect()
}

fn lay_out(text: &str, format: Format) -> Flow {
    match format.markup {
        Markup::Plain | Markup::HtmlSubset => super::layout::lay_out(text, format),
        Markup::Markdown => super::passthrough::lay_out(text, format.tables),
    }
}

/// What must hold for the chunks of any text.
fn check_chunks(text: &str, limits: &Limits, tables: TableMode) -> Result<(), TestCaseError> {
    for markup in [Markup::Plain, Markup::HtmlSubset, Markup::Markdown] {
        let format = Format { markup, tables };
        let flow = lay_out(text, format);
        let pieces = chunks(text, limits, format);
        let mut shown = String::new();
        let mut from = 0;
        for chunk in &pieces {
            prop_assert!(chunk.rendered.len() <= limits.raw_bytes());
            let counted = match (limits.counts, markup) {
                (Counts::Visible, Markup::HtmlSubset) => {
                    visible(&chunk.rendered).map_err(TestCaseError::fail)?
                }
                _ => chunk.rendered.clone(),
            };
            prop_assert!(
                limits.unit.measure(&counted) <= limits.target(),
                "{:?}",
                chunk
            );
            prop_assert!(
                limits.unit.measure(&chunk.plain) <= limits.max_units.max(Limits::UNITS_MIN)
            );
            prop_assert!(
                flow.text[from..chunk.source.start].trim().is_empty(),
                "text lost"
            );
            from = chunk.source.end;
            let own = &flow.text[chunk.source.clone()];
            prop_assert!(!own.trim().is_empty());
            if markup == Markup::HtmlSubset {
                let seen = visible(&chunk.rendered).map_err(TestCaseError::fail)?;
                prop_assert_eq!(seen, own);
            }
            shown.push_str(own);
        }
        prop_assert!(flow.text[from..].trim().is_empty(), "text lost at the end");
        prop_assert_eq!(without_space(&shown), without_space(&flow.text));
        prop_assert_eq!(&pieces, &chunks(text, limits, format), "deterministic");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn chunks_of_markdown_fit_are_well_formed_and_lose_nothing(
        text in markdown(), limits in limits(), tables in tables(),
    ) {
        check_chunks(&text, &limits, tables)?;
    }

    #[test]
    fn chunks_of_any_text_fit_are_well_formed_and_lose_nothing(
        text in any::<String>(), limits in limits(), tables in tables(),
    ) {
        check_chunks(&text, &limits, tables)?;
    }

    #[test]
    fn words_survive_the_layout(words in proptest::collection::vec("[a-z]{1,8}", 1..20)) {
        let text = words.join(" ");
        prop_assert_eq!(html(&text), text);
        let listed = words.iter().map(|word| format!("- **{word}**\n")).collect::<String>();
        let shown = visible(&html(&listed)).map_err(TestCaseError::fail)?;
        prop_assert_eq!(shown, words.iter().map(|word| format!("• {word}")).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn cut_markdown_closes_every_fence_and_style(
        blocks in proptest::collection::vec(
            prop_oneof![
                "([a-z]{1,9} ){1,9}".prop_map(|words| format!("**{}**", words.trim())),
                "([a-z]{1,20}\n){1,9}".prop_map(|lines| format!("```sh\n{lines}```")),
            ],
            1..6,
        ),
        units in 32_usize..120,
    ) {
        let text = blocks.join("\n\n");
        for chunk in chunks(&text, &Limits::new(units, LengthUnit::Chars), Markup::Markdown) {
            let fence = chunk.rendered.lines().fold(None, |fence, line| Fence::after(line, fence));
            prop_assert_eq!(fence, None, "{}", chunk.rendered);
            prop_assert_eq!(chunk.rendered.matches("**").count() % 2, 0, "{}", chunk.rendered);
            prop_assert!(!chunk.rendered.contains("****"), "{}", chunk.rendered);
        }
    }

    #[test]
    fn any_bytes_are_rendered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz_render(&bytes);
    }

    #[test]
    fn previews_never_show_a_directive_or_a_token(text in markdown(), tail in 0_usize..40) {
        let whole = format!("{text}[[reply_to_current]] x");
        let shown = preview(&whole[..whole.floor_char_boundary(whole.len().saturating_sub(tail))]);
        if !text.contains(['`', '~']) {
            prop_assert!(!shown.contains("[[reply_to"), "{}", shown);
        }
        for length in 1..=8 {
            prop_assert_eq!(preview(&"NO_REPLY"[..length]), "");
        }
    }
}
