//! The command line's own device: an Ed25519 key that proves to a gateway elsewhere who asks, and the tokens such
//! gateways handed out.
//!
//! Both lie in the folder of credentials, readable by the owner only. A token belongs to the origin it came from and is
//! never sent to another one (S-004). The key is made when it is first needed, so asking a gateway of this machine
//! creates nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use torana_core::auth::{DeviceClaim, PublicKey, same_secret};
use torana_core::port::World;
use torana_host::files;
use torana_host::secret::Secret;

use super::persona::Persona;
use crate::cli::failure::{Exit, Failure};

/// File of the key, in the folder of credentials.
const KEY_FILE: &str = "device-key";
/// File of the tokens, beside it.
const TOKENS_FILE: &str = "device-tokens.json";
/// A key is 43 characters; more is not one.
const KEY_BYTES_MAX: u64 = 256;
/// Tokens of every origin that is kept fit many times.
const TOKENS_BYTES_MAX: u64 = 256 * 1024;
/// Gateways one person talks to; above it the token issued first goes, and that gateway asks for its secret again.
const ORIGINS_MAX: usize = 64;

/// A device key and where its tokens are kept.
pub(crate) struct Identity {
    key: SigningKey,
    folder: PathBuf,
}

/// What one connection signs, beside the persona.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proof<'a> {
    /// Nonce of the challenge.
    pub(super) nonce: &'a str,
    /// The challenge's own time, so that a clock of ours that is wrong does no harm.
    pub(super) signed_at_ms: i64,
    /// The token the signature is bound to.
    pub(super) token: &'a str,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    origins: BTreeMap<String, KeptToken>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptToken {
    token: String,
    #[serde(default)]
    issued_at_ms: i64,
}

// === impl Identity ===

impl Identity {
    /// The device of this state directory; makes one when there is none.
    pub(crate) fn open(folder: &Path, world: &World) -> Result<Self, Failure> {
        let path = folder.join(KEY_FILE);
        let text = match files::read_capped(&path, KEY_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(folder, &path, world)?,
            Err(error) => return Err(unreadable(&path, &error)),
        };
        let seed: Option<[u8; 32]> = URL_SAFE_NO_PAD
            .decode(text.trim_ascii())
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        let Some(seed) = seed else {
            return Err(Failure::new(
                Exit::Damaged,
                format!("{} is not a device key", path.display()),
            )
            .hint("move it away; the next call makes a new device, which must be approved again"));
        };
        Ok(Self {
            key: SigningKey::from_bytes(&seed),
            folder: folder.to_owned(),
        })
    }

    /// The name of the device of this state directory; none is made.
    pub(crate) fn known(folder: &Path) -> Option<String> {
        let text = files::read_capped(&folder.join(KEY_FILE), KEY_BYTES_MAX).ok()?;
        let seed = URL_SAFE_NO_PAD.decode(text.trim_ascii()).ok()?;
        let key = SigningKey::from_bytes(&seed.try_into().ok()?);
        let folder = folder.to_owned();
        Some(Self { key, folder }.device_id())
    }

    fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes())
    }

    /// The device's name, as gateways list it.
    pub(crate) fn device_id(&self) -> String {
        PublicKey::parse(&self.public_key())
            .expect("our own key is written canonically")
            .device_id()
            .as_str()
            .to_owned()
    }

    /// The `device` of `connect`, signed for one connection.
    pub(super) fn sign(&self, persona: &Persona, proof: Proof<'_>) -> Value {
        let (id, public_key) = (self.device_id(), self.public_key());
        let claim = DeviceClaim {
            id: &id,
            public_key: &public_key,
            signature: "",
            signed_at_ms: proof.signed_at_ms,
            nonce: proof.nonce,
            client_id: persona.client_id,
            client_mode: persona.mode,
            role: "operator",
            scopes: persona.scopes,
            token: proof.token,
            platform: std::env::consts::OS,
            device_family: "",
        };
        let signature = self.key.sign(claim.text_v3().as_bytes());
        json!({
            "id": id, "publicKey": public_key, "signature": URL_SAFE_NO_PAD.encode(signature.to_bytes()),
            "signedAt": proof.signed_at_ms, "nonce": proof.nonce,
        })
    }

    /// The token a gateway gave this device.
    pub(crate) fn token(folder: &Path, origin: &str) -> Option<Secret> {
        let kept = read(folder).ok()?;
        kept.origins
            .get(origin)
            .map(|kept| Secret::new(&kept.token))
            .filter(|token| !token.is_empty())
    }

    /// Keeps the token of a gateway; nothing is written when it is the one we have.
    pub(super) fn keep(&self, origin: &str, token: &str, issued_at_ms: i64) -> Result<(), Failure> {
        let mut kept = read(&self.folder)?;
        if kept
            .origins
            .get(origin)
            .is_some_and(|kept| same_secret(&kept.token, token))
        {
            return Ok(());
        }
        while kept.origins.len() >= ORIGINS_MAX && !kept.origins.contains_key(origin) {
            let oldest = kept
                .origins
                .iter()
                .min_by_key(|(_, kept)| kept.issued_at_ms)
                .map(|(origin, _)| origin.clone());
            let Some(oldest) = oldest else { break };
            kept.origins.remove(&oldest);
        }
        kept.origins.insert(
            origin.to_owned(),
            KeptToken {
                token: token.to_owned(),
                issued_at_ms,
            },
        );
        write(&self.folder, &kept)
    }

    /// Drops the token of a gateway that no longer takes it.
    pub(super) fn forget(&self, origin: &str) -> Result<(), Failure> {
        let mut kept = read(&self.folder)?;
        match kept.origins.remove(origin) {
            Some(_) => write(&self.folder, &kept),
            None => Ok(()),
        }
    }
}

fn make(folder: &Path, path: &Path, world: &World) -> Result<Vec<u8>, Failure> {
    let mut seed = [0_u8; 32];
    world.entropy.fill(&mut seed);
    let text = format!("{}\n", URL_SAFE_NO_PAD.encode(seed));
    let made =
        files::private_dir(folder).and_then(|()| files::create_private(path, text.as_bytes()));
    match made {
        Ok(()) => Ok(text.into_bytes()),
        // Another call of ours was faster; its key is the device's.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            files::read_capped(path, KEY_BYTES_MAX).map_err(|error| unreadable(path, &error))
        }
        Err(error) => Err(Failure::new(
            Exit::Disk,
            format!(
                "the device key cannot be written to {}: {error}",
                path.display()
            ),
        )),
    }
}

fn read(folder: &Path) -> Result<Kept, Failure> {
    let path = folder.join(TOKENS_FILE);
    let bytes = match files::read_capped(&path, TOKENS_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(unreadable(&path, &error)),
    };
    serde_json::from_slice(&bytes).map_err(|_| {
        Failure::new(Exit::Damaged, format!("{} is damaged", path.display()))
            .hint("remove it and give the secret of the gateway with --token once")
    })
}

fn write(folder: &Path, kept: &Kept) -> Result<(), Failure> {
    let path = folder.join(TOKENS_FILE);
    let bytes = serde_json::to_vec_pretty(kept).map_err(io::Error::from)?;
    files::private_dir(folder)
        .and_then(|()| files::replace(&path, &bytes))
        .map_err(|error| {
            Failure::new(
                Exit::Disk,
                format!("{} cannot be written: {error}", path.display()),
            )
        })
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Disk,
        format!("{} cannot be read: {error}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use torana_core::auth::verify_device;

    fn scratch(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("torana-identity-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        folder
    }

    #[test]
    fn the_signature_is_one_the_gateway_accepts_and_the_device_stays_the_same() {
        let folder = scratch("sign");
        let world = torana_host::world();
        let identity = Identity::open(&folder, &world).expect("made");
        let again = Identity::open(&folder, &world).expect("read");
        assert_eq!(identity.device_id(), again.device_id());
        let proof = Proof {
            nonce: "n-1",
            signed_at_ms: 1_000,
            token: "t",
        };
        let persona = Persona::TUI;
        let device = again.sign(&persona, proof);
        let text = |name: &str| device[name].as_str().expect("text").to_owned();
        let (id, public_key, signature) = (text("id"), text("publicKey"), text("signature"));
        let mut claim = DeviceClaim {
            id: &id,
            public_key: &public_key,
            signature: &signature,
            signed_at_ms: 1_000,
            nonce: "n-1",
            client_id: persona.client_id,
            client_mode: persona.mode,
            role: "operator",
            scopes: persona.scopes,
            token: "t",
            platform: std::env::consts::OS,
            device_family: "",
        };
        assert!(verify_device(&claim, "n-1", 1_500).is_ok());
        claim.token = "another";
        assert!(
            verify_device(&claim, "n-1", 1_500).is_err(),
            "bound to the token"
        );
        let mode = std::fs::metadata(folder.join(KEY_FILE))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(std::fs::remove_dir_all(&folder));
    }

    #[test]
    fn a_token_is_kept_for_its_origin_only_and_the_oldest_goes() {
        let folder = scratch("tokens");
        let identity = Identity::open(&folder, &torana_host::world()).expect("made");
        identity.keep("wss://a:443", "token-a", 5).expect("kept");
        assert_eq!(
            Identity::token(&folder, "wss://a:443").map(|token| token.expose().to_owned()),
            Some("token-a".to_owned())
        );
        assert!(Identity::token(&folder, "wss://a:444").is_none());
        for number in 0..ORIGINS_MAX {
            let at_ms = 10 + i64::try_from(number).expect("small");
            identity
                .keep(&format!("wss://b{number}:443"), "token", at_ms)
                .expect("kept");
        }
        assert!(
            Identity::token(&folder, "wss://a:443").is_none(),
            "the oldest went"
        );
        identity.forget("wss://b3:443").expect("forgotten");
        assert!(Identity::token(&folder, "wss://b3:443").is_none());
        let mode = std::fs::metadata(folder.join(TOKENS_FILE))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(std::fs::remove_dir_all(&folder));
    }

    #[test]
    fn a_damaged_key_is_said_and_not_replaced() {
        let folder = scratch("damaged");
        files::private_dir(&folder).expect("a folder");
        files::create_private(&folder.join(KEY_FILE), b"nonsense").expect("written");
        let Err(failure) = Identity::open(&folder, &torana_host::world()) else {
            panic!("read nonsense")
        };
        assert_eq!(failure.exit, Exit::Damaged);
        drop(std::fs::remove_dir_all(&folder));
    }
}
