//! The `connect` request: its shape, and what it says in typed form.

use serde_json::Value;
use torana_core::approval::is_plain;
use torana_core::auth::{DeviceClaim, Role, ScopeSet, Surface};
use torana_engine::store::device::DeviceFacts;
use torana_engine::store::node::Declared;

use super::error::WireError;
use super::legacy::{Legacy, moltbot};
use super::params::{self, COUNT, Kind, NAME, POSITIVE, Spec, TEXT, may, must};
use super::quirks::{self, CLIENT_IDS, CLIENT_MODES};

const CLIENT: Spec = params::closed(&[
    must("id", Kind::OneOf(CLIENT_IDS)),
    may("displayName", NAME),
    must("version", NAME),
    may("buildId", Kind::Text(1, 96)),
    must("platform", NAME),
    may("deviceFamily", NAME),
    may("modelIdentifier", NAME),
    may("timeZone", Kind::Text(1, 64)),
    must("mode", Kind::OneOf(CLIENT_MODES)),
    may("instanceId", NAME),
]);

const DEVICE: Spec = params::closed(&[
    must("id", NAME),
    must("publicKey", NAME),
    must("signature", NAME),
    must("signedAt", COUNT),
    must("nonce", NAME),
]);

const AUTH: Spec = params::closed(&[
    may("token", TEXT),
    may("bootstrapToken", TEXT),
    may("deviceToken", TEXT),
    may("password", TEXT),
    may("approvalRuntimeToken", TEXT),
    may("agentRuntimeIdentityToken", TEXT),
]);

/// Whose models a page wants to know right after hello.
const MODEL_CATALOG: Spec = params::closed(&[
    may("agentId", Kind::Text(1, 128)),
    may("sessionKey", Kind::Text(1, 512)),
    may("shortId", Kind::Text(1, 128)),
    may("slugHint", Kind::Text(1, 512)),
]);

/// Parameters of `connect`.
pub(crate) const CONNECT: Spec = params::closed(&[
    must("minProtocol", POSITIVE),
    must("maxProtocol", POSITIVE),
    must("client", Kind::Object(&CLIENT)),
    may("caps", Kind::List(&NAME)),
    may("commands", Kind::List(&NAME)),
    may("permissions", Kind::Map(&Kind::Bool)),
    may("pathEnv", TEXT),
    may("role", NAME),
    may("scopes", Kind::List(&NAME)),
    may("computerUse", Kind::Any),
    may("workerRuns", Kind::Any),
    may("device", Kind::Object(&DEVICE)),
    may("auth", Kind::Object(&AUTH)),
    may("modelCatalog", Kind::Object(&MODEL_CATALOG)),
    may("locale", TEXT),
    may("userAgent", TEXT),
]);

/// A device's proof, as sent.
#[derive(Debug, Clone)]
pub(crate) struct DeviceProof {
    pub(crate) id: String,
    pub(crate) public_key: String,
    pub(crate) signature: String,
    pub(crate) signed_at_ms: i64,
    pub(crate) nonce: String,
}

/// Presented credentials; empty ones are absent.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) token: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) device_token: Option<String>,
    pub(crate) bootstrap: Option<String>,
    /// What the signature covers: the first of token, device token and bootstrap token that was sent, even if empty.
    pub(crate) signed: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials(…)")
    }
}

/// The request in typed form.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) min_protocol: i64,
    pub(crate) max_protocol: i64,
    pub(crate) client_id: String,
    pub(crate) client_mode: String,
    pub(crate) client_version: String,
    pub(crate) display_name: Option<String>,
    pub(crate) platform: String,
    pub(crate) device_family: Option<String>,
    pub(crate) model_identifier: Option<String>,
    pub(crate) instance_id: Option<String>,
    pub(crate) caps: Vec<String>,
    pub(crate) role_text: String,
    pub(crate) scope_texts: Vec<String>,
    pub(crate) device: Option<DeviceProof>,
    pub(crate) auth: Credentials,
    /// What a node says that it can do.
    pub(crate) commands: Vec<String>,
    /// What a node's operating system granted.
    pub(crate) permissions: Vec<(String, bool)>,
    /// Where a node looks for programs.
    pub(crate) path_env: Option<String>,
    /// Whose models it wants to know right after hello, as it says so.
    pub(crate) model_catalog: Option<Value>,
    /// It speaks as an older guide describes, without a device.
    pub(crate) legacy: Option<Legacy>,
}

/// Longest text about itself that we keep of a client, in characters.
const FACT_CHARS_MAX: usize = 128;

/// A client's text about itself, cut, and without what is not seen or moves what stands beside it: it reaches logs, pages
/// and terminals, and a person decides by it who is let in (S-100).
fn clean(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|letter| is_plain(*letter)).collect();
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if text.chars().count() <= FACT_CHARS_MAX {
        return Some(text.to_owned());
    }
    Some(
        text.chars()
            .take(FACT_CHARS_MAX - 1)
            .chain(quirks::TRUNCATED.chars())
            .collect(),
    )
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A whole number; what is none was refused by the check of the parameters.
fn whole(value: &Value) -> i64 {
    match value {
        Value::Number(number) => params::whole(number).unwrap_or(0),
        _ => 0,
    }
}

impl DeviceProof {
    fn read(device: &Value) -> Self {
        Self {
            id: text(&device["id"]),
            public_key: text(&device["publicKey"]),
            signature: text(&device["signature"]),
            signed_at_ms: whole(&device["signedAt"]),
            nonce: text(&device["nonce"]),
        }
    }
}

impl Credentials {
    fn read(auth: &Value) -> Self {
        let sent = |name: &str| auth[name].as_str().map(str::to_owned);
        let secret = |name: &str| sent(name).filter(|text| !text.is_empty());
        let signed = ["token", "deviceToken", "bootstrapToken"];
        Self {
            token: secret("token"),
            password: secret("password"),
            device_token: secret("deviceToken"),
            bootstrap: secret("bootstrapToken"),
            signed: signed.into_iter().find_map(sent).unwrap_or_default(),
        }
    }
}

impl Connect {
    /// Checks and reads the parameters.
    pub(crate) fn read(value: &Value) -> Result<Self, WireError> {
        let adapted = moltbot::adapt(value);
        let legacy = adapted.as_ref().map(|_| Legacy::Moltbot);
        let value = adapted.as_ref().unwrap_or(value);
        params::check(&CONNECT, value, is_newer(value))
            .map_err(|message| WireError::invalid(format!("invalid connect params: {message}")))?;
        let client = &value["client"];
        let fact = |value: &Value| value.as_str().and_then(clean);
        Ok(Self {
            min_protocol: whole(&value["minProtocol"]),
            max_protocol: whole(&value["maxProtocol"]),
            client_id: text(&client["id"]),
            client_mode: text(&client["mode"]),
            client_version: text(&client["version"]),
            display_name: fact(&client["displayName"]),
            platform: text(&client["platform"]),
            device_family: client["deviceFamily"].as_str().map(str::to_owned),
            model_identifier: fact(&client["modelIdentifier"]),
            instance_id: fact(&client["instanceId"]),
            caps: texts(value.get("caps")),
            role_text: value["role"]
                .as_str()
                .unwrap_or(Role::Operator.as_str())
                .to_owned(),
            scope_texts: texts(value.get("scopes")),
            device: value.get("device").map(DeviceProof::read),
            auth: Credentials::read(&value["auth"]),
            commands: texts(value.get("commands")),
            permissions: value["permissions"]
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(name, granted)| Some((name.clone(), granted.as_bool()?)))
                .collect(),
            path_env: fact(&value["pathEnv"]),
            model_catalog: value.get("modelCatalog").cloned(),
            legacy,
        })
    }

    /// What a node declares, for the registry of nodes.
    pub(crate) fn declared(&self, remote_ip: Option<String>) -> Declared {
        Declared {
            surface: Surface::declared(
                self.caps.iter().cloned(),
                self.commands.iter().cloned(),
                self.permissions.iter().cloned(),
            ),
            platform: clean(&self.platform).unwrap_or_default(),
            device_family: self.device_family.as_deref().and_then(clean),
            model_identifier: self.model_identifier.clone(),
            version: clean(&self.client_version).unwrap_or_default(),
            client_id: self.client_id.clone(),
            client_mode: self.client_mode.clone(),
            display_name: self.display_name.clone(),
            path_env: self.path_env.clone(),
            remote_ip,
        }
    }

    /// The number `hello-ok` answers with.
    pub(crate) fn hello_protocol(&self) -> i64 {
        match self.legacy {
            Some(Legacy::Moltbot) => quirks::GUIDE_PROTOCOL,
            Some(Legacy::Guide) | None => quirks::PROTOCOL,
        }
    }

    /// Scopes that were asked for; unknown words are dropped.
    pub(crate) fn requested(&self) -> ScopeSet {
        ScopeSet::parse(&self.scope_texts)
    }

    /// A client with a page or window.
    pub(crate) fn is_ui(&self) -> bool {
        quirks::UI_CLIENTS.contains(&self.client_id.as_str())
    }

    /// The terminal interface.
    pub(crate) fn is_terminal(&self) -> bool {
        self.client_id == quirks::TERMINAL_CLIENT
    }

    /// A web page.
    pub(crate) fn is_page(&self) -> bool {
        quirks::PAGE_CLIENTS.contains(&self.client_id.as_str())
    }

    /// A program of this machine that may keep its scopes without a device: the command line and its backend client.
    pub(crate) fn is_local_tool(&self) -> bool {
        matches!(
            (self.client_id.as_str(), self.client_mode.as_str()),
            ("cli", "cli") | ("gateway-client", "backend")
        )
    }

    /// The worker dialect, which has its own path.
    pub(crate) fn claims_worker(&self) -> bool {
        self.role_text == "worker"
            || self.client_id == "openclaw-worker"
            || self.client_mode == "worker"
    }

    /// What the device says about itself, for the list of devices.
    pub(crate) fn facts(&self, remote_ip: Option<String>) -> DeviceFacts {
        DeviceFacts {
            display_name: self.display_name.clone(),
            platform: clean(&self.platform),
            device_family: self.device_family.as_deref().and_then(clean),
            client_id: Some(self.client_id.clone()),
            client_mode: Some(self.client_mode.clone()),
            remote_ip,
        }
    }

    /// Runs a check with the device's claim.
    pub(crate) fn with_claim<T>(
        &self,
        proof: &DeviceProof,
        check: impl FnOnce(&DeviceClaim<'_>) -> T,
    ) -> T {
        let scopes: Vec<&str> = self.scope_texts.iter().map(String::as_str).collect();
        check(&DeviceClaim {
            id: &proof.id,
            public_key: &proof.public_key,
            signature: &proof.signature,
            signed_at_ms: proof.signed_at_ms,
            nonce: &proof.nonce,
            client_id: &self.client_id,
            client_mode: &self.client_mode,
            role: &self.role_text,
            scopes: &scopes,
            token: &self.auth.signed,
            platform: &self.platform,
            device_family: self.device_family.as_deref().unwrap_or_default(),
        })
    }
}

/// The client is of a later release than the one we match, so it may send keys we do not know
/// (decisions-control-and-agents 24).
fn is_newer(value: &Value) -> bool {
    value["client"]["version"]
        .as_str()
        .is_some_and(is_newer_release)
}

/// Compares `YYYY.M.P`; anything else is not newer.
pub(crate) fn is_newer_release(version: &str) -> bool {
    let parts = |text: &str| -> Option<[u32; 3]> {
        let core = text.split(['-', '+']).next()?;
        let numbers: Vec<u32> = core
            .split('.')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        numbers.try_into().ok()
    };
    match (parts(version), parts(quirks::COMPATIBLE_RELEASE)) {
        (Some(theirs), Some(ours)) => theirs > ours,
        _ => false,
    }
}
