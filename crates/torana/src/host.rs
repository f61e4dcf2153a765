//! What only the binary knows, offered to the dialects: config on disk, the log, model services, the process.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;
use torana_core::port::BoxFuture;
use torana_core::problem::{Code, Problem};
use torana_dialects::{Host, LogsPage, LogsRequest};
use torana_host::logs::{self, TailRequest};

use crate::compose::agents::found_offers;
use crate::configuration::{self, Variables};
use crate::paths::Paths;

/// The running configuration, as far as clients may see it.
pub(crate) struct Running {
    /// Hash of the text that is in force.
    pub(crate) applied_hash: String,
}

/// The binary's side of the dialects.
pub(crate) struct GatewayHost {
    pub(crate) paths: Paths,
    pub(crate) variables: Arc<Variables>,
    pub(crate) log_file: PathBuf,
    pub(crate) install_key: [u8; 32],
    pub(crate) running: ArcSwap<Running>,
    pub(crate) stop: CancellationToken,
    pub(crate) egress: torana_host::egress::Egress,
    pub(crate) world: torana_core::port::World,
}

/// A keyed hash of a config text: clients compare it, and it leaks nothing (decisions-control-and-agents 31).
pub(crate) fn hash_of(install_key: &[u8; 32], text: &str) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(install_key)
        .expect("a key of any length is accepted");
    mac.update(b"torana config v1\0");
    mac.update(text.as_bytes());
    let digest: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("hmac-sha256:v1:{digest}")
}

impl GatewayHost {
    fn snapshot(&self) -> Result<Value, Problem> {
        let read = configuration::read(&self.paths, &self.variables)
            .map_err(|message| Problem::new(Code::Unavailable, message))?;
        let schema = configuration::schema();
        let parsed = schema.redacted(&configuration::value_of(&read.loaded));
        let hash = hash_of(&self.install_key, &read.text);
        let issue = |finding: &torana_core::config::Finding| json!({"path": finding.path, "message": finding.message});
        Ok(json!({
            "path": self.paths.config.to_string_lossy(),
            "exists": read.exists,
            "raw": serde_json::to_string_pretty(&parsed).unwrap_or_default(),
            "parsed": parsed,
            "sourceConfig": parsed,
            "resolved": parsed,
            "valid": read.loaded.config.is_some(),
            "config": parsed,
            "runtimeConfig": parsed,
            "hash": hash,
            "configRevisionHash": hash,
            "appliedConfigHash": self.running.load().applied_hash,
            "issues": read.loaded.problems.iter().map(issue).collect::<Vec<_>>(),
            "warnings": read.loaded.warnings.iter().map(issue).collect::<Vec<_>>(),
            "legacyIssues": [],
            "includedPaths": read.loaded.document.as_ref().map(|document| document.files().skip(1).collect::<Vec<_>>()).unwrap_or_default(),
            "includeProvenance": [],
            "agentRosterIncludeOwned": false,
            "bindingsIncludeOwned": false,
        }))
    }
}

impl Host for GatewayHost {
    fn config(&self) -> BoxFuture<'_, Result<Value, Problem>> {
        Box::pin(async move { self.snapshot() })
    }

    fn config_schema(&self) -> Value {
        configuration::schema().as_value().clone()
    }

    fn logs(&self, request: LogsRequest) -> BoxFuture<'_, Result<LogsPage, Problem>> {
        Box::pin(async move {
            let wanted = TailRequest {
                cursor: request.cursor,
                lines_max: request.limit,
                bytes_max: u64::try_from(request.max_bytes).unwrap_or(u64::MAX),
            };
            let page = logs::tail(&self.log_file, wanted).map_err(|error| {
                Problem::new(
                    Code::Unavailable,
                    format!("the log cannot be read: {}", error.kind()),
                )
            })?;
            Ok(LogsPage {
                file: self.log_file.to_string_lossy().into_owned(),
                cursor: page.cursor,
                size: page.size,
                lines: page.lines,
                truncated: page.truncated,
                reset: page.reset,
            })
        })
    }

    fn offers(&self, probe: bool) -> BoxFuture<'_, Vec<Value>> {
        Box::pin(async move {
            let mut offers = found_offers(&self.variables.merged());
            if probe {
                offers.extend(
                    torana_agents::offers::probe_local(
                        &self.world,
                        &self.egress,
                        &self.variables.merged(),
                    )
                    .await,
                );
            }
            offers
                .iter()
                .map(|offer| {
                    json!({
                        "provider": offer.provider,
                        "name": offer.name,
                        "source": offer.source,
                        "model": offer.model,
                        "baseUrl": offer.base_url,
                        "command": offer.command(),
                    })
                })
                .collect()
        })
    }

    fn stop(&self, reason: &str) {
        tracing::info!(reason, "A client asked the gateway to stop.");
        self.stop.cancel();
    }
}
