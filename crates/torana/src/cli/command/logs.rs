//! `torana logs`: from the running gateway, or from the file when none runs.

use serde_json::{Value, json};
use torana_host::logs::{TailRequest, tail};

use crate::cli::args::{Level, LogsFlags};
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::rpc::{Client, method};

/// Lines of one page (`logs.tail` takes no more).
const PAGE_LINES_MAX: usize = 5_000;

/// Where lines come from.
enum Source {
    Gateway(Box<Client>),
    File(std::path::PathBuf),
}

struct Page {
    cursor: u64,
    lines: Vec<String>,
    reset: bool,
    /// What was left out because one look takes no more; absent after a rotation.
    skipped_bytes: Option<u64>,
}

/// Prints lines, and new ones while following.
pub(crate) async fn run(invocation: &mut Invocation, flags: LogsFlags) -> Result<(), Failure> {
    invocation.wait_ms = flags.wait.wait_ms;
    let mut source = match invocation.connect().await {
        Ok(client) => Source::Gateway(Box::new(client)),
        Err(failure) if failure.exit == Exit::Unreachable && !invocation.is_elsewhere() => {
            let file = invocation.log_file();
            if !file.exists() {
                invocation.output.note(&format!(
                    "there is no log yet; the first start writes {}",
                    file.display()
                ));
            }
            Source::File(file)
        }
        Err(failure) => return Err(failure),
    };
    // A filter may leave most lines out, so it looks at as many as one page has.
    let wanted = if flags.level.is_some() {
        PAGE_LINES_MAX
    } else {
        flags.tail.clamp(1, PAGE_LINES_MAX)
    };
    let mut page = source.page(None, wanted, flags.max_bytes).await?;
    let matching: Vec<&String> = page
        .lines
        .iter()
        .filter(|line| passes(line, flags.level))
        .collect();
    let first = matching.len().saturating_sub(flags.tail);
    for line in &matching[first..] {
        print(invocation, &flags, line)?;
    }
    loop {
        if !flags.follow {
            break;
        }
        tokio::select! {
            biased;
            ended = tokio::signal::ctrl_c() => {
                ended.map_err(|error| Failure::failed(format!("cannot wait for Ctrl-C: {error}")))?;
                break;
            }
            () = invocation.world.sleep_ms(flags.interval_ms) => {}
        }
        page = match source
            .page(Some(page.cursor), PAGE_LINES_MAX, flags.max_bytes)
            .await
        {
            Ok(page) => page,
            // The gateway went away; its file stays.
            Err(failure) if failure.exit == Exit::Unreachable && !invocation.is_elsewhere() => {
                source = Source::File(invocation.log_file());
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if let Some(gap) = page.gap().filter(|_| !invocation.output.json) {
            invocation.output.note(&gap);
        }
        for line in page.lines.iter().filter(|line| passes(line, flags.level)) {
            print(invocation, &flags, line)?;
        }
    }
    if let Source::Gateway(client) = source {
        client.close().await;
    }
    Ok(())
}

impl Page {
    /// Why its lines do not follow the earlier ones.
    fn gap(&self) -> Option<String> {
        match self.skipped_bytes {
            Some(bytes) => Some(format!(
                "{bytes} bytes of the log were left out: more was written than one look takes (--max-bytes)"
            )),
            None => self.reset.then(|| "the log was rotated".to_owned()),
        }
    }
}

impl Source {
    async fn page(
        &mut self,
        cursor: Option<u64>,
        lines_max: usize,
        bytes_max: u64,
    ) -> Result<Page, Failure> {
        match self {
            Self::Gateway(client) => {
                let mut params = json!({ "limit": lines_max, "maxBytes": bytes_max });
                if let Some(cursor) = cursor {
                    params["cursor"] = json!(cursor);
                }
                let answer = client.call(method::LOGS_TAIL, params).await?;
                let lines = answer["lines"].as_array().into_iter().flatten();
                Ok(Page {
                    cursor: answer["cursor"].as_u64().unwrap_or(0),
                    lines: lines
                        .filter_map(|line| line.as_str().map(str::to_owned))
                        .collect(),
                    reset: answer["reset"].as_bool() == Some(true),
                    skipped_bytes: answer["skippedBytes"].as_u64(),
                })
            }
            Self::File(path) => {
                let read = tail(
                    path,
                    TailRequest {
                        cursor,
                        lines_max,
                        bytes_max,
                    },
                )
                .map_err(|error| {
                    Failure::failed(format!("cannot read {}: {error}", path.display()))
                })?;
                Ok(Page {
                    cursor: read.cursor,
                    lines: read.lines,
                    reset: read.reset,
                    skipped_bytes: read.skipped_bytes,
                })
            }
        }
    }
}

/// One line of the log, from our file or in the shape of `logs.tail`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    time: String,
    level: String,
    text: String,
    fields: Vec<(String, String)>,
}

impl Line {
    /// Reads a line; `None` when it is not JSON.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let object = value.as_object()?;
        let text_at = |path: &[&str]| {
            path.iter()
                .try_fold(&value, |value, name| value.get(name))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let level = text_at(&["level"])
            .or_else(|| text_at(&["_meta", "logLevelName"]))
            .unwrap_or_default();
        let text = text_at(&["message"])
            .or_else(|| text_at(&["1"]))
            .or_else(|| text_at(&["fields", "message"]))
            .unwrap_or_default();
        let time = text_at(&["timestamp"])
            .or_else(|| text_at(&["time"]))
            .unwrap_or_default();
        const KNOWN: [&str; 10] = [
            "timestamp",
            "time",
            "level",
            "message",
            "target",
            "_meta",
            "0",
            "1",
            "fields",
            "span",
        ];
        let fields = object
            .iter()
            .filter(|(name, _)| !KNOWN.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), crate::cli::words::plain(value)))
            .collect();
        Some(Self {
            time,
            level,
            text,
            fields,
        })
    }

    /// The line for people: time of day, level, text, facts.
    pub(crate) fn shown(&self) -> String {
        let time = self
            .time
            .split_once('T')
            .map_or(self.time.as_str(), |(_, time)| time);
        let time: String = time.chars().take(12).collect();
        let mut text = format!(
            "{time} {:<5} {}",
            self.level.to_ascii_uppercase(),
            self.text
        );
        for (name, value) in &self.fields {
            text.push_str(&format!(" {name}={value}"));
        }
        text
    }
}

/// A line of this level or a graver one; what is not a log line always passes.
pub(super) fn passes(line: &str, wanted: Option<Level>) -> bool {
    let Some(wanted) = wanted else { return true };
    let Some(line) = Line::read(line) else {
        return true;
    };
    let level = match line.level.to_ascii_lowercase().as_str() {
        "fatal" | "error" => Level::Error,
        "warn" | "warning" => Level::Warn,
        "info" => Level::Info,
        "debug" => Level::Debug,
        "trace" => Level::Trace,
        _ => return true,
    };
    level <= wanted
}

fn print(invocation: &Invocation, flags: &LogsFlags, line: &str) -> Result<(), Failure> {
    if flags.plain || invocation.output.json {
        return invocation.output.text(line);
    }
    match Line::read(line) {
        Some(line) => invocation.output.text(&line.shown()),
        None => invocation.output.text(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_no_rotation() {
        let gap = |reset, skipped_bytes| {
            let page = Page {
                cursor: 0,
                lines: Vec::new(),
                reset,
                skipped_bytes,
            };
            page.gap().unwrap_or_default()
        };
        assert_eq!(gap(false, None), "");
        assert_eq!(gap(true, None), "the log was rotated");
        assert!(gap(true, Some(4_711)).starts_with("4711 bytes of the log were left out"));
    }
}
