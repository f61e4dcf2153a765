//! The words that make phones and computers listen: one short list for all of them, kept with the other settings.

use rusqlite::{Connection, OptionalExtension};
use torana_core::problem::Problem;

use crate::engine::Engine;
use crate::store::StoreError;

/// Name of the setting that holds the list.
const SETTING: &str = "voice_wake";
/// Words kept, as in the protocol of the devices (2026.9.6); a device listens for each of them all the time.
const TRIGGERS_MAX: usize = 32;
/// UTF-16 units of one, as in the same protocol.
const TRIGGER_UNITS_MAX: usize = 64;

/// At most so many UTF-16 units, and no character cut in two.
fn cut(text: &str) -> String {
    let mut units = 0;
    text.chars()
        .take_while(|character| {
            units += character.len_utf16();
            units <= TRIGGER_UNITS_MAX
        })
        .collect()
}

/// A list as it is kept: without blanks around words and without empty ones.
fn normal(triggers: &[String]) -> Vec<String> {
    triggers
        .iter()
        .map(|trigger| trigger.trim())
        .filter(|trigger| !trigger.is_empty())
        .take(TRIGGERS_MAX)
        .map(cut)
        .collect()
}

fn load(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let stored: Option<String> = connection
        .prepare_cached("SELECT value_json FROM setting WHERE name = ?1")?
        .query_row([SETTING], |row| row.get(0))
        .optional()?;
    Ok(match stored {
        Some(text) => serde_json::from_str(&text)?,
        None => Vec::new(),
    })
}

/// The words; none means that nobody chose any.
pub async fn triggers(engine: &Engine) -> Result<Vec<String>, Problem> {
    engine.read(load).await
}

/// Replaces the words; returns them as they are kept.
pub async fn set_triggers(engine: &Engine, triggers: Vec<String>) -> Result<Vec<String>, Problem> {
    let kept = normal(&triggers);
    engine
        .write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO setting (name, value_json) VALUES (?1, ?2)",
                )?
                .execute([SETTING, &serde_json::to_string(&kept)?])?;
            Ok(kept)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_trimmed_and_bounded() {
        let texts = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        assert_eq!(normal(&texts(&[" hey you ", "", "\t"])), ["hey you"]);
        assert_eq!(normal(&texts(&["", "\t"])), Vec::<String>::new());
        let many: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        assert_eq!(normal(&many).len(), TRIGGERS_MAX);
        let long = "a".repeat(63) + "🦀b";
        assert_eq!(normal(&[long]), ["a".repeat(63)], "no emoji is cut in two");
    }
}
