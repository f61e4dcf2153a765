//! A store with many sessions: one real turn, copied as often as asked for.

use rusqlite::Connection;
use serde_json::Value;

use super::drive::{Plan, drive};
use super::gateway::{Gateway, Home};
use super::{Bench, Fault};

/// Fills the store of a home; the sessions belong to `main` and to `a1`, `a2` and so on.
pub(super) fn fill(
    bench: &Bench,
    home: &Home,
    config: &Value,
    sessions: usize,
    agents: usize,
) -> Result<(), Fault> {
    let gateway = Gateway::start(home, config)?;
    bench.world.runtime.block_on(drive(
        &gateway,
        Plan {
            connections: 1,
            in_flight: 1,
            turns: 1,
        },
    ))?;
    gateway.stop()?;
    let mut connection = Connection::open(home.database())?;
    let transaction = connection.transaction()?;
    let agent = format!("CASE n.i % {agents} WHEN 0 THEN 'main' ELSE 'a' || (n.i % {agents}) END");
    copy(
        &transaction,
        "session",
        "1",
        sessions,
        &|column| match column {
            "key" => format!("'agent:' || {agent} || ':stored-' || n.i"),
            "agent" => agent.clone(),
            "session_id" => "model.session_id || '-' || n.i".to_owned(),
            "updated_at" => "model.updated_at - n.i".to_owned(),
            other => format!("model.{other}"),
        },
    )?;
    // The turn that was made has as many entries as this: the question and the answer.
    copy(
        &transaction,
        "transcript",
        "2",
        sessions,
        &|column| match column {
            "session_id" => "model.session_id || '-' || n.i".to_owned(),
            other => format!("model.{other}"),
        },
    )?;
    transaction.commit()?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); ANALYZE;")?;
    Ok(())
}

/// Makes the transcript of the session `stored-1` this long, by repeating its two lines.
pub(super) fn lengthen(home: &Home, lines: usize) -> Result<(), Fault> {
    let mut connection = Connection::open(home.database())?;
    let transaction = connection.transaction()?;
    let key = "agent:main:stored-1";
    let lines = i64::try_from(lines)?;
    let session: String = transaction.query_row(
        "UPDATE session SET entries = ?1 WHERE key = ?2 RETURNING session_id",
        (lines, key),
        |row| row.get(0),
    )?;
    transaction.execute(
        "INSERT INTO transcript (session_id, sequence, inbox, role, entry_json)
           WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
           SELECT model.session_id, n.i, NULL, model.role, model.entry_json FROM n
             JOIN transcript AS model ON model.session_id = ?2 AND model.sequence = 1 + n.i % 2",
        (lines, session),
    )?;
    transaction.commit()?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); ANALYZE;")?;
    Ok(())
}

/// Copies the first rows of a table, each column as `value` says.
fn copy(
    connection: &Connection,
    table: &str,
    rows: &str,
    times: usize,
    value: &dyn Fn(&str) -> String,
) -> Result<(), Fault> {
    let mut statement =
        connection.prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?;
    let names: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let values: Vec<String> = names.iter().map(|name| value(name)).collect();
    connection.execute_batch(&format!(
        "INSERT INTO {table} ({}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times})
         SELECT {} FROM (SELECT * FROM {table} LIMIT {rows}) AS model, n",
        names.join(", "),
        values.join(", ")
    ))?;
    Ok(())
}
