//! The whole screen: header, conversation, what waits for a decision, status, input, keys.

use ratatui_core::layout::{Constraint, Layout, Position, Rect};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use ratatui_core::widgets::Widget as _;
use ratatui_widgets::clear::Clear;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::{overlay, talk};
use crate::cli::tui::clean;
use crate::cli::tui::complete::{self, Match};
use crate::cli::tui::question::Question;
use crate::cli::tui::state::{Link, Overlay, State, Viewport};
use crate::cli::words::span;

/// Rows of the input at most; longer ones scroll inside.
const INPUT_ROWS_MAX: u16 = 8;
/// Ways to complete a command that are listed; more would push the conversation away.
const WAYS_MAX: u16 = 6;
/// Cells of a command that runs here, in the status.
const LOCAL_CELLS: usize = 30;
/// Rows below which a screen is small: the header goes, and what stands in front of the conversation may cover more.
const SMALL_ROWS: u16 = 12;
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
    let waits = waiting_line(state);
    let ways = match &state.overlay {
        None => complete::matches(state.editor.text(), &state.known),
        Some(_) => Vec::new(),
    };
    let is_small = area.height < SMALL_ROWS;
    let [header, talk_area, listed, ask, status, editor, hints] = Layout::vertical([
        Constraint::Length(u16::from(!is_small)),
        Constraint::Min(1),
        Constraint::Length(u16::try_from(ways.len()).unwrap_or(WAYS_MAX).min(WAYS_MAX)),
        Constraint::Length(u16::from(waits.is_some())),
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
    let mut viewport = talk::draw(frame, talk_area, state);
    draw_ways(frame, listed, &ways);
    if let Some(line) = waits {
        // Reversed, so that it stands out without colours as well.
        let style = Style::new()
            .fg(Color::Yellow)
            .add_modifier(Modifier::REVERSED);
        bar(frame, ask, line, style);
    }
    bar(
        frame,
        status,
        status_line(state),
        Style::new().fg(Color::Gray),
    );
    draw_input(frame, editor, &input);
    let front = if is_small && state.overlay.is_some() {
        Clear.render(area, frame.buffer_mut());
        Rect {
            height: area.height.saturating_sub(hints.height),
            ..area
        }
    } else {
        talk_area
    };
    match &state.overlay {
        Some(Overlay::Help(top)) => {
            viewport.help_max = overlay::help(frame, front, *top, &state.known);
        }
        Some(Overlay::Picker(picker)) => {
            viewport.is_cut = overlay::picker(frame, front, picker, state);
        }
        Some(Overlay::Prompt(prompt)) => {
            viewport.is_cut = overlay::prompt(frame, front, prompt, state);
        }
        None => {}
    }
    bar(
        frame,
        hints,
        hint_line(state, viewport.is_cut),
        Style::new().add_modifier(Modifier::DIM),
    );
    viewport
}

/// What waits for a person: something to decide comes before something to answer.
fn waiting_line(state: &State) -> Option<Line<'static>> {
    let of = |count: usize| match count {
        1 => String::new(),
        count => format!(" (1 of {count})"),
    };
    if let Some(approval) = state.approvals.first() {
        let more = of(state.approvals.len());
        return Some(Line::from(format!(
            " Ctrl-Y decides{more}: {} {}",
            approval.kind, approval.subject
        )));
    }
    if matches!(state.overlay, Some(Overlay::Prompt(_))) {
        return None;
    }
    let asked: Vec<&Question> = state
        .questions
        .iter()
        .filter(|question| question.belongs_to(&state.session))
        .collect();
    let first = asked.first()?;
    let more = of(asked.len());
    Some(Line::from(format!(
        " Ctrl-Y answers{more}: {}",
        first.subject()
    )))
}

/// Ways to go on with a command.
fn draw_ways(frame: &mut Frame<'_>, area: Rect, ways: &[Match]) {
    let room = usize::from(area.height);
    let hidden = ways.len().saturating_sub(room);
    for (number, (way, y)) in ways.iter().zip(area.y..area.bottom()).enumerate() {
        let text = if hidden > 0 && number + 1 == room {
            format!(" … {} more", hidden + 1)
        } else {
            format!(" {:<20} {}", way.label, way.about)
        };
        let text = cut(text.trim_end(), usize::from(area.width));
        let style = Style::new().add_modifier(Modifier::DIM);
        frame
            .buffer_mut()
            .set_line(area.x, y, &Line::styled(text, style), area.width);
    }
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
            // Short things first: reasons are long, and terminals are not.
            parts.push(next);
            if !state.outgoing.is_empty() {
                parts.push(format!("{} waiting to be sent", state.outgoing.len()));
            }
            parts.push(why.clone());
            parts.extend(hint.clone());
            Style::new().fg(Color::Red)
        }
        Link::Up => {
            if let Some(command) = &state.local.running {
                parts.push(format!("here: {}", cut(&clean::line(command), LOCAL_CELLS)));
            }
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
            parts.extend(facts.manner.iter().cloned());
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

fn hint_line(state: &State, is_cut: bool) -> Line<'static> {
    if state.leaving {
        return Line::from(" Ctrl-C again leaves");
    }
    match &state.overlay {
        Some(Overlay::Prompt(prompt)) => return Line::from(overlay::prompt_keys(prompt, is_cut)),
        Some(Overlay::Picker(_)) => {
            return Line::from(" Up, Down · Enter chooses · Esc closes");
        }
        Some(Overlay::Help(_)) => {
            return Line::from(" Up, Down, PageUp, PageDown · any other key closes");
        }
        None => {}
    }
    if !complete::matches(state.editor.text(), &state.known).is_empty() {
        return Line::from(" Tab completes · Enter send");
    }
    let stop = if state.is_running() || state.local.running.is_some() {
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
