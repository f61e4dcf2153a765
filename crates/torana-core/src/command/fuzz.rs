//! Fuzz entry: any bytes as a chat message.

use super::{Command, CommandNames, parse};

/// Drives the command grammar with arbitrary bytes; panics when a promise is broken.
pub fn fuzz_command(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let triggers = ["start over".to_owned()];
    let names = CommandNames {
        own_username: Some("gate_bot"),
        reset_triggers: &triggers,
    };
    if let Some(Command::Unknown { name, rest }) = parse(&text, &names) {
        assert!(!name.is_empty() && name.len() <= 32, "names are bounded");
        assert!(rest.len() <= text.len(), "arguments come from the message");
    }
}
