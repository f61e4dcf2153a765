//! Client-facing protocols, one folder each, and the front that owns the listener.

mod context;
pub mod front;
pub mod openai;
pub mod openclaw;
pub mod ops;
pub mod site;
#[cfg(test)]
mod site_memory;
pub mod tools;

pub use context::{
    AuthMode, Context, EmbedRequest, Embeddings, ExecPolicyFile, FrontSettings, Host, LogsPage,
    LogsRequest, NodeSettings, ProxyIdentity, RestartPlan, RestartRequest,
};
