//! What the system says about this process and its neighbours, and what it keeps of it. What is told is Linux only
//! (proc(5)): other systems need calls that are not worth an unsafe block, and there nothing is told.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Most read of a list of sockets, bytes: the kernel lists those that listen first, and a line has about 150.
const SOCKETS_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// State of a socket that listens, in the kernel's numbers (`TCP_LISTEN`).
const LISTENS: &str = "0A";

/// A process that has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortHolder {
    /// Process id.
    pub pid: u32,
    /// The name of its program, at most 15 characters.
    pub name: String,
}

// === impl PortHolder ===

impl fmt::Display for PortHolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {} ({})", self.pid, self.name)
    }
}

/// The process that listens on a TCP port of this machine; `None` when nobody does, or it belongs to somebody whose
/// processes we may not look into.
pub fn listening_on(port: u16) -> Option<PortHolder> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .flat_map(|list| listeners(&beginning_of(list), port))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let has_one = fs::read_dir(entry.path().join("fd"))
            .ok()?
            .flatten()
            .filter_map(|open| fs::read_link(open.path()).ok())
            .any(|target| sockets.iter().any(|socket| target == Path::new(socket)));
        has_one.then(|| PortHolder {
            pid,
            name: fs::read_to_string(entry.path().join("comm"))
                .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned()),
        })
    })
}

/// What a descriptor of a socket that listens on `port` is a link to, for each in one of the kernel's lists.
fn listeners(list: &str, port: u16) -> Vec<String> {
    let end = format!(":{port:04X}");
    list.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            (address.ends_with(&end) && *state == LISTENS).then(|| format!("socket:[{inode}]"))
        })
        .collect()
}

fn beginning_of(path: &str) -> String {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(SOCKETS_BYTES_MAX).read_to_end(&mut bytes));
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

/// Lets the system write no image of this process to disk when it dies: it would hold every secret (S-115).
///
/// The limit is also what `systemd-coredump` goes by. Making the process undumpable would be stricter, but would hide its
/// descriptors from its own user, who looks at them to find leaks.
pub fn keep_memory_private() -> io::Result<()> {
    let nothing = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    Ok(setrlimit(Resource::Core, nothing)?)
}

/// Bytes of memory this process holds now; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_holds_some_memory() {
        assert!(super::resident_bytes().is_some_and(|bytes| bytes > 1_024 * 1_024));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whoever_listens_on_a_port_is_named() {
        for address in ["127.0.0.1:0", "[::]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(address) else {
                // A machine without IPv6.
                continue;
            };
            let port = listener.local_addr().expect("bound").port();
            let holder = super::listening_on(port).expect("we hold it");
            assert_eq!(holder.pid, std::process::id());
            assert!(!holder.name.is_empty());
            drop(listener);
            assert_eq!(super::listening_on(port), None);
        }
    }

    #[test]
    fn only_sockets_that_listen_count() {
        let list = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             \x20  0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n\
             \x20  1: 0100007F:4965 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n\
             \x20  2: 0100007F:4966 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1\n";
        assert_eq!(super::listeners(list, 18_789), ["socket:[4711]"]);
        assert!(super::listeners("nonsense\n", 18_789).is_empty());
    }
}
