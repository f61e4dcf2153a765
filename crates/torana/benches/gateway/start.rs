//! From starting the program to the first good answer of `/health`, with nothing stored and with much.

use serde_json::{Value, json};

use super::clock::{median, ms};
use super::gateway::{Gateway, Home, free_port, started};
use super::report::Report;
use super::{Bench, Fault, floor, stored};

/// The installation of the budget.
const AGENTS: usize = 600;
const SESSIONS: usize = 100_000;

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<(), Fault> {
    let rounds = bench.count(15, 2);
    let bare = bare(bench, rounds)?;
    let mut empty = Vec::new();
    for _ in 0..rounds {
        let home = Home::new()?;
        let gateway = Gateway::start(&home, &bench.world.config())?;
        empty.push(ms(gateway.started_in));
        gateway.stop()?;
    }
    report.figure(
        "start_empty_ms_max",
        "exec to /health, new state directory",
        median(empty),
        "ms",
        Some(bare),
    );
    let home = Home::new()?;
    let config = many_agents(bench.world.config());
    stored::fill(bench, &home, &config, bench.count(SESSIONS, 1_000), AGENTS)?;
    let mut full = Vec::new();
    for _ in 0..rounds {
        let gateway = Gateway::start(&home, &config)?;
        full.push(ms(gateway.started_in));
        gateway.stop()?;
    }
    report.figure(
        "start_full_ms_max",
        "the same with 600 agents and 100,000 sessions",
        median(full),
        "ms",
        Some(bare),
    );
    Ok(())
}

/// A bare HTTP server, started in the same way.
fn bare(bench: &Bench, rounds: usize) -> Result<f64, Fault> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let port = free_port()?;
        let mut command = floor::command("http", port, bench.world.provider.address())?;
        let (mut child, time) = started(&mut command, port)?;
        times.push(ms(time));
        child.kill()?;
        child.wait()?;
    }
    Ok(median(times))
}

fn many_agents(mut config: Value) -> Value {
    let mut list = vec![json!({ "id": "main", "default": true })];
    list.extend(
        (1..AGENTS)
            .map(|number| json!({ "id": format!("a{number}"), "name": format!("Agent {number}") })),
    );
    config["agents"]["list"] = Value::Array(list);
    config
}
