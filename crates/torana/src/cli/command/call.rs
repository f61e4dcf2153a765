//! `torana gateway call|probe`: any method by name, and what one gateway lets us do.

use serde_json::json;

use super::operate::object;
use crate::cli::args::CallFlags;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::facts;
use crate::cli::rpc::{Endpoint, Persona, method};
use crate::cli::words::{text_of, uptime};

/// A method may take longer than an ordinary answer; without `--timeout` it has as long as this, milliseconds.
const WAIT_MS: u64 = 30_000;

/// Calls a method and prints what it answers.
pub(crate) async fn call(invocation: &mut Invocation, flags: CallFlags) -> Result<(), Failure> {
    let params = object(&flags.params)?;
    let wait_ms = flags.wait.wait_ms.unwrap_or(WAIT_MS);
    if let Some(expected) = &flags.expect_url {
        let found = invocation.endpoint()?.url();
        let expected = Endpoint::remote(expected, None)?.url();
        if expected != found {
            return Err(Failure::new(
                Exit::Usage,
                format!("this command would go to {found}, not to {expected}; nothing was called"),
            )
            .hint("name the gateway with --url, or look at `gateway.remote.url`"));
        }
    }
    let mut client = invocation.connect().await?;
    let answer = if flags.expect_final {
        client.call_to_the_end(&flags.method, params, wait_ms).await
    } else {
        client.call_within(&flags.method, params, wait_ms).await
    };
    client.close().await;
    invocation.output.value(&answer?)
}

/// Asks one gateway whether it lives and what it lets us do, without changing anything.
pub(crate) async fn probe(invocation: &mut Invocation) -> Result<(), Failure> {
    let started_ms = invocation.world.monotonic_ms();
    let place = invocation.endpoint()?.url();
    let mut client = match invocation.connect_as(&Persona::PROBE).await {
        Ok(client) => client,
        Err(failure) => {
            let value = json!({ "ok": false, "url": place, "error": failure.message });
            invocation.output.either(&value, || {
                facts([("Gateway", place.clone()), ("Reachable", "no".to_owned())])
            })?;
            return if invocation.output.json {
                Err(Failure::said(failure.exit))
            } else {
                Err(failure)
            };
        }
    };
    let hello = client.hello().clone();
    let connected_ms = invocation.world.monotonic_ms().saturating_sub(started_ms);
    let health = client.call(method::HEALTH, json!({})).await;
    client.close().await;
    let health = health?;
    let scopes = super::operate::joined(&hello["auth"], "scopes");
    let is_well = health["ok"].as_bool() == Some(true);
    let value = json!({
        "ok": is_well, "url": place, "connectMs": connected_ms, "auth": hello["auth"]["method"],
        "scopes": hello["auth"]["scopes"], "version": hello["server"]["version"],
        "uptimeMs": hello["snapshot"]["uptimeMs"],
    });
    invocation.output.either(&value, || {
        facts([
            ("Gateway", place.clone()),
            ("Reachable", format!("yes, in {connected_ms} ms")),
            ("Healthy", if is_well { "yes" } else { "no" }.to_owned()),
            ("Signed in", text_of(&hello["auth"], "method").to_owned()),
            (
                "May",
                if scopes.is_empty() {
                    "only ask whether it is well".to_owned()
                } else {
                    scopes.clone()
                },
            ),
            ("Speaks as", text_of(&hello["server"], "version").to_owned()),
            (
                "Uptime",
                uptime(hello["snapshot"]["uptimeMs"].as_u64().unwrap_or(0)),
            ),
        ])
    })?;
    if is_well {
        Ok(())
    } else {
        Err(Failure::said(Exit::Failed))
    }
}
