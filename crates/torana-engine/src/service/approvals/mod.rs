//! Approvals and questions: what waits for a person's word.
//!
//! Both are rows, so they survive a restart and stay answerable until they expire. The first answer wins because
//! ending a row is one conditional update; everybody who waits is woken and looks at the row again. Start with
//! [`Approvals`] in `waiting`.

mod approval;
mod question;
mod waiting;

pub use approval::{HistoryPlace, NewApproval, Resolved};
pub use question::NewQuestion;
pub use waiting::Approvals;
