//! Two older guides that no released program follows, but people's own scripts do (control decisions 21, 27, 28).
//!
//! [`moltbot`] is the overview with `minProtocol: 7`: ordinary frames, a free client name. [`guide`] is the bare
//! `{method: "auth"}` dialect with frames and event names of its own. Neither knows devices, and neither gets more
//! than the command line would: scopes straight from this machine, elsewhere only what the operator lists.

pub(super) mod guide;
pub(super) mod moltbot;

/// Which of them a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Legacy {
    /// The overview with protocol 7.
    Moltbot,
    /// The bare dialect.
    Guide,
}
