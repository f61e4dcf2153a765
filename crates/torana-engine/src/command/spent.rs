//! `/usage cost`: what a conversation used, and for owners, where nobody else reads it, what the whole gateway
//! used today and lately.

use rusqlite::Connection;

use crate::run::usage_words;
use crate::service::usage::utc_day;
use crate::store::session::SessionRow;
use crate::store::usage::{DayRow, Figures};
use crate::store::{StoreError, usage};

/// Days before today that count as lately: with today thirty, as OpenClaw 2026.9.6 counts.
const DAYS_BEFORE: i64 = 29;
const DAY_MS: i64 = 86_400_000;

/// The answer. What others used is for owners only; `owner`: one reads it, and nobody else.
pub(super) fn text(
    connection: &Connection,
    row: &SessionRow,
    owner: bool,
    at_ms: i64,
) -> Result<String, StoreError> {
    let here = format!("This conversation used {}.", usage_words(&row.usage));
    if !owner {
        return Ok(here);
    }
    let today = utc_day(at_ms);
    let from = utc_day(at_ms - DAYS_BEFORE * DAY_MS);
    let days = usage::days(connection, &from, &today, None)?;
    let of_today = days.iter().filter(|row| row.day == today);
    Ok(format!(
        "{here}\nAll conversations today: {}.\nAll conversations in 30 days: {}.",
        words(of_today),
        words(days.iter())
    ))
}

fn words<'a>(days: impl Iterator<Item = &'a DayRow>) -> String {
    let mut sum = Figures::default();
    days.for_each(|day| sum.add(&day.figures));
    let tokens = format!("{} tokens", sum.tokens());
    if sum.cost_usd > 0.0 {
        format!("{tokens}, ${:.4}", sum.cost_usd)
    } else {
        tokens
    }
}
