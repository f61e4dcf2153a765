//! A way to the gateway of another machine through the `ssh` of this system, for as long as one command runs.
//!
//! `ssh` forwards a socket in a folder of ours, not a port: nobody else on this machine can take its place and be told
//! our secret. A port of ours leads to that socket, once.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::num::NonZeroU16;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use rustix::fs::OFlags;
use rustix::fs::fcntl_setfl;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use torana_core::port::World;
use torana_host::env::Environment;

use super::failure::{Exit, Failure};

/// Where systems keep their `ssh`. Not the search path: a folder in it may be anybody's.
const PROGRAMS: [&str; 5] = [
    "/usr/bin/ssh",
    "/bin/ssh",
    "/usr/local/bin/ssh",
    "/opt/homebrew/bin/ssh",
    "/run/current-system/sw/bin/ssh",
];
/// What `ssh` may know of our environment; the rest may hold secrets of the gateway.
const VARIABLES: [&str; 7] = [
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "LANG",
    "SSH_AUTH_SOCK",
    "TMPDIR",
];
/// Longest name of a user or a machine; names in the domain name system have at most 253 characters.
const NAME_CHARS_MAX: usize = 253;
/// How often is looked whether the way is open, milliseconds.
const LOOK_MS: u64 = 30;
/// Name of the socket in its folder.
const SOCKET: &str = "s";
/// Bytes of what `ssh` says that are shown; it explains itself in a line or two.
const SAID_BYTES_MAX: usize = 2 * 1024;

/// A machine, as `user@host` or `user@host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshTarget {
    user: Option<String>,
    host: String,
    /// Absent leaves it to `ssh`, whose configuration may know another than 22.
    port: Option<NonZeroU16>,
}

// === impl SshTarget ===

impl SshTarget {
    /// A machine that was found in the network.
    pub(crate) fn host(host: impl Into<String>) -> Option<Self> {
        let host = host.into();
        is_host(&host).then_some(Self {
            user: None,
            host,
            port: None,
        })
    }

    fn destination(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        }
    }
}

impl FromStr for SshTarget {
    type Err = String;

    /// Nothing gets through that `ssh`, or a shell one of its settings starts, could take for something else than a
    /// name.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no machine; write `user@host` or `user@host:port`");
        let (user, rest) = match text.split_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, after)) => (host, Some(after.strip_prefix(':').ok_or_else(wrong)?)),
            // More than one colon without brackets is an address of version 6.
            None => match rest.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (rest, None),
            },
        };
        let port: Option<NonZeroU16> = port
            .map(|port| port.parse().map_err(|_| wrong()))
            .transpose()?;
        if !is_host(host) || !user.is_none_or(is_user) {
            return Err(wrong());
        }
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.destination())?;
        match self.port {
            Some(port) => write!(formatter, ":{port}"),
            None => Ok(()),
        }
    }
}

fn is_name(text: &str, more: &str) -> bool {
    let may = |character: char| character.is_ascii_alphanumeric() || more.contains(character);
    !text.is_empty()
        && text.len() <= NAME_CHARS_MAX
        && !text.starts_with('-')
        && text.chars().all(may)
}

fn is_user(text: &str) -> bool {
    is_name(text, "._-+")
}

fn is_host(text: &str) -> bool {
    is_name(text, "._-:")
}

/// Where a way begins and where it leads.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    /// The machine.
    pub(crate) target: &'a SshTarget,
    /// File with a key.
    pub(crate) identity: Option<&'a Path>,
    /// Port of the gateway there.
    pub(crate) port: u16,
}

/// An open way. Dropping it ends `ssh`.
#[derive(Debug)]
pub(crate) struct Tunnel {
    child: Child,
    said: File,
    folder: PathBuf,
    listener: TcpListener,
}

/// The `ssh` of this system.
pub(crate) fn program() -> Result<&'static Path, Failure> {
    let found = PROGRAMS.iter().map(Path::new).find(|path| path.is_file());
    found.ok_or_else(|| {
        Failure::new(Exit::Failed, "this system has no `ssh`").hint("install the client of OpenSSH")
    })
}

// === impl Tunnel ===

impl Tunnel {
    /// Opens a way within a time.
    pub(crate) async fn open(
        program: &Path,
        way: &Way<'_>,
        environment: &Environment,
        world: &World,
        wait_ms: u64,
    ) -> Result<Self, Failure> {
        let failed =
            |error: io::Error| Failure::failed(format!("`ssh` cannot be started: {error}"));
        let mut tunnel = Self::start(program, way, environment, world)
            .await
            .map_err(failed)?;
        let deadline_ms = world.monotonic_ms().saturating_add(wait_ms);
        loop {
            if let Some(status) = tunnel.child.try_wait().map_err(failed)? {
                return Err(tunnel.closed(way.target, &format!("`ssh` ended ({status})")));
            }
            if tunnel.is_open().await {
                return Ok(tunnel);
            }
            if world.monotonic_ms() >= deadline_ms {
                let late = format!("no way was open after {} s", wait_ms.div_ceil(1_000));
                return Err(tunnel.closed(way.target, &late));
            }
            world.sleep_ms(LOOK_MS).await;
        }
    }

    async fn start(
        program: &Path,
        way: &Way<'_>,
        environment: &Environment,
        world: &World,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (said, writer) = io::pipe()?;
        fcntl_setfl(&said, OFlags::NONBLOCK)?;
        let folder = folder(world)?;
        let known = VARIABLES
            .iter()
            .filter_map(|name| Some((*name, environment.get(name)?)));
        let started = Command::new(program)
            .args(arguments(way, &folder.join(SOCKET)))
            .env_clear()
            .envs(known)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(writer)
            .process_group(0)
            .spawn();
        let child = match started {
            Ok(child) => child,
            Err(error) => {
                drop(std::fs::remove_dir_all(&folder));
                return Err(error);
            }
        };
        Ok(Self {
            child,
            said: File::from(std::os::fd::OwnedFd::from(said)),
            folder,
            listener,
        })
    }

    /// The port that leads there, once.
    pub(crate) fn port(&self) -> u16 {
        self.listener
            .local_addr()
            .map_or(0, |address| address.port())
    }

    fn socket(&self) -> PathBuf {
        self.folder.join(SOCKET)
    }

    async fn is_open(&self) -> bool {
        self.socket().exists() && UnixStream::connect(self.socket()).await.is_ok()
    }

    /// Carries one connection; ends when that one does.
    pub(crate) async fn carry(&self) -> io::Result<()> {
        let (mut near, _) = self.listener.accept().await?;
        let mut far = UnixStream::connect(self.socket()).await?;
        copy_bidirectional(&mut near, &mut far).await.map(drop)
    }

    fn closed(&mut self, target: &SshTarget, what: &str) -> Failure {
        let mut said = vec![0; SAID_BYTES_MAX];
        let count = self.said.read(&mut said).unwrap_or(0);
        said.truncate(count);
        let said = String::from_utf8_lossy(&said);
        let line = said.lines().map(str::trim).rfind(|line| !line.is_empty());
        let because = line.map_or_else(String::new, |line| format!(": {line}"));
        Failure::new(Exit::Unreachable, format!("{target}: {what}{because}")).hint(
            "try `ssh` to that machine by hand; its key must be known and it must let you in without a question",
        )
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // As long as nobody waited for it, its number is its own.
        if let (Ok(None), Some(group)) = (self.child.try_wait(), group)
            && kill_process_group(group, Signal::KILL).is_ok()
        {
            drop(self.child.wait());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A new folder for its owner only. Its name is short: the path of a socket has at most 104 bytes on macOS, of which its
/// folder for temporary files takes half.
fn folder(world: &World) -> io::Result<PathBuf> {
    let unique: String = world.uuid().chars().take(8).collect();
    let folder = std::env::temp_dir().join(format!("torana-{unique}"));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

/// The command line of `ssh`: it asks nothing, trusts no new machine, shares no connection that would outlive us, and
/// what names the machine stands behind the end of its options.
fn arguments(way: &Way<'_>, socket: &Path) -> Vec<std::ffi::OsString> {
    let options = [
        "ExitOnForwardFailure=yes",
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "ConnectTimeout=5",
        "ServerAliveInterval=15",
        "ServerAliveCountMax=3",
        "ForwardAgent=no",
        "ForwardX11=no",
        "PermitLocalCommand=no",
        "ControlMaster=no",
        "ControlPath=none",
    ];
    let mut arguments: Vec<std::ffi::OsString> = vec!["-N".into(), "-T".into()];
    for option in options {
        arguments.extend(["-o".into(), option.into()]);
    }
    let mut forward = socket.as_os_str().to_owned();
    forward.push(format!(":127.0.0.1:{}", way.port));
    arguments.extend(["-L".into(), forward]);
    if let Some(port) = way.target.port {
        arguments.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(identity) = way.identity {
        // An absolute path begins with no dash.
        let path = std::path::absolute(identity).unwrap_or_else(|_| identity.to_owned());
        arguments.extend(["-i".into(), path.into()]);
    }
    arguments.extend(["--".into(), way.target.destination().into()]);
    arguments
}

#[cfg(test)]
mod tests {
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
}
