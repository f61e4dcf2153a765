//! The command line as people see it: command, exit code, stdout and stderr of the real binary.
//!
//! Each test has a home of its own. Paths and times that differ from run to run are replaced before comparing.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use expect_test::{Expect, expect};
use torana_host::lock::StateLock;

use crate::wait;

/// Start of a development build on a busy machine.
const READY_MAX: Duration = Duration::from_secs(30);
/// An idle gateway stops at once; a little more, and it hangs.
const STOP_MAX: Duration = Duration::from_secs(20);

/// A home with a state directory and nothing in it.
pub(crate) struct Home {
    pub(crate) path: PathBuf,
}

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("torana-cli-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).expect("a home");
        Self { path }
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(
            std::env::var_os("TORANA_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_torana").into()),
        );
        // Port 0 lets a gateway take any free one; clients find it in the pid file.
        command
            .args(line.split_whitespace())
            .env_clear()
            .env("HOME", &self.path)
            .env("XDG_RUNTIME_DIR", &self.path);
        command.current_dir(&self.path);
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_with(line, "")
    }

    fn run_with(&self, line: &str, input: &str) -> Ran {
        use std::io::Write as _;
        let mut command = self.command(line);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(input.as_bytes())
            .expect("written");
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes)
                .replace(&self.path.to_string_lossy().into_owned(), "[HOME]")
        };
        Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Runs a command and compares everything a person sees.
    fn check(&self, line: &str, expected: &Expect) {
        let ran = self.run(line);
        expected.assert_eq(&format!(
            "exit {}\n{}{}",
            ran.code.unwrap_or(-1),
            ran.stdout,
            ran.stderr
                .lines()
                .map(|line| format!("! {line}\n"))
                .collect::<String>()
        ));
    }

    fn config(&self) -> PathBuf {
        self.path.join(".torana").join("torana.json")
    }

    pub(crate) fn write_config(&self, text: &str) {
        std::fs::create_dir_all(self.path.join(".torana")).expect("a state directory");
        std::fs::write(self.config(), text).expect("written");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.path));
    }
}

/// A gateway in a home, killed when the test ends before stopping it.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(home: &Home) -> Self {
        Self::run(home, "gateway run --port 0")
    }

    pub(crate) fn run(home: &Home, line: &str) -> Self {
        let mut command = home.command(line);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let running = Self(child);
        wait::until("the gateway answers", READY_MAX, || {
            (home.run("health").code == Some(0)).then_some(())
        });
        running
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn ended(&mut self) -> Option<i32> {
        wait::until("the gateway ends", STOP_MAX, || {
            self.0.try_wait().expect("asked")
        })
        .code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn without_a_gateway_people_are_told_how_to_start_one() {
    let home = Home::new("none");
    let expected = expect![[r#"
        exit 69
        ! error: no gateway is running
        ! hint: start it with `torana`
    "#]];
    for line in [
        "status",
        "health",
        "chat",
        "agent --message hi",
        "send --to telegram:1 --message hi",
        "dashboard",
        "sessions",
        "pairing list",
    ] {
        home.check(line, &expected);
    }
    assert!(
        !home.path.join(".torana").exists(),
        "asking creates nothing"
    );
}

#[test]
fn gateway_status_works_without_a_gateway() {
    let home = Home::new("status");
    home.check(
        "gateway status",
        &expect![[r#"
            exit 69
            Running  no
            State    [HOME]/.torana
            Config   [HOME]/.torana/torana.json
            ! error: no gateway is running
            ! hint: start it with `torana`
        "#]],
    );
    let ran = home.run("gateway status --json");
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one JSON document");
    assert_eq!(
        (ran.code, value["running"].as_bool()),
        (Some(69), Some(false))
    );
}

#[test]
fn mistakes_on_the_command_line_end_with_2() {
    let home = Home::new("usage");
    assert_eq!(home.run("fly").code, Some(2));
    assert_eq!(home.run("send --to nowhere --message hi").code, Some(2));
    assert_eq!(
        home.run("status --url ws://127.0.0.1:1").code,
        Some(2),
        "a remote gateway never gets stored secrets"
    );
    for line in [
        "status --force",
        "chat --verbose",
        "--bind lan doctor",
        "gateway status --verbose",
        "gateway stop --bind lan",
    ] {
        let ran = home.run(line);
        assert_eq!(ran.code, Some(2), "{line}");
        assert!(
            ran.stderr.contains("is an option of `torana gateway run`"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(home.run("--version").code, Some(0));
}

#[test]
fn a_taken_port_is_told_with_the_process_that_has_it() {
    let home = Home::new("port");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let ran = home.run(&format!("gateway run --bind loopback --port {port}"));
    let holder = format!("port {port} is taken by process {} (", std::process::id());
    assert_eq!(ran.code, Some(73), "{}", ran.stderr);
    assert!(ran.stderr.contains(&holder), "{}", ran.stderr);
    let doctor = home.run(&format!("doctor --port {port}"));
    assert_eq!(doctor.code, Some(73), "{}", doctor.stdout);
    assert!(doctor.stdout.contains(&holder), "{}", doctor.stdout);
    let address = home.run("gateway run --bind 192.0.2.1");
    assert_eq!(address.code, Some(74), "it may come with the network");
    assert!(
        address.stderr.contains("give an address of this machine"),
        "{}",
        address.stderr
    );
}

#[test]
fn a_command_that_holds_the_state_for_a_moment_is_sent_no_signal() {
    let home = Home::new("no-signal");
    // Held by this very process: any signal would end the test.
    let _lock = StateLock::acquire(&home.path.join(".torana"), 0).expect("free");
    home.check(
        "config set session.dmScope per-channel-peer",
        &expect![[r#"
            exit 0
            [HOME]/.torana/torana.json changed; it takes effect when the gateway starts
        "#]],
    );
    let holder = format!("process {}", std::process::id());
    let looked = home.run("gateway status --no-probe --json");
    assert_eq!(looked.code, Some(69), "it is no gateway");
    let looked: serde_json::Value = serde_json::from_str(&looked.stdout).expect("JSON");
    assert_eq!(
        (&looked["running"], &looked["heldBy"]),
        (&false.into(), &std::process::id().into())
    );
    let doctor = home.run("doctor");
    assert!(
        doctor
            .stdout
            .contains(&format!("{holder} is a command, or a gateway that starts")),
        "{}",
        doctor.stdout
    );
    for (line, code) in [
        ("gateway stop --port 1", 69),
        ("gateway stop --force", 69),
        ("gateway run --port 0 --force", 73),
    ] {
        let ran = home.run(line);
        assert_eq!(ran.code, Some(code), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(&holder), "{line}: {}", ran.stderr);
    }
}

#[test]
fn the_doctor_tells_a_warning_once_and_calls_no_refused_account_configured() {
    let home = Home::new("doctor-refused");
    let account = |allowed: &str| {
        format!(
            "{{ channels: {{ telegram: {{ botToken: '123456789:{}', dmPolicy: 'allowlist', allowFrom: [{allowed}] }} }} }}",
            "A".repeat(35)
        )
    };
    home.write_config(&account("'1', 'accessGroup:staff'"));
    let refused = home.run("doctor").stdout;
    assert!(!refused.contains("default is configured"), "{refused}");
    assert!(
        refused.contains("telegram:default does not start"),
        "{refused}"
    );
    home.write_config(&account("'1', '2'"));
    let several = home.run("doctor").stdout;
    assert!(
        several.contains("telegram:default is configured"),
        "{several}"
    );
    assert_eq!(several.matches("session.dmScope").count(), 1, "{several}");
}

#[test]
fn a_state_directory_that_cannot_be_used_stops_the_start_with_what_to_do() {
    let home = Home::new("state");
    std::fs::write(home.path.join(".torana"), "").expect("written");
    let ran = home.run("gateway run --port 0");
    assert_eq!(ran.code, Some(74), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: name a folder"), "{}", ran.stderr);
    let doctor = home.run("doctor");
    assert_eq!(doctor.code, Some(78), "the configuration lies there too");
    assert!(
        doctor
            .stdout
            .contains(".torana cannot be written: not a directory"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn a_database_that_lost_its_content_is_not_replaced_unasked() {
    let home = Home::new("emptied");
    home.write_config("{}");
    std::fs::write(home.path.join(".torana/torana.db"), "").expect("written");
    assert_eq!(home.run("gateway run --port 0").code, Some(65));
    assert_eq!(home.run("sessions").code, Some(65));
    assert_eq!(home.run("doctor").code, Some(65));
    assert_eq!(home.run("doctor --fix").code, Some(0));
    assert_eq!(home.run("sessions").code, Some(0));
}

#[test]
fn config_is_changed_with_its_comments_and_its_history() {
    let home = Home::new("config");
    home.check(
        "config set gateway.port 19100",
        &expect![[r#"
            exit 0
            [HOME]/.torana/torana.json changed; it takes effect when the gateway starts
        "#]],
    );
    home.write_config("{\n  // the usual port\n  gateway: { port: 18789 },\n}\n");
    assert_eq!(
        home.run("config set session.dmScope per-channel-peer").code,
        Some(0)
    );
    assert_eq!(home.run("config set gateway.port 19001").code, Some(0));
    let text = std::fs::read_to_string(home.config()).expect("there");
    assert!(
        text.contains("// the usual port") && text.contains("port: 19001"),
        "{text}"
    );
    home.check("config get gateway.port", &expect!["exit 0\n19001\n"]);
    home.check(
        "config set gateway.port 19001",
        &expect!["exit 0\nnothing changed\n"],
    );
    assert_eq!(home.run("config unset gateway.port").code, Some(0));
    home.check(
        "config get gateway.port",
        &expect![[r#"
            exit 1
            ! error: `gateway.port` is not set
            ! hint: set it with `torana config set gateway.port <value>`; the default is 18789
        "#]],
    );
    let backups = std::fs::read_dir(home.path.join(".torana").join("config-backups"))
        .expect("kept")
        .count();
    assert_eq!(backups, 3);
}

#[test]
fn a_patch_without_content_makes_no_file() {
    let home = Home::new("patch");
    home.check("config patch {}", &expect!["exit 0\nnothing changed\n"]);
    assert!(!home.config().exists());
}

#[test]
fn what_other_files_hold_is_changed_there() {
    let home = Home::new("include");
    home.write_config("{ $include: 'base.json5', gateway: { port: 18789 } }\n");
    let base = home.path.join(".torana/base.json5");
    std::fs::write(base, "{ session: { dmScope: 'main' } }").expect("written");
    home.check(
        "config unset session.dmScope",
        &expect![[r#"
            exit 1
            ! error: `session.dmScope` comes from an included file; change it there
        "#]],
    );
    assert_eq!(home.run("config set gateway.port 19001").code, Some(0));
    home.check("config get gateway.port", &expect!["exit 0\n19001\n"]);
}

#[test]
fn a_wrong_change_is_refused_and_changes_nothing() {
    let home = Home::new("refuse");
    let text = "{ gateway: { port: 18789 } }\n";
    home.write_config(text);
    home.check(
        "config set gateway.prot 1",
        &expect![[r#"
            exit 78
            ! error: the change is not valid, nothing was written:
            !   [HOME]/.torana/torana.json:3:5: `gateway.prot` is not a known key; did you mean `gateway.port`?
        "#]],
    );
    home.check(
        "config set gateway.port nine",
        &expect![[r#"
            exit 78
            ! error: the change is not valid, nothing was written:
            !   [HOME]/.torana/torana.json:1:20: `gateway.port` is text; a whole number is needed
        "#]],
    );
    assert_eq!(
        home.run("config set gateway.port 19001 --dry-run").code,
        Some(0)
    );
    assert_eq!(
        home.run("config set session.scope global --strict-json")
            .code,
        Some(2)
    );
    home.check(
        "config get gateway.prot",
        &expect![[r#"
            exit 1
            ! error: `gateway.prot` is not a known key
            ! hint: did you mean `gateway.port`?
        "#]],
    );
    assert_eq!(std::fs::read_to_string(home.config()).expect("there"), text);
}

#[test]
fn all_problems_are_told_at_once_and_secrets_never() {
    let home = Home::new("validate");
    home.write_config("{\n  gateway: { prot: 1, auth: { token: \"a-very-secret-token-of-mine\" } },\n  sesion: {},\n}\n");
    let ran = home.run("config validate");
    assert_eq!(ran.code, Some(78));
    assert!(
        ran.stdout.contains("torana.json:2:14: `gateway.prot`"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("torana.json:3:3: `sesion`"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.ends_with("has 2 problems\n"), "{}", ran.stdout);
    let shown = home.run("config get gateway");
    assert!(!shown.stdout.contains("a-very-secret"), "{}", shown.stdout);
    assert_eq!(home.run("gateway run").code, Some(78));
    let doctor = home.run("doctor");
    assert_eq!(doctor.code, Some(78));
    assert!(
        !doctor.stdout.contains("a-very-secret"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn reference_pages_are_written_as_the_table_of_outputs_says() {
    let home = Home::new("generate");
    std::fs::create_dir(home.path.join("out")).expect("a folder");
    assert_eq!(home.run("__gen out").code, Some(0));
    let mut names: Vec<String> = std::fs::read_dir(home.path.join("out"))
        .expect("written")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    let expected = [
        "channels.md",
        "cli.md",
        "config.md",
        "config.schema.json",
        "events.md",
        "methods.md",
        "problems.md",
    ];
    assert_eq!(names, expected);
    assert!(home.run("completion bash").stdout.contains("torana"));
}

#[test]
fn a_conversation_can_be_had_explained_and_looked_up_with_and_without_the_gateway() {
    let home = Home::new("talk");
    let mut gateway = Running::start(&home);
    let second = home.run("gateway run --port 0");
    assert_eq!(second.code, Some(73), "{}", second.stderr);
    assert!(second.stderr.contains("process"), "{}", second.stderr);

    let answer = home.run("agent --message hello");
    assert_eq!(
        (answer.code, answer.stdout.is_empty()),
        (Some(0), false),
        "{}",
        answer.stderr
    );
    let chat = home.run_with("chat", "hello again\n");
    assert_eq!(
        (chat.code, chat.stdout.is_empty()),
        (Some(0), false),
        "{}",
        chat.stderr
    );

    let status = home.run("gateway status --json");
    let status: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert_eq!(status["pid"].as_u64(), Some(u64::from(gateway.pid())));
    let link = home.run("dashboard");
    assert!(
        link.stdout.starts_with("http://127.0.0.1:") && link.stdout.contains("#login="),
        "{}",
        link.stdout
    );
    for line in [
        "status",
        "health",
        "channels status",
        "devices list",
        "outbox",
        "inbox",
        "logs --tail 5",
        "sessions show main",
    ] {
        let ran = home.run(line);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
    }
    let live = home.run("explain last");
    assert!(live.stdout.contains("done"), "{}", live.stdout);

    let stopped = home.run("gateway stop");
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!(gateway.ended(), Some(0));

    let stored = home.run("explain last");
    assert_eq!(stored.code, Some(0), "{}", stored.stderr);
    let steps = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(steps(&stored.stdout), steps(&live.stdout));
    assert!(home.run("sessions").stdout.contains("agent:main:main"));
    assert_eq!(
        home.run("outbox").stdout,
        "nothing waits and nothing is parked\n"
    );
    assert_eq!(
        home.run("pairing list").stdout,
        "nobody waits to be let in\n"
    );
    assert_eq!(home.run("pairing approve telegram AAAAAAAA").code, Some(1));
    assert_eq!(home.run("status").code, Some(69));
    let doctor = home.run("doctor");
    assert_eq!(doctor.code, Some(0), "{}{}", doctor.stdout, doctor.stderr);
}

#[test]
fn a_running_gateway_takes_a_change_up_at_once_and_ends_at_once_when_forced() {
    let home = Home::new("nudge");
    let mut gateway = Running::start(&home);
    home.check(
        "config set session.dmScope per-channel-peer",
        &expect![[r#"
            exit 0
            [HOME]/.torana/torana.json changed; the running gateway takes it up
        "#]],
    );
    wait::until("the change is in force", READY_MAX, || {
        let log = home.run("logs --tail 50").stdout;
        (log.contains("The gateway is running.") && log.contains("cause=signal")).then_some(())
    });
    home.write_config("{ gateway: { prot: 1 } }");
    home.check(
        "config set session.dmScope main",
        &expect![[r#"
            exit 0
            [HOME]/.torana/torana.json changed; the running gateway keeps what it has until the file has no problem
            ! the file still has problems that were there before; see `torana config validate`
        "#]],
    );
    let stopped = home.run("gateway stop --force");
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!(gateway.ended(), Some(0));
    assert_eq!(home.run("gateway stop --force").code, Some(69));
}

#[test]
fn a_gateway_with_tls_is_reached_by_its_own_certificate() {
    let home = Home::new("tls");
    home.write_config("{ gateway: { tls: { enabled: true } } }");
    // Running::start waits until `torana health` gets through, which trusts this one certificate.
    let gateway = Running::start(&home);
    let link = home.run("dashboard").stdout;
    assert!(link.starts_with("https://127.0.0.1:"), "{link}");
    let certificate = home.path.join(".torana/gateway/tls/cert.pem");
    std::fs::remove_file(&certificate).expect("there");
    assert_ne!(home.run("health").code, Some(0), "without a pin");
    drop(gateway);
}

#[test]
fn what_cannot_be_served_safely_stops_the_start() {
    for (name, config, wanted) in [
        (
            "half",
            "{ gateway: { tls: { enabled: true, certPath: 'cert.pem' } } }",
            "give both or neither",
        ),
        (
            "root",
            "{ gateway: { controlUi: { root: 'missing' } } }",
            "cannot be read",
        ),
    ] {
        let home = Home::new(name);
        home.write_config(config);
        std::fs::write(home.path.join(".torana/cert.pem"), "not a certificate").expect("written");
        let ran = home.run("gateway run --port 0");
        assert_eq!(ran.code, Some(78), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(wanted), "{name}: {}", ran.stderr);
    }
}
