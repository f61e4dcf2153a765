//! Watches the frames a client sends without reading them: what the protocol library does not count.
//!
//! It follows frame boundaries in the raw bytes and counts fragments of one message and pings (S-054, S-057).
//! It refuses nothing itself; the socket asks it.

/// Fragments one message may have (threat model section 7).
pub(super) const FRAGMENTS_MAX: u32 = 1024;

/// Position in the stream of frames.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    head: [u8; 10],
    have: u8,
    /// Bytes of mask and payload still to skip.
    skip: u64,
    fragments: u32,
    pings: u32,
    messages: u64,
    too_many_fragments: bool,
}

// === impl Tracker ===

impl Tracker {
    /// Takes the next bytes of the stream.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.skip > 0 {
                let skipped = usize::try_from(self.skip)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                self.skip -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head[usize::from(self.have)] = *first;
            self.have += 1;
            bytes = rest;
            if let Some(skip) = self.head_done() {
                self.have = 0;
                self.skip = skip;
                self.count();
            }
        }
    }

    /// Bytes after the head, once the head is complete. A mask counts as payload.
    fn head_done(&self) -> Option<u64> {
        let short = u64::from(self.head[1] & 0x7f);
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        match (self.have, short) {
            (0 | 1, _) => None,
            (2, 0..=125) => Some(short + mask),
            (4, 126) => Some(u64::from(u16::from_be_bytes([self.head[2], self.head[3]])) + mask),
            (10, _) => {
                let mut length = [0_u8; 8];
                length.copy_from_slice(&self.head[2..10]);
                Some(u64::from_be_bytes(length).saturating_add(mask))
            }
            _ => None,
        }
    }

    fn count(&mut self) {
        let is_final = self.head[0] & 0x80 != 0;
        match self.head[0] & 0x0f {
            0x9 => self.pings += 1,
            0x0..=0x7 if is_final => {
                self.fragments = 0;
                self.messages += 1;
            }
            0x0..=0x7 => {
                self.fragments += 1;
                self.too_many_fragments |= self.fragments >= FRAGMENTS_MAX;
            }
            _ => {}
        }
    }

    /// A message came in more pieces than allowed.
    pub(super) fn too_many_fragments(&self) -> bool {
        self.too_many_fragments
    }

    /// Something has begun and is not complete: a frame, or a message in fragments.
    pub(super) fn is_midway(&self) -> bool {
        self.skip > 0 || self.have > 0 || self.fragments > 0
    }

    /// Complete messages so far.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Pings since the last call.
    pub(super) fn take_pings(&mut self) -> u32 {
        std::mem::take(&mut self.pings)
    }
}

#[cfg(test)]
mod fuzz {
    #[test]
    fn frames() {
        let corpus: [&[u8]; 3] = [
            &[0x81, 0x85, 1, 2, 3, 4, 0x69, 0x67, 0x6f, 0x68, 0x6e],
            &[
                0x01, 0x80, 0, 0, 0, 0, 0x89, 0x80, 0, 0, 0, 0, 0x80, 0x80, 0, 0, 0, 0,
            ],
            &[
                0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
            ],
        ];
        crate::front::tests::drive(&corpus, |bytes| super::Tracker::default().feed(bytes));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A masked client frame with a payload of zeros.
    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match length {
            0..=125 => bytes.push(0x80 | u8::try_from(length).expect("small")),
            126..=65_535 => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&u16::try_from(length).expect("medium").to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.resize(bytes.len() + 4 + length, 0);
        bytes
    }

    #[test]
    fn fragments_of_one_message_are_counted_across_control_frames() {
        let mut tracker = Tracker::default();
        tracker.feed(&frame(0x01, 1));
        for _ in 1..FRAGMENTS_MAX - 1 {
            tracker.feed(&frame(0x00, 1));
            tracker.feed(&frame(0x89, 0));
        }
        assert!(!tracker.too_many_fragments() && tracker.is_midway());
        tracker.feed(&frame(0x00, 1));
        assert!(tracker.too_many_fragments());
        assert_eq!(tracker.take_pings(), FRAGMENTS_MAX - 2);
    }

    #[test]
    fn a_finished_message_clears_the_count() {
        let mut tracker = Tracker::default();
        for _ in 0..10_000 {
            tracker.feed(&frame(0x01, 1));
            tracker.feed(&frame(0x80, 70_000));
        }
        assert!(!tracker.too_many_fragments() && !tracker.is_midway());
        assert_eq!(tracker.messages(), 10_000);
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(
            frames in proptest::collection::vec((any::<bool>(), 0_usize..300), 1..20),
            cut in 1_usize..40,
        ) {
            let stream: Vec<u8> = frames.iter().flat_map(|(last, length)| frame(if *last { 0x81 } else { 0x01 }, *length)).collect();
            let (mut whole, mut pieces) = (Tracker::default(), Tracker::default());
            whole.feed(&stream);
            for piece in stream.chunks(cut) {
                pieces.feed(piece);
            }
            prop_assert_eq!(whole.messages(), pieces.messages());
            prop_assert_eq!(whole.messages(), frames.iter().filter(|(last, _)| *last).count() as u64);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            Tracker::default().feed(&bytes);
        }
    }
}
