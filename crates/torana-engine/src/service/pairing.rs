//! Strangers who asked to be let in. Approving and refusing are operations of the engine.

use sha2::{Digest, Sha256};
use torana_core::problem::Problem;

use crate::engine::Engine;
use crate::store::pairing::{self, PairingRequest};

/// A live request under the id clients know it by.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Derived from who asked and when; unlike the code it proves nothing.
    pub request_id: String,
    /// The request.
    pub request: PairingRequest,
}

/// What is pending, and whether an owner exists.
#[derive(Debug, Clone, PartialEq)]
pub struct PairingList {
    /// Live requests, oldest first.
    pub waiting: Vec<Waiting>,
    /// Somebody is recorded or configured as owner.
    pub owner_known: bool,
}

/// The id of a request.
fn request_id(request: &PairingRequest) -> String {
    let text = format!(
        "{}|{}|{}|{}",
        request.channel, request.account, request.sender, request.created_at_ms
    );
    let hash = Sha256::digest(text.as_bytes());
    hash.iter()
        .take(16)
        .fold(String::with_capacity(32), |text, byte| {
            text + &format!("{byte:02x}")
        })
}

/// Live requests; of one channel and account when given.
pub async fn list(
    engine: &Engine,
    channel: Option<String>,
    account: Option<&str>,
) -> Result<PairingList, Problem> {
    let now_ms = engine.world().wall_ms();
    let configured = !engine.settings().owners.is_empty();
    let (requests, owners) = engine
        .read(move |connection| {
            Ok((
                pairing::list(connection, channel.as_deref(), now_ms)?,
                pairing::owners(connection)?,
            ))
        })
        .await?;
    let waiting = requests
        .into_iter()
        .filter(|request| account.is_none_or(|account| request.account == account))
        .map(|request| Waiting {
            request_id: request_id(&request),
            request,
        })
        .collect();
    Ok(PairingList {
        waiting,
        owner_known: configured || !owners.is_empty(),
    })
}

/// The live request with an id, or with the code its sender was shown.
pub async fn find(
    engine: &Engine,
    channel: &str,
    account: Option<&str>,
    wanted: &str,
) -> Result<Option<Waiting>, Problem> {
    let list = list(engine, Some(channel.to_owned()), account).await?;
    let code = wanted.trim().to_ascii_uppercase();
    Ok(list
        .waiting
        .into_iter()
        .find(|waiting| waiting.request_id == wanted || waiting.request.code == code))
}
