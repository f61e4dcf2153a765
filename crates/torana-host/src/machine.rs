//! The machine and this process in figures, for status pages. What a system does not tell is left out.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;

/// Longest text read from a file of the kernel, bytes.
const TEXT_BYTES_MAX: u64 = 256 * 1024;

/// Figures of the machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Machine {
    /// Its network name.
    pub hostname: String,
    /// The address by which other machines reach it.
    pub address: Option<IpAddr>,
    /// Kernel release.
    pub release: String,
    /// Name of the system.
    pub system: String,
    /// Name of the processor.
    pub processor: Option<String>,
    /// Load over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Memory, bytes.
    pub memory_total: u64,
    /// Memory that is free or can be freed, bytes.
    pub memory_free: u64,
    /// Memory of this process, bytes.
    pub process_memory: Option<u64>,
}

/// Where this program lies, when the system says it and it is text.
pub fn program() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    path.to_str().map(str::to_owned)
}

/// Looks now.
pub fn machine() -> Machine {
    let name = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let memory = text_of("/proc/meminfo");
    Machine {
        hostname: text(name.nodename()),
        address: address(),
        release: text(name.release()),
        system: text(name.sysname()),
        processor: text_of("/proc/cpuinfo").and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        }),
        load: text_of("/proc/loadavg").and_then(|text| {
            let mut figures = text.split_whitespace().map(str::parse::<f64>);
            let mut next = || figures.next()?.ok();
            Some([next()?, next()?, next()?])
        }),
        memory_total: memory
            .as_deref()
            .and_then(|text| kibibytes(text, "MemTotal:"))
            .unwrap_or(0),
        memory_free: memory
            .as_deref()
            .and_then(|text| kibibytes(text, "MemAvailable:"))
            .unwrap_or(0),
        process_memory: text_of("/proc/self/status").and_then(|text| kibibytes(&text, "VmRSS:")),
    }
}

/// The address the system would send from to somewhere else. Connecting such a socket sends nothing.
fn address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation (RFC 5737): it is nobody's, so the way there is the way out.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

fn text_of(path: &str) -> Option<String> {
    let bytes = crate::files::read_capped(Path::new(path), TEXT_BYTES_MAX).ok()?;
    String::from_utf8(bytes).ok()
}

/// `MemTotal:  16384 kB` in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let figure: u64 = line[name.len()..].split_whitespace().next()?.parse().ok()?;
    figure.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_the_kernels_texts() {
        let text = "MemTotal:       16384 kB\nMemAvailable:    1024 kB\n";
        assert_eq!(kibibytes(text, "MemTotal:"), Some(16_777_216));
        assert_eq!(kibibytes(text, "MemFree:"), None);
        assert!(!machine().system.is_empty());
    }
}
