//! The grammar of the command line, of targets and of what is printed.

use clap::{CommandFactory as _, Parser as _};
use expect_test::expect;
use proptest::prelude::*;
use serde_json::json;

use super::args::{Cli, Command, GatewayCommand, OutboxCommand, StartLine};
use super::command::chat::{Screen, Shown};
use super::command::logs::Line;
use super::command::send::target_of;
use super::failure::{Exit, Failure};
use super::output::{facts, table};
use super::rpc::Endpoint;
use super::safe::safe;
use super::target::Target;
use super::which::Which;
use super::words::{age, bytes, uptime};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn grammar_has_no_contradictions() {
    Cli::command().debug_assert();
}

/// Every flag that somebody could see in the list of processes has another way: `place.rs` reads what these two carry
/// from the environment and the configuration, and a value for `config` comes by file or standard input.
#[test]
fn s_074_no_secret_has_to_be_an_argument() {
    fn secrets(command: &clap::Command, found: &mut std::collections::BTreeSet<String>) {
        let names = command
            .get_arguments()
            .filter_map(|argument| argument.get_long());
        let is_secret = |name: &&str| {
            ["token", "password", "secret", "api-key", "credential"]
                .iter()
                .any(|word| name.ends_with(word))
        };
        found.extend(names.filter(is_secret).map(str::to_owned));
        for command in command.get_subcommands() {
            secrets(command, found);
        }
    }
    let mut found = std::collections::BTreeSet::new();
    secrets(&Cli::command(), &mut found);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["password", "token"]);
    assert!(parse("torana config patch --stdin").is_ok());
}

#[test]
fn torana_alone_takes_the_options_of_the_gateway() {
    let cli = parse("torana --port 19000 --bind lan --force --verbose").expect("valid");
    assert!(cli.command.is_none());
    assert_eq!(
        (cli.global.port, cli.global.bind.as_deref()),
        (Some(19_000), Some("lan"))
    );
    assert!(cli.global.force && cli.global.verbose);
    let run = parse("torana gateway run --port 1").expect("valid");
    assert!(matches!(
        run.command,
        Some(Command::Gateway {
            command: Some(GatewayCommand::Run)
        })
    ));
    assert_eq!(run.global.port, Some(1));
}

#[test]
fn the_short_grammar_of_a_start_says_what_the_whole_one_says() {
    StartLine::command().debug_assert();
    let short = |line: &str| StartLine::try_parse_from(line.split_whitespace()).map(Cli::from);
    for line in [
        "torana",
        "torana --dev",
        "torana gateway",
        "torana gateway --port 1",
        "torana gateway run",
        "torana --port 1 gateway --verbose run --bind lan --force --token t --profile p",
    ] {
        let whole = parse(line).expect("valid");
        assert_eq!(
            format!("{:?}", short(line).expect("valid")),
            format!("{whole:?}")
        );
    }
    for line in [
        "torana --help",
        "torana --version",
        "torana help",
        "torana gateway run --help",
        "torana gateway status",
        "torana gateway run --nonsense",
        "torana status",
        "torana --port x",
    ] {
        assert!(short(line).is_err(), "{line}");
    }
}

#[test]
fn every_command_of_the_guides_is_understood() {
    for line in [
        "torana --config ~/.openclaw/openclaw.json",
        "torana chat",
        "torana agent --message hi",
        "torana explain last",
        "torana explain",
        "torana pairing list",
        "torana pairing approve telegram AB12CD34",
        "torana config get agents.defaults.model",
        "torana config set channels.telegram.streaming partial",
        "torana config unset channels.telegram.streaming",
        "torana config validate",
        "torana config schema",
        "torana config file",
        "torana sessions",
        "torana sessions --agent work --active 60",
        "torana sessions list --all-agents --timeout 500",
        "torana sessions archive one two --agent work --dry-run",
        "torana sessions delete one two --yes",
        "torana sessions compact main --max-lines 200",
        "torana sessions cleanup --enforce --all-agents",
        "torana status --deep --timeout 9000",
        "torana health --timeout 500",
        "torana gateway suspend --request-id r --wait 5 --timeout 500",
        "torana gateway resume abc --expect-final",
        "torana gateway usage-cost --days 7 --agent work",
        "torana gateway health --expect-final",
        "torana gateway auth-token --show",
        "torana system presence --expect-final",
        "torana audit --run abc --explain",
        "torana audit --execution abc",
        "torana approvals grants list --limit 5",
        "torana approvals grants revoke abc",
        "torana users link-email ada@example.org --to u1",
        "torana channels status --channel telegram --timeout 500",
        "torana nodes location get --node phone --accuracy coarse --max-age 1000",
        "torana nodes canvas present --node phone --target /a.html --x -5 --width 300",
        "torana nodes canvas navigate https://example.org --node phone",
        "torana nodes canvas hide --node phone --invoke-timeout 900",
        "torana completion --shell zsh",
        "torana status",
        "torana health",
        "torana channels status",
        "torana channels status --probe",
        "torana logs --follow",
        "torana logs --level warn",
        "torana logs --tail 10 --plain",
        "torana logs --limit 10",
        "torana outbox retry 7",
        "torana outbox retry 7 --text hello",
        "torana doctor --fix",
        "torana doctor --json",
        "torana dashboard",
        "torana gateway stop",
        "torana gateway status --json",
        "torana send --to telegram:123 --message hi",
        "torana send --to -100123 --channel telegram --message hi",
        "torana message send --to telegram:123 --message hi",
        "torana completion bash",
        "torana devices approve abc",
        "torana devices",
        "torana devices rename abcd phone",
        "torana devices rotate abcd --scope operator.read",
        "torana devices revoke abcd --role node",
        "torana nodes",
        "torana nodes status",
        "torana nodes pending",
        "torana nodes invoke --node phone --command camera.snap",
        "torana approvals get",
        "torana approvals get --node kitchen",
        "torana approvals allowlist add /usr/bin/rg --node kitchen",
        "torana approvals set --file -",
        "torana approvals allowlist add /usr/bin/rg --agent main",
        "torana approvals pending",
        "torana approvals resolve abcd allow-once",
        "torana users list",
        "torana system event --text hi --mode now",
        "torana system heartbeat last",
        "torana system presence",
        "torana gateway call health --params {}",
        "torana gateway probe",
        "torana gateway discover",
        "torana audit --kind agent_run --limit 5",
        "torana agents",
        "torana agents add work --model openai/gpt-5.2",
        "torana agents delete work --yes",
        "torana agents identity main --name Ada",
        "torana models list",
        "torana models status",
        "torana channels start telegram --account work",
        "torana channels logout telegram",
        "torana tui --session main",
        "torana inbox",
        "torana outbox list",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn the_official_grammar_is_understood() {
    for line in [
        "torana devices approve --latest",
        "torana devices clear --pending --yes",
        "torana devices list --timeout 5000 --json",
        "torana devices rename --device abcd --name phone",
        "torana devices remove --device abcd",
        "torana devices rotate --device abcd --role operator --scope a --scope b",
        "torana devices rotate abcd --no-scopes",
        "torana devices join-code --public-url wss://gateway.example.org",
        "torana qr --limited --no-ascii",
        "torana nodes list --connected --last-connected 24h",
        "torana nodes describe --node phone",
        "torana nodes rename --node phone --name Kitchen",
        "torana nodes invoke --node phone --command camera.snap --invoke-timeout 5000 --idempotency-key k --timeout 9000",
        "torana nodes notify --node phone --title hi --priority active",
        "torana exec-approvals get --gateway",
        "torana approvals set --stdin",
        "torana approvals allowlist add --agent * --gateway /usr/bin/uname",
        "torana approvals resolve abcd deny --reason no",
        "torana approvals grants list",
        "torana approvals grants",
        "torana system event --text hi --session-key main --timeout 100",
        "torana terminal --tls-fingerprint AB",
        "torana tui --timeout-ms 1000",
        "torana audit --after 2026-09-23T16:33:12Z --before 1790000000000 --direction inbound",
        "torana gateway",
        "torana gateway --port 19000",
        "torana gateway discover --timeout 500 --json",
        "torana gateway health --timeout 500",
        "torana gateway stability --limit 5 --type message.received --since-seq 3",
        "torana gateway stability --bundle",
        "torana gateway stability --bundle latest --limit 5 --json",
        "torana gateway stability --export --output x.zip",
        "torana gateway stability --bundle latest --export",
        "torana channels logout --channel telegram --account work",
        "torana message send -t telegram:1 --message hi --reply-to 7 --thread-id 3 --dry-run",
        "torana agent --agent work --message-file x.md --model openai/gpt-5-mini --session-id s",
        "torana agent --message hi --deliver --reply-channel telegram --reply-to -1001 --reply-account work",
        "torana agents set-identity --agent main --name Ada",
        "torana models list --provider openai --plain",
        "torana models set openai/gpt-5-mini",
        "torana logs --follow --interval 1000 --max-bytes 100000 --timeout 500",
        "torana gateway diagnostics export --output x.zip --log-lines 10 --log-bytes 1000 --no-stability-bundle --timeout 500",
        "torana gateway probe --ssh ada@box:2222 --ssh-identity /k --timeout 500 --port 19000",
        "torana gateway probe --ssh-auto",
        "torana gateway restart --safe --skip-deferral",
        "torana gateway restart --wait 1h30m",
        "torana gateway restart --wait 0",
        "torana gateway restart --force",
        "torana approvals resolve abcd allow-always --expires-in-days 30",
        "torana status --all --usage --agent work",
        "torana nodes camera list --node phone",
        "torana nodes camera snap --node phone --facing both --max-width 640 --quality 0.8 --delay-ms 5",
        "torana nodes camera clip --node phone --duration 10s --no-audio --invoke-timeout 900",
        "torana nodes screen record --node mac --screen 1 --fps 10 --duration 1500 --out x.mp4",
        "torana gateway status --no-probe",
        "torana gateway status --require-rpc --timeout 500",
        "torana gateway call health --timeout 500 --expect-url ws://127.0.0.1:1 --password p",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn mistakes_are_usage_errors() {
    for line in [
        "torana fly",
        "torana agent",
        "torana send --to telegram:1",
        "torana outbox retry seven",
        "torana --port 70000",
        "torana devices rename abcd",
        "torana devices remove abcd --device abcd",
        "torana devices rotate abcd --no-scopes --scope a",
        "torana nodes list --last-connected 3w",
        "torana nodes notify --node phone",
        "torana approvals set",
        "torana gateway call health --timeout 0",
        "torana gateway status --no-probe --require-rpc",
        "torana gateway probe --ssh -oProxyCommand=x",
        "torana gateway probe --ssh box --ssh-auto",
        "torana gateway probe --ssh box --url ws://a",
        "torana gateway stability --output x.zip",
        "torana gateway stability --export --type a",
        "torana gateway stability --export --limit 5",
        "torana gateway diagnostics",
        "torana gateway diagnostics export --log-lines 0",
        "torana gateway diagnostics export --log-bytes 2000000",
        "torana gateway restart --wait 5m --safe",
        "torana gateway restart --wait 5 m",
        "torana gateway restart --wait 5w",
        "torana gateway restart --wait 2d",
        "torana approvals resolve abcd allow-always --expires-in-days 0",
        "torana status --agent work",
        "torana channels logout",
        "torana agent --message hi --message-file x.md",
        "torana agent --message hi --deliver",
        "torana agent --message hi --reply-to 1",
        "torana agent --message hi --to telegram:1 --reply-channel telegram --reply-to 1",
        "torana channels logout telegram --channel telegram",
        "torana models list --plain --json",
        "torana logs --interval 0",
        "torana nodes camera snap --node phone --quality 2",
        "torana audit --after yesterday",
        "torana sessions --token a --password b",
        "torana sessions list --agent a --all-agents",
        "torana sessions delete --yes",
        "torana audit --explain",
        "torana approvals get --node kitchen --gateway",
        "torana audit --execution a --run b",
        "torana audit --execution a --agent b",
        "torana gateway auth-token",
        "torana gateway suspend --wait 0",
        "torana nodes location get --node a --accuracy exact",
        "torana completion",
        "torana completion bash --shell zsh",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn lists_are_what_a_family_does_when_nothing_is_said() {
    let Some(Command::Sessions {
        filter, command, ..
    }) = parse("torana sessions --active 5").expect("valid").command
    else {
        panic!("sessions")
    };
    assert!(command.is_none());
    assert_eq!((filter.active, filter.limit), (Some(5), 50));
    assert!(
        !filter.is_usual(),
        "an option before another command is told"
    );
    let Some(Command::Outbox { command }) = parse("torana outbox").expect("valid").command else {
        panic!("outbox")
    };
    assert!(matches!(command.unwrap_or_default(), OutboxCommand::List));
}

#[test]
fn targets_are_read_in_every_spelling() {
    let read = |text: &str| {
        text.parse::<Target>()
            .map(|target| (target.channel, target.account, target.chat, target.topic))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        read("telegram:123"),
        Ok(("telegram".into(), None, "123".into(), None))
    );
    assert_eq!(
        read("Telegram:@name"),
        Ok(("telegram".into(), None, "@name".into(), None))
    );
    assert_eq!(
        read("telegram:work:-100123"),
        Ok(("telegram".into(), some("work"), "-100123".into(), None))
    );
    assert_eq!(
        read("telegram:work:-100123:topic:7"),
        Ok(("telegram".into(), some("work"), "-100123".into(), some("7")))
    );
    assert_eq!(
        read("telegram:-100123:topic:7"),
        Ok(("telegram".into(), None, "-100123".into(), some("7")))
    );
    for wrong in [
        "",
        "telegram",
        "telegram:",
        ":123",
        "telegram::123",
        "a:b:c:d",
        "a:b:c:topic:",
        "telegram:1 2",
        "a:b:c:d:topic:1",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn channel_and_account_may_stand_beside_the_chat() {
    let flags = |line: &str| match parse(line).expect("valid").command {
        Some(Command::Send(flags)) => flags,
        _ => panic!("send"),
    };
    let target = target_of(&flags(
        "torana send --to 123 --channel telegram --account work --message x",
    ))
    .expect("a target");
    assert_eq!(target.to_string(), "telegram:work:123");
    let target = target_of(&flags(
        "torana send --to telegram:123 --channel telegram --message x",
    ))
    .expect("a target");
    assert_eq!(target.to_string(), "telegram:123");
    assert_eq!(
        target_of(&flags("torana send --to 123 --message x")).map_err(|failure| failure.exit),
        Err(Exit::Usage)
    );
}

proptest! {
    #[test]
    fn a_target_is_printed_as_it_was_read(text in "[a-z]{1,8}(:[a-z0-9@_-]{1,8}){1,2}(:topic:[0-9]{1,4})?") {
        if let Ok(target) = text.parse::<Target>() {
            prop_assert_eq!(target.to_string(), text);
        }
    }

    #[test]
    fn nothing_printed_can_drive_a_terminal(text in any::<String>()) {
        for line in text.lines() {
            let shown = safe(line).into_owned();
            let harmless = shown.chars().all(|character| character == '\t' || !character.is_control());
            prop_assert!(harmless);
        }
    }
}

#[test]
fn hostile_text_is_shown_and_not_obeyed() {
    assert_eq!(
        safe("a\u{1b}[2Jb\u{9b}31m\u{202e}c"),
        "a\\u{1b}[2Jb\\u{9b}31m\\u{202e}c"
    );
    assert_eq!(safe("\u{1b}[31mred"), "\\u{1b}[31mred");
    assert_eq!(safe("👨\u{200d}👩"), "👨\u{200d}👩");
}

#[test]
fn tables_align_and_cells_stay_on_one_line() {
    let rows = [
        ["1".to_owned(), "short".to_owned(), String::new()],
        [
            "22".to_owned(),
            "two\nlines \u{1b}[2J".to_owned(),
            "x".repeat(80),
        ],
    ];
    expect![[r#"
        NUMBER  TEXT                 LONG
        1       short                -
        22      two lines \u{1b}[2J  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"#]]
    .assert_eq(&table(["number", "text", "long"], rows));
    expect![[r#"
        A       one
        Longer  two"#]]
    .assert_eq(&facts([
        ("A", "one".to_owned()),
        ("Longer", "two".to_owned()),
    ]));
}

#[test]
fn times_and_sizes_are_short() {
    let ages: Vec<String> = [-5, 900, 59_000, 61_000, 7_300_000, 200_000_000]
        .iter()
        .map(|ms| age(*ms, 0))
        .collect();
    assert_eq!(ages, ["now", "now", "59s", "1m", "2h", "2d"]);
    assert_eq!(uptime(3_723_000), "1h 2m");
    assert_eq!(
        (bytes(900), bytes(50 * 1024 * 1024)),
        ("900 B".to_owned(), "50 MiB".to_owned())
    );
}

fn chat(state: &str, extra: serde_json::Value) -> serde_json::Value {
    let mut event = json!({ "sessionKey": "agent:main:main", "runId": "r1", "state": state });
    for (name, value) in extra.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    event
}

fn answer(text: &str) -> serde_json::Value {
    json!({ "message": { "role": "assistant", "content": [{ "type": "text", "text": text }] } })
}

#[test]
fn answer_grows_and_ends_with_what_was_missing() {
    let mut screen = Screen::new("agent:main:main".to_owned());
    screen.expect("r1");
    assert_eq!(
        screen
            .event(&chat("delta", json!({ "deltaText": "Hel" })))
            .text,
        "Hel"
    );
    assert_eq!(
        screen
            .event(&chat("delta", json!({ "deltaText": "lo" })))
            .text,
        "lo"
    );
    assert_eq!(
        screen.event(&chat("final", answer("Hello world"))),
        Shown {
            text: " world\n".to_owned(),
            note: None,
            ended: true
        }
    );
}

#[test]
fn replaced_answer_begins_on_a_line_of_its_own() {
    let mut screen = Screen::new("agent:main:main".to_owned());
    screen.event(&chat("delta", json!({ "deltaText": "half" })));
    assert_eq!(
        screen
            .event(&chat(
                "delta",
                json!({ "deltaText": "anew", "replace": true })
            ))
            .text,
        "\nanew"
    );
    assert_eq!(screen.event(&chat("final", answer("anew"))).text, "\n");
}

#[test]
fn stopped_and_failed_answers_say_so_and_other_sessions_are_silent() {
    let mut screen = Screen::new("agent:main:main".to_owned());
    let mut foreign = chat("delta", json!({ "deltaText": "x" }));
    foreign["sessionKey"] = json!("agent:work:main");
    assert_eq!(screen.event(&foreign), Shown::default());
    screen.event(&chat("delta", json!({ "deltaText": "par" })));
    let stopped = screen.event(&chat("aborted", answer("part")));
    assert_eq!(
        (stopped.text.as_str(), stopped.note.as_deref()),
        ("t\n", Some("(stopped)"))
    );
    let failed = screen.event(&chat("error", json!({ "errorMessage": "no credit" })));
    assert_eq!(
        (failed.text.as_str(), failed.note.as_deref(), failed.ended),
        ("", Some("error: no credit"), true)
    );
}

#[test]
fn log_lines_are_read_from_the_file_and_from_the_wire() {
    let own = r#"{"timestamp":"2026-11-20T08:43:39.086Z","level":"WARN","message":"Account failed.","target":"torana","channel":"telegram"}"#;
    let wire = r#"{"0":"{}","1":"Account failed. channel=telegram","_meta":{"logLevelName":"WARN","date":"x"},"time":"2026-11-20T08:43:39.086Z"}"#;
    let shown = |line: &str| Line::read(line).expect("a log line").shown();
    assert_eq!(
        shown(own),
        "08:43:39.086 WARN  Account failed. channel=telegram"
    );
    assert_eq!(shown(wire), shown(own));
    assert_eq!(Line::read("plain text"), None);
}

#[test]
fn explain_takes_last_a_number_or_a_run() {
    assert_eq!(Which::read("last"), Ok(Which::Last));
    assert_eq!(Which::read(" 17 "), Ok(Which::Row(17)));
    assert_eq!(
        Which::read("0197-run"),
        Ok(Which::Run("0197-run".to_owned()))
    );
    assert!(Which::read(" ").is_err());
}

#[test]
fn addresses_of_other_gateways_are_read_strictly() {
    let port = |url: &str| Endpoint::remote(url, None).map(|endpoint| endpoint.port());
    assert_eq!(port("ws://127.0.0.1:18789"), Ok(18_789));
    assert_eq!(port("wss://gateway.example.org/ws"), Ok(443));
    assert_eq!(port("ws://[::1]:19001/"), Ok(19_001));
    for wrong in [
        "127.0.0.1:18789",
        "ftp://x",
        "ws://",
        "ws://user@host",
        "ws://host:port",
    ] {
        assert_eq!(
            port(wrong).map_err(|failure| failure.exit),
            Err(Exit::Usage),
            "{wrong}"
        );
    }
}

#[test]
fn exit_codes_are_the_documented_ones() {
    let exits = [
        Exit::ReaderGone,
        Exit::Failed,
        Exit::Usage,
        Exit::Damaged,
        Exit::Unreachable,
        Exit::InUse,
        Exit::Disk,
        Exit::Config,
    ];
    assert_eq!(exits.map(Exit::code), [0, 1, 2, 65, 69, 73, 74, 78]);
    let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    assert_eq!(Failure::from(broken), Failure::said(Exit::ReaderGone));
}

#[test]
fn chat_goes_on_after_a_lost_connection_without_losing_or_repeating_text() {
    let mut screen = Screen::new("agent:main:main".to_owned());
    for key in ["done", "running", "unsent"] {
        screen.expect(key);
    }
    let event = json!({ "sessionKey": "agent:main:main", "runId": "done", "state": "delta", "deltaText": "Half" });
    assert_eq!(screen.event(&event).text, "Half");
    let history = json!({
        "messages": [
            { "role": "user", "content": "a", "idempotencyKey": "done" },
            { "role": "assistant", "content": "Half an answer.", "__openclaw": { "runId": "done" } },
        ],
        "inFlightRun": { "runId": "running", "text": "And the ne" },
    });
    let (shown, answered) = screen.catch_up(&history, &["unsent".to_owned()]);
    let texts: Vec<&str> = shown.iter().map(|shown| shown.text.as_str()).collect();
    assert_eq!(texts, [" an answer.\n", "And the ne"]);
    assert_eq!(answered, ["done"]);
    let event = json!({ "sessionKey": "agent:main:main", "runId": "running", "state": "delta", "deltaText": "xt" });
    assert_eq!(screen.event(&event).text, "xt");
    let again =
        json!({ "messages": [], "inFlightRun": { "runId": "running", "text": "And the next" } });
    assert_eq!(
        screen.catch_up(&again, &[]).0[0].text,
        "",
        "what is on the screen is not said twice"
    );
    let idle = json!({ "messages": [], "sessionInfo": { "hasActiveRun": false } });
    let (shown, _) = screen.catch_up(&idle, &["unsent".to_owned()]);
    assert_eq!(
        shown.len(),
        1,
        "what ended without an answer is over, what was not sent is not"
    );
    assert_eq!(shown[0].note.as_deref(), Some("(no answer)"));
}

#[test]
fn what_is_wrong_with_an_account_is_told_whole() {
    let error = format!(
        "{} set `channels.telegram.botToken`",
        "the platform says no; ".repeat(6)
    );
    let status = json!({
        "channelOrder": ["telegram"],
        "channelAccounts": { "telegram": [{ "accountId": "work", "lastError": error }] },
    });
    let shown = super::command::channels::rows(&status, 0);
    assert!(
        shown.ends_with(&format!("error of telegram:work\n  {error}")),
        "{shown}"
    );
}

#[test]
fn no_option_is_advised_that_the_command_refuses() {
    for (line, is_advised) in [
        ("torana tui --bad", false),
        ("torana gateway stop --bad", false),
        ("torana gateway run --bad", true),
        ("torana --bad", true),
    ] {
        let Err(error) = parse(line) else {
            panic!("{line} was accepted");
        };
        let words = line.split(' ').map(std::ffi::OsString::from);
        let shown = super::entry::advised(error, words).to_string();
        assert_eq!(shown.contains("--bind"), is_advised, "{line}: {shown}");
    }
}
