//! The terminal while it is ours. Whatever ends the program, a panic included, gives it back as it was.

use std::io::{self, Stdout, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{
    DisableBracketedPaste, EnableBracketedPaste, KeyboardEnhancementFlags,
    PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::CrosstermBackend;
use rustix::process::{Signal, kill_current_process_group};
use torana_host::env::Environment;

use super::state::{State, Viewport};
use super::view;

/// The terminal was told to tell keys apart, and has to be told otherwise at the end; a panic knows only this.
static TELLS_KEYS_APART: AtomicBool = AtomicBool::new(false);

/// The screen. Dropping it gives the terminal back.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

// === impl Screen ===

impl Screen {
    /// Takes the terminal over; one that can tell keys apart is asked to.
    pub(crate) fn open(environment: &Environment) -> io::Result<Self> {
        TELLS_KEYS_APART.store(tells_keys_apart(environment), Ordering::Relaxed);
        // From here on every way out passes `restore`.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
        let taken = take().and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
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
        self.terminal.draw(|frame| {
            viewport = view::draw(frame, state);
            view::mark(frame.buffer_mut());
        })?;
        Ok(viewport)
    }

    /// Gives the terminal back to the shell, waits until it calls, and draws everything anew.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        restore();
        // The whole job stops, as when the terminal itself sees Ctrl-Z; we go on here when it is called to the front.
        kill_current_process_group(Signal::TSTP)?;
        take()?;
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Takes the terminal.
fn take() -> io::Result<()> {
    enable_raw_mode()?;
    let mut stdout = io::stdout();
    execute!(stdout, EnterAlternateScreen, EnableBracketedPaste)?;
    if TELLS_KEYS_APART.load(Ordering::Relaxed) {
        // After the other screen was entered: terminals keep this for each of their screens.
        let flags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES;
        execute!(stdout, PushKeyboardEnhancementFlags(flags))?;
    }
    Ok(())
}

/// Gives the terminal back. Each step is tried even when another fails: there is nobody left to tell.
fn restore() {
    let mut stdout = io::stdout();
    if TELLS_KEYS_APART.load(Ordering::Relaxed) {
        drop(execute!(stdout, PopKeyboardEnhancementFlags));
    }
    drop(execute!(
        stdout,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    ));
    drop(disable_raw_mode());
    drop(stdout.flush());
}

/// The terminal knows the protocol by which Shift-Enter is more than Enter. Asking each terminal would make people wait
/// for those that never answer, so those that are known to speak it are named.
fn tells_keys_apart(environment: &Environment) -> bool {
    const SPEAKERS: [&str; 8] = [
        "kitty",
        "ghostty",
        "foot",
        "alacritty",
        "wezterm",
        "rio",
        "iterm",
        "vscode",
    ];
    let named = ["TERM", "TERM_PROGRAM"].map(|name| {
        let value = environment.get(name).unwrap_or_default();
        value.to_ascii_lowercase()
    });
    SPEAKERS
        .iter()
        .any(|speaker| named.iter().any(|name| name.contains(speaker)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_terminals_that_are_known_to_are_asked_to_tell_keys_apart() {
        let told = |pairs: &[(&str, &str)]| {
            tells_keys_apart(&Environment::from_pairs(pairs.iter().copied()))
        };
        assert!(told(&[("TERM", "xterm-kitty")]));
        assert!(told(&[
            ("TERM", "xterm-256color"),
            ("TERM_PROGRAM", "WezTerm")
        ]));
        assert!(!told(&[
            ("TERM", "xterm-256color"),
            ("TERM_PROGRAM", "Apple_Terminal")
        ]));
        assert!(!told(&[("TERM", "linux")]));
        assert!(!told(&[]));
    }
}
