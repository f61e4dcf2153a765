//! What a command prints: results on stdout, escaped so that no message can drive the terminal (S-110).

use std::io::{self, Write};

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::Value;
use torana_host::logs::escape_json_line;

use super::failure::Failure;
use super::safe::safe;

/// Longest cell of a table, characters: four of them fit a wide terminal.
const CELL_CHARS_MAX: usize = 60;

/// Where results go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Print JSON.
    pub(crate) json: bool,
}

// === impl Output ===

impl Output {
    /// A line of text from anywhere; line breaks in it stay.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        for line in text.lines() {
            writeln!(stdout, "{}", safe(line))?;
        }
        Ok(())
    }

    /// A piece of a growing text, shown at once.
    pub(crate) fn piece(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let mut lines = text.split('\n');
        if let Some(first) = lines.next() {
            write!(stdout, "{}", safe(first))?;
        }
        for line in lines {
            write!(stdout, "\n{}", safe(line))?;
        }
        stdout.flush()?;
        Ok(())
    }

    /// A value as JSON, indented for people who read it.
    pub(crate) fn value(&self, value: &Value) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
        let mut stdout = io::stdout().lock();
        for line in text.lines() {
            writeln!(stdout, "{}", escape_json_line(line))?;
        }
        Ok(())
    }

    /// The value when JSON was asked for, else the text.
    pub(crate) fn either(
        &self,
        value: &Value,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            self.value(value)
        } else {
            self.text(&text())
        }
    }

    /// Something for people only, beside the result.
    pub(crate) fn note(&self, text: &str) {
        // Notes are a courtesy; a closed stderr must not change the result.
        writeln!(io::stderr().lock(), "{}", safe(text)).unwrap_or_default();
    }
}

/// Rows under headings, aligned; no frame, so that it can be read by `awk` as well.
pub(crate) fn table<const COLUMNS: usize>(
    headings: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table.set_header(headings.map(str::to_uppercase));
    for row in rows {
        table.add_row(row.map(|cell| cell_text(&cell)));
    }
    for column in table.column_iter_mut() {
        // Two spaces, so that cells with a space in them stay apart.
        column.set_padding((0, 2));
    }
    table
        .to_string()
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A cell on one line: line breaks become spaces, long texts end in an ellipsis, nothing is empty.
fn cell_text(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "-".to_owned();
    }
    let line = safe(&line).into_owned();
    if line.chars().count() <= CELL_CHARS_MAX {
        return line;
    }
    let mut short: String = line.chars().take(CELL_CHARS_MAX - 1).collect();
    short.push('…');
    short
}

/// Lines of `name: value`, values in one column.
pub(crate) fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let facts: Vec<(&str, String)> = facts.into_iter().collect();
    let width = facts
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    facts
        .iter()
        .map(|(name, value)| format!("{name:<width$}  {value}"))
        .collect::<Vec<_>>()
        .join("\n")
}
