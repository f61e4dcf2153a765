//! A start on a full disk: it waits for the room it needs instead of failing.
//!
//! The reserve of an earlier life is given up first, so that a gateway that was killed on a full disk serves again at
//! once: it answers questions and finishes what is under way, and takes nothing new until there is space.

use std::io::Write as _;

use torana_core::port::World;
use torana_engine::Engine;
use torana_host::files;
use torana_host::reserve::Reserve;

use super::watch::{DISK_MS, FULL_BYTES, Signals};
use crate::paths::Paths;

/// What a start writes: 250 KiB are a new database, the rest is for SQLite's shared memory, credentials and the log.
const START_BYTES: u64 = 512 * 1024;

/// The room a start found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// There was some.
    Free,
    /// The reserve made it; the rest of that is for what is under way.
    Reserve,
}

/// Waits until a start has room; nothing when told to stop meanwhile.
pub(super) async fn wait(paths: &Paths, world: &World, signals: &mut Signals) -> Option<Room> {
    let mut room = Room::Free;
    let mut told = false;
    // Where nobody says how much there is, whatever is written next says what is wrong.
    while files::space(&paths.state).is_ok_and(|space| space.free < START_BYTES) {
        if is_reserve_given_up(paths) {
            room = Room::Reserve;
            continue;
        }
        if !std::mem::replace(&mut told, true) {
            tell(paths);
        }
        tokio::select! {
            biased;
            () = signals.stop() => return None,
            () = world.sleep_ms(DISK_MS) => {}
        }
    }
    Some(room)
}

/// Takes nothing new from the first moment on where the disk is full, or would be without what the reserve gave.
pub(super) fn observe(engine: &Engine, paths: &Paths, room: Room) {
    let is_full = || files::space(&paths.state).is_ok_and(|space| space.free < FULL_BYTES);
    if room == Room::Reserve || is_full() {
        engine.set_storage_full(true);
    }
}

fn is_reserve_given_up(paths: &Paths) -> bool {
    Reserve::new(&paths.state).is_ok_and(|reserve| reserve.release().is_ok_and(|was_held| was_held))
}

/// There is no log yet: it needs room too.
fn tell(paths: &Paths) {
    let line = format!(
        "the disk is full: the gateway starts when there is room for {} KiB in {}\n",
        START_BYTES / 1024,
        paths.state.display()
    );
    // Nobody may be reading: a service's output can be closed.
    drop(std::io::stderr().lock().write_all(line.as_bytes()));
}
