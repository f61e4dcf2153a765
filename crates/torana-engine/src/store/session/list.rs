//! Pages of sessions, and lookups by something other than the key.

use rusqlite::{Connection, params, params_from_iter, types::Value};

use super::row::{COLUMNS, SessionRow, read};
use crate::store::StoreError;

/// Archived sessions in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Archived {
    /// Only the others.
    #[default]
    Hidden,
    /// Nothing else.
    Only,
    /// All.
    Shown,
}

/// What a list is sorted by, newest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The last change of any kind.
    #[default]
    Updated,
    /// The last message of a person.
    Interaction,
}

/// Which sessions a list shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Only these agents; `None` is all.
    pub agents: Option<Vec<String>>,
    /// Kinds that are left out, as [`torana_core::key::Family::as_str`].
    pub families_hidden: Vec<&'static str>,
    /// Words in key, names, title or first message.
    pub search: Option<String>,
    /// This exact name.
    pub label: Option<String>,
    /// In this group; empty is in none.
    pub category: Option<String>,
    /// Made from or for this session.
    pub parent: Option<String>,
    /// Pinned, or not.
    pub pinned: Option<bool>,
    /// Archived ones.
    pub archived: Archived,
    /// Changed at or after, Unix milliseconds.
    pub active_since_ms: Option<i64>,
    /// Only sessions in which something was said.
    pub with_lines: bool,
    /// A person wrote at or after, Unix milliseconds.
    pub spoken_since_ms: Option<i64>,
    /// Only these keys.
    pub keys: Option<Vec<String>>,
    /// Order.
    pub order: Order,
    /// Rows to skip.
    pub offset: usize,
    /// Rows to return.
    pub limit: usize,
}

impl Filter {
    /// The words of a `WHERE` and what they stand for.
    fn conditions(&self) -> Result<(String, Vec<Value>), StoreError> {
        let mut words = vec!["1".to_owned()];
        let mut values: Vec<Value> = Vec::new();
        let mut add = |condition: &str, value: Value| {
            values.push(value);
            words.push(condition.replace('?', &format!("?{}", values.len())));
        };
        match self.archived {
            Archived::Hidden => add("archived = ?", Value::Integer(0)),
            Archived::Only => add("archived = ?", Value::Integer(1)),
            Archived::Shown => {}
        }
        if let Some(agents) = &self.agents {
            let list = serde_json::to_string(agents)?;
            add("agent IN (SELECT value FROM json_each(?))", list.into());
        }
        if !self.families_hidden.is_empty() {
            let list = serde_json::to_string(&self.families_hidden)?;
            add(
                "family NOT IN (SELECT value FROM json_each(?))",
                list.into(),
            );
        }
        if let Some(since_ms) = self.active_since_ms {
            add("updated_at >= ?", since_ms.into());
        }
        if self.with_lines {
            add("entries > ?", Value::Integer(0));
        }
        if let Some(since_ms) = self.spoken_since_ms {
            add("last_interaction_at >= ?", since_ms.into());
        }
        if let Some(label) = &self.label {
            add("label = ?", label.clone().into());
        }
        match self.category.as_deref() {
            None => {}
            Some("") => add("category IS ?", Value::Null),
            Some(category) => add("category = ?", category.to_owned().into()),
        }
        if let Some(parent) = &self.parent {
            add("parent_key = ?", parent.clone().into());
        }
        if let Some(pinned) = self.pinned {
            add("pinned = ?", i64::from(pinned).into());
        }
        if let Some(keys) = &self.keys {
            let list = serde_json::to_string(keys)?;
            add("key IN (SELECT value FROM json_each(?))", list.into());
        }
        if let Some(search) = &self.search {
            add(
                "(key LIKE ? ESCAPE '\\' OR label LIKE ? ESCAPE '\\' OR title LIKE ? ESCAPE '\\'
                  OR first_text LIKE ? ESCAPE '\\' OR face_json LIKE ? ESCAPE '\\' OR category LIKE ? ESCAPE '\\')",
                like(search).into(),
            );
        }
        Ok((words.join(" AND "), values))
    }

    /// Nothing but what the counters tell apart.
    fn is_counted(&self) -> bool {
        self.search.is_none()
            && self.label.is_none()
            && self.category.is_none()
            && self.parent.is_none()
            && self.pinned.is_none()
            && self.active_since_ms.is_none()
            && !self.with_lines
            && self.spoken_since_ms.is_none()
            && self.keys.is_none()
    }
}

/// Text as a pattern that finds it anywhere.
pub(crate) fn like(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{escaped}%")
}

/// A page of sessions, newest first, and how many match in all.
pub(crate) fn list(
    connection: &Connection,
    filter: &Filter,
) -> Result<(Vec<SessionRow>, i64), StoreError> {
    let (condition, mut values) = filter.conditions()?;
    // The page is picked in an index that holds whatever is usually filtered by; only its own rows are read.
    let (index, column) = match filter.order {
        Order::Updated => ("session_updated", "updated_at"),
        Order::Interaction => ("session_interaction", "last_interaction_at"),
    };
    let total = total(connection, filter, &condition, &values)?;
    let number = |count: usize| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    values.push(number(filter.limit));
    values.push(number(filter.offset));
    let (limit, offset) = (values.len() - 1, values.len());
    let sql = format!(
        "SELECT {COLUMNS} FROM session WHERE key IN (SELECT key FROM session INDEXED BY {index} WHERE {condition}
           ORDER BY {column} DESC, key LIMIT ?{limit} OFFSET ?{offset}) ORDER BY {column} DESC, key"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok((found, total))
}

fn total(
    connection: &Connection,
    filter: &Filter,
    condition: &str,
    values: &[Value],
) -> Result<i64, StoreError> {
    let sql = if filter.is_counted() {
        format!("SELECT coalesce(sum(number), 0) FROM session_count WHERE {condition}")
    } else {
        format!("SELECT count(*) FROM session WHERE {condition}")
    };
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row(params_from_iter(values), |row| row.get(0))?)
}

/// Keys and transcripts of the sessions a list would show, newest first.
pub(crate) fn keys(
    connection: &Connection,
    filter: &Filter,
) -> Result<Vec<(String, String)>, StoreError> {
    let (condition, mut values) = filter.conditions()?;
    let number = |count: usize| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    values.push(number(filter.limit));
    let limit = values.len();
    let sql = format!(
        "SELECT key, session_id FROM session INDEXED BY session_updated WHERE {condition}
         ORDER BY updated_at DESC, key LIMIT ?{limit}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn several(
    connection: &Connection,
    condition: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<SessionRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM session WHERE {condition}");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Sessions whose transcript id begins like this, newest first.
pub(crate) fn with_transcript(
    connection: &Connection,
    beginning: &str,
    agent: Option<&str>,
    limit: usize,
) -> Result<Vec<SessionRow>, StoreError> {
    // `g` follows every hexadecimal digit, so this range is everything that begins so.
    let end = format!("{beginning}g");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    several(
        connection,
        "session_id >= ?1 AND session_id < ?2 AND (?3 IS NULL OR agent = ?3) ORDER BY updated_at DESC LIMIT ?4",
        &[&beginning, &end, &agent, &limit],
    )
}

/// Sessions with this name, whatever its case, newest first.
pub(crate) fn with_label(
    connection: &Connection,
    label: &str,
    agent: Option<&str>,
    limit: usize,
) -> Result<Vec<SessionRow>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    several(
        connection,
        "label IS NOT NULL AND label = ?1 COLLATE NOCASE AND (?2 IS NULL OR agent = ?2)
         ORDER BY updated_at DESC LIMIT ?3",
        &[&label, &agent, &limit],
    )
}

/// Groups that sessions are in.
pub(crate) fn categories(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT category FROM session WHERE category IS NOT NULL ORDER BY category LIMIT 1000",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Moves every session of a group to another name.
pub(crate) fn rename_category(
    connection: &Connection,
    name: &str,
    to: &str,
) -> Result<usize, StoreError> {
    Ok(connection
        .prepare_cached("UPDATE session SET category = ?2 WHERE category = ?1")?
        .execute(params![name, to])?)
}

/// Takes every session out of a group.
pub(crate) fn clear_category(connection: &Connection, name: &str) -> Result<usize, StoreError> {
    Ok(connection
        .prepare_cached("UPDATE session SET category = NULL WHERE category = ?1")?
        .execute([name])?)
}
