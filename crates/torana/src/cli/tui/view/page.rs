//! The whole screen: header, conversation, what waits for a decision, status, input, keys.

use ratatui_core::layout::{Constraint, Layout, Position, Rect};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::{overlay, talk};
use crate::cli::tui::slash;
use crate::cli::tui::state::{Link, Overlay, State, Viewport};
use crate::cli::words::span;

/// Rows of the input at most; longer ones scroll inside.
const INPUT_ROWS_MAX: u16 = 8;
/// What stands in front of the input.
const PROMPT: &str = "> ";

/// Draws everything, and says what can be scrolled.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &State) -> Viewport {
    let area = frame.area();
    let width = usize::from(area.width);
    let input = state.editor.layout(width.saturating_sub(PROMPT.len() + 1));
    let input_rows = u16::try_from(input.rows.len())
        .unwrap_or(INPUT_ROWS_MAX)
        .min(INPUT_ROWS_MAX);
    let asks = u16::from(!state.approvals.is_empty());
    let [header, talk_area, ask, status, editor, hints] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(asks),
        Constraint::Length(1),
        Constraint::Length(input_rows),
        Constraint::Length(1),
    ])
    .areas(area);

    bar(
        frame,
        header,
        header_line(state),
        Style::new().add_modifier(Modifier::REVERSED),
    );
    let viewport = talk::draw(frame, talk_area, state);
    if let Some(approval) = state.approvals.first() {
        let more = match state.approvals.len() {
            1 => String::new(),
            count => format!(" (1 of {count})"),
        };
        let line = format!(
            " Ctrl-Y decides{more}: {} {}",
            approval.kind, approval.subject
        );
        bar(
            frame,
            ask,
            Line::from(line),
            Style::new().fg(Color::Black).bg(Color::Yellow),
        );
    }
    bar(
        frame,
        status,
        status_line(state),
        Style::new().fg(Color::Gray),
    );
    draw_input(frame, editor, &input);
    bar(
        frame,
        hints,
        hint_line(state),
        Style::new().add_modifier(Modifier::DIM),
    );
    match &state.overlay {
        Some(Overlay::Help) => overlay::help(frame, talk_area),
        Some(Overlay::Picker(picker)) => overlay::picker(frame, talk_area, picker, state),
        None => {}
    }
    viewport
}

/// One row, in one style from edge to edge.
fn bar(frame: &mut Frame<'_>, area: Rect, line: Line<'_>, style: Style) {
    let buffer = frame.buffer_mut();
    buffer.set_style(area, style);
    if area.height > 0 {
        buffer.set_line(area.x, area.y, &line, area.width);
    }
}

fn header_line(state: &State) -> Line<'static> {
    let title = match state.facts.title.as_str() {
        "" => String::new(),
        title => format!(" · {}", cut(title, 30)),
    };
    let link = match &state.link {
        Link::Up => format!("connected to {}", state.settings.place),
        Link::Down { .. } => format!("not connected to {}", state.settings.place),
    };
    Line::from(format!(
        " torana · agent {} · {}{title} · {link}",
        state.agent(),
        state.session
    ))
}

fn status_line(state: &State) -> Line<'static> {
    let mut parts = Vec::new();
    let style = match &state.link {
        Link::Down {
            why,
            hint,
            retry_at_ms,
        } => {
            let next = match retry_at_ms {
                Some(at_ms) => format!(
                    "next attempt in {}",
                    span(at_ms.saturating_sub(state.now_ms).div_ceil(1_000))
                ),
                None => "Ctrl-R connects again".to_owned(),
            };
            parts.push(why.clone());
            parts.extend(hint.clone());
            parts.push(next);
            if !state.outgoing.is_empty() {
                parts.push(format!("{} waiting to be sent", state.outgoing.len()));
            }
            Style::new().fg(Color::Red)
        }
        Link::Up => {
            match state.runs.values().next() {
                Some(run) => {
                    let seconds = state.now_ms.saturating_sub(run.since_ms) / 1_000;
                    parts.push(format!("{} {}", run.doing, span(seconds)));
                }
                None => parts.push("idle".to_owned()),
            }
            let facts = &state.facts;
            if !facts.model.is_empty() {
                parts.push(facts.model.clone());
            }
            if let Some(tokens) = facts.tokens {
                parts.push(match facts.context.filter(|context| *context > 0) {
                    Some(context) => format!(
                        "{} of {} tokens ({}%)",
                        short(tokens),
                        short(context),
                        tokens * 100 / context
                    ),
                    None => format!("{} tokens", short(tokens)),
                });
            }
            let thinking = state.settings.thinking.as_ref().unwrap_or(&facts.thinking);
            if !thinking.is_empty() {
                parts.push(format!("think {thinking}"));
            }
            if !facts.verbose.is_empty() && facts.verbose != "off" {
                parts.push(format!("verbose {}", facts.verbose));
            }
            if state.settings.deliver {
                parts.push("deliver".to_owned());
            }
            Style::new()
        }
    };
    if state.scroll > 0 {
        parts.insert(0, format!("{} lines below", state.scroll));
    }
    Line::from(Span::styled(format!(" {}", parts.join(" · ")), style))
}

fn short(count: i64) -> String {
    if count < 10_000 {
        count.to_string()
    } else {
        format!("{}k", count / 1_000)
    }
}

fn hint_line(state: &State) -> Line<'static> {
    if state.leaving {
        return Line::from(" Ctrl-C again leaves");
    }
    let completions = slash::completions(state.editor.text());
    if !completions.is_empty() {
        let names: Vec<String> = completions.iter().map(|name| format!("/{name}")).collect();
        return Line::from(format!(" Tab: {}", names.join(" ")));
    }
    let stop = if state.is_running() {
        "Esc stop · "
    } else {
        ""
    };
    Line::from(format!(
        " {stop}Enter send · Alt-Enter new line · Ctrl-P sessions · Ctrl-G agents · Ctrl-L models · /help · Ctrl-D leave"
    ))
}

fn draw_input(frame: &mut Frame<'_>, area: Rect, input: &crate::cli::tui::editor::Layout) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let height = usize::from(area.height);
    let first = (input.row + 1)
        .saturating_sub(height)
        .min(input.rows.len().saturating_sub(height));
    let buffer = frame.buffer_mut();
    for (row, (text, y)) in input
        .rows
        .iter()
        .skip(first)
        .zip(area.y..area.bottom())
        .enumerate()
    {
        let prompt = if first + row == 0 { PROMPT } else { "  " };
        buffer.set_stringn(
            area.x,
            y,
            prompt,
            PROMPT.len(),
            Style::new().fg(Color::Cyan),
        );
        let x = area.x.saturating_add(2).min(area.right().saturating_sub(1));
        buffer.set_stringn(
            x,
            y,
            text,
            usize::from(area.right().saturating_sub(x)),
            Style::new(),
        );
    }
    let x = u16::try_from(input.column + PROMPT.len()).unwrap_or(u16::MAX);
    let y = u16::try_from(input.row - first).unwrap_or(0);
    frame.set_cursor_position(Position::new(
        area.x.saturating_add(x).min(area.right().saturating_sub(1)),
        area.y
            .saturating_add(y)
            .min(area.bottom().saturating_sub(1)),
    ));
}

/// A text of at most so many cells.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += grapheme.width();
        if used >= width {
            break;
        }
        out.push_str(grapheme);
    }
    out.push('…');
    out
}
