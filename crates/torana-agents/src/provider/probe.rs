//! Asks a provider whether it lets us in, without asking a model anything: its list of models costs no tokens.

use torana_core::port::World;
use torana_core::run::FailureKind;
use torana_host::egress::{Egress, read_capped};

use super::classify::classify;
use super::settings::{ProviderApi, ProviderSettings};
use super::transport::Endpoint;

/// An error body is only looked at for its code; a list of models is not read at all.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What became of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// `None` when it lets us in.
    pub failure: Option<FailureKind>,
    /// What is wrong, for people; never a secret or an upstream body.
    pub detail: Option<String>,
    /// How long it took, milliseconds.
    pub latency_ms: u64,
}

/// Makes one attempt.
pub async fn probe(
    world: &World,
    egress: &Egress,
    settings: &ProviderSettings,
    timeout_ms: u64,
) -> Probed {
    let began_ms = world.monotonic_ms();
    let outcome = tokio::select! {
        biased;
        outcome = ask(world, egress, settings) => outcome,
        () = world.sleep_ms(timeout_ms) => Err((FailureKind::Timeout, format!("no answer within {timeout_ms} ms"))),
    };
    let latency_ms = world.monotonic_ms().saturating_sub(began_ms);
    match outcome {
        Ok(()) => Probed {
            failure: None,
            detail: None,
            latency_ms,
        },
        Err((kind, detail)) => Probed {
            failure: Some(kind),
            detail: Some(detail),
            latency_ms,
        },
    }
}

async fn ask(
    world: &World,
    egress: &Egress,
    settings: &ProviderSettings,
) -> Result<(), (FailureKind, String)> {
    let path = |path: &str| models_path(path, settings.api);
    let endpoint = Endpoint::new(settings, egress.clone(), path)
        .map_err(|failure| (failure.kind, failure.detail))?;
    let client = egress
        .operator(&endpoint.url, endpoint.has_credential)
        .map_err(|error| (FailureKind::NotConfigured, error.to_string()))?;
    let response = client
        .get(endpoint.url)
        .headers(endpoint.headers)
        .send()
        .await
        .map_err(|error| {
            // The text of the library names the address, which may hold a credential.
            let what = if error.is_connect() {
                "it cannot be reached"
            } else {
                "the request failed"
            };
            (FailureKind::Unavailable, what.to_owned())
        })?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let answered = response.headers().clone();
    let body = read_capped(response, BODY_BYTES_MAX)
        .await
        .unwrap_or_default();
    let failure = classify(status.as_u16(), &answered, &body, world.wall_ms());
    // A server without a list of models is there all the same.
    if failure.kind == FailureKind::ModelNotFound {
        return Ok(());
    }
    Err((failure.kind, failure.detail))
}

fn models_path(path: &str, api: ProviderApi) -> String {
    let path = path.strip_suffix("/messages").unwrap_or(path);
    let path = path.strip_suffix("/chat/completions").unwrap_or(path);
    let has_version = path
        .rsplit('/')
        .next()
        .is_some_and(|step| step.starts_with('v'));
    let version = if api == ProviderApi::AnthropicMessages && !has_version {
        "/v1"
    } else {
        ""
    };
    format!("{path}{version}/models")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_models_is_beside_the_endpoint() {
        let open_ai = ProviderApi::OpenAiCompletions;
        let anthropic = ProviderApi::AnthropicMessages;
        for (base, api, wanted) in [
            ("/v1", open_ai, "/v1/models"),
            ("/v1/chat/completions", open_ai, "/v1/models"),
            ("", anthropic, "/v1/models"),
            ("/v1/messages", anthropic, "/v1/models"),
        ] {
            assert_eq!(models_path(base, api), wanted, "{base}");
        }
    }
}
