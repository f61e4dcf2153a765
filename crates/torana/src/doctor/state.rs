//! The state directory can be written and belongs to us alone: folders 0700, files 0600. `--fix` narrows what is wider.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::finding::{Finding, Patient, Report};
use crate::cli::Exit;
use crate::disk_hint::disk_hint;

const CHECK: &str = "state";
/// Folders below the state directory that are looked into; ours are one level deep.
const DEPTH_MAX: usize = 2;
/// Entries looked at; a state directory of ours has a few dozen.
const ENTRIES_MAX: usize = 2_000;

pub(super) fn check(patient: &Patient<'_>, report: &mut Report) {
    let paths = &patient.invocation.paths;
    if let Err((folder, error)) = writable(&paths.state) {
        let text = format!("{} cannot be written: {error}", folder.display());
        let hint = disk_hint(&error).unwrap_or("choose another folder with TORANA_STATE_DIR");
        report.add(Finding::fail(CHECK, text, hint).exit(Exit::Disk));
        return;
    }
    if !paths.state.exists() {
        report.add(Finding::ok(
            CHECK,
            format!(
                "{} does not exist yet; the first start makes it",
                paths.state.display()
            ),
        ));
        return;
    }
    if let Err(error) = fs::read_dir(&paths.state) {
        let text = format!("{} cannot be read: {error}", paths.state.display());
        report.add(
            Finding::fail(CHECK, text, "run this as the user who runs the gateway")
                .exit(Exit::Disk),
        );
        return;
    }
    let mut wide = Vec::new();
    let mut left = ENTRIES_MAX;
    look(&paths.state, DEPTH_MAX, &mut left, &mut wide);
    if patient.fix {
        wide.retain(|path| !narrow(path, report));
    }
    if wide.is_empty() {
        report.add(Finding::ok(
            CHECK,
            format!("{} can be read by its owner only", paths.state.display()),
        ));
    }
    for path in wide {
        report.add(Finding::warn(
            CHECK,
            format!("{} can be read or changed by other users", path.display()),
            "narrow it with `torana doctor --fix`",
        ));
    }
    // A file elsewhere is the operator's; it is only told, because others may need it.
    let is_elsewhere = !paths.config.starts_with(&paths.state);
    if is_elsewhere && mode_of(&paths.config).is_some_and(|mode| mode & 0o077 != 0) {
        report.add(Finding::warn(
            CHECK,
            format!("{} can be read by other users", paths.config.display()),
            format!(
                "if it holds secrets: `chmod 600 {}`",
                paths.config.display()
            ),
        ));
    }
}

/// Whether the folder, or the nearest one above it that exists, is a folder we may write in; else which one is not.
pub(super) fn writable(folder: &Path) -> Result<(), (PathBuf, io::Error)> {
    let nearest = folder
        .ancestors()
        .find(|path| path.symlink_metadata().is_ok())
        .unwrap_or(folder);
    let looked = fs::metadata(nearest).and_then(|metadata| {
        if !metadata.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        rustix::fs::access(nearest, Access::WRITE_OK | Access::EXEC_OK)?;
        Ok(())
    });
    looked.map_err(|error| (nearest.to_path_buf(), error))
}

fn mode_of(path: &Path) -> Option<u32> {
    // A link has no mode of its own, and what it leads to is not ours to change.
    let metadata = fs::symlink_metadata(path).ok()?;
    (!metadata.is_symlink()).then(|| metadata.permissions().mode() & 0o7777)
}

fn look(path: &Path, depth: usize, left: &mut usize, wide: &mut Vec<PathBuf>) {
    let Some(mode) = mode_of(path) else { return };
    if *left == 0 {
        return;
    }
    *left -= 1;
    if mode & 0o077 != 0 {
        wide.push(path.to_path_buf());
    }
    if depth == 0 || !path.is_dir() {
        return;
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    entries.sort();
    for entry in entries {
        look(&entry, depth - 1, left, wide);
    }
}

/// Takes the rights of others away. False when that failed.
fn narrow(path: &Path, report: &mut Report) -> bool {
    let Some(mode) = mode_of(path) else {
        return false;
    };
    let narrowed = mode & 0o700;
    match fs::set_permissions(path, Permissions::from_mode(narrowed)) {
        Ok(()) => {
            report.changed(format!(
                "{}: mode {mode:o} is now {narrowed:o}",
                path.display()
            ));
            true
        }
        Err(_) => false,
    }
}
