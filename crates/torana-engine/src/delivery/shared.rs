//! What the delivery side is made of, shared by everything that sends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, oneshot, watch};
use torana_core::id::{AccountId, ChannelId};
use torana_core::message::Receipt;
use torana_core::port::{SendFailure, World};

use super::lanes::AccountOut;
use crate::bus::Bus;
use crate::steady::Steady;
use crate::store::Store;
use crate::supervise::Supervisor;

/// Names an account.
pub(super) type AccountKey = (ChannelId, AccountId);

/// The delivery side of the gateway. Cheap to clone.
#[derive(Clone)]
pub struct Delivery {
    pub(super) inner: Arc<Inner>,
}

/// The one state behind every handle.
pub(super) struct Inner {
    pub(super) store: Store,
    pub(super) bus: Bus,
    pub(super) world: World,
    pub(super) tasks: Supervisor,
    pub(super) accounts: Mutex<BTreeMap<AccountKey, AccountOut>>,
    pub(super) slots: Mutex<BTreeMap<AccountKey, Arc<Semaphore>>>,
    /// Nothing new goes out: the gateway is suspended. Set and looked at under the lock of `accounts`.
    pub(super) resting: watch::Sender<bool>,
    pub(super) steady: Steady,
}

/// What became of an operation that only matters at this moment.
pub type Passed = oneshot::Receiver<Result<Receipt, SendFailure>>;
