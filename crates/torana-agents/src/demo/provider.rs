//! Streams the demo's answers in groups of words.

use torana_core::port::{BoxFuture, World};
use torana_core::run::FailureKind;

use super::DemoSettings;
use super::answers::{Answer, Manner, answer};
use crate::provider::{Finish, ModelProvider, ModelRequest, Output, ProviderFailure};

/// An ordinary answer is complete within half a second, however long it is.
const PIECES_NORMAL: usize = 12;
/// A long answer shows off streaming; thirty pieces a second is what a fast model does.
const WORDS_LONG: usize = 14;
/// Forty pieces at a fifth of a second are eight seconds.
const PIECES_SLOW: usize = 40;
const PAUSE_SLOW_MS: u64 = 200;

/// The demo model.
pub struct DemoProvider {
    world: World,
    settings: DemoSettings,
}

impl DemoProvider {
    /// A demo that keeps time by the given clock.
    pub fn new(world: World, settings: DemoSettings) -> Self {
        Self { world, settings }
    }

    fn pause_ms(&self, manner: Manner) -> u64 {
        match manner {
            _ if self.settings.pace_ms == 0 => 0,
            Manner::Slow => PAUSE_SLOW_MS,
            Manner::Normal | Manner::Long | Manner::Failing => self.settings.pace_ms,
        }
    }
}

impl ModelProvider for DemoProvider {
    fn answer<'a>(
        &'a self,
        request: &'a ModelRequest,
        output: &'a mut Output,
    ) -> BoxFuture<'a, Result<Finish, ProviderFailure>> {
        Box::pin(async move {
            let Answer { text, manner } = answer(&request.utterances, &self.settings.offers);
            let pause_ms = self.pause_ms(manner);
            for (index, piece) in pieces(&text, manner).into_iter().enumerate() {
                // The first piece comes at once: waiting for it would look like a slow gateway.
                if index > 0 && pause_ms > 0 {
                    self.world.sleep_ms(pause_ms).await;
                }
                output.text(piece.to_owned()).await;
            }
            if manner == Manner::Failing {
                let detail = "this error was asked for with `demo: error`; nothing is wrong, and a real failure would say here what to do";
                return Err(ProviderFailure::new(FailureKind::Internal, detail));
            }
            Ok(Finish::Stop)
        })
    }
}

/// Cuts a text into groups of whole words; together they are the text.
pub(super) fn pieces(text: &str, manner: Manner) -> Vec<&str> {
    let words = text.split_inclusive(char::is_whitespace).count();
    let group = match manner {
        Manner::Normal | Manner::Failing => words.div_ceil(PIECES_NORMAL),
        Manner::Long => WORDS_LONG,
        Manner::Slow => words.div_ceil(PIECES_SLOW),
    };
    let (mut pieces, mut start, mut end, mut count) = (Vec::new(), 0, 0, 0);
    for word in text.split_inclusive(char::is_whitespace) {
        end += word.len();
        count += 1;
        if count >= group {
            pieces.push(&text[start..end]);
            (start, count) = (end, 0);
        }
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}
