//! Reading a message as a command.

use super::context::ContextAction;
use super::model::ModelAction;
use super::queue::QueueAction;
use super::setting::{Setting, SettingAction};
use super::table::Who;

/// The words that start a new session unless config says otherwise.
pub const RESET_TRIGGERS_DEFAULT: [&str; 2] = ["/new", "/reset"];

/// What stops an answer when it is the whole message, without a slash: people in a hurry write no slash.
///
/// Quirk: OpenClaw 2026.9.6 understands these too, as its web client shows.
const ABORT_WORDS: [&str; 22] = [
    "stop",
    "stop please",
    "please stop",
    "stop run",
    "stop agent",
    "esc",
    "abort",
    "exit",
    "interrupt",
    "halt",
    "anhalten",
    "aufhören",
    "stopp",
    "arrête",
    "arrete",
    "detente",
    "detén",
    "pare",
    "стоп",
    "остановись",
    "停止",
    "やめて",
];
/// A longer text is never one of them: the longest has 11 letters, and some follow it with a row of exclamation marks.
const ABORT_BYTES_MAX: usize = 64;

/// Longer names are no commands: platforms' menus stop at 32.
const NAME_CHARS_MAX: usize = 32;

/// Names that decide whether a message is a command for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommandNames<'a> {
    /// Our user name on the platform without `@`, to know `/status@name` as ours.
    pub own_username: Option<&'a str>,
    /// Further texts that start a new session, such as `start over`; `/new` and `/reset` always do.
    pub reset_triggers: &'a [String],
}

/// What a message commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Abort the run and what waits behind it.
    Stop,
    /// Archive the session and start afresh; the rest names a model or is the first message.
    New {
        /// What followed the command.
        rest: Option<String>,
    },
    /// Start the transcript again in place.
    Reset {
        /// Keep settings and context where the backend can.
        soft: bool,
        /// The first message of the fresh session.
        rest: Option<String>,
    },
    /// Show model, context, queue and health.
    Status,
    /// Show what fills the context window.
    Context(ContextAction),
    /// Show the short help.
    Help,
    /// List all commands.
    Commands,
    /// Show the sender's id as allowlists see it.
    Whoami,
    /// Show or choose the model.
    Model(ModelAction),
    /// Show or change the queue policy of the session.
    Queue(QueueAction),
    /// Show or change how answers of the session are made, shown and sent.
    Setting(Setting, SettingAction),
    /// Summarise what was said long ago.
    Compact {
        /// What the summary should not leave out.
        focus: Option<String>,
    },
    /// Looks like a command, but is none of ours; a skill or the agent may know it.
    Unknown {
        /// The name in lower case, without `/`.
        name: String,
        /// What followed it.
        rest: String,
    },
}

impl Command {
    /// Who may use the command as it was written.
    pub fn who(&self) -> Who {
        match self {
            Self::Model(action) => action.who(),
            Self::Setting(setting, SettingAction::Set(_)) => setting.who(),
            Self::Stop
            | Self::New { .. }
            | Self::Reset { .. }
            | Self::Status
            | Self::Context(_)
            | Self::Help
            | Self::Commands
            | Self::Whoami
            | Self::Queue(_)
            | Self::Setting(..)
            | Self::Compact { .. }
            | Self::Unknown { .. } => Who::Admitted,
        }
    }
}

/// Reads a message; none if it is ordinary text or names another bot.
///
/// ```
/// use torana_core::command::{parse, Command, CommandNames};
/// let names = CommandNames { own_username: Some("gate_bot"), ..CommandNames::default() };
/// assert_eq!(parse("/STOP@Gate_Bot", &names), Some(Command::Stop));
/// assert_eq!(parse("/stop@other_bot", &names), None);
/// assert_eq!(parse("/etc/hosts is empty", &names), None);
/// ```
pub fn parse(text: &str, names: &CommandNames<'_>) -> Option<Command> {
    let text = text.trim();
    if is_abort_word(text, names.own_username) {
        return Some(Command::Stop);
    }
    if let Some(rest) = after_trigger(text, names.reset_triggers) {
        return Some(Command::New { rest: given(rest) });
    }
    let (name, rest) = split(text, names.own_username)?;
    if let Some(setting) = Setting::ALL
        .iter()
        .find(|setting| is_called(**setting, &name))
    {
        return Some(Command::Setting(
            *setting,
            SettingAction::parse(*setting, rest),
        ));
    }
    Some(match name.as_str() {
        "stop" => Command::Stop,
        "new" => Command::New { rest: given(rest) },
        "reset" => reset(rest),
        "status" => Command::Status,
        "context" => Command::Context(ContextAction::parse(rest)),
        "help" | "start" => Command::Help,
        "commands" => Command::Commands,
        "whoami" | "id" => Command::Whoami,
        "model" => Command::Model(ModelAction::parse(rest)),
        "models" => Command::Model(ModelAction::List),
        "queue" => Command::Queue(QueueAction::parse(rest)),
        "compact" => Command::Compact { focus: given(rest) },
        _ => Command::Unknown {
            name,
            rest: rest.to_owned(),
        },
    })
}

/// Whether a whole message is one of the words that stop an answer, with or without our name in front of it.
///
/// Unlike a command with a slash it does not say by itself that it is meant for us.
///
/// ```
/// use torana_core::command::is_abort_word;
/// assert!(is_abort_word("Stop!", None));
/// assert!(is_abort_word("@gate_bot stop", Some("gate_bot")));
/// assert!(!is_abort_word("stop it", None));
/// ```
pub fn is_abort_word(text: &str, own_username: Option<&str>) -> bool {
    let text = text.trim();
    if text.len() > ABORT_BYTES_MAX {
        return false;
    }
    let addressed = own_username
        .and_then(|own| without_prefix(text.strip_prefix('@')?, own))
        .filter(|rest| rest.starts_with(char::is_whitespace));
    let words: Vec<&str> = addressed
        .unwrap_or(text)
        .trim_end_matches(|ch: char| ".!?…,;:\"')。！？，、".contains(ch))
        .split_whitespace()
        .collect();
    let words = words.join(" ").to_lowercase();
    ABORT_WORDS.contains(&words.as_str())
}

/// Whether a command changes this setting, under its name or another one for it.
fn is_called(setting: Setting, name: &str) -> bool {
    setting.name() == name
        || match setting {
            Setting::Think => matches!(name, "thinking" | "t"),
            Setting::Verbose => name == "v",
            Setting::Reasoning => name == "reason",
            Setting::Usage | Setting::Send | Setting::Activation => false,
        }
}

/// What follows one of the configured triggers; the built-in ones have their own grammar.
fn after_trigger<'a>(text: &'a str, triggers: &[String]) -> Option<&'a str> {
    triggers
        .iter()
        .map(|trigger| trigger.trim())
        .filter(|trigger| !trigger.is_empty())
        .filter(|trigger| {
            !RESET_TRIGGERS_DEFAULT
                .iter()
                .any(|known| known.eq_ignore_ascii_case(trigger))
        })
        .filter_map(|trigger| without_prefix(text, trigger))
        .find(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        .map(str::trim)
}

/// Removes a prefix, comparing without case.
fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let mut rest = text.chars();
    for expected in prefix.chars() {
        let found = rest.next()?;
        if found != expected && !found.to_lowercase().eq(expected.to_lowercase()) {
            return None;
        }
    }
    Some(rest.as_str())
}

/// Splits `/name@bot: rest`; none if it is not a command for us.
fn split<'a>(text: &'a str, own_username: Option<&str>) -> Option<(String, &'a str)> {
    let body = text.strip_prefix('/')?;
    let is_name = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '_' | '-');
    let (name, rest) = body.split_at(body.find(|ch| !is_name(ch)).unwrap_or(body.len()));
    if name.is_empty() || name.len() > NAME_CHARS_MAX {
        return None;
    }
    let rest = match rest.strip_prefix('@') {
        Some(rest) => {
            let end = rest.find(|ch: char| ch.is_whitespace() || ch == ':');
            let (bot, rest) = rest.split_at(end.unwrap_or(rest.len()));
            if !own_username.is_some_and(|own| own.eq_ignore_ascii_case(bot)) {
                return None;
            }
            rest
        }
        None => rest,
    };
    let args = match rest.strip_prefix(':') {
        Some(args) => args,
        None if rest.is_empty() || rest.starts_with(char::is_whitespace) => rest,
        None => return None,
    };
    Some((name.to_ascii_lowercase(), args.trim()))
}

fn reset(rest: &str) -> Command {
    let (first, tail) = match rest.split_once(char::is_whitespace) {
        Some((first, tail)) => (first, tail.trim()),
        None => (rest, ""),
    };
    if first.eq_ignore_ascii_case("soft") {
        Command::Reset {
            soft: true,
            rest: given(tail),
        }
    } else {
        Command::Reset {
            soft: false,
            rest: given(rest),
        }
    }
}

fn given(rest: &str) -> Option<String> {
    (!rest.is_empty()).then(|| rest.to_owned())
}
