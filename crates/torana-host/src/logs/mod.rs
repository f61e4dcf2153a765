//! Where log lines go: a rotating file and the console, both escaped (S-071) and redacted (S-070) at the sink.
//!
//! The binary sets up the subscriber; [`LogFile::writer`] and [`ConsoleLog::writer`] are what its format layers write to:
//! each takes one whole event per write, as the usual format layers give it.

mod escape;
mod file;
mod redact;
mod tail;

pub use escape::{escape_json_line, escape_text_line};
pub use file::{ConsoleLog, LineWriter, LogFile, LogFileOptions};
pub use redact::Redactor;
pub use tail::{Tail, TailRequest, tail};
