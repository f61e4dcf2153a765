//! Client-facing protocols, one folder each, and the front that owns the listener.

mod context;
pub mod front;
pub mod openai;
pub mod openclaw;
pub mod ops;

pub use context::{AuthMode, Context, FrontSettings, Host, LogsPage, LogsRequest};
