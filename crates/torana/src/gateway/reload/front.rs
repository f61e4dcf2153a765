//! What of the front follows a changed configuration while it listens.

use std::sync::Arc;

use torana_core::config::Config;
use torana_dialects::FrontSettings;

use super::Runner;
use crate::compose;
use crate::gateway::failure;
use crate::gateway::listen::guard_exposure;

impl Runner {
    /// The front's settings of a configuration, if they may be used where we listen.
    pub(super) fn front_of(&self, config: &Config) -> Result<FrontSettings, failure::Failure> {
        let (port, credential) = (self.context.front.load().port, &self.front.credential);
        let given = credential.given.clone();
        let front = compose::front::settings(config, port, given, &credential.generated)
            .map_err(|message| failure::Failure::new(failure::EXIT_CONFIG, message))?;
        guard_exposure(&front, self.front.open_to_others)?;
        Ok(front)
    }

    /// Follows what of the front may change while it runs; the listener itself needs a restart. When the secret changes,
    /// everybody who signed in with the old one has to sign in again.
    pub(super) fn apply_front(&self, config: &Config) {
        let mut front = match self.front_of(config) {
            Ok(front) => front,
            Err(failure) => {
                tracing::error!(reason = %failure.message, "The changed gateway settings cannot be used; the running ones stay in force.");
                return;
            }
        };
        if let Some(secret) = front.secret.as_deref() {
            self.logging.redactor.register(secret);
        }
        self.context
            .gate
            .set_lockout(compose::front::lockout(config));
        let now = self.context.front.load();
        // Pages of the operator's own were read for this path when the gateway started.
        front.ui_folder.clone_from(&now.ui_folder);
        if front.ui_folder.is_some() {
            front.base_path.clone_from(&now.base_path);
        }
        let changed = !front.proves_the_same(&now);
        self.context.front.store(Arc::new(front));
        if changed {
            tracing::info!("The gateway's secret changed; every client has to sign in again.");
            self.front.dialect.invalidate_all();
        }
    }
}
