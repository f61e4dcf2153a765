//! Reading the configuration from disk: the file, its includes, `.env` files, and the sections of every channel.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::SystemTime;

use serde_json::Value;
use torana_core::config::{
    ChannelSection, Config, Finding, IncludeRequest, Included, LoadInput, Loaded, TreeSchema, load,
};
use torana_host::env::Environment;
use torana_host::files;

use crate::paths::Paths;

/// Largest `.env` file, bytes: a few hundred variables.
const DOTENV_BYTES_MAX: u64 = 64 * 1024;

/// A configuration as it was found on disk.
pub(crate) struct Configuration {
    /// The file; empty text when there is none.
    pub(crate) text: String,
    pub(crate) exists: bool,
    pub(crate) loaded: Loaded,
}

/// The variables config may use: the process environment over `.env` of the working directory over the state's.
pub(crate) struct Variables {
    process: Environment,
    dotenv: BTreeMap<String, String>,
}

impl Variables {
    pub(crate) fn read(process: Environment, paths: &Paths) -> Self {
        let mut dotenv = BTreeMap::new();
        for path in [PathBuf::from(".env"), paths.state.join(".env")] {
            let Ok(bytes) = files::read_capped(&path, DOTENV_BYTES_MAX) else {
                continue;
            };
            for (name, value) in dotenv_pairs(&String::from_utf8_lossy(&bytes)) {
                dotenv.entry(name).or_insert(value);
            }
        }
        Self { process, dotenv }
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.process
            .get(name)
            .map(str::to_owned)
            .or_else(|| self.dotenv.get(name).cloned())
    }

    /// Everything as one environment, for what must see the whole of it.
    pub(crate) fn merged(&self) -> Environment {
        let dotenv = self
            .dotenv
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        let process = self
            .process
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Environment::from_pairs(dotenv.chain(process))
    }
}

fn dotenv_pairs(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line);
            if line.starts_with('#') {
                return None;
            }
            let (name, value) = line.split_once('=')?;
            let value = value.trim();
            let unquoted = ['"', '\'']
                .into_iter()
                .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
                .unwrap_or(value);
            Some((name.trim().to_owned(), unquoted.to_owned()))
        })
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

/// The schema of the whole tree with every channel of this build; made once, when the first key is looked at.
static SCHEMA: LazyLock<TreeSchema> = LazyLock::new(|| {
    let kinds = torana_channels::kinds().iter();
    let sections: Vec<ChannelSection> = kinds
        .map(torana_channels::ChannelKind::config_section)
        .collect();
    TreeSchema::new(&sections)
});

/// The schema of the whole tree; it is the same as long as the process lives.
pub(crate) fn schema() -> &'static TreeSchema {
    &SCHEMA
}

/// Reads and checks the config file. A missing file is the default configuration, unless it was named.
pub(crate) fn read(paths: &Paths, variables: &Variables) -> Result<Configuration, String> {
    let (text, exists) =
        match files::read_capped(&paths.config, torana_core::config::TEXT_BYTES_MAX as u64) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes).map_err(|_| {
                    format!(
                        "{} is not UTF-8 text; save it as UTF-8",
                        paths.config.display()
                    )
                })?;
                (text, true)
            }
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound && !paths.config_is_explicit =>
            {
                (String::new(), false)
            }
            Err(error) => return Err(format!("cannot read {}: {error}", paths.config.display())),
        };
    let loaded = check(paths, variables, if exists { &text } else { "{}" });
    Ok(Configuration {
        text,
        exists,
        loaded,
    })
}

/// Hands what a load of a text needs to an action.
pub(crate) fn with_input<T>(
    paths: &Paths,
    variables: &Variables,
    text: &str,
    action: impl FnOnce(LoadInput<'_>) -> T,
) -> T {
    let providers: Vec<&str> = torana_agents::presets::PRESETS
        .iter()
        .map(|preset| preset.id)
        .collect();
    let path = paths.config.to_string_lossy().into_owned();
    action(LoadInput {
        path: &path,
        text,
        env: &|name| variables.get(name),
        include: &|request| include(&paths.config, request),
        schema: &SCHEMA,
        known_providers: &providers,
    })
}

/// Checks a text as if it were the config file.
pub(crate) fn check(paths: &Paths, variables: &Variables, text: &str) -> Loaded {
    let mut loaded = with_input(paths, variables, text, load);
    if let Some(config) = loaded.config.clone() {
        let mut found = Vec::new();
        for (name, section) in &config.channels.sections {
            let Some(kind) = torana_channels::kind(name) else {
                continue;
            };
            if let Err(issues) = kind.accounts(section, &|name| variables.get(name)) {
                found.extend(
                    issues
                        .into_iter()
                        .map(|issue| (format!("channels.{name}"), issue)),
                );
            }
        }
        for (prefix, issue) in found {
            let path = if issue.path.starts_with("channels.") {
                issue.path
            } else {
                join(&prefix, &issue.path)
            };
            loaded.add_problem(&path, issue.message, issue.hint);
        }
        if !loaded.problems.is_empty() {
            loaded.config = None;
        }
    }
    loaded
}

fn join(prefix: &str, path: &str) -> String {
    if path.is_empty() {
        prefix.to_owned()
    } else {
        format!("{prefix}.{path}")
    }
}

/// Reads an included file, which must lie below the folder of the main config after symlinks are resolved.
fn include(main: &Path, request: &IncludeRequest<'_>) -> Result<Included, String> {
    let folder = Path::new(request.from)
        .parent()
        .unwrap_or_else(|| Path::new("."));
    let wanted = folder.join(request.path);
    let real = wanted
        .canonicalize()
        .map_err(|error| format!("cannot read {}: {error}", wanted.display()))?;
    let root = main
        .parent()
        .unwrap_or_else(|| Path::new("."))
        .canonicalize()
        .map_err(|error| format!("cannot resolve the folder of the main config: {error}"))?;
    if !real.starts_with(&root) {
        return Err(format!(
            "{} is outside the folder of the main config",
            real.display()
        ));
    }
    // A pipe would be waited for without end.
    if !real.is_file() {
        return Err(format!("{} is not an ordinary file", real.display()));
    }
    let bytes = files::read_capped(&real, torana_core::config::TEXT_BYTES_MAX as u64)
        .map_err(|error| format!("cannot read {}: {error}", real.display()))?;
    let text =
        String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", real.display()))?;
    Ok(Included {
        path: real.to_string_lossy().into_owned(),
        text,
    })
}

/// Files with what tells one version of each from another: inode, length and time.
pub(crate) type Stamp = Vec<(String, Option<(u64, u64, Option<SystemTime>)>)>;

/// Looks at files without reading them.
pub(crate) fn stamp(files: Vec<String>) -> Stamp {
    // The notes of an agent stand together in the list, and most agents have no folder yet: one look says so for all.
    let mut known: Option<(PathBuf, bool)> = None;
    let look = |file: String| {
        let folder = Path::new(&file).parent().unwrap_or(Path::new(""));
        let is_there = match &known {
            Some((path, is_there)) if path == folder => *is_there,
            _ => {
                let is_there = folder.as_os_str().is_empty() || folder.is_dir();
                known = Some((folder.to_owned(), is_there));
                is_there
            }
        };
        let found = is_there.then(|| std::fs::metadata(&file).ok()).flatten();
        let version = found.map(|found| (found.ino(), found.len(), found.modified().ok()));
        (file, version)
    };
    files.into_iter().map(look).collect()
}

/// A configuration's files as they were read, to see later whether somebody has saved one since.
pub(crate) struct AsRead(Vec<(String, String)>);

impl AsRead {
    pub(crate) fn of(configuration: &Configuration) -> Self {
        let documents = configuration.loaded.document.iter();
        let texts = documents.flat_map(|document| document.texts());
        let read = texts.filter(|_| configuration.exists);
        Self(
            read.map(|(path, text)| (path.to_owned(), text.to_owned()))
                .collect(),
        )
    }

    /// Whether the files still say the same. A configuration without a file stays one as long as `main` is absent.
    pub(crate) fn is_current(&self, main: &Path) -> bool {
        if self.0.is_empty() {
            return !main.exists();
        }
        self.0.iter().all(|(path, text)| {
            let bytes =
                files::read_capped(path.as_ref(), torana_core::config::TEXT_BYTES_MAX as u64);
            bytes.is_ok_and(|bytes| bytes == text.as_bytes())
        })
    }
}

/// Findings as lines for people.
pub(crate) fn lines(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

/// The parsed document as a value, for reading single keys.
pub(crate) fn value_of(loaded: &Loaded) -> Value {
    loaded.document.as_ref().map_or_else(
        || Value::Object(serde_json::Map::new()),
        |document| document.to_value(),
    )
}

/// The effective configuration, or the problems as one text.
pub(crate) fn require(loaded: &Loaded) -> Result<&Config, Vec<String>> {
    loaded
        .config
        .as_ref()
        .ok_or_else(|| lines(&loaded.problems))
}
