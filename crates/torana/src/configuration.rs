//! Reading the configuration from disk: the file, its includes, `.env` files, and the sections of every channel.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::SystemTime;

use serde_json::Value;
use torana_core::config::{
    ChannelSection, Config, Finding, IncludeRequest, Included, LoadInput, Loaded, NOT_BUILT,
    TreeSchema, load,
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

/// How variables begin that the `.env` of the working directory may not set. That folder may be anybody's, a cloned
/// repository for one: it must not choose the gateway's secrets, a bot's or a provider's secret or address, a way around,
/// or what we take this machine for (S-024). The process and the state's `.env` may.
const TRUSTED_BEGINNINGS: &[&str] = &["TORANA_", "OPENCLAW_", "CLAWDBOT_", "MOLTBOT_", "XDG_"];
/// How such variables end.
const TRUSTED_ENDS: &[&str] = &[
    "_API_KEY",
    "_TOKEN",
    "_PASSWORD",
    "_SECRET",
    "_BASE_URL",
    "_API_BASE",
    "_API_ROOT",
    "_ENDPOINT",
    "_HOST",
    "_PROXY",
];

/// The variables config may use: the process environment over the state's `.env` over that of the working directory,
/// which adds and never replaces.
pub(crate) struct Variables {
    process: Environment,
    dotenv: BTreeMap<String, String>,
    kept_out: Vec<String>,
}

impl Variables {
    pub(crate) fn read(process: Environment, paths: &Paths) -> Self {
        Self::of_folders(process, Path::new(""), &paths.state)
    }

    fn of_folders(process: Environment, working: &Path, state: &Path) -> Self {
        let (strange, kept_out): (BTreeMap<_, _>, BTreeMap<_, _>) = dotenv_of(working)
            .into_iter()
            .partition(|(name, _)| may_come_from_anywhere(name));
        let mut dotenv = dotenv_of(state);
        for (name, value) in strange {
            dotenv.entry(name).or_insert(value);
        }
        let is_missed = |name: &String| process.get(name).is_none() && !dotenv.contains_key(name);
        Self {
            kept_out: kept_out.into_keys().filter(is_missed).collect(),
            process,
            dotenv,
        }
    }

    /// Variables that only the `.env` of the working directory sets, which may not.
    pub(crate) fn kept_out(&self) -> &[String] {
        &self.kept_out
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

/// Whether a variable may come from a folder that is not ours.
fn may_come_from_anywhere(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name != "HOME"
        && !TRUSTED_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
        && !TRUSTED_ENDS.iter().any(|end| name.ends_with(end))
}

/// What the `.env` of a folder says; the first word counts.
fn dotenv_of(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    if let Ok(bytes) = files::read_capped(&folder.join(".env"), DOTENV_BYTES_MAX) {
        for (name, value) in dotenv_pairs(&String::from_utf8_lossy(&bytes)) {
            found.entry(name).or_insert(value);
        }
    }
    found
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

/// What deserves a look, without the sum of the settings that have no effect: whoever prints these lists them one by
/// one, or counts them.
pub(crate) fn warnings(loaded: &Loaded) -> impl Iterator<Item = &Finding> {
    let is_sum = |finding: &Finding| finding.message.contains(NOT_BUILT);
    loaded
        .warnings
        .iter()
        .filter(move |finding| !is_sum(finding))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_024_a_strange_folder_opens_and_redirects_nothing() {
        let folder =
            std::env::temp_dir().join(format!("torana-env-{}", torana_host::world().uuid()));
        let (strange, state) = (folder.join("strange"), folder.join("state"));
        let dangerous = [
            "TORANA_GATEWAY_TOKEN",
            "OPENCLAW_GATEWAY_PASSWORD",
            "openclaw_gateway_token",
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "TELEGRAM_BOT_TOKEN",
            "TELEGRAM_API_ROOT",
            "AZURE_OPENAI_ENDPOINT",
            "OPENAI_API_BASE",
            "CHAT_APP_SECRET",
            "smtp_password",
            "OLLAMA_HOST",
            "KUBERNETES_SERVICE_HOST",
            "https_proxy",
            "HOME",
            "XDG_RUNTIME_DIR",
        ];
        let lines = dangerous
            .map(|name| format!("export {name}='theirs'\n"))
            .concat();
        for (folder, text) in [
            (&strange, format!("{lines}MY_NAME=one\nSHARED=theirs\n")),
            (&state, "SHARED=ours\nOPENAI_API_KEY=ours\n".to_owned()),
        ] {
            std::fs::create_dir_all(folder).expect("a folder");
            std::fs::write(folder.join(".env"), text).expect("written");
        }
        let process = Environment::from_pairs([("HOME", "/people/u")]);
        let variables = Variables::of_folders(process, &strange, &state);
        for name in dangerous {
            assert_ne!(variables.get(name).as_deref(), Some("theirs"), "{name}");
            assert_ne!(variables.merged().get(name), Some("theirs"), "{name}");
        }
        // It may add a variable of its own name; the state's own file is trusted whole, and never replaced.
        assert_eq!(variables.get("MY_NAME").as_deref(), Some("one"));
        assert_eq!(variables.get("SHARED").as_deref(), Some("ours"));
        assert_eq!(variables.get("OPENAI_API_KEY").as_deref(), Some("ours"));
        // Only what would have had an effect is told.
        let told = variables.kept_out();
        assert_eq!(told.len(), dangerous.len() - 2, "{told:?}");
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
