//! Reads the end of the log file by byte offset, for `logs.tail` and `logs --follow`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// What to read. The defaults are those of the protocol's own clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailRequest {
    /// Continue where an earlier answer ended; absent reads the end of the file.
    pub cursor: Option<u64>,
    /// Lines at most; the newest are kept.
    pub lines_max: usize,
    /// Bytes at most; the newest are kept.
    pub bytes_max: u64,
}

impl Default for TailRequest {
    fn default() -> Self {
        Self {
            cursor: None,
            lines_max: 200,
            bytes_max: 250_000,
        }
    }
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail {
    /// Where to continue.
    pub cursor: u64,
    /// Size of the file.
    pub size: u64,
    /// Whole lines, oldest first.
    pub lines: Vec<String>,
    /// Something before the first line was left out.
    pub truncated: bool,
    /// The cursor did not fit any more (rotation, or too far behind); the lines do not follow the earlier ones.
    pub reset: bool,
    /// Bytes between a cursor that was too far behind and where reading went on.
    pub skipped_bytes: Option<u64>,
}

/// Reads whole lines; a missing file is an empty one. Blocks on the disk.
pub fn tail(path: &Path, request: TailRequest) -> io::Result<Tail> {
    // Above these a caller would only hurt itself: 1 MiB and 5,000 lines fit every client's page.
    let bytes_max = request.bytes_max.clamp(1, 1024 * 1024);
    let lines_max = request.lines_max.clamp(1, 5_000);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Tail {
                reset: request.cursor.is_some_and(|cursor| cursor > 0),
                ..Tail::default()
            });
        }
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    let newest = size.saturating_sub(bytes_max);
    let (start, reset) = match request.cursor {
        None => (newest, false),
        Some(cursor) if cursor > size || cursor < newest => (newest, true),
        Some(cursor) => (cursor, false),
    };
    let continues = request.cursor == Some(start);
    let mut bytes = Vec::new();
    // One byte earlier shows whether the first line is whole.
    let from = if continues {
        start
    } else {
        start.saturating_sub(1)
    };
    file.seek(SeekFrom::Start(from))?;
    file.take(size - from).read_to_end(&mut bytes)?;
    let mut skipped = from;
    let mut text = bytes.as_slice();
    if !continues && start > 0 {
        let first_whole = text
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(text.len(), |at| at + 1);
        skipped += first_whole as u64;
        text = &text[first_whole..];
    }
    // A line that is still being written belongs to the next answer.
    let whole = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let mut lines: Vec<String> = String::from_utf8_lossy(&text[..whole])
        .lines()
        .map(str::to_owned)
        .collect();
    let excess = lines.len().saturating_sub(lines_max);
    lines.drain(..excess);
    let truncated = excess > 0 || (start > 0 && !continues);
    Ok(Tail {
        cursor: skipped + whole as u64,
        size,
        lines,
        truncated,
        reset,
        skipped_bytes: request
            .cursor
            .filter(|cursor| *cursor < newest)
            .map(|cursor| newest - cursor),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tests::Scratch;

    #[test]
    fn only_whole_and_newest_lines_are_given() {
        let scratch = Scratch::new();
        let path = scratch.0.join("log");
        assert_eq!(
            tail(&path, TailRequest::default()).expect("missing is empty"),
            Tail::default()
        );
        std::fs::write(&path, "first\nsecond\nthird\nhalf").expect("written");
        let read = |request| tail(&path, request).expect("read");
        let all = read(TailRequest::default());
        assert_eq!(
            (all.lines.len(), all.cursor, all.size, all.truncated),
            (3, 19, 23, false)
        );
        let newest = read(TailRequest {
            lines_max: 1,
            ..TailRequest::default()
        });
        assert_eq!(
            (newest.lines, newest.truncated),
            (vec!["third".to_owned()], true)
        );
        let cut = read(TailRequest {
            bytes_max: 12,
            ..TailRequest::default()
        });
        assert_eq!((cut.lines, cut.truncated), (vec!["third".to_owned()], true));
        let exact = read(TailRequest {
            bytes_max: 10,
            ..TailRequest::default()
        });
        assert_eq!(
            (exact.lines, exact.skipped_bytes),
            (vec!["third".to_owned()], None)
        );
        let behind = read(TailRequest {
            cursor: Some(0),
            bytes_max: 12,
            ..TailRequest::default()
        });
        assert!(behind.reset && behind.lines == ["third"]);
        assert_eq!(behind.skipped_bytes, Some(11));
        let ended = read(TailRequest {
            cursor: Some(19),
            ..TailRequest::default()
        });
        assert_eq!(
            (ended.lines.len(), ended.cursor, ended.truncated),
            (0, 19, false)
        );
    }
}
