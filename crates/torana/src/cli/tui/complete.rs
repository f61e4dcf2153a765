//! Completion of commands: those of this program, those the gateway lists, and the words that may follow them.

use serde_json::Value;

use super::clean;
use super::slash::COMMANDS;
use crate::cli::words::{items_of, text_of};

/// Commands of a gateway that are kept; the protocol lists five hundred at most.
const KNOWN_MAX: usize = 500;
/// Words offered after one command.
const CHOICES_MAX: usize = 50;

/// A command the gateway understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    name: String,
    about: String,
    choices: Vec<String>,
}

/// One way to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    /// The line as it would be.
    pub(crate) line: String,
    /// What is shown.
    pub(crate) label: String,
    pub(crate) about: String,
    /// Nothing may follow, so that a space would only be in the way.
    ends: bool,
}

/// The gateway lists this command.
pub(crate) fn lists(known: &[Known], name: &str) -> bool {
    known.iter().any(|command| command.name == name)
}

/// Reads `commands.list`.
pub(crate) fn read(answer: &Value) -> Vec<Known> {
    let mut known: Vec<Known> = Vec::new();
    for command in items_of(answer, "commands").iter().take(KNOWN_MAX) {
        let about = clean::line(text_of(command, "description"));
        let first = items_of(command, "args").first();
        let choices: Vec<String> = first
            .map(|argument| items_of(argument, "choices"))
            .unwrap_or_default()
            .iter()
            .map(|choice| text_of(choice, "value").to_owned())
            .filter(|word| is_word(word))
            .take(CHOICES_MAX)
            .collect();
        let aliases = items_of(command, "textAliases")
            .iter()
            .filter_map(Value::as_str);
        for name in std::iter::once(text_of(command, "name")).chain(aliases) {
            let name = name.trim_start_matches('/').to_ascii_lowercase();
            if is_word(&name) && known.iter().all(|other| other.name != name) {
                known.push(Known {
                    name,
                    about: about.clone(),
                    choices: choices.clone(),
                });
            }
        }
    }
    known.sort_by(|left, right| left.name.cmp(&right.name));
    known
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|character: char| character.is_whitespace() || character.is_control())
}

/// Every way to go on from what was typed.
pub(crate) fn matches(line: &str, known: &[Known]) -> Vec<Match> {
    let Some(begun) = line.strip_prefix('/') else {
        return Vec::new();
    };
    match begun.split_once(' ') {
        None if begun.contains(char::is_whitespace) => Vec::new(),
        None => names(&begun.to_ascii_lowercase(), known),
        Some((name, rest)) if !rest.contains(char::is_whitespace) => {
            words(&name.to_ascii_lowercase(), rest, known)
        }
        Some(_) => Vec::new(),
    }
}

fn names(begun: &str, known: &[Known]) -> Vec<Match> {
    let own = COMMANDS
        .iter()
        .map(|(name, takes, about)| (*name, *about, takes.is_empty()));
    own.chain(others(known).map(|(name, about)| (name, about, false)))
        .filter(|(name, ..)| name.starts_with(begun))
        .map(|(name, about, ends)| Match {
            line: format!("/{name}"),
            label: format!("/{name}"),
            about: about.to_owned(),
            ends,
        })
        .collect()
}

/// Commands of the gateway that are not ours as well, with what they do.
pub(crate) fn others(known: &[Known]) -> impl Iterator<Item = (&str, &str)> {
    known
        .iter()
        .filter(|command| COMMANDS.iter().all(|(name, ..)| *name != command.name))
        .map(|command| (command.name.as_str(), command.about.as_str()))
}

/// Words that may follow a command: those the gateway lists, or else those its help names between bars.
pub(crate) fn choices<'a>(name: &str, known: &'a [Known]) -> Vec<&'a str> {
    let listed = known.iter().find(|command| command.name == name);
    if let Some(command) = listed.filter(|command| !command.choices.is_empty()) {
        return command.choices.iter().map(String::as_str).collect();
    }
    let own = COMMANDS.iter().find(|(own, ..)| *own == name);
    let first = own.and_then(|(_, takes, _)| takes.split(']').next());
    match first {
        Some(first) if first.contains('|') => first.trim_start_matches('[').split('|').collect(),
        _ => Vec::new(),
    }
}

fn words(name: &str, begun: &str, known: &[Known]) -> Vec<Match> {
    choices(name, known)
        .into_iter()
        .filter(|word| word.starts_with(begun))
        .map(|word| Match {
            line: format!("/{name} {word}"),
            label: word.to_owned(),
            about: String::new(),
            ends: true,
        })
        .collect()
}

/// The line as far as it is clear: the beginning that all ways share, or the one way with a space behind it.
pub(crate) fn complete(line: &str, known: &[Known]) -> Option<String> {
    let ways = matches(line, known);
    let first = ways.first()?;
    if ways.len() == 1 {
        let space = if first.ends { "" } else { " " };
        return Some(format!("{}{space}", first.line));
    }
    let shared = ways.iter().fold(first.line.len(), |shared, way| {
        first
            .line
            .bytes()
            .zip(way.line.bytes())
            .take(shared)
            .take_while(|(left, right)| left == right)
            .count()
    });
    let mut shared = shared;
    while !first.line.is_char_boundary(shared) {
        shared -= 1;
    }
    Some(first.line[..shared].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known() -> Vec<Known> {
        read(&json!({ "commands": [
            { "name": "compact", "textAliases": ["/compact"], "description": "Shorten\u{1b}[2J", "acceptsArgs": true },
            { "name": "queue", "textAliases": ["/queue", "/q2"], "description": "Queue",
              "args": [{ "name": "mode", "choices": [{ "value": "steer" }, { "value": "steady" }, { "value": "two words" }] }] },
            { "name": "model", "description": "the gateway's own" },
            { "name": "verbose", "args": [{ "name": "level", "choices": [{ "value": "off" }, { "value": "loud" }] }] },
            { "name": "bad name" }, { "name": "" }, {},
        ] }))
    }

    fn labels(line: &str) -> Vec<String> {
        let ways = matches(line, &known());
        ways.into_iter().map(|way| way.label).collect()
    }

    #[test]
    fn commands_of_both_sides_are_completed_once_each() {
        assert_eq!(labels("/co"), ["/compact"]);
        assert_eq!(labels("/mode"), ["/model", "/models"], "ours wins");
        assert_eq!(labels("/Q2"), ["/q2"]);
        assert!(labels("/").len() > COMMANDS.len());
        assert_eq!(labels("co"), [""; 0]);
        assert_eq!(labels("/bad"), [""; 0]);
        assert!(matches("/comp", &known())[0].about == "Shorten", "cleaned");
    }

    #[test]
    fn the_words_after_a_command_are_completed_too() {
        assert_eq!(labels("/queue "), ["steer", "steady"]);
        assert_eq!(
            labels("/verbose "),
            ["off", "loud"],
            "the gateway knows best"
        );
        assert_eq!(labels("/reasoning o"), ["on", "off"]);
        assert_eq!(labels("/model "), [""; 0]);
        assert_eq!(labels("/queue steer x"), [""; 0]);
        assert_eq!(
            complete("/queue s", &known()).as_deref(),
            Some("/queue ste")
        );
        assert_eq!(
            complete("/queue stee", &known()).as_deref(),
            Some("/queue steer")
        );
        assert_eq!(complete("/comp", &known()).as_deref(), Some("/compact "));
        assert_eq!(complete("/exi", &known()).as_deref(), Some("/exit"));
        assert_eq!(complete("/xyz", &known()), None);
    }
}
