//! What waits in the journals: parked rows that need a person, and open rows that are older than they should be.

use torana_engine::store::{inbox, outbox};

use super::finding::{Finding, Patient, Report};
use super::reading;
use crate::cli::{ago, count};

const CHECK: &str = "journals";
/// An open row this old means that its account or model has been away for an hour.
const OLD_MS: i64 = 3_600_000;

pub(super) fn check(patient: &Patient<'_>, report: &mut Report) {
    let path = patient.invocation.paths.database();
    if !path.exists() {
        return;
    }
    let read = reading::open(&path)
        .map_err(|error| error.to_string())
        .and_then(|connection| {
            let inbox = inbox::census(&connection).map_err(|error| error.to_string())?;
            let outbox = outbox::census(&connection).map_err(|error| error.to_string())?;
            Ok((inbox, outbox))
        });
    // A file that cannot be read is the database check's to tell.
    let Ok((inbox, outbox)) = read else { return };
    let now_ms = patient.invocation.world.wall_ms();
    let before = report.findings.len();
    journal(&inbox, "message", "torana inbox", now_ms, report);
    journal(&outbox, "delivery", "torana outbox", now_ms, report);
    if report.findings.len() == before {
        report.add(Finding::ok(CHECK, "nothing waits and nothing is parked"));
    }
}

fn journal(
    census: &[(String, i64, i64)],
    one: &str,
    command: &str,
    now_ms: i64,
    report: &mut Report,
) {
    for (state, number, oldest_ms) in census {
        let what = if one == "delivery" && *number != 1 {
            format!("{number} deliveries")
        } else {
            count(*number, one)
        };
        let since = ago(now_ms, *oldest_ms);
        if state == "parked" {
            report.add(Finding::warn(
                CHECK,
                format!("{what} parked, the oldest {since}"),
                format!("see them with `{command}`"),
            ));
        } else if now_ms.saturating_sub(*oldest_ms) > OLD_MS {
            report.add(Finding::warn(
                CHECK,
                format!("{what} {state}, the oldest {since}"),
                "see why with `torana explain` and `torana channels status`",
            ));
        } else {
            report.add(Finding::ok(
                CHECK,
                format!("{what} {state}, the oldest {since}"),
            ));
        }
    }
}
