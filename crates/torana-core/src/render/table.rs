//! Tables for platforms that have none: an aligned block, bullets, or the rows as written.

use pulldown_cmark::Alignment;

use super::format::TableMode;

/// Columns are not padded beyond this many cells, so one long cell cannot blow up every row.
const COLUMN_WIDTH_MAX: usize = 40;

/// A table while its events arrive; the first row is the head.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) alignments: Vec<Alignment>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(alignments: Vec<Alignment>) -> Self {
        Self {
            alignments,
            rows: Vec::new(),
        }
    }

    /// The cell being written, if one is open.
    pub(super) fn cell(&mut self) -> Option<&mut String> {
        self.rows.last_mut()?.last_mut()
    }

    /// The table as text.
    pub(super) fn lay_out(&self, mode: TableMode) -> String {
        match mode {
            TableMode::Code => self.aligned(),
            TableMode::Bullets => self.bullets(),
            TableMode::Off => self.as_written(),
        }
    }

    fn aligned(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, cell) in trimmed(row).iter().enumerate() {
                if column > 0 {
                    line.push_str(" | ");
                }
                pad(&mut line, cell, widths[column], self.alignment(column));
            }
            push_line(&mut text, line.trim_end());
            if index == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                push_line(&mut text, &rule.join("-+-"));
            }
        }
        text
    }

    fn bullets(&self) -> String {
        let mut text = String::new();
        let Some((head, rows)) = self.rows.split_first() else {
            return text;
        };
        for row in if rows.is_empty() {
            std::slice::from_ref(head)
        } else {
            rows
        } {
            let first = row.first().map_or("", |cell| cell.trim());
            push_line(&mut text, &format!("• {first}"));
            for (column, cell) in trimmed(row).iter().enumerate().skip(1) {
                let value = cell.trim();
                match head.get(column).map(|name| name.trim()) {
                    _ if value.is_empty() => {}
                    Some(name) if !name.is_empty() => {
                        push_line(&mut text, &format!("  {name}: {value}"));
                    }
                    _ => push_line(&mut text, &format!("  {value}")),
                }
            }
        }
        text
    }

    fn as_written(&self) -> String {
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let cells: Vec<&str> = trimmed(row).iter().map(|cell| cell.trim()).collect();
            push_line(&mut text, &format!("| {} |", cells.join(" | ")));
            if index == 0 {
                push_line(&mut text, &format!("|{}", "---|".repeat(row.len().max(1))));
            }
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                let width = display_width(cell.trim()).min(COLUMN_WIDTH_MAX);
                match widths.get_mut(column) {
                    Some(known) => *known = (*known).max(width),
                    None => widths.push(width.max(1)),
                }
            }
        }
        widths
    }

    fn alignment(&self, column: usize) -> Alignment {
        self.alignments
            .get(column)
            .copied()
            .unwrap_or(Alignment::None)
    }
}

/// A row without its empty tail, which the parser fills up and nobody needs to see.
fn trimmed(row: &[String]) -> &[String] {
    let used = row
        .iter()
        .rposition(|cell| !cell.trim().is_empty())
        .map_or(0, |last| last + 1);
    &row[..used]
}

fn pad(line: &mut String, cell: &str, width: usize, alignment: Alignment) {
    let cell = cell.trim();
    let room = width.saturating_sub(display_width(cell));
    let before = match alignment {
        Alignment::None | Alignment::Left => 0,
        Alignment::Center => room / 2,
        Alignment::Right => room,
    };
    line.extend(std::iter::repeat_n(' ', before));
    line.push_str(cell);
    line.extend(std::iter::repeat_n(' ', room - before));
}

fn push_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

/// How many monospace cells a text fills, near enough for a table: East Asian and emoji characters
/// two, combining marks none.
fn display_width(text: &str) -> usize {
    text.chars()
        .map(|ch| match u32::from(ch) {
            0x0300..=0x036F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
            0x1100..=0x115F
            | 0x2E80..=0xA4CF
            | 0xAC00..=0xD7A3
            | 0xF900..=0xFAFF
            | 0xFE30..=0xFE6F
            | 0xFF00..=0xFF60
            | 0xFFE0..=0xFFE6
            | 0x1F300..=0x1FAFF
            | 0x20000..=0x3FFFD => 2,
            _ => 1,
        })
        .sum()
}
