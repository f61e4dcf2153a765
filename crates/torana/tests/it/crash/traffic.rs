//! People who write: numbered messages at a steady rate over many chats, and the dice that decide everything random.

use serde_json::{Value, json};

/// The first of the chats; private chats have positive ids.
const FIRST_CHAT: i64 = 5_000;

/// Dice with a seed (splitmix64): the same seed writes the same messages and waits the same times.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number in `from..to`.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        from + (mixed ^ (mixed >> 31)) % (to - from).max(1)
    }
}

/// One message somebody wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) number: usize,
    pub(super) chat: i64,
    pub(super) words: usize,
}

impl Written {
    /// The `number`th message of a run over `chats` chats.
    pub(super) fn new(number: usize, chats: usize, words: usize) -> Self {
        let chat = FIRST_CHAT + i64::try_from(number % chats).expect("few chats");
        Self {
            number,
            chat,
            words,
        }
    }

    /// Its words; each names the message and its own place, so that any piece of a reply can be recognised.
    pub(super) fn words(self) -> impl Iterator<Item = String> {
        (0..self.words).map(move |place| format!("t{}x{place}", self.number))
    }

    /// The request that makes the platform deliver it.
    pub(super) fn injection(self, token: &str) -> Value {
        let text: Vec<String> = self.words().collect();
        json!({ "token": token, "chatId": self.chat, "text": text.join(" ") })
    }
}

/// The number of the message a word belongs to.
pub(super) fn number_of(word: &str) -> Option<usize> {
    let (number, place) = word.strip_prefix('t')?.split_once('x')?;
    place.parse::<usize>().ok()?;
    number.parse().ok()
}
