//! What happened last, kept in a file when a life ends, so that somebody can look at it afterwards.

use std::path::Path;

use serde_json::{Value, json};
use torana_host::files::{create_private_unflushed, private_dir};
use torana_host::moment::rfc3339;

use super::wait::End;

/// Files kept; a gateway that restarts all the time must not fill the disk, and the last few tell the story.
const KEPT_MAX: usize = 10;

/// Writes one file and removes the oldest ones. It is a courtesy: what fails here is logged and stops nothing.
pub(super) fn keep(folder: &Path, snapshot: &Value, end: &End, now_ms: i64) {
    let at = rfc3339(now_ms);
    let moment: String = at.chars().filter(char::is_ascii_alphanumeric).collect();
    let reason = match end {
        End::Restart { .. } => "gateway.restart",
        End::Exit(code) if *code == std::process::ExitCode::SUCCESS => "gateway.stop",
        End::Exit(_) => "gateway.failure",
    };
    let bundle = json!({
        "version": 1, "generatedAt": at, "reason": reason,
        "process": { "pid": std::process::id(), "version": env!("CARGO_PKG_VERSION") },
        "snapshot": snapshot,
    });
    let path = folder.join(format!("torana-stability-{moment}.json"));
    let written = private_dir(folder)
        .and_then(|()| create_private_unflushed(&path, bundle.to_string().as_bytes()));
    if let Err(error) = written {
        tracing::warn!(%error, "What happened last is not kept.");
        return;
    }
    forget_oldest(folder);
}

/// Names hold the moment, so the first in order are the oldest.
fn forget_oldest(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let is_ours = |name: &str| name.starts_with("torana-stability-");
    let mut names: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name())
        .filter(|name| name.to_str().is_some_and(is_ours))
        .collect();
    names.sort_unstable();
    let over = names.len().saturating_sub(KEPT_MAX);
    for name in names.drain(..over) {
        if let Err(error) = std::fs::remove_file(folder.join(name)) {
            tracing::warn!(%error, "An old file of what happened cannot be removed.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_ends_are_kept() {
        let name = format!("torana-moments-{}", torana_host::world().uuid());
        let folder = std::env::temp_dir().join(name);
        for second in 0..12 {
            let end = End::Restart { at_ms: 0 };
            keep(&folder, &json!({ "events": [] }), &end, second * 1_000);
        }
        let mut kept: Vec<String> = std::fs::read_dir(&folder)
            .expect("a folder")
            .filter_map(Result::ok)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        kept.sort();
        assert_eq!(kept.len(), KEPT_MAX);
        assert_eq!(kept[0], "torana-stability-19700101T000002Z.json");
        std::fs::remove_dir_all(folder).ok();
    }
}
