//! The settings of one session that a chat may show and change: their names, their words and how people spell them.
//!
//! Commands and control-plane clients read the same table, so a word means the same wherever it is said.

use crate::run::THINKING_LEVELS;

use super::table::Who;

/// A setting of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// How long the model thinks before it answers.
    Think,
    /// Whether answers say how they came to be.
    Verbose,
    /// Whether the model's thoughts are shown before its answer.
    Reasoning,
    /// Whether answers say what they used.
    Usage,
    /// Whether answers reach the chat at all.
    Send,
    /// Whether a group has to mention us.
    Activation,
}

/// One word of a setting and its other spellings.
struct Word(&'static str, &'static [&'static str]);

const OFF: Word = Word("off", &["false", "no", "0", "hide", "disable", "disabled"]);
const ON: Word = Word("on", &["true", "yes", "1", "show", "enable", "enabled"]);
const VERBOSE: &[Word] = &[OFF, ON, Word("full", &["all", "everything"])];
const REASONING: &[Word] = &[OFF, ON];
const USAGE: &[Word] = &[
    OFF,
    Word("tokens", &["on", "token", "true", "yes", "1"]),
    Word("full", &["session"]),
];
const SEND: &[Word] = &[Word("allow", &["on"]), Word("deny", &["off"])];
const ACTIVATION: &[Word] = &[Word("mention", &[]), Word("always", &[])];

/// Words that go back to what is configured.
const DEFAULTS: &[&str] = &["default", "inherit", "inherited", "reset", "clear"];

impl Setting {
    /// Every setting, in the order people read them.
    pub const ALL: &'static [Self] = &[
        Self::Think,
        Self::Verbose,
        Self::Reasoning,
        Self::Usage,
        Self::Send,
        Self::Activation,
    ];

    /// The command that changes it, without `/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Think => "think",
            Self::Verbose => "verbose",
            Self::Reasoning => "reasoning",
            Self::Usage => "usage",
            Self::Send => "send",
            Self::Activation => "activation",
        }
    }

    /// What it is called in a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Self::Think => "Thinking",
            Self::Verbose => "Details of answers",
            Self::Reasoning => "Thoughts of the model",
            Self::Usage => "Usage below answers",
            Self::Send => "Sending answers here",
            Self::Activation => "Answering in this group",
        }
    }

    /// Who may change it.
    pub fn who(self) -> Who {
        match self {
            Self::Think | Self::Verbose | Self::Reasoning | Self::Usage => Who::Admitted,
            Self::Send | Self::Activation => Who::Owner,
        }
    }

    fn table(self) -> &'static [Word] {
        match self {
            Self::Think => &[],
            Self::Verbose => VERBOSE,
            Self::Reasoning => REASONING,
            Self::Usage => USAGE,
            Self::Send => SEND,
            Self::Activation => ACTIVATION,
        }
    }

    /// The words it knows.
    pub fn words(self) -> Vec<&'static str> {
        match self {
            Self::Think => THINKING_LEVELS.to_vec(),
            _ => self.table().iter().map(|word| word.0).collect(),
        }
    }

    /// A word in any spelling; `None` when the setting does not know it.
    pub fn read(self, word: &str) -> Option<&'static str> {
        let word = word.trim().to_ascii_lowercase();
        let known = |known: &&&'static str| **known == word;
        match self {
            Self::Think => THINKING_LEVELS.iter().find(known).copied(),
            _ => self
                .table()
                .iter()
                .find(|entry| entry.0 == word || entry.1.contains(&word.as_str()))
                .map(|entry| entry.0),
        }
    }
}

/// What a setting's command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingAction {
    /// Show what holds now.
    Show,
    /// Say what the session used so far.
    Cost,
    /// Use this word; none goes back to what is configured.
    Set(Option<&'static str>),
    /// Nothing is changed, because this word makes no sense.
    Invalid {
        /// The word as written, shortened.
        word: String,
    },
}

impl SettingAction {
    /// Reads the arguments of a setting's command.
    pub(super) fn parse(setting: Setting, rest: &str) -> Self {
        let word = rest.trim().to_ascii_lowercase();
        if word.is_empty() || word == "status" {
            return Self::Show;
        }
        if setting == Setting::Usage && word == "cost" {
            return Self::Cost;
        }
        if DEFAULTS.contains(&word.as_str()) {
            return Self::Set(None);
        }
        match setting.read(&word) {
            Some(word) => Self::Set(Some(word)),
            // As much as a reply needs to name it.
            None => Self::Invalid {
                word: word.chars().take(40).collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_as_itself_and_no_spelling_means_two_things() {
        for setting in Setting::ALL {
            for word in setting.words() {
                assert_eq!(setting.read(word), Some(word), "{setting:?} {word}");
                assert_eq!(
                    SettingAction::parse(*setting, &format!(" {} ", word.to_uppercase())),
                    SettingAction::Set(Some(word))
                );
                assert!(!DEFAULTS.contains(&word), "{setting:?} {word}");
            }
            let mut spellings: Vec<&str> = Vec::new();
            for entry in setting.table() {
                spellings.push(entry.0);
                spellings.extend(entry.1);
            }
            let count = spellings.len();
            spellings.sort_unstable();
            spellings.dedup();
            assert_eq!(spellings.len(), count, "{setting:?}");
        }
    }

    #[test]
    fn arguments_show_reset_or_are_refused() {
        let parse = |rest| SettingAction::parse(Setting::Usage, rest);
        assert_eq!(parse(""), SettingAction::Show);
        assert_eq!(parse("cost"), SettingAction::Cost);
        assert_eq!(parse("inherit"), SettingAction::Set(None));
        assert_eq!(parse("ON"), SettingAction::Set(Some("tokens")));
        assert_eq!(
            parse("much more"),
            SettingAction::Invalid {
                word: "much more".to_owned()
            }
        );
    }
}
