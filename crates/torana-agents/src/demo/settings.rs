//! How the demo behaves.

use crate::offers::Offer;

/// How the demo behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoSettings {
    /// Models it may point out.
    pub offers: Vec<Offer>,
    /// Pause between two pieces of an answer, milliseconds; 0 streams without any pause.
    pub pace_ms: u64,
}

impl Default for DemoSettings {
    fn default() -> Self {
        // Fast enough to feel immediate, slow enough that the growing text is visible.
        Self {
            offers: Vec::new(),
            pace_ms: 45,
        }
    }
}
