//! What operators do with a running gateway, from the command line: suspending it, looking at what it used and at one
//! run, putting sessions aside and removing them.

use serde_json::Value;

use crate::cli::{Home, Ran, Running};

fn answer(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr))
}

#[test]
fn a_gateway_is_suspended_under_one_name_and_goes_on() {
    let home = Home::new("suspend");
    let _gateway = Running::start(&home);
    let first = home.run("gateway suspend --request-id r --json");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let first = answer(&first);
    assert_eq!(
        (&first["status"], &first["requestId"]),
        (&"ready".into(), &"r".into())
    );
    let again = answer(&home.run("gateway suspend --request-id r --wait 5 --json"));
    assert_eq!(again["suspensionId"], first["suspensionId"], "the same one");
    let other = home.run("gateway suspend");
    assert_eq!(other.code, Some(1), "{}", other.stdout);
    let refused = home.run("sessions");
    assert!(
        refused.stderr.contains("hint: the gateway is suspended"),
        "{}",
        refused.stderr
    );

    let id = first["suspensionId"].as_str().expect("an id");
    let resumed = home.run(&format!("gateway resume {id}"));
    assert_eq!(
        (resumed.code, resumed.stdout.as_str()),
        (Some(0), "the gateway goes on\n")
    );
    let nothing = home.run(&format!("gateway resume {id}"));
    assert!(
        nothing.stdout.contains("no such suspension"),
        "{}",
        nothing.stdout
    );
}

#[test]
fn sessions_are_put_aside_and_removed_by_name() {
    let home = Home::new("sessions");
    let _gateway = Running::start(&home);
    for name in ["a", "b"] {
        let said = home.run(&format!(
            "agent --session agent:main:{name} --message hello"
        ));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
    }
    let listed = home.run("sessions").stdout;
    assert_eq!(listed.matches(" hello\n").count(), 2, "{listed}");
    let aside = home.run("sessions archive agent:main:a agent:main:nope --json");
    assert_eq!(aside.code, Some(1), "one is not there");
    let aside = answer(&aside);
    let how: Vec<&Value> = aside["sessions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["ok"])
        .collect();
    assert_eq!(
        how,
        [&Value::Bool(true), &Value::Bool(false)],
        "and the other is put aside"
    );
    let row =
        answer(&home.run("gateway call sessions.describe --params {\"key\":\"agent:main:a\"}"));
    assert_eq!(row["session"]["archived"], true, "{row}");

    let looked = home.run("sessions delete agent:main:a --dry-run");
    assert!(
        looked.stdout.contains("nothing was done"),
        "{}",
        looked.stdout
    );
    let unasked = home.run("sessions delete agent:main:a agent:main:b");
    assert_eq!(unasked.code, Some(2));
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    assert_eq!(
        answer(&home.run("sessions --active 60 --json"))["sessions"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let removed = home.run("sessions delete agent:main:a agent:main:b --yes");
    assert_eq!(
        removed.code,
        Some(0),
        "{}{}",
        removed.stdout,
        removed.stderr
    );
    assert!(home.run("sessions").stdout.contains("no sessions yet"));

    let misplaced = home.run("sessions --agent main show main");
    assert_eq!(misplaced.code, Some(2), "not ignored");
    assert!(home.run("sessions cleanup").stdout.contains("0 sessions"));
    assert_eq!(home.run("sessions compact agent:main:nope").code, Some(1));
}

#[test]
fn one_run_and_what_was_used_are_looked_at() {
    let home = Home::new("looked-at");
    let _gateway = Running::start(&home);
    assert_eq!(home.run("agent --message hello").code, Some(0));
    let events = answer(&home.run("audit --json"));
    let run = events["events"][0]["runId"].as_str().expect("a run");
    let inspected = home.run(&format!("audit --run {run} --explain"));
    assert_eq!(inspected.code, Some(0), "{}", inspected.stderr);
    assert!(
        inspected.stdout.contains(run) && inspected.stdout.contains("known"),
        "{}",
        inspected.stdout
    );
    for line in [
        "gateway usage-cost --days 7",
        "status --deep",
        "health --timeout 9000",
        "system presence --expect-final",
    ] {
        let ran = home.run(line);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
    }
    let piped = home.run("gateway auth-token --show");
    assert_eq!(
        (piped.code, piped.stdout.as_str()),
        (Some(2), ""),
        "only to a terminal"
    );
    assert!(
        home.run("completion --shell bash")
            .stdout
            .contains("torana")
    );
    for line in [
        "users link-email ada@example.org --to u1",
        "approvals grants revoke g1",
    ] {
        let ran = home.run(line);
        assert_eq!(ran.code, Some(1), "{line}");
        assert!(
            ran.stderr.contains("does not offer"),
            "{line}: {}",
            ran.stderr
        );
    }
}

#[test]
fn what_helps_somebody_who_helps_is_shown_and_exported() {
    let home = Home::new("diagnostics");
    let mut gateway = Running::start(&home);
    let said = home.run("agent --session agent:main:a --message planted-words");
    assert_eq!(said.code, Some(0), "{}", said.stderr);

    let all = home.run("status --all --usage");
    assert_eq!(all.code, Some(0), "{}", all.stderr);
    for part in ["System", "Waiting", "Config", "no model service tells"] {
        assert!(all.stdout.contains(part), "{part}: {}", all.stdout);
    }
    let unknown = home.run("sessions reset agent:main:nope");
    assert_eq!(unknown.code, Some(1), "{}", unknown.stdout);
    assert!(
        unknown.stderr.contains("there is no session"),
        "{}",
        unknown.stderr
    );

    let made = home.run("gateway diagnostics export --output out.zip --json");
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let made = answer(&made);
    let files = made["files"].as_array().expect("files");
    assert!(
        files
            .iter()
            .any(|file| file["path"] == "stability/latest.json"),
        "{made}"
    );
    let bytes = std::fs::read(home.path.join("out.zip")).expect("a file");
    assert_eq!(
        Some(bytes.len()),
        made["bytes"]
            .as_u64()
            .and_then(|size| usize::try_from(size).ok())
    );
    let again = home.run("gateway stability --export --output out.zip");
    assert_eq!(again.code, Some(1), "nothing is overwritten");

    let none = home.run("gateway stability --bundle");
    assert_eq!(none.code, Some(1), "no gateway ended yet: {}", none.stdout);
    assert_eq!(home.run("gateway stop").code, Some(0));
    assert_eq!(gateway.ended(), Some(0));
    let kept =
        answer(&home.run("gateway stability --bundle --type message.dispatch.completed --json"));
    assert_eq!(kept["reason"], "gateway.stop");
    let events = kept["snapshot"]["events"].as_array().expect("events");
    assert_eq!(events.len(), 1, "{kept}");
    assert!(!kept.to_string().contains("planted-words"), "{kept}");
    let without = home.run("gateway stability --bundle latest --export --output kept.zip");
    assert_eq!(
        without.code,
        Some(0),
        "without a gateway too: {}",
        without.stderr
    );

    let dry = home.run(
        "message send --to telegram:1 --message hi --reply-to 7 --thread-id 3 --dry-run --json",
    );
    assert_eq!(dry.code, Some(0), "without a gateway: {}", dry.stderr);
    let dry = answer(&dry);
    assert_eq!(
        (&dry["params"]["replyToId"], &dry["params"]["threadId"]),
        (&"7".into(), &"3".into())
    );

    let set = home.run("models set openai/gpt-5-mini");
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    home.write_config(
        "{ agents: { defaults: { model: { primary: 'a/b', fallbacks: ['c/d'] } } } }",
    );
    assert_eq!(home.run("models set openai/gpt-5-mini").code, Some(0));
    let model = answer(&home.run("config get agents.defaults.model --json"));
    let expected = serde_json::json!({ "primary": "openai/gpt-5-mini", "fallbacks": ["c/d"] });
    assert_eq!(model, expected, "what stands beside it stays");
}

#[test]
fn a_restart_with_a_wait_is_waited_for() {
    let home = Home::new("restart-wait");
    let _gateway = Running::start(&home);
    let ran = home.run("gateway restart --wait 30s");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "the gateway restarted\n"),
        "{}",
        ran.stderr
    );
    let both = home.run("gateway restart --wait 30s --force");
    assert_eq!(both.code, Some(2), "{}", both.stdout);
}
