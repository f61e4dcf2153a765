//! What models were asked and what it cost, by day, agent and model. Runs count themselves in `session`.

use rusqlite::{Connection, params};

use super::StoreError;

/// Calls of one model on one day.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageRow {
    /// `2026-11-20`, in the gateway's time zone.
    pub day: String,
    /// Provider id.
    pub provider: String,
    /// Model id.
    pub model: String,
    /// Runs.
    pub calls: u64,
    /// Tokens sent.
    pub input: u64,
    /// Tokens received.
    pub output: u64,
    /// Tokens read from the provider's cache.
    pub cache_read: u64,
    /// Tokens written to it.
    pub cache_write: u64,
    /// What it cost, US dollars, as far as prices are configured.
    pub cost_usd: f64,
}

/// Everything from one day to another, both included; of one agent when given.
pub fn between(
    connection: &Connection,
    first: &str,
    last: &str,
    agent: Option<&str>,
) -> Result<Vec<UsageRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT day, provider, model, sum(calls), sum(input), sum(output), sum(cache_read), sum(cache_write), sum(cost_usd)
         FROM usage_day WHERE day >= ?1 AND day <= ?2 AND (?3 IS NULL OR agent = ?3)
         GROUP BY day, provider, model ORDER BY day, provider, model",
    )?;
    let rows = statement.query_map(params![first, last, agent], |row| {
        let count = |index: usize| -> Result<u64, rusqlite::Error> {
            let value: i64 = row.get(index)?;
            Ok(u64::try_from(value).unwrap_or(0))
        };
        Ok(UsageRow {
            day: row.get(0)?,
            provider: row.get(1)?,
            model: row.get(2)?,
            calls: count(3)?,
            input: count(4)?,
            output: count(5)?,
            cache_read: count(6)?,
            cache_write: count(7)?,
            cost_usd: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
