//! Addresses that are their own permission: unguessable, short-lived, and gone with the connection they were made for.
//!
//! A page cannot send a header with a frame, a picture or a download, so these carry a token in the path instead. The
//! token is kept as a digest: looking it up takes no longer for a close guess than for a wild one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use torana_core::id::ConnectionId;
use torana_core::port::World;

/// Random bytes of a token: 256 bits, twice what cannot be guessed.
const TOKEN_BYTES: usize = 32;
/// Characters of a token in base64url.
const TOKEN_CHARS: usize = 43;

type TokenDigest = [u8; 32];

/// A fresh permission. It has no `Debug`, so that no log can show it by accident.
pub(crate) struct Issued {
    /// The token.
    pub(crate) token: String,
    /// When it ends, Unix milliseconds.
    pub(crate) expires_at_ms: i64,
}

/// How long permissions live and how many there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Life, milliseconds.
    pub(crate) life_ms: u64,
    /// Of one connection; a further one ends its oldest.
    pub(crate) per_connection: usize,
    /// Of all connections; above it none is given.
    pub(crate) all: usize,
}

struct Grant<T> {
    connection: ConnectionId,
    /// On the clock that only runs forward.
    ends_ms: u64,
    value: T,
}

struct Grants<T> {
    by_digest: HashMap<TokenDigest, Grant<T>>,
    /// Oldest first.
    by_connection: HashMap<ConnectionId, VecDeque<TokenDigest>>,
}

/// Permissions of one kind.
pub(crate) struct Capabilities<T> {
    world: World,
    bounds: Bounds,
    grants: Mutex<Grants<T>>,
}

fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token.as_bytes()).into()
}

// === impl Grants ===

impl<T> Grants<T> {
    fn forget(&mut self, connection: ConnectionId) {
        for digest in self.by_connection.remove(&connection).unwrap_or_default() {
            self.by_digest.remove(&digest);
        }
    }

    /// Drops what has ended.
    fn tidy(&mut self, now_ms: u64) {
        let by_digest = &mut self.by_digest;
        self.by_connection.retain(|_, digests| {
            digests.retain(|digest| {
                let is_live = by_digest
                    .get(digest)
                    .is_some_and(|grant| grant.ends_ms > now_ms);
                if !is_live {
                    by_digest.remove(digest);
                }
                is_live
            });
            !digests.is_empty()
        });
    }
}

// === impl Capabilities ===

impl<T: Clone> Capabilities<T> {
    /// None yet.
    pub(crate) fn new(world: World, bounds: Bounds) -> Self {
        Self {
            world,
            bounds,
            grants: Mutex::new(Grants {
                by_digest: HashMap::new(),
                by_connection: HashMap::new(),
            }),
        }
    }

    fn grants(&self) -> MutexGuard<'_, Grants<T>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a connection a permission; `None` when there are too many.
    pub(crate) fn issue(&self, connection: ConnectionId, value: T) -> Option<Issued> {
        let mut random = [0_u8; TOKEN_BYTES];
        self.world.entropy.fill(&mut random);
        let token = URL_SAFE_NO_PAD.encode(random);
        let now_ms = self.world.monotonic_ms();
        let mut grants = self.grants();
        if grants.by_digest.len() >= self.bounds.all {
            grants.tidy(now_ms);
            if grants.by_digest.len() >= self.bounds.all {
                return None;
            }
        }
        let digest = digest(&token);
        let own = grants.by_connection.entry(connection).or_default();
        own.push_back(digest);
        let oldest = (own.len() > self.bounds.per_connection)
            .then(|| own.pop_front())
            .flatten();
        if let Some(oldest) = oldest {
            grants.by_digest.remove(&oldest);
        }
        let grant = Grant {
            connection,
            ends_ms: now_ms.saturating_add(self.bounds.life_ms),
            value,
        };
        grants.by_digest.insert(digest, grant);
        let life_ms = i64::try_from(self.bounds.life_ms).unwrap_or(i64::MAX);
        Some(Issued {
            token,
            expires_at_ms: self.world.wall_ms().saturating_add(life_ms),
        })
    }

    /// What a token permits, while it lives.
    pub(crate) fn find(&self, token: &str) -> Option<T> {
        if token.len() != TOKEN_CHARS {
            return None;
        }
        let digest = digest(token);
        let now_ms = self.world.monotonic_ms();
        let mut grants = self.grants();
        let grant = grants.by_digest.get(&digest)?;
        if grant.ends_ms > now_ms {
            return Some(grant.value.clone());
        }
        let connection = grant.connection;
        grants.by_digest.remove(&digest);
        if let Some(own) = grants.by_connection.get_mut(&connection) {
            own.retain(|known| *known != digest);
        }
        None
    }

    /// Ends every permission of a connection.
    pub(crate) fn revoke(&self, connection: ConnectionId) {
        self.grants().forget(connection);
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.grants().by_digest.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use torana_core::port::{BoxFuture, Clock};

    use super::*;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn wall_ms(&self) -> i64 {
            1_000_000
        }
        fn monotonic_ms(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }
        fn sleep_until(&self, _: u64) -> BoxFuture<'static, ()> {
            Box::pin(async {})
        }
    }

    fn with(bounds: Bounds) -> (Capabilities<u8>, Arc<Hand>) {
        let clock = Arc::new(Hand::default());
        let world = World {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ..torana_host::world()
        };
        (Capabilities::new(world, bounds), clock)
    }

    const BOUNDS: Bounds = Bounds {
        life_ms: 600_000,
        per_connection: 2,
        all: 3,
    };

    #[test]
    fn a_token_works_until_its_end_and_no_other_text_does() {
        let (known, clock) = with(BOUNDS);
        let issued = known.issue(ConnectionId(1), 7).expect("room");
        assert_eq!(issued.token.len(), TOKEN_CHARS);
        assert_eq!(issued.expires_at_ms, 1_600_000);
        assert_eq!(known.find(&issued.token), Some(7));
        let mut other = issued.token.clone();
        other.replace_range(0..1, if other.starts_with('A') { "B" } else { "A" });
        let long = format!("{}x", issued.token);
        for guess in ["", "x", other.as_str(), long.as_str()] {
            assert_eq!(known.find(guess), None, "{guess}");
        }
        clock.0.store(599_999, Ordering::SeqCst);
        assert_eq!(known.find(&issued.token), Some(7));
        clock.0.store(600_000, Ordering::SeqCst);
        assert_eq!(known.find(&issued.token), None);
        assert_eq!(known.len(), 0, "what has ended is forgotten");
    }

    #[test]
    fn tokens_end_with_their_connection_and_are_bounded() {
        let (known, clock) = with(BOUNDS);
        let token = |connection| {
            known
                .issue(ConnectionId(connection), 0)
                .map(|issued| issued.token)
        };
        let own: Vec<String> = (0..3).filter_map(|_| token(1)).collect();
        assert_eq!(known.find(&own[0]), None, "the oldest of three is gone");
        assert_eq!(known.find(&own[1]), Some(0));
        let other = token(2).expect("room");
        assert_eq!(token(3), None, "no room for a fourth");
        known.revoke(ConnectionId(1));
        assert_eq!((known.find(&own[1]), known.find(&own[2])), (None, None));
        assert_eq!(known.find(&other), Some(0));
        assert!(token(3).is_some() && token(3).is_some());
        clock.0.store(600_000, Ordering::SeqCst);
        assert!(token(4).is_some(), "room is made by what has ended");
        assert_eq!(known.len(), 1);
    }
}
