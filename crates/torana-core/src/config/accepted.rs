//! The keys that OpenClaw has and this build does not: accepted, reported once, never an error.
//!
//! The list is a checked-in file of key paths, taken from the schema that the published package prints. It is the
//! only place through which a key may be read and ignored. `*` stands for a map key or a list index, a trailing
//! `**` for everything below, and `path = value` for a value of a key we know.

/// Paths of the published schema, one per line.
const ACCEPTED_KEYS: &str = include_str!("accepted_keys.txt");

/// What the list says about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Not in the list.
    Absent,
    /// Keys below it are in the list.
    Section,
    /// It is in the list, with everything below.
    Whole,
}

/// What the list says about a key path.
pub(crate) fn classify(names: &[String]) -> Listing {
    let mut listing = Listing::Absent;
    for pattern in patterns() {
        match compare(pattern, names) {
            Listing::Whole => return Listing::Whole,
            Listing::Section => listing = Listing::Section,
            Listing::Absent => {}
        }
    }
    listing
}

/// True when `value` is one that OpenClaw accepts at this path and this build does not have.
pub(crate) fn has_value(names: &[String], value: &str) -> bool {
    lines()
        .filter_map(|line| line.split_once(" = "))
        .any(|(pattern, listed)| listed == value && compare(pattern, names) == Listing::Whole)
}

/// The listed keys directly below a path, for suggestions.
pub(crate) fn keys_below(names: &[String]) -> Vec<&'static str> {
    let mut keys: Vec<&str> = patterns()
        .filter_map(|pattern| {
            let mut segments = pattern.split('.');
            names
                .iter()
                .all(|name| {
                    segments
                        .next()
                        .is_some_and(|segment| segment_matches(segment, name))
                })
                .then_some(())?;
            segments.next().filter(|key| !key.starts_with('*'))
        })
        .collect();
    keys.dedup();
    keys
}

fn lines() -> impl Iterator<Item = &'static str> {
    ACCEPTED_KEYS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn patterns() -> impl Iterator<Item = &'static str> {
    lines().filter(|line| !line.contains(" = "))
}

fn compare(pattern: &str, names: &[String]) -> Listing {
    let mut segments = pattern.split('.');
    for name in names {
        match segments.next() {
            None => return Listing::Absent,
            Some("**") => return Listing::Whole,
            Some(segment) if segment_matches(segment, name) => {}
            Some(_) => return Listing::Absent,
        }
    }
    match segments.next() {
        None | Some("**") => Listing::Whole,
        Some(_) => Listing::Section,
    }
}

fn segment_matches(segment: &str, name: &str) -> bool {
    segment == "*" || segment == name
}
