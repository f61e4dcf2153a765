//! What somebody types: keys, values and patches, and what is said when one is refused.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};
use torana_core::config::edit::EditError;
use torana_core::config::{KeyPath, Segment, edit};
use torana_host::files;

use crate::cli::failure::{Exit, Failure};

/// Patch from a file, bytes; the same as the file itself may have.
pub(crate) const PATCH_BYTES_MAX: u64 = torana_core::config::TEXT_BYTES_MAX as u64;

/// A key as somebody wrote it.
pub(crate) fn key(text: &str) -> Result<KeyPath, Failure> {
    text.parse().map_err(|error| {
        Failure::failed(format!("`{text}` is not a key: {error}"))
            .hint("write keys as `channels.telegram.streaming` or `bindings[0].agentId`")
    })
}

/// JSON5, or else plain text: `partial` needs no quotes.
pub(crate) fn value_of(text: &str, strict: bool) -> Result<Value, Failure> {
    if strict {
        return serde_json::from_str(text).map_err(|_| {
            Failure::new(Exit::Usage, "the value is not JSON")
                .hint("quote text as '\"text\"', or leave --strict-json away")
        });
    }
    Ok(edit::parse_value(text).unwrap_or_else(|| Value::String(text.to_owned())))
}

/// The value below the keys of a path, as a merge patch wants it.
pub(crate) fn nested(path: &KeyPath, value: Value) -> Result<Value, Failure> {
    path.segments()
        .iter()
        .rev()
        .try_fold(value, |value, segment| match segment {
            Segment::Key(key) => Ok(Value::Object(Map::from_iter([(key.clone(), value)]))),
            Segment::Index(_) => Err(Failure::failed("--merge cannot reach into a list")
                .hint("set the item without --merge")),
        })
}

/// Why an edit was refused, with what to do about it.
pub(crate) fn refused(error: EditError) -> Failure {
    match &error {
        EditError::Unreadable(_) => Failure::new(Exit::Config, error.to_string())
            .hint("mend the file by hand; `torana config validate` shows where"),
        EditError::RemovesEntries(path) => Failure::failed(error.to_string())
            .hint(format!("add `--replace-path {path}` if that is meant")),
        EditError::Placeholder(_) => {
            Failure::failed(error.to_string()).hint("give the value itself, or leave the key out")
        }
        EditError::NotSet(_)
        | EditError::NotAContainer(_)
        | EditError::NoSuchItem { .. }
        | EditError::Included(_)
        | EditError::Diverged => Failure::failed(error.to_string()),
    }
}

/// The text of a patch: from the line, a file or the input.
pub(crate) fn patch_text(
    patch: Option<String>,
    file: Option<&Path>,
    stdin: bool,
) -> Result<String, Failure> {
    if let Some(patch) = patch {
        return Ok(patch);
    }
    let bytes = match file {
        Some(path) => files::read_capped(path, PATCH_BYTES_MAX)
            .map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?,
        None if stdin => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .take(PATCH_BYTES_MAX)
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::failed(format!("cannot read the input: {error}")))?;
            bytes
        }
        None => {
            return Err(Failure::new(Exit::Usage, "there is no patch")
                .hint("give it as an argument, with --file or with --stdin"));
        }
    };
    String::from_utf8(bytes).map_err(|_| Failure::failed("the patch is not UTF-8 text"))
}
