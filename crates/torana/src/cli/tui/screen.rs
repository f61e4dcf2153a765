//! The terminal while it is ours. Whatever ends the program, a panic included, gives it back as it was.

use std::io::{self, Stdout, Write as _};

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::CrosstermBackend;

use super::state::{State, Viewport};
use super::view;

/// The screen. Dropping it gives the terminal back.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

// === impl Screen ===

impl Screen {
    /// Takes the terminal over.
    pub(crate) fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        // From here on every way out passes `restore`.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
        let taken = execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match taken {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Draws the state.
    pub(crate) fn draw(&mut self, state: &State) -> io::Result<Viewport> {
        let mut viewport = Viewport::default();
        self.terminal
            .draw(|frame| viewport = view::draw(frame, state))?;
        Ok(viewport)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. Each step is tried even when another fails: there is nobody left to tell.
fn restore() {
    let mut stdout = io::stdout();
    drop(execute!(
        stdout,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    ));
    drop(disable_raw_mode());
    drop(stdout.flush());
}
