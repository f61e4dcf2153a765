//! What people have seen of an answer before it is final.

use crate::settings::StreamMode;

/// What people see of an answer before it is final.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Messages, in order.
    pub(crate) message_ids: Vec<String>,
    /// They are a status line, not a beginning of the answer.
    pub(crate) is_status: bool,
}

impl Shown {
    /// What an earlier run left behind. The mode may have changed since; a status line is never taken for the
    /// beginning of an answer.
    pub(crate) fn left_by_crash(message_ids: Vec<String>, mode: StreamMode) -> Self {
        Self {
            message_ids,
            is_status: matches!(mode, StreamMode::Progress | StreamMode::Draft),
        }
    }
}
