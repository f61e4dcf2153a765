//! How a connection ends, and the last answer of a handshake that failed.

use crate::front::outgoing::Outgoing;
use crate::openclaw::frame;
use crate::openclaw::handshake::Refusal;

/// How a connection ends.
pub(in crate::openclaw) struct End {
    pub(in crate::openclaw) code: u16,
    pub(in crate::openclaw) reason: String,
}

/// Answers a refused handshake.
pub(super) fn refuse(outgoing: &Outgoing, id: &str, refusal: Refusal) -> End {
    if let Some(error) = &refusal.error {
        outgoing.text(frame::failure(id, error));
    }
    End {
        code: refusal.code,
        reason: refusal.reason,
    }
}
