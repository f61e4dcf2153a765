//! A way to the gateway of another machine through the `ssh` of this system, for as long as one command runs.
//!
//! `ssh` forwards a socket in a folder of ours, not a port: nobody else on this machine can take its place and be told
//! our secret. A port of ours leads to that socket, once.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use torana_core::port::World;
use torana_host::env::Environment;

use super::failure::{Exit, Failure};

mod target;

pub(crate) use target::SshTarget;

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
/// How often is looked whether the way is open, milliseconds.
const LOOK_MS: u64 = 30;
/// Name of the socket in its folder.
const SOCKET: &str = "s";
/// Bytes of what `ssh` says that are shown; it explains itself in a line or two.
const SAID_BYTES_MAX: usize = 2 * 1024;

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
mod tests;
