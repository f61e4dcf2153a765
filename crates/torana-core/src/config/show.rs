//! A configuration file as clients see it, and their changes on the way back.
//!
//! What leaves the gateway keeps comments and layout but no secret: values become placeholders, and a comment that
//! may hold a credential is masked. What returns gets its secrets back by path, and keeps the comments of the file.

use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ast, parse_to_ast};
use serde_json::{Map, Value};

use super::edit::{self, EditError};
use super::parse;
use super::path::{KeyPath, Segment};
use super::redact::{self, RestoreError};
use super::schema::TreeSchema;

/// Stands for a comment that is not shown.
const HIDDEN_COMMENT: &str = "(hidden: may hold a secret)";
/// Shorter secrets are ordinary words; looking for them in comments would hide half of those.
const SECRET_CHARS_MIN: usize = 6;
/// A run of this many letters and digits, mixed, is more likely a key than a word.
const KEY_RUN_CHARS_MIN: usize = 20;

/// Why a returned configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReturnError {
    /// It cannot be written into the file.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A placeholder stands where nothing was hidden.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

// === impl TreeSchema ===

impl TreeSchema {
    /// The text of a file without its secrets; comments and layout stay where that is possible.
    ///
    /// ```
    /// use torana_core::config::TreeSchema;
    ///
    /// let schema = TreeSchema::new(&[]);
    /// let shown = schema.redacted_text("{ gateway: { auth: { token: 'abc' } } } // usual\n");
    /// assert_eq!(shown, "{ gateway: { auth: { token: \"__OPENCLAW_REDACTED__\" } } } // usual\n");
    /// ```
    #[must_use]
    pub fn redacted_text(&self, text: &str) -> String {
        // Nobody can tell what is secret in a text that cannot be read.
        let Ok(value) = edit::read(text) else {
            return String::new();
        };
        let shown = self.redacted(&value);
        let mut secrets = Vec::new();
        hidden(&value, &shown, &mut secrets);
        edit::rewrite_from(text, &value, &shown)
            .ok()
            .and_then(|text| mask_comments(&text, &secrets))
            .unwrap_or_else(|| format!("{shown:#}\n"))
    }

    /// The file text that a client's whole document means: secrets put back, comments kept.
    ///
    /// A document with comments of its own replaces the text; one without, as forms send it, only changes values.
    ///
    /// # Errors
    /// When the document cannot be read, a placeholder cannot be placed, or the change would flatten an include.
    pub fn returned_text(&self, submitted: &str, current: &str) -> Result<String, ReturnError> {
        // Putting secrets back could change how they are quoted.
        if submitted == self.redacted_text(current) && !current.trim().is_empty() {
            return Ok(current.to_owned());
        }
        let old = edit::read(current).unwrap_or_else(|_| Value::Object(Map::new()));
        let new = self.restore(&edit::read(submitted)?, &old)?;
        let has_own_comments = submitted.contains("//") || submitted.contains("/*");
        let is_fresh = current.trim().is_empty() || edit::read(current).is_err();
        if is_fresh
            || (has_own_comments && !submitted.contains(HIDDEN_COMMENT) && has_comments(submitted))
        {
            Ok(edit::rewrite(submitted, &new)?)
        } else {
            Ok(edit::rewrite(current, &new)?)
        }
    }

    /// The file text after a client's merge patch, in which placeholders mean "as it is".
    ///
    /// `replaced` names the lists that the patch may shorten.
    ///
    /// # Errors
    /// When the file or patch cannot be read, a placeholder cannot be placed, or list entries would vanish unnamed.
    pub fn patched_text(
        &self,
        patch: &Value,
        replaced: &[KeyPath],
        current: &str,
    ) -> Result<String, ReturnError> {
        let old = edit::read(current)?;
        // The patch was made from what the client saw, so it is applied to that.
        let mut shown = self.redacted(&old);
        edit::merge_value(&mut shown, patch, replaced, &mut KeyPath::root())?;
        let new = self.restore(&shown, &old)?;
        Ok(edit::rewrite(current, &new)?)
    }
}

/// The value a text holds.
///
/// # Errors
/// When it cannot be parsed; the message says where.
pub fn read_text(text: &str) -> Result<Value, EditError> {
    edit::read(text)
}

/// The shortest paths at which two documents differ: what was added or removed as a whole is one path.
///
/// ```
/// use serde_json::json;
/// use torana_core::config::changed_paths;
///
/// let paths = changed_paths(&json!({ "a": { "b": 1, "c": 2 } }), &json!({ "a": { "b": 3, "c": 2 }, "d": {} }));
/// assert_eq!(paths.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a.b", "d"]);
/// ```
#[must_use]
pub fn changed_paths(old: &Value, new: &Value) -> Vec<KeyPath> {
    let mut found = Vec::new();
    differences(old, new, &mut KeyPath::root(), &mut found);
    found
}

fn differences(old: &Value, new: &Value, path: &mut KeyPath, found: &mut Vec<KeyPath>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                path.push(Segment::Key(key.clone()));
                match (old.get(key), new.get(key)) {
                    (Some(old), Some(new)) => differences(old, new, path, found),
                    _ => found.push(path.clone()),
                }
                path.pop();
            }
        }
        _ => found.push(path.clone()),
    }
}

/// Collects the texts that were replaced on the way out.
fn hidden<'a>(value: &'a Value, shown: &Value, found: &mut Vec<&'a str>) {
    match (value, shown) {
        (Value::String(text), Value::String(shown)) if text != shown => found.push(text),
        (Value::Array(items), Value::Array(shown)) => items
            .iter()
            .zip(shown)
            .for_each(|(item, shown)| hidden(item, shown, found)),
        (Value::Object(map), Value::Object(shown)) => map.iter().for_each(|(key, value)| {
            if let Some(shown) = shown.get(key) {
                hidden(value, shown, found);
            }
        }),
        _ => {}
    }
}

/// Comments with the place of their inner text.
fn comments(text: &str) -> Option<Vec<(usize, usize)>> {
    let collect = CollectOptions {
        comments: CommentCollectionStrategy::Separate,
        tokens: false,
    };
    let bare = parse::without_bom(text);
    let shift = text.len() - bare.len();
    let parsed = parse_to_ast(bare, &collect, &parse::options()).ok()?;
    let mut places: Vec<(usize, usize)> = parsed
        .comments
        .iter()
        .flat_map(|comments| comments.values())
        .flat_map(|group| group.iter())
        .map(|comment| match comment {
            // Both kinds begin with two characters; a block also ends with two.
            ast::Comment::Line(line) => (line.range.start + 2 + shift, line.range.end + shift),
            ast::Comment::Block(block) => {
                (block.range.start + 2 + shift, block.range.end - 2 + shift)
            }
        })
        .collect();
    // A comment between two values is listed with both.
    places.sort_unstable();
    places.dedup();
    Some(places)
}

fn has_comments(text: &str) -> bool {
    comments(text).is_some_and(|places| !places.is_empty())
}

fn mask_comments(text: &str, secrets: &[&str]) -> Option<String> {
    let mut masked = text.to_owned();
    for (start, end) in comments(text)?.into_iter().rev() {
        let comment = text.get(start..end)?;
        if is_suspicious(comment, secrets) {
            // A line comment of a file with Windows line ends includes the return.
            let tail = if comment.ends_with('\r') { "\r" } else { "" };
            masked.replace_range(start..end, &format!(" {HIDDEN_COMMENT} {tail}"));
        }
    }
    Some(masked)
}

/// A comment that names a credential with something behind it, repeats a secret, or holds what looks like a key.
fn is_suspicious(comment: &str, secrets: &[&str]) -> bool {
    let repeats = secrets
        .iter()
        .any(|secret| secret.chars().count() >= SECRET_CHARS_MIN && comment.contains(secret));
    let assigns = comment
        .split([',', '{', '}', '\n', ';'])
        .filter_map(|part| part.split_once([':', '=']))
        .any(|(name, value)| {
            let name = name.split_whitespace().next_back().unwrap_or_default();
            !value.trim().is_empty() && redact::is_secret_name(name)
        });
    let is_key = |run: &str| {
        run.len() >= KEY_RUN_CHARS_MIN
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let holds_key = comment
        .split(|character: char| !(character.is_ascii_alphanumeric() || "-_".contains(character)))
        .any(is_key);
    repeats || assigns || holds_key
}
