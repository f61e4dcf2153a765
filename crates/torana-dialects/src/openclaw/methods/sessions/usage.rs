//! Usage of sessions: a report over days, and one session line by line.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use torana_core::run::Role;
use torana_engine::service::usage::{self as service, Figures, Request, Zone, quarter_start_ms};
use torana_engine::store::session::SessionRow;
use torana_engine::store::usage::QuarterRow;

use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::chat::session_of;
use crate::openclaw::methods::{Answer, Call, Running};
use crate::openclaw::shape;

/// Days of a report that names none.
const DAYS_DEFAULT: i64 = 30;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Sessions of a report when no limit is asked for.
const SESSIONS_DEFAULT: usize = 50;
/// Lines of one session's report when no limit is asked for.
const LINES_DEFAULT: usize = 200;

/// The days a report is about, in its own time zone.
struct Days {
    zone: Zone,
    from: String,
    to: String,
}

impl Days {
    fn of(call: &Call) -> Result<Self, WireError> {
        let params = &call.params;
        let bad = |name: &str| WireError::invalid(format!("invalid {name}"));
        let zone = match params.text("mode") {
            Some("specific") => match (params.word("timeZone"), params.word("utcOffset")) {
                (Some(name), offset) => Zone::named(name)
                    .or_else(|| offset.and_then(Zone::offset))
                    .ok_or_else(|| bad("timeZone"))?,
                (None, Some(offset)) => Zone::offset(offset).ok_or_else(|| bad("utcOffset"))?,
                (None, None) => Zone::utc(),
            },
            Some("gateway") => Zone::gateway(call.engine()),
            _ => Zone::utc(),
        };
        let days = match params.text("range") {
            Some("7d") => 7,
            Some("90d") => 90,
            Some("1y") => 365,
            Some("all") => service::DAYS_MAX,
            _ => DAYS_DEFAULT,
        };
        let now_ms = call.now_ms();
        let to = match params.word("endDate") {
            Some(day) => day.to_owned(),
            None => zone.day(now_ms),
        };
        let end_ms = service::day_start_ms(&to).ok_or_else(|| bad("endDate"))?;
        let from = match params.word("startDate") {
            Some(day) => day.to_owned(),
            None => service::utc_day(end_ms.saturating_sub((days - 1) * DAY_MS)),
        };
        let start_ms = service::day_start_ms(&from).ok_or_else(|| bad("startDate"))?;
        if start_ms > end_ms {
            return Err(WireError::invalid("startDate must not be after endDate"));
        }
        Ok(Self { zone, from, to })
    }

    /// The same days in UTC, with one more at each end: a day here may touch three there.
    fn in_utc(&self) -> (String, String) {
        let around = |day: &str, by: i64| {
            service::utc_day(service::day_start_ms(day).unwrap_or(0).saturating_add(by))
        };
        (around(&self.from, -DAY_MS), around(&self.to, DAY_MS))
    }

    fn day(&self, quarter: &QuarterRow) -> Option<String> {
        let day = self.zone.day(quarter_start_ms(quarter));
        (self.from <= day && day <= self.to).then_some(day)
    }
}

/// Sums of one or more quarters.
#[derive(Default)]
struct Sums {
    all: Figures,
    days: BTreeMap<String, Figures>,
    models: BTreeMap<(String, String), Figures>,
    model_days: BTreeMap<(String, String, String), Figures>,
    first_at_ms: Option<i64>,
    last_at_ms: i64,
}

impl Sums {
    fn add(&mut self, day: &str, quarter: &QuarterRow) {
        let figures = &quarter.figures;
        self.all.add(figures);
        self.days.entry(day.to_owned()).or_default().add(figures);
        if !quarter.provider.is_empty() {
            let model = (quarter.provider.clone(), quarter.model.clone());
            self.model_days
                .entry((day.to_owned(), model.0.clone(), model.1.clone()))
                .or_default()
                .add(figures);
            self.models.entry(model).or_default().add(figures);
        }
        let first = self.first_at_ms.get_or_insert(quarter.first_at_ms);
        *first = (*first).min(quarter.first_at_ms);
        self.last_at_ms = self.last_at_ms.max(quarter.last_at_ms);
    }

    fn duration_ms(&self) -> i64 {
        self.first_at_ms
            .map_or(0, |first| (self.last_at_ms - first).max(0))
    }

    fn by_day(&self, shaped: impl Fn(&Figures) -> Value) -> Vec<Value> {
        self.days
            .iter()
            .map(|(day, figures)| {
                let mut value = shaped(figures);
                value["date"] = json!(day);
                value
            })
            .collect()
    }

    fn by_model(&self) -> Vec<Value> {
        self.models
            .iter()
            .map(|((provider, model), figures)| {
                json!({
                    "provider": provider, "model": model, "count": figures.calls, "totals": shape::totals(figures),
                })
            })
            .collect()
    }

    fn model_daily(&self) -> Vec<Value> {
        self.model_days
            .iter()
            .map(|((day, provider, model), figures)| {
                json!({
                    "date": day, "provider": provider, "model": model, "tokens": figures.tokens(),
                    "cost": figures.cost_usd, "count": figures.calls,
                })
            })
            .collect()
    }
}

fn messages(figures: &Figures) -> Value {
    json!({
        "total": figures.questions + figures.answers, "user": figures.questions, "assistant": figures.answers,
        "toolCalls": 0, "toolResults": 0, "errors": figures.errors,
    })
}

fn latency(figures: &Figures) -> Value {
    let average = figures.wait_ms.checked_div(figures.answers).unwrap_or(0);
    // Single waits are not kept, so the longest stands for the 95th percentile.
    json!({
        "count": figures.answers, "avgMs": average, "minMs": figures.wait_ms_min, "maxMs": figures.wait_ms_max,
        "p95Ms": figures.wait_ms_max,
    })
}

pub(in crate::openclaw::methods) fn usage(call: Call) -> Running {
    Box::pin(async move { report(call).await })
}

async fn report(call: Call) -> Answer {
    let params = &call.params;
    let days = Days::of(&call)?;
    let key = match params.word("key") {
        Some(_) => Some(session_of(&call, "key")?),
        None => None,
    };
    let named = params.word("agentId").map(str::to_ascii_lowercase);
    let of_all = params.word("agentScope").is_some();
    if of_all && (key.is_some() || named.is_some()) {
        return Err(WireError::invalid(
            "agentScope=all cannot be combined with key or agentId",
        ));
    }
    // Quirk: a report that names nothing is about the agent people talk to by default (2026.9.6).
    let agent = match (&key, named) {
        (_, Some(agent)) => Some(agent),
        (None, None) if !of_all => {
            let main = call.engine().parse_key("main")?;
            Some(call.engine().agent_of(&main)?.to_string())
        }
        (_, None) => None,
    };
    let (from, to) = days.in_utc();
    let request = Request {
        from,
        to,
        key,
        agent,
    };
    let found = service::sessions(call.engine(), request).await?;
    // Quirk: `family` counts all transcripts of a key together, `instance` (the default) each by itself (2026.9.6).
    let family =
        params.text("groupBy") == Some("family") || params.flag("includeHistorical") == Some(true);
    let mut sessions: BTreeMap<String, (Sums, Vec<&QuarterRow>)> = BTreeMap::new();
    let (mut all, mut agents) = (Sums::default(), BTreeMap::<String, Figures>::new());
    for quarter in &found.quarters {
        let Some(day) = days.day(quarter) else {
            continue;
        };
        let name = if family {
            &quarter.key
        } else {
            &quarter.session_id
        };
        let (sums, rows) = sessions.entry(name.clone()).or_default();
        sums.add(&day, quarter);
        rows.push(quarter);
        all.add(&day, quarter);
        agents
            .entry(quarter.agent.clone())
            .or_default()
            .add(&quarter.figures);
    }
    let count = sessions.len();
    let longest = sessions
        .values()
        .map(|(sums, _)| sums.duration_ms())
        .max()
        .unwrap_or(0);
    let mut ordered: Vec<_> = sessions.into_values().collect();
    ordered.sort_by_key(|(sums, _)| std::cmp::Reverse(sums.last_at_ms));
    ordered.truncate(params.count("limit").unwrap_or(SESSIONS_DEFAULT));
    let shown: Vec<Value> = ordered
        .iter()
        .map(|(sums, rows)| session(sums, rows, &found.rows, family))
        .collect();
    Ok(Payload::of(&json!({
        "updatedAt": call.now_ms(), "startDate": days.from, "endDate": days.to,
        "sessions": shown,
        "totals": shape::totals(&all.all),
        "aggregates": aggregates(&all, &agents, count, longest),
        "creatorOptions": [],
        "cacheStatus": {
            "status": "fresh", "cachedFiles": 0, "pendingFiles": 0, "staleFiles": 0, "refreshedAt": call.now_ms(),
        },
    })))
}

fn aggregates(
    all: &Sums,
    agents: &BTreeMap<String, Figures>,
    sessions: usize,
    longest_ms: i64,
) -> Value {
    let mut providers: BTreeMap<&str, Figures> = BTreeMap::new();
    for ((provider, _), figures) in &all.models {
        providers.entry(provider).or_default().add(figures);
    }
    let by_provider: Vec<Value> = providers
        .iter()
        .map(|(provider, figures)| {
            json!({ "provider": provider, "count": figures.calls, "totals": shape::totals(figures) })
        })
        .collect();
    let by_agent: Vec<Value> = agents
        .iter()
        .map(|(agent, figures)| json!({ "agentId": agent, "totals": shape::totals(figures) }))
        .collect();
    json!({
        "sessionCount": sessions,
        "longestSessionDurationMs": longest_ms,
        "messages": messages(&all.all),
        "tools": { "totalCalls": 0, "uniqueTools": 0, "tools": [] },
        "byModel": all.by_model(),
        "byProvider": by_provider,
        "byAgent": by_agent,
        "byChannel": [],
        "byCreator": [],
        "costDaily": all.by_day(shape::totals),
        "latency": latency(&all.all),
        "dailyLatency": all.by_day(latency),
        "modelDaily": all.model_daily(),
        "daily": all.by_day(|figures| json!({
            "tokens": figures.tokens(), "cost": figures.cost_usd, "messages": figures.questions + figures.answers,
            "toolCalls": 0, "errors": figures.errors,
        })),
    })
}

/// One session of the report. Its quarters are newest day first.
fn session(
    sums: &Sums,
    quarters: &[&QuarterRow],
    rows: &BTreeMap<String, SessionRow>,
    family: bool,
) -> Value {
    let Some(newest) = quarters.iter().max_by_key(|quarter| quarter.last_at_ms) else {
        return Value::Null;
    };
    let row = rows.get(&newest.key);
    let current = row.map_or(newest.session_id.as_str(), |row| row.session_id.as_str());
    let shown_id = if family {
        current
    } else {
        newest.session_id.as_str()
    };
    let mut value = json!({
        "key": newest.key,
        "sessionId": shown_id,
        "scope": if family { "family" } else { "instance" },
        "updatedAt": sums.last_at_ms,
        "agentId": newest.agent,
        "usage": usage_of(sums, quarters, shown_id),
        "hasContextWeight": false,
    });
    if family {
        let ids: BTreeSet<&str> = quarters
            .iter()
            .map(|quarter| quarter.session_id.as_str())
            .collect();
        value["sessionFamilyKey"] = json!(newest.key);
        value["currentSessionId"] = json!(current);
        value["historicalInstanceCount"] = json!(ids.iter().filter(|id| **id != current).count());
        value["includedSessionIds"] = json!(ids);
    }
    if !newest.provider.is_empty() {
        value["modelProvider"] = json!(newest.provider);
        value["model"] = json!(newest.model);
    }
    if let Some(row) = row {
        if let Some(label) = &row.label {
            value["label"] = json!(label);
        }
        if let Some(chat_type) = &row.chat_type {
            value["chatType"] = json!(chat_type);
        }
    }
    value
}

fn usage_of(sums: &Sums, quarters: &[&QuarterRow], session_id: &str) -> Value {
    let mut value = shape::totals(&sums.all);
    let by_quarter = |shaped: &dyn Fn(&Figures) -> Value| -> Vec<Value> {
        let mut found: BTreeMap<(&str, i64), Figures> = BTreeMap::new();
        for quarter in quarters {
            let place = (quarter.day.as_str(), quarter.quarter);
            found.entry(place).or_default().add(&quarter.figures);
        }
        found
            .iter()
            .map(|((day, index), figures)| {
                let mut value = shaped(figures);
                value["date"] = json!(day);
                value["quarterIndex"] = json!(index);
                value
            })
            .collect()
    };
    let more = json!({
        "sessionId": session_id,
        "firstActivity": sums.first_at_ms,
        "lastActivity": sums.last_at_ms,
        "durationMs": sums.duration_ms(),
        "messageCounts": messages(&sums.all),
        "modelUsage": sums.by_model(),
        "latency": latency(&sums.all),
        "activityDates": sums.days.keys().collect::<Vec<_>>(),
        "dailyBreakdown": sums.by_day(|figures| {
            let mut value = shape::totals(figures);
            value["tokens"] = json!(figures.tokens());
            value["cost"] = json!(figures.cost_usd);
            value
        }),
        "dailyMessageCounts": sums.by_day(messages),
        "utcQuarterHourMessageCounts": by_quarter(&messages),
        "utcQuarterHourTokenUsage": by_quarter(&shape::tokens),
        "dailyLatency": sums.by_day(latency),
        "dailyModelUsage": sums.model_daily(),
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

pub(in crate::openclaw::methods) fn timeseries(call: Call) -> Running {
    Box::pin(async move {
        let key = call.params.word("key").unwrap_or_default();
        let (row, lines) = lines_of(&call, usize::MAX, "timeseries")
            .await?
            .ok_or_else(|| WireError::invalid(format!("No transcript found for session: {key}")))?;
        let (mut tokens, mut cost) = (0, 0.0);
        let points: Vec<Value> = lines
            .iter()
            .filter_map(|line| line.usage.map(|usage| (line.at_ms, usage)))
            .map(|(at_ms, usage)| {
                tokens += usage.total();
                cost += usage.cost_usd.unwrap_or(0.0);
                json!({
                    "timestamp": at_ms, "input": usage.input, "output": usage.output, "cacheRead": usage.cache_read,
                    "cacheWrite": usage.cache_write, "totalTokens": usage.total(), "cost": usage.cost_usd.unwrap_or(0.0),
                    "cumulativeTokens": tokens, "cumulativeCost": cost,
                })
            })
            .collect();
        Ok(Payload::of(
            &json!({ "sessionId": row.session_id, "points": points }),
        ))
    })
}

pub(in crate::openclaw::methods) fn logs(call: Call) -> Running {
    Box::pin(async move {
        let limit = call.params.count("limit").unwrap_or(LINES_DEFAULT);
        let lines = lines_of(&call, limit, "logs").await?;
        // A session that is not there has said nothing.
        let lines = lines.map_or_else(Vec::new, |(_, lines)| lines);
        let logs: Vec<Value> = lines
            .iter()
            .filter(|line| line.role != Role::System)
            .map(|line| {
                let role = if line.role == Role::User {
                    "user"
                } else {
                    "assistant"
                };
                let mut entry =
                    json!({ "timestamp": line.at_ms, "role": role, "content": line.text });
                if let Some(usage) = &line.usage {
                    entry["tokens"] = json!(usage.total());
                    if let Some(cost) = usage.cost_usd {
                        entry["cost"] = json!(cost);
                    }
                }
                entry
            })
            .collect();
        Ok(Payload::of(&json!({ "logs": logs })))
    })
}

async fn lines_of(
    call: &Call,
    limit: usize,
    what: &str,
) -> Result<Option<(SessionRow, Vec<service::Line>)>, WireError> {
    if call.params.word("key").is_none() {
        return Err(WireError::invalid(format!("key is required for {what}")));
    }
    let session = session_of(call, "key")?;
    Ok(service::lines(call.engine(), &session, limit).await?)
}
