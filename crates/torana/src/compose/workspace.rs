//! Workspaces of agents: where they are, and what their notes tell the model.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use torana_core::config::{AgentSettings, Config};
use torana_dialects::site::NOTES;
use torana_engine::NoteSize;
use torana_host::folder::Folder;

/// Characters of one note that are told to the model (OpenClaw's bound for the same files).
const NOTE_CHARS_MAX: usize = 20_000;
/// Characters of all notes together: more would crowd the conversation out of a small model's context.
const NOTES_CHARS_MAX: usize = 60_000;
/// Bytes of a note that are read at all.
const NOTE_BYTES_MAX: u64 = 1024 * 1024;

/// Where the workspaces of a configuration's agents are; none need exist yet.
pub(crate) struct Workspaces<'a> {
    config: &'a Config,
    state: &'a Path,
    home: Option<&'a Path>,
    /// Looked up once: there may be hundreds of agents.
    default_agent: Option<&'a str>,
}

impl<'a> Workspaces<'a> {
    pub(crate) fn new(config: &'a Config, state: &'a Path, home: Option<&'a Path>) -> Self {
        Self {
            config,
            state,
            home,
            default_agent: config.default_agent().map(|agent| agent.id),
        }
    }

    /// The workspace of an agent.
    pub(crate) fn folder(&self, agent: AgentSettings<'_>) -> PathBuf {
        let own = agent.entry.and_then(|entry| entry.workspace.as_deref());
        let is_default = self
            .default_agent
            .is_some_and(|id| id.eq_ignore_ascii_case(agent.id));
        let shared = self.config.agents.defaults.workspace.as_deref();
        match own.or(shared.filter(|_| is_default)) {
            Some(written) => expanded(written, self.home),
            None if is_default => self.state.join("workspace"),
            None => self.state.join(format!("workspace-{}", agent.id)),
        }
    }

    /// The same by id, also for an agent that is not configured.
    pub(crate) fn folder_of(&self, id: &str) -> PathBuf {
        let entry = self.config.agent(id).and_then(|agent| agent.entry);
        self.folder(AgentSettings { id, entry })
    }

    /// Files whose change changes a prompt.
    pub(crate) fn files(&self) -> Vec<String> {
        let folders = self.config.agents().map(|agent| self.folder(agent));
        let file = |folder: &Path, name| folder.join(name).to_string_lossy().into_owned();
        folders
            .flat_map(|folder| NOTES.iter().map(move |name| file(&folder, name)))
            .collect()
    }
}

fn expanded(written: &str, home: Option<&Path>) -> PathBuf {
    let rest = written
        .strip_prefix("~/")
        .or_else(|| (written == "~").then_some(""));
    match (rest, home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(written),
    }
}

/// What the notes of a workspace say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// The part of the prompt they make up.
    pub(crate) text: String,
    /// How much of it is of which file.
    pub(crate) sizes: Vec<NoteSize>,
}

/// The notes of a workspace as a part of the prompt; nothing when there are none.
pub(crate) fn notes(workspace: &Path) -> Notes {
    let Ok(folder) = Folder::open(workspace) else {
        return Notes::default();
    };
    let (mut text, mut sizes) = (String::new(), Vec::new());
    let mut left = NOTES_CHARS_MAX;
    for name in NOTES {
        let (note, bytes) = match folder.read(name, NOTE_BYTES_MAX) {
            Ok(file) => (
                String::from_utf8_lossy(&file.bytes).trim().to_owned(),
                file.bytes.len(),
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                tracing::warn!(%error, file = name, workspace = %workspace.display(), "A note cannot be read, so the model is not told of it.");
                continue;
            }
        };
        let kept: String = note.chars().take(NOTE_CHARS_MAX.min(left)).collect();
        if !note.is_empty() {
            sizes.push(NoteSize {
                name: (*name).to_owned(),
                bytes,
                told: kept.len(),
                is_cut: kept.len() < note.len(),
            });
        }
        if kept.is_empty() {
            continue;
        }
        left = left.saturating_sub(kept.chars().count());
        let cut = if kept.len() < note.len() {
            "\n(the rest is left out)"
        } else {
            ""
        };
        // Writing to a string cannot fail.
        write!(text, "\n\n## {name}\n\n{kept}{cut}").unwrap_or_default();
    }
    Notes { text, sizes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration;

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn every_agent_has_a_folder_of_its_own() {
        let (state, home) = (Path::new("/state"), Some(Path::new("/people/a")));
        let plain = config("{}");
        let places = Workspaces::new(&plain, state, home);
        assert_eq!(places.folder_of("main"), Path::new("/state/workspace"));
        assert_eq!(places.folder_of("beta"), Path::new("/state/workspace-beta"));
        let chosen = config(
            r#"{ "agents": { "defaults": { "workspace": "~/notes" }, "entries": { "main": { "default": true }, "beta": { "workspace": "/srv/beta" } } } }"#,
        );
        let places = Workspaces::new(&chosen, state, home);
        assert_eq!(places.folder_of("Main"), Path::new("/people/a/notes"));
        assert_eq!(places.folder_of("beta"), Path::new("/srv/beta"));
        let unknown = places.folder_of("gamma");
        assert_eq!(unknown, Path::new("/state/workspace-gamma"));
        assert_eq!(places.files().len(), 2 * NOTES.len());
        assert!(
            configuration::schema()
                .describe("agents.defaults.workspace")
                .is_some()
        );
    }

    #[test]
    fn notes_are_told_in_order_and_within_bounds() {
        let world = torana_host::world();
        let folder = std::env::temp_dir().join(format!("torana-notes-{}", world.uuid()));
        std::fs::create_dir_all(&folder).expect("a folder");
        assert_eq!(notes(&folder), Notes::default());
        std::fs::write(folder.join("SOUL.md"), "Be kind.\n").expect("written");
        std::fs::write(folder.join("AGENTS.md"), "x".repeat(NOTE_CHARS_MAX + 5)).expect("written");
        let Notes { text, sizes } = notes(&folder);
        let sizes: Vec<_> = sizes
            .iter()
            .map(|note| (note.name.as_str(), note.bytes, note.told, note.is_cut))
            .collect();
        assert_eq!(
            sizes,
            [
                ("AGENTS.md", NOTE_CHARS_MAX + 5, NOTE_CHARS_MAX, true),
                ("SOUL.md", 9, 8, false),
            ]
        );
        assert!(text.starts_with("\n\n## AGENTS.md\n\nxxx"));
        assert!(text.contains("(the rest is left out)\n\n## SOUL.md\n\nBe kind."));
        drop(std::fs::remove_dir_all(&folder));
    }
}
