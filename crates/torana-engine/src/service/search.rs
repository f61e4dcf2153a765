//! Finding words in what was said: the newest sessions first, the newest lines of each first, within a budget.

use torana_core::problem::Problem;
use torana_core::run::Role;

use super::history::Cursor;
use crate::engine::Engine;
use crate::store::session::{self, Filter};
use crate::store::transcript::{self, StoredEntry};

/// Sessions one search looks into; the rest is reported as left out.
const SESSIONS_MAX: usize = 5_000;
/// Lines of one session that the sieve lets through and that are looked at.
const SIEVED_MAX: usize = 500;
/// Longest search, milliseconds: a page is open and somebody waits.
const SEARCH_MS_MAX: u64 = 2_000;
/// Characters around the first word that was found.
const SNIPPET_CHARS: usize = 160;

/// A line in which all words occur.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The session.
    pub key: String,
    /// The line.
    pub line: Cursor,
    /// Who wrote it.
    pub role: Role,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The words around the first that was found.
    pub snippet: String,
    /// How well it fits, from 0 to 1: more of the line found is better.
    pub score: f64,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The hits, newest session first.
    pub hits: Vec<Hit>,
    /// There may be more.
    pub is_cut: bool,
}

/// Lines of the sessions of a filter in which all words of a query occur, whatever their case.
pub async fn search(
    engine: &Engine,
    mut filter: Filter,
    query: &str,
    limit: usize,
) -> Result<Found, Problem> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    if words.is_empty() {
        return Err(Problem::invalid("query required"));
    }
    filter.limit = SESSIONS_MAX;
    let sessions = engine
        .read(move |connection| session::keys(connection, &filter))
        .await?;
    let pattern = sieve_of(&words);
    let deadline_ms = engine.world().monotonic_ms() + SEARCH_MS_MAX;
    let mut found = Found {
        is_cut: sessions.len() == SESSIONS_MAX,
        ..Found::default()
    };
    for (key, session_id) in sessions {
        if found.hits.len() > limit || engine.world().monotonic_ms() > deadline_ms {
            found.is_cut = true;
            break;
        }
        let (id, pattern) = (session_id.clone(), pattern.clone());
        // A read of its own for every session, so that a long search keeps nobody else waiting.
        let lines = engine
            .read(move |connection| {
                transcript::sieve(connection, &id, i64::MAX, &pattern, SIEVED_MAX)
            })
            .await?;
        let hits = lines
            .iter()
            .filter_map(|line| hit(&key, &session_id, line, &words));
        found.hits.extend(hits);
    }
    if found.hits.len() > limit {
        found.hits.truncate(limit);
        found.is_cut = true;
    }
    Ok(found)
}

/// The longest word that is stored as it is written: the database compares ASCII letters without case, and nothing else.
fn sieve_of(words: &[String]) -> String {
    let plain = |word: &&String| {
        word.bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    };
    let longest = words.iter().filter(plain).max_by_key(|word| word.len());
    longest.map_or_else(|| "%".to_owned(), |word| session::like(word))
}

fn hit(key: &str, session_id: &str, line: &StoredEntry, words: &[String]) -> Option<Hit> {
    if !matches!(line.entry.role, Role::User | Role::Assistant) {
        return None;
    }
    let text = &line.entry.text;
    let lower = text.to_lowercase();
    if !words.iter().all(|word| lower.contains(word.as_str())) {
        return None;
    }
    let matched: usize = words.iter().map(String::len).sum();
    // Lowering may change lengths, so the place is counted in characters and is right for all but rare letters.
    let at = words
        .first()
        .and_then(|word| lower.find(word.as_str()))
        .map_or(0, |byte| lower[..byte].chars().count());
    let from = at.saturating_sub(SNIPPET_CHARS / 2);
    let snippet: String = text.chars().skip(from).take(SNIPPET_CHARS).collect();
    let share = |part: usize| f64::from(u32::try_from(part).unwrap_or(u32::MAX));
    Some(Hit {
        key: key.to_owned(),
        line: Cursor {
            session_id: session_id.to_owned(),
            sequence: line.sequence,
        },
        role: line.entry.role,
        at_ms: line.entry.at_ms,
        snippet,
        score: share(matched) / share(lower.len().max(matched).max(1)),
    })
}
