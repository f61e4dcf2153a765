//! The rotating log file and the console, one whole line per event.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::escape::{escape_json_line, escape_text_line};
use super::redact::Redactor;
use crate::files;

/// A longer event is replaced by a note: one runaway field must not push everything else out of the files.
const LINE_BYTES_MAX: usize = 256 * 1024;

/// Where and how much.
#[derive(Debug, Clone)]
pub struct LogFileOptions {
    /// The current file; older ones get `.1` (newest) and so on.
    pub path: PathBuf,
    /// Size at which a new file begins (decision 54: 50 MiB).
    pub bytes_max: u64,
    /// Files in all, the current one included (decision 54: 5).
    pub files_max: usize,
}

impl LogFileOptions {
    /// The defaults of decision 54.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            bytes_max: 50 * 1024 * 1024,
            files_max: 5,
        }
    }
}

struct Current {
    file: Option<File>,
    bytes: u64,
}

/// A log file of JSON lines that rotates by size. Cheap to clone; all clones write to the same file.
#[derive(Clone)]
pub struct LogFile {
    options: Arc<LogFileOptions>,
    redactor: Redactor,
    current: Arc<Mutex<Current>>,
    lost: Arc<AtomicU64>,
}

impl std::fmt::Debug for LogFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LogFile")
            .field("path", &self.options.path)
            .finish_non_exhaustive()
    }
}

impl LogFile {
    /// Opens the file for appending, creating it and its folder privately.
    pub fn open(options: LogFileOptions, redactor: Redactor) -> io::Result<Self> {
        if let Some(folder) = options.path.parent() {
            files::private_dir(folder)?;
        }
        let current = open_current(&options.path)?;
        Ok(Self {
            options: Arc::new(options),
            redactor,
            current: Arc::new(Mutex::new(current)),
            lost: Arc::default(),
        })
    }

    /// The current file.
    pub fn path(&self) -> &Path {
        &self.options.path
    }

    /// Lines that could not be written, for instance because the disk was full.
    pub fn lines_lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// A writer for one event: `move || file.writer()` is what a format layer wants.
    pub fn writer(&self) -> LineWriter {
        LineWriter {
            sink: Sink::File(self.clone()),
        }
    }

    /// Writes one event. A failure is counted, never returned: logging must not stop what is being logged.
    fn write_event(&self, text: &str) {
        let redacted = self.redactor.redact(text.trim_end_matches(['\n', '\r']));
        let mut line = escape_json_line(&redacted);
        if line.len() > LINE_BYTES_MAX {
            line = Cow::Owned(format!(
                r#"{{"level":"WARN","target":"torana_host::logs","fields":{{"message":"A log line was too long.","bytes":{}}}}}"#,
                line.len()
            ));
        }
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if self.append(&mut current, &line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn append(&self, current: &mut Current, line: &str) -> io::Result<()> {
        let bytes = line.len() as u64 + 1;
        if current.bytes > 0 && current.bytes + bytes > self.options.bytes_max {
            self.rotate(current)?;
        }
        if current.file.is_none() {
            *current = open_current(&self.options.path)?;
        }
        let Some(file) = current.file.as_mut() else {
            return Ok(());
        };
        let mut whole = Vec::with_capacity(line.len() + 1);
        whole.extend_from_slice(line.as_bytes());
        whole.push(b'\n');
        file.write_all(&whole)?;
        current.bytes += bytes;
        Ok(())
    }

    fn rotate(&self, current: &mut Current) -> io::Result<()> {
        current.file = None;
        let path = &self.options.path;
        for number in (1..self.options.files_max.saturating_sub(1)).rev() {
            rename_if_there(&numbered(path, number), &numbered(path, number + 1))?;
        }
        if self.options.files_max > 1 {
            rename_if_there(path, &numbered(path, 1))?;
        } else {
            std::fs::remove_file(path)?;
        }
        *current = open_current(path)?;
        Ok(())
    }
}

fn open_current(path: &Path) -> io::Result<Current> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(files::MODE_PRIVATE)
        .open(path)?;
    let bytes = file.metadata()?.len();
    Ok(Current {
        file: Some(file),
        bytes,
    })
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The console (standard error), for people: plain text with colours.
#[derive(Debug, Clone)]
pub struct ConsoleLog {
    redactor: Redactor,
}

impl ConsoleLog {
    /// A console that hides what the redactor knows.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor }
    }

    /// A writer for one event.
    pub fn writer(&self) -> LineWriter {
        LineWriter {
            sink: Sink::Console(self.clone()),
        }
    }
}

#[derive(Debug)]
enum Sink {
    File(LogFile),
    Console(ConsoleLog),
}

/// Takes one event per write, as the format layers of the subscriber give it.
#[derive(Debug)]
pub struct LineWriter {
    sink: Sink,
}

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        match &self.sink {
            Sink::File(file) => file.write_event(&text),
            Sink::Console(console) => {
                let redacted = console.redactor.redact(text.trim_end_matches(['\n', '\r']));
                let line = escape_text_line(&redacted);
                let mut error_output = io::stderr().lock();
                error_output.write_all(line.as_bytes())?;
                error_output.write_all(b"\n")?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::files::tests::Scratch;
    use crate::logs::{TailRequest, tail};

    fn open(scratch: &Scratch, bytes_max: u64) -> LogFile {
        let options = LogFileOptions {
            bytes_max,
            files_max: 3,
            ..LogFileOptions::new(scratch.0.join("gateway.log"))
        };
        LogFile::open(options, Redactor::new()).expect("opened")
    }

    #[test]
    fn rotation_keeps_a_bounded_number_of_private_files() {
        let scratch = Scratch::new();
        let log = open(&scratch, 40);
        for number in 0..12 {
            log.writer()
                .write_all(format!("{{\"line\":{number:010}}}\n").as_bytes())
                .expect("accepted");
        }
        let mut names: Vec<String> = std::fs::read_dir(&scratch.0)
            .expect("listed")
            .map(|entry| {
                entry
                    .expect("entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        assert_eq!(names, ["gateway.log", "gateway.log.1", "gateway.log.2"]);
        let text = std::fs::read_to_string(log.path()).expect("read");
        assert!(
            text.ends_with("{\"line\":0000000011}\n") && text.len() <= 40,
            "{text}"
        );
        let mode = std::fs::metadata(log.path())
            .expect("exists")
            .permissions()
            .mode();
        assert_eq!((mode & 0o777, log.lines_lost()), (0o600, 0));
    }

    #[test]
    fn one_event_is_one_escaped_and_redacted_line() {
        let scratch = Scratch::new();
        let log = open(&scratch, 1 << 20);
        log.redactor.register("very-secret-value");
        log.writer()
            .write_all("{\"m\":\"a\u{202e}very-secret-value\u{85}\"}\n".as_bytes())
            .expect("accepted");
        log.writer()
            .write_all(format!("\"{}\"", "x".repeat(300 * 1024)).as_bytes())
            .expect("accepted");
        let lines = tail(log.path(), TailRequest::default())
            .expect("read")
            .lines;
        assert_eq!(lines[0], r#"{"m":"a\u202e[redacted]\u0085"}"#);
        assert!(lines[1].contains("too long") && lines.len() == 2);
    }

    #[test]
    fn cursor_follows_the_file_and_notices_rotation() {
        let scratch = Scratch::new();
        let log = open(&scratch, 64);
        log.writer().write_all(b"one").expect("accepted");
        let first = tail(log.path(), TailRequest::default()).expect("read");
        assert_eq!(
            (first.lines.as_slice(), first.cursor),
            (&["one".to_owned()][..], 4)
        );
        log.writer().write_all(b"two").expect("accepted");
        let next = tail(
            log.path(),
            TailRequest {
                cursor: Some(first.cursor),
                ..TailRequest::default()
            },
        )
        .expect("read");
        assert_eq!((next.lines, next.reset), (vec!["two".to_owned()], false));
        log.writer()
            .write_all("x".repeat(60).as_bytes())
            .expect("accepted");
        log.writer().write_all(b"new").expect("accepted");
        let request = TailRequest {
            cursor: Some(60),
            ..TailRequest::default()
        };
        let after = tail(log.path(), request).expect("read");
        assert_eq!((after.lines, after.reset), (vec!["new".to_owned()], true));
    }
}
