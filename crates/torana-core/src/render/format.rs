//! What a platform accepts: its markup, how it counts length, and where it stops.
//!
//! A channel states these once in its limits table; everything else in `render` follows them.

/// The markup a platform reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Markup {
    /// No markup at all: styles disappear, links become `label (url)`.
    #[default]
    Plain,
    /// A small set of HTML tags: `b i u s code pre a blockquote tg-spoiler`.
    HtmlSubset,
    /// The platform reads Markdown itself: the text passes unchanged, only cuts repair it.
    Markdown,
}

/// How a table is shown where the platform has no tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TableMode {
    /// Aligned columns in a monospace block.
    #[default]
    Code,
    /// One bullet per row, one line per further column.
    Bullets,
    /// The rows as they were written.
    Off,
}

/// Markup plus the options that change how a document is laid out in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Format {
    /// The markup to write.
    pub markup: Markup,
    /// What becomes of tables.
    pub tables: TableMode,
}

impl From<Markup> for Format {
    fn from(markup: Markup) -> Self {
        Self {
            markup,
            tables: TableMode::default(),
        }
    }
}

/// The unit in which a platform counts text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LengthUnit {
    /// UTF-16 code units: an emoji outside the basic plane counts two.
    Utf16,
    /// Unicode scalar values.
    #[default]
    Chars,
    /// UTF-8 bytes.
    Bytes,
}

impl LengthUnit {
    /// The length of one character.
    pub fn of_char(self, ch: char) -> usize {
        match self {
            Self::Utf16 => ch.len_utf16(),
            Self::Chars => 1,
            Self::Bytes => ch.len_utf8(),
        }
    }

    /// The length of a text.
    ///
    /// ```
    /// use torana_core::render::LengthUnit;
    /// assert_eq!(LengthUnit::Utf16.measure("a😀"), 3);
    /// assert_eq!(LengthUnit::Chars.measure("a😀"), 2);
    /// assert_eq!(LengthUnit::Bytes.measure("a😀"), 5);
    /// ```
    pub fn measure(self, text: &str) -> usize {
        match self {
            Self::Utf16 => text.encode_utf16().count(),
            Self::Chars => text.chars().count(),
            Self::Bytes => text.len(),
        }
    }
}

/// Which text a platform counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counts {
    /// Everything sent, tags and escapes included.
    #[default]
    Rendered,
    /// The text that people see, after the platform has parsed the markup.
    Visible,
}

/// Where cuts are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChunkMode {
    /// As much as fits, cut at the best place.
    #[default]
    Length,
    /// Every blank line outside a code block starts a new chunk; longer paragraphs are cut by length.
    Newline,
}

/// The bounds of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most the platform accepts in one message, in `unit`.
    pub max_units: usize,
    /// The unit of `max_units` and `soft`.
    pub unit: LengthUnit,
    /// What the platform counts.
    pub counts: Counts,
    /// The length chunks aim at and never exceed; usually a little below `max_units`.
    pub soft: usize,
    /// Where cuts are wanted.
    pub mode: ChunkMode,
    /// The most bytes one rendered chunk may have, tags and escapes included.
    pub max_raw_bytes: usize,
}

impl Limits {
    /// Below this many units not even one escaped character with its style fits, so smaller limits
    /// are treated as this one; no platform comes near it.
    pub const UNITS_MIN: usize = 32;

    /// Limits of a platform that counts what is sent, with the raw size capped at four bytes per unit.
    ///
    /// Four, because no character needs more bytes than that.
    pub fn new(max_units: usize, unit: LengthUnit) -> Self {
        Self {
            max_units,
            unit,
            counts: Counts::default(),
            soft: max_units,
            mode: ChunkMode::default(),
            max_raw_bytes: max_units.saturating_mul(4),
        }
    }

    /// The same limits with another target length.
    pub fn with_soft(self, soft: usize) -> Self {
        Self { soft, ..self }
    }

    /// The same limits for a platform that counts after parsing its markup.
    pub fn counting(self, counts: Counts) -> Self {
        Self { counts, ..self }
    }

    /// The same limits with another cutting mode.
    pub fn with_mode(self, mode: ChunkMode) -> Self {
        Self { mode, ..self }
    }

    /// The length that every chunk keeps to.
    pub fn target(&self) -> usize {
        self.soft.min(self.max_units).max(Self::UNITS_MIN)
    }

    /// The raw size that every chunk keeps to: one escaped character must always fit.
    pub fn raw_bytes(&self) -> usize {
        self.max_raw_bytes.max(Self::UNITS_MIN)
    }
}
