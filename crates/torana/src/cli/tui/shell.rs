//! Commands of the machine one sits at, as `!ls`: run by the person's own shell, after an explicit yes, and never by
//! anything a gateway sends.

use std::io::{self, PipeReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

use super::clean;
use super::picker::{Item, Picker, Topic};
use super::state::{Action, Overlay, State};

/// Bytes of output kept, its end: what fits some screens; a person who wants more runs it in a terminal.
const OUTPUT_BYTES_MAX: usize = 40_000;
/// Bytes read in one look; a command that never stops talking must not stop the drawing.
const LOOK_BYTES_MAX: usize = 256 * 1024;

/// Whether commands may run here; it holds until the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    Unasked,
    Given,
    Refused,
}

/// What the interface knows of the shell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) consent: Consent,
    /// The command that runs.
    pub(crate) running: Option<String>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) output: String,
    /// What was said before the output that is kept is not.
    pub(crate) is_cut: bool,
    /// `exit 0`, or what else became of it.
    pub(crate) how: String,
}

// === impl State ===

impl State {
    /// The command in a line, when it is for this machine. A lone `!` is a message, and so is what has a second line.
    pub(crate) fn local_command(line: &str) -> Option<&str> {
        let command = line.strip_prefix('!')?;
        (!command.trim().is_empty() && !command.contains('\n')).then_some(command)
    }

    /// Runs a command, or asks first whether any may run.
    pub(crate) fn run_here(&mut self, command: &str) -> Vec<Action> {
        match (self.local.consent, &self.local.running) {
            (Consent::Refused, _) => {
                self.log
                    .note("commands of this machine stay off until the program is started again");
                Vec::new()
            }
            (_, Some(running)) => {
                let told = format!("`{running}` still runs here; Esc stops it");
                self.log.note(told);
                Vec::new()
            }
            (Consent::Unasked, None) => {
                self.ask_whether(command);
                Vec::new()
            }
            (Consent::Given, None) => {
                self.local.running = Some(command.to_owned());
                vec![Action::Shell(command.to_owned())]
            }
        }
    }

    fn ask_whether(&mut self, command: &str) {
        let item = |id: &str, label: &str| Item {
            id: id.to_owned(),
            label: label.to_owned(),
            detail: String::new(),
            blocked: None,
        };
        // The refusal comes first: an Enter too many must not let anything happen.
        let items = vec![
            item("no", "No, and do not ask again"),
            item("yes", "Yes, until this program ends"),
        ];
        let title = format!(
            "May commands run on this machine? They are yours, not the agent's, and can delete files or show secrets.\n\n$ {}",
            clean::line(command)
        );
        let topic = Topic::Shell(command.to_owned());
        self.open_unseen(Overlay::Picker(Picker::of(topic, &title, items)));
    }

    /// The answer to whether commands may run.
    pub(crate) fn allow_here(&mut self, command: &str, answer: &str) -> Vec<Action> {
        if answer == "yes" {
            self.local.consent = Consent::Given;
            return self.run_here(command);
        }
        self.local.consent = Consent::Refused;
        self.log.note("no command runs on this machine");
        Vec::new()
    }

    /// A command is over, or could not begin.
    pub(crate) fn shell_ended(&mut self, ended: &Ended) {
        let command = self.local.running.take().unwrap_or_default();
        let mut lines = vec![format!("$ {}", clean::line(&command))];
        if ended.is_cut {
            lines.push("… what came before is not kept".to_owned());
        }
        let output = clean::text(&ended.output);
        lines.extend(output.trim_end().lines().map(str::to_owned));
        lines.push(ended.how.clone());
        self.log.note(lines.join("\n"));
    }
}

/// A command that runs. Dropping it ends it with everything it started.
pub(super) struct Shell {
    child: Child,
    reader: PipeReader,
    output: Vec<u8>,
    is_cut: bool,
}

// === impl Shell ===

impl Shell {
    /// Starts a command in the folder of this program, without anything to read.
    pub(super) fn start(program: &str, command: &str) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        fcntl_setfl(&reader, OFlags::NONBLOCK)?;
        let child = Command::new(program)
            .arg("-c")
            .arg(command)
            // For profiles of shells that want to know; the second name is that of OpenClaw 2026.9.6.
            .env("TORANA_SHELL", "tui-local")
            .env("OPENCLAW_SHELL", "tui-local")
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        Ok(Self {
            child,
            reader,
            output: Vec::new(),
            is_cut: false,
        })
    }

    /// Reads what was said since, and says when it is over.
    pub(super) fn look(&mut self) -> io::Result<Option<Ended>> {
        let status = self.child.try_wait()?;
        self.read()?;
        Ok(status.map(|status| Ended {
            output: String::from_utf8_lossy(&self.output).into_owned(),
            is_cut: self.is_cut,
            how: told(status),
        }))
    }

    /// Ends it, and what it started. False when it was over already: then its number may be somebody else's.
    pub(super) fn stop(&mut self) -> bool {
        let (Ok(None), Ok(number)) = (self.child.try_wait(), i32::try_from(self.child.id())) else {
            return false;
        };
        Pid::from_raw(number).is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok())
    }

    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0_u8; 8 * 1024];
        let mut seen = 0;
        while seen < LOOK_BYTES_MAX {
            match self.reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => {
                    seen += count;
                    self.output.extend_from_slice(&chunk[..count]);
                    let over = self.output.len().saturating_sub(OUTPUT_BYTES_MAX);
                    self.is_cut |= over > 0;
                    self.output.drain(..over);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if self.stop() {
            drop(self.child.wait());
        }
    }
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
