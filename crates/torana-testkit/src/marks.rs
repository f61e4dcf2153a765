//! Crash marks in memory: what a life leaves of them is what they said at the moment of its death.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use torana_core::blame::{Death, Mark, blame};
use torana_core::id::InboxId;
use torana_core::port::{CrashMarks, MarkSlot};

use crate::process::Process;

/// The marks of one life.
pub struct SimMarks {
    process: Process,
    state: Mutex<State>,
}

struct State {
    before: Death,
    next: u32,
    turns: BTreeMap<MarkSlot, Mark>,
    orderly: bool,
}

impl SimMarks {
    /// The marks of a life that begins after this death.
    pub fn after(death: Death, process: Process) -> Arc<Self> {
        let state = State {
            before: death,
            next: 0,
            turns: BTreeMap::new(),
            orderly: false,
        };
        Arc::new(Self {
            process,
            state: Mutex::new(state),
        })
    }

    /// How the life ended, if its end was or was not a fault of its own.
    pub fn death(&self, is_fault: bool) -> Death {
        let state = self.lock();
        if is_fault {
            let marks: Vec<Mark> = state.turns.values().copied().collect();
            blame(&marks).map_or(Death::Unknown, Death::Blamed)
        } else if state.orderly {
            Death::Orderly
        } else {
            Death::Unknown
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A dead process changes nothing any more, although its code still unwinds.
    fn change(&self, change: impl FnOnce(&mut State)) {
        if self.process.is_alive() {
            change(&mut self.lock());
        }
    }
}

impl CrashMarks for SimMarks {
    fn take_death(&self) -> Death {
        std::mem::replace(&mut self.lock().before, Death::Unknown)
    }

    fn begin(&self, turn: InboxId) -> MarkSlot {
        let slot = {
            let mut state = self.lock();
            state.next += 1;
            MarkSlot(state.next)
        };
        self.change(|state| {
            let mark = Mark {
                turn,
                working: false,
            };
            state.turns.insert(slot, mark);
        });
        slot
    }

    fn working(&self, slot: MarkSlot, working: bool) {
        self.change(|state| {
            if let Some(mark) = state.turns.get_mut(&slot) {
                mark.working = working;
            }
        });
    }

    fn end(&self, slot: MarkSlot) {
        self.change(|state| {
            state.turns.remove(&slot);
        });
    }

    fn end_in_order(&self) {
        self.change(|state| state.orderly = true);
    }
}
