//! What stands in front of the conversation: the help, and lists to choose from.

use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::terminal::Frame;
use ratatui_core::text::Line;
use ratatui_core::widgets::Widget as _;
use ratatui_widgets::block::Block;
use ratatui_widgets::borders::Borders;
use ratatui_widgets::clear::Clear;

use super::page::cut;
use crate::cli::tui::keys::KEYS;
use crate::cli::tui::picker::{Picker, Topic};
use crate::cli::tui::slash::COMMANDS;
use crate::cli::tui::state::State;

/// Widest list; wider ones are hard to read across.
const WIDTH_MAX: u16 = 90;

/// Keys and commands.
pub(crate) fn help(frame: &mut Frame<'_>, area: Rect) {
    let mut lines: Vec<Line<'static>> = Vec::new();
    // Two columns of keys, so that everything fits an ordinary terminal.
    for pair in KEYS.chunks(2) {
        let cells: Vec<String> = pair
            .iter()
            .map(|(key, does)| format!("{:<38}", format!("{key:<18} {does}")))
            .collect();
        lines.push(Line::from(cells.concat().trim_end().to_owned()));
    }
    lines.push(Line::default());
    for (name, takes, does) in COMMANDS {
        let call = format!("/{name} {takes}");
        lines.push(Line::from(format!("{:<24} {does}", call.trim_end())));
    }
    lines.push(Line::styled(
        "Every other command goes to the gateway. Any key closes this.",
        Style::new().add_modifier(Modifier::DIM),
    ));
    let inner = boxed(frame, area, " Help ", lines.len());
    put(frame, inner, &lines);
}

/// A list with its filter.
pub(crate) fn picker(frame: &mut Frame<'_>, area: Rect, picker: &Picker, state: &State) {
    let shown = picker.shown();
    let mut head: Vec<Line<'static>> = Vec::new();
    if let Topic::Approval(id) = &picker.topic
        && let Some(approval) = state.approvals.iter().find(|approval| approval.id == *id)
    {
        head.push(Line::from(approval.subject.clone()));
        head.push(Line::styled(
            approval.place.clone(),
            Style::new().add_modifier(Modifier::DIM),
        ));
    } else {
        head.push(Line::from(format!("filter: {}▏", picker.filter)));
    }
    let title = match picker.topic {
        Topic::Approval(_) => " An agent asks ".to_owned(),
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
            Style::new().fg(Color::Black).bg(Color::Cyan)
        } else {
            Style::new()
        };
        head.push(Line::styled(format!("{text:<width$}"), style));
    }
    put(frame, inner, &head);
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
