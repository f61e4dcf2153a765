//! What is made from the code: completion scripts, and the reference pages of `docs/reference`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};
use serde_json::Value;

use super::args::Cli;
use super::failure::Failure;
use crate::configuration;

/// Prints the completion script of a shell.
pub(super) fn completion(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "torana", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(())
}

/// Writes every generated page into a folder.
pub(super) fn run(folder: &Path) -> Result<(), Failure> {
    let tree = configuration::schema();
    let schema = serde_json::to_string_pretty(tree.as_value())
        .map_err(|error| Failure::failed(format!("the schema cannot be printed: {error}")))?;
    let pages: [(&str, String); 7] = [
        ("channels.md", channels()),
        ("cli.md", command_line()),
        ("config.md", torana_core::config::reference_markdown(tree)),
        ("config.schema.json", schema),
        ("events.md", events()),
        (
            "methods.md",
            torana_dialects::openclaw::reference_markdown(),
        ),
        (
            "problems.md",
            torana_dialects::openclaw::problems_markdown(),
        ),
    ];
    for (name, page) in pages {
        let path = folder.join(name);
        let page = format!("{}\n", page.trim_end());
        std::fs::write(&path, page).map_err(|error| {
            Failure::failed(format!("cannot write {}: {error}", path.display()))
        })?;
    }
    Ok(())
}

// === the command line ===

fn command_line() -> String {
    let mut command = Cli::command();
    command.build();
    let mut page = String::from(
        "# Command line\n\nGenerated from the grammar; change the doc comments in the code, not this page.\n",
    );
    write!(page, "\n{}\n", about(&command)).unwrap_or_default();
    page.push_str("\n## Options of every command\n\n");
    options(
        &mut page,
        command
            .get_arguments()
            .filter(|argument| argument.is_global_set()),
    );
    commands(&mut page, &command, "torana");
    page.push_str("\n## Exit codes\n\n| Code | Meaning |\n|---|---|\n");
    for (code, meaning) in EXIT_CODES {
        writeln!(page, "| {code} | {meaning} |").unwrap_or_default();
    }
    page
}

/// Exit codes (decision 27), for the page.
const EXIT_CODES: [(u8, &str); 8] = [
    (0, "fine, or stopped in order"),
    (1, "the command failed"),
    (2, "wrong use of the command line"),
    (65, "the database is damaged"),
    (69, "no gateway can be reached"),
    (
        73,
        "the state directory belongs to another process, or the port is taken",
    ),
    (74, "the disk failed"),
    (78, "the configuration is wrong"),
];

fn commands(page: &mut String, parent: &Command, path: &str) {
    for command in parent
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        let path = format!("{path} {}", command.get_name());
        let is_leaf = command
            .get_subcommands()
            .all(|command| command.get_name() == "help");
        if is_leaf || !command.is_subcommand_required_set() {
            write!(page, "\n## `{path}`\n\n{}\n", about(command)).unwrap_or_default();
            let own: Vec<&Arg> = command
                .get_arguments()
                .filter(|argument| is_own(argument))
                .collect();
            if !own.is_empty() {
                page.push('\n');
                options(page, own.into_iter());
            }
        }
        commands(page, command, &path);
    }
}

fn is_own(argument: &Arg) -> bool {
    !argument.is_global_set()
        && !argument.is_hide_set()
        && !matches!(argument.get_id().as_str(), "help" | "version")
}

fn about(command: &Command) -> String {
    let text = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default();
    let text = text.trim_end();
    if text.ends_with('.') || text.is_empty() {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

fn options<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    page.push_str("| Option | Meaning |\n|---|---|\n");
    for argument in arguments {
        let meaning = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let defaults: Vec<String> = argument
            .get_default_values()
            .iter()
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        let default = if defaults.is_empty() || !argument.get_action().takes_values() {
            String::new()
        } else {
            format!("; default {}", defaults.join(", "))
        };
        writeln!(
            page,
            "| {} | {}{default} |",
            spelling(argument),
            cell(&meaning)
        )
        .unwrap_or_default();
    }
}

fn spelling(argument: &Arg) -> String {
    let takes_value = argument.get_action().takes_values();
    let value = argument
        .get_value_names()
        .and_then(|names| names.first().map(ToString::to_string))
        .unwrap_or_else(|| argument.get_id().as_str().to_uppercase());
    if argument.is_positional() {
        return format!("`<{value}>`");
    }
    let mut spellings = Vec::new();
    if let Some(short) = argument.get_short() {
        spellings.push(format!("-{short}"));
    }
    if let Some(long) = argument.get_long() {
        spellings.push(format!("--{long}"));
    }
    spellings.extend(
        argument
            .get_visible_aliases()
            .into_iter()
            .flatten()
            .map(|alias| format!("--{alias}")),
    );
    let names = spellings.join(", ");
    if takes_value {
        format!("`{names} <{value}>`")
    } else {
        format!("`{names}`")
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

// === channels ===

fn channels() -> String {
    let mut page = String::from(
        "# Channels\n\nGenerated from the channels of this build.\nThe keys of each section are in [the configuration reference](config.md).\n",
    );
    page.push_str("\n| Channel | In the configuration | Also understood | Accounts | Keys |\n|---|---|---|---|---|\n");
    page.push_str("| Browser (WebChat) | always there | | one | |\n");
    for kind in torana_channels::kinds() {
        let schema = kind.config_schema();
        let properties = schema.get("properties").and_then(Value::as_object);
        let several = properties.is_some_and(|properties| properties.contains_key("accounts"));
        let aliases: Vec<String> = kind
            .aliases
            .iter()
            .map(|alias| format!("`{alias}`"))
            .collect();
        writeln!(
            page,
            "| {} | `channels.{}` | {} | {} | {} |",
            kind.label,
            kind.id,
            aliases.join(", "),
            if several { "several" } else { "one" },
            properties.map_or(0, serde_json::Map::len),
        )
        .unwrap_or_default();
    }
    for kind in torana_channels::kinds() {
        write!(page, "\n## {}\n\n| What | Key |\n|---|---|\n", kind.label).unwrap_or_default();
        let schema = kind.config_schema();
        for (key, what) in CAPABILITIES {
            if schema
                .get("properties")
                .is_some_and(|properties| properties.get(*key).is_some())
            {
                writeln!(page, "| {what} | `channels.{}.{key}` |", kind.id).unwrap_or_default();
            }
        }
    }
    page
}

/// What a channel can do, told by the key that governs it.
const CAPABILITIES: &[(&str, &str)] = &[
    ("dmPolicy", "direct chats: who may write"),
    ("groups", "groups, and topics in them"),
    ("groupPolicy", "groups: which are answered"),
    ("streaming", "answers that grow"),
    ("textChunkLimit", "long answers in several messages"),
    ("replyToMode", "answers shown as replies"),
    ("rateLimit", "the platform's limits are kept"),
    ("webhookUrl", "updates by webhook instead of polling"),
    ("apiRoot", "a server of your own"),
    ("proxy", "connections through a proxy"),
    ("commands", "a menu of chat commands"),
];

// === events ===

/// Events clients get, with who gets them (protocol 5).
const EVENTS: &[(&str, &str, &str)] = &[
    (
        "connect.challenge",
        "everyone",
        "first thing on a connection: the nonce to sign",
    ),
    ("tick", "everyone", "keep-alive, every 30 s"),
    (
        "health",
        "everyone",
        "the state of the gateway changed; what is in it depends on the scopes",
    ),
    (
        "shutdown",
        "everyone",
        "the gateway is about to stop, why, and when it is expected back",
    ),
    ("presence", "`operator.read`", "who is connected changed"),
    (
        "agent",
        "`operator.read`",
        "one step of a run: lifecycle, text, reasoning, tools, usage",
    ),
    (
        "chat",
        "`operator.read`",
        "the answer of a run: `delta` while it grows, then `final`, `aborted` or `error`",
    ),
    (
        "sessions.changed",
        "`operator.read`, after `sessions.subscribe`",
        "a session row changed, and why, or a run in it came to a phase: `start`, `model`, `end` or `error`",
    ),
    (
        "session.message",
        "`operator.read`, after `sessions.messages.subscribe` or `sessions.subscribe`",
        "a line was added to a transcript",
    ),
    (
        "session.tool",
        "`operator.read`, after `sessions.subscribe`",
        "a run calls a tool or has its result; whoever gets it with the run's own events does not get it twice",
    ),
    (
        "chat.metadata.changed",
        "`operator.read`",
        "models and commands may be other ones now",
    ),
    (
        "chat.send_timing",
        "the page that sent the message",
        "how long a step of its answer took",
    ),
    (
        "device.pair.requested",
        "`operator.pairing`",
        "a device asks to be let in",
    ),
    (
        "device.pair.resolved",
        "`operator.pairing`",
        "a device was let in or sent away",
    ),
];

fn events() -> String {
    let mut page = String::from(
        "# Events\n\nEvents of the control plane; `seq` counts them per connection, and a gap means: read the state again.\n\n| Event | Who gets it | Meaning |\n|---|---|---|\n",
    );
    for (name, audience, meaning) in EVENTS {
        writeln!(page, "| `{name}` | {audience} | {meaning} |").unwrap_or_default();
    }
    page
}
