//! The command grammar, and that the table and the parser know the same commands.

use std::collections::BTreeSet;

use expect_test::expect;
use proptest::prelude::*;

use super::*;
use crate::lane::{DropPolicy, QueueMode};

fn read(text: &str) -> Option<Command> {
    let triggers = [
        "/new".to_owned(),
        "Start over".to_owned(),
        "/clear".to_owned(),
    ];
    let names = CommandNames {
        own_username: Some("Gate_Bot"),
        reset_triggers: &triggers,
    };
    parse(text, &names)
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn plain_commands_are_read_in_any_case() {
    assert_eq!(read("/stop"), Some(Command::Stop));
    assert_eq!(read("  /Status \n"), Some(Command::Status));
    assert_eq!(read("/HELP"), Some(Command::Help));
    assert_eq!(read("/commands"), Some(Command::Commands));
    assert_eq!(read("/whoami"), Some(Command::Whoami));
    assert_eq!(read("/id"), Some(Command::Whoami));
}

#[test]
fn ordinary_text_is_no_command() {
    for message in [
        "",
        "/",
        "//stop",
        "hello /stop",
        "/etc/hosts",
        "/stop!",
        "/näh",
        "/ stop",
        "a/b",
    ] {
        assert_eq!(read(message), None, "{message:?}");
    }
    assert_eq!(read(&format!("/{}", "x".repeat(33))), None);
}

#[test]
fn a_lone_word_for_stop_stops() {
    for message in [
        "stop",
        "STOP!!!",
        " Stop. ",
        "please  stop",
        "abort",
        "esc",
        "Стоп",
        "停止。",
        "@gate_bot stop",
    ] {
        assert_eq!(read(message), Some(Command::Stop), "{message:?}");
    }
    for message in [
        "stop it",
        "don't stop",
        "stop\nthe press",
        "stops",
        "@other_bot stop",
        "@gate_botstop",
        "!",
        "@gate_bot",
    ] {
        assert_eq!(read(message), None, "{message:?}");
    }
    assert_eq!(read(&format!("stop{}", "!".repeat(100))), None);
}

#[test]
fn a_command_for_another_bot_is_ignored() {
    assert_eq!(read("/stop@gate_bot"), Some(Command::Stop));
    assert_eq!(
        read("/new@GATE_BOT: hi"),
        Some(Command::New { rest: text("hi") })
    );
    assert_eq!(read("/stop@other"), None);
    assert_eq!(read("/stop@"), None);
    assert_eq!(parse("/stop@gate_bot", &CommandNames::default()), None);
}

#[test]
fn arguments_follow_a_space_a_line_break_or_a_colon() {
    assert_eq!(read("/new"), Some(Command::New { rest: None }));
    assert_eq!(
        read("/new: fast"),
        Some(Command::New { rest: text("fast") })
    );
    assert_eq!(
        read("/new\nfirst line\nsecond"),
        Some(Command::New {
            rest: text("first line\nsecond")
        })
    );
}

#[test]
fn reset_may_be_soft_and_keeps_the_text() {
    let reset = |soft, rest| Some(Command::Reset { soft, rest });
    assert_eq!(read("/reset"), reset(false, None));
    assert_eq!(read("/reset soft"), reset(true, None));
    assert_eq!(
        read("/reset SOFT and go on"),
        reset(true, text("and go on"))
    );
    assert_eq!(read("/reset softly"), reset(false, text("softly")));
}

#[test]
fn configured_triggers_start_a_new_session() {
    assert_eq!(read("start OVER"), Some(Command::New { rest: None }));
    assert_eq!(
        read("Start over with tea"),
        Some(Command::New {
            rest: text("with tea")
        })
    );
    assert_eq!(read("/clear"), Some(Command::New { rest: None }));
    assert_eq!(read("start overly"), None);
}

#[test]
fn model_arguments() {
    use {ModelAction as Action, ModelScope as Scope};
    let model = |action| Some(Command::Model(action));
    assert_eq!(read("/model"), model(Action::Show));
    assert_eq!(read("/models"), model(Action::List));
    assert_eq!(read("/model LIST"), model(Action::List));
    assert_eq!(read("/model status"), model(Action::Status));
    assert_eq!(
        read("/model default -a"),
        model(Action::Default {
            scope: Scope::Agent
        })
    );
    let set = |reference: &str, scope| {
        model(Action::Set {
            reference: reference.to_owned(),
            scope,
        })
    };
    assert_eq!(
        read("/model vendor/Big-1"),
        set("vendor/Big-1", Scope::Session)
    );
    assert_eq!(read("/model: -g small"), set("small", Scope::Global));
}

#[test]
fn reaching_beyond_the_session_takes_the_owner() {
    let who = |message: &str| read(message).expect("a command").who();
    assert_eq!(who("/model small"), Who::Admitted);
    assert_eq!(who("/model small -a"), Who::Owner);
    assert_eq!(who("/model default -g"), Who::Owner);
    assert_eq!(who("/queue collect"), Who::Admitted);
}

#[test]
fn queue_arguments() {
    let queue = |action| Some(Command::Queue(action));
    assert_eq!(read("/queue"), queue(QueueAction::Show));
    assert_eq!(read("/queue default"), queue(QueueAction::Reset));
    assert_eq!(
        read("/queue collect debounce:2s cap: 5 drop:old"),
        queue(QueueAction::Set(QueueChange {
            mode: Some(QueueMode::Collect),
            debounce_ms: Some(2_000),
            cap: Some(5),
            drop: Some(DropPolicy::Old),
        }))
    );
    assert_eq!(
        read("/queue debounce:250"),
        queue(QueueAction::Set(QueueChange {
            debounce_ms: Some(250),
            ..QueueChange::default()
        }))
    );
    for (message, word) in [
        ("/queue fast", "fast"),
        ("/queue collect cap:0", "cap:0"),
        ("/queue debounce:2h", "debounce:2h"),
        ("/queue debounce:61s", "debounce:61s"),
        ("/queue colour:red", "colour:red"),
    ] {
        assert_eq!(
            read(message),
            queue(QueueAction::Invalid {
                word: word.to_owned()
            }),
            "{message}"
        );
    }
}

#[test]
fn the_context_is_told_in_three_forms() {
    for (message, action) in [
        ("/context", ContextAction::List),
        ("/context LIST", ContextAction::List),
        ("/context detail", ContextAction::Detail),
        ("/context: json", ContextAction::Json),
        (
            "/context map",
            ContextAction::Invalid {
                word: "map".to_owned(),
            },
        ),
    ] {
        assert_eq!(read(message), Some(Command::Context(action)), "{message}");
    }
}

#[test]
fn other_names_are_handed_on() {
    assert_eq!(
        read("/Weather: Bern  today "),
        Some(Command::Unknown {
            name: "weather".to_owned(),
            rest: "Bern  today".to_owned()
        })
    );
}

#[test]
fn every_listed_command_is_one_the_parser_knows() {
    for spec in COMMANDS {
        for name in std::iter::once(&spec.name).chain(spec.aliases) {
            let command = read(&format!("/{name}"));
            assert!(
                !matches!(command, None | Some(Command::Unknown { .. })),
                "{name}"
            );
        }
        assert!(
            spec.usage.starts_with(&format!("/{}", spec.name)),
            "{}",
            spec.name
        );
        assert!(!spec.summary.ends_with('.'), "{}", spec.name);
    }
}

#[test]
fn menu_names_fit_every_platform_and_are_unique() {
    let entries = menu();
    let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), entries.len());
    for entry in entries {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(
            (1..=32).contains(&entry.name.len()) && entry.name.bytes().all(is_plain),
            "{}",
            entry.name
        );
        assert!(entry.summary.len() <= 256, "{}", entry.name);
    }
}

#[test]
fn help_shows_the_essentials() {
    expect![[r#"
        **Commands**
        - `/help`: Show the most used commands
        - `/commands`: List all commands
        - `/status`: Show model, context, queue and health
        - `/stop`: Stop the current answer and what waits behind it
        - `/new`: Archive this conversation and start a fresh one
        - `/reset`: Start this conversation again in place
        - `/model`: Show or choose the model for this session, agent or all (-a and -g: owner)

        All commands with their arguments: `/commands`"#]]
    .assert_eq(&help_text());
    assert!(command_list().contains("(also `/id`)"));
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(message in any::<String>()) {
        fuzz_command(message.as_bytes());
        fuzz_command(format!("/{message}").as_bytes());
    }

    #[test]
    fn words_of_the_grammar_in_any_order_are_read_without_panic(
        words in proptest::collection::vec(
            prop_oneof![
                Just("/queue"), Just("/model"), Just("/reset"), Just("soft"), Just("cap:"), Just("-a"),
                Just("debounce:9s"), Just("@gate_bot"), Just(":"), Just("list"), Just("ß"), Just("start over"),
            ],
            0..8,
        ),
        glue in prop_oneof![Just(""), Just(" "), Just("\n")],
    ) {
        fuzz_command(words.join(glue).as_bytes());
    }
}
