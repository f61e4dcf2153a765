//! `torana tui` as a person meets it: the real binary in a real pseudo-terminal, read back through a terminal emulator.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::cli::{Home, Running};
use crate::wait;

/// Anything on a busy machine with a development build.
const SEEN_MAX: Duration = Duration::from_secs(30);
/// How long an interface has to end by itself when its test is over; a gateway it began takes up to five seconds.
const ASKED_MAX: Duration = Duration::from_secs(8);
/// Between two looks whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(10);
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
        Self::start_as(home, line, "xterm-256color")
    }

    fn start_as(home: &Home, line: &str, kind: &str) -> Self {
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
            .env("TERM", kind)
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

    /// Sends a signal, unless it has ended.
    fn tell(&mut self, signal: Signal) {
        if matches!(self.program.try_wait(), Ok(None))
            && let Some(pid) = i32::try_from(self.program.id())
                .ok()
                .and_then(Pid::from_raw)
        {
            kill_process(pid, signal).expect("told");
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

    /// What the program wrote last is read after its end.
    fn waits_until_given_back(&self) {
        wait::until("the terminal is given back", SEEN_MAX, || {
            self.is_given_back().then_some(())
        });
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
        // An interface that is killed cannot end the gateway it began, so it is asked first, and not for long.
        self.tell(Signal::TERM);
        let deadline = wait::now() + ASKED_MAX;
        while matches!(self.program.try_wait(), Ok(None)) && wait::now() < deadline {
            wait::pass(LOOK_EVERY);
        }
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
    terminal.waits_until_given_back();
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
    terminal.waits_until_given_back();
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
    terminal.waits_until_given_back();
}

#[test]
fn a_signal_ends_it_and_gives_the_terminal_back() {
    let home = Home::new("tui-signal");
    let _gateway = Running::start(&home);
    let mut terminal = Terminal::start(&home, "tui --session notes");
    terminal.waits_for("agent:main:notes");
    terminal.tell(Signal::TERM);
    assert_eq!(terminal.ended(), Some(0));
    terminal.waits_until_given_back();
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let home = Home::new("tui-pipe");
    let ran = home.run("tui");
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("torana chat"), "{}", ran.stderr);
}

#[test]
fn a_terminal_that_only_takes_lines_is_not_written_all_over() {
    let home = Home::new("tui-dumb");
    let mut terminal = Terminal::start_as(&home, "tui", "dumb");
    terminal.waits_for("torana chat");
    assert_eq!(terminal.ended(), Some(2));
    terminal.waits_until_given_back();
}

#[test]
fn a_gateway_of_this_machine_lives_as_long_as_the_interface_that_began_it() {
    let home = Home::new("tui-local");
    let ran = home.run("tui --local");
    assert_eq!(ran.code, Some(2), "without a terminal nothing begins");

    let mut terminal = Terminal::start(&home, "tui --local");
    terminal.waits_for("idle");
    terminal.press("hello there\r");
    terminal.waits_for("demo");
    // Other commands find it, and a second interface joins it and leaves it running.
    assert_eq!(home.run("health").code, Some(0));
    let mut second = Terminal::start(&home, "tui --local");
    second.waits_for("> hello there");
    second.press("\u{4}");
    assert_eq!(second.ended(), Some(0));
    assert_eq!(home.run("health").code, Some(0));

    terminal.press("\u{4}");
    assert_eq!(terminal.ended(), Some(0));
    assert_ne!(home.run("health").code, Some(0), "it went with it");

    let mut elsewhere = Terminal::start(&home, "tui --local --url ws://127.0.0.1:1 --token x");
    elsewhere.waits_for("--local is the gateway of this machine");
    assert_eq!(elsewhere.ended(), Some(2));
}

#[test]
fn a_gateway_that_is_being_begun_goes_with_an_interface_that_is_ended() {
    let home = Home::new("tui-local-ended");
    let mut terminal = Terminal::start(&home, "tui --local");
    // Written with the lock, long before the gateway listens.
    let state = home.path.join(".torana");
    wait::until("the gateway begins", SEEN_MAX, || {
        state.join("gateway.pid").exists().then_some(())
    });
    terminal.tell(Signal::TERM);
    terminal.ended();
    let lock = File::open(state.join("gateway.lock")).expect("a lock");
    wait::until("nobody has the lock", SEEN_MAX, || lock.try_lock().ok());
}
