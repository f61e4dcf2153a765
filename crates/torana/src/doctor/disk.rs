//! There is room to write.

use torana_host::files;

use super::finding::{Finding, Patient, Report};
use crate::cli::{Exit, bytes};

const CHECK: &str = "disk";
/// Below this the reserve cannot be taken and the gateway may soon refuse work: the smallest reserve is 1 MiB, the largest 64.
const FREE_FAIL: u64 = 16 * 1024 * 1024;
/// Below this a busy day could fill it: logs alone may take 250 MiB.
const FREE_WARN: u64 = 512 * 1024 * 1024;

pub(super) fn check(patient: &Patient<'_>, report: &mut Report) {
    let state = &patient.invocation.paths.state;
    let Some(place) = state.ancestors().find(|path| path.exists()) else {
        return;
    };
    match files::space(place) {
        Ok(space) => {
            let text = format!(
                "{} free of {} at {}",
                bytes(space.free),
                bytes(space.total),
                place.display()
            );
            report.add(match space.free {
                ..FREE_FAIL => Finding::fail(
                    CHECK,
                    text,
                    "free some space, or move the state directory (TORANA_STATE_DIR)",
                )
                .exit(Exit::Disk),
                FREE_FAIL..FREE_WARN => Finding::warn(CHECK, text, "free some space soon"),
                _ => Finding::ok(CHECK, text),
            });
        }
        Err(error) => report.add(Finding::warn(
            CHECK,
            format!("free space at {} is not known: {error}", place.display()),
            "look with `df`",
        )),
    }
}
