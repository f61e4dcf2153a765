//! Roles and scopes: what a principal is, and what it may do. Granted, never claimed (S-006).

use std::fmt;

/// What kind of client a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Controls the gateway.
    Operator,
    /// Lends commands of its device.
    Node,
}

impl Role {
    /// The word on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Node => "node",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Operator, Self::Node]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

/// One permission. The set is closed: an unknown word is never a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scope {
    /// Everything.
    Admin,
    /// Look at everything but secrets.
    Read,
    /// Talk to agents and change sessions.
    Write,
    /// Decide what agents asked permission for.
    Approvals,
    /// Answer questions of agents.
    Questions,
    /// Let devices and senders in.
    Pairing,
    /// Speak and listen.
    Talk,
    /// See the credentials of speech services.
    TalkSecrets,
    /// Look at sessions only.
    SessionsRead,
    /// Change sessions only.
    SessionsWrite,
}

impl Scope {
    /// Every scope, in the order they are printed.
    pub const ALL: [Self; 10] = [
        Self::Admin,
        Self::Read,
        Self::Write,
        Self::Approvals,
        Self::Questions,
        Self::Pairing,
        Self::Talk,
        Self::TalkSecrets,
        Self::SessionsRead,
        Self::SessionsWrite,
    ];

    /// The word on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "operator.admin",
            Self::Read => "operator.read",
            Self::Write => "operator.write",
            Self::Approvals => "operator.approvals",
            Self::Questions => "operator.questions",
            Self::Pairing => "operator.pairing",
            Self::Talk => "operator.talk",
            Self::TalkSecrets => "operator.talk.secrets",
            Self::SessionsRead => "operator.sessions.read",
            Self::SessionsWrite => "operator.sessions.write",
        }
    }

    /// Reads the word; wildcards and unknown words are nothing.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// What the scope lets its holder do besides itself.
    const fn implied(self) -> &'static [Self] {
        match self {
            Self::Admin => &Self::ALL,
            Self::Write => &[
                Self::Read,
                Self::Talk,
                Self::SessionsRead,
                Self::SessionsWrite,
            ],
            Self::Read => &[Self::SessionsRead],
            Self::SessionsWrite => &[Self::SessionsRead],
            Self::Approvals
            | Self::Questions
            | Self::Pairing
            | Self::Talk
            | Self::TalkSecrets
            | Self::SessionsRead => &[],
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A set of scopes, as named: implications are looked up, not stored.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(u16);

impl ScopeSet {
    /// No permission at all.
    pub const NONE: Self = Self(0);

    /// Every scope: what the shared secret and a printed sign-in link can grant.
    pub fn every() -> Self {
        Self::from_iter(Scope::ALL)
    }

    /// Reads words and drops those that are no scope.
    ///
    /// ```
    /// use torana_core::auth::{Scope, ScopeSet};
    /// let set = ScopeSet::parse(["operator.write", "operator.*", "root"]);
    /// assert_eq!(set.to_string(), "operator.write");
    /// assert!(set.allows(Scope::Read) && !set.allows(Scope::Admin));
    /// ```
    pub fn parse<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Self {
        words
            .into_iter()
            .filter_map(|word| Scope::parse(word.as_ref()))
            .collect()
    }

    /// Adds a scope.
    #[must_use]
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u8)
    }

    /// Exactly this scope was named.
    pub fn names(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// The set permits what the scope stands for, by name or by implication.
    pub fn allows(self, scope: Scope) -> bool {
        self.names(scope) || self.iter().any(|held| held.implied().contains(&scope))
    }

    /// Everything the other set names is permitted here.
    pub fn covers(self, other: Self) -> bool {
        other.iter().all(|scope| self.allows(scope))
    }

    /// `requested ∩ granted`: what was asked for and may be had. Called on the granted set.
    #[must_use]
    pub fn limit(self, requested: Self) -> Self {
        requested
            .iter()
            .filter(|scope| self.allows(*scope))
            .collect()
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Nothing is named.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The named scopes, in printing order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |scope| self.names(*scope))
    }

    /// The words, in printing order.
    pub fn words(self) -> Vec<&'static str> {
        self.iter().map(Scope::as_str).collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        scopes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words().join(","))
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ScopeSet({self})")
    }
}
