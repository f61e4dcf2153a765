//! An incremental parser of server-sent events.
//!
//! Bytes may be cut anywhere, also inside a character or a line ending; any cut gives the same events.
//! It follows the WHATWG grammar, and is lenient where model servers are not: an event that the end of the stream cuts
//! off before its blank line is still given by [`SseParser::finish`].

/// Longest line and longest event accepted, in bytes: far above any real delta, far below what would hurt.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The event's type; absent means `message`.
    pub event: Option<String>,
    /// Its data lines, joined by line feeds.
    pub data: String,
    /// The last event id the stream has given so far.
    pub id: Option<String>,
    /// A reconnection time, milliseconds, when this event carried one.
    pub retry_ms: Option<u64>,
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// A line or an event grew beyond [`LINE_BYTES_MAX`].
    #[error("a line of the event stream is longer than 1 MiB")]
    TooLong,
}

/// The state between two pieces of a stream.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    // The previous piece ended in CR; a LF at the start of the next one belongs to it.
    after_cr: bool,
    // A byte order mark is allowed before the first line only.
    past_first_line: bool,
    pending: SseEvent,
    has_data: bool,
}

impl SseParser {
    /// A parser at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and appends the events they complete.
    pub fn push(&mut self, bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, ending) = rest.split_at(end);
            if self.line.is_empty() {
                check_length(line.len())?;
                self.take_line(line, events)?;
            } else {
                check_length(self.line.len() + line.len())?;
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.take_line(&whole, events)?;
                whole.clear();
                self.line = whole;
            }
            rest = match ending {
                [b'\r', b'\n', after @ ..] => after,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, after @ ..] => after,
                [] => &[],
            };
        }
        check_length(self.line.len() + rest.len())?;
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// The stream has ended: gives the event that was still waiting for its blank line, if it had data.
    pub fn finish(mut self) -> Option<SseEvent> {
        let mut events = Vec::new();
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() && self.take_line(&line, &mut events).is_err() {
            return None;
        }
        self.dispatch(&mut events);
        events.pop()
    }

    fn take_line(&mut self, line: &[u8], events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let line = if self.past_first_line {
            line
        } else {
            self.past_first_line = true;
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        };
        if line.is_empty() {
            self.dispatch(events);
            return Ok(());
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(0) => return Ok(()),
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        match name {
            b"data" => {
                check_length(self.pending.data.len() + value.len())?;
                if self.has_data {
                    self.pending.data.push('\n');
                }
                self.pending.data.push_str(&String::from_utf8_lossy(value));
                self.has_data = true;
            }
            b"event" => self.pending.event = Some(String::from_utf8_lossy(value).into_owned()),
            b"id" if !value.contains(&0) => {
                self.pending.id = Some(String::from_utf8_lossy(value).into_owned())
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.pending.retry_ms = std::str::from_utf8(value)
                    .ok()
                    .and_then(|digits| digits.parse().ok());
            }
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self, events: &mut Vec<SseEvent>) {
        if self.has_data {
            let id = self.pending.id.clone();
            let mut event = std::mem::take(&mut self.pending);
            event.event = event.event.filter(|name| !name.is_empty());
            events.push(event);
            // The id stays valid for later events, everything else belongs to one event.
            self.pending.id = id;
            self.has_data = false;
        } else {
            self.pending.event = None;
            self.pending.retry_ms = None;
        }
    }
}

fn check_length(length: usize) -> Result<(), SseError> {
    if length > LINE_BYTES_MAX {
        Err(SseError::TooLong)
    } else {
        Ok(())
    }
}

/// Fuzz entry: reading whole and reading byte by byte agree, and nothing panics.
pub fn fuzz_sse(bytes: &[u8]) {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut parser = SseParser::new();
        let mut events = Vec::new();
        for piece in pieces {
            if parser.push(piece, &mut events).is_err() {
                return (events, None);
            }
        }
        (events, Some(parser.finish()))
    };
    let whole = read(&mut std::iter::once(bytes));
    let single = read(&mut bytes.chunks(1));
    if whole.1.is_some() && single.1.is_some() {
        assert_eq!(whole, single, "any cut gives the same events");
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<SseEvent> {
        let mut parser = SseParser::new();
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(piece, &mut events).expect("short lines");
        }
        events.extend(parser.finish());
        events
    }

    fn shown(text: &str) -> String {
        read(&[text.as_bytes()])
            .iter()
            .map(|event| {
                format!(
                    "{:?} {:?} id={:?} retry={:?}\n",
                    event.event, event.data, event.id, event.retry_ms
                )
            })
            .collect()
    }

    #[test]
    fn fields_comments_and_line_endings() {
        expect![[r#"
            None "a\nb" id=None retry=None
            Some("delta") "{\"x\":1}" id=Some("7") retry=Some(300)
            None " two spaces" id=Some("7") retry=None
            None "" id=Some("7") retry=None
            None "cut off" id=Some("7") retry=None
        "#]]
        .assert_eq(&shown(
            "\u{feff}data: a\ndata: b\n\n: comment\r\nevent: delta\r\nid:7\r\nretry: 300\r\ndata:{\"x\":1}\r\n\r\n\
             data:  two spaces\r\revent: lonely\n\ndata\n\nunknown: x\ndata: cut off",
        ));
    }

    #[test]
    fn line_beyond_the_cap_is_refused_before_it_is_stored() {
        let mut parser = SseParser::new();
        let piece = vec![b'x'; 700 * 1024];
        let mut events = Vec::new();
        assert_eq!(parser.push(&piece, &mut events), Ok(()));
        assert_eq!(parser.push(&piece, &mut events), Err(SseError::TooLong));
    }

    #[test]
    fn many_data_lines_cannot_grow_an_event_beyond_the_cap() {
        let mut parser = SseParser::new();
        let line = format!("data: {}\n", "x".repeat(1000));
        let mut events = Vec::new();
        let failed = (0..2000).find(|_| parser.push(line.as_bytes(), &mut events).is_err());
        assert!(failed.is_some_and(|count| count < 1100));
    }

    fn stream_text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just("data: ".to_owned()),
            Just("data".to_owned()),
            Just("event: e".to_owned()),
            Just("id: 1".to_owned()),
            Just("retry: 5".to_owned()),
            Just("\n".to_owned()),
            Just("\r\n".to_owned()),
            Just("\r".to_owned()),
            Just("\n\n".to_owned()),
            Just(": c".to_owned()),
            Just("\u{feff}".to_owned()),
            "[a-zé€😀]{0,6}",
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(bytes in stream_text(), cuts in proptest::collection::vec(0_usize..400, 0..8)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[&bytes]));
            fuzz_sse(&bytes);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz_sse(&bytes);
        }
    }
}
