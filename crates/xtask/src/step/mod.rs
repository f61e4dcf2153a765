//! Runs the steps of `cargo xtask ci`: each into its own log, with a time limit, and a summary at the end.
//!
//! A passing step prints one line; a failing one prints the end of its log.
//! Test results are counted from what the runners print, so that the last line can tell how many tests ran.

mod tally;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use tally::Tally;

/// How often a running command is asked whether it has ended; short beside any step, cheap beside any build.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How much of a failing log is printed: a compiler error with its notes, or the failures of a test run.
const LOG_LINES_SHOWN: usize = 200;

/// What became of one step.
enum Outcome {
    Passed,
    Failed(String),
}

/// A failure that has been printed; the line that counts tests must stay the last one.
#[derive(Debug)]
pub(crate) struct Told;

/// Runs steps and remembers how they ended.
pub(crate) struct Steps {
    log_folder: PathBuf,
    wanted: Vec<String>,
    done: Vec<(String, Outcome, Duration)>,
    tally: Tally,
    started: Instant,
}

/// The log of one running step.
pub(crate) struct Log {
    path: PathBuf,
    deadline: Instant,
}

// === impl Steps ===

impl Steps {
    /// With no names in `wanted`, every step runs.
    pub(crate) fn new(log_folder: PathBuf, wanted: &[String]) -> Result<Steps> {
        std::fs::create_dir_all(&log_folder)
            .with_context(|| format!("creating {}", log_folder.display()))?;
        Ok(Steps {
            log_folder,
            wanted: wanted.to_vec(),
            done: Vec::new(),
            tally: Tally::default(),
            started: Instant::now(),
        })
    }

    /// Runs one step, unless the caller asked for others; a failure is remembered and the next step still runs.
    pub(crate) fn run(
        &mut self,
        name: &str,
        limit: Duration,
        work: impl FnOnce(&mut Log) -> Result<()>,
    ) {
        if !self.wanted.is_empty() && !self.wanted.iter().any(|wanted| wanted == name) {
            return;
        }
        println!("[{:>7}] {name} ...", clock(self.started.elapsed()));
        let started = Instant::now();
        let path = self.log_folder.join(format!("{name}.log"));
        let outcome = match Log::create(&path, started + limit).and_then(|mut log| work(&mut log)) {
            Ok(()) => Outcome::Passed,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        let took = started.elapsed();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        self.tally.add(&text);
        match &outcome {
            Outcome::Passed => println!(
                "[{:>7}] {name} passed in {}",
                clock(self.started.elapsed()),
                clock(took)
            ),
            Outcome::Failed(reason) => {
                print_end(&text);
                println!(
                    "[{:>7}] {name} FAILED after {}: {reason}",
                    clock(self.started.elapsed()),
                    clock(took)
                );
            }
        }
        self.done.push((name.to_owned(), outcome, took));
    }

    /// Whether an earlier step failed.
    pub(crate) fn has_failed(&self, name: &str) -> bool {
        self.done
            .iter()
            .any(|(done, outcome, _)| done == name && matches!(outcome, Outcome::Failed(_)))
    }

    /// Prints the table of steps and, last, how many tests ran; fails when anything failed.
    pub(crate) fn finish(self) -> Result<()> {
        if self.done.is_empty() {
            bail!("no step has that name; hint: `cargo xtask ci --list`");
        }
        println!("\n{:<12} {:>8}  result", "step", "time");
        for (name, outcome, took) in &self.done {
            let result = match outcome {
                Outcome::Passed => "passed",
                Outcome::Failed(reason) => reason.as_str(),
            };
            println!("{name:<12} {:>8}  {result}", clock(*took));
        }
        println!("{:<12} {:>8}\n", "all", clock(self.started.elapsed()));
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_)))
            .map(|(name, _, _)| name.as_str())
            .collect();
        if !failed.is_empty() {
            let folder = self.log_folder.display();
            println!("failed: {}; the logs are in {folder}", failed.join(", "));
        }
        if let Some(line) = self.tally.runner_line() {
            println!("{line}");
        }
        println!("{}", self.tally);
        if failed.is_empty() {
            return Ok(());
        }
        Err(Told.into())
    }
}

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("told already")
    }
}

impl std::error::Error for Told {}

// === impl Log ===

impl Log {
    fn create(path: &Path, deadline: Instant) -> Result<Log> {
        File::create(path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Log {
            path: path.to_path_buf(),
            deadline,
        })
    }

    fn append(&self) -> Result<File> {
        OpenOptions::new()
            .append(true)
            .open(&self.path)
            .with_context(|| format!("opening {}", self.path.display()))
    }

    /// Adds a line of our own.
    pub(crate) fn note(&self, line: &str) -> Result<()> {
        writeln!(self.append()?, "{line}").context("writing the log")
    }

    /// Runs a command with its output in the log; fails when it fails or the time of the step is over.
    pub(crate) fn command(&self, command: &mut Command) -> Result<()> {
        let shown = show(command);
        self.note(&format!("$ {shown}"))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(self.append()?)
            .stderr(self.append()?)
            .spawn()
            .with_context(|| format!("starting {shown}"))?;
        loop {
            if let Some(status) = child.try_wait().context("waiting")? {
                if status.success() {
                    return Ok(());
                }
                bail!("`{shown}` ended with {status}");
            }
            if Instant::now() >= self.deadline {
                child.kill().with_context(|| format!("ending {shown}"))?;
                child.wait().context("waiting")?;
                bail!("`{shown}` did not end in the time of this step");
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

/// Runs a command on the terminal of the caller.
pub(crate) fn run_here(command: &mut Command) -> Result<()> {
    let shown = show(command);
    println!("$ {shown}");
    let status = command
        .status()
        .with_context(|| format!("starting {shown}"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let variables = command.get_envs().filter_map(|(name, value)| {
        Some(format!(
            "{}={}",
            name.to_string_lossy(),
            value?.to_string_lossy()
        ))
    });
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned());
    variables
        .chain([program])
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

fn print_end(text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(LOG_LINES_SHOWN);
    if skipped > 0 {
        println!("    ({skipped} earlier lines are in the log)");
    }
    for line in &lines[skipped..] {
        println!("    {line}");
    }
}

/// `1m02.3s`, so that columns of times compare at a glance.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.1}s");
    }
    let minutes = time.as_secs() / 60;
    format!("{minutes}m{:04.1}s", seconds % 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_line_up() {
        assert_eq!(clock(Duration::from_millis(1_240)), "1.2s");
        assert_eq!(clock(Duration::from_millis(62_300)), "1m02.3s");
    }
}
