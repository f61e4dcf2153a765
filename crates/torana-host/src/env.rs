//! The process environment, read once at start and then passed around as a value.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// A snapshot of environment variables. Values may be secrets, so they never appear in debug output.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Reads all variables of the process whose name and value are valid text.
    pub fn capture() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables }
    }

    /// A made-up environment.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self {
            variables: pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }

    /// The value of a variable; empty and blank count as absent, as people expect of `NAME= command`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.trim().is_empty())
    }

    /// The first of several names that is set.
    pub fn first<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<&str> {
        names.into_iter().find_map(|name| self.get(name))
    }

    /// All names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The user's home folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    }

    /// Where files live that only this user's running programs share: the runtime folder, else the cache folder (decision 28).
    pub fn runtime_dir(&self) -> Option<PathBuf> {
        self.get("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute() && path.is_dir())
            .map(|path| path.join("torana"))
            .or_else(|| self.home().map(|home| home.join(".cache").join("torana")))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_set()
            .entries(self.variables.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_counts_as_absent_and_values_stay_out_of_debug_output() {
        let environment =
            Environment::from_pairs([("A", " "), ("B", "secret-value"), ("HOME", "/people/u")]);
        assert_eq!(environment.get("A"), None);
        assert_eq!(environment.first(["A", "B"]), Some("secret-value"));
        assert!(!format!("{environment:?}").contains("secret-value"));
        assert_eq!(
            environment.runtime_dir(),
            Some(PathBuf::from("/people/u/.cache/torana"))
        );
    }
}
