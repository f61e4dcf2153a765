//! Open files and sockets this process may have: the soft limit is raised to the hard one at start (decision 44).

use rustix::process::{Resource, getrlimit, setrlimit};

/// Enough for 10,000 clients, the store and every account; asking for more would only make some kernels refuse.
const WANTED: u64 = 65_536;

/// Raises the limit as far as permitted and gives the figure that holds afterwards; `None` means unlimited.
pub fn raise_limit() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    let target = limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if limit.current.is_some_and(|current| current < target) {
        let before = limit.current;
        limit.current = Some(target);
        if setrlimit(Resource::Nofile, limit).is_err() {
            return before;
        }
    }
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_never_falls() {
        let before = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        assert!(raise_limit().unwrap_or(u64::MAX) >= before);
    }
}
