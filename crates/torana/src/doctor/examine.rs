//! The order of the checks.

use super::finding::{Patient, Report};
use super::{channels, clock, config, database, disk, journals, lock, models, port, state};
use crate::cli::Invocation;

/// Runs every check.
pub(crate) async fn examine(invocation: &Invocation, fix: bool) -> Report {
    let mut report = Report::default();
    let mut patient = Patient {
        invocation,
        holder: invocation.holder(),
        config: None,
        refusals: Vec::new(),
        fix,
    };
    config::check(&mut patient, &mut report);
    state::check(&patient, &mut report);
    lock::check(&patient, &mut report);
    port::check(&patient, &mut report).await;
    database::check(&patient, &mut report);
    disk::check(&patient, &mut report);
    journals::check(&patient, &mut report);
    channels::check(&patient, &mut report);
    models::check(&patient, &mut report).await;
    clock::check(&patient, &mut report);
    report
}
