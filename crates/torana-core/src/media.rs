//! Files that come with messages: how they are named, and what a model can be shown of them.

use serde::{Deserialize, Serialize};

/// A stored file. The bytes are kept by the host under the digest; this is what transcripts and journals hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRef {
    /// SHA-256 of the bytes, in lower-case hexadecimal digits.
    pub digest: String,
    /// Media type, without parameters, in lower case.
    pub mime: String,
    /// Name the sender gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Size.
    pub bytes: u64,
}

/// How a file can be shown to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture in one of the formats that model providers take.
    Image,
    /// A PDF document.
    Document,
    /// Text, shown as part of the message.
    Text,
    /// Anything else: no model provider takes it.
    Other,
}

impl MediaKind {
    /// The kind of a media type.
    ///
    /// ```
    /// use torana_core::media::MediaKind;
    /// assert_eq!(MediaKind::of("image/png"), MediaKind::Image);
    /// assert_eq!(MediaKind::of("text/csv"), MediaKind::Text);
    /// assert_eq!(MediaKind::of("video/mp4"), MediaKind::Other);
    /// ```
    pub fn of(mime: &str) -> Self {
        match mime {
            // The four formats that OpenAI and Anthropic both document for vision (2026).
            "image/png" | "image/jpeg" | "image/gif" | "image/webp" => Self::Image,
            "application/pdf" => Self::Document,
            "application/json"
            | "application/xml"
            | "application/yaml"
            | "application/toml"
            | "application/javascript"
            | "application/x-yaml"
            | "application/x-sh"
            | "image/svg+xml" => Self::Text,
            text if text.starts_with("text/") => Self::Text,
            _ => Self::Other,
        }
    }

    /// The media type that the first bytes of a picture or document prove, whatever its sender called it.
    pub fn sniff(bytes: &[u8]) -> Option<&'static str> {
        match bytes {
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
            [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some("image/webp"),
            [b'%', b'P', b'D', b'F', b'-', ..] => Some("application/pdf"),
            _ => None,
        }
    }
}

/// Whether text can be the digest of stored bytes; such a name is safe as a file name.
pub fn is_digest(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_sixty_four_small_hexadecimal_digits() {
        assert!(is_digest(&"0a".repeat(32)));
        for bad in ["", "../../etc/passwd", &"0A".repeat(32), &"0".repeat(63)] {
            assert!(!is_digest(bad), "{bad}");
        }
    }

    #[test]
    fn bytes_say_what_a_picture_is() {
        assert_eq!(
            MediaKind::sniff(b"\x89PNG\r\n\x1a\n...."),
            Some("image/png")
        );
        assert_eq!(MediaKind::sniff(b"RIFF....WEBPVP8 "), Some("image/webp"));
        assert_eq!(MediaKind::sniff(b"<html>"), None);
    }
}
