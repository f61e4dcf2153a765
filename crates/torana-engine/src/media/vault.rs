//! The host's keeper of bytes, and what of it a turn is shown.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use torana_core::limit::MEDIA_TURN_BYTES_MAX;
use torana_core::media::{MediaKind, MediaRef};
use torana_core::port::{Media, MediaStore};

use crate::settings::AgentSettings;

/// The host's keeper of bytes, once it is known.
#[derive(Default)]
pub(crate) struct Vault {
    pub(super) keeper: OnceLock<Arc<dyn MediaStore>>,
}

impl Vault {
    /// Reads the bytes of new files, and of older ones as far as there is room, the newest first.
    pub(crate) async fn read(
        &self,
        agent: &AgentSettings,
        old: Vec<MediaRef>,
        new: Vec<MediaRef>,
    ) -> Vec<Media> {
        let Some(keeper) = self.keeper.get() else {
            return Vec::new();
        };
        let mut room = MEDIA_TURN_BYTES_MAX;
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let newest_first = new
            .into_iter()
            .rev()
            .map(|reference| (reference, true))
            .chain(old.into_iter().rev().map(|reference| (reference, false)));
        for (reference, is_new) in newest_first {
            let size = usize::try_from(reference.bytes).unwrap_or(usize::MAX);
            let fits = is_new || size <= room;
            let wanted = agent.backend.takes(MediaKind::of(&reference.mime));
            if !fits || !wanted || !seen.insert(reference.digest.clone()) {
                continue;
            }
            match keeper.get(reference.digest.clone()).await {
                Ok(Some(bytes)) => {
                    room = room.saturating_sub(bytes.len());
                    found.push(Media {
                        reference,
                        is_new,
                        bytes,
                    });
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "A file of a message could not be read."),
            }
        }
        found.reverse();
        found
    }
}
