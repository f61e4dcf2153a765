//! Randomness from a seed: the same seed gives the same world on every machine.

use std::sync::{Mutex, PoisonError};

use torana_core::port::Entropy;

/// A small generator (splitmix64): good enough to choose faults, never for secrets.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Dice that always fall the same way for one seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Dice of their own for one part of the world, so that a change in another part does not move them.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.roll())
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        // The constants are those of the published algorithm (Steele, Lea, Flood 2014).
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll().checked_rem(bound).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True this many times out of a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = usize::try_from(self.below(choices.len() as u64)).expect("an index of a slice");
        choices[index]
    }

    /// A waiting time: mostly short, sometimes long, never above `high`.
    pub fn delay_ms(&mut self, high: u64) -> u64 {
        match self.below(10) {
            0..=5 => self.below(high / 50 + 1),
            6..=8 => self.below(high / 5 + 1),
            _ => self.below(high + 1),
        }
    }
}

/// The entropy port, from a seed.
pub struct SeededEntropy {
    dice: Mutex<Dice>,
}

impl SeededEntropy {
    /// A stream that depends on the seed only.
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Mutex::new(Dice::new(seed)),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in buffer.chunks_mut(8) {
            let bytes = dice.roll().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        let rolls = |seed| {
            (0..5)
                .map(|_| 0)
                .scan(Dice::new(seed), |dice, _: u64| Some(dice.roll()))
                .collect::<Vec<_>>()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
        let (mut left, mut right) = ([0; 13], [0; 13]);
        SeededEntropy::new(3).fill(&mut left);
        SeededEntropy::new(3).fill(&mut right);
        assert_eq!(left, right);
        assert_ne!(left, [0; 13]);
    }

    #[test]
    fn bounds_are_kept() {
        let mut dice = Dice::new(1);
        for bound in 0..200 {
            assert!(dice.below(bound) < bound.max(1));
            assert!((5..=9).contains(&dice.between(5, 9)));
            assert!(dice.delay_ms(bound) <= bound);
        }
        assert!(!dice.chance(0) && dice.chance(1_000));
        assert_eq!(dice.pick(&["only"]), "only");
    }
}
