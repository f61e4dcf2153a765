//! What an answer says about itself on a platform, where the session wants it: the model's thoughts before it, what it
//! used and how it came to be below it. The transcript keeps the answer alone.

use torana_core::run::{Outcome, Settled, Usage};

use super::watch::Aside;
use crate::store::session::{Manner, SessionRow};

/// The text for a platform, with what the session wants told beside it; `direct` when one person reads it.
pub(super) fn dressed(
    manner: &Manner,
    row: &SessionRow,
    direct: bool,
    settled: &Settled,
    aside: &Aside,
    text: String,
) -> String {
    if text.is_empty() || !matches!(settled.outcome, Outcome::Ok | Outcome::Length) {
        return text;
    }
    let mut dressed = String::new();
    let thoughts = aside.thoughts.trim();
    if manner.shows_thoughts() && !thoughts.is_empty() {
        for line in thoughts.lines() {
            dressed.push_str("> ");
            dressed.push_str(line);
            dressed.push('\n');
        }
        dressed.push('\n');
    }
    dressed.push_str(&text);
    let mut notes = Vec::new();
    notes.extend(stood_in(manner, row, direct, aside));
    notes.extend(used(manner, row, settled));
    if !notes.is_empty() {
        dressed.push_str("\n\n_");
        dressed.push_str(&notes.join(" · "));
        dressed.push('_');
    }
    dressed
}

/// Which model answered for which: always where details are wanted, else once per change in a direct chat, because
/// the person there chose or expects a model (behaviour 9).
fn stood_in(manner: &Manner, row: &SessionRow, direct: bool, aside: &Aside) -> Option<String> {
    let (first, last) = aside.fallback.as_ref()?;
    let known = match (&row.last_provider, &row.last_model) {
        (Some(provider), Some(model)) => *last == format!("{provider}/{model}"),
        _ => false,
    };
    ((direct && !known) || manner.is_verbose()).then(|| format!("{last} answered for {first}"))
}

/// What the answer used, in the detail that was chosen.
fn used(manner: &Manner, row: &SessionRow, settled: &Settled) -> Option<String> {
    let level = manner.usage.as_deref().filter(|level| *level != "off")?;
    let mut words = tokens(&settled.usage);
    if level == "full" {
        let mut session = row.usage;
        session.add(&settled.usage);
        words.push_str(&format!("; session {}", tokens(&session)));
        if let (Some(provider), Some(model)) = (&settled.provider, &settled.model) {
            words.push_str(&format!("; {provider}/{model}"));
        }
    }
    Some(words)
}

/// Tokens and money in a few words.
pub(crate) fn tokens(usage: &Usage) -> String {
    let cached = usage.cache_read + usage.cache_write;
    let mut words = format!("{} in, {} out", usage.input + cached, usage.output);
    if let Some(cost) = usage.cost_usd {
        words.push_str(&format!(", ${cost:.4}"));
    }
    words
}

#[cfg(test)]
mod tests {
    use torana_core::command::Setting;

    use super::*;

    fn settled(outcome: Outcome) -> Settled {
        Settled {
            outcome,
            text: "Rain.".to_owned(),
            error: None,
            usage: Usage {
                input: 10,
                output: 4,
                cache_read: 90,
                cost_usd: Some(0.0125),
                ..Usage::default()
            },
            provider: Some("acme".to_owned()),
            model: Some("large".to_owned()),
            calls: Vec::new(),
        }
    }

    fn row() -> SessionRow {
        let connection = rusqlite::Connection::open_in_memory().expect("a database");
        connection
            .execute_batch(include_str!("../store/schema/whole.sql"))
            .expect("a schema");
        let touch = crate::store::session::Touch {
            key: torana_core::key::SessionKey::main("main"),
            agent: "main".to_owned(),
            fresh_id: "id".to_owned(),
            chat_type: "direct",
            channel: "webchat".to_owned(),
            title: None,
            target: None,
            stays: false,
            at_ms: 1,
        };
        crate::store::session::touch(&connection, &touch)
            .expect("a session")
            .0
    }

    fn manner(chosen: &[(Setting, &str)]) -> Manner {
        let mut manner = Manner::default();
        for (setting, word) in chosen {
            manner.choose(*setting, Some(word));
        }
        manner
    }

    /// The answer after one of the same model.
    fn shown(manner: &Manner, outcome: Outcome) -> String {
        let mut row = row();
        row.last_provider = Some("acme".to_owned());
        row.last_model = Some("large".to_owned());
        shown_in(&row, true, manner, outcome)
    }

    fn shown_in(row: &SessionRow, direct: bool, manner: &Manner, outcome: Outcome) -> String {
        let aside = Aside {
            thoughts: "clouds\nwind".to_owned(),
            fallback: Some(("acme/huge".to_owned(), "acme/large".to_owned())),
            acted: true,
        };
        dressed(
            manner,
            row,
            direct,
            &settled(outcome),
            &aside,
            "Rain.".to_owned(),
        )
    }

    #[test]
    fn another_model_is_named_once_and_only_where_one_person_listens() {
        let mut row = row();
        let quiet = Manner::default();
        // A session may hear direct chats and groups: the place of this answer counts, not the session's last one.
        for last_heard in ["direct", "group"] {
            row.chat_type = Some(last_heard.to_owned());
            assert_eq!(
                shown_in(&row, true, &quiet, Outcome::Ok),
                "Rain.\n\n_acme/large answered for acme/huge_"
            );
            assert_eq!(shown_in(&row, false, &quiet, Outcome::Ok), "Rain.");
        }
    }

    #[test]
    fn an_answer_tells_of_itself_what_the_session_wants() {
        assert_eq!(shown(&Manner::default(), Outcome::Ok), "Rain.");
        assert_eq!(
            shown(&manner(&[(Setting::Usage, "tokens")]), Outcome::Ok),
            "Rain.\n\n_100 in, 4 out, $0.0125_"
        );
        let all = manner(&[
            (Setting::Usage, "full"),
            (Setting::Verbose, "on"),
            (Setting::Reasoning, "on"),
        ]);
        assert_eq!(
            shown(&all, Outcome::Ok),
            "> clouds\n> wind\n\nRain.\n\n_acme/large answered for acme/huge · 100 in, 4 out, $0.0125; \
             session 100 in, 4 out, $0.0125; acme/large_"
        );
        // An error says what went wrong and nothing else.
        assert_eq!(shown(&all, Outcome::Error), "Rain.");
    }
}
