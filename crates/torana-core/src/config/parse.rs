//! JSON5 text → [`Node`] tree, by `jsonc-parser` in its loose mode.
//!
//! What JSON5 allows and the parser lacks is refused by name: escapes in unquoted keys, and the two Unicode line
//! separators inside a `//` comment. Missing commas are refused although the parser could guess, because JSON5 has
//! none and a missing comma is a mistake. Infinity and NaN have no meaning in any key.

use jsonc_parser::ast;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};
use serde_json::Number;

use super::document::{Member, Node, NodeKind, Origin, Sources};
use super::finding::Finding;
use super::path::{KeyPath, Segment};

/// OpenClaw's bound on one configuration file; the largest seen in the wild is far below.
pub const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The deepest nesting accepted: real documents stay below 16, and it bounds every recursion over the tree.
pub(crate) const DEPTH_MAX: usize = 64;

pub(crate) fn options() -> ParseOptions {
    ParseOptions {
        allow_missing_commas: false,
        ..ParseOptions::default()
    }
}

/// Text without the byte order mark some editors put in front.
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Parses one file, already added to `sources`; on failure everything wrong that can be known.
pub(crate) fn parse(sources: &Sources, source: usize, text: &str) -> Result<Node, Vec<Finding>> {
    let root = KeyPath::root();
    let origin = |offset| Origin { source, offset };
    if text.len() > TEXT_BYTES_MAX {
        let message = format!(
            "the file has {} bytes; at most {TEXT_BYTES_MAX} are read",
            text.len()
        );
        return Err(vec![Finding::new(sources.place(origin(0)), &root, message)]);
    }
    let collect = CollectOptions {
        comments: if text.contains(['\u{2028}', '\u{2029}']) {
            CommentCollectionStrategy::Separate
        } else {
            CommentCollectionStrategy::Off
        },
        tokens: false,
    };
    let parsed = parse_to_ast(text, &collect, &options()).map_err(|error| {
        let place = sources.place(origin(error.range().start));
        vec![syntax_finding(place, text, &error)]
    })?;
    if let Some(offset) = parsed.comments.as_ref().and_then(separator_in_comment) {
        let message = "has a Unicode line separator (U+2028 or U+2029) inside a comment, which ends the comment in JSON5 but is invisible";
        return Err(vec![
            Finding::new(
                sources.place(origin(offset)),
                &root,
                format!("the file {message}"),
            )
            .with_hint("remove it"),
        ]);
    }
    let Some(value) = parsed.value else {
        return Err(vec![
            Finding::new(sources.place(origin(0)), &root, "the file is empty")
                .with_hint("write `{}` for a configuration without settings"),
        ]);
    };
    let mut converter = Converter {
        sources,
        source,
        path: KeyPath::root(),
        findings: Vec::new(),
    };
    let node = converter.convert(value);
    if converter.findings.is_empty() {
        Ok(node)
    } else {
        Err(converter.findings)
    }
}

fn syntax_finding(place: Option<super::finding::Place>, text: &str, error: &ParseError) -> Finding {
    let root = KeyPath::root();
    let at = text
        .get(error.range().start..)
        .and_then(|rest| rest.chars().next());
    let escape = matches!(
        error.kind(),
        ParseErrorKind::UnexpectedToken | ParseErrorKind::UnexpectedTokenInObject
    ) && text
        .get(error.range().start..error.range().end)
        .is_some_and(|word| word.contains('\\'));
    if escape || at == Some('\\') {
        return Finding::new(place, &root, "escapes in unquoted keys are not supported")
            .with_hint("put the key in quotes");
    }
    let mut message = error.kind().to_string();
    if let Some(first) = message.get(..1) {
        let lower = first.to_lowercase();
        message.replace_range(..1, &lower);
    }
    Finding::new(
        place,
        &root,
        format!("the file is not valid JSON5: {message}"),
    )
}

fn separator_in_comment(comments: &jsonc_parser::CommentMap<'_>) -> Option<usize> {
    comments
        .values()
        .flat_map(|group| group.iter())
        .filter_map(|comment| match comment {
            ast::Comment::Line(line) => line
                .text
                .find(['\u{2028}', '\u{2029}'])
                .map(|offset| line.range.start + 2 + offset),
            ast::Comment::Block(_) => None,
        })
        .min()
}

struct Converter<'a> {
    sources: &'a Sources,
    source: usize,
    path: KeyPath,
    findings: Vec<Finding>,
}

// === impl Converter ===

impl Converter<'_> {
    fn convert(&mut self, value: ast::Value<'_>) -> Node {
        let at = self.origin(value_start(&value));
        if self.path.segments().len() > DEPTH_MAX {
            self.report(at, format!("is nested more than {DEPTH_MAX} levels deep"));
            return Node {
                at,
                kind: NodeKind::Null,
            };
        }
        let kind = match value {
            ast::Value::NullKeyword(_) => NodeKind::Null,
            ast::Value::BooleanLit(literal) => NodeKind::Bool(literal.value),
            ast::Value::NumberLit(literal) => self.number(at, literal.value),
            ast::Value::StringLit(literal) => NodeKind::Text {
                text: literal.value.into_owned(),
                unresolved: false,
            },
            ast::Value::Array(array) => NodeKind::List(
                array
                    .elements
                    .into_iter()
                    .enumerate()
                    .map(|(index, element)| {
                        self.within(Segment::Index(index), |this| this.convert(element))
                    })
                    .collect(),
            ),
            ast::Value::Object(object) => self.object(object),
        };
        Node { at, kind }
    }

    fn object(&mut self, object: ast::Object<'_>) -> NodeKind {
        let mut members: Vec<Member> = Vec::with_capacity(object.properties.len());
        for property in object.properties {
            let key_at = self.origin(property.range.start);
            let key = property.name.into_string();
            let segment = Segment::Key(key.clone());
            if let Some(first) = members.iter().find(|member| member.key == key) {
                let line = self
                    .sources
                    .place(first.key_at)
                    .map_or(0, |place| place.line);
                self.within(segment, |this| {
                    this.report(
                        key_at,
                        format!("is written twice; the first is on line {line}"),
                    );
                });
                continue;
            }
            let value = self.within(segment, |this| this.convert(property.value));
            members.push(Member { key, key_at, value });
        }
        NodeKind::Object(members)
    }

    fn number(&mut self, at: Origin, written: &str) -> NodeKind {
        if let Some(number) = read_number(written) {
            return NodeKind::Number(number);
        }
        self.report(at, format!("is {written}, which no setting can be"));
        NodeKind::Null
    }

    fn within<T>(&mut self, segment: Segment, action: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(segment);
        let result = action(self);
        self.path.pop();
        result
    }

    fn origin(&self, offset: usize) -> Origin {
        Origin {
            source: self.source,
            offset,
        }
    }

    fn report(&mut self, at: Origin, message: String) {
        self.findings
            .push(Finding::new(self.sources.place(at), &self.path, message));
    }
}

fn value_start(value: &ast::Value<'_>) -> usize {
    use jsonc_parser::common::Ranged as _;
    value.range().start
}

/// Reads a JSON5 number; nothing for Infinity, NaN and what overflows to them.
pub(crate) fn read_number(written: &str) -> Option<Number> {
    let unsigned = written.trim_start_matches(['+', '-']);
    let negative = written.starts_with('-');
    if let Some(digits) = unsigned
        .strip_prefix("0x")
        .or_else(|| unsigned.strip_prefix("0X"))
    {
        let magnitude = u64::from_str_radix(digits, 16).ok()?;
        if !negative {
            return Some(magnitude.into());
        }
        return Some(0_i64.checked_sub_unsigned(magnitude)?.into());
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        if !negative && let Ok(number) = unsigned.parse::<u64>() {
            return Some(number.into());
        }
        if negative && let Ok(number) = format!("-{unsigned}").parse::<i64>() {
            return Some(number.into());
        }
    }
    let magnitude: f64 = unsigned.parse().ok()?;
    Number::from_f64(if negative { -magnitude } else { magnitude })
}
