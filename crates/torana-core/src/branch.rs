//! The tree inside a transcript: which lines belong to the branch that ends at a given line.
//!
//! Lines are numbered in the order they were written and never removed. A line continues the one before it unless a
//! [`Fork`] says which earlier line it continues, so a session that was never rewound needs no forks at all, and a
//! branch is a short list of number ranges however long it is.

use std::collections::{BTreeMap, BTreeSet};

/// A line that does not continue the line before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    /// The line.
    pub sequence: i64,
    /// The line it continues; 0 is the beginning.
    pub parent: i64,
}

/// All forks of a transcript.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    parents: BTreeMap<i64, i64>,
}

/// The lines of one branch, from the beginning to its last line.
///
/// ```
/// use torana_core::branch::{Fork, Tree};
/// // Three lines; then back to the first, from which line 4 goes on.
/// let tree = Tree::new([Fork { sequence: 4, parent: 1 }]);
/// assert_eq!(tree.path(4).ranges(), [(1, 1), (4, 4)]);
/// assert_eq!(tree.path(3).len(), 3);
/// assert_eq!(tree.leaves(4), [3, 4]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    ranges: Vec<(i64, i64)>,
}

// === impl Tree ===

impl Tree {
    /// A tree with these forks. A fork that continues itself or a later line is no fork and is left out.
    pub fn new(forks: impl IntoIterator<Item = Fork>) -> Self {
        let sound = |fork: &Fork| fork.sequence > 0 && (0..fork.sequence).contains(&fork.parent);
        Self {
            parents: forks
                .into_iter()
                .filter(sound)
                .map(|fork| (fork.sequence, fork.parent))
                .collect(),
        }
    }

    /// How many forks there are.
    pub fn forks(&self) -> usize {
        self.parents.len()
    }

    /// The line that a line continues; 0 is the beginning.
    pub fn parent(&self, sequence: i64) -> i64 {
        self.parents
            .get(&sequence)
            .copied()
            .unwrap_or_else(|| (sequence - 1).max(0))
    }

    /// The branch that ends at a line; empty for 0.
    pub fn path(&self, leaf: i64) -> Path {
        let mut ranges = Vec::new();
        let mut last = leaf;
        while last > 0 {
            // Parents are smaller than their lines, so this goes down to the beginning.
            let fork = self.parents.range(..=last).next_back();
            let (first, next) = fork.map_or((1, 0), |(first, parent)| (*first, *parent));
            ranges.push((first, last));
            last = next;
        }
        ranges.reverse();
        Path { ranges }
    }

    /// Lines that nothing continues, in a transcript of `last` lines; ascending.
    pub fn leaves(&self, last: i64) -> Vec<i64> {
        let mut leaves: BTreeSet<i64> = self
            .parents
            .range(..=last)
            .map(|(sequence, _)| sequence - 1)
            .chain([last])
            .filter(|leaf| *leaf > 0)
            .collect();
        for parent in self.parents.range(..=last).map(|(_, parent)| parent) {
            leaves.remove(parent);
        }
        leaves.into_iter().collect()
    }
}

// === impl Path ===

impl Path {
    /// Inclusive ranges of line numbers, oldest first.
    pub fn ranges(&self) -> &[(i64, i64)] {
        &self.ranges
    }

    /// How many lines it has.
    pub fn len(&self) -> usize {
        let lines: i64 = self
            .ranges
            .iter()
            .map(|(first, last)| last - first + 1)
            .sum();
        usize::try_from(lines).unwrap_or(0)
    }

    /// Whether it has no line.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Its last line; 0 when it has none.
    pub fn leaf(&self) -> i64 {
        self.ranges.last().map_or(0, |(_, last)| *last)
    }

    /// Whether a line is on it.
    pub fn contains(&self, sequence: i64) -> bool {
        self.ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&sequence))
    }

    /// The lines with a smaller number.
    #[must_use]
    pub fn before(&self, sequence: i64) -> Self {
        self.cut(i64::MIN, sequence.saturating_sub(1))
    }

    /// The lines with a larger number.
    #[must_use]
    pub fn after(&self, sequence: i64) -> Self {
        self.cut(sequence.saturating_add(1), i64::MAX)
    }

    fn cut(&self, from: i64, to: i64) -> Self {
        let ranges = self
            .ranges
            .iter()
            .map(|(first, last)| ((*first).max(from), (*last).min(to)))
            .filter(|(first, last)| first <= last)
            .collect();
        Self { ranges }
    }

    /// Without its newest lines.
    #[must_use]
    pub fn skip_newest(&self, lines: usize) -> Self {
        let mut left = i64::try_from(lines).unwrap_or(i64::MAX);
        let mut ranges = self.ranges.clone();
        while left > 0 {
            let Some((first, last)) = ranges.pop() else {
                break;
            };
            let here = last - first + 1;
            if here > left {
                ranges.push((first, last - left));
            }
            left = left.saturating_sub(here);
        }
        Self { ranges }
    }

    /// Only its newest lines.
    #[must_use]
    pub fn newest(&self, lines: usize) -> Self {
        let older = self.len().saturating_sub(lines);
        let mut left = i64::try_from(older).unwrap_or(i64::MAX);
        let mut ranges = Vec::new();
        for (first, last) in &self.ranges {
            let skipped = left.min(last - first + 1);
            left -= skipped;
            if first + skipped <= *last {
                ranges.push((first + skipped, *last));
            }
        }
        Self { ranges }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A transcript as a client makes it: each step adds a line after `leaf`, which may have been moved before.
    fn grown(moves: &[Option<u8>]) -> (Vec<i64>, Tree) {
        let (mut parents, mut forks, mut leaf) = (vec![0], Vec::new(), 0_i64);
        for step in moves {
            let last = i64::try_from(parents.len()).expect("small") - 1;
            if let Some(back) = step {
                leaf = i64::from(*back) % (last + 1);
            }
            let sequence = last + 1;
            if leaf != last {
                forks.push(Fork {
                    sequence,
                    parent: leaf,
                });
            }
            parents.push(leaf);
            leaf = sequence;
        }
        (parents, Tree::new(forks))
    }

    /// The branch by following one parent after another.
    fn walk(parents: &[i64], leaf: i64) -> Vec<i64> {
        let (mut line, mut found) = (leaf, Vec::new());
        while line > 0 {
            found.push(line);
            line = parents[usize::try_from(line).expect("positive")];
        }
        found.reverse();
        found
    }

    fn lines(path: &Path) -> Vec<i64> {
        path.ranges()
            .iter()
            .flat_map(|(first, last)| *first..=*last)
            .collect()
    }

    proptest! {
        #[test]
        fn ranges_say_the_same_as_following_each_parent(
            moves in prop::collection::vec(prop::option::weighted(0.3, any::<u8>()), 0..60),
            at in any::<u8>(), count in 0_usize..70,
        ) {
            let (parents, tree) = grown(&moves);
            let last = i64::try_from(moves.len()).expect("small");
            for leaf in 0..=last {
                let expected = walk(&parents, leaf);
                let path = tree.path(leaf);
                prop_assert_eq!(lines(&path), expected.clone());
                prop_assert_eq!(path.len(), expected.len());
                prop_assert_eq!(path.leaf(), leaf);
                let at = i64::from(at);
                prop_assert_eq!(path.contains(at), expected.contains(&at));
                let older: Vec<i64> = expected.iter().copied().filter(|line| *line < at).collect();
                prop_assert_eq!(lines(&path.before(at)), older);
                let newer: Vec<i64> = expected.iter().copied().filter(|line| *line > at).collect();
                prop_assert_eq!(lines(&path.after(at)), newer);
                let cut = expected.len().saturating_sub(count);
                prop_assert_eq!(lines(&path.skip_newest(count)), expected[..cut].to_vec());
                prop_assert_eq!(lines(&path.newest(count)), expected[cut..].to_vec());
                if leaf > 0 {
                    prop_assert_eq!(tree.parent(leaf), parents[usize::try_from(leaf).expect("positive")]);
                }
            }
        }

        #[test]
        fn leaves_are_the_lines_that_nothing_continues(
            moves in prop::collection::vec(prop::option::weighted(0.3, any::<u8>()), 0..60),
        ) {
            let (parents, tree) = grown(&moves);
            let last = i64::try_from(moves.len()).expect("small");
            let expected: Vec<i64> =
                (1..=last).filter(|line| !parents[1..].contains(line)).collect();
            prop_assert_eq!(tree.leaves(last), expected);
        }
    }
}
