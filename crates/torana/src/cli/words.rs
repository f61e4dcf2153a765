//! Times and figures as people read them.

use serde_json::Value;

/// How long ago, in the largest unit that fits: `now`, `42s`, `7m`, `3h`, `5d`.
pub(crate) fn age(now_ms: i64, at_ms: i64) -> String {
    match now_ms.saturating_sub(at_ms) / 1_000 {
        ..=0 => "now".to_owned(),
        seconds => span(seconds.unsigned_abs()),
    }
}

/// How long ago, as part of a sentence: `3h ago`, `just now`.
pub(crate) fn ago(now_ms: i64, at_ms: i64) -> String {
    match age(now_ms, at_ms).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    }
}

/// A number of seconds in the largest unit that fits.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How long something has run, with two units: `3h 12m`.
pub(crate) fn uptime(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Bytes in the largest unit that fits.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 10 * 1_024 && unit + 1 < UNITS.len() {
        value /= 1_024;
        unit += 1;
    }
    format!("{value} {}", UNITS[unit])
}

/// Whether something holds.
pub(crate) fn yes_or_no(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

/// `1 message`, `2 messages`.
pub(crate) fn count(number: i64, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

/// Text of a field, or nothing.
pub(crate) fn text_of<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Whole number of a field.
pub(crate) fn number_of(value: &Value, field: &str) -> Option<i64> {
    value.get(field).and_then(Value::as_i64)
}

/// Items of a list field.
pub(crate) fn items_of<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Any plain value as text.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
