//! Pictures of agents: a short text, an address, the picture itself, or a file in the agent's workspace.
//!
//! Kinds, endings, bounds and reasons are those of OpenClaw 2026.9.6; links inside a workspace are not followed here.

use std::io::ErrorKind;
use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use hyper::header::HeaderValue;
use serde_json::{Value, json};
use torana_core::id::AgentId;
use torana_host::served::{self, PIECE_BYTES, ServedFile};

use super::asset::tag;
use crate::context::Context;

/// Largest file, bytes.
const BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Longest path that is told to clients, characters.
const SOURCE_CHARS_MAX: usize = 256;
/// Of a picture that is written out, this much of its head is told, characters.
const HEAD_CHARS_MAX: usize = 64;
/// Endings of pictures that a browser shows.
const ENDINGS: &[&str] = &["png", "jpg", "jpeg", "gif", "webp", "svg"];

/// What an agent is shown as.
pub(crate) enum Avatar {
    /// Nothing was chosen.
    Unset,
    /// A letter, an emoji, a word.
    Text(String),
    /// An address elsewhere; whoever shows it asks there.
    Remote(String),
    /// A picture written out as a `data:` address.
    Data(String),
    /// A file below the workspace.
    File {
        /// Its path there.
        path: String,
        /// Its media type.
        kind: &'static str,
        /// The open file.
        file: Arc<ServedFile>,
    },
    /// What was chosen cannot be shown.
    Unusable {
        /// Why, in a word clients know.
        reason: &'static str,
        /// What was chosen, as far as it may be told.
        source: Option<String>,
    },
}

/// Finds the picture of an agent.
pub(crate) async fn find(context: &Context, agent: &AgentId) -> Avatar {
    let settings = context.engine.settings();
    let chosen = settings
        .agents
        .get(agent)
        .and_then(|agent| agent.avatar.as_deref());
    let Some(source) = chosen.map(str::trim).filter(|source| !source.is_empty()) else {
        return Avatar::Unset;
    };
    let unusable = |reason, source| Avatar::Unusable { reason, source };
    let start = start_of(source);
    if start.starts_with("https://") || start.starts_with("http://") {
        return Avatar::Remote(source.to_owned());
    }
    if start.starts_with("data:") {
        return if start.starts_with("data:image/") && source.contains(',') {
            Avatar::Data(source.to_owned())
        } else {
            unusable("unsupported_data_url", Some(head(source)))
        };
    }
    if has_scheme(&start) {
        return unusable("unsupported_uri", None);
    }
    if !is_path(source) {
        return Avatar::Text(source.to_owned());
    }
    let workspace = context.host.site().workspace(agent.as_str());
    let Some(path) = below(&workspace.display().to_string(), source) else {
        return unusable("outside_workspace", None);
    };
    let told = (path.chars().count() <= SOURCE_CHARS_MAX).then(|| path.clone());
    let Some(kind) = kind_of(&path) else {
        return unusable("unsupported_extension", told);
    };
    match served::open(workspace, path.clone()).await {
        Ok(file) if file.size() > BYTES_MAX => unusable("too_large", told),
        Ok(file) => Avatar::File { path, kind, file },
        Err(error) if error.kind() == ErrorKind::NotFound => unusable("missing", told),
        Err(_) => unusable("unreadable", told),
    }
}

/// Where a page of ours finds the file of an agent.
pub(crate) fn address(base_path: &str, agent: &AgentId) -> String {
    format!("{base_path}/avatar/{agent}")
}

/// What lists say of a picture. One that is written out would make them long; it is told with the agent's identity.
pub(crate) fn listed(source: &str) -> Option<&str> {
    let source = source.trim();
    let is_short = !source.is_empty() && source.chars().count() <= SOURCE_CHARS_MAX;
    is_short.then_some(source)
}

/// Whether a picture has an address here: a file has, and one that is written out.
pub(crate) fn is_served(source: &str) -> bool {
    let start = start_of(source.trim());
    start.starts_with("data:image/") || (is_path(source) && !has_scheme(&start))
}

/// A picture that is written out, as its media type and bytes.
pub(crate) fn written_out(address: &str) -> Option<(HeaderValue, Bytes)> {
    let (head, data) = address.split_once(',')?;
    let (_, head) = head.split_once(':')?;
    let kind = head.strip_suffix(";base64")?.split(';').next()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(data.trim());
    Some((HeaderValue::from_str(kind).ok()?, bytes.ok()?.into()))
}

/// As much of a source as tells its kind.
fn start_of(source: &str) -> String {
    let start: String = source.chars().take(16).collect();
    start.to_ascii_lowercase()
}

/// The beginning of an address that is too long to be told.
fn head(source: &str) -> String {
    let head = source.split(',').next().unwrap_or_default();
    head.chars().take(HEAD_CHARS_MAX).collect::<String>() + ",..."
}

fn has_scheme(start: &str) -> bool {
    start.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "+.-".contains(letter))
    })
}

/// Whether a text names a file: it has a separator, or ends like a picture.
fn is_path(source: &str) -> bool {
    source.contains(['/', '\\']) || ending(source) == "ico" || kind_of(source).is_some()
}

fn ending(path: &str) -> String {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending.to_ascii_lowercase()
}

fn kind_of(path: &str) -> Option<&'static str> {
    let ending = ending(path);
    ENDINGS
        .contains(&ending.as_str())
        .then(|| super::asset::kind(&ending))
}

/// The path below the workspace, whichever way it was written.
fn below(workspace: &str, source: &str) -> Option<String> {
    let source = source.replace('\\', "/");
    let inside = if source.starts_with('/') {
        source.strip_prefix(workspace)?.strip_prefix('/')?
    } else {
        source.as_str()
    };
    let steps: Vec<&str> = inside
        .split('/')
        .filter(|step| !matches!(*step, "" | "."))
        .collect();
    let is_inside = !steps.is_empty() && !steps.iter().any(|step| step.starts_with(['.', '~']));
    is_inside.then(|| steps.join("/"))
}

// === impl Avatar ===

impl Avatar {
    /// What every client can show: files become `data:` addresses. `None` when only a letter is left.
    pub(crate) async fn shown(&self) -> Option<String> {
        match self {
            Self::Unset | Self::Unusable { .. } => None,
            Self::Text(text) => Some(text.clone()),
            Self::Remote(address) | Self::Data(address) => Some(address.clone()),
            Self::File { kind, file, .. } => {
                let mut bytes = Vec::new();
                while let Ok(piece) = file.piece(bytes.len() as u64, PIECE_BYTES).await
                    && !piece.is_empty()
                    && bytes.len() as u64 <= BYTES_MAX
                {
                    bytes.extend_from_slice(&piece);
                }
                let text = base64::engine::general_purpose::STANDARD.encode(bytes);
                Some(format!("data:{kind};base64,{text}"))
            }
        }
    }

    /// What a page of ours loads: files have an address here, which changes with the file.
    pub(crate) fn page_address(&self, base_path: &str, agent: &AgentId) -> Option<String> {
        match self {
            Self::Unset | Self::Unusable { .. } => None,
            Self::Text(text) => Some(text.clone()),
            Self::Remote(address) | Self::Data(address) => Some(address.clone()),
            Self::File { file, .. } => {
                let version = tag(&file.version());
                let version = version.to_str().unwrap_or_default().trim_matches('"');
                Some(format!("{}?v={version}", address(base_path, agent)))
            }
        }
    }

    /// Where it comes from and whether it can be shown: source, status and reason.
    pub(crate) fn facts(&self) -> [Option<String>; 3] {
        let (source, status, reason) = match self {
            Self::Text(_) => return [None, None, None],
            Self::Unset => (None, "none", Some("missing")),
            Self::Remote(_) => (Some("remote URL".to_owned()), "remote", None),
            Self::Data(address) => (Some(head(address)), "data", None),
            Self::File { path, .. } => {
                let told = (path.chars().count() <= SOURCE_CHARS_MAX).then(|| path.clone());
                (told, "local", None)
            }
            Self::Unusable { reason, source } => (source.clone(), "none", Some(*reason)),
        };
        [source, Some(status.to_owned()), reason.map(str::to_owned)]
    }

    /// The answer to `?meta=1`.
    pub(crate) fn meta(&self, base_path: &str, agent: &AgentId) -> Value {
        let address = match self {
            Self::Text(_) => None,
            other => other.page_address(base_path, agent),
        };
        let [source, status, reason] = self.facts();
        json!({
            "avatarUrl": address, "avatarSource": source, "avatarStatus": status, "avatarReason": reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_paths_and_addresses_are_told_apart() {
        for (source, wanted) in [
            ("A", false),
            ("🦀", false),
            ("v1.0", false),
            ("crab.png", true),
            ("pictures/crab", true),
            ("pictures\\crab.svg", true),
            ("crab.ICO", true),
        ] {
            assert_eq!(is_path(source), wanted, "{source}");
        }
        for (start, wanted) in [
            ("file:///etc/pass", true),
            ("javascript:alert", true),
            ("c:\\crab.png", true),
            ("pictures/a:b.png", false),
            ("12:30", false),
        ] {
            assert_eq!(has_scheme(start), wanted, "{start}");
        }
    }

    #[test]
    fn files_and_pictures_that_are_written_out_have_an_address() {
        for (source, wanted) in [
            ("pictures/crab.png", true),
            (" data:image/png;base64,AA==", true),
            ("DATA:image/webp;base64,AA==", true),
            ("https://example.org/crab.png", false),
            ("file:///crab.png", false),
            ("A", false),
            ("", false),
        ] {
            assert_eq!(is_served(source), wanted, "{source}");
        }
        let (kind, bytes) = written_out("data:image/png;x=1;base64,AAE=").expect("a picture");
        assert_eq!(
            (kind.as_bytes(), &bytes[..]),
            (&b"image/png"[..], &[0, 1][..])
        );
        for broken in ["data:image/png,AA", "data:image/png;base64,!", "data:", ""] {
            assert!(written_out(broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn a_path_stays_below_its_workspace() {
        for (source, wanted) in [
            ("crab.png", Some("crab.png")),
            ("./pictures//crab.png", Some("pictures/crab.png")),
            ("pictures\\crab.png", Some("pictures/crab.png")),
            ("/srv/w/crab.png", Some("crab.png")),
            ("/srv/work/crab.png", None),
            ("/etc/crab.png", None),
            ("../crab.png", None),
            ("a/../../crab.png", None),
            (".git/crab.png", None),
            ("~/crab.png", None),
            ("/", None),
        ] {
            assert_eq!(below("/srv/w", source).as_deref(), wanted, "{source}");
        }
    }

    #[test]
    fn long_pictures_are_told_by_their_head() {
        assert_eq!(
            head("data:image/png;base64,AAAA"),
            "data:image/png;base64,..."
        );
        assert_eq!(head(&"x".repeat(500)).chars().count(), HEAD_CHARS_MAX + 4);
    }
}
