//! What was used and what it cost: days of the whole gateway, and sessions in detail.

use std::collections::BTreeMap;

use torana_core::key::SessionKey;
use torana_core::problem::Problem;
use torana_core::run::Role;

use super::cost::{price_of, split};
use crate::engine::Engine;
use crate::store::session::{self, SessionRow};
use crate::store::transcript;
use crate::store::usage::{self, QuarterRow, Span};

pub use crate::store::usage::Figures;

/// Days a report may reach back: ten years, more than any gateway has run.
pub const DAYS_MAX: i64 = 3_660;
/// Quarter hours one report adds up at most: about 500 busy sessions over a month.
const QUARTERS_MAX: usize = 200_000;
/// Lines of a transcript one report reads at most.
const LINES_MAX: usize = 10_000;

/// The calendar day of a moment, in UTC.
pub fn utc_day(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map(|moment| moment.strftime("%Y-%m-%d").to_string())
        .unwrap_or_else(|_| "1970-01-01".to_owned())
}

/// The first moment of a day in UTC, Unix milliseconds; `None` for text that is no day.
pub fn day_start_ms(day: &str) -> Option<i64> {
    let date: jiff::civil::Date = day.parse().ok()?;
    let midnight = date.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_millisecond())
}

/// What a report is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// First day in UTC.
    pub from: String,
    /// Last day in UTC.
    pub to: String,
    /// Only this session.
    pub key: Option<SessionKey>,
    /// Only this agent.
    pub agent: Option<String>,
}

/// Quarters of an hour of sessions, newest day first, and the rows of the sessions that still exist.
pub struct Report {
    /// The quarters.
    pub quarters: Vec<QuarterRow>,
    /// Sessions by key.
    pub rows: BTreeMap<String, SessionRow>,
}

/// Sessions in detail.
pub async fn sessions(engine: &Engine, request: Request) -> Result<Report, Problem> {
    let span = Span {
        from: request.from,
        to: request.to,
        key: request.key.map(|key| key.as_str().to_owned()),
        agent: request.agent,
        limit: QUARTERS_MAX,
    };
    let (mut quarters, rows) = engine
        .read(move |connection| {
            let quarters = usage::quarters(connection, &span)?;
            let mut rows = BTreeMap::new();
            for quarter in &quarters {
                if !rows.contains_key(&quarter.key)
                    && let Some(row) = session::get(connection, &quarter.key)?
                {
                    rows.insert(quarter.key.clone(), row);
                }
            }
            Ok((quarters, rows))
        })
        .await?;
    let settings = engine.settings();
    for quarter in &mut quarters {
        let price = price_of(&settings.models, &quarter.provider, &quarter.model);
        split(&mut quarter.figures, price);
    }
    Ok(Report { quarters, rows })
}

/// One line of a session, for its usage page.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Who wrote it.
    pub role: Role,
    /// What it says.
    pub text: String,
    /// What it used; answers only.
    pub usage: Option<torana_core::run::Usage>,
}

/// The newest lines of a session with what each answer used, oldest first; `None` when there is no such session.
pub async fn lines(
    engine: &Engine,
    key: &SessionKey,
    limit: usize,
) -> Result<Option<(SessionRow, Vec<Line>)>, Problem> {
    let name = key.as_str().to_owned();
    engine
        .read(move |connection| {
            let Some(row) = session::get(connection, &name)? else {
                return Ok(None);
            };
            let path = transcript::tree(connection, &row.session_id)?.path(row.branch_leaf());
            let limit = limit.min(LINES_MAX);
            let stored = transcript::newest(connection, &row.session_id, &path, limit, usize::MAX)?;
            let line = |stored: transcript::StoredEntry| Line {
                at_ms: stored.entry.at_ms,
                role: stored.entry.role,
                text: stored.entry.text,
                usage: stored.entry.usage,
            };
            let lines = stored.into_iter().map(line).collect();
            Ok(Some((row, lines)))
        })
        .await
}

/// The time zone in which a report cuts its days.
#[derive(Debug, Clone)]
pub struct Zone(jiff::tz::TimeZone);

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }

    /// The gateway's own.
    pub fn gateway(engine: &Engine) -> Self {
        Self(engine.settings().time_zone.zone())
    }

    /// A zone by its name, such as `Europe/Vienna`; `None` when this machine does not know it.
    pub fn named(name: &str) -> Option<Self> {
        jiff::tz::TimeZone::get(name).ok().map(Self)
    }

    /// A fixed distance from UTC, such as `UTC+2` or `UTC-3:30`.
    pub fn offset(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("UTC")?;
        let (sign, figures) = match rest.strip_prefix('-') {
            Some(figures) => (-1, figures),
            None => (1, rest.strip_prefix('+')?),
        };
        let (hours, minutes) = figures.split_once(':').unwrap_or((figures, "0"));
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        if !(0..60).contains(&minutes) {
            return None;
        }
        let seconds = sign * (hours.checked_mul(3_600)? + minutes * 60);
        let offset = jiff::tz::Offset::from_seconds(seconds).ok()?;
        Some(Self(jiff::tz::TimeZone::fixed(offset)))
    }

    /// The calendar day of a moment here, `YYYY-MM-DD`.
    pub fn day(&self, at_ms: i64) -> String {
        jiff::Timestamp::from_millisecond(at_ms)
            .map(|moment| {
                let here = moment.to_zoned(self.0.clone());
                here.strftime("%Y-%m-%d").to_string()
            })
            .unwrap_or_else(|_| utc_day(at_ms))
    }
}

/// When a quarter of an hour begins, Unix milliseconds.
pub fn quarter_start_ms(quarter: &QuarterRow) -> i64 {
    day_start_ms(&quarter.day).unwrap_or(0) + quarter.quarter * 900_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_cut_where_the_zone_says() {
        let midnight = day_start_ms("2026-11-20").expect("a day");
        let day = |zone: &str| Zone::offset(zone).map(|zone| zone.day(midnight));
        assert_eq!(utc_day(midnight), "2026-11-20");
        assert_eq!(day("UTC+0").as_deref(), Some("2026-11-20"));
        assert_eq!(day("UTC-3:30").as_deref(), Some("2026-11-19"));
        assert_eq!(day("UTC+14").as_deref(), Some("2026-11-20"));
        for bad in ["", "UTC", "UTC2", "UTC+99", "UTC+1:75", "GMT+1"] {
            assert_eq!(day(bad), None, "{bad}");
        }
        assert_eq!(day_start_ms("2026-13-01"), None);
    }
}
