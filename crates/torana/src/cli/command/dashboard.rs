//! `torana dashboard`: a fresh link that signs one browser in, once (decision 35).

use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::invocation::Invocation;
use crate::cli::rpc::method;

/// Prints the link.
pub(crate) async fn run(invocation: &mut Invocation) -> Result<(), Failure> {
    let mut client = invocation.connect().await?;
    let login = client.call(method::LOGIN_CREATE, json!({})).await?;
    client.close().await;
    let code = login["code"].as_str().unwrap_or_default();
    let url = match login["url"].as_str() {
        Some(url) => url.to_owned(),
        None if invocation.is_elsewhere() => {
            format!("{}/#login={code}", invocation.endpoint()?.page())
        }
        None => {
            let config = invocation.config().ok();
            let port = invocation.port(config.as_ref())?;
            let scheme = match &config {
                Some(config) if config.gateway.tls.enabled => "https",
                _ => "http",
            };
            let base = config
                .map(|config| {
                    config
                        .gateway
                        .control_ui
                        .base_path
                        .trim_matches('/')
                        .to_owned()
                })
                .unwrap_or_default();
            let base = if base.is_empty() {
                String::new()
            } else {
                format!("/{base}")
            };
            format!("{scheme}://127.0.0.1:{port}{base}/#login={code}")
        }
    };
    let value = json!({ "url": url, "expiresAtMs": login["expiresAtMs"] });
    invocation.output.either(&value, || url.clone())?;
    if !invocation.output.json {
        invocation
            .output
            .note("the link signs one browser in, once, and is valid for ten minutes");
    }
    Ok(())
}
