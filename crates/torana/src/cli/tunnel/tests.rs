//! Machines in every spelling, what no machine may be called, and a stand-in for `ssh`.

use std::num::NonZeroU16;
use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;

use super::*;

fn target(text: &str) -> Option<SshTarget> {
    text.parse().ok()
}

#[test]
fn a_machine_is_named_in_every_usual_spelling() {
    let shown = |text| target(text).map(|target| target.to_string());
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(shown("box"), some("box"));
    assert_eq!(shown("ada@box.example.org"), some("ada@box.example.org"));
    assert_eq!(shown("ada@10.0.0.1:2222"), some("ada@10.0.0.1:2222"));
    assert_eq!(target("::1").map(|target| target.host), some("::1"));
    assert_eq!(
        target("ada@[::1]:2222").and_then(|target| target.port),
        NonZeroU16::new(2_222)
    );
}

#[test]
fn what_could_be_an_option_or_a_command_is_no_machine() {
    for text in [
        "",
        "@",
        "ada@",
        "@box",
        "-oProxyCommand=touch /tmp/x",
        "-oProxyCommand=x@box",
        "ada@-oProxyCommand=x",
        "box:-1",
        "box:0",
        "box:70000",
        "box:22x",
        "ada bob@box",
        "box name",
        "ada@box\n",
        "$(id)@box",
        "box;id",
        "`id`",
        "ada@b@ox",
        "%h",
        "ssh box",
        "[::1]x",
        "ada@[-x]",
    ] {
        assert_eq!(target(text), None, "{text}");
    }
}

#[test]
fn a_port_nobody_gave_is_left_to_the_configuration_of_ssh() {
    let names_port = |text| {
        let target = target(text).expect("a machine");
        let way = Way {
            target: &target,
            identity: None,
            port: 1,
        };
        let line = arguments(&way, Path::new("/s"));
        line.iter().any(|one| one == "-p")
    };
    assert!(!names_port("box") && names_port("box:22"));
}

proptest! {
    #[test]
    fn nothing_somebody_types_becomes_an_option(text in "[ -~]{0,24}", identity in "[ -~]{1,16}") {
        let Some(target) = target(&text) else { return Ok(()) };
        let way = Way { target: &target, identity: Some(Path::new(&identity)), port: 1 };
        let line = arguments(&way, Path::new("/s"));
        let end = line.iter().position(|one| one == "--").expect("an end of options");
        prop_assert_eq!(end, line.len() - 2, "only the machine is behind it");
        let given = line[end - 1].to_string_lossy();
        prop_assert!(given.starts_with('/'), "{}", given);
        prop_assert!(!line[end + 1].to_string_lossy().starts_with('-'));
    }
}

/// A folder with a program that stands for `ssh`.
fn stand_in(script: &str) -> (PathBuf, PathBuf) {
    let name = format!("torana-stand-in-{}", torana_host::world().uuid());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let program = folder.join("ssh");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&program, mode).expect("executable");
    (folder, program)
}

/// A process is gone, or at most not yet collected by whoever inherited it. Dying takes it a moment.
async fn ended(pid: &str) -> bool {
    for _ in 0..500 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        if status.map_or(true, |text| text.contains(") Z ")) {
            return true;
        }
        torana_host::world().sleep_ms(10).await;
    }
    false
}

async fn opened(
    program: &Path,
    wait_ms: u64,
    environment: &Environment,
) -> Result<Tunnel, Failure> {
    let target = target("ada@box").expect("a machine");
    let way = Way {
        target: &target,
        identity: None,
        port: 18_789,
    };
    Tunnel::open(program, &way, environment, &torana_host::world(), wait_ms).await
}

#[tokio::test]
async fn ssh_says_why_it_ended_and_sees_no_secret_of_ours() {
    let (folder, program) = stand_in(
        "env > \"$(dirname \"$0\")/env\"; echo 'Permission denied (publickey).' >&2; exit 255",
    );
    let environment = Environment::from_pairs([
        ("HOME", "/nonexistent/ada"),
        ("PATH", "/usr/bin:/bin"),
        ("TORANA_GATEWAY_TOKEN", "hush"),
    ]);
    let failure = opened(&program, 60_000, &environment)
        .await
        .expect_err("no way");
    assert_eq!(failure.exit, Exit::Unreachable);
    assert!(
        failure.message.ends_with("Permission denied (publickey)."),
        "{}",
        failure.message
    );
    let seen = std::fs::read_to_string(folder.join("env")).expect("written");
    assert!(
        seen.contains("HOME=/nonexistent/ada") && !seen.contains("hush"),
        "{seen}"
    );
    std::fs::remove_dir_all(folder).ok();
}

#[tokio::test]
async fn one_connection_is_carried_and_nothing_is_left_behind() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let (folder, program) = stand_in(
        "for one; do case \"$one\" in *:127.0.0.1:18789) echo \"${one%%:*}\" > \"$(dirname \"$0\")/socket.new\";; esac; done
         mv \"$(dirname \"$0\")/socket.new\" \"$(dirname \"$0\")/socket\"; exec sleep 600",
    );
    let environment = Environment::from_pairs([("PATH", "/usr/bin:/bin")]);
    let world = torana_host::world();
    // What `ssh` would open, opened by the test.
    let far = async {
        let told = loop {
            match std::fs::read_to_string(folder.join("socket")) {
                Ok(told) => break told,
                Err(_) => world.sleep_ms(10).await,
            }
        };
        tokio::net::UnixListener::bind(told.trim()).expect("a socket")
    };
    let (tunnel, far) = tokio::join!(opened(&program, 60_000, &environment), far);
    let tunnel = tunnel.expect("a way");
    let talk = async {
        let address = ("127.0.0.1", tunnel.port());
        let mut near = tokio::net::TcpStream::connect(address).await.expect("near");
        near.write_all(b"hello").await.expect("sent");
        near.shutdown().await.expect("ended");
        let mut heard = String::new();
        near.read_to_string(&mut heard).await.expect("heard");
        heard
    };
    let answer = async {
        loop {
            let (mut stream, _) = far.accept().await.expect("a connection");
            let mut asked = Vec::new();
            stream.read_to_end(&mut asked).await.expect("asked");
            // Looks whether it is open ask nothing.
            if !asked.is_empty() {
                stream.write_all(&asked).await.expect("answered");
                break;
            }
        }
    };
    let (carried, heard, ()) = tokio::join!(tunnel.carry(), talk, answer);
    carried.expect("carried");
    assert_eq!(heard, "hello");

    let (pid, own) = (tunnel.child.id(), tunnel.folder.clone());
    drop(tunnel);
    assert!(!own.exists(), "its folder is gone");
    assert!(
        !Path::new(&format!("/proc/{pid}")).exists(),
        "and so is `ssh`"
    );
    std::fs::remove_dir_all(folder).ok();
}

#[tokio::test]
async fn an_ssh_that_hangs_is_ended_in_time_with_what_it_started() {
    let (folder, program) = stand_in(
        "sleep 600 & echo $! > \"$(dirname \"$0\")/child\"; echo $$ > \"$(dirname \"$0\")/own\"; wait",
    );
    let environment = Environment::from_pairs([("PATH", "/usr/bin:/bin")]);
    // Long enough for a shell to write two files.
    let failure = opened(&program, 3_000, &environment)
        .await
        .expect_err("no way");
    assert!(
        failure.message.contains("no way was open"),
        "{}",
        failure.message
    );
    for name in ["own", "child"] {
        let pid = std::fs::read_to_string(folder.join(name)).expect("it ran");
        assert!(ended(pid.trim()).await, "{name} still runs");
    }
    std::fs::remove_dir_all(folder).ok();
}
