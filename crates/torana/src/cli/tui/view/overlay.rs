//! What stands in front of the conversation: the help, and lists to choose from.

use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::terminal::Frame;
use ratatui_core::text::Line;
use ratatui_core::widgets::Widget as _;
use ratatui_widgets::block::Block;
use ratatui_widgets::borders::Borders;
use ratatui_widgets::clear::Clear;
use unicode_width::UnicodeWidthStr as _;

use super::page::cut;
use super::wrap::Long;
use crate::cli::tui::complete::{self, Known};
use crate::cli::tui::keys::KEYS;
use crate::cli::tui::picker::{Picker, Topic};
use crate::cli::tui::question::{Prompt, Row};
use crate::cli::tui::slash::COMMANDS;
use crate::cli::tui::state::State;
use crate::cli::words::span;

/// Widest list; wider ones are hard to read across.
const WIDTH_MAX: u16 = 90;

/// Column in which it is said what a command does; longer calls push it to the next line.
const DOES_COLUMN: usize = 24;

/// Keys and commands, from a line on. Returns how far down one can go.
pub(crate) fn help(frame: &mut Frame<'_>, area: Rect, top: usize, known: &[Known]) -> usize {
    let lines = help_lines(known);
    let inner = boxed(frame, area, " Help ", lines.len());
    let last = lines.len().saturating_sub(usize::from(inner.height));
    put(frame, inner, &lines[top.min(last)..]);
    last
}

fn help_lines(known: &[Known]) -> Vec<Line<'static>> {
    let two = |left: &str, right: &str| {
        if left.width() < DOES_COLUMN {
            vec![Line::from(format!("{left:<DOES_COLUMN$}{right}"))]
        } else {
            let gap = " ".repeat(DOES_COLUMN);
            vec![
                Line::from(left.to_owned()),
                Line::from(format!("{gap}{right}")),
            ]
        }
    };
    let mut lines: Vec<Line<'static>> =
        KEYS.iter().flat_map(|(key, does)| two(key, does)).collect();
    lines.push(Line::default());
    for (name, takes, does) in COMMANDS {
        lines.extend(two(format!("/{name} {takes}").trim_end(), does));
    }
    lines.extend(two("!command", "run it on this machine, after a yes"));
    lines.push(Line::default());
    lines.push(Line::styled(
        "Every other command goes to the gateway.",
        Style::new().add_modifier(Modifier::DIM),
    ));
    for (name, about) in complete::others(known) {
        lines.extend(two(&format!("/{name}"), about));
    }
    lines
}

/// A list with its filter. True when what is to be decided did not fit.
pub(crate) fn picker(frame: &mut Frame<'_>, area: Rect, picker: &Picker, state: &State) -> bool {
    let shown = picker.shown();
    let mut head: Vec<Line<'static>> = Vec::new();
    let mut is_cut = false;
    if let Topic::Approval(id) = &picker.topic
        && let Some(approval) = state.approvals.iter().find(|approval| approval.id == *id)
    {
        // Frame, place and every decision have to be seen as well.
        (head, is_cut) = whole(&approval.subject, area, shown.len() + 3);
        head.push(Line::styled(
            approval.place.clone(),
            Style::new().add_modifier(Modifier::DIM),
        ));
    } else if matches!(picker.topic, Topic::Shell(_)) {
        (head, is_cut) = whole(&picker.title, area, shown.len() + 2);
    } else if matches!(picker.topic, Topic::Suggestion(_)) {
        head = wrapped(&picker.title, area, Style::new());
    } else {
        head.push(Line::from(format!("filter: {}▏", picker.filter)));
    }
    let title = match picker.topic {
        Topic::Approval(_) => " An agent asks ".to_owned(),
        Topic::Suggestion(_) => " An agent suggests ".to_owned(),
        Topic::Shell(_) => " Run it here? ".to_owned(),
        _ => format!(" {} ", picker.title),
    };
    let inner = boxed(frame, area, &title, head.len() + shown.len().max(1));
    let room = usize::from(inner.height).saturating_sub(head.len()).max(1);
    let position = picker.position();
    let first = position.saturating_sub(room - 1);
    let width = usize::from(inner.width);
    if shown.is_empty() {
        head.push(Line::from(if picker.loading {
            "asking the gateway …"
        } else {
            "nothing fits"
        }));
    }
    for (number, item) in shown.iter().enumerate().skip(first).take(room) {
        let text = cut(&format!(" {}  {}", item.label, item.detail), width);
        let style = if number == position {
            chosen()
        } else {
            Style::new()
        };
        head.push(Line::styled(padded(&text, width), style));
    }
    put(frame, inner, &head);
    is_cut
}

/// The line one stands on: reversed, so that it is seen without colours as well.
fn chosen() -> Style {
    Style::new()
        .fg(Color::Cyan)
        .add_modifier(Modifier::REVERSED)
}

/// A text from edge to edge, in cells.
fn padded(text: &str, width: usize) -> String {
    let gap = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(gap))
}

fn wrapped(text: &str, area: Rect, style: Style) -> Vec<Line<'static>> {
    let width = usize::from(area.width.saturating_sub(4).min(WIDTH_MAX - 2));
    text.lines()
        .flat_map(|line| Long::plain(line.to_owned(), style).rows(width))
        .collect()
}

/// A text that must be read before something is decided, beside so many other rows. True when it did not fit.
fn whole(text: &str, area: Rect, others: usize) -> (Vec<Line<'static>>, bool) {
    let mut rows = wrapped(text, area, Style::new());
    let room = usize::from(area.height).saturating_sub(others);
    let is_cut = rows.len() > room;
    if is_cut {
        rows.truncate(room.saturating_sub(1));
        rows.push(too_long());
    }
    (rows, is_cut)
}

fn too_long() -> Line<'static> {
    Line::styled(
        "… all of it does not fit; make the terminal larger",
        Style::new().add_modifier(Modifier::BOLD),
    )
}

/// A question and its answers. True when what is asked did not fit.
pub(crate) fn prompt(frame: &mut Frame<'_>, area: Rect, prompt: &Prompt, state: &State) -> bool {
    let part = prompt.part();
    let dim = Style::new().add_modifier(Modifier::DIM);
    let left_ms = prompt.question.expires_at_ms.saturating_sub(state.wall_ms);
    let mut lead = Vec::new();
    if prompt.question.parts.len() > 1 {
        lead.push(format!(
            "{} of {}",
            prompt.at + 1,
            prompt.question.parts.len()
        ));
    }
    if !part.header.is_empty() {
        lead.push(part.header.clone());
    }
    if prompt.question.expires_at_ms < i64::MAX {
        let seconds = left_ms.max(0).unsigned_abs() / 1_000;
        lead.push(format!("{} left", span(seconds)));
    }
    let mut answers = if prompt.typing {
        typed(prompt)
    } else {
        choices(prompt, usize::from(area.width.saturating_sub(4)))
    };
    let mut head = vec![Line::styled(lead.join(" · "), dim)];
    head.extend(wrapped(&part.text, area, Style::new()));
    head.extend(wrapped(&part.url, area, Style::new()));
    for line in &part.purpose {
        head.extend(wrapped(line, area, dim));
    }
    // The answers stay in sight, however long the question is.
    let room = usize::from(area.height).saturating_sub(2 + answers.len());
    let mut is_cut = head.len() > room;
    if is_cut {
        head.truncate(room.saturating_sub(1));
        head.push(too_long());
    }
    let widest = head.iter().skip(1).map(Line::width).max().unwrap_or(0);
    head.append(&mut answers);
    let inner = boxed(frame, area, " An agent asks ", head.len());
    // Rows have a least width, and the box may be narrower yet.
    is_cut |= widest > usize::from(inner.width);
    put(frame, inner, &head);
    is_cut
}

fn choices(prompt: &Prompt, width: usize) -> Vec<Line<'static>> {
    let part = prompt.part();
    prompt
        .rows()
        .iter()
        .enumerate()
        .map(|(number, row)| {
            let text = match row {
                Row::Option(option) => {
                    let mark = match (part.multi, prompt.chosen.contains(option)) {
                        (false, _) => "",
                        (true, true) => "[x] ",
                        (true, false) => "[ ] ",
                    };
                    let label = part.options.get(*option).map_or("", String::as_str);
                    format!("{mark}{}", crate::cli::tui::clean::line(label))
                }
                Row::Other => "Other …".to_owned(),
                Row::Skip => "Skip".to_owned(),
            };
            let text = cut(&format!(" {} {text}", number + 1), width);
            let style = if number == prompt.row {
                chosen()
            } else {
                Style::new()
            };
            Line::styled(padded(&text, width), style)
        })
        .collect()
}

/// Rows of what is being written that are shown: its end, where one writes.
const TYPED_CHARS_MAX: usize = 400;

fn typed(prompt: &Prompt) -> Vec<Line<'static>> {
    let count = prompt.typed.chars().count();
    let shown: String = prompt
        .typed
        .chars()
        .skip(count.saturating_sub(TYPED_CHARS_MAX))
        .map(|character| {
            if prompt.part().secret {
                '•'
            } else {
                character
            }
        })
        .collect();
    let text = format!("> {shown}▏");
    text.lines()
        .flat_map(|line| {
            Long::plain(line.to_owned(), Style::new()).rows(usize::from(WIDTH_MAX - 4))
        })
        .collect()
}

/// The keys that work while a question is on show.
pub(crate) fn prompt_keys(prompt: &Prompt, is_cut: bool) -> &'static str {
    if is_cut && prompt.gives_secret() {
        return " Too small to show all of it: make the terminal larger · Ctrl-X skips · Esc back";
    }
    match (prompt.typing, prompt.part().multi) {
        (true, _) => " Enter answers · Ctrl-X skips · Esc back",
        (false, true) => " Space chooses · Enter answers · Ctrl-X skips · Esc puts it aside",
        (false, false) => {
            " Up, Down or a number · Enter answers · Ctrl-X skips · Esc puts it aside"
        }
    }
}

/// An empty box in the middle, and the room inside.
fn boxed(frame: &mut Frame<'_>, area: Rect, title: &str, lines: usize) -> Rect {
    let width = area.width.saturating_sub(2).min(WIDTH_MAX);
    let height = u16::try_from(lines)
        .unwrap_or(area.height)
        .saturating_add(2)
        .min(area.height);
    let outer = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(outer, frame.buffer_mut());
    let block = Block::new().borders(Borders::ALL).title(title.to_owned());
    let inner = block.inner(outer);
    block.render(outer, frame.buffer_mut());
    inner
}

fn put(frame: &mut Frame<'_>, area: Rect, lines: &[Line<'static>]) {
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        frame.buffer_mut().set_line(area.x, y, line, area.width);
    }
}
