//! Counts connections before and after they prove who they are, and makes room when strangers fill the house.
//!
//! A connection holds a [`Seat`] from accept to end. Until it is authenticated it counts against its source and against
//! all strangers together; when one of these is full, the stranger that has been silent longest gives way
//! (control decision 18). Dropping the seat frees it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use torana_core::limit::CLIENTS_MAX;
use torana_core::port::World;

/// Strangers of one source (OpenClaw 2026.9.6 allows as many).
const STRANGERS_PER_SOURCE_MAX: usize = 32;
/// Strangers on direct loopback without `Origin`: command lines open bursts (control decision 18).
const STRANGERS_LOCAL_MAX: usize = 256;
/// Strangers of all sources together.
const STRANGERS_MAX: usize = 512;
/// A stranger that said something within this time is not made to leave.
const SILENT_MS: u64 = 1_000;

/// What strangers are counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum SeatSource {
    /// This machine, without a browser.
    Local,
    /// A remote address.
    Remote(IpAddr),
    /// A browser page.
    Origin(String),
}

impl SeatSource {
    fn strangers_max(&self) -> usize {
        match self {
            Self::Local => STRANGERS_LOCAL_MAX,
            Self::Remote(_) | Self::Origin(_) => STRANGERS_PER_SOURCE_MAX,
        }
    }
}

/// No room: try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

struct Stranger {
    source: SeatSource,
    heard_ms: Arc<AtomicU64>,
    leave: CancellationToken,
}

#[derive(Default)]
struct State {
    next: u64,
    strangers: HashMap<u64, Stranger>,
    by_source: HashMap<SeatSource, usize>,
    clients: usize,
}

/// All connections of this process.
#[derive(Clone)]
pub(crate) struct Seats {
    state: Arc<Mutex<State>>,
    world: World,
}

/// A connection's place. Dropping it frees the place.
pub(crate) struct Seat {
    id: u64,
    seats: Seats,
    heard_ms: Arc<AtomicU64>,
    leave: CancellationToken,
    is_client: std::sync::atomic::AtomicBool,
    /// When the connection was accepted, or was last free to ask for something else.
    began_ms: AtomicU64,
}

// === impl Seats ===

impl Seats {
    pub(crate) fn new(world: World) -> Self {
        Self {
            state: Arc::default(),
            world,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection; perhaps another one has to leave for it.
    pub(crate) fn take(&self, source: SeatSource) -> Result<Seat, Full> {
        let now_ms = self.world.monotonic_ms();
        let mut state = self.state();
        state.make_room(&source, now_ms)?;
        let id = state.next;
        state.next += 1;
        let heard_ms = Arc::new(AtomicU64::new(now_ms));
        let leave = CancellationToken::new();
        state.enter(
            id,
            Stranger {
                source,
                heard_ms: Arc::clone(&heard_ms),
                leave: leave.clone(),
            },
        );
        drop(state);
        Ok(Seat {
            id,
            seats: self.clone(),
            heard_ms,
            leave,
            is_client: false.into(),
            began_ms: AtomicU64::new(now_ms),
        })
    }

    /// Makes the stranger that has been silent longest leave, whatever its source: descriptors have run out.
    pub(super) fn drop_oldest(&self) {
        let now_ms = self.world.monotonic_ms();
        self.state().evict(now_ms, |_| true);
    }

    /// Connections without and with proof of who they are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.strangers.len(), state.clients)
    }
}

// === impl State ===

impl State {
    fn make_room(&mut self, source: &SeatSource, now_ms: u64) -> Result<(), Full> {
        let of_source = self.by_source.get(source).copied().unwrap_or(0);
        if of_source >= source.strangers_max()
            && !self.evict(now_ms, |stranger| stranger.source == *source)
        {
            return Err(Full);
        }
        if self.strangers.len() >= STRANGERS_MAX && !self.evict(now_ms, |_| true) {
            return Err(Full);
        }
        Ok(())
    }

    fn evict(&mut self, now_ms: u64, may_leave: impl Fn(&Stranger) -> bool) -> bool {
        let silent = self
            .strangers
            .iter()
            .filter(|(_, stranger)| may_leave(stranger));
        let silent = silent.map(|(id, stranger)| (stranger.heard_ms.load(Ordering::Relaxed), *id));
        let Some((_, id)) = silent
            .filter(|(heard_ms, _)| now_ms.saturating_sub(*heard_ms) > SILENT_MS)
            .min()
        else {
            return false;
        };
        if let Some(stranger) = self.leave(id) {
            stranger.leave.cancel();
        }
        true
    }

    fn enter(&mut self, id: u64, stranger: Stranger) {
        *self.by_source.entry(stranger.source.clone()).or_default() += 1;
        self.strangers.insert(id, stranger);
    }

    fn leave(&mut self, id: u64) -> Option<Stranger> {
        let stranger = self.strangers.remove(&id)?;
        if let Some(count) = self.by_source.get_mut(&stranger.source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&stranger.source);
            }
        }
        Some(stranger)
    }
}

// === impl Seat ===

impl Seat {
    /// The client said something; a stranger that speaks is not made to leave.
    pub(crate) fn heard(&self) {
        self.heard_ms
            .store(self.seats.world.monotonic_ms(), Ordering::Relaxed);
    }

    /// When what is going on now began: a handshake is measured from there, so that a slow head does not buy a slow
    /// hello (S-046).
    pub(crate) fn began_ms(&self) -> u64 {
        self.began_ms.load(Ordering::Relaxed)
    }

    /// A further request on the same connection.
    pub(super) fn begin_again(&self) {
        self.began_ms
            .store(self.seats.world.monotonic_ms(), Ordering::Relaxed);
    }

    /// More is known about where the connection comes from: it counts there from now on.
    pub(crate) fn move_to(&self, source: SeatSource) -> Result<(), Full> {
        let now_ms = self.seats.world.monotonic_ms();
        let mut state = self.seats.state();
        let Some(stranger) = state.leave(self.id) else {
            return Ok(());
        };
        if stranger.source != source && state.make_room(&source, now_ms).is_err() {
            return Err(Full);
        }
        state.enter(self.id, Stranger { source, ..stranger });
        Ok(())
    }

    /// The client proved who it is: it leaves the strangers' count. Refused when all places for clients are taken.
    pub(crate) fn authenticated(&self) -> Result<(), Full> {
        let mut state = self.seats.state();
        if self.is_client.load(Ordering::Relaxed) {
            return Ok(());
        }
        if state.clients >= CLIENTS_MAX {
            return Err(Full);
        }
        state.leave(self.id);
        state.clients += 1;
        self.is_client.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Completes when this connection has to make room for another.
    pub(crate) async fn evicted(&self) {
        self.leave.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.seats.state();
        state.leave(self.id);
        if *self.is_client.get_mut() {
            state.clients -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use torana_core::port::{BoxFuture, Clock, Entropy};

    use super::*;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn wall_ms(&self) -> i64 {
            0
        }
        fn monotonic_ms(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
        fn sleep_until(&self, _: u64) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    impl Entropy for Hand {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
    }

    fn seats() -> (Seats, Arc<Hand>) {
        let hand = Arc::new(Hand::default());
        (
            Seats::new(World {
                clock: hand.clone(),
                entropy: hand.clone(),
            }),
            hand,
        )
    }

    fn remote(last: u8) -> SeatSource {
        SeatSource::Remote(IpAddr::from([192, 0, 2, last]))
    }

    fn take(seats: &Seats, source: &SeatSource, count: usize) -> Vec<Seat> {
        (0..count)
            .map(|_| seats.take(source.clone()).map_err(|_| ()).expect("room"))
            .collect()
    }

    #[test]
    fn a_source_has_its_share_and_others_are_unaffected() {
        let (seats, _) = seats();
        let held = take(&seats, &remote(1), 32);
        assert!(seats.take(remote(1)).is_err());
        assert!(seats.take(remote(2)).is_ok());
        drop(held);
        assert!(seats.take(remote(1)).is_ok());
    }

    #[test]
    fn loopback_without_a_browser_has_a_larger_share_than_a_page() {
        let (seats, _) = seats();
        let _held = take(&seats, &SeatSource::Local, 256);
        assert!(seats.take(SeatSource::Local).is_err());
        let page = SeatSource::Origin("http://localhost:18789".to_owned());
        let _pages = take(&seats, &page, 32);
        assert!(seats.take(page).is_err());
    }

    #[test]
    fn the_longest_silent_stranger_leaves_for_a_newcomer() {
        let (seats, hand) = seats();
        let held = take(&seats, &remote(1), 32);
        hand.0.store(1_001, Ordering::Relaxed);
        held[0].heard();
        let newcomer = seats.take(remote(1));
        assert!(newcomer.is_ok());
        assert!(!held[0].leave.is_cancelled() && held[1].leave.is_cancelled());
        drop(held);
        assert_eq!(seats.counts(), (1, 0));
    }

    /// S-046: room is made by who was silent longest, whoever came first, and clients have a bound of their own.
    #[test]
    fn s_046_room_is_made_by_the_longest_silence_and_clients_are_bounded() {
        let (seats, hand) = seats();
        let held = take(&seats, &remote(1), 32);
        for (index, seat) in held.iter().enumerate() {
            hand.0
                .store(if index == 7 { 1 } else { 500 }, Ordering::Relaxed);
            seat.heard();
        }
        hand.0.store(2_000, Ordering::Relaxed);
        assert!(seats.take(remote(1)).is_ok());
        let gone = |seat: &&Seat| seat.leave.is_cancelled();
        assert_eq!(held.iter().position(|seat| gone(&seat)), Some(7));
        assert_eq!(held.iter().filter(gone).count(), 1);
        let clients: Vec<Seat> = (0..CLIENTS_MAX)
            .map(|_| {
                let seat = seats.take(remote(2)).map_err(|_| ()).expect("room");
                assert_eq!(seat.authenticated(), Ok(()));
                seat
            })
            .collect();
        let late = seats.take(remote(2)).map_err(|_| ()).expect("room");
        assert_eq!(late.authenticated(), Err(Full));
        drop(clients);
        assert_eq!(late.authenticated(), Ok(()));
    }

    #[test]
    fn clients_do_not_count_as_strangers_and_are_never_evicted() {
        let (seats, hand) = seats();
        let held = take(&seats, &remote(1), 32);
        for seat in &held {
            seat.authenticated().map_err(|_| ()).expect("room");
        }
        hand.0.store(5_000, Ordering::Relaxed);
        let more = take(&seats, &remote(1), 32);
        assert_eq!(seats.counts(), (32, 32));
        assert!(held.iter().all(|seat| !seat.leave.is_cancelled()));
        drop((held, more));
        assert_eq!(seats.counts(), (0, 0));
    }

    /// S-046: a handshake is measured from the accept, and from the request that asks for it on a connection in use.
    #[test]
    fn a_slow_head_does_not_buy_a_slow_hello() {
        let (seats, hand) = seats();
        hand.0.store(7, Ordering::Relaxed);
        let seat = seats.take(remote(1)).map_err(|_| ()).expect("room");
        hand.0.store(9_000, Ordering::Relaxed);
        seat.heard();
        assert_eq!(seat.began_ms(), 7);
        seat.begin_again();
        assert_eq!(seat.began_ms(), 9_000);
    }

    #[test]
    fn all_strangers_together_are_bounded() {
        let (seats, _) = seats();
        let _held: Vec<_> = (0..16)
            .flat_map(|last| take(&seats, &remote(last), 32))
            .collect();
        assert!(seats.take(remote(99)).is_err());
    }

    #[test]
    fn a_seat_can_move_to_what_it_turns_out_to_be() {
        let (seats, _) = seats();
        let seat = seats.take(SeatSource::Local).map_err(|_| ()).expect("room");
        let page = SeatSource::Origin("http://localhost".to_owned());
        assert_eq!(seat.move_to(page.clone()), Ok(()));
        let _others = take(&seats, &page, 31);
        assert!(seats.take(page.clone()).is_err());
        let other = seats.take(SeatSource::Local).map_err(|_| ()).expect("room");
        assert_eq!(other.move_to(page.clone()), Err(Full));
        drop(seat);
        assert!(seats.take(page).is_ok());
    }
}
