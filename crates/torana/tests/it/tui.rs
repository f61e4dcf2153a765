//! `torana tui` as a person meets it: the real binary in a real pseudo-terminal, read back through a terminal emulator.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::cli::{Home, Running};
use crate::wait;

/// Anything on a busy machine with a development build.
const SEEN_MAX: Duration = Duration::from_secs(30);
const ROWS: u16 = 30;
const COLUMNS: u16 = 100;

/// A terminal with a program in it.
struct Terminal {
    program: Child,
    keyboard: File,
    /// Kept open, so that its settings can be looked at when the program is gone.
    line: OwnedFd,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    fn start(home: &Home, line: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new())
            .expect("its name")
            .into_string()
            .expect("text");
        let slave = File::options()
            .read(true)
            .write(true)
            .open(name)
            .expect("the line");
        let size = Winsize {
            ws_row: ROWS,
            ws_col: COLUMNS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size).expect("a size");
        let end = || Stdio::from(slave.try_clone().expect("another end"));
        let program = home
            .command(line)
            .env("TERM", "xterm-256color")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("it starts");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let mut output = File::from(master.try_clone().expect("another end"));
        let shown = Arc::clone(&screen);
        // Ends when the last end of the line is closed.
        std::thread::spawn(move || {
            let mut bytes = [0_u8; 4_096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("not poisoned").process(&bytes[..count]);
            }
        });
        Self {
            program,
            keyboard: File::from(master),
            line: slave.into(),
            screen,
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("typed");
    }

    fn text(&self) -> String {
        self.screen
            .lock()
            .expect("not poisoned")
            .screen()
            .contents()
    }

    fn waits_for(&self, what: &str) {
        let mut last = String::new();
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait::until(what, SEEN_MAX, || {
                last = self.text();
                last.contains(what).then_some(())
            });
        }));
        assert!(
            seen.is_ok(),
            "never saw {what:?}; the screen was:\n{}",
            self.text()
        );
    }

    fn waits_until_gone(&self, what: &str) {
        wait::until(what, SEEN_MAX, || {
            (!self.text().contains(what)).then_some(())
        });
    }

    fn ended(&mut self) -> Option<i32> {
        wait::until("the interface ends", SEEN_MAX, || {
            self.program.try_wait().expect("asked")
        })
        .code()
    }

    /// The terminal is as it was: lines are edited by the system, the other screen is gone, the cursor is there.
    fn is_given_back(&self) -> bool {
        let modes = tcgetattr(&self.line).expect("settings").local_modes;
        let screen = self.screen.lock().expect("not poisoned");
        let screen = screen.screen();
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
            && !screen.alternate_screen()
            && !screen.hide_cursor()
            && !screen.bracketed_paste()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

#[test]
fn a_conversation_survives_a_restart_of_the_gateway_and_the_terminal_is_given_back() {
    let home = Home::new("tui");
    let mut gateway = Running::start(&home);
    let mut terminal = Terminal::start(&home, "tui");
    terminal.waits_for("connected to ws://127.0.0.1:");
    terminal.waits_for("agent:main:main");

    terminal.press("hello there\r");
    terminal.waits_for("> hello there");
    terminal.waits_for("idle");
    terminal.waits_for("demo");

    terminal.press("/help\r");
    terminal.waits_for("Ctrl-Y");
    terminal.press("x");
    terminal.waits_until_gone("any other key closes");

    // Ctrl-P: the list of sessions, with the one we are in.
    terminal.press("\u{10}");
    terminal.waits_for("filter:");
    terminal.waits_for("hello there");
    terminal.press("\u{1b}");
    terminal.waits_until_gone("filter:");

    assert_eq!(home.run("gateway stop").code, Some(0));
    assert_eq!(gateway.ended(), Some(0));
    terminal.waits_for("not connected");
    terminal.press("what is 6 * 7?\r");
    terminal.waits_for("waits for the connection");

    let _second = Running::start(&home);
    terminal.waits_until_gone("waits for the connection");
    terminal.waits_for("a question for a real model");
    terminal.waits_for("> hello there");

    terminal.press("\u{4}");
    assert_eq!(terminal.ended(), Some(0));
    assert!(terminal.is_given_back());
}

#[test]
fn a_question_of_an_agent_is_answered_where_one_sits_and_commands_are_completed() {
    let home = Home::new("tui-question");
    let _gateway = Running::start(&home);
    let mut terminal = Terminal::start(&home, "tui");
    terminal.waits_for("idle");
    let params = r#"{"id":"q-door","sessionKey":"agent:main:main","questions":[{"questionId":"colour","header":"Colour","question":"Which_colour?","options":[{"label":"Red"},{"label":"Green"}]}]}"#;
    let asked = home.run(&format!("gateway call question.request --params {params}"));
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    terminal.waits_for("Ctrl-Y answers: Which_colour?");
    terminal.press("\u{19}");
    terminal.waits_for("2 Green");
    terminal.press("2\r");
    terminal.waits_for("answered: Which_colour?");
    let answered = home.run("gateway call question.get --params {\"id\":\"q-door\"}");
    let answered: serde_json::Value = serde_json::from_str(&answered.stdout).expect("JSON");
    assert_eq!(
        answered["question"]["answers"]["answers"]["colour"],
        serde_json::json!(["Green"]),
        "{answered}"
    );

    // A command of the gateway, listed and completed.
    terminal.press("/comp");
    terminal.waits_for("Tab completes");
    terminal.press("\t");
    terminal.waits_for("> /compact");
    terminal.press("\u{15}\u{4}");
    assert_eq!(terminal.ended(), Some(0));
    assert!(terminal.is_given_back());
}

#[test]
fn a_command_of_this_machine_runs_after_a_yes_and_is_ended_by_esc() {
    let home = Home::new("tui-shell");
    let _gateway = Running::start(&home);
    let mut terminal = Terminal::start(&home, "tui");
    terminal.waits_for("idle");
    terminal.press("!echo $((6*7)) $TORANA_SHELL; exit 3\r");
    terminal.waits_for("Run it here?");
    terminal.press("\u{1b}[B");
    terminal.press("\r");
    terminal.waits_for("42 tui-local");
    terminal.waits_for("exit 3");
    terminal.press("!cat /dev/zero >/dev/null\r");
    terminal.waits_for("here: cat");
    terminal.press("\u{1b}");
    terminal.waits_for("ended by signal 9");
    // A command of the gateway is over when it was answered.
    terminal.press("/usage full\r");
    terminal.waits_for("Usage below answers");
    terminal.waits_for("idle");
    terminal.press("\u{4}");
    assert_eq!(terminal.ended(), Some(0));
    // What it wrote last is read after its end.
    wait::until("the terminal is given back", SEEN_MAX, || {
        terminal.is_given_back().then_some(())
    });
}

#[test]
fn a_signal_ends_it_and_gives_the_terminal_back() {
    let home = Home::new("tui-signal");
    let _gateway = Running::start(&home);
    let mut terminal = Terminal::start(&home, "tui --session notes");
    terminal.waits_for("agent:main:notes");
    let pid = i32::try_from(terminal.program.id()).expect("small");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("told");
    assert_eq!(terminal.ended(), Some(0));
    assert!(terminal.is_given_back());
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let home = Home::new("tui-pipe");
    let ran = home.run("tui");
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("torana chat"), "{}", ran.stderr);
}
