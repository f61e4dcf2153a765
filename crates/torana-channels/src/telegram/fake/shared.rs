//! What the connections of a fake server share.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;
use torana_core::port::World;

use super::state::{Bot, State};

/// What all connections share.
pub(super) struct Fake {
    pub(super) state: Mutex<State>,
    pub(super) world: World,
    pub(super) limits: bool,
    pub(super) pumps: mpsc::Sender<(String, u64)>,
}

impl Fake {
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Acts on one bot, when there is one with this token.
    pub(super) fn with_bot<T>(&self, token: &str, act: impl FnOnce(&mut Bot) -> T) -> Option<T> {
        self.with(|state| state.bot(token).map(act))
    }

    /// The time, Unix milliseconds.
    pub(super) fn wall_ms(&self) -> i64 {
        self.world.wall_ms()
    }

    pub(super) async fn sleep_ms(&self, delay_ms: u64) {
        self.world.sleep_ms(delay_ms).await;
    }
}
