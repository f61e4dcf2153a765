//! How conversations map to sessions: who shares one with whom.

/// Which direct chats share a session (`session.dmScope`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum DmScope {
    /// All of them share the agent's main session.
    #[default]
    Main,
    /// One session per person, wherever they write.
    PerPeer,
    /// One session per person and channel.
    PerChannelPeer,
    /// One session per person, channel and account of ours.
    PerAccountChannelPeer,
}

impl DmScope {
    /// Every value, in order of growing separation.
    pub const ALL: [Self; 4] = [
        Self::Main,
        Self::PerPeer,
        Self::PerChannelPeer,
        Self::PerAccountChannelPeer,
    ];

    /// Reads the config word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// The config word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::PerPeer => "per-peer",
            Self::PerChannelPeer => "per-channel-peer",
            Self::PerAccountChannelPeer => "per-account-channel-peer",
        }
    }
}

/// Which groups share a session (`session.groupScope`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum GroupScope {
    /// Each group has its own.
    #[default]
    PerGroup,
    /// Groups write into the agent's main session.
    Main,
}

impl GroupScope {
    /// Every value.
    pub const ALL: [Self; 2] = [Self::PerGroup, Self::Main];

    /// Reads the config word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// The config word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerGroup => "per-group",
            Self::Main => "main",
        }
    }
}
