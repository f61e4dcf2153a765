//! Time for ages: the wall clock, but never further than it would be had nobody set it forward since the start.
//!
//! Ages of stored rows are differences of wall time. A clock that jumps ahead by a day must not make a reply of this
//! second stale, nor a memory of yesterday old. A machine that was suspended looks the same from here, so what
//! waited meanwhile counts as younger than it is, which harms nobody.

use torana_core::port::World;

/// Remembers where the wall clock stood at the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steady {
    wall_at_zero_ms: i64,
}

impl Steady {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            wall_at_zero_ms: world.wall_ms().saturating_sub(monotonic_ms(world)),
        }
    }

    /// Unix milliseconds to count ages from.
    pub(crate) fn now_ms(self, world: &World) -> i64 {
        let unmoved_ms = self.wall_at_zero_ms.saturating_add(monotonic_ms(world));
        world.wall_ms().min(unmoved_ms)
    }
}

fn monotonic_ms(world: &World) -> i64 {
    i64::try_from(world.monotonic_ms()).unwrap_or(i64::MAX)
}
