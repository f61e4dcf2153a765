//! Asks a provider whether it lets us in, without asking a model anything: its list of models costs no tokens.

use torana_core::port::World;
use torana_core::run::FailureKind;
use torana_host::egress::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use torana_host::egress::{Egress, Url, read_capped};

use super::classify::classify;
use super::settings::{ProviderApi, ProviderSettings};
use super::transport::{configured_headers, secret_header};

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
    let not_configured = |text: &str| (FailureKind::NotConfigured, text.to_owned());
    let url = models_url(&settings.base_url, settings.api)
        .ok_or_else(|| not_configured("the base URL is not an http(s) address"))?;
    let mut headers = HeaderMap::new();
    let key = settings.api_key.as_ref().filter(|key| !key.is_empty());
    if let Some(key) = key {
        let (name, value) = match settings.api {
            ProviderApi::AnthropicMessages => {
                headers.insert(
                    HeaderName::from_static("anthropic-version"),
                    HeaderValue::from_static("2023-06-01"),
                );
                (
                    HeaderName::from_static("x-api-key"),
                    key.expose().to_owned(),
                )
            }
            ProviderApi::OpenAiCompletions => (AUTHORIZATION, format!("Bearer {}", key.expose())),
        };
        let value = secret_header(&value)
            .ok_or_else(|| not_configured("the key contains characters that no key has"))?;
        headers.insert(name, value);
    }
    configured_headers(&mut headers, &settings.headers)
        .map_err(|failure| (failure.kind, failure.detail))?;
    let has_credential = key.is_some() || !settings.headers.is_empty();
    let client = egress
        .operator(&url, has_credential)
        .map_err(|error| (FailureKind::NotConfigured, error.to_string()))?;
    let response = client
        .get(url)
        .headers(headers)
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

fn models_url(base_url: &str, api: ProviderApi) -> Option<Url> {
    let mut url = Url::parse(base_url.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return None;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let path = path.strip_suffix("/messages").unwrap_or(&path);
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
    url.set_path(&format!("{path}{version}/models"));
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_models_is_beside_the_endpoint() {
        let url = |base: &str, api| models_url(base, api).map(|url| url.to_string());
        let open_ai = ProviderApi::OpenAiCompletions;
        let anthropic = ProviderApi::AnthropicMessages;
        assert_eq!(
            url("https://a.test/v1/", open_ai).as_deref(),
            Some("https://a.test/v1/models")
        );
        assert_eq!(
            url("https://a.test/v1/chat/completions", open_ai).as_deref(),
            Some("https://a.test/v1/models")
        );
        assert_eq!(
            url("https://b.test", anthropic).as_deref(),
            Some("https://b.test/v1/models")
        );
        assert_eq!(
            url("https://b.test/v1/messages", anthropic).as_deref(),
            Some("https://b.test/v1/models")
        );
        assert_eq!(url("file:///x", open_ai), None);
    }
}
