//! Writing styles in a platform's markup: tags, escapes, and which links may be links.

use std::borrow::Cow;

use super::flow::Style;
use super::format::Markup;

/// Schemes that may become a link; everything else is shown as text, so that a reply cannot smuggle
/// a script or a local file behind a harmless label.
const LINK_SCHEMES: [&str; 4] = ["http", "https", "mailto", "tg"];

/// Longer targets are shown as text: browsers stop near this length, and a tag must fit in a chunk.
const LINK_BYTES_MAX: usize = 2048;

/// Enough for every language name highlighters know; more is noise from a broken info string.
const LANGUAGE_CHARS_MAX: usize = 32;

/// What a span adds to the text, at its own ends and at a cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags {
    pub(super) open: Cow<'static, str>,
    pub(super) close: Cow<'static, str>,
    /// Instead of `open` when a chunk starts inside the span.
    pub(super) resume: Cow<'static, str>,
    /// Instead of `close` when a chunk ends inside the span.
    pub(super) suspend: Cow<'static, str>,
}

impl Tags {
    fn pair(open: impl Into<Cow<'static, str>>, close: &'static str) -> Self {
        let open = open.into();
        Self {
            resume: open.clone(),
            open,
            close: Cow::Borrowed(close),
            suspend: Cow::Borrowed(close),
        }
    }
}

/// The tags of one style in one markup.
pub(super) fn tags(style: &Style, markup: Markup) -> Tags {
    match style {
        Style::Written {
            resume,
            suspend,
            unclosed,
            ..
        } => Tags {
            open: Cow::Borrowed(""),
            close: Cow::Owned(if *unclosed {
                suspend.clone()
            } else {
                String::new()
            }),
            resume: Cow::Owned(resume.clone()),
            suspend: Cow::Owned(suspend.clone()),
        },
        _ => match markup {
            Markup::Plain | Markup::Markdown => Tags::default(),
            Markup::HtmlSubset => html_tags(style),
        },
    }
}

fn html_tags(style: &Style) -> Tags {
    match style {
        Style::Bold => Tags::pair("<b>", "</b>"),
        Style::Italic => Tags::pair("<i>", "</i>"),
        Style::Underline => Tags::pair("<u>", "</u>"),
        Style::Strike => Tags::pair("<s>", "</s>"),
        Style::Spoiler => Tags::pair("<tg-spoiler>", "</tg-spoiler>"),
        Style::Quote => Tags::pair("<blockquote>", "</blockquote>"),
        Style::Code => Tags::pair("<code>", "</code>"),
        Style::Pre { language } if language.is_empty() => Tags::pair("<pre>", "</pre>"),
        Style::Pre { language } => Tags::pair(
            format!("<pre><code class=\"language-{}\">", attribute(language)),
            "</code></pre>",
        ),
        Style::Link { url } => Tags::pair(format!("<a href=\"{}\">", attribute(url)), "</a>"),
        Style::Written { .. } => Tags::default(),
    }
}

/// What one character becomes in running text, if it changes.
pub(super) fn escape(ch: char, markup: Markup) -> Option<&'static str> {
    match (markup, ch) {
        (Markup::HtmlSubset, '&') => Some("&amp;"),
        (Markup::HtmlSubset, '<') => Some("&lt;"),
        (Markup::HtmlSubset, '>') => Some("&gt;"),
        _ => None,
    }
}

fn attribute(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for ch in value.chars() {
        match ch {
            '"' => escaped.push_str("&quot;"),
            _ => match escape(ch, Markup::HtmlSubset) {
                Some(entity) => escaped.push_str(entity),
                None => escaped.push(ch),
            },
        }
    }
    escaped
}

/// Whether a target may hide behind a label.
pub(super) fn is_linkable(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once(':') else {
        return false;
    };
    !rest.is_empty()
        && LINK_SCHEMES
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        && !url.chars().any(|ch| ch.is_control() || ch.is_whitespace())
        && attribute(url).len() <= LINK_BYTES_MAX
}

/// The language word of a fence's info string, reduced to what fits in an attribute.
pub(super) fn language(info: &str) -> String {
    let word = info
        .split(|ch: char| ch.is_whitespace() || ch == ',' || ch == '{')
        .next()
        .unwrap_or_default();
    word.chars()
        .filter(|ch| ch.is_ascii_alphanumeric() || "+-_#.".contains(*ch))
        .take(LANGUAGE_CHARS_MAX)
        .collect()
}
