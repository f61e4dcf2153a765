//! Where answers come from: a running gateway, or the store when none runs (decision 52).

use super::failure::Failure;
use super::invocation::Invocation;
use super::offline::Offline;
use super::rpc::Client;

/// Where answers come from.
pub(crate) enum Access {
    /// A running gateway.
    Gateway(Box<Client>),
    /// The store itself, locked while we use it.
    Store(Box<Offline>),
}

impl Invocation {
    /// The running gateway, or the store when none runs (decision 52).
    pub(crate) async fn access(&self) -> Result<Access, Failure> {
        match self.connect().await {
            Ok(client) => Ok(Access::Gateway(Box::new(client))),
            Err(failure) if failure == Failure::not_running() => {
                Ok(Access::Store(Box::new(Offline::open(self).await?)))
            }
            Err(failure) => Err(failure),
        }
    }
}
