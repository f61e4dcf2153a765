//! Paths of keys in a configuration: `channels.telegram.accounts["my bot"].groups`, `bindings[0].agentId`.
//!
//! One type for messages, for `config get|set|unset` and for redaction, so that what is printed can be typed back.

use std::fmt;

use thiserror::Error;

/// The most segments a path may have: documents are at most 64 deep.
const SEGMENTS_MAX: usize = 64;

/// The longest path accepted as text; no real key comes near it, and it bounds the work on hostile input.
const PATH_LEN_MAX: usize = 4096;

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of an object.
    Key(String),
    /// An item of a list.
    Index(usize),
}

/// The way from the root of a document to one value.
///
/// ```
/// use torana_core::config::KeyPath;
///
/// let path: KeyPath = "channels.telegram.accounts['my bot'].enabled".parse()?;
/// assert_eq!(path.to_string(), r#"channels.telegram.accounts["my bot"].enabled"#);
/// # Ok::<(), torana_core::config::PathError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(Vec<Segment>);

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    /// There is nothing between two dots, or nothing at all.
    #[error("the path has an empty part at character {at}")]
    EmptyPart {
        /// Character position, from 1.
        at: usize,
    },
    /// A bracket or quote is not closed.
    #[error("the bracket at character {at} is not closed")]
    Unclosed {
        /// Character position, from 1.
        at: usize,
    },
    /// Something stands where it cannot.
    #[error(
        "the character at {at} cannot stand there; put names with special characters in brackets and quotes"
    )]
    Unexpected {
        /// Character position, from 1.
        at: usize,
    },
    /// More than a document can hold.
    #[error("the path is too long")]
    TooLong,
}

// === impl KeyPath ===

impl KeyPath {
    /// The root of the document.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The steps from the root.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// True for the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// This path with one more key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// This path with one more index.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    pub(crate) fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    pub(crate) fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }

    pub(crate) fn from_keys(keys: &[&str]) -> Self {
        Self(
            keys.iter()
                .map(|key| Segment::Key((*key).to_owned()))
                .collect(),
        )
    }

    /// The steps as plain names, the form the key lists are matched with.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => key.clone(),
                Segment::Index(index) => index.to_string(),
            })
            .collect()
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(formatter, "[{index}]")?,
                Segment::Key(key) if is_plain(key) => {
                    if position > 0 {
                        formatter.write_str(".")?;
                    }
                    formatter.write_str(key)?;
                }
                Segment::Key(key) => {
                    formatter.write_str("[\"")?;
                    for character in key.chars() {
                        if matches!(character, '"' | '\\') {
                            formatter.write_str("\\")?;
                        }
                        write!(formatter, "{character}")?;
                    }
                    formatter.write_str("\"]")?;
                }
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for KeyPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.len() > PATH_LEN_MAX {
            return Err(PathError::TooLong);
        }
        let characters: Vec<char> = text.chars().collect();
        let mut reader = PathReader {
            characters: &characters,
            at: 0,
        };
        let mut segments = Vec::new();
        loop {
            segments.push(reader.segment(segments.is_empty())?);
            if segments.len() > SEGMENTS_MAX {
                return Err(PathError::TooLong);
            }
            match reader.peek() {
                None => return Ok(Self(segments)),
                Some('.') => reader.at += 1,
                Some('[') => {}
                Some(_) => return Err(PathError::Unexpected { at: reader.at + 1 }),
            }
        }
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && !key.chars().all(|character| character.is_ascii_digit())
        && key.chars().all(|character| {
            character.is_alphanumeric() || matches!(character, '_' | '-' | '$' | '/' | ':')
        })
}

struct PathReader<'a> {
    characters: &'a [char],
    at: usize,
}

// === impl PathReader ===

impl PathReader<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn segment(&mut self, first: bool) -> Result<Segment, PathError> {
        match self.peek() {
            Some('[') => self.bracket(),
            Some(_) if first || self.characters.get(self.at.wrapping_sub(1)) == Some(&'.') => {
                self.bare()
            }
            Some(_) => Err(PathError::Unexpected { at: self.at + 1 }),
            None => Err(PathError::EmptyPart { at: self.at + 1 }),
        }
    }

    fn bare(&mut self) -> Result<Segment, PathError> {
        let start = self.at;
        while let Some(character) = self.peek() {
            match character {
                '.' | '[' => break,
                ']' | '"' | '\'' => return Err(PathError::Unexpected { at: self.at + 1 }),
                _ => self.at += 1,
            }
        }
        if start == self.at {
            return Err(PathError::EmptyPart { at: start + 1 });
        }
        Ok(Segment::Key(
            self.characters[start..self.at].iter().collect(),
        ))
    }

    fn bracket(&mut self) -> Result<Segment, PathError> {
        let start = self.at;
        self.at += 1;
        let segment = match self.peek() {
            Some(quote @ ('"' | '\'')) => Segment::Key(self.quoted(quote, start)?),
            Some(_) => self.bracket_word(start)?,
            None => return Err(PathError::Unclosed { at: start + 1 }),
        };
        if self.peek() != Some(']') {
            return Err(PathError::Unclosed { at: start + 1 });
        }
        self.at += 1;
        Ok(segment)
    }

    fn quoted(&mut self, quote: char, start: usize) -> Result<String, PathError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let character = self.peek().ok_or(PathError::Unclosed { at: start + 1 })?;
            self.at += 1;
            if character == quote {
                return Ok(text);
            }
            if character == '\\' {
                text.push(self.peek().ok_or(PathError::Unclosed { at: start + 1 })?);
                self.at += 1;
            } else {
                text.push(character);
            }
        }
    }

    fn bracket_word(&mut self, start: usize) -> Result<Segment, PathError> {
        let word_start = self.at;
        while self.peek().is_some_and(|character| character != ']') {
            self.at += 1;
        }
        if self.at == self.characters.len() {
            return Err(PathError::Unclosed { at: start + 1 });
        }
        let word: String = self.characters[word_start..self.at].iter().collect();
        if word.is_empty() {
            return Err(PathError::EmptyPart { at: word_start + 1 });
        }
        Ok(word.parse().map_or(Segment::Key(word), Segment::Index))
    }
}
