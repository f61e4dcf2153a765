//! The one list of commands, from which help, menus and docs are made.

use std::fmt::Write as _;

/// Who may use a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Everyone whose messages are admitted.
    Admitted,
    /// The owner.
    Owner,
}

/// One command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandSpec {
    /// The name without `/`.
    pub name: &'static str,
    /// Other names for the same.
    pub aliases: &'static [&'static str],
    /// The name with its arguments.
    pub usage: &'static str,
    /// What it does, in one short sentence without a full stop.
    pub summary: &'static str,
    /// Who may use it at all; single arguments may ask for more.
    pub who: Who,
    /// Shown in the short help.
    pub essential: bool,
}

/// Every command of [`super::Command`], in the order people read them.
pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "help",
        // What platforms send when somebody opens a chat with a bot.
        aliases: &["start"],
        usage: "/help",
        summary: "Show the most used commands",
        who: Who::Admitted,
        essential: true,
    },
    CommandSpec {
        name: "commands",
        aliases: &[],
        usage: "/commands",
        summary: "List all commands",
        who: Who::Admitted,
        essential: true,
    },
    CommandSpec {
        name: "status",
        aliases: &[],
        usage: "/status",
        summary: "Show model, context, queue and health",
        who: Who::Admitted,
        essential: true,
    },
    CommandSpec {
        name: "context",
        aliases: &[],
        usage: "/context [list|detail|json]",
        summary: "Show what fills the context window of this session",
        who: Who::Admitted,
        essential: false,
    },
    CommandSpec {
        name: "stop",
        aliases: &[],
        usage: "/stop",
        summary: "Stop the current answer and what waits behind it",
        who: Who::Admitted,
        essential: true,
    },
    CommandSpec {
        name: "new",
        aliases: &[],
        usage: "/new [model or message]",
        summary: "Archive this conversation and start a fresh one",
        who: Who::Admitted,
        essential: true,
    },
    CommandSpec {
        name: "reset",
        aliases: &[],
        usage: "/reset [soft] [message]",
        summary: "Start this conversation again in place",
        who: Who::Admitted,
        essential: true,
    },
    CommandSpec {
        name: "model",
        aliases: &[],
        usage: "/model [name|default|list|status] [-s|-a|-g]",
        summary: "Show or choose the model for this session, agent or all (-a and -g: owner)",
        who: Who::Admitted,
        essential: true,
    },
    CommandSpec {
        name: "models",
        aliases: &[],
        usage: "/models",
        summary: "List the models that can be chosen",
        who: Who::Admitted,
        essential: false,
    },
    CommandSpec {
        name: "queue",
        aliases: &[],
        usage: "/queue [steer|followup|collect|interrupt|default] [debounce:500ms] [cap:20] [drop:summarize|old|new]",
        summary: "Choose what happens to messages that arrive during an answer",
        who: Who::Admitted,
        essential: false,
    },
    CommandSpec {
        name: "think",
        aliases: &["thinking", "t"],
        usage: "/think [off|minimal|low|medium|high|xhigh|max|ultra|adaptive|default]",
        summary: "Choose how long the model thinks in this session",
        who: Who::Admitted,
        essential: false,
    },
    CommandSpec {
        name: "verbose",
        aliases: &["v"],
        usage: "/verbose [off|on|full|default]",
        summary: "Let answers say how they came to be",
        who: Who::Admitted,
        essential: false,
    },
    CommandSpec {
        name: "reasoning",
        aliases: &["reason"],
        usage: "/reasoning [off|on|default]",
        summary: "Show the model's thoughts before its answers",
        who: Who::Admitted,
        essential: false,
    },
    CommandSpec {
        name: "usage",
        aliases: &[],
        usage: "/usage [off|tokens|full|default|cost]",
        summary: "Show what answers use, or what this session used",
        who: Who::Admitted,
        essential: false,
    },
    CommandSpec {
        name: "send",
        aliases: &[],
        usage: "/send [on|off|inherit]",
        summary: "Choose whether answers are sent to this chat",
        who: Who::Owner,
        essential: false,
    },
    CommandSpec {
        name: "activation",
        aliases: &[],
        usage: "/activation [mention|always|default]",
        summary: "Choose whether this group has to mention the agent",
        who: Who::Owner,
        essential: false,
    },
    CommandSpec {
        name: "compact",
        aliases: &[],
        usage: "/compact [what to keep]",
        summary: "Summarise what was said long ago, so that more fits the context",
        who: Who::Admitted,
        essential: false,
    },
    CommandSpec {
        name: "whoami",
        aliases: &["id"],
        usage: "/whoami",
        summary: "Show your id as allowlists see it",
        who: Who::Admitted,
        essential: false,
    },
];

/// One line of a platform's command menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MenuEntry {
    /// `[a-z0-9_]{1,32}`, without `/`.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
}

/// The commands for a platform's menu: names only, because menus have no arguments.
pub fn menu() -> Vec<MenuEntry> {
    COMMANDS
        .iter()
        .map(|spec| MenuEntry {
            name: spec.name,
            summary: spec.summary,
        })
        .collect()
}

/// The answer to `/help`, as Markdown.
pub fn help_text() -> String {
    let mut text = "**Commands**\n".to_owned();
    for spec in COMMANDS.iter().filter(|spec| spec.essential) {
        push(
            &mut text,
            format_args!("- `/{}`: {}\n", spec.name, spec.summary),
        );
    }
    text.push_str("\nAll commands with their arguments: `/commands`");
    text
}

/// The answer to `/commands`, as Markdown.
pub fn command_list() -> String {
    let mut text = "**All commands**\n".to_owned();
    for spec in COMMANDS {
        push(
            &mut text,
            format_args!("- `{}`: {}", spec.usage, spec.summary),
        );
        if !spec.aliases.is_empty() {
            push(
                &mut text,
                format_args!(" (also `/{}`)", spec.aliases.join("`, `/")),
            );
        }
        if spec.who == Who::Owner {
            text.push_str(" (owner)");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    text.write_fmt(line).unwrap_or_default();
}
