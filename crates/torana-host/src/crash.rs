//! Crash marks: which turns run, and that this process died by its own fault, in two small files of the state folder.
//!
//! A write to a file is in the kernel's memory when it returns, so it outlives the process although it is not on disk;
//! a power failure may lose it, and a power failure is nobody's fault. The signals of a fault append one byte to the
//! second file; an outside SIGKILL cannot. See `docs/decisions/0008-crash-marks.md`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGABRT, SIGBUS, SIGSYS, SIGTRAP};
use signal_hook::{flag, low_level};
use torana_core::blame::{Death, Mark, blame};
use torana_core::id::InboxId;
use torana_core::port::{CrashMarks, MarkSlot};

use crate::files;

/// Signals a process gets for its own faults, as far as safe code may listen to them.
///
/// An abort covers what Rust code can do: a panic that cannot unwind, a failed allocation and, because the standard
/// library's own handler ends in an abort, a stack overflow. SIGSEGV, SIGILL and SIGFPE cannot be received without
/// unsafe code; those deaths count as unnamed.
const FAULTS: [i32; 4] = [SIGABRT, SIGBUS, SIGSYS, SIGTRAP];
/// Bytes of one mark: the turn's id, its state, and padding to a size that never straddles two pages.
const MARK_BYTES: usize = 16;
/// Where the state is within a mark.
const STATE_AT: u64 = 8;
/// States of a mark; anything else is no mark.
const RUNNING: u8 = 1;
const WORKING: u8 = 2;
/// What the file of the ending holds: a byte for a fault, written by the signal handler of `signal-hook`, and one for an
/// orderly end.
const FAULT: u8 = b'X';
const ORDERLY: u8 = b'O';
/// Bytes read of that file; a process ends once, perhaps with a fault during the orderly end.
const ENDING_BYTES_MAX: usize = 64;
/// Marks read after a crash at most: more turns than this never run at once, and the file cannot be ours then.
const MARKS_MAX: u64 = 100_000;

/// The marks of this process, and what those of the one before say.
pub struct FileMarks {
    turns: File,
    ending: File,
    slots: Mutex<Slots>,
    death: Mutex<Death>,
}

#[derive(Default)]
struct Slots {
    free: Vec<u32>,
    used: u32,
}

impl FileMarks {
    /// Reads what the process before left in the state folder, forgets it, and listens for faults of this one.
    ///
    /// Forgetting comes first: dying in between costs one strike, and repeating it would cost a message.
    pub fn open(state_dir: &Path) -> io::Result<Self> {
        let turns = open(state_dir, "running-turns", false)?;
        let ending = open(state_dir, "ending", true)?;
        let death = how(&turns, &ending)?;
        ending.set_len(0)?;
        turns.set_len(0)?;
        for signal in FAULTS {
            low_level::pipe::register(signal, ending.try_clone()?)?;
            // Only noted: the process still dies of it, as it would without us.
            flag::register_conditional_default(signal, Arc::new(AtomicBool::new(true)))?;
        }
        Ok(Self {
            turns,
            ending,
            slots: Mutex::default(),
            death: Mutex::new(death),
        })
    }

    fn write(&self, bytes: &[u8], at: u64) {
        // It is only evidence: when it cannot be written (a full disk), the death is one that names nobody.
        drop(self.turns.write_all_at(bytes, at));
    }
}

impl CrashMarks for FileMarks {
    fn take_death(&self) -> Death {
        let mut death = self.death.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut death, Death::Unknown)
    }

    fn begin(&self, turn: InboxId) -> MarkSlot {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.free.pop().unwrap_or_else(|| {
                let slot = slots.used;
                slots.used += 1;
                slot
            })
        };
        let mut mark = [0_u8; MARK_BYTES];
        mark[..8].copy_from_slice(&turn.0.to_le_bytes());
        mark[8] = RUNNING;
        self.write(&mark, place(slot));
        MarkSlot(slot)
    }

    fn working(&self, slot: MarkSlot, working: bool) {
        let state = if working { WORKING } else { RUNNING };
        self.write(&[state], place(slot.0) + STATE_AT);
    }

    fn end(&self, slot: MarkSlot) {
        self.write(&[0], place(slot.0) + STATE_AT);
        self.slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .free
            .push(slot.0);
    }

    fn end_in_order(&self) {
        // As above: without it the end counts as unknown, which costs one of ten strikes.
        drop((&self.ending).write_all(&[ORDERLY]));
    }
}

fn how(turns: &File, ending: &File) -> io::Result<Death> {
    let mut last_words = vec![0_u8; ENDING_BYTES_MAX];
    let length = ending.read_at(&mut last_words, 0)?;
    last_words.truncate(length);
    Ok(if last_words.contains(&FAULT) {
        blame(&read(turns)?).map_or(Death::Unknown, Death::Blamed)
    } else if last_words.contains(&ORDERLY) {
        Death::Orderly
    } else {
        Death::Unknown
    })
}

fn place(slot: u32) -> u64 {
    u64::from(slot) * MARK_BYTES as u64
}

fn open(state_dir: &Path, name: &str, append: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .append(append)
        .create(true)
        .mode(files::MODE_PRIVATE)
        .open(state_dir.join(name))
}

fn read(turns: &File) -> io::Result<Vec<Mark>> {
    let length = turns.metadata()?.len().min(MARKS_MAX * MARK_BYTES as u64);
    let mut bytes = vec![0_u8; usize::try_from(length).unwrap_or(0)];
    turns.read_exact_at(&mut bytes, 0)?;
    let mark = |bytes: &[u8]| {
        let turn = InboxId(i64::from_le_bytes(bytes.get(..8)?.try_into().ok()?));
        let working = match *bytes.get(8)? {
            RUNNING => false,
            WORKING => true,
            _ => return None,
        };
        Some(Mark { turn, working })
    };
    Ok(bytes.chunks(MARK_BYTES).filter_map(mark).collect())
}

#[cfg(test)]
mod tests;
