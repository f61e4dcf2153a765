//! What a power cut leaves: everything that was flushed, and of the rest whatever the disk happened to write.
//!
//! The log has one entry per line, some followed by bytes: `W path from to size-before size-after n` and the n bytes that
//! the range held before, `C path` for a new file, `U path grave` for a removed one and where it is kept, `S path` and
//! `D folder` for a flush that succeeded, `F path` for one that failed. Every unflushed sector of 512 bytes ends
//! independently as any of the versions it had, or as the beginning of one and the end of another; the length of the file
//! is any of those it had; a new or removed name whose folder was not flushed may be there or not.
//! The model assumes what the store assumes (sqlite.org/atomiccommit.html): bytes that nobody wrote are not damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::traffic::Dice;

/// The smallest piece a disk writes at once.
const SECTOR: usize = 512;

/// What a cut came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct Cut {
    /// Sectors that were not flushed.
    pub(in super::super) open: usize,
    /// Those that are not as the process left them.
    pub(in super::super) damaged: usize,
}

/// What the log says about failed flushes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct Failed {
    pub(in super::super) count: usize,
    /// A file whose flush had failed was flushed again as if that helped: without writing anything anew before.
    pub(in super::super) retried: bool,
}

/// A range as it was before a change.
#[derive(Debug, Clone)]
struct Change {
    from: usize,
    to: usize,
    size_before: usize,
    old: Vec<u8>,
}

/// What is uncertain about one file.
#[derive(Debug, Default)]
struct Open {
    changes: Vec<Change>,
    is_new: bool,
    grave: Option<PathBuf>,
}

/// Carries the cut out on the files, and begins a new log.
pub(super) fn cut(log: &Path, dice: &mut Dice) -> Cut {
    let files = read(&fs::read(log).unwrap_or_default());
    let mut cut = Cut::default();
    for (path, open) in files {
        if let Some(grave) = open.grave.filter(|_| !path.exists()) {
            if dice.between(0, 2) == 0 {
                fs::copy(grave, &path).expect("a removed file can come back");
            }
            continue;
        }
        let Ok(now) = fs::read(&path) else { continue };
        if open.is_new && dice.between(0, 4) == 0 {
            fs::remove_file(&path).expect("a file can be lost");
            continue;
        }
        let left = leave(now, &open.changes, dice, &mut cut);
        fs::write(&path, left).expect("the disk can be written again");
    }
    fs::write(log, b"").expect("the log can begin anew");
    cut
}

/// Counts failed flushes, and finds one that was tried again.
pub(super) fn failed(log: &Path) -> Failed {
    let bytes = fs::read(log).unwrap_or_default();
    let mut failed: Vec<PathBuf> = Vec::new();
    let mut found = Failed::default();
    for entry in entries(&bytes) {
        match entry {
            Entry::Failed(path) => {
                found.count += 1;
                failed.push(path);
            }
            Entry::Changed(path, _) => failed.retain(|other| *other != path),
            Entry::Flushed(path) => found.retried |= failed.contains(&path),
            _ => {}
        }
    }
    found
}

enum Entry {
    Changed(PathBuf, Change),
    Created(PathBuf),
    Removed(PathBuf, PathBuf),
    Flushed(PathBuf),
    FolderFlushed(PathBuf),
    Failed(PathBuf),
}

/// Takes the log apart; a last entry that was cut off by a kill is left out, because its change did not happen.
fn entries(mut bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(&bytes[..end]).expect("paths of tests are text");
        bytes = &bytes[end + 1..];
        let mut words = line.split(' ');
        let kind = words.next().expect("a line has a first word");
        let path = PathBuf::from(words.next().expect("an entry names a path"));
        let rest: Vec<&str> = words.collect();
        entries.push(match (kind, rest.as_slice()) {
            ("W", [from, to, before, _after, length]) => {
                let number = |text: &str| text.parse::<usize>().expect("the shim writes numbers");
                let length = number(length);
                let Some(old) = bytes.get(..length) else {
                    break;
                };
                bytes = &bytes[length..];
                Entry::Changed(
                    path,
                    Change {
                        from: number(from),
                        to: number(to),
                        size_before: number(before),
                        old: old.to_vec(),
                    },
                )
            }
            ("C", []) => Entry::Created(path),
            ("U", [grave]) => Entry::Removed(path, PathBuf::from(grave)),
            ("S", []) => Entry::Flushed(path),
            ("D", []) => Entry::FolderFlushed(path),
            ("F", []) => Entry::Failed(path),
            _ => panic!("the shim wrote: {line}"),
        });
    }
    entries
}

fn read(bytes: &[u8]) -> BTreeMap<PathBuf, Open> {
    let mut files: BTreeMap<PathBuf, Open> = BTreeMap::new();
    for entry in entries(bytes) {
        match entry {
            Entry::Changed(path, change) => files.entry(path).or_default().changes.push(change),
            Entry::Created(path) => {
                files.insert(
                    path,
                    Open {
                        is_new: true,
                        ..Open::default()
                    },
                );
            }
            Entry::Removed(path, grave) => {
                files.insert(
                    path,
                    Open {
                        grave: Some(grave),
                        ..Open::default()
                    },
                );
            }
            Entry::Flushed(path) => files.entry(path).or_default().changes.clear(),
            Entry::FolderFlushed(folder) => {
                for (path, open) in &mut files {
                    if path.parent() == Some(&folder) {
                        (open.is_new, open.grave) = (false, None);
                    }
                }
            }
            Entry::Failed(_) => {}
        }
    }
    files
}

/// One possible content of a file whose last changes were not flushed.
fn leave(now: Vec<u8>, changes: &[Change], dice: &mut Dice, cut: &mut Cut) -> Vec<u8> {
    let mut sizes: Vec<usize> = changes.iter().map(|change| change.size_before).collect();
    sizes.push(now.len());
    let longest = sizes.iter().copied().max().unwrap_or(0);
    let mut versions: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
    let mut whole = now.clone();
    whole.resize(longest, 0);
    for change in changes.iter().rev() {
        let to = change.to.min(longest);
        if change.from >= to {
            continue;
        }
        for sector in change.from / SECTOR..to.div_ceil(SECTOR) {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(longest);
            let known = versions.entry(sector).or_default();
            if known.is_empty() {
                known.push(whole[range.clone()].to_vec());
            }
        }
        // What was not there before reads as zeros where the file has become longer.
        let (old, new) =
            whole[change.from..to].split_at_mut(change.old.len().min(to - change.from));
        old.copy_from_slice(&change.old[..old.len()]);
        new.fill(0);
        for sector in change.from / SECTOR..to.div_ceil(SECTOR) {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(longest);
            let known = versions.entry(sector).or_default();
            known.push(whole[range].to_vec());
        }
    }
    let mut left = now;
    left.resize(longest, 0);
    for (sector, known) in versions {
        let range = sector * SECTOR..((sector + 1) * SECTOR).min(longest);
        let chosen = one_of(&known, dice);
        cut.open += 1;
        cut.damaged += usize::from(left[range.clone()] != chosen[..]);
        left[range].copy_from_slice(&chosen);
    }
    let size = sizes[pick(sizes.len(), dice)];
    left.truncate(size);
    left
}

/// A version, or in one case of four the beginning of one and the end of another.
fn one_of(known: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut chosen = known[pick(known.len(), dice)].clone();
    if dice.between(0, 4) == 0 {
        let at = pick(chosen.len(), dice);
        chosen[at..].copy_from_slice(&known[pick(known.len(), dice)][at..]);
    }
    chosen
}

fn pick(count: usize, dice: &mut Dice) -> usize {
    usize::try_from(dice.between(0, u64::try_from(count).expect("few")))
        .expect("less than the count")
}

#[cfg(test)]
mod tests {
    //! The model of the disk keeps what was flushed and nothing else for certain.

    use super::*;

    fn lines(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut log = Vec::new();
        for (line, bytes) in entries {
            log.extend_from_slice(line.as_bytes());
            log.push(b'\n');
            log.extend_from_slice(bytes);
        }
        log
    }

    #[test]
    fn flushed_changes_stay_and_later_ones_end_in_any_version() {
        let log = lines(&[
            ("W /x 0 4 0 4 0", b""),
            ("S /x", b""),
            ("W /x 0 4 4 4 4", b"aaaa"),
            ("W /x 4 8 4 8 0", b""),
        ]);
        let files = read(&log);
        let open = &files[Path::new("/x")];
        assert_eq!(open.changes.len(), 2);
        let mut seen = std::collections::BTreeSet::new();
        let mut dice = Dice::new(1);
        for _ in 0..400 {
            let left = leave(
                b"bbbbcccc".to_vec(),
                &open.changes,
                &mut dice,
                &mut Cut::default(),
            );
            seen.insert(String::from_utf8(left).expect("text"));
        }
        for whole in ["aaaa", "bbbb", "bbbbcccc"] {
            assert!(seen.contains(whole), "{seen:?}");
        }
        assert!(
            seen.iter()
                .any(|text| text.contains("ab") || text.contains("ba")),
            "nothing was torn: {seen:?}"
        );
    }

    #[test]
    fn a_name_is_certain_once_its_folder_was_flushed() {
        let open = |log: &[u8]| read(log).remove(Path::new("/f/x")).expect("named").is_new;
        assert!(open(&lines(&[("C /f/x", b"")])));
        assert!(!open(&lines(&[("C /f/x", b""), ("D /f", b"")])));
    }

    #[test]
    fn an_entry_that_a_kill_cut_off_did_not_happen() {
        assert!(entries(b"W /x 0 4 4 4 4\naa").is_empty());
        assert!(entries(b"W /x 0 4 4").is_empty());
    }
}
