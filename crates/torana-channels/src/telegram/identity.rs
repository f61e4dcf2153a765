//! Who we are on the platform.

use std::sync::{Arc, PoisonError, RwLock};

use super::entity::Own;
use super::wire::Me;

/// Who we are, learnt by connecting and read with every update.
pub(super) struct Identity(RwLock<Arc<Own>>);

impl Identity {
    /// What the token alone tells.
    pub(super) fn from_token(bot_id: &str) -> Self {
        Self(RwLock::new(Arc::new(Own {
            token_id: bot_id.parse().unwrap_or(0),
            id: None,
            username: None,
        })))
    }

    /// Who we are, as far as it is known.
    pub(super) fn own(&self) -> Arc<Own> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what the platform says of us.
    pub(super) fn learn(&self, me: &Me) {
        let own = Own {
            token_id: self.own().token_id,
            id: Some(me.id),
            username: me.username.clone(),
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(own);
    }
}
