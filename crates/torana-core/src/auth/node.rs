//! What a node may be asked to do: a list of ours decides, whatever the node claims (S-090).
//!
//! Three filters stand behind one another: the platform's list with the operator's changes ([`CommandRules`]), what a
//! person approved for this node ([`Surface`]), and what the node declares right now.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Commands a node may declare at most; real ones declare a few dozen.
pub const NODE_COMMANDS_MAX: usize = 256;
/// Characters of one declared word (OpenClaw 2026.9.6 `requiredNodeCommands` allows as many).
pub const NODE_WORD_CHARS_MAX: usize = 128;

/// Harmless on every platform: shows something, or tells about the device itself.
const COMMON: &[&str] = &[
    "canvas.present",
    "canvas.hide",
    "canvas.navigate",
    "canvas.eval",
    "canvas.snapshot",
    "canvas.a2ui.push",
    "canvas.a2ui.pushJSONL",
    "canvas.a2ui.reset",
    "camera.list",
    "location.get",
    "device.info",
    "device.status",
    "system.notify",
];
/// A person's own things, which phones offer to lend.
const PERSONAL: &[&str] = &[
    "contacts.search",
    "calendar.events",
    "reminders.list",
    "photos.latest",
    "motion.activity",
    "motion.pedometer",
    "notifications.list",
];
/// Programs of a computer.
const DESKTOP: &[&str] = &[
    "system.run",
    "system.run.prepare",
    "system.which",
    "system.execApprovals.get",
    "system.execApprovals.set",
    "browser.proxy",
    "mcp.tools.call.v1",
];
/// Words whose commands run programs, drive a computer or say which programs may run, with everything below them.
/// `system.which` only looks.
const EXECUTES: &[&str] = &[
    "system.run",
    "system.execApprovals",
    "browser",
    "mcp",
    "computer",
    "agent",
];

/// The operator's changes to the built-in list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandRules {
    /// Commands allowed besides the platform's; `word.*` stands for everything below.
    pub allow: Vec<String>,
    /// Commands refused; wins over everything.
    pub deny: Vec<String>,
}

/// `pattern` is the command, or `word.*` with the command below `word`.
fn fits(pattern: &str, command: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(word) => is_below(word, command),
        None => pattern == command,
    }
}

fn is_below(word: &str, command: &str) -> bool {
    command
        .strip_prefix(word)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// Kinds of devices whose lists differ.
fn platform_commands(platform: &str, family: &str) -> &'static [&'static [&'static str]] {
    let text = |text: &str| text.trim().to_ascii_lowercase();
    let (platform, family) = (text(platform), text(family));
    let starts = |words: &[&str]| words.iter().any(|word| platform.starts_with(word));
    let holds = |words: &[&str]| words.iter().any(|word| family.contains(word));
    if starts(&["ios", "ipados", "android", "watchos"]) {
        &[COMMON, PERSONAL]
    } else if starts(&["mac", "darwin"]) {
        &[COMMON, PERSONAL, DESKTOP]
    } else if starts(&["linux", "win"]) {
        &[COMMON, DESKTOP]
    } else if holds(&["iphone", "ipad", "android"]) {
        &[COMMON, PERSONAL]
    } else if holds(&["mac"]) {
        &[COMMON, PERSONAL, DESKTOP]
    } else if holds(&["windows", "linux"]) {
        &[COMMON, DESKTOP]
    } else {
        &[COMMON]
    }
}

/// A command that runs programs or drives a computer: approving and calling it is an administrator's business.
///
/// ```
/// use torana_core::auth::is_executing;
/// assert!(is_executing("system.run") && is_executing("system.run.prepare") && is_executing("browser.proxy"));
/// assert!(!is_executing("system.notify") && !is_executing("system.runner"));
/// ```
pub fn is_executing(command: &str) -> bool {
    EXECUTES
        .iter()
        .any(|word| *word == command || is_below(word, command))
}

impl CommandRules {
    /// The list lets a device of this platform offer the command.
    pub fn admits(&self, platform: &str, family: &str, command: &str) -> bool {
        let listed = |list: &[String]| list.iter().any(|pattern| fits(pattern.trim(), command));
        if listed(&self.deny) {
            return false;
        }
        listed(&self.allow)
            || platform_commands(platform, family)
                .iter()
                .any(|list| list.contains(&command))
    }
}

/// What a node offers, or what was approved of it. Ordered, so that equal offers compare equal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surface {
    /// Capabilities, such as `camera`.
    pub caps: BTreeSet<String>,
    /// Commands.
    pub commands: BTreeSet<String>,
    /// What its operating system granted, by name.
    pub permissions: BTreeMap<String, bool>,
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NODE_WORD_CHARS_MAX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"')
}

impl Surface {
    /// Reads what a node declares; words that cannot be commands are left out.
    pub fn declared(
        caps: impl IntoIterator<Item = String>,
        commands: impl IntoIterator<Item = String>,
        permissions: impl IntoIterator<Item = (String, bool)>,
    ) -> Self {
        let words = |items: &mut dyn Iterator<Item = String>| -> BTreeSet<String> {
            items
                .map(|item| item.trim().to_owned())
                .filter(|item| is_word(item))
                .take(NODE_COMMANDS_MAX)
                .collect()
        };
        Self {
            caps: words(&mut caps.into_iter()),
            commands: words(&mut commands.into_iter()),
            permissions: permissions
                .into_iter()
                .filter(|(name, _)| is_word(name))
                .take(NODE_COMMANDS_MAX)
                .collect(),
        }
    }

    /// The offer without commands that the list refuses: what a person may be asked to approve.
    #[must_use]
    pub fn filtered(&self, rules: &CommandRules, platform: &str, family: &str) -> Self {
        Self {
            commands: self
                .commands
                .iter()
                .filter(|command| rules.admits(platform, family, command))
                .cloned()
                .collect(),
            ..self.clone()
        }
    }

    /// What is offered and approved: the only thing a node is ever asked for.
    #[must_use]
    pub fn limited_to(&self, approved: &Self) -> Self {
        let both = |ours: &BTreeSet<String>, theirs: &BTreeSet<String>| {
            ours.intersection(theirs).cloned().collect()
        };
        Self {
            caps: both(&self.caps, &approved.caps),
            commands: both(&self.commands, &approved.commands),
            permissions: self
                .permissions
                .iter()
                .filter(|(name, _)| approved.permissions.contains_key(*name))
                .map(|(name, granted)| (name.clone(), *granted))
                .collect(),
        }
    }

    /// Everything this offers was approved. Permissions are facts of the device and never a reason to ask again.
    pub fn is_within(&self, approved: &Self) -> bool {
        self.caps.is_subset(&approved.caps) && self.commands.is_subset(&approved.commands)
    }

    /// Nothing is offered.
    pub fn is_empty(&self) -> bool {
        self.caps.is_empty() && self.commands.is_empty()
    }

    /// It holds a command that runs programs.
    pub fn executes(&self) -> bool {
        self.commands.iter().any(|command| is_executing(command))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn surface(commands: &[&str]) -> Surface {
        Surface::declared([], words(commands), [])
    }

    #[test]
    fn s_090_a_node_that_claims_more_than_its_platform_has_gets_the_platforms_list() {
        let rules = CommandRules::default();
        let claimed = surface(&[
            "system.run",
            "camera.snap",
            "camera.list",
            "made.up",
            "sms.send",
        ]);
        let left = |platform: &str| {
            let kept = claimed.filtered(&rules, platform, "");
            kept.commands.into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(left("ios 26.1"), "camera.list");
        assert_eq!(left("linux"), "camera.list system.run");
        assert_eq!(left("something new"), "camera.list");
    }

    #[test]
    fn the_operators_deny_wins_over_allow_and_allow_over_the_platform() {
        let rules = CommandRules {
            allow: words(&["camera.*", "sms.send"]),
            deny: words(&["camera.clip", "canvas.*"]),
        };
        let admits = |command: &str| rules.admits("ios", "", command);
        assert!(admits("camera.snap") && admits("sms.send") && admits("location.get"));
        assert!(!admits("camera.clip") && !admits("canvas.eval") && !admits("system.run"));
        assert!(
            !admits("camera") && !admits("cameras.list"),
            "`camera.*` is what is below `camera`"
        );
    }

    #[test]
    fn words_that_could_forge_a_line_are_no_commands() {
        let read = surface(&["a b", "a\nb", "", "  ok.fine ", "\u{202e}x"]);
        assert_eq!(read.commands.into_iter().collect::<Vec<_>>(), ["ok.fine"]);
        let many = Surface::declared([], (0..1_000).map(|number| format!("c{number}")), []);
        assert_eq!(many.commands.len(), NODE_COMMANDS_MAX);
    }

    proptest! {
        #[test]
        fn what_a_node_is_asked_for_is_offered_approved_and_listed(
            offered in proptest::collection::vec("[a-c]\\.[a-c]", 0..8),
            approved in proptest::collection::vec("[a-c]\\.[a-c]", 0..8),
            deny in proptest::collection::vec("[a-c]\\.([a-c]|\\*)", 0..3),
        ) {
            let rules = CommandRules { allow: words(&["a.*", "b.*"]), deny };
            let offer = Surface::declared([], offered.clone(), []).filtered(&rules, "linux", "");
            let approved = Surface::declared([], approved, []);
            let effective = offer.limited_to(&approved);
            for command in &effective.commands {
                prop_assert!(offered.contains(command) && approved.commands.contains(command));
                prop_assert!(rules.admits("linux", "", command));
            }
            prop_assert!(effective.is_within(&approved));
            prop_assert_eq!(offer.is_within(&approved), effective.commands == offer.commands);
        }
    }
}
