//! What must hold for every scope set, signature, token and code.

use std::sync::Arc;

use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

use super::*;
use crate::id::DeviceId;
use crate::port::{BoxFuture, Clock, Entropy, World};

struct Still;
impl Clock for Still {
    fn wall_ms(&self) -> i64 {
        0
    }
    fn monotonic_ms(&self) -> u64 {
        0
    }
    fn sleep_until(&self, _: u64) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

struct Bytes(u8);
impl Entropy for Bytes {
    fn fill(&self, buffer: &mut [u8]) {
        for (index, byte) in buffer.iter_mut().enumerate() {
            *byte = self
                .0
                .wrapping_add(u8::try_from(index % 256).unwrap_or(0).wrapping_mul(37));
        }
    }
}

fn world(seed: u8) -> World {
    World {
        clock: Arc::new(Still),
        entropy: Arc::new(Bytes(seed)),
    }
}

fn any_set() -> impl Strategy<Value = ScopeSet> {
    proptest::collection::vec(0..Scope::ALL.len(), 0..6)
        .prop_map(|indexes| indexes.into_iter().map(|index| Scope::ALL[index]).collect())
}

proptest! {
    /// S-006: whatever is asked for, nothing beyond the grant comes out, and nothing that was not asked for.
    #[test]
    fn effective_scopes_are_requested_and_granted(requested in any_set(), granted in any_set()) {
        let effective = granted.limit(requested);
        prop_assert!(granted.covers(effective));
        prop_assert!(effective.iter().all(|scope| requested.names(scope)));
        prop_assert_eq!(granted.limit(effective), effective);
    }

    #[test]
    fn covering_is_transitive(a in any_set(), b in any_set(), c in any_set()) {
        if a.covers(b) && b.covers(c) {
            prop_assert!(a.covers(c));
        }
    }

    #[test]
    fn only_listed_words_are_scopes(word in "[a-z.*]{0,24}") {
        let known = Scope::ALL.iter().any(|scope| scope.as_str() == word);
        prop_assert_eq!(!ScopeSet::parse([&word]).is_empty(), known);
    }

    #[test]
    fn reading_a_key_never_panics(text in "\\PC{0,120}") {
        prop_assert_eq!(PublicKey::parse(&text).is_some(), PublicKey::parse(&text).is_some());
    }
}

#[test]
fn implications_are_those_of_the_protocol() {
    let table: Vec<String> = Scope::ALL
        .iter()
        .map(|held| {
            let set = ScopeSet::NONE.with(*held);
            let extra: Vec<_> = Scope::ALL
                .iter()
                .filter(|scope| *scope != held && set.allows(**scope))
                .map(|scope| scope.as_str())
                .collect();
            format!("{held}: {}", extra.len())
        })
        .collect();
    expect_test::expect![[r#"
        [
            "operator.admin: 9",
            "operator.read: 1",
            "operator.write: 4",
            "operator.approvals: 0",
            "operator.questions: 0",
            "operator.pairing: 0",
            "operator.talk: 0",
            "operator.talk.secrets: 0",
            "operator.sessions.read: 0",
            "operator.sessions.write: 1",
        ]
    "#]]
    .assert_debug_eq(&table);
}

struct Signed {
    key: SigningKey,
    id: String,
    public: String,
    signature: String,
}

fn claim<'a>(signed: &'a Signed, nonce: &'a str) -> DeviceClaim<'a> {
    DeviceClaim {
        id: &signed.id,
        public_key: &signed.public,
        signature: &signed.signature,
        signed_at_ms: 1_000_000,
        nonce,
        client_id: "cli",
        client_mode: "cli",
        role: "operator",
        scopes: &["operator.write", "operator.read"],
        token: "secret",
        platform: " Linux ",
        device_family: "",
    }
}

fn signed(version: u8) -> Signed {
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = PublicKey::parse(&base64_text(key.verifying_key().as_bytes())).expect("a key");
    let mut signed = Signed {
        key,
        id: public.device_id().to_string(),
        public: public.to_text(),
        signature: String::new(),
    };
    let claim = claim(&signed, "n-1");
    let text = if version == 3 {
        claim.text_v3()
    } else {
        claim.text_v2()
    };
    let signature = base64_text(&signed.key.sign(text.as_bytes()).to_bytes());
    signed.signature = signature;
    signed
}

fn base64_text(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of changed fields")]
fn both_signed_forms_are_accepted_and_bound_to_nonce_time_and_fields() {
    for version in [2, 3] {
        let signed = signed(version);
        assert!(verify_device(&claim(&signed, "n-1"), "n-1", 1_000_000).is_ok());
        assert!(
            verify_device(&claim(&signed, " n-1 "), "n-1", 1_120_000).is_err(),
            "the signature covers the nonce as sent"
        );
        let faults = [
            (
                verify_device(&claim(&signed, "n-1"), "n-2", 1_000_000),
                DeviceFault::NonceMismatch,
            ),
            (
                verify_device(&claim(&signed, " "), "n-1", 1_000_000),
                DeviceFault::NonceMissing,
            ),
            (
                verify_device(&claim(&signed, "n-1"), "n-1", 1_120_001),
                DeviceFault::SignatureStale,
            ),
            (
                verify_device(&claim(&signed, "n-1"), "n-1", 879_999),
                DeviceFault::SignatureStale,
            ),
            (
                verify_device(
                    &DeviceClaim {
                        id: "00",
                        ..claim(&signed, "n-1")
                    },
                    "n-1",
                    1_000_000,
                ),
                DeviceFault::IdMismatch,
            ),
            (
                verify_device(
                    &DeviceClaim {
                        scopes: &["operator.admin"],
                        ..claim(&signed, "n-1")
                    },
                    "n-1",
                    1_000_000,
                ),
                DeviceFault::Signature,
            ),
            (
                verify_device(
                    &DeviceClaim {
                        token: "other",
                        ..claim(&signed, "n-1")
                    },
                    "n-1",
                    1_000_000,
                ),
                DeviceFault::Signature,
            ),
            (
                verify_device(
                    &DeviceClaim {
                        role: "node",
                        ..claim(&signed, "n-1")
                    },
                    "n-1",
                    1_000_000,
                ),
                DeviceFault::Signature,
            ),
            (
                verify_device(
                    &DeviceClaim {
                        signature: "AAAA",
                        ..claim(&signed, "n-1")
                    },
                    "n-1",
                    1_000_000,
                ),
                DeviceFault::Signature,
            ),
        ];
        for (outcome, fault) in faults {
            assert_eq!(outcome, Err(fault));
        }
    }
    assert!(
        verify_device(
            &DeviceClaim {
                platform: "linux",
                ..claim(&signed(3), "n-1")
            },
            "n-1",
            1_000_000
        )
        .is_ok()
    );
    assert_eq!(
        verify_device(
            &DeviceClaim {
                platform: "mac",
                ..claim(&signed(3), "n-1")
            },
            "n-1",
            1_000_000
        ),
        Err(DeviceFault::Signature)
    );
}

#[test]
fn a_key_is_read_in_every_spelling() {
    use base64::Engine as _;
    let raw = [0xfb_u8; 32];
    let standard = base64::engine::general_purpose::STANDARD.encode(raw);
    let mut der = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    der.extend(raw);
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64::engine::general_purpose::STANDARD.encode(der)
    );
    let keys: Vec<_> = [base64_text(&raw), standard, pem]
        .iter()
        .map(|text| PublicKey::parse(text))
        .collect();
    assert!(keys[0].is_some() && keys[0] == keys[1] && keys[1] == keys[2]);
    assert_eq!(PublicKey::parse("short"), None);
}

#[test]
fn device_tokens_depend_on_every_input_and_nothing_else() {
    let device = DeviceId::new("ab").expect("an id");
    let other = DeviceId::new("cd").expect("an id");
    let token = |key: u8, device: &DeviceId, role, generation| {
        derive_device_token(&[key; 32], device, role, generation)
    };
    let first = token(1, &device, Role::Operator, 1);
    assert_eq!(first, token(1, &device, Role::Operator, 1));
    for different in [
        token(2, &device, Role::Operator, 1),
        token(1, &other, Role::Operator, 1),
        token(1, &device, Role::Node, 1),
        token(1, &device, Role::Operator, 2),
    ] {
        assert_ne!(first, different);
    }
    assert_eq!(first.len(), 43);
}

#[test]
fn digests_survive_the_store_and_are_not_shown() {
    let stored = digest("secret").to_hex();
    assert_eq!(Digest::from_hex(&stored), Some(digest("secret")));
    assert_eq!(Digest::from_hex("zz"), None);
    assert!(same_secret("a", "a") && !same_secret("a", "a\0") && !same_secret("", "a"));
    assert_eq!(format!("{:?}", digest("secret")), "Digest(…)");
}

#[test]
fn codes_use_letters_people_can_read() {
    for seed in 0..=255 {
        let code = pairing_code(&world(seed));
        assert_eq!(code.len(), PAIRING_CODE_CHARS);
        assert!(code.bytes().all(|byte| PAIRING_ALPHABET.contains(&byte)));
        assert!(!code.contains(['0', 'O', '1', 'I']));
    }
    assert_eq!(login_code(&world(3)).len(), 32);
    assert_ne!(login_code(&world(3)), login_code(&world(4)));
}

/// S-009: the signed text, word for word; what is missing in it could be changed by whoever carries it.
#[test]
fn s_009_everything_a_device_claims_is_in_the_signed_text() {
    let claim = DeviceClaim {
        id: "id",
        public_key: "-",
        signature: "-",
        signed_at_ms: 17,
        nonce: "nonce",
        client_id: "client",
        client_mode: "mode",
        role: "role",
        scopes: &["b", "a"],
        token: "token",
        platform: " Linux ",
        device_family: "Desktop",
    };
    assert_eq!(claim.text_v2(), "v2|id|client|mode|role|b,a|17|token|nonce");
    assert_eq!(
        claim.text_v3(),
        "v3|id|client|mode|role|b,a|17|token|nonce|linux|desktop"
    );
}

/// S-009: under a key of small order one signature fits every text, so such a key proves nothing.
#[test]
fn s_009_a_weak_key_signs_nothing() {
    let mut point = [0_u8; 32];
    // The neutral element of the curve (RFC 8032, section 5.1.2: y = 1).
    point[0] = 1;
    let mut signature = [0_u8; 64];
    signature[0] = 1;
    let public = PublicKey::parse(&base64_text(&point)).expect("32 bytes");
    let (id, text, signature) = (
        public.device_id().to_string(),
        public.to_text(),
        base64_text(&signature),
    );
    let claim = DeviceClaim {
        id: &id,
        public_key: &text,
        signature: &signature,
        signed_at_ms: 0,
        nonce: "n",
        client_id: "cli",
        client_mode: "cli",
        role: "operator",
        scopes: &[],
        token: "",
        platform: "",
        device_family: "",
    };
    assert!(verify_device(&claim, "n", 0).is_err());
}
