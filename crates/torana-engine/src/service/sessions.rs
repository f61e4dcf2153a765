//! Sessions as clients see them: lists, lookups and previews. Changing one is an operation of the engine.

use std::sync::Arc;

use torana_core::key::SessionKey;
use torana_core::problem::Problem;
use torana_core::run::Role;

use crate::engine::Engine;
use crate::store::session::{self, Filter, SessionRow};
use crate::store::transcript;
use crate::turn::TurnHandle;

/// A session row beside what runs in it now.
pub struct SessionView {
    /// The stored row.
    pub row: SessionRow,
    /// The running turn.
    pub active: Option<Arc<TurnHandle>>,
}

/// A page of sessions.
pub struct SessionPage {
    /// The page, most recently changed first.
    pub sessions: Vec<SessionView>,
    /// How many match in all.
    pub total: usize,
}

fn view(engine: &Engine, row: SessionRow) -> SessionView {
    let active = engine
        .parse_key(&row.key)
        .ok()
        .and_then(|key| engine.active(&key));
    SessionView { row, active }
}

/// A page of sessions.
pub async fn list(engine: &Engine, filter: Filter) -> Result<SessionPage, Problem> {
    let (rows, total) = engine
        .store()
        .read(move |connection| session::list(connection, &filter))
        .await
        .map_err(|error| engine.problem(&error))?;
    let sessions = rows.into_iter().map(|row| view(engine, row)).collect();
    Ok(SessionPage {
        sessions,
        total: usize::try_from(total).unwrap_or(0),
    })
}

/// One session; `None` when it was never used.
pub async fn get(engine: &Engine, key: &SessionKey) -> Result<Option<SessionView>, Problem> {
    let name = key.as_str().to_owned();
    let row = engine
        .store()
        .read(move |connection| session::get(connection, &name))
        .await
        .map_err(|error| engine.problem(&error))?;
    Ok(row.map(|row| SessionView {
        row,
        active: engine.active(key),
    }))
}

/// What a session is looked up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// A key in any spelling.
    Key(String),
    /// The uuid of its transcript, or its beginning.
    SessionId(String),
    /// The name a person gave it.
    Label(String),
}

/// Rows read at once while a session is looked up by something that has no index.
const LOOKUP_PAGE: usize = 1_000;
/// Rows looked through at most: newest first, so what people mean is found early.
const LOOKUP_ROWS_MAX: usize = 100_000;
/// Candidates of an ambiguous lookup that are worth showing.
const CANDIDATES_MAX: usize = 10;

/// Sessions that fit a lookup, newest first; exactly one is the good case.
pub async fn resolve(
    engine: &Engine,
    lookup: Lookup,
    agent: Option<String>,
) -> Result<Vec<SessionRow>, Problem> {
    let key = match &lookup {
        Lookup::Key(text) => Some(engine.parse_key(text)?),
        Lookup::SessionId(_) | Lookup::Label(_) => None,
    };
    engine
        .store()
        .read(move |connection| {
            if let Some(key) = key {
                return Ok(session::get(connection, key.as_str())?
                    .into_iter()
                    .collect());
            }
            let mut found = Vec::new();
            let search = match &lookup {
                Lookup::Label(label) => Some(label.clone()),
                Lookup::Key(_) | Lookup::SessionId(_) => None,
            };
            for page in 0..LOOKUP_ROWS_MAX / LOOKUP_PAGE {
                let filter = Filter {
                    agent: agent.clone(),
                    search: search.clone(),
                    archived_only: Some(false),
                    active_since_ms: None,
                    offset: page * LOOKUP_PAGE,
                    limit: LOOKUP_PAGE,
                };
                let (rows, _) = session::list(connection, &filter)?;
                let last = rows.len() < LOOKUP_PAGE;
                found.extend(rows.into_iter().filter(|row| fits(row, &lookup)));
                if last || found.len() >= CANDIDATES_MAX {
                    break;
                }
            }
            found.truncate(CANDIDATES_MAX);
            Ok(found)
        })
        .await
        .map_err(|error| engine.problem(&error))
}

fn fits(row: &SessionRow, lookup: &Lookup) -> bool {
    match lookup {
        Lookup::Key(_) => true,
        Lookup::SessionId(id) => !id.is_empty() && row.session_id.starts_with(id.as_str()),
        Lookup::Label(label) => row
            .label
            .as_ref()
            .is_some_and(|own| own.eq_ignore_ascii_case(label)),
    }
}

/// The newest lines of a session, shortened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The key as asked.
    pub key: String,
    /// `None` when the session does not exist.
    pub items: Option<Vec<(Role, String)>>,
}

/// Previews of several sessions.
pub async fn preview(
    engine: &Engine,
    keys: Vec<String>,
    limit: usize,
    chars_max: usize,
) -> Result<Vec<Preview>, Problem> {
    let parsed: Vec<(String, Option<SessionKey>)> = keys
        .into_iter()
        .map(|text| {
            let key = engine.parse_key(&text).ok();
            (text, key)
        })
        .collect();
    engine
        .store()
        .read(move |connection| {
            let mut found = Vec::with_capacity(parsed.len());
            for (text, key) in parsed {
                let row = match key {
                    Some(key) => session::get(connection, key.as_str())?,
                    None => None,
                };
                let items = match row {
                    Some(row) => {
                        // Four bytes per character bounds what is read; the cut to characters follows.
                        let bytes_max = limit.saturating_mul(chars_max).saturating_mul(4);
                        let lines = transcript::before(
                            connection,
                            &row.session_id,
                            i64::MAX,
                            limit,
                            bytes_max,
                        )?;
                        let short = |text: &str| text.chars().take(chars_max).collect();
                        Some(
                            lines
                                .iter()
                                .map(|line| (line.entry.role, short(&line.entry.text)))
                                .collect(),
                        )
                    }
                    None => None,
                };
                found.push(Preview { key: text, items });
            }
            Ok(found)
        })
        .await
        .map_err(|error| engine.problem(&error))
}
