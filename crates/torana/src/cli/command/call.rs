//! `torana gateway call`: any method by name.

use super::operate::object;
use crate::cli::args::CallFlags;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::rpc::Endpoint;

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
