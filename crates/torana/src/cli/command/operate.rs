//! What the commands for operators share: one question to the gateway, ids by their beginning, JSON from the command line.

use std::io::{IsTerminal as _, Read as _};

use serde_json::Value;

use crate::cli::failure::{Exit, Failure, Reason};
use crate::cli::invocation::Invocation;
use crate::cli::rpc::Client;

/// Characters of an id that are shown: enough to tell a handful of things apart.
pub(super) const ID_CHARS_SHOWN: usize = 12;
/// Characters of an id that name it; fewer would match by accident.
const ID_CHARS_MIN: usize = 4;
/// Bytes read from the input for one JSON value; frames of the protocol take no more.
const INPUT_BYTES_MAX: u64 = 25 * 1024 * 1024;

/// One question on a connection of its own.
pub(super) async fn ask(
    invocation: &Invocation,
    method: &str,
    params: Value,
) -> Result<Value, Failure> {
    let mut client = invocation.connect().await?;
    let answer = client.call(method, params).await;
    client.close().await;
    answer
}

/// The beginning of an id, for people.
pub(super) fn short(id: &str) -> String {
    id.chars().take(ID_CHARS_SHOWN).collect()
}

/// The one id that begins with what was typed.
pub(super) fn find<'a>(
    ids: impl IntoIterator<Item = &'a str>,
    wanted: &str,
    list_with: &str,
) -> Result<String, Failure> {
    let mut fits: Vec<&str> = ids
        .into_iter()
        .filter(|id| id.starts_with(wanted))
        .collect();
    fits.sort_unstable();
    fits.dedup();
    if fits.contains(&wanted) {
        return Ok(wanted.to_owned());
    }
    match fits.as_slice() {
        [id] if wanted.chars().count() >= ID_CHARS_MIN => Ok((*id).to_owned()),
        [_] => Err(
            Failure::failed(format!("`{wanted}` is too short to name anything"))
                .hint("give more of the id"),
        ),
        [] => Err(
            Failure::failed(format!("there is nothing under `{wanted}`"))
                .hint(format!("list what there is with `{list_with}`")),
        ),
        _ => Err(Failure::failed(format!("`{wanted}` fits several")).hint("give more of the id")),
    }
}

/// A JSON object from the command line, or from the input for `-`.
pub(super) fn object(text: &str) -> Result<Value, Failure> {
    let text = if text == "-" {
        input()?
    } else {
        text.to_owned()
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Usage, format!("the parameters are not JSON: {error}"))
            .hint("quote them for the shell: `--params '{\"limit\": 5}'`")
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Failure::new(
            Exit::Usage,
            "the parameters are not a JSON object",
        ))
    }
}

/// Everything from the input.
pub(super) fn input() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(INPUT_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::failed(format!("cannot read the input: {error}")))?;
    Ok(text)
}

/// Asks a person who sits there; a script has to say it on the command line.
pub(super) fn confirmed(invocation: &Invocation, question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "this removes something, and nobody is there to ask",
        )
        .hint("say --yes in a script"));
    }
    invocation.output.note(&format!("{question} Write yes."));
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::failed(format!("cannot read the input: {error}")))?;
    Ok(line.trim().eq_ignore_ascii_case("yes"))
}

/// Words of a list of texts.
pub(super) fn joined(value: &Value, field: &str) -> String {
    let words: Vec<&str> = crate::cli::words::items_of(value, field)
        .iter()
        .filter_map(Value::as_str)
        .collect();
    words.join(" ")
}

/// What a gateway of another make does not know it has nothing of.
pub(super) async fn if_offered(
    client: &mut Client,
    method: &str,
    params: Value,
) -> Result<Value, Failure> {
    match client.call(method, params).await {
        Err(failure) if failure.reason == Reason::NotOffered => Ok(Value::Null),
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_by_its_beginning_when_that_is_clear() {
        let ids = ["abcdef", "abcxyz", "q1"];
        let found = |wanted| find(ids, wanted, "torana things").ok();
        assert_eq!(found("abcd").as_deref(), Some("abcdef"));
        assert_eq!(
            found("q1").as_deref(),
            Some("q1"),
            "a whole id may be short"
        );
        assert_eq!(
            (found("abc"), found("abcz"), found("q")),
            (None, None, None)
        );
    }

    #[test]
    fn parameters_are_an_object_or_an_error() {
        assert!(object("{\"limit\": 5}").is_ok());
        assert_eq!(
            object("[1]").map_err(|failure| failure.exit),
            Err(Exit::Usage)
        );
        assert_eq!(
            object("{limit").map_err(|failure| failure.exit),
            Err(Exit::Usage)
        );
    }
}
