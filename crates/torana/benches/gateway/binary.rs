//! Size of the binary as it is shipped: default features, stripped.

use super::report::Report;
use super::{Bench, Fault, gateway};

pub(super) fn run(_: &Bench, report: &mut Report) -> Result<(), Fault> {
    let path = gateway::binary();
    let size = u32::try_from(std::fs::metadata(&path)?.len())?;
    report.note(&path.display().to_string());
    report.figure("binary_bytes_max", "binary", f64::from(size), "bytes", None);
    Ok(())
}
