//! A machine as somebody names it, and nothing that `ssh` could take for something else than a name.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

/// Longest name of a user or a machine; names in the domain name system have at most 253 characters.
const NAME_CHARS_MAX: usize = 253;

/// A machine, as `user@host` or `user@host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshTarget {
    user: Option<String>,
    pub(super) host: String,
    /// Absent leaves it to `ssh`, whose configuration may know another than 22.
    pub(super) port: Option<NonZeroU16>,
}

// === impl SshTarget ===

impl SshTarget {
    /// A machine that was found in the network.
    pub(crate) fn host(host: impl Into<String>) -> Option<Self> {
        let host = host.into();
        is_host(&host).then_some(Self {
            user: None,
            host,
            port: None,
        })
    }

    /// User and machine, as `ssh` takes them.
    pub(super) fn destination(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        }
    }
}

impl FromStr for SshTarget {
    type Err = String;

    /// Nothing gets through that `ssh`, or a shell one of its settings starts, could take for something else than a
    /// name.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no machine; write `user@host` or `user@host:port`");
        let (user, rest) = match text.split_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, after)) => (host, Some(after.strip_prefix(':').ok_or_else(wrong)?)),
            // More than one colon without brackets is an address of version 6.
            None => match rest.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (rest, None),
            },
        };
        let port: Option<NonZeroU16> = port
            .map(|port| port.parse().map_err(|_| wrong()))
            .transpose()?;
        if !is_host(host) || !user.is_none_or(is_user) {
            return Err(wrong());
        }
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.destination())?;
        match self.port {
            Some(port) => write!(formatter, ":{port}"),
            None => Ok(()),
        }
    }
}

fn is_name(text: &str, more: &str) -> bool {
    let may = |character: char| character.is_ascii_alphanumeric() || more.contains(character);
    !text.is_empty()
        && text.len() <= NAME_CHARS_MAX
        && !text.starts_with('-')
        && text.chars().all(may)
}

fn is_user(text: &str) -> bool {
    is_name(text, "._-+")
}

fn is_host(text: &str) -> bool {
    is_name(text, "._-:")
}
