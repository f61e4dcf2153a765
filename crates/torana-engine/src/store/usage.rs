//! Tokens and money, counted when a run ends: per day for the whole gateway, per quarter of an hour for each session.

use rusqlite::{Connection, Row, params};

use super::StoreError;
use super::session::RunEnd;

/// Figures of several calls.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Model calls, as runs that ended with one.
    pub calls: u64,
    /// Messages of people.
    pub questions: u64,
    /// Answers.
    pub answers: u64,
    /// Runs that failed.
    pub errors: u64,
    /// Tokens read by models, cache excluded.
    pub input: u64,
    /// Tokens written by models.
    pub output: u64,
    /// Tokens read from providers' caches.
    pub cache_read: u64,
    /// Tokens written to providers' caches.
    pub cache_write: u64,
    /// US dollars, as far as prices are known.
    pub cost_usd: f64,
    /// The same by kind of token. Only the whole is stored; whoever knows the prices splits it.
    pub parts: CostParts,
    /// Calls whose price is not known.
    pub unpriced: u64,
    /// Time from start to end of the answered runs, milliseconds.
    pub wait_ms: u64,
    /// The shortest.
    pub wait_ms_min: u64,
    /// The longest.
    pub wait_ms_max: u64,
}

/// Money by kind of token, US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CostParts {
    /// For tokens sent.
    pub input: f64,
    /// For tokens received.
    pub output: f64,
    /// For tokens read from providers' caches.
    pub cache_read: f64,
    /// For tokens written to providers' caches.
    pub cache_write: f64,
}

impl CostParts {
    fn add(&mut self, other: &Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
    }
}

impl Figures {
    /// All tokens together.
    pub fn tokens(&self) -> u64 {
        self.input + self.output + self.cache_read + self.cache_write
    }

    /// Adds other figures.
    pub fn add(&mut self, other: &Self) {
        // A row without answers has no shortest wait.
        self.wait_ms_min = match (self.answers, other.answers) {
            (0, _) => other.wait_ms_min,
            (_, 0) => self.wait_ms_min,
            _ => self.wait_ms_min.min(other.wait_ms_min),
        };
        self.wait_ms_max = self.wait_ms_max.max(other.wait_ms_max);
        self.calls += other.calls;
        self.questions += other.questions;
        self.answers += other.answers;
        self.errors += other.errors;
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.cost_usd += other.cost_usd;
        self.parts.add(&other.parts);
        self.unpriced += other.unpriced;
        self.wait_ms += other.wait_ms;
    }
}

/// One day of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct DayRow {
    /// Day in UTC, `YYYY-MM-DD`.
    pub day: String,
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// What it used.
    pub figures: Figures,
}

/// A quarter of an hour of one session and model.
#[derive(Debug, Clone, PartialEq)]
pub struct QuarterRow {
    /// The transcript.
    pub session_id: String,
    /// The session.
    pub key: String,
    /// The agent.
    pub agent: String,
    /// Day in UTC, `YYYY-MM-DD`.
    pub day: String,
    /// Quarter of that day, from 0.
    pub quarter: i64,
    /// The provider; empty when no model answered.
    pub provider: String,
    /// The model; empty when no model answered.
    pub model: String,
    /// What it used.
    pub figures: Figures,
    /// First run that is counted here, Unix milliseconds.
    pub first_at_ms: i64,
    /// Last end of a run that is counted here, Unix milliseconds.
    pub last_at_ms: i64,
}

/// A run that ended, for the books.
#[derive(Debug, Clone)]
pub struct Booking<'a> {
    /// The transcript.
    pub session_id: &'a str,
    /// The session.
    pub key: &'a str,
    /// The agent.
    pub agent: &'a str,
    /// Day of its end in UTC, `YYYY-MM-DD`.
    pub day: &'a str,
    /// How it ended.
    pub end: &'a RunEnd,
    /// Messages of people it answered.
    pub questions: usize,
    /// It ended with an answer.
    pub answered: bool,
    /// When it began, Unix milliseconds.
    pub started_at_ms: i64,
}

fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Counts a run.
pub fn book(connection: &Connection, booking: &Booking<'_>) -> Result<(), StoreError> {
    let end = booking.end;
    let usage = &end.usage;
    let called = end.provider.is_some() && end.model.is_some();
    let provider = end.provider.as_deref().unwrap_or_default();
    let model = end.model.as_deref().unwrap_or_default();
    if called {
        connection
            .prepare_cached(
                "INSERT INTO usage_day (day, agent, provider, model, calls, input, output, cache_read, cache_write, cost_usd)
                 VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (day, agent, provider, model) DO UPDATE SET calls = calls + 1, input = input + excluded.input,
                   output = output + excluded.output, cache_read = cache_read + excluded.cache_read,
                   cache_write = cache_write + excluded.cache_write, cost_usd = cost_usd + excluded.cost_usd",
            )?
            .execute(params![
                booking.day,
                booking.agent,
                provider,
                model,
                stored(usage.input),
                stored(usage.output),
                stored(usage.cache_read),
                stored(usage.cache_write),
                usage.cost_usd.unwrap_or(0.0),
            ])?;
    }
    let wait_ms = end.at_ms.saturating_sub(booking.started_at_ms).max(0);
    let wait_ms = if booking.answered { wait_ms } else { 0 };
    connection
        .prepare_cached(
            "INSERT INTO usage_session (session_id, day, quarter, provider, model, key, agent, calls, questions, answers,
               errors, input, output, cache_read, cache_write, cost_usd, unpriced, wait_ms, wait_ms_min, wait_ms_max,
               first_at, last_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?18, ?18, ?19, ?20)
             ON CONFLICT (session_id, day, quarter, provider, model) DO UPDATE SET
               wait_ms_min = CASE WHEN answers = 0 THEN excluded.wait_ms_min WHEN excluded.answers = 0 THEN wait_ms_min
                 ELSE min(wait_ms_min, excluded.wait_ms_min) END,
               wait_ms_max = max(wait_ms_max, excluded.wait_ms_max), wait_ms = wait_ms + excluded.wait_ms,
               calls = calls + excluded.calls, questions = questions + excluded.questions,
               answers = answers + excluded.answers, errors = errors + excluded.errors, input = input + excluded.input,
               output = output + excluded.output, cache_read = cache_read + excluded.cache_read,
               cache_write = cache_write + excluded.cache_write, cost_usd = cost_usd + excluded.cost_usd,
               unpriced = unpriced + excluded.unpriced, last_at = excluded.last_at",
        )?
        .execute(params![
            booking.session_id,
            booking.day,
            end.at_ms.rem_euclid(86_400_000) / 900_000,
            provider,
            model,
            booking.key,
            booking.agent,
            called,
            stored(booking.questions as u64),
            booking.answered,
            end.status == "failed",
            stored(usage.input),
            stored(usage.output),
            stored(usage.cache_read),
            stored(usage.cache_write),
            usage.cost_usd.unwrap_or(0.0),
            called && usage.cost_usd.is_none(),
            wait_ms,
            booking.started_at_ms,
            end.at_ms,
        ])?;
    Ok(())
}

fn figure(row: &Row<'_>, index: usize) -> Result<u64, rusqlite::Error> {
    row.get::<_, i64>(index)
        .map(|value| u64::try_from(value).unwrap_or(0))
}

/// Days from one to another, both included, oldest first; of one agent when given.
pub(crate) fn days(
    connection: &Connection,
    from: &str,
    to: &str,
    agent: Option<&str>,
) -> Result<Vec<DayRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT day, provider, model, sum(calls), sum(input), sum(output), sum(cache_read), sum(cache_write), sum(cost_usd)
         FROM usage_day WHERE day >= ?1 AND day <= ?2 AND (?3 IS NULL OR agent = ?3)
         GROUP BY day, provider, model ORDER BY day, provider, model",
    )?;
    let rows = statement.query_map(params![from, to, agent], |row| {
        Ok(DayRow {
            day: row.get(0)?,
            provider: row.get(1)?,
            model: row.get(2)?,
            figures: Figures {
                calls: figure(row, 3)?,
                input: figure(row, 4)?,
                output: figure(row, 5)?,
                cache_read: figure(row, 6)?,
                cache_write: figure(row, 7)?,
                cost_usd: row.get(8)?,
                ..Figures::default()
            },
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Which quarters are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// First day in UTC.
    pub from: String,
    /// Last day in UTC.
    pub to: String,
    /// Only this session.
    pub key: Option<String>,
    /// Only this agent.
    pub agent: Option<String>,
    /// Rows at most; the newest are kept.
    pub limit: usize,
}

/// Quarters of sessions, newest first.
pub(crate) fn quarters(
    connection: &Connection,
    span: &Span,
) -> Result<Vec<QuarterRow>, StoreError> {
    let limit = i64::try_from(span.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT session_id, key, agent, day, quarter, provider, model, calls, questions, answers, errors, input, output,
           cache_read, cache_write, cost_usd, unpriced, wait_ms, wait_ms_min, wait_ms_max, first_at, last_at
         FROM usage_session WHERE day BETWEEN ?1 AND ?2 AND (?3 IS NULL OR key = ?3) AND (?4 IS NULL OR agent = ?4)
         ORDER BY day DESC, session_id, quarter DESC LIMIT ?5",
    )?;
    let rows = statement.query_map(
        params![span.from, span.to, span.key, span.agent, limit],
        |row| {
            Ok(QuarterRow {
                session_id: row.get(0)?,
                key: row.get(1)?,
                agent: row.get(2)?,
                day: row.get(3)?,
                quarter: row.get(4)?,
                provider: row.get(5)?,
                model: row.get(6)?,
                figures: Figures {
                    calls: figure(row, 7)?,
                    questions: figure(row, 8)?,
                    answers: figure(row, 9)?,
                    errors: figure(row, 10)?,
                    input: figure(row, 11)?,
                    output: figure(row, 12)?,
                    cache_read: figure(row, 13)?,
                    cache_write: figure(row, 14)?,
                    cost_usd: row.get(15)?,
                    parts: CostParts::default(),
                    unpriced: figure(row, 16)?,
                    wait_ms: figure(row, 17)?,
                    wait_ms_min: figure(row, 18)?,
                    wait_ms_max: figure(row, 19)?,
                },
                first_at_ms: row.get(20)?,
                last_at_ms: row.get(21)?,
            })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}
