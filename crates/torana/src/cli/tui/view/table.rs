//! Tables of any width on a screen that has one: columns give way, the widest first, and cells go on below themselves.

use ratatui_core::style::{Modifier, Style};
use ratatui_core::text::Span;
use unicode_width::UnicodeWidthStr as _;

use super::wrap::Long;

/// Narrowest column; a word cut into smaller pieces cannot be read.
const COLUMN_MIN: usize = 4;
/// Cells between two columns.
const GAP: usize = 3;

/// The lines of a table, each at most `room` cells wide where its columns allow it.
pub(super) fn lines(rows: &[Vec<String>], base: Style, room: usize) -> Vec<Vec<Span<'static>>> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let styled = |text: String, style| vec![Span::styled(text, style)];
    if columns * (COLUMN_MIN + GAP) > room + GAP {
        let rows = rows.iter();
        return rows.map(|row| styled(row.join(" │ "), base)).collect();
    }
    let widths = widths(rows, columns, room);
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    let rule = || styled(rule.join("─┼─"), base.add_modifier(Modifier::DIM));
    let rows: Vec<Vec<String>> = rows.iter().map(|row| broken(row, &widths)).collect();
    // Without rules nobody could tell the rest of a row from the next one.
    let is_broken = rows.iter().any(|row| row.len() > 1);
    let mut lines = Vec::new();
    for (number, row) in rows.into_iter().enumerate() {
        if number == 1 || (number > 1 && is_broken) {
            lines.push(rule());
        }
        let style = if number == 0 {
            base.add_modifier(Modifier::BOLD)
        } else {
            base
        };
        lines.extend(row.into_iter().map(|line| styled(line, style)));
    }
    if lines.len() == 1 {
        lines.push(rule());
    }
    lines
}

/// How wide each column is: as wide as it wants, unless all of them are too wide together.
fn widths(rows: &[Vec<String>], columns: usize, room: usize) -> Vec<usize> {
    let room = room - columns.saturating_sub(1) * GAP;
    let mut widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.width()).max().unwrap_or(0);
            widest.clamp(1, room)
        })
        .collect();
    while widths.iter().sum::<usize>() > room
        && let Some(widest) = widths.iter_mut().max()
    {
        *widest -= 1;
    }
    widths
}

/// One row as lines: its cells side by side, each broken to the width of its column.
fn broken(row: &[String], widths: &[usize]) -> Vec<String> {
    let cells: Vec<Vec<String>> = widths
        .iter()
        .enumerate()
        .map(|(column, width)| {
            let text = row.get(column).map_or("", String::as_str);
            if text.width() <= *width {
                return vec![text.to_owned()];
            }
            let rows = Long::plain(text, Style::new()).rows(*width);
            rows.iter().map(ToString::to_string).collect()
        })
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(1);
    (0..height)
        .map(|line| {
            let cells = cells.iter().zip(widths).map(|(cell, width)| {
                let text = cell.get(line).map_or("", |text| text.trim_end());
                format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
            });
            let line = cells.collect::<Vec<_>>().join(" │ ");
            line.trim_end().to_owned()
        })
        .collect()
}
