//! Looks for model servers on this machine. Only called when a person asks, because nothing is tried unasked.

use futures_util::future::join_all;
use serde::Deserialize;
use torana_core::port::World;
use torana_host::egress::{Egress, Url, read_capped};
use torana_host::env::Environment;
use torana_host::json;

use super::offer::Offer;
use crate::presets::{PRESETS, Preset};

/// A server on the same machine answers at once or is not there.
const PROBE_MS: u64 = 300;
/// A list of a few hundred models stays far below this.
const LIST_BYTES_MAX: usize = 256 * 1024;

#[derive(Deserialize)]
struct ModelList {
    #[serde(default)]
    data: Vec<ListedModel>,
}

#[derive(Deserialize)]
struct ListedModel {
    id: String,
}

/// Asks Ollama, LM Studio and llama.cpp on their usual ports, all at once, and gives those that answer.
pub async fn probe_local(world: &World, egress: &Egress, environment: &Environment) -> Vec<Offer> {
    let probes = PRESETS
        .iter()
        .filter(|preset| preset.is_local)
        .map(|preset| async move {
            let base_url = preset.base_url(environment);
            tokio::select! {
                biased;
                offer = ask(preset, base_url, egress) => offer,
                () = world.sleep_ms(PROBE_MS) => None,
            }
        });
    join_all(probes).await.into_iter().flatten().collect()
}

async fn ask(preset: &Preset, base_url: String, egress: &Egress) -> Option<Offer> {
    let url = Url::parse(&format!("{base_url}/models")).ok()?;
    let client = egress.operator(&url, false).ok()?;
    let response = client
        .get(url)
        .send()
        .await
        .ok()
        .filter(|response| response.status().is_success())?;
    let body = read_capped(response, LIST_BYTES_MAX).await.ok()?;
    let list: ModelList = json::lenient(&body).ok()?;
    Some(Offer {
        provider: preset.id.to_owned(),
        name: preset.name.to_owned(),
        source: base_url.clone(),
        model: pick(&list),
        base_url,
    })
}

/// The first model that talks; embedding models are listed among the others.
fn pick(list: &ModelList) -> Option<String> {
    list.data
        .iter()
        .map(|model| &model.id)
        .find(|id| !id.to_lowercase().contains("embed"))
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedding_models_are_passed_over() {
        let list: ModelList = json::lenient(
            br#"{"object":"list","data":[{"id":"nomic-embed-text"},{"id":"llama3.2"}]}"#,
        )
        .expect("a list");
        assert_eq!(pick(&list).as_deref(), Some("llama3.2"));
    }
}
