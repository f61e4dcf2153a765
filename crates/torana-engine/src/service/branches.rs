//! Branches of a session: list them, go back to an earlier line, change to another branch, or go on in a session of
//! its own (decision 38 of control and agents). Nothing is ever removed.

use rusqlite::Connection;
use torana_core::branch::Tree;
use torana_core::event::SessionChange;
use torana_core::key::SessionKey;
use torana_core::limit::BRANCHES_MAX;
use torana_core::media::MediaRef;
use torana_core::problem::{Code, Problem};
use torana_core::run::Role;

use super::history::Cursor;
use crate::engine::Engine;
use crate::store::StoreError;
use crate::store::session::{self, SessionRow, Touch};
use crate::store::transcript::{self, StoredEntry};
use crate::turn::StopReason;

/// Branches that a list shows, the newest ones: more fit no menu.
const LISTED_MAX: usize = 100;
/// Lines looked at for the words a branch is known by.
const HEADLINE_LINES: usize = 20;
/// Characters of those words.
const HEADLINE_CHARS: usize = 120;

/// A branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its last line.
    pub leaf: Cursor,
    /// What a person last said on it.
    pub headline: String,
    /// Lines on it.
    pub lines: usize,
    /// When its last line was written, Unix milliseconds.
    pub updated_at_ms: i64,
    /// It is the one in use.
    pub is_active: bool,
}

/// The words that were taken back, to be said again in another way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenBack {
    /// The text.
    pub text: Option<String>,
    /// Files that came with it.
    pub media: Vec<MediaRef>,
}

fn gone(key: &SessionKey) -> Problem {
    Problem::new(Code::SessionNotFound, format!("No session found: {key}"))
}

fn no_entry() -> Problem {
    Problem::new(Code::NotFound, "message entry not found")
}

/// Branches of a session, the one in use first, then the newest.
pub async fn list(engine: &Engine, key: &SessionKey) -> Result<Vec<Branch>, Problem> {
    let name = key.as_str().to_owned();
    engine
        .read(move |connection| {
            let Some(row) = session::get(connection, &name)? else {
                return Ok(Vec::new());
            };
            let tree = transcript::tree(connection, &row.session_id)?;
            let active = row.branch_leaf();
            let mut leaves = tree.leaves(row.entries);
            leaves.retain(|leaf| *leaf != active);
            leaves.reverse();
            leaves.truncate(LISTED_MAX - 1);
            let active = (active > 0).then_some(active);
            active
                .into_iter()
                .chain(leaves)
                .map(|leaf| branch(connection, &row, &tree, leaf))
                .collect()
        })
        .await
}

fn branch(
    connection: &Connection,
    row: &SessionRow,
    tree: &Tree,
    leaf: i64,
) -> Result<Branch, StoreError> {
    let path = tree.path(leaf);
    let lines = transcript::newest(
        connection,
        &row.session_id,
        &path,
        HEADLINE_LINES,
        usize::MAX,
    )?;
    let said = lines
        .iter()
        .rev()
        .find(|line| line.entry.role == Role::User && !line.entry.aside)
        .or(lines.last());
    Ok(Branch {
        headline: said
            .map(|line| line.entry.text.chars().take(HEADLINE_CHARS).collect())
            .unwrap_or_default(),
        lines: path.len(),
        updated_at_ms: lines.last().map_or(0, |line| line.entry.at_ms),
        is_active: leaf == row.branch_leaf(),
        leaf: Cursor {
            session_id: row.session_id.clone(),
            sequence: leaf,
        },
    })
}

/// The row and line that a request means, inside its transaction.
fn found(
    connection: &Connection,
    key: &str,
    at: &Cursor,
) -> Result<Result<(SessionRow, Tree, StoredEntry), Missing>, StoreError> {
    let Some(row) = session::get(connection, key)? else {
        return Ok(Err(Missing::Session));
    };
    if row.session_id != at.session_id {
        return Ok(Err(Missing::Entry));
    }
    let Some(line) = transcript::get(connection, &row.session_id, at.sequence)? else {
        return Ok(Err(Missing::Entry));
    };
    let tree = transcript::tree(connection, &row.session_id)?;
    Ok(Ok((row, tree, line)))
}

enum Missing {
    Session,
    Entry,
    TooMany,
}

impl Missing {
    fn problem(&self, key: &SessionKey) -> Problem {
        match self {
            Self::Session => gone(key),
            Self::Entry => no_entry(),
            Self::TooMany => Problem::new(
                Code::Busy,
                format!("this session has {BRANCHES_MAX} branches already"),
            )
            .hint("fork it into a session of its own"),
        }
    }
}

/// Where a branch ends when it goes back to a line: before what a person said, which is taken back to be said again, and
/// after anything else.
fn back_to(tree: &Tree, line: &StoredEntry) -> (i64, TakenBack) {
    match line.entry.role {
        Role::User => (
            tree.parent(line.sequence),
            TakenBack {
                text: Some(line.entry.text.clone()),
                media: line.entry.media.clone(),
            },
        ),
        Role::Assistant | Role::System => (line.sequence, TakenBack::default()),
    }
}

fn text_at(
    connection: &Connection,
    row: &SessionRow,
    sequence: i64,
) -> Result<Option<String>, StoreError> {
    Ok(transcript::get(connection, &row.session_id, sequence)?.map(|line| line.entry.text))
}

/// Goes back to a line. What was said since stays as a branch; what runs and waits is stopped first.
pub async fn rewind(engine: &Engine, key: &SessionKey, to: Cursor) -> Result<TakenBack, Problem> {
    let agent = engine.agent_of(key)?;
    check(engine, key, &to).await?;
    engine.abort(key, None, StopReason::Stop).await?;
    let (name, at_ms) = (key.as_str().to_owned(), engine.world().wall_ms());
    let outcome = engine
        .write(move |connection| {
            let (row, tree, line) = match found(connection, &name, &to)? {
                Ok(found) => found,
                Err(missing) => return Ok(Err(missing)),
            };
            if tree.forks() >= BRANCHES_MAX {
                return Ok(Err(Missing::TooMany));
            }
            let (leaf, taken) = back_to(&tree, &line);
            let last_text = text_at(connection, &row, leaf)?;
            session::move_leaf(connection, &row, leaf, last_text.as_deref(), at_ms)?;
            Ok(Ok(taken))
        })
        .await?;
    let taken = outcome.map_err(|missing| missing.problem(key))?;
    engine.session_changed(key, &agent, SessionChange::Rewound);
    Ok(taken)
}

/// Makes the branch that ends at a line the one in use. What runs and waits is stopped first.
pub async fn switch(engine: &Engine, key: &SessionKey, to: Cursor) -> Result<(), Problem> {
    let agent = engine.agent_of(key)?;
    check(engine, key, &to).await?;
    engine.abort(key, None, StopReason::Stop).await?;
    let (name, at_ms) = (key.as_str().to_owned(), engine.world().wall_ms());
    let outcome = engine
        .write(move |connection| {
            let (row, tree, line) = match found(connection, &name, &to)? {
                Ok(found) => found,
                Err(missing) => return Ok(Err(missing)),
            };
            let is_leaf = tree.leaves(row.entries).contains(&line.sequence);
            if !is_leaf && line.sequence != row.branch_leaf() {
                return Ok(Err(Missing::Entry));
            }
            let text = Some(line.entry.text.as_str());
            session::move_leaf(connection, &row, line.sequence, text, at_ms)?;
            Ok(Ok(()))
        })
        .await?;
    outcome.map_err(|missing| missing.problem(key))?;
    engine.session_changed(key, &agent, SessionChange::Rewound);
    Ok(())
}

/// Fails before anything is stopped when the line is not there.
async fn check(engine: &Engine, key: &SessionKey, at: &Cursor) -> Result<(), Problem> {
    let (name, at) = (key.as_str().to_owned(), at.clone());
    engine
        .read(move |connection| Ok(found(connection, &name, &at)?.map(|_| ())))
        .await?
        .map_err(|missing| missing.problem(key))
}

/// Copies a branch up to a line into a new session. Returns its key and what was taken back.
pub async fn fork(
    engine: &Engine,
    key: &SessionKey,
    at: Cursor,
) -> Result<(SessionKey, TakenBack), Problem> {
    let agent = engine.agent_of(key)?;
    let world = engine.world();
    let new = SessionKey::namespaced(agent.as_str(), "dashboard", &world.uuid());
    let touch = Touch::of_client(new.clone(), &agent, world.uuid(), world.wall_ms());
    let name = key.as_str().to_owned();
    let outcome = engine
        .write(move |connection| {
            let (row, tree, line) = match found(connection, &name, &at)? {
                Ok(found) => found,
                Err(missing) => return Ok(Err(missing)),
            };
            let (leaf, taken) = back_to(&tree, &line);
            let new = touch.key.as_str();
            session::touch(connection, &touch)?;
            session::copy_branch(connection, new, &row, &tree.path(leaf), touch.at_ms)?;
            let like_before = session::Change {
                model: Some(row.model.clone()),
                thinking: Some(row.thinking.clone()),
                category: Some(row.category.clone()),
                parent: Some(Some(row.key.clone())),
                ..session::Change::default()
            };
            session::change(connection, new, &like_before, touch.at_ms)?;
            Ok(Ok(taken))
        })
        .await?;
    let taken = outcome.map_err(|missing| missing.problem(key))?;
    engine.session_changed(&new, &agent, SessionChange::Created);
    Ok((new, taken))
}
