//! `arch::ambient`: the outside world comes in through ports, never through a global.
//!
//! This is a scan of the text, so it sees what clippy's `disallowed-methods` cannot tell apart:
//! which folder a call stands in, and whether it is a test.

use crate::finding::{Finding, finding};
use crate::source::{RustFile, Tree, line_of, word_positions};

/// A part of the outside world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum World {
    Clock,
    Randomness,
    Environment,
    Files,
    Network,
    Processes,
    Spawn,
}

/// How each part is reached, and what to use instead.
const DOORS: &[(World, &[&str], &str)] = &[
    (
        World::Clock,
        &[
            "Instant::now",
            "SystemTime::now",
            "Timestamp::now",
            "Zoned::now",
            "UNIX_EPOCH.elapsed",
        ],
        "ask the Clock port",
    ),
    (
        World::Randomness,
        &[
            "getrandom",
            "rand",
            "fastrand",
            "thread_rng",
            "Uuid::new_v4",
        ],
        "ask the Entropy port",
    ),
    (
        World::Environment,
        &["std::env", "env::var", "env::vars", "env::var_os"],
        "take a value at construction",
    ),
    (
        World::Files,
        &[
            "std::fs",
            "tokio::fs",
            "File::open",
            "File::create",
            "OpenOptions",
        ],
        "use torana-host files, from an edge or the binary",
    ),
    (
        World::Network,
        // The address types of `std::net` are plain values and welcome everywhere.
        &[
            "tokio::net",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "UnixStream",
            "UnixListener",
            "ToSocketAddrs",
        ],
        "leave sockets to an edge or to torana-host",
    ),
    (
        World::Processes,
        &["std::process", "tokio::process", "process::Command"],
        "use the process supervisor of torana-host",
    ),
    (
        World::Spawn,
        &[
            "tokio::spawn",
            "task::spawn",
            "spawn_blocking",
            "spawn_local",
            "thread::spawn",
            "thread::Builder",
            "JoinSet",
            "TaskTracker",
        ],
        "spawn through engine/supervise, so that the task has a name, a parent and an end",
    ),
];

use World::{Clock, Environment, Files, Network, Processes, Randomness, Spawn};

/// What a crate must not touch; crates that are absent may touch everything.
const CLOSED: &[(&str, &[World])] = &[
    (
        "torana-core",
        &[
            Clock,
            Randomness,
            Environment,
            Files,
            Network,
            Processes,
            Spawn,
        ],
    ),
    (
        "torana-engine",
        &[
            Clock,
            Randomness,
            Environment,
            Files,
            Network,
            Processes,
            Spawn,
        ],
    ),
    ("torana-channels", &[Clock, Randomness, Environment, Spawn]),
    ("torana-agents", &[Clock, Randomness, Environment, Spawn]),
    ("torana-dialects", &[Clock, Randomness, Environment, Spawn]),
    ("torana", &[Clock, Randomness, Spawn]),
];

/// Places whose job is the thing that others must not do.
const OPEN: &[(&str, &[World])] = &[
    ("crates/torana-engine/src/supervise", &[Spawn]),
    // The embedded database is a file, written by one thread of its own.
    ("crates/torana-engine/src/store/", &[Files, Spawn]),
];

pub(in crate::rule) fn ambient(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust() {
        let Some((_, closed)) = CLOSED.iter().find(|(name, _)| *name == file.crate_name()) else {
            continue;
        };
        if !file.has_production() || file.is_fake() {
            continue;
        }
        let open: Vec<World> = OPEN
            .iter()
            .filter(|(prefix, _)| file.path.starts_with(prefix))
            .flat_map(|(_, worlds)| worlds.iter().copied())
            .collect();
        for (world, spellings, instead) in DOORS {
            if closed.contains(world) && !open.contains(world) {
                for (line, spelling) in mentions(file, *world, spellings) {
                    found.push(finding(
                        rule,
                        &file.path,
                        line,
                        format!("`{spelling}` reaches the outside world"),
                        *instead,
                    ));
                }
            }
        }
    }
    found
}

/// At most one finding per line and part of the world.
fn mentions<'a>(file: &RustFile, world: World, spellings: &[&'a str]) -> Vec<(usize, &'a str)> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    for spelling in spellings {
        for at in word_positions(&file.code, spelling) {
            let line = line_of(&file.code, at);
            let package = world != World::Randomness
                || spelling.contains("::")
                || names_package(&file.code, at, spelling);
            if package && !file.is_test_line(line) && found.iter().all(|(seen, _)| *seen != line) {
                found.push((line, spelling));
            }
        }
    }
    found
}

/// A short word counts only where it is used as a package: `rand::…` or `use rand`.
fn names_package(code: &str, at: usize, word: &str) -> bool {
    let after = &code[at + word.len()..];
    after.starts_with("::") || word == "thread_rng" || code[..at].ends_with("use ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> usize {
        ambient("arch::ambient", &Tree::from_files([(path, text)])).len()
    }

    const ENGINE: &str = "crates/torana-engine/src/delivery/mod.rs";

    #[test]
    fn each_door_to_the_world_is_found_in_the_engine() {
        let doors = [
            "let a = std::time::Instant::now();",
            "let a = SystemTime::now();",
            "let a = std::env::var(name);",
            "let a = tokio::fs::read(path);",
            "use tokio::net::TcpStream;",
            "let a = std::process::id();",
            "tokio::spawn(work);",
            "tokio::task::spawn_blocking(work);",
            "getrandom::fill(bytes);",
        ];
        for door in doors {
            assert_eq!(check(ENGINE, door), 1, "{door}");
        }
    }

    #[test]
    fn plain_values_comments_and_tests_are_fine() {
        assert_eq!(
            check(
                ENGINE,
                "use std::net::IpAddr; // not std::fs\nlet rand = 4;"
            ),
            0
        );
        assert_eq!(
            check(
                ENGINE,
                "#[cfg(test)]\nmod tests {\n    fn a() { tokio::spawn(b()); }\n}\n"
            ),
            0
        );
    }

    #[test]
    fn a_place_may_do_its_own_job_only() {
        assert_eq!(
            check(
                "crates/torana-engine/src/supervise/mod.rs",
                "tokio::spawn(work);"
            ),
            0
        );
        assert_eq!(
            check(
                "crates/torana-engine/src/supervise/mod.rs",
                "Instant::now();"
            ),
            1
        );
        assert_eq!(
            check(
                "crates/torana-engine/src/store/writer.rs",
                "std::fs::metadata(path);"
            ),
            0
        );
        assert_eq!(
            check("crates/torana-host/src/clock.rs", "Instant::now();"),
            0
        );
        assert_eq!(
            check(
                "crates/torana-channels/src/alpha/fake/server.rs",
                "tokio::spawn(serve());"
            ),
            0
        );
        assert_eq!(
            check(
                "crates/torana-channels/src/alpha/send.rs",
                "Instant::now();"
            ),
            1
        );
    }
}
