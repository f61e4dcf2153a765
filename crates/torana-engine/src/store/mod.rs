//! The store: typed tables over one embedded database, one writer with group commit, a few readers.
//!
//! [`Store`] is the only door. Writes are closures that see one transaction; many closures share one flush.
//! A write that returned `Ok` is on disk. Tables live in one file each and hold all SQL.

pub mod approval;
pub mod audit;
pub(crate) mod client_key;
pub(crate) mod context;
mod database;
pub mod device;
mod error;
pub mod inbox;
pub mod migrate;
pub mod node;
pub mod outbox;
pub mod pairing;
pub mod question;
pub mod session;
pub mod transcript;
pub mod usage;
mod writer;

pub use database::{Blank, Options, Store, blank};
pub(crate) use error::STORE_RETRY_MS;
pub use error::{OpenError, StoreError};
pub use writer::{CommitFault, CommitHook};
