//! A folder of the operator's own with a Control UI, such as the one OpenClaw publishes, served unchanged but for the
//! marks its page expects and a policy computed from it (S-062, control decision 29).

use std::path::Path;
use std::sync::Arc;

use torana_host::file_tree;

use super::dress::{attribute, dress};
use super::static_ui::{INDEX, Site};

/// A Control UI in memory. Cheap to clone.
#[derive(Clone)]
pub struct UiFolder {
    pub(super) site: Arc<Site>,
    build_id: Option<Arc<str>>,
}

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum UiFolderFault {
    /// It cannot be read.
    #[error("{folder} cannot be read: {reason}")]
    Unreadable {
        /// The folder.
        folder: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// It is not a Control UI.
    #[error("{folder} has no index.html")]
    NoPage {
        /// The folder.
        folder: String,
    },
}

impl UiFolder {
    /// Reads a folder. `base_path` is the prefix of the page, without trailing slash.
    pub fn read(root: &Path, base_path: &str) -> Result<Self, UiFolderFault> {
        let shown = || root.display().to_string();
        let files = file_tree::read(root).map_err(|reason| UiFolderFault::Unreadable {
            folder: shown(),
            reason,
        })?;
        let Some(index) = files.get(INDEX) else {
            return Err(UiFolderFault::NoPage { folder: shown() });
        };
        let dressed = dress(&String::from_utf8_lossy(&index.bytes), base_path);
        let build_id = attribute(&dressed.page, "data-openclaw-control-ui-build-id");
        let build_id = build_id.map(Arc::from);
        Ok(Self {
            site: Arc::new(Site::of_folder(files, dressed)),
            build_id,
        })
    }

    /// The build the page says it is.
    pub(crate) fn build_id(&self) -> Option<&str> {
        self.build_id.as_deref()
    }
}
