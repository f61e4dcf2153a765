//! Files of messages in memory: they outlive the simulated process, as files would.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use torana_core::port::{BoxFuture, MediaFailure, MediaStore};

/// A shelf of bytes by digest. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MediaShelf {
    files: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl MediaShelf {
    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files().is_empty()
    }
}

impl MediaStore for MediaShelf {
    fn put(&self, digest: String, bytes: Bytes) -> BoxFuture<'_, Result<(), MediaFailure>> {
        self.files().insert(digest, bytes);
        Box::pin(std::future::ready(Ok(())))
    }

    fn get(&self, digest: String) -> BoxFuture<'_, Result<Option<Bytes>, MediaFailure>> {
        let found = self.files().get(&digest).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn remove(&self, digest: String) -> BoxFuture<'_, Result<(), MediaFailure>> {
        self.files().remove(&digest);
        Box::pin(std::future::ready(Ok(())))
    }
}
