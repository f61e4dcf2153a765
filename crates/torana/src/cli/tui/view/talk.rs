//! The conversation: who said what, and which tools ran. Only what is on the screen is broken into rows, from the newest
//! up, so that an answer of any length costs little.

use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};

use super::markdown;
use super::page::cut;
use super::wrap::Long;
use crate::cli::tui::log::{Card, CardState, Ending, Entry, Progress};
use crate::cli::tui::state::{State, Viewport};

/// Rows of output a card shows while it is folded.
const FOLDED_ROWS: usize = 3;
/// Rows above the screen that are counted; further up one scrolls in steps of this.
const AHEAD_ROWS: usize = 400;
const GREETING: &str = "Write something and press Enter. /help shows keys and commands.";

/// Draws the conversation, and says what can be scrolled.
pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State) -> Viewport {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let wanted = state.scroll + height + AHEAD_ROWS;
    // Rows from the bottom up.
    let mut rows: Vec<Line<'static>> = Vec::new();
    if state.log.is_empty() {
        rows.push(Line::styled(GREETING, dim()));
    }
    for entry in state.log.entries().rev() {
        if rows.len() >= wanted {
            break;
        }
        let own = entry_lines(entry, state, width);
        if own.is_empty() {
            continue;
        }
        rows.push(Line::default());
        for line in own.iter().rev() {
            if rows.len() >= wanted {
                break;
            }
            rows.extend(line.rows(width).into_iter().rev());
        }
    }
    let scroll_max = rows.len().saturating_sub(height);
    let scroll = state.scroll.min(scroll_max);
    let shown = &rows[scroll..rows.len().min(scroll + height)];
    let buffer = frame.buffer_mut();
    // A short conversation begins at the top.
    let last = area.y + u16::try_from(shown.len()).unwrap_or(area.height);
    for (row, y) in shown.iter().zip((area.y..last).rev()) {
        buffer.set_line(area.x, y, row, area.width);
    }
    Viewport {
        height,
        scroll_max,
        ..Viewport::default()
    }
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

fn entry_lines(entry: &Entry, state: &State, width: usize) -> Vec<Long> {
    match entry {
        Entry::User { text, progress, .. } => {
            let style = Style::new().fg(Color::Cyan);
            let mut lines = said(text, &Span::styled("> ", style), style);
            let mark = match progress {
                Progress::Accepted => None,
                Progress::Waiting if state.is_up() => Some("sending"),
                Progress::Waiting => Some("waits for the connection"),
                Progress::Queued => Some("waits for its turn"),
                Progress::Refused => Some("not sent"),
            };
            if let Some(mark) = mark {
                lines.push(Long::plain(format!("  ({mark})"), dim()));
            }
            lines
        }
        Entry::Answer { text, ending, .. } => {
            let text = text.trim_matches('\n');
            let mut lines = markdown::lines(text, Style::new(), width);
            if *ending == Some(Ending::Failed) {
                lines.push(Long::plain("(broken off)", dim()));
            }
            lines
        }
        Entry::Thinking { text, .. } => {
            let style = dim().add_modifier(Modifier::ITALIC);
            if state.show_thinking {
                said(text, &Span::styled("~ ", style), style)
            } else {
                vec![Long::plain("~ thought about it (Ctrl-T shows)", style)]
            }
        }
        Entry::Tool(card) => card_lines(card, state.show_output, width),
        Entry::Note { text, grave } => {
            let style = if *grave {
                Style::new().fg(Color::Red)
            } else {
                dim()
            };
            let mark = if *grave { "! " } else { "· " };
            said(text, &Span::styled(mark, style), style)
        }
    }
}

/// Plain text with a mark in front.
fn said(text: &str, mark: &Span<'static>, style: Style) -> Vec<Long> {
    let indent = Span::raw("  ");
    text.trim_end()
        .split('\n')
        .enumerate()
        .map(|(number, line)| {
            let first = if number == 0 { mark } else { &indent };
            Long::plain(line.to_owned(), style).within(first, &indent)
        })
        .collect()
}

fn card_lines(card: &Card, unfolded: bool, width: usize) -> Vec<Long> {
    let (mark, color) = match card.state {
        CardState::Running => ("…", Color::Yellow),
        CardState::Done => ("✓", Color::Green),
        CardState::Failed => ("✗", Color::Red),
    };
    let name = if card.name.is_empty() {
        "tool"
    } else {
        &card.name
    };
    let title = cut(
        &format!("{mark} {name} {}", card.summary),
        width.saturating_sub(3),
    );
    let bar = Span::styled("┃ ", Style::new().fg(color));
    let mut lines = vec![Long::plain(title, Style::new().fg(color)).within(&bar, &bar)];
    let output: Vec<&str> = card
        .output
        .trim_end()
        .split('\n')
        .filter(|_| !card.output.trim().is_empty())
        .collect();
    let shown = if unfolded {
        output.len()
    } else {
        output.len().min(FOLDED_ROWS)
    };
    for line in &output[..shown] {
        let line = if unfolded {
            (*line).to_owned()
        } else {
            cut(line, width.saturating_sub(3))
        };
        lines.push(Long::plain(line, dim()).within(&bar, &bar));
    }
    if shown < output.len() {
        let more = format!("{} more lines (Ctrl-O shows)", output.len() - shown);
        lines.push(Long::plain(more, dim()).within(&bar, &bar));
    }
    lines
}
