//! Who holds the state directory, and whether a dead process left its name behind.

use torana_host::lock::StateLock;

use super::finding::{Finding, Patient, Report};
use crate::cli::ago;

const CHECK: &str = "lock";

pub(super) fn check(patient: &Patient<'_>, report: &mut Report) {
    let paths = &patient.invocation.paths;
    if let Some(holder) = &patient.holder {
        let since = ago(patient.invocation.world.wall_ms(), holder.started_at_ms);
        let port = holder
            .port
            .map(|port| format!(", port {port}"))
            .unwrap_or_default();
        let (pid, what) = (holder.pid, holder.what());
        report.add(Finding::ok(
            CHECK,
            format!("process {pid} is {what}{port}, started {since}"),
        ));
        return;
    }
    let Some(left) = StateLock::read_holder(&paths.state) else {
        report.add(Finding::ok(CHECK, "no gateway runs"));
        return;
    };
    let path = paths.state.join("gateway.pid");
    if patient.fix && std::fs::remove_file(&path).is_ok() {
        report.changed(format!(
            "{}: removed, process {} is gone",
            path.display(),
            left.pid
        ));
    }
    // The lock is the operating system's, so the file misleads nobody.
    report.add(Finding::ok(
        CHECK,
        format!(
            "no gateway runs; process {} ended without saying goodbye",
            left.pid
        ),
    ));
}
