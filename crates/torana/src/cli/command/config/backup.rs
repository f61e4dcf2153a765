//! Versions of the file that are kept.

use std::path::Path;

use torana_host::files;

/// Versions of the file that are kept (decision 26).
const BACKUPS_KEPT: usize = 10;

/// Keeps a version of the file and forgets the oldest ones.
pub(crate) fn keep(folder: &Path, text: &str, at_ms: i64) -> std::io::Result<()> {
    files::private_dir(folder)?;
    files::replace(
        &folder.join(format!("config-{at_ms:015}.json")),
        text.as_bytes(),
    )?;
    let mut kept: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("config-"))
        })
        .collect();
    // The name begins with the time, so the order of names is the order of age.
    kept.sort();
    for old in kept.iter().rev().skip(BACKUPS_KEPT) {
        std::fs::remove_file(old)?;
    }
    Ok(())
}
