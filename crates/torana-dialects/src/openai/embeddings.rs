//! `/v1/embeddings`: texts become vectors, by the provider the operator configured for that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ask, shape};
use crate::context::{Context, EmbedRequest};
use crate::front::answer::{Answer, json as json_answer, refusal};
use crate::front::json;

/// Texts in one request (OpenAI's own limit).
const TEXTS_MAX: usize = 2_048;
/// Characters of one text; models read some eight thousand tokens.
const TEXT_CHARS_MAX: usize = 64 * 1024;
/// Longest vector a client may ask for; the largest models make 4096.
const DIMENSIONS_MAX: u32 = 16_384;

#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    input: Option<Input>,
    encoding_format: Option<String>,
    dimensions: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
    Other(serde::de::IgnoredAny),
}

/// Answers one request.
pub(crate) async fn embeddings(context: &Context, headers: &HeaderMap, bytes: &[u8]) -> Answer {
    let (body, request) = match read(context, headers, bytes) {
        Ok(read) => read,
        Err(message) => return refusal(StatusCode::BAD_REQUEST, "invalid_request_error", &message),
    };
    let begun = shape::accepting(&context.engine).and_then(|()| context.engine.begin_passing());
    let _counted = match begun {
        Ok(counted) => counted,
        Err(problem) => return shape::problem(&problem),
    };
    let found = match context.host.embed(request).await {
        Ok(found) => found,
        Err(problem) if problem.code == torana_core::problem::Code::Internal => {
            // The caller cannot mend a missing setting; the operator reads the log.
            tracing::warn!(reason = %problem.message, "Embeddings are not available.");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return refusal(status, "api_error", "internal error");
        }
        Err(problem) => return shape::problem(&problem),
    };
    let is_base64 = body.encoding_format.as_deref() == Some("base64");
    let data: Vec<Value> = found
        .vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| {
            let embedding = if is_base64 {
                json!(BASE64.encode(packed(vector)))
            } else {
                json!(vector)
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let answer = json!({
        "object": "list",
        "data": data,
        "model": body.model.as_deref().unwrap_or("openclaw"),
        "usage": { "prompt_tokens": found.tokens, "total_tokens": found.tokens },
    });
    json_answer(StatusCode::OK, &answer)
}

fn read(
    context: &Context,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<(Body, EmbedRequest), ask::Fault> {
    let mut body: Body = json::object(bytes).map_err(|fault| fault.to_string())?;
    // The agent named by `model` has to exist, though it does not change the vectors.
    let settings = context.engine.settings();
    ask::place(&settings, headers, body.model.as_deref(), None, "openai")?;
    let texts = match body.input.take() {
        Some(Input::One(text)) => vec![text],
        Some(Input::Many(texts)) => texts,
        Some(Input::Other(_)) => {
            return Err("Invalid `input`. Use a text or a list of texts, not tokens.".to_owned());
        }
        None => Vec::new(),
    };
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return Err("Missing `input`: give at least one text, and none that is empty.".to_owned());
    }
    if texts.len() > TEXTS_MAX {
        return Err(format!("At most {TEXTS_MAX} texts are allowed in `input`."));
    }
    if texts
        .iter()
        .any(|text| text.chars().count() > TEXT_CHARS_MAX)
    {
        return Err(format!(
            "A text in `input` has at most {TEXT_CHARS_MAX} characters."
        ));
    }
    if body
        .dimensions
        .is_some_and(|dimensions| !(1..=DIMENSIONS_MAX).contains(&dimensions))
    {
        return Err(format!("Invalid `dimensions`. Use 1 to {DIMENSIONS_MAX}."));
    }
    if !matches!(
        body.encoding_format.as_deref(),
        None | Some("float" | "base64")
    ) {
        return Err("Invalid `encoding_format`. Use float or base64.".to_owned());
    }
    let request = EmbedRequest {
        model: ask::backend_model(headers)?
            .or_else(|| context.front.load().embeddings_model.clone()),
        texts,
        dimensions: body.dimensions,
    };
    Ok((body, request))
}

/// Little-endian numbers of four bytes, as the official clients unpack them.
fn packed(vector: &[f64]) -> Vec<u8> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the format has four bytes per number, and embeddings carry no more"
    )]
    let numbers = vector
        .iter()
        .flat_map(|number| (*number as f32).to_le_bytes());
    numbers.collect()
}
