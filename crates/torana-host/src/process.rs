//! What the system says about this process.

/// Bytes of memory this process holds now; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    // Linux only (proc(5)); other systems need calls that are not worth an unsafe block.
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
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
}
