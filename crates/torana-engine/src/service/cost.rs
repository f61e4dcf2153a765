//! What models cost over days: tokens and money, as every run counted itself.

use std::collections::BTreeMap;

use jiff::civil::Date;
use torana_core::problem::Problem;

use crate::engine::Engine;
use crate::settings::{ModelInfo, ModelPrice};
use crate::store::cost::{self as table, UsageRow};

/// Longest range, days: two years of rows are still read in a few milliseconds.
pub const DAYS_MAX: i32 = 731;

/// Tokens and money of some runs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
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
    /// What it cost, US dollars.
    pub cost: f64,
    /// The part of it for tokens sent.
    pub input_cost: f64,
    /// The part for tokens received.
    pub output_cost: f64,
    /// The part for tokens read from the cache.
    pub cache_read_cost: f64,
    /// The part for tokens written to the cache.
    pub cache_write_cost: f64,
    /// Runs whose model has no price.
    pub unpriced: u64,
}

/// Usage over a range of days.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// First day.
    pub first: Date,
    /// Last day.
    pub last: Date,
    /// Days with runs, in order.
    pub days: Vec<(String, Sum)>,
    /// All of it.
    pub total: Sum,
}

/// Which days.
#[derive(Debug, Clone, Default)]
pub struct Range {
    /// First day, `2026-11-20`.
    pub first: Option<String>,
    /// Last day; today when absent.
    pub last: Option<String>,
    /// So many days up to the last one, when the first is absent; 30 when both are.
    pub days: Option<i64>,
}

/// What was used; of one agent when given. Days are those of UTC.
pub async fn cost(engine: &Engine, range: Range, agent: Option<String>) -> Result<Usage, Problem> {
    let (first, last) = bounds(&range, engine.world().wall_ms())?;
    let (from, to) = (first.to_string(), last.to_string());
    let rows = engine
        .store()
        .read(move |connection| table::between(connection, &from, &to, agent.as_deref()))
        .await
        .map_err(|error| engine.problem(&error))?;
    let settings = engine.settings();
    let mut days: BTreeMap<String, Sum> = BTreeMap::new();
    let mut total = Sum::default();
    for row in &rows {
        let sum = sum_of(row, &settings.models);
        days.entry(row.day.clone()).or_default().add(&sum);
        total.add(&sum);
    }
    Ok(Usage {
        first,
        last,
        days: days.into_iter().collect(),
        total,
    })
}

fn bounds(range: &Range, now_ms: i64) -> Result<(Date, Date), Problem> {
    let today = jiff::Timestamp::from_millisecond(now_ms)
        .map(|now| now.to_zoned(jiff::tz::TimeZone::UTC).date())
        .map_err(|_| Problem::invalid("the clock is out of range"))?;
    let read = |text: &Option<String>| {
        text.as_deref()
            .map(|text| {
                text.parse::<Date>().map_err(|_| {
                    Problem::invalid(format!("\"{}\" is not a day", short(text)))
                        .hint("write it as 2026-11-20")
                })
            })
            .transpose()
    };
    let last = read(&range.last)?.unwrap_or(today);
    let days = range.days.unwrap_or(30).clamp(1, i64::from(DAYS_MAX));
    let first = match read(&range.first)? {
        Some(first) => first,
        None => last
            .checked_sub(jiff::Span::new().days(days - 1))
            .map_err(|_| Problem::invalid("the range of days is out of bounds"))?,
    };
    let length = last.since(first).map_or(i32::MAX, |span| span.get_days());
    if !(0..DAYS_MAX).contains(&length) {
        return Err(Problem::invalid(format!(
            "the range must end after it begins and span at most {DAYS_MAX} days"
        )));
    }
    Ok((first, last))
}

fn short(text: &str) -> String {
    text.chars().take(32).collect()
}

fn sum_of(row: &UsageRow, models: &[ModelInfo]) -> Sum {
    let price = models
        .iter()
        .find(|model| {
            model.reference.provider == row.provider && model.reference.model == row.model
        })
        .and_then(|model| model.price);
    let mut sum = Sum {
        calls: row.calls,
        input: row.input,
        output: row.output,
        cache_read: row.cache_read,
        cache_write: row.cache_write,
        cost: row.cost_usd,
        ..Sum::default()
    };
    match price {
        Some(price) => sum.split(price),
        None if row.cost_usd == 0.0 => sum.unpriced = row.calls,
        None => {}
    }
    sum
}

impl Sum {
    /// Splits the stored cost over the kinds of tokens by today's prices: only the whole is stored.
    fn split(&mut self, price: ModelPrice) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share of a sum for display; token counts are far below 2^53"
        )]
        let weights = [
            self.input as f64 * price.input,
            self.output as f64 * price.output,
            self.cache_read as f64 * price.cache_read,
            self.cache_write as f64 * price.cache_write,
        ];
        let whole: f64 = weights.iter().sum();
        if whole > 0.0 {
            let share = |weight: f64| self.cost * weight / whole;
            let [input, output, cache_read, cache_write] = weights.map(share);
            self.input_cost = input;
            self.output_cost = output;
            self.cache_read_cost = cache_read;
            self.cache_write_cost = cache_write;
        }
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.cost += other.cost;
        self.input_cost += other.input_cost;
        self.output_cost += other.output_cost;
        self.cache_read_cost += other.cache_read_cost;
        self.cache_write_cost += other.cache_write_cost;
        self.unpriced += other.unpriced;
    }

    /// All tokens.
    pub fn tokens(&self) -> u64 {
        self.input + self.output + self.cache_read + self.cache_write
    }
}
