//! The first frames of a connection: `connect`, and what comes while it is being processed.

use std::collections::VecDeque;

use super::end::{End, refuse};
use crate::front::outgoing::Outgoing;
use crate::front::socket::{Incoming, WebSocket};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::{self, FrameFault, Request};
use crate::openclaw::legacy::guide;
use crate::openclaw::quirks::{self, close};

/// The next text, which only a connection before hello waits for alone.
pub(super) async fn first_text(
    socket: &mut WebSocket,
    outgoing: &Outgoing,
) -> Result<String, Option<End>> {
    loop {
        match socket.turn(outgoing).await {
            Incoming::Text(text) => return Ok(text.to_string()),
            Incoming::Binary(_) => {
                return Err(Some(End {
                    code: 1003,
                    reason: "text frames only".to_owned(),
                }));
            }
            Incoming::Pong => {}
            Incoming::Gone => return Err(None),
            Incoming::End { code, reason } => return Err(Some(End { code, reason })),
        }
    }
}

/// Keeps what comes while `connect` is being processed; ends only when the connection must.
pub(super) async fn collect(
    socket: &mut WebSocket,
    outgoing: &Outgoing,
    waiting: &mut VecDeque<String>,
) -> Option<End> {
    loop {
        match first_text(socket, outgoing).await {
            Ok(_) if waiting.len() >= quirks::PENDING_FRAMES_MAX => {
                return Some(End {
                    code: close::POLICY,
                    reason: "too many pending handshake frames".to_owned(),
                });
            }
            Ok(text) => waiting.push_back(text),
            Err(end) => return end,
        }
    }
}

/// The first request of a connection.
pub(super) struct Opening {
    pub(super) request: Request,
    /// It speaks the bare dialect of an older guide.
    pub(super) guide: bool,
}

/// Reads the first frame, which must be `connect`, or `auth` in the bare dialect.
pub(super) fn first_request(text: &str, outgoing: &Outgoing) -> Result<Opening, Option<End>> {
    if let Some(request) = guide::opening(text) {
        outgoing.adapt(guide::translate);
        return Ok(Opening {
            request,
            guide: true,
        });
    }
    match frame::read(text) {
        Ok(request) if request.method == "connect" => Ok(Opening {
            request,
            guide: false,
        }),
        Ok(request) => {
            let error = WireError::invalid("invalid handshake: first request must be connect");
            Err(Some(refuse(outgoing, &request.id, error.into())))
        }
        Err(FrameFault::NotJson) => Err(Some(End {
            code: close::NORMAL,
            reason: String::new(),
        })),
        Err(FrameFault::Invalid { .. }) => Err(Some(End {
            code: close::POLICY,
            reason: "invalid request frame".to_owned(),
        })),
    }
}
