//! The commands that show and change how answers of a session are made, shown and sent.

use torana_core::command::{Setting, SettingAction};

use super::effect::{Change, Effect};
use super::status::Facts;
use crate::run::usage_words;
use crate::store::session::{self, SessionRow};

/// What such a command does and says.
pub(super) fn decide(setting: Setting, action: &SettingAction) -> Effect {
    match action {
        SettingAction::Show => Effect::tell(move |row, facts| now(setting, row, facts)),
        SettingAction::Cost => {
            Effect::tell(|row, _| format!("This conversation used {}.", usage_words(&row.usage)))
        }
        SettingAction::Set(word) => {
            let change = match setting {
                Setting::Think => session::Change {
                    thinking: Some(word.map(str::to_owned)),
                    ..session::Change::default()
                },
                _ => session::Change {
                    manner: vec![(setting, *word)],
                    ..session::Change::default()
                },
            };
            Effect::tell(move |row, facts| now(setting, row, facts)).with(Change::Session(change))
        }
        SettingAction::Invalid { word } => Effect::say(format!(
            "I do not understand `{word}`. Use /{} followed by {}, or by default.",
            setting.name(),
            setting
                .words()
                .into_iter()
                .map(|word| shown(setting, word))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

/// What holds now.
fn now(setting: Setting, row: &SessionRow, facts: &Facts) -> String {
    let chosen = match setting {
        Setting::Think => row.thinking.as_deref(),
        _ => row.manner.chosen(setting),
    };
    let title = setting.title();
    match (chosen, setting) {
        (Some(word), _) => format!("{title}: {}.", shown(setting, word)),
        (None, Setting::Think) => format!("{title}: {} (configured).", facts.thinking),
        (None, Setting::Send) => format!("{title}: on (default)."),
        (None, Setting::Activation) => format!("{title}: as configured."),
        (None, Setting::Verbose | Setting::Reasoning | Setting::Usage) => {
            format!("{title}: off (default).")
        }
    }
}

/// A word as people write it in a chat.
fn shown(setting: Setting, word: &str) -> &str {
    match (setting, word) {
        (Setting::Send, "allow") => "on",
        (Setting::Send, "deny") => "off",
        _ => word,
    }
}
