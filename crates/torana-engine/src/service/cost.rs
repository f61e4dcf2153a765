//! What models cost over days: tokens and money, as every run counted itself.

use std::collections::BTreeMap;

use jiff::civil::Date;
use torana_core::problem::Problem;

use crate::engine::Engine;
use crate::settings::{ModelInfo, ModelPrice};
use crate::store::usage::{self, CostParts, DayRow, Figures};

/// Longest range, days: two years of rows are still read in a few milliseconds.
pub const DAYS_MAX: i32 = 731;

/// Usage over a range of days.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// First day.
    pub first: Date,
    /// Last day.
    pub last: Date,
    /// Days with runs, in order.
    pub days: Vec<(String, Figures)>,
    /// All of it.
    pub total: Figures,
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
        .read(move |connection| usage::days(connection, &from, &to, agent.as_deref()))
        .await?;
    let settings = engine.settings();
    let mut days: BTreeMap<String, Figures> = BTreeMap::new();
    let mut total = Figures::default();
    for row in &rows {
        let figures = priced(row, &settings.models);
        days.entry(row.day.clone()).or_default().add(&figures);
        total.add(&figures);
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
    let read = |name: &str, text: &Option<String>| {
        text.as_deref()
            .map(|text| {
                text.parse::<Date>().map_err(|_| {
                    Problem::invalid(format!(
                        "invalid {name}: expected a valid YYYY-MM-DD calendar date"
                    ))
                })
            })
            .transpose()
    };
    let last = read("endDate", &range.last)?.unwrap_or(today);
    let days = range.days.unwrap_or(30).clamp(1, i64::from(DAYS_MAX));
    let first = match read("startDate", &range.first)? {
        Some(first) => first,
        None => last
            .checked_sub(jiff::Span::new().days(days - 1))
            .map_err(|_| Problem::invalid("the range of days is out of bounds"))?,
    };
    if first > last {
        return Err(Problem::invalid("startDate must not be after endDate"));
    }
    let length = last.since(first).map_or(i32::MAX, |span| span.get_days());
    if !(0..DAYS_MAX).contains(&length) {
        return Err(Problem::invalid(format!(
            "the range must span at most {DAYS_MAX} days"
        )));
    }
    Ok((first, last))
}

/// The figures of a day with their cost split.
fn priced(row: &DayRow, models: &[ModelInfo]) -> Figures {
    let mut figures = row.figures;
    let price = price_of(models, &row.provider, &row.model);
    // The days do not count calls without a price, but a model without one has no other calls.
    if price.is_none() && figures.cost_usd == 0.0 {
        figures.unpriced = figures.calls;
    }
    split(&mut figures, price);
    figures
}

/// What a model costs today.
pub(crate) fn price_of(models: &[ModelInfo], provider: &str, model: &str) -> Option<ModelPrice> {
    models
        .iter()
        .find(|known| known.reference.provider == provider && known.reference.model == model)
        .and_then(|known| known.price)
}

/// Splits the stored cost over the kinds of tokens by today's prices: only the whole is stored. Without a price, or where
/// nothing has one, the whole stays undivided.
pub(crate) fn split(figures: &mut Figures, price: Option<ModelPrice>) {
    let Some(price) = price else {
        return;
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of a sum for display; token counts are far below 2^53"
    )]
    let weights = [
        figures.input as f64 * price.input,
        figures.output as f64 * price.output,
        figures.cache_read as f64 * price.cache_read,
        figures.cache_write as f64 * price.cache_write,
    ];
    let whole: f64 = weights.iter().sum();
    if whole > 0.0 {
        let share = |weight: f64| figures.cost_usd * weight / whole;
        let [input, output, cache_read, cache_write] = weights.map(share);
        figures.parts = CostParts {
            input,
            output,
            cache_read,
            cache_write,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(figures: &Figures) -> f64 {
        let parts = figures.parts;
        parts.input + parts.output + parts.cache_read + parts.cache_write
    }

    #[test]
    fn parts_make_up_the_whole_however_the_calls_are_grouped() {
        let price = ModelPrice {
            input: 3.0,
            output: 15.0,
            cache_read: 0.3,
            cache_write: 3.75,
        };
        let (mut apart, mut together) = (Figures::default(), Figures::default());
        for number in 1_u32..500 {
            let (input, output) = (number * 977 % 40_000, number * 613 % 9_000 + 1);
            let (cache_read, cache_write) = (number * 331 % 90_000, number * 47 % 5_000);
            let cost_usd = (f64::from(input) * 3.0
                + f64::from(output) * 15.0
                + f64::from(cache_read) * 0.3
                + f64::from(cache_write) * 3.75)
                / 1e6;
            let mut call = Figures {
                calls: 1,
                input: input.into(),
                output: output.into(),
                cache_read: cache_read.into(),
                cache_write: cache_write.into(),
                cost_usd,
                ..Figures::default()
            };
            together.add(&call);
            split(&mut call, Some(price));
            apart.add(&call);
        }
        split(&mut together, Some(price));
        // A hundredth of a cent: the reports have to agree to the cent.
        assert!((money(&apart) - apart.cost_usd).abs() < 1e-4);
        assert!((apart.parts.input - together.parts.input).abs() < 1e-4);
        assert!((apart.parts.cache_write - together.parts.cache_write).abs() < 1e-4);
    }

    #[test]
    fn a_cost_without_a_price_stays_whole() {
        let mut figures = Figures {
            calls: 1,
            input: 10,
            cost_usd: 0.5,
            ..Figures::default()
        };
        split(&mut figures, None);
        assert_eq!(money(&figures), 0.0);
        assert_eq!(figures.cost_usd, 0.5);
    }
}
