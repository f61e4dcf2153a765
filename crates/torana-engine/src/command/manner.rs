//! The commands that show and change how answers of a session are made, shown and sent.

use torana_core::command::{Setting, SettingAction};

use super::effect::{Change, Effect, Says};
use super::status::{Facts, thinking};
use crate::store::session::{self, SessionRow};

/// What such a command does and says; `owner`: an owner reads it, and nobody else.
pub(super) fn decide(setting: Setting, action: &SettingAction, owner: bool) -> Effect {
    match action {
        SettingAction::Show => Effect::tell(move |row, facts| now(setting, row, facts)),
        SettingAction::Cost => Effect {
            says: Says::Spent { owner },
            ..Effect::say("")
        },
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
        SettingAction::Invalid { word } => {
            let word = word.clone();
            Effect::tell(move |row, facts| {
                let words = match setting {
                    Setting::Think => thinking(facts, row).0.to_vec(),
                    _ => setting.words(),
                };
                let words = words.into_iter().map(|word| shown(setting, word));
                format!(
                    "I do not understand `{word}`. Use /{} followed by {}, or by default.",
                    setting.name(),
                    words.collect::<Vec<_>>().join(", ")
                )
            })
        }
    }
}

/// Why a change is not made: the model cannot think as long as was chosen, so the choice would change nothing.
pub(super) fn refusal(change: &Change, row: &SessionRow, facts: &Facts) -> Option<String> {
    let Change::Session(session::Change {
        thinking: Some(Some(level)),
        ..
    }) = change
    else {
        return None;
    };
    let levels = thinking(facts, row).0;
    (!levels.contains(&level.as_str())).then(|| {
        format!(
            "The model of this conversation cannot think at `{level}`. Use /think followed by {}, or by default.",
            levels.join(", ")
        )
    })
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
        (None, Setting::Think) => format!("{title}: {} (configured).", thinking(facts, row).1),
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
