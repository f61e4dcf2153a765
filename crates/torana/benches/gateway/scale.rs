//! Whether a turn costs more when a hundred thousand sessions are stored than when a hundred are.

use super::clock::{median, ms, percentile};
use super::drive::{Plan, drive};
use super::gateway::{Gateway, Home};
use super::report::Report;
use super::{Bench, Fault, stored};

const FEW: usize = 100;
const MANY: usize = 100_000;

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    bench.world.pieces(4);
    let config = bench.world.config();
    let (home_few, home_many) = (Home::new()?, Home::new()?);
    stored::fill(bench, &home_few, &config, FEW, 1)?;
    stored::fill(bench, &home_many, &config, bench.count(MANY, 1_000), 1)?;
    let few = Gateway::start(&home_few, &config)?;
    let many = Gateway::start(&home_many, &config)?;
    // `/health` answers while the stored rows are still being read, and work is accepted after that.
    few.ready()?;
    many.ready()?;
    let plan = Plan {
        connections: 1,
        in_flight: 1,
        turns: bench.count(300, 20),
    };
    let runtime = &bench.world.runtime;
    let (mut cost_few, mut cost_many) = (Vec::new(), Vec::new());
    // Alternately, so that the machine's moods hit both; the first round fills caches and does not count.
    for round in 0..bench.count(9, 2) {
        for (gateway, costs) in [(&few, &mut cost_few), (&many, &mut cost_many)] {
            let mut driven = runtime.block_on(drive(gateway, plan))?;
            if round > 0 {
                costs.push(ms(percentile(&mut driven.latencies, 0.5)));
            }
        }
    }
    few.stop()?;
    many.stop()?;
    let (few, many) = (median(cost_few), median(cost_many));
    report.note(&format!(
        "one turn takes {few:.2} ms with {FEW} sessions stored, {many:.2} ms with {MANY}"
    ));
    report.figure(
        "scale_percent_max",
        "extra cost per turn",
        (many / few - 1.0) * 100.0,
        "%",
        None,
    );
    Ok(())
}
