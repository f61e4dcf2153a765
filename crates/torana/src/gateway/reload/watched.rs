//! Files whose change changes what the gateway does: the configuration and the notes of workspaces.

use torana_core::config::Config;

use crate::configuration::{AsRead, Configuration, Stamp, stamp};
use crate::gateway::parts::Parts;
use crate::paths::Paths;

/// The files of a start: the texts of the configuration, and what all of them looked like before the notes were read.
pub(in crate::gateway) struct FirstLook {
    pub(super) as_read: AsRead,
    pub(super) stamp: Stamp,
}

impl FirstLook {
    pub(in crate::gateway) fn new(
        configuration: &Configuration,
        config: &Config,
        parts: &Parts,
        paths: &Paths,
    ) -> Self {
        Self {
            as_read: AsRead::of(configuration),
            stamp: stamp(watched(configuration, config, parts, paths)),
        }
    }
}

/// Everything whose change changes what the gateway does: the configuration and the notes of workspaces.
pub(crate) fn watched(
    configuration: &Configuration,
    config: &Config,
    parts: &Parts,
    paths: &Paths,
) -> Vec<String> {
    let mut files = files_of(configuration, paths);
    files.extend(parts.workspaces(config).files());
    files
}

fn files_of(configuration: &Configuration, paths: &Paths) -> Vec<String> {
    let main = paths.config.to_string_lossy().into_owned();
    let included = configuration
        .loaded
        .document
        .iter()
        .flat_map(|document| document.files().map(str::to_owned));
    let mut files: Vec<String> = std::iter::once(main).chain(included).collect();
    files.sort_unstable();
    files.dedup();
    files
}
