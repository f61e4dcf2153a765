//! Sessions as clients see them: lists, lookups and previews. Changing one is an operation of the engine.

use std::sync::Arc;

use rusqlite::Connection;
use torana_core::event::SessionChange;
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::problem::{Code, Problem};
use torana_core::run::Role;

use crate::engine::Engine;
use crate::store::StoreError;
use crate::store::client_key;
use crate::store::session::{self, Change, Filter, SessionRow, Touch};
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
        .read(move |connection| session::list(connection, &filter))
        .await?;
    let sessions = rows.into_iter().map(|row| view(engine, row)).collect();
    Ok(SessionPage {
        sessions,
        total: usize::try_from(total).unwrap_or(0),
    })
}

/// Keys of the sessions a list would show.
pub async fn keys(engine: &Engine, filter: Filter) -> Result<Vec<String>, Problem> {
    let found = engine
        .read(move |connection| session::keys(connection, &filter))
        .await?;
    Ok(found.into_iter().map(|(key, _)| key).collect())
}

/// Keys of the sessions with a running turn.
pub fn active_keys(engine: &Engine) -> Vec<String> {
    engine.active_sessions()
}

/// One session; `None` when it was never used.
pub async fn get(engine: &Engine, key: &SessionKey) -> Result<Option<SessionView>, Problem> {
    let name = key.as_str().to_owned();
    let row = engine
        .read(move |connection| session::get(connection, &name))
        .await?;
    Ok(row.map(|row| SessionView {
        row,
        active: engine.active(key),
    }))
}

/// Several sessions as they are at one moment; those that were never used are left out.
pub async fn get_all(
    engine: &Engine,
    keys: Vec<SessionKey>,
) -> Result<Vec<(SessionKey, SessionView)>, Problem> {
    let found = engine
        .read(move |connection| {
            // Without a transaction around them, each would look anew at what the writer has added.
            let moment = connection.unchecked_transaction()?;
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                if let Some(row) = session::get(&moment, key.as_str())? {
                    found.push((key, row));
                }
            }
            Ok(found)
        })
        .await?;
    let views = found.into_iter().map(|(key, row)| {
        let active = engine.active(&key);
        (key, SessionView { row, active })
    });
    Ok(views.collect())
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
        Lookup::SessionId(id)
            if !id
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-') =>
        {
            return Ok(Vec::new());
        }
        Lookup::SessionId(_) | Lookup::Label(_) => None,
    };
    engine
        .read(move |connection| {
            let agent = agent.as_deref();
            match (&lookup, key) {
                (_, Some(key)) => Ok(session::get(connection, key.as_str())?
                    .into_iter()
                    .collect()),
                (Lookup::Label(label), None) => {
                    session::with_label(connection, label, agent, CANDIDATES_MAX)
                }
                (Lookup::SessionId(id) | Lookup::Key(id), None) => {
                    let id = id.to_ascii_lowercase();
                    session::with_transcript(connection, &id, agent, CANDIDATES_MAX)
                }
            }
        })
        .await
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
                        let path =
                            transcript::tree(connection, &row.session_id)?.path(row.branch_leaf());
                        let lines = transcript::newest(
                            connection,
                            &row.session_id,
                            &path,
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
}

/// What a new session is like.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewSession {
    /// Its key; a new one of the agent when absent.
    pub key: Option<SessionKey>,
    /// The agent, when the key does not say.
    pub agent: Option<AgentId>,
    /// Key under which a repeat of the request finds the session again.
    pub idempotency_key: Option<String>,
    /// Settings.
    pub change: Change,
    /// Name it is shown under when it is new and the settings have none.
    pub title: Option<String>,
    /// A session whose lines it begins with.
    pub fork: Option<SessionKey>,
    /// Only with the lines up to its last answer: what is being answered stays behind.
    pub fork_completed: bool,
}

/// A session that was made, or was there before.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Its key.
    pub key: SessionKey,
    /// Its row.
    pub row: SessionRow,
    /// It is new.
    pub is_new: bool,
}

/// Lines after the last answer that are looked through for it: a full queue's worth.
const UNANSWERED_MAX: usize = 1_000;

/// Why a session could not be made, decided inside the transaction.
enum Refused {
    NoSource,
    Repeated,
    Label(String),
}

/// Makes a session, or finds the one that the same request or key has made before; settings are applied either way.
pub async fn create(engine: &Engine, mut new: NewSession) -> Result<Made, Problem> {
    let agent = match (&new.key, &new.agent) {
        (Some(key), _) => engine.agent_of(key)?,
        (None, Some(agent)) => engine.agent_of(&SessionKey::main(agent.as_str()))?,
        (None, None) => engine.agent_of(&engine.parse_key("main")?)?,
    };
    engine.name_model(&agent, &mut new.change);
    engine.check_change(&agent, &new.change)?;
    let world = engine.world();
    let key = new
        .key
        .clone()
        .unwrap_or_else(|| SessionKey::namespaced(agent.as_str(), "dashboard", &world.uuid()));
    let touch = Touch::of_client(key.clone(), &agent, world.uuid(), world.wall_ms());
    let asked = new.key.as_ref().map(|key| key.as_str().to_owned());
    let digest = format!("{}\n{}", asked.unwrap_or_default(), agent);
    let outcome = engine
        .write(move |connection| make(connection, &new, &touch, &digest))
        .await?;
    let (row, is_new) = outcome.map_err(|refused| match refused {
        Refused::NoSource => {
            Problem::new(Code::SessionNotFound, "the session to fork does not exist")
        }
        Refused::Repeated => Problem::new(
            Code::IdempotencyConflict,
            "this idempotency key was used for another session",
        ),
        Refused::Label(label) => Problem::invalid(format!("label already in use: {label}")),
    })?;
    let key = engine.parse_key(&row.key)?;
    engine.note_manner(&key, Some(&row));
    let change = if is_new {
        SessionChange::Created
    } else {
        SessionChange::Patched
    };
    engine.session_changed(&key, &agent, change);
    Ok(Made { key, row, is_new })
}

fn make(
    connection: &Connection,
    new: &NewSession,
    touch: &Touch,
    digest: &str,
) -> Result<Result<(SessionRow, bool), Refused>, StoreError> {
    const METHOD: &str = "sessions.create";
    if let Some(key) = &new.idempotency_key
        && let Some((known, result)) = client_key::known(connection, METHOD, key)?
    {
        let made = result.as_ref().and_then(serde_json::Value::as_str);
        return Ok(
            match made
                .map(|made| session::get(connection, made))
                .transpose()?
                .flatten()
            {
                Some(row) if known == digest => Ok((row, false)),
                _ => Err(Refused::Repeated),
            },
        );
    }
    let name = touch.key.as_str();
    let existing = session::get(connection, name)?;
    let is_new = existing.is_none();
    if let Some(Some(label)) = &new.change.label
        && label_is_taken(connection, &touch.agent, label, name)?
    {
        return Ok(Err(Refused::Label(label.clone())));
    }
    let source = match &new.fork {
        None => None,
        Some(key) => match session::get(connection, key.as_str())? {
            Some(row) => Some(row),
            None => return Ok(Err(Refused::NoSource)),
        },
    };
    if is_new {
        session::touch(connection, touch)?;
    }
    if let Some(source) = source.filter(|_| is_new) {
        let tree = transcript::tree(connection, &source.session_id)?;
        let mut path = tree.path(source.branch_leaf());
        if new.fork_completed {
            let lines = transcript::newest(
                connection,
                &source.session_id,
                &path,
                UNANSWERED_MAX,
                usize::MAX,
            )?;
            let last = lines
                .iter()
                .rev()
                .find(|line| line.entry.role == Role::Assistant && !line.entry.aside);
            path = tree.path(last.map_or(0, |line| line.sequence));
        }
        session::copy_branch(connection, name, &source, &path, touch.at_ms)?;
    }
    let mut change = new.change.clone();
    if is_new && change.display_name.is_none() {
        change.display_name = new.title.clone().map(Some);
    }
    let row = session::change(connection, name, &change, touch.at_ms)?.ok_or(StoreError::Moved)?;
    if let Some(key) = &new.idempotency_key {
        client_key::remember(connection, METHOD, key, digest, &name.into(), touch.at_ms)?;
    }
    Ok(Ok((row, is_new)))
}

/// Whether another session of the agent has this name.
pub(crate) fn label_is_taken(
    connection: &Connection,
    agent: &str,
    label: &str,
    except: &str,
) -> Result<bool, StoreError> {
    let found = session::with_label(connection, label, Some(agent), CANDIDATES_MAX)?;
    Ok(found
        .iter()
        .any(|row| row.key != except && row.label.as_deref() == Some(label)))
}
