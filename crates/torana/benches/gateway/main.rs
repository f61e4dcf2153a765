//! The gateway against its budgets: `gateway [name] [--smoke]`.
//!
//! The real binary runs as a process of its own beside this load generator, and wherever it makes sense a bare server of
//! the same libraries is measured in the same run: the floor below which no gateway built of them can get.
//! `budgets.json` holds the figures that must be kept; `--smoke` only proves that everything runs.

mod binary;
mod client;
mod clock;
mod connect;
mod drive;
mod fanout;
mod floor;
mod gateway;
mod health;
mod http;
mod openai;
mod pages;
mod report;
mod rss;
mod scale;
mod socket;
mod start;
mod stored;
mod telegram;
mod turn;
mod turns;
mod world;

use std::process::ExitCode;

use report::Report;
use world::World;

/// Whatever went wrong; a benchmark only passes it on.
type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What a benchmark is given to work with.
struct Bench {
    world: World,
    smoke: bool,
}

impl Bench {
    /// How often to do something: enough to measure, or just enough to prove that it works.
    fn count(&self, measured: usize, smoke: usize) -> usize {
        if self.smoke { smoke } else { measured }
    }
}

type Run = fn(&Bench, &mut Report) -> Result<(), Fault>;

const BENCHES: &[(&str, Run)] = &[
    ("binary", binary::run),
    ("start", start::run),
    ("rss", rss::run),
    ("connect", connect::run),
    ("health", health::run),
    ("turn", turn::run),
    ("turns", turns::run),
    ("fanout", fanout::run),
    ("openai", openai::run),
    ("telegram", telegram::run),
    ("scale", scale::run),
    ("pages", pages::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, kind] = arguments.as_slice()
        && flag == floor::FLAG
    {
        return floor::serve(kind);
    }
    // Cargo passes `--bench` to a benchmark it starts itself.
    let smoke = arguments.iter().any(|argument| argument == "--smoke");
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let known = |name: &&String| BENCHES.iter().any(|(known, _)| known == name);
    let mut report = Report::new(smoke);
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        let names: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
        report.fault(
            unknown,
            &format!("no such benchmark; there are {}", names.join(", ")),
        );
        return report.finish();
    }
    // Sockets of 5,000 clients, here and in the processes started from here.
    torana_host::descriptors::raise_limit();
    let world = match World::new() {
        Ok(world) => world,
        Err(fault) => {
            report.fault("world", &fault.to_string());
            return report.finish();
        }
    };
    let bench = Bench { world, smoke };
    for (name, run) in BENCHES {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            report.begin(name);
            if let Err(fault) = run(&bench, &mut report) {
                report.fault(name, &fault.to_string());
            }
        }
    }
    report.finish()
}
