//! What is remembered of each run while its events go out: its numbers, its text, and how much of it `chat` has said.

use std::collections::HashMap;

use torana_core::id::RunId;

/// Shortest time between two `chat` deltas of one run, milliseconds (decision 45).
pub(super) const CHAT_INTERVAL_MS: u64 = 50;
/// Text a `chat` snapshot may add one more millisecond of pause for: a snapshot repeats everything, so long answers
/// are told less often.
const BYTES_PER_PAUSE_MS: usize = 2_048;
/// Text up to which every `agent` delta repeats everything so far; beyond it the work would grow with the square.
pub(super) const CUMULATIVE_BYTES_MAX: usize = 32 * 1024;

/// One run.
pub(super) struct Run {
    /// Last number given out; all streams of the run share it.
    pub(super) seq: u64,
    /// The answer so far.
    pub(super) text: String,
    /// The reasoning so far.
    pub(super) thinking: String,
    /// Bytes of the answer that `chat` has said.
    pub(super) said: usize,
    /// The next delta replaces what clients have: a new attempt began or the text was corrected.
    pub(super) replaces: bool,
    /// When `chat` last spoke; monotonic milliseconds.
    said_at_ms: Option<u64>,
    /// Id of the answer in `assistant` events.
    pub(super) item_id: String,
    /// A model was announced.
    pub(super) model: bool,
}

impl Run {
    fn new(run_id: &RunId) -> Self {
        Self {
            seq: 0,
            text: String::new(),
            thinking: String::new(),
            said: 0,
            replaces: false,
            said_at_ms: None,
            item_id: format!("{run_id}:0"),
            model: false,
        }
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// `chat` has something to say.
    pub(super) fn is_behind(&self) -> bool {
        self.said < self.text.len() || self.replaces
    }

    /// When `chat` may speak again; monotonic milliseconds.
    pub(super) fn due_ms(&self) -> u64 {
        let pause_ms = (self.text.len() / BYTES_PER_PAUSE_MS) as u64;
        self.said_at_ms
            .map_or(0, |at_ms| at_ms + CHAT_INTERVAL_MS + pause_ms)
    }

    /// What `chat` says now, and whether it replaces what was said.
    pub(super) fn say(&mut self, now_ms: u64) -> (usize, bool) {
        let replaces = std::mem::take(&mut self.replaces);
        let from = if replaces {
            0
        } else {
            self.said.min(self.text.len())
        };
        self.said = self.text.len();
        self.said_at_ms = Some(now_ms);
        (from, replaces)
    }
}

/// All runs that go on.
#[derive(Default)]
pub(super) struct Runs {
    map: HashMap<RunId, Run>,
}

impl Runs {
    /// A run begins, or its next attempt does.
    pub(super) fn begin(&mut self, run_id: &RunId, attempt: u32) -> &mut Run {
        let run = self
            .map
            .entry(run_id.clone())
            .or_insert_with(|| Run::new(run_id));
        if attempt > 1 {
            run.text.clear();
            run.thinking.clear();
            run.said = 0;
            // Clients may hold text of the attempt that died.
            run.replaces = true;
            run.item_id = format!("{run_id}:{}", attempt - 1);
        }
        run
    }

    /// A run that goes on.
    pub(super) fn get(&mut self, run_id: &RunId) -> Option<&mut Run> {
        self.map.get_mut(run_id)
    }

    /// It ended.
    pub(super) fn end(&mut self, run_id: &RunId) -> Option<Run> {
        self.map.remove(run_id)
    }

    /// Runs with something `chat` has not said.
    pub(super) fn behind(&self) -> Vec<RunId> {
        self.map
            .iter()
            .filter(|(_, run)| run.is_behind())
            .map(|(id, _)| id.clone())
            .collect()
    }
}
