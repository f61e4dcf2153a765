//! The clock is plausible: it has been set, and it does not run behind what is already stored.

use torana_host::moment::rfc3339;

use super::finding::{Finding, Patient, Report};
use super::reading;
use crate::cli::span;

const CHECK: &str = "clock";
/// 2026-01-01: no Torana is older, so a machine that shows less has never set its clock.
const FIRST_POSSIBLE_MS: i64 = 1_767_225_600_000;
/// A clock that runs further behind stored times than this makes codes, ages and schedules wrong.
const BEHIND_MS_MAX: i64 = 60_000;

pub(super) fn check(patient: &Patient<'_>, report: &mut Report) {
    let now_ms = patient.invocation.world.wall_ms();
    let newest_ms = reading::open(&patient.invocation.paths.database())
        .ok()
        .and_then(|connection| {
            let newest = connection.query_row("SELECT max(updated_at) FROM session", [], |row| {
                row.get::<_, Option<i64>>(0)
            });
            newest.ok().flatten()
        });
    report.add(judge(now_ms, newest_ms));
}

pub(super) fn judge(now_ms: i64, newest_ms: Option<i64>) -> Finding {
    let hint = "set the clock, for example with `timedatectl set-ntp true`";
    let behind_ms = newest_ms.map_or(0, |newest_ms| newest_ms.saturating_sub(now_ms));
    if now_ms < FIRST_POSSIBLE_MS {
        return Finding::fail(
            CHECK,
            format!("it says {}, which cannot be", rfc3339(now_ms)),
            hint,
        );
    }
    if behind_ms > BEHIND_MS_MAX {
        let span = span(behind_ms.unsigned_abs() / 1_000);
        return Finding::warn(
            CHECK,
            format!("it runs {span} behind the newest stored message"),
            hint,
        );
    }
    Finding::ok(CHECK, rfc3339(now_ms))
}
