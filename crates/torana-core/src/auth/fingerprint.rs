//! The name of a certificate: its SHA-256, as people copy it from one machine to another.

use std::fmt;

/// SHA-256 of a certificate.
///
/// ```
/// use torana_core::auth::Fingerprint;
///
/// let printed = ["AB"; 32].join(":");
/// let pin = Fingerprint::parse(&printed).expect("64 digits");
/// assert_eq!(pin.to_string(), "ab".repeat(32));
/// assert_eq!(Fingerprint::parse("AB:CD"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

// === impl Fingerprint ===

impl Fingerprint {
    /// The fingerprint with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits, with or without colons or spaces between them and `sha256:` in front, as the usual
    /// tools print them. Anything else is no fingerprint: a pin that is read wrongly must not become another pin.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = ["sha256:", "sha256 fingerprint=", "sha-256:"]
            .iter()
            .find_map(|prefix| {
                let head = text.get(..prefix.len())?;
                head.eq_ignore_ascii_case(prefix)
                    .then(|| &text[prefix.len()..])
            })
            .unwrap_or(text);
        let mut bytes = [0; 32];
        let mut count = 0;
        for character in digits.chars().filter(|digit| !matches!(digit, ':' | ' ')) {
            let digit = u8::try_from(character.to_digit(16)?).ok()?;
            let byte: &mut u8 = bytes.get_mut(count / 2)?;
            *byte = *byte << 4 | digit;
            count += 1;
        }
        (count == 64).then_some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    /// Lower-case hexadecimal without separators.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_print_is_read_and_nothing_else() {
        let plain = "0123456789abcdef".repeat(4);
        let pairs: Vec<&str> = (0..32).map(|at| &plain[at * 2..at * 2 + 2]).collect();
        let printed = pairs.join(":").to_uppercase();
        for text in [
            plain.clone(),
            printed.clone(),
            format!("sha256:{plain}"),
            format!("SHA256 Fingerprint={printed}\n"),
            pairs.join(" "),
        ] {
            let read = Fingerprint::parse(&text).map(|pin| pin.to_string());
            assert_eq!(read, Some(plain.clone()), "{text}");
        }
        for text in [
            "",
            "ab",
            "sha1:ab",
            &plain[1..],
            &format!("{plain}0"),
            &"zz".repeat(32),
        ] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }
}
