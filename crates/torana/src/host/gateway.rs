//! The binary's side of the dialects: what it holds, the log, offers and the stop.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use torana_agents::builtin::BuiltinBackend;
use torana_agents::provider::{EmbedTexts, embed};
use torana_core::port::BoxFuture;
use torana_core::problem::{Code, Problem};
use torana_core::run::FailureKind;
use torana_dialects::site::{ConfigFile, ConfigView, Site};
use torana_dialects::{
    EmbedRequest, Embeddings, ExecPolicyFile, Host, LogsPage, LogsRequest, RestartPlan,
    RestartRequest,
};
use torana_host::logs::TailRequest;
use torana_host::{files, logs};

use super::in_force::{InForce, Running};
use crate::compose::agents::found_offers;
use crate::configuration::{Stamp, Variables};
use crate::gateway::Runner;
use crate::paths::Paths;

/// The binary's side of the dialects.
pub(crate) struct GatewayHost {
    pub(crate) paths: Paths,
    pub(crate) variables: Arc<Variables>,
    pub(crate) log_file: PathBuf,
    pub(crate) in_force: Arc<InForce>,
    pub(crate) stop: CancellationToken,
    /// One change of the policy document at a time.
    pub(crate) policy_lock: Mutex<()>,
    pub(crate) egress: torana_host::egress::Egress,
    pub(crate) world: torana_core::port::World,
    pub(super) looked: Mutex<Option<Looked>>,
    runner: OnceLock<Weak<Runner>>,
    pub(crate) builtin: BuiltinBackend,
}

/// The latest look at the files.
pub(super) struct Looked {
    pub(super) stamp: Stamp,
    pub(super) running: Arc<Running>,
    pub(super) view: Arc<ConfigView>,
}

/// What a host is made of.
pub(crate) struct Parts {
    pub(crate) paths: Paths,
    pub(crate) variables: Arc<Variables>,
    pub(crate) log_file: PathBuf,
    pub(crate) in_force: InForce,
    pub(crate) stop: CancellationToken,
    pub(crate) egress: torana_host::egress::Egress,
    pub(crate) world: torana_core::port::World,
    pub(crate) builtin: BuiltinBackend,
}

impl GatewayHost {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            paths: parts.paths,
            variables: parts.variables,
            log_file: parts.log_file,
            in_force: Arc::new(parts.in_force),
            stop: parts.stop,
            egress: parts.egress,
            world: parts.world,
            policy_lock: Mutex::new(()),
            looked: Mutex::new(None),
            runner: OnceLock::new(),
            builtin: parts.builtin,
        }
    }

    /// From now on changes are applied by this runner. The runner holds the host, so the host must not hold it.
    pub(crate) fn follow(&self, runner: &Arc<Runner>) {
        drop(self.runner.set(Arc::downgrade(runner)));
    }

    /// What applies changes; not there while the gateway starts.
    pub(super) fn runner(&self) -> Result<Arc<Runner>, Problem> {
        self.runner.get().and_then(Weak::upgrade).ok_or_else(|| {
            Problem::new(Code::Unavailable, "the gateway is starting").retry_after_ms(500)
        })
    }
}

/// Bytes of the policy document: room for every entry its bounds allow.
const POLICY_BYTES_MAX: u64 = 4 * 1024 * 1024;

impl GatewayHost {
    fn policy_path(&self) -> PathBuf {
        self.paths.state.join("exec-approvals.json")
    }

    fn read_policy(&self) -> Result<ExecPolicyFile, Problem> {
        let path = self.policy_path();
        let text = match files::read_capped(&path, POLICY_BYTES_MAX) {
            Ok(bytes) => Some(String::from_utf8(bytes).map_err(|_| {
                Problem::new(Code::Unavailable, "the policy document is not UTF-8")
            })?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(policy_problem("read", &error)),
        };
        Ok(ExecPolicyFile {
            path: path.to_string_lossy().into_owned(),
            text,
        })
    }

    fn write_policy(
        &self,
        seen: Option<&str>,
        text: String,
    ) -> Result<Option<ExecPolicyFile>, Problem> {
        let _guard = self
            .policy_lock
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let stored = self.read_policy()?;
        if stored.text.as_deref() != seen {
            return Ok(None);
        }
        files::replace(&self.policy_path(), text.as_bytes())
            .map_err(|error| policy_problem("written", &error))?;
        Ok(Some(ExecPolicyFile {
            text: Some(text),
            ..stored
        }))
    }
}

fn policy_problem(verb: &str, error: &std::io::Error) -> Problem {
    Problem::new(
        Code::Unavailable,
        format!("the policy document cannot be {verb}: {}", error.kind()),
    )
}

impl Host for GatewayHost {
    fn exec_policy(&self) -> BoxFuture<'_, Result<ExecPolicyFile, Problem>> {
        Box::pin(async move { self.read_policy() })
    }

    fn set_exec_policy(
        &self,
        seen: Option<String>,
        text: String,
    ) -> BoxFuture<'_, Result<Option<ExecPolicyFile>, Problem>> {
        Box::pin(async move { self.write_policy(seen.as_deref(), text) })
    }

    fn config_file(&self) -> &dyn ConfigFile {
        self
    }

    fn site(&self) -> &dyn Site {
        self
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
                skipped_bytes: page.skipped_bytes,
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

    fn embed(&self, request: EmbedRequest) -> BoxFuture<'_, Result<Embeddings, Problem>> {
        Box::pin(async move {
            let settings = self.builtin.settings();
            let missing = |message: String| Problem::new(Code::Internal, message);
            let model = request.model.ok_or_else(|| {
                missing("gateway.http.endpoints.embeddings.model is not set".to_owned())
            })?;
            let provider = settings.providers.get(&model.provider).ok_or_else(|| {
                missing(format!("the provider {} is not configured", model.provider))
            })?;
            let texts = EmbedTexts {
                model: model.model.clone(),
                texts: request.texts,
                dimensions: request.dimensions,
            };
            let found = embed(provider, &self.egress, &self.world, &texts).await;
            let vectors = found.map_err(|failure| {
                let message = format!("{model} made no vectors: {failure}");
                match failure.kind {
                    FailureKind::NotConfigured => missing(message),
                    FailureKind::RateLimit => Problem::new(Code::Busy, message)
                        .retry_after_ms(failure.retry_after_ms.unwrap_or(1_000)),
                    FailureKind::ContextLength
                    | FailureKind::ModelNotFound
                    | FailureKind::Refusal => Problem::invalid(message),
                    FailureKind::Format if !failure.unreadable => Problem::invalid(message),
                    FailureKind::Timeout
                    | FailureKind::Auth
                    | FailureKind::Billing
                    | FailureKind::Unavailable
                    | FailureKind::Format
                    | FailureKind::Internal => Problem::new(Code::DeliveryFailed, message),
                }
            })?;
            Ok(Embeddings {
                vectors: vectors.vectors,
                tokens: vectors.tokens,
            })
        })
    }

    fn stop(&self, reason: &str) {
        tracing::info!(reason, "A client asked the gateway to stop.");
        self.stop.cancel();
    }

    fn restart(&self, request: RestartRequest) -> Result<RestartPlan, Problem> {
        tracing::info!(reason = %request.reason, patience_ms = request.patience_ms, "A client asked for a restart.");
        Ok(self.runner()?.restarts().ask(&request))
    }
}
