//! What a key does: in the line one writes in, in what is open in front, and to the conversation.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind};

use super::complete;
use super::question::Step;
use super::state::{Action, Overlay, State};

/// Keys and what they do; the help is made of it.
pub(crate) const KEYS: &[(&str, &str)] = &[
    ("Enter", "send"),
    ("Shift- or Alt-Enter, Ctrl-J", "new line"),
    ("Up, Down", "line, or history"),
    ("PageUp, PageDown", "scroll"),
    ("Tab", "complete a command"),
    ("Esc", "stop the answer or command, or close a list"),
    ("Ctrl-C", "clear, stop, leave"),
    ("Ctrl-D", "leave"),
    ("Ctrl-Z", "back to the shell; `fg` goes on"),
    ("Ctrl-G", "agents"),
    ("Ctrl-P", "sessions"),
    ("Ctrl-L", "models"),
    ("Ctrl-Y", "decide, or answer a question"),
    ("Ctrl-T", "show or hide thinking"),
    ("Ctrl-O", "show or hide tool output"),
    ("Ctrl-R", "connect again now"),
];

/// Lines a turn of the wheel moves.
const WHEEL_LINES: usize = 3;

impl State {
    /// Something happened at the terminal.
    pub(crate) fn terminal(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => {
                match &mut self.overlay {
                    Some(Overlay::Picker(picker)) => {
                        text.chars().for_each(|character| picker.type_in(character))
                    }
                    Some(Overlay::Prompt(prompt)) => prompt.paste(&text),
                    Some(Overlay::Help(_)) | None => self.editor.insert(&text),
                }
                Vec::new()
            }
            Event::Mouse(mouse) => {
                match mouse.kind {
                    MouseEventKind::ScrollUp => self.scroll_up(WHEEL_LINES),
                    MouseEventKind::ScrollDown => {
                        self.scroll = self.scroll.saturating_sub(WHEEL_LINES)
                    }
                    _ => {}
                }
                Vec::new()
            }
            Event::Key(_) | Event::Resize(..) | Event::FocusGained | Event::FocusLost => Vec::new(),
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Action> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && key.code == KeyCode::Char('c') {
            return self.interrupt();
        }
        self.leaving = false;
        if control && key.code == KeyCode::Char('z') {
            return vec![Action::Suspend];
        }
        match &self.overlay {
            Some(Overlay::Help(top)) => {
                self.overlay = self.help_key(*top, key.code);
                return Vec::new();
            }
            Some(Overlay::Picker(_)) => return self.picker_key(key, control),
            Some(Overlay::Prompt(_)) => return self.prompt_key(key),
            None => {}
        }
        match key.code {
            KeyCode::Char(character) if control => self.control(character),
            KeyCode::Esc if self.local.running.is_some() => vec![Action::StopShell],
            KeyCode::Esc if self.is_running() => self.abort(),
            KeyCode::PageUp => {
                self.scroll_up(self.viewport.height.max(1));
                Vec::new()
            }
            KeyCode::PageDown => {
                self.scroll = self.scroll.saturating_sub(self.viewport.height.max(1));
                Vec::new()
            }
            KeyCode::Enter if key.modifiers.is_empty() => self.enter(),
            _ => {
                self.edit(key);
                Vec::new()
            }
        }
    }

    /// The help moved by a key; closed by any that moves nothing.
    fn help_key(&self, top: usize, key: KeyCode) -> Option<Overlay> {
        let page = self.viewport.height.max(1);
        let top = match key {
            KeyCode::Up => top.saturating_sub(1),
            KeyCode::Down => top + 1,
            KeyCode::PageUp => top.saturating_sub(page),
            KeyCode::PageDown => top + page,
            _ => return None,
        };
        Some(Overlay::Help(top.min(self.viewport.help_max)))
    }

    fn scroll_up(&mut self, lines: usize) {
        self.scroll = (self.scroll + lines).min(self.viewport.scroll_max);
    }

    /// Ctrl-C: closes a list, clears the line, stops the answer; with nothing left to do, twice leaves.
    fn interrupt(&mut self) -> Vec<Action> {
        if self.leaving {
            return vec![Action::Leave];
        }
        if self.overlay.is_some() {
            self.close();
            return Vec::new();
        }
        if !self.editor.is_empty() {
            self.editor.clear();
            return Vec::new();
        }
        self.leaving = true;
        if self.local.running.is_some() {
            vec![Action::StopShell]
        } else if self.is_running() {
            self.abort()
        } else {
            Vec::new()
        }
    }

    /// Closes what is in front; of a list that was narrowed the filter goes first.
    fn close(&mut self) {
        match &mut self.overlay {
            Some(Overlay::Picker(picker)) if !picker.filter.is_empty() => picker.filter.clear(),
            _ => self.overlay = None,
        }
    }

    fn control(&mut self, character: char) -> Vec<Action> {
        match character {
            'd' if self.editor.is_empty() => return vec![Action::Leave],
            'd' => self.editor.delete(),
            'j' => self.editor.insert("\n"),
            'a' => self.editor.home(),
            'e' => self.editor.end(),
            'b' => self.editor.left(),
            'f' => self.editor.right(),
            'h' => self.editor.backspace(),
            'w' => self.editor.delete_word(),
            'u' => self.editor.delete_to_start(),
            'k' => self.editor.delete_to_end(),
            'g' => return self.open_agents(),
            'p' => return self.open_sessions(),
            'l' => return self.open_models(),
            'y' if self.approvals.is_empty() && self.open_question() => {}
            'y' => return self.open_approval(None),
            't' => self.show_thinking = !self.show_thinking,
            'o' => self.show_output = !self.show_output,
            'r' if !self.is_up() => return vec![Action::Reconnect],
            _ => {}
        }
        Vec::new()
    }

    fn edit(&mut self, key: KeyEvent) {
        let by_word = key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        match key.code {
            KeyCode::Char(character) => self.editor.insert(character.encode_utf8(&mut [0; 4])),
            // Reached only with a modifier: terminals that can tell send Shift, the rest Alt.
            KeyCode::Enter => self.editor.insert("\n"),
            KeyCode::Backspace if by_word => self.editor.delete_word(),
            KeyCode::Backspace => self.editor.backspace(),
            KeyCode::Delete => self.editor.delete(),
            KeyCode::Left if by_word => self.editor.word_left(),
            KeyCode::Right if by_word => self.editor.word_right(),
            KeyCode::Left => self.editor.left(),
            KeyCode::Right => self.editor.right(),
            KeyCode::Up => self.editor.up(),
            KeyCode::Down => self.editor.down(),
            KeyCode::Home => self.editor.home(),
            KeyCode::End => self.editor.end(),
            KeyCode::Tab => {
                if let Some(completed) = complete::complete(self.editor.text(), &self.known) {
                    self.editor.set(&completed);
                }
            }
            _ => {}
        }
    }

    fn prompt_key(&mut self, key: KeyEvent) -> Vec<Action> {
        let Some(Overlay::Prompt(prompt)) = &mut self.overlay else {
            return Vec::new();
        };
        let skips = key.code == KeyCode::Char('x') && key.modifiers.contains(KeyModifiers::CONTROL);
        if self.viewport.is_unseen && (skips || key.code == KeyCode::Enter) {
            // What nobody has read yet nobody answers.
            return Vec::new();
        }
        if key.code == KeyCode::Enter && self.viewport.is_cut && prompt.gives_secret() {
            // Nobody gives a secret away to what could not be read whole (S-013). What was typed stays: the terminal can
            // be made larger.
            return Vec::new();
        }
        let at = prompt.at;
        match prompt.key(key) {
            Step::Stay => {
                // The next part was not drawn yet, so nobody has read it.
                self.viewport.is_unseen |= prompt.at != at;
                Vec::new()
            }
            Step::Aside => {
                self.overlay = None;
                Vec::new()
            }
            Step::Done(action) => {
                self.overlay = None;
                vec![action]
            }
        }
    }

    fn picker_key(&mut self, key: KeyEvent, control: bool) -> Vec<Action> {
        let page = isize::try_from(self.viewport.height / 2)
            .unwrap_or(1)
            .max(1);
        let Some(Overlay::Picker(picker)) = &mut self.overlay else {
            return Vec::new();
        };
        match key.code {
            KeyCode::Esc => self.close(),
            KeyCode::Up => picker.step(-1),
            KeyCode::Down => picker.step(1),
            KeyCode::Char('p') if control => picker.step(-1),
            KeyCode::Char('n') if control => picker.step(1),
            KeyCode::PageUp => picker.step(-page),
            KeyCode::PageDown => picker.step(page),
            KeyCode::Backspace => picker.backspace(),
            KeyCode::Char(character) if !control => picker.type_in(character),
            // What nobody has read yet nobody decides.
            KeyCode::Enter if self.viewport.is_unseen => {}
            KeyCode::Enter => {
                let (topic, chosen) = (picker.topic.clone(), picker.selected());
                if let Some(chosen) = chosen {
                    self.overlay = None;
                    if let Some(why) = chosen.blocked {
                        self.log.note(why);
                        return Vec::new();
                    }
                    return self.choose(&topic, &chosen.id);
                }
            }
            _ => {}
        }
        Vec::new()
    }
}
