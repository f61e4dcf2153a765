//! Vectors for texts, from a provider that has the embeddings endpoint of the OpenAI wire format.

use serde::{Deserialize, Serialize};
use torana_core::port::World;
use torana_core::run::FailureKind;
use torana_host::egress::{Egress, EgressError};
use torana_host::json;

use super::classify::classify;
use super::failure::ProviderFailure;
use super::settings::{ProviderApi, ProviderSettings};
use super::transport::{Endpoint, from_egress};

/// Bytes of an answer: 2048 vectors of 4096 numbers with a dozen digits each.
const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;
/// An error body is only looked at for its code.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// Time for the whole request; vectors come in one piece and fast.
const REQUEST_MS_MAX: u64 = 60_000;

/// What to turn into vectors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmbedTexts {
    /// Model id as the provider knows it.
    pub model: String,
    /// The texts.
    pub texts: Vec<String>,
    /// Length of the vectors, when another than the model's own is wanted.
    pub dimensions: Option<u32>,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vectors {
    /// One vector for each text, in order.
    pub vectors: Vec<Vec<f64>>,
    /// Tokens read.
    pub tokens: u64,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

#[derive(Deserialize)]
struct Document {
    data: Vec<Item>,
    #[serde(default)]
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    index: Option<usize>,
    embedding: Vec<f64>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    total_tokens: Option<u64>,
}

/// Makes one attempt.
pub async fn embed(
    settings: &ProviderSettings,
    egress: &Egress,
    world: &World,
    texts: &EmbedTexts,
) -> Result<Vectors, ProviderFailure> {
    if settings.api != ProviderApi::OpenAiCompletions {
        return Err(ProviderFailure::new(
            FailureKind::NotConfigured,
            "its wire format has no embeddings",
        ));
    }
    let endpoint = Endpoint::new(settings, egress.clone(), embeddings_path)?;
    let body = Body {
        model: &texts.model,
        input: &texts.texts,
        encoding_format: "float",
        dimensions: texts.dimensions,
    };
    let asking = ask(endpoint, &body, world);
    let document = tokio::select! {
        biased;
        answered = asking => answered?,
        () = world.sleep_ms(REQUEST_MS_MAX) => {
            let seconds = REQUEST_MS_MAX / 1_000;
            let detail = format!("no vectors came for {seconds} seconds");
            return Err(ProviderFailure::new(FailureKind::Timeout, detail));
        }
    };
    read(&document, texts.texts.len())
}

async fn ask(
    endpoint: Endpoint,
    body: &Body<'_>,
    world: &World,
) -> Result<Vec<u8>, ProviderFailure> {
    let unreachable = |error| from_egress(&EgressError::from(error));
    let client = endpoint
        .egress
        .operator(&endpoint.url, endpoint.has_credential)
        .map_err(|error| from_egress(&error))?;
    let request = client.post(endpoint.url).headers(endpoint.headers);
    let sent = request.json(body).send().await;
    let mut response = sent.map_err(unreachable)?;
    let is_good = response.status().is_success();
    let bytes_max = if is_good {
        ANSWER_BYTES_MAX
    } else {
        ERROR_BYTES_MAX
    };
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        if bytes.len() + piece.len() > bytes_max {
            if is_good {
                return Err(ProviderFailure::unreadable("the answer is too large"));
            }
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    if is_good {
        return Ok(bytes);
    }
    let status = response.status().as_u16();
    Err(classify(
        status,
        response.headers(),
        &bytes,
        world.wall_ms(),
    ))
}

fn read(document: &[u8], count: usize) -> Result<Vectors, ProviderFailure> {
    let document: Document = json::lenient(document)
        .map_err(|_| ProviderFailure::unreadable("the answer holds no vectors"))?;
    let mut vectors: Vec<Option<Vec<f64>>> = vec![None; count];
    for (position, item) in document.data.into_iter().enumerate() {
        if let Some(place) = vectors.get_mut(item.index.unwrap_or(position)) {
            *place = Some(item.embedding);
        }
    }
    let vectors: Option<Vec<Vec<f64>>> = vectors.into_iter().collect();
    Ok(Vectors {
        vectors: vectors.ok_or_else(|| ProviderFailure::unreadable("a text got no vector"))?,
        tokens: document
            .usage
            .and_then(|usage| usage.total_tokens)
            .unwrap_or(0),
    })
}

/// People write the base with `/v1`, without any path, or with the path of chat completions.
fn embeddings_path(path: &str) -> String {
    let base = path.strip_suffix("/chat/completions").unwrap_or(path);
    let base = if base.is_empty() { "/v1" } else { base };
    format!("{base}/embeddings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_in_the_order_of_the_texts() {
        let document = br#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1.5,-1]}],"usage":{"total_tokens":9}}"#;
        let found = read(document, 2).expect("vectors");
        assert_eq!(found.vectors, [vec![1.5, -1.0], vec![2.0]]);
        assert_eq!(found.tokens, 9);
        assert!(read(document, 3).expect_err("one is missing").unreadable);
        assert!(read(b"{}", 1).expect_err("no vectors").unreadable);
    }

    #[test]
    fn every_way_to_write_the_base_finds_the_endpoint() {
        for (base, wanted) in [
            ("", "/v1/embeddings"),
            ("/v1", "/v1/embeddings"),
            ("/v1/chat/completions", "/v1/embeddings"),
            ("/api/v1", "/api/v1/embeddings"),
        ] {
            assert_eq!(embeddings_path(base), wanted);
        }
    }
}
