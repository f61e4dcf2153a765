//! Sign-in codes: single use, ten minutes, in memory only (decision 35). A restart forgets them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use torana_core::auth::{self, Digest};
use torana_core::limit::LOGIN_CODE_MS;
use torana_core::port::World;

/// Codes alive at once; printing more forgets the oldest. Far above what a person opens in ten minutes.
const CODES_MAX: usize = 64;

/// A fresh code.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginCode {
    /// The code; a credential.
    pub code: String,
    /// When it dies, Unix milliseconds.
    pub expires_at_ms: i64,
}

impl std::fmt::Debug for LoginCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "LoginCode(…, expires_at_ms: {})",
            self.expires_at_ms
        )
    }
}

/// Issues and redeems sign-in codes. Cheap to clone.
#[derive(Clone)]
pub struct LoginCodes {
    world: World,
    // Ordered by issue number, so the first is the oldest.
    live: Arc<Mutex<(u64, BTreeMap<u64, Entry>)>>,
}

struct Entry {
    digest: Digest,
    // Monotonic, so that a changed wall clock neither kills nor revives a code.
    dies_at_ms: u64,
}

impl LoginCodes {
    /// No codes yet.
    pub fn new(world: World) -> Self {
        Self {
            world,
            live: Arc::default(),
        }
    }

    /// A fresh code.
    pub fn issue_login(&self) -> LoginCode {
        let code = auth::login_code(&self.world);
        let life_ms = LOGIN_CODE_MS.unsigned_abs();
        let dies_at_ms = self.world.monotonic_ms().saturating_add(life_ms);
        let mut guard = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, live) = &mut *guard;
        *number += 1;
        live.insert(
            *number,
            Entry {
                digest: auth::digest(&code),
                dies_at_ms,
            },
        );
        while live.len() > CODES_MAX {
            live.pop_first();
        }
        LoginCode {
            code,
            expires_at_ms: self.world.wall_ms().saturating_add(LOGIN_CODE_MS),
        }
    }

    /// The code could be spent now. For a throttle that must know before it lets a guess count.
    pub fn is_live(&self, code: &str) -> bool {
        let wanted = auth::digest(code);
        let now_ms = self.world.monotonic_ms();
        let guard = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        guard
            .1
            .values()
            .any(|entry| entry.dies_at_ms > now_ms && entry.digest == wanted)
    }

    /// Spends a code. `false` when it is unknown, spent or too old.
    pub fn redeem_login(&self, code: &str) -> bool {
        let wanted = auth::digest(code);
        let now_ms = self.world.monotonic_ms();
        let mut guard = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let live = &mut guard.1;
        live.retain(|_, entry| entry.dies_at_ms > now_ms);
        let found = live
            .iter()
            .find(|(_, entry)| entry.digest == wanted)
            .map(|(number, _)| *number);
        found.is_some_and(|number| live.remove(&number).is_some())
    }
}
