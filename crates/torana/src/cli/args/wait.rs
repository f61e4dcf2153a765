//! How long a command waits for the gateway, and how times are written.

use clap::Args;

/// How long one command waits; a day at most, so that a typing error is no promise for years.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct WaitFlag {
    /// Longest wait for the gateway, milliseconds
    #[arg(long = "timeout", value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub(crate) wait_ms: Option<u64>,
}

/// The same for a whole family of commands.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct FamilyWaitFlag {
    /// Longest wait for the gateway, milliseconds
    #[arg(long = "timeout", global = true, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub(crate) wait_ms: Option<u64>,
}

/// Reads `90s`, `15m`, `24h` or `7d` as milliseconds.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" | "" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        other => return Err(format!("`{other}` is no unit of time; write s, m, h or d")),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit_ms))
        .ok_or_else(|| "write a time as `90m`, `24h` or `7d`".to_owned())
}

/// How one question is asked.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct AskFlags {
    #[command(flatten)]
    pub(crate) wait: WaitFlag,
    #[command(flatten)]
    pub(crate) last: FinalFlag,
}

/// Which answer is waited for.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct FinalFlag {
    /// Wait for the final answer of a method that first says it has accepted
    #[arg(long, global = true)]
    pub(crate) expect_final: bool,
}

/// Longest time a command line may name: a day, as with every other wait.
const SPAN_MS_MAX: u64 = 86_400_000;

/// Reads `1500`, `30s`, `5m` or `1h30m` as milliseconds.
pub(crate) fn span_ms(text: &str) -> Result<u64, String> {
    let wrong = || "write a time as `30s`, `5m`, `1h30m` or in milliseconds".to_owned();
    let mut rest = text.trim();
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let digits_end = rest.find(|character: char| !character.is_ascii_digit());
        let (digits, after) = rest.split_at(digits_end.unwrap_or(rest.len()));
        let unit_end = after.find(|character: char| character.is_ascii_digit());
        let (unit, next) = after.split_at(unit_end.unwrap_or(after.len()));
        let unit_ms = match unit {
            "ms" => 1,
            // Only a time that is nothing but a number.
            "" if digits.len() == text.trim().len() => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let number = digits.parse::<u64>().map_err(|_| wrong())?;
        let part_ms = number.checked_mul(unit_ms).ok_or_else(wrong)?;
        total_ms = total_ms.checked_add(part_ms).ok_or_else(wrong)?;
        rest = next;
    }
    if text.trim().is_empty() {
        return Err(wrong());
    }
    if total_ms > SPAN_MS_MAX {
        return Err("a day at most".to_owned());
    }
    Ok(total_ms)
}
