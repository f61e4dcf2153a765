//! Outcomes of the handshake, over a real socket (S-001, S-002, S-006, S-009).

use expect_test::expect;
use serde_json::{Value, json};
use torana_core::auth::{Role, ScopeSet};
use torana_core::port::World;

use super::super::connect::Connect;
use super::super::handshake::{Doorkeeper, Principal, Refusal};
use super::rig::{Client, Rig, TOKEN, connect, front};
use crate::context::{AuthMode, FrontSettings};
use crate::front::peer::{Identity, Peer, Via};

/// One line about what came of a connect.
fn outcome(result: &Result<Principal, Refusal>) -> String {
    match result {
        Ok(principal) => format!(
            "{} {} [{}]",
            principal.role.as_str(),
            principal.method,
            principal.scopes
        ),
        Err(refusal) => {
            let error = refusal.error.as_ref();
            let code = error
                .and_then(|error| error.details.as_ref())
                .map_or("-", |details| details["code"].as_str().unwrap_or("-"));
            format!(
                "{} {} {code}: {}",
                refusal.code,
                error.map_or("-", |error| error.code),
                refusal.reason
            )
        }
    }
}

pub(super) struct Door {
    pub(super) rig: Rig,
    peer: Peer,
}

impl Door {
    pub(super) async fn open() -> Self {
        let peer = Peer {
            remote: [127, 0, 0, 1].into(),
            direct_local: true,
            origin: None,
            origin_ok: true,
            host: "127.0.0.1:1".to_owned(),
            user_agent: None,
            identity: None,
            is_tls: false,
        };
        Self {
            rig: Rig::hurried().await,
            peer,
        }
    }

    fn world(&self) -> &World {
        self.rig.context.engine.world()
    }

    /// From now on whoever knocks comes from another machine.
    pub(super) fn remote(&mut self) {
        self.peer.direct_local = false;
        self.peer.remote = [192, 0, 2, 7].into();
    }

    async fn knock(&self, params: &Value) -> Result<Principal, Refusal> {
        self.knock_with(params, |_| {}).await
    }

    /// Knocks at a door with other settings.
    pub(super) async fn knock_with(
        &self,
        params: &Value,
        change: impl FnOnce(&mut FrontSettings),
    ) -> Result<Principal, Refusal> {
        let mut front = front(1);
        change(&mut front);
        let doorkeeper = Doorkeeper {
            front: &front,
            peer: &self.peer,
            gate: &self.rig.context.gate,
            devices: self.rig.dialect.devices(),
            logins: &self.rig.context.logins,
            nonce: "nonce-1",
            now_ms: self.world().wall_ms(),
        };
        doorkeeper.admit(&Connect::read(params)?).await
    }

    /// Adds a device with a right signature.
    fn signed(&self, params: Value, seed: u8) -> Value {
        super::rig::signed(params, seed, "nonce-1", self.world().wall_ms())
    }
}

fn token() -> Value {
    json!({ "token": TOKEN })
}

#[tokio::test]
async fn clients_without_a_device_keep_scopes_only_on_the_named_path() {
    let mut door = Door::open().await;
    let scopes = &["operator.read", "operator.*", "operator.admin"];
    let mut found = Vec::new();
    for (id, mode, auth) in [
        ("cli", "cli", token()),
        ("gateway-client", "backend", json!({ "password": TOKEN })),
        ("cli", "probe", token()),
        ("test", "test", token()),
        ("openclaw-control-ui", "webchat", token()),
        ("openclaw-tui", "ui", token()),
        ("cli", "cli", json!({})),
        ("cli", "cli", json!({ "token": "wrong" })),
    ] {
        found.push(format!(
            "{id}/{mode}: {}",
            outcome(&door.knock(&connect(id, mode, scopes, auth)).await)
        ));
    }
    door.peer.direct_local = false;
    door.peer.remote = [192, 0, 2, 7].into();
    found.push(format!(
        "remote cli: {}",
        outcome(&door.knock(&connect("cli", "cli", scopes, token())).await)
    ));
    expect![[r#"
        cli/cli: operator token [operator.admin,operator.read]
        gateway-client/backend: operator token [operator.admin,operator.read]
        cli/probe: operator token []
        test/test: operator token []
        openclaw-control-ui/webchat: 1008 INVALID_REQUEST CONTROL_UI_ORIGIN_NOT_ALLOWED: origin not allowed (open the Control UI from the gateway host or allow it in gateway.controlUi.allowedOrigins)
        openclaw-tui/ui: 1008 INVALID_REQUEST CONTROL_UI_DEVICE_IDENTITY_REQUIRED: control ui requires device identity (use HTTPS or localhost secure context)
        cli/cli: 1008 NOT_PAIRED DEVICE_IDENTITY_REQUIRED: device identity required
        cli/cli: 1008 INVALID_REQUEST AUTH_TOKEN_MISMATCH: unauthorized: gateway token mismatch (use this gateway's gateway.auth.token or pair the device)
        remote cli: operator token []"#]].assert_eq(&found.join("\n"));
}

#[tokio::test]
async fn versions_and_roles_are_negotiated_as_by_the_reference() {
    let door = Door::open().await;
    let mut found = Vec::new();
    for (min, max, mode, role) in [
        (4, 4, "cli", "operator"),
        (1, 7, "cli", "operator"),
        (7, 7, "cli", "operator"),
        (3, 3, "cli", "operator"),
        (3, 3, "probe", "operator"),
        (4, 4, "cli", "admin"),
        (4, 4, "cli", "worker"),
        (4, 4, "cli", "node"),
    ] {
        let mut params = connect("cli", mode, &[], token());
        (params["minProtocol"], params["maxProtocol"], params["role"]) =
            (json!(min), json!(max), json!(role));
        found.push(format!(
            "{min}..{max} {mode} {role}: {}",
            outcome(&door.knock(&params).await)
        ));
    }
    expect![[r#"
        4..4 cli operator: operator token []
        1..7 cli operator: operator token []
        7..7 cli operator: operator token []
        3..3 cli operator: 1002 INVALID_REQUEST PROTOCOL_MISMATCH: protocol mismatch
        3..3 probe operator: operator token []
        4..4 cli admin: 1008 INVALID_REQUEST -: invalid role
        4..4 cli worker: 1008 - -: invalid-handshake
        4..4 cli node: 1008 NOT_PAIRED DEVICE_IDENTITY_REQUIRED: device identity required"#]]
    .assert_eq(&found.join("\n"));
}

#[tokio::test]
async fn devices_are_paired_silently_here_and_by_people_elsewhere() {
    let mut door = Door::open().await;
    let read = &["operator.read"][..];
    let tui = |scopes: &[&str], auth| connect("openclaw-tui", "ui", scopes, auth);
    let first = door.knock(&door.signed(tui(read, token()), 1)).await;
    let issued = first
        .as_ref()
        .ok()
        .and_then(|principal| principal.token.clone())
        .expect("a device token");
    let again = door
        .knock(&door.signed(tui(read, token()), 1))
        .await
        .expect("known");
    assert_eq!(
        again.token.as_ref(),
        Some(&issued),
        "the same token at every hello"
    );
    let mut found = vec![format!("first: {}", outcome(&first))];
    let by_token = json!({ "deviceToken": issued.token });
    let attempts = [
        ("device token", tui(read, by_token.clone()), 1),
        ("as token", tui(read, json!({ "token": issued.token })), 1),
        ("wider", tui(&["operator.admin"], by_token.clone()), 1),
        ("stolen", tui(read, by_token), 2),
        ("wrong", tui(read, json!({ "deviceToken": "x" })), 1),
        ("missing", tui(read, json!({})), 1),
    ];
    for (name, params, seed) in attempts {
        found.push(format!(
            "{name}: {}",
            outcome(&door.knock(&door.signed(params, seed)).await)
        ));
    }
    door.peer.direct_local = false;
    door.peer.remote = [192, 0, 2, 7].into();
    for (name, seed, scopes) in [
        ("remote stranger", 3, read),
        ("remote wider", 1, &["operator.write"][..]),
    ] {
        let refused = door.knock(&door.signed(tui(scopes, token()), seed)).await;
        let text = outcome(&refused);
        found.push(format!(
            "{name}: {}",
            text.split(" (requestId").next().unwrap_or_default()
        ));
    }
    let (pending, _) = door.rig.dialect.devices().list().await.expect("listed");
    assert_eq!(pending.len(), 2);
    // S-008: nobody approves more than he holds.
    let request = pending
        .iter()
        .find(|request| request.repair)
        .expect("the upgrade");
    let weak = ScopeSet::parse(["operator.pairing"]);
    assert!(
        door.rig
            .dialect
            .devices()
            .approve(&request.request_id, weak)
            .await
            .is_err()
    );
    door.rig
        .dialect
        .devices()
        .approve(&request.request_id, ScopeSet::every())
        .await
        .expect("approved");
    let after = door
        .knock(&door.signed(tui(&["operator.write"], token()), 1))
        .await;
    found.push(format!("approved: {}", outcome(&after)));
    expect![[r#"
        first: operator token [operator.read]
        device token: operator device-token [operator.read]
        as token: operator device-token [operator.read]
        wider: 1008 INVALID_REQUEST AUTH_SCOPE_MISMATCH: unauthorized: device token scope mismatch (re-pair or approve scope upgrade)
        stolen: 1008 INVALID_REQUEST AUTH_DEVICE_TOKEN_MISMATCH: unauthorized: device token mismatch (rotate/reissue device token)
        wrong: 1008 INVALID_REQUEST AUTH_DEVICE_TOKEN_MISMATCH: unauthorized: device token mismatch (rotate/reissue device token)
        missing: 1008 INVALID_REQUEST AUTH_TOKEN_MISSING: unauthorized: gateway token missing (provide gateway auth token)
        remote stranger: 1008 NOT_PAIRED PAIRING_REQUIRED: pairing required: device is not approved yet
        remote wider: 1008 NOT_PAIRED PAIRING_REQUIRED: pairing required: device is asking for more scopes than currently approved
        approved: operator token [operator.write]"#]].assert_eq(&found.join("\n"));
}

#[tokio::test]
async fn a_sign_in_code_works_once_and_a_revoked_device_stays_out() {
    let mut door = Door::open().await;
    door.peer.origin = Some("http://127.0.0.1:1".to_owned());
    let code = door.rig.dialect.issue_login().code;
    let page = |auth| connect("openclaw-control-ui", "webchat", &["operator.admin"], auth);
    let params = page(json!({ "bootstrapToken": code }));
    let first = door
        .knock(&door.signed(params.clone(), 5))
        .await
        .expect("let in");
    assert_eq!(
        (first.method, first.scopes.to_string().as_str()),
        ("bootstrap-token", "operator.admin")
    );
    let second = door.knock(&door.signed(params, 6)).await;
    assert!(
        outcome(&second).starts_with("1008 INVALID_REQUEST AUTH_BOOTSTRAP_TOKEN_INVALID"),
        "{}",
        outcome(&second)
    );
    let issued = first.token.expect("a token").token;
    let device = first.device.expect("a device");
    assert!(
        door.knock(&door.signed(page(json!({ "deviceToken": issued })), 5))
            .await
            .is_ok()
    );
    let devices = door.rig.dialect.devices();
    devices
        .revoke(device.as_str(), Role::Operator)
        .await
        .expect("revoked");
    let out = door
        .knock(&door.signed(page(json!({ "deviceToken": issued })), 5))
        .await;
    assert!(outcome(&out).contains("AUTH_DEVICE_TOKEN_MISMATCH"));
    // Paired anew it gets another string: what was taken stays dead.
    let again = door
        .knock(&door.signed(page(token()), 5))
        .await
        .expect("paired again");
    assert_ne!(again.token.expect("a token").token, issued);
}

/// S-009: a fault of the device proof is refused even beside the right secret.
#[tokio::test]
async fn device_proofs_are_bound_to_the_connection() {
    let door = Door::open().await;
    let good = || door.signed(connect("openclaw-tui", "ui", &[], token()), 1);
    let mut found = Vec::new();
    for (pointer, value) in [
        ("/device/id", json!("00")),
        ("/device/signedAt", json!(1)),
        ("/device/nonce", json!("another")),
        ("/device/nonce", json!(" ")),
        ("/device/signature", json!("AAAA")),
        ("/scopes", json!(["operator.admin"])),
        ("/client/platform", json!("other")),
    ] {
        let mut params = good();
        *params.pointer_mut(pointer).expect("there") = value;
        found.push(format!(
            "{pointer}: {}",
            outcome(&door.knock(&params).await)
        ));
    }
    expect![[r#"
        /device/id: 1008 INVALID_REQUEST DEVICE_AUTH_DEVICE_ID_MISMATCH: device identity mismatch
        /device/signedAt: 1008 INVALID_REQUEST DEVICE_AUTH_SIGNATURE_EXPIRED: device signature expired
        /device/nonce: 1008 INVALID_REQUEST DEVICE_AUTH_NONCE_MISMATCH: device nonce mismatch
        /device/nonce: 1008 INVALID_REQUEST DEVICE_AUTH_NONCE_REQUIRED: device nonce required
        /device/signature: 1008 INVALID_REQUEST DEVICE_AUTH_SIGNATURE_INVALID: device signature invalid
        /scopes: 1008 INVALID_REQUEST DEVICE_AUTH_SIGNATURE_INVALID: device signature invalid
        /client/platform: 1008 INVALID_REQUEST DEVICE_AUTH_SIGNATURE_INVALID: device signature invalid"#]].assert_eq(&found.join("\n"));
}

/// S-002: the claimed client never exempts from the origin check.
#[tokio::test]
async fn foreign_pages_get_no_hello() {
    let mut door = Door::open().await;
    door.peer.origin = Some("http://evil.example".to_owned());
    door.peer.origin_ok = false;
    for (id, mode) in [
        ("openclaw-control-ui", "webchat"),
        ("cli", "cli"),
        ("gateway-client", "backend"),
    ] {
        let refused = outcome(
            &door
                .knock(&connect(id, mode, &["operator.read"], token()))
                .await,
        );
        assert!(
            refused.contains("CONTROL_UI_ORIGIN_NOT_ALLOWED"),
            "{refused}"
        );
    }
    door.peer = Peer {
        origin: None,
        origin_ok: true,
        ..door.peer
    };
    let page = door
        .knock(&connect("openclaw-control-ui", "webchat", &[], token()))
        .await;
    assert!(
        outcome(&page).contains("CONTROL_UI_ORIGIN_NOT_ALLOWED"),
        "a page without Origin is no page"
    );
}

async fn closing(client: &mut Client, text: &str) -> String {
    client.say(text).await;
    match client.answer().await {
        Ok(answer) => {
            let (code, reason) = client.answer().await.expect_err("closed");
            format!(
                "{} | {code} {reason}",
                answer["error"]["message"].as_str().unwrap_or_default()
            )
        }
        Err((code, reason)) => format!("- | {code} {reason}"),
    }
}

/// S-001: nothing but a good `connect` comes first.
#[tokio::test]
async fn first_frames_other_than_connect_end_the_connection() {
    let rig = Rig::start().await;
    let mut found = Vec::new();
    for text in [
        "[]",
        "no json",
        r#"{"method":"auth","params":{"token":"x"}}"#,
        r#"{"type":"req","id":"1","method":"connect","params":{}}"#,
        r#"{"type":"req","id":"1","method":"connect","params":{"minProtocol":1,"maxProtocol":9,"client":{}}}"#,
    ] {
        found.push(closing(&mut rig.client().await, text).await);
    }
    expect![[r#"
        - | 1008 invalid request frame
        - | 1000 
        - | 1008 unauthorized: gateway token mismatch (use this gateway's gateway.auth.token or pair the device)
        invalid connect params: must have required property 'minProtocol' | 1008 invalid connect params: must have required property 'minProtocol'
        invalid connect params: at /client: must have required property 'id' | 1008 invalid connect params: at /client: must have required property 'id'"#]].assert_eq(&found.join("\n"));
    for method in super::super::methods::rows() {
        let frame =
            json!({ "type": "req", "id": "1", "method": method.name, "params": {} }).to_string();
        let text = closing(&mut rig.client().await, &frame).await;
        assert_eq!(
            text,
            "invalid handshake: first request must be connect | 1008 invalid handshake: first request must be connect"
        );
    }
    let long = format!(
        r#"{{"type":"req","id":"1","method":"connect","params":"{}"}}"#,
        "x".repeat(70_000)
    );
    let mut client = rig.client().await;
    client.say(long).await;
    assert!(matches!(client.answer().await, Err((1009 | 1006, _))));
}

/// A person named by a proxy replaces the secret, never the device of anything but a page, and never pairing.
#[tokio::test]
async fn named_persons_come_in_as_far_as_their_proxy_reaches() {
    let mut door = Door::open().await;
    door.remote();
    let proxied = |front: &mut FrontSettings| front.auth = AuthMode::TrustedProxy;
    let scopes = &["operator.admin"];
    let page = || connect("openclaw-control-ui", "webchat", scopes, json!({}));
    let mut found = Vec::new();
    door.peer.origin = Some("https://gateway.example.org".to_owned());
    for (name, via) in [
        ("nobody", None),
        ("proxy", Some(Via::TrustedProxy)),
        ("tailnet", Some(Via::Tailscale)),
    ] {
        door.peer.identity = via.map(|via| Identity {
            user: "ann@example.org".to_owned(),
            via,
        });
        for (client, params) in [
            ("page", page()),
            ("page with device", door.signed(page(), 1)),
            ("secret", connect("cli", "cli", scopes, token())),
        ] {
            let text = outcome(&door.knock_with(&params, proxied).await);
            let text = text
                .split(" (requestId")
                .next()
                .unwrap_or_default()
                .to_owned();
            found.push(format!("{name}, {client}: {text}"));
        }
    }
    expect![[r#"
        nobody, page: 1008 INVALID_REQUEST CONTROL_UI_DEVICE_IDENTITY_REQUIRED: control ui requires device identity (use HTTPS or localhost secure context)
        nobody, page with device: 1008 INVALID_REQUEST AUTH_UNAUTHORIZED: unauthorized: the proxy named nobody who may come in
        nobody, secret: 1008 INVALID_REQUEST AUTH_UNAUTHORIZED: unauthorized: the proxy named nobody who may come in
        proxy, page: operator trusted-proxy [operator.admin]
        proxy, page with device: 1008 NOT_PAIRED PAIRING_REQUIRED: pairing required: device is not approved yet
        proxy, secret: operator trusted-proxy []
        tailnet, page: 1008 INVALID_REQUEST CONTROL_UI_DEVICE_IDENTITY_REQUIRED: control ui requires device identity (use HTTPS or localhost secure context)
        tailnet, page with device: 1008 NOT_PAIRED PAIRING_REQUIRED: pairing required: device is not approved yet
        tailnet, secret: operator tailscale []"#]].assert_eq(&found.join("\n"));
}

/// A local node is paired silently only while the operator leaves that on; listed networks are, others never are.
#[tokio::test]
async fn nodes_are_paired_without_a_question_only_where_the_operator_says_so() {
    let mut door = Door::open().await;
    let knock = |seed| door.signed(super::rig::node("linux", &[]), seed);
    let (first, second, third, fourth) = (knock(1), knock(2), knock(3), knock(4));
    let silent = door.knock(&first).await.expect("a local node");
    assert_eq!((silent.role, silent.scopes), (Role::Node, ScopeSet::NONE));
    let asked = door
        .knock_with(&second, |front| front.nodes.auto_approve_local = false)
        .await;
    assert!(
        outcome(&asked).contains("PAIRING_REQUIRED"),
        "{}",
        outcome(&asked)
    );
    door.remote();
    let listed = |network: &'static str| {
        move |front: &mut FrontSettings| {
            front.nodes.auto_approve_networks = vec![network.parse().expect("a network")];
        }
    };
    let asked = door.knock_with(&third, listed("10.0.0.0/8")).await;
    assert!(
        outcome(&asked).contains("PAIRING_REQUIRED"),
        "{}",
        outcome(&asked)
    );
    assert!(
        door.knock_with(&fourth, listed("192.0.2.0/24"))
            .await
            .is_ok()
    );
    // An operator of the same network is asked for all the same.
    let operator = door.signed(connect("openclaw-tui", "ui", &[], token()), 5);
    let asked = door.knock_with(&operator, listed("192.0.2.0/24")).await;
    assert!(
        outcome(&asked).contains("PAIRING_REQUIRED"),
        "{}",
        outcome(&asked)
    );
}

fn with_auth(mut params: Value, auth: Value) -> Value {
    params["auth"] = auth;
    params
}

/// S-006, S-010: a page of this machine, and whoever comes past an identity proxy, has no more than it could prove.
#[tokio::test]
async fn s_006_the_secret_keeps_scopes_for_programs_of_this_machine_alone() {
    let mut door = Door::open().await;
    let program = connect("cli", "cli", &["operator.admin"], token());
    let proxied = |front: &mut FrontSettings| front.auth = AuthMode::TrustedProxy;
    let here = outcome(&door.knock_with(&program, proxied).await);
    assert_eq!(here, "operator token [operator.admin]");
    let nobody = "the proxy named nobody who may come in";
    door.peer.origin = Some("http://127.0.0.1:1".to_owned());
    let page = outcome(&door.knock(&program).await);
    assert_eq!(page, "operator token []");
    let page = outcome(&door.knock_with(&program, proxied).await);
    assert!(page.contains(nobody), "{page}");
    door.peer.origin = None;
    door.remote();
    let remote = outcome(&door.knock_with(&program, proxied).await);
    assert!(remote.contains(nobody), "{remote}");
}

/// S-008: nothing but our own page is paired silently from a browser, and a trusted network is for programs.
#[tokio::test]
async fn s_008_pages_that_are_not_ours_are_not_paired_without_a_question() {
    let mut door = Door::open().await;
    door.peer.origin = Some("http://127.0.0.1:1".to_owned());
    let terminal = door.signed(connect("openclaw-tui", "ui", &[], token()), 21);
    let asked = outcome(&door.knock(&terminal).await);
    assert!(asked.contains("PAIRING_REQUIRED"), "{asked}");
    let page = connect("openclaw-control-ui", "webchat", &[], token());
    assert!(door.knock(&door.signed(page, 22)).await.is_ok());
    door.remote();
    let node = door.signed(super::rig::node("linux", &[]), 23);
    let listed = |front: &mut FrontSettings| {
        front.nodes.auto_approve_networks = vec!["192.0.2.0/24".parse().expect("a network")];
    };
    let asked = outcome(&door.knock_with(&node, listed).await);
    assert!(asked.contains("PAIRING_REQUIRED"), "{asked}");
}

/// S-008: whatever a node asks for, it holds no scope; a device that became another machine is approved anew.
#[tokio::test]
async fn s_008_a_device_is_what_was_approved() {
    let mut door = Door::open().await;
    let mut greedy = super::rig::node("linux", &[]);
    greedy["scopes"] = json!(["operator.admin"]);
    let node = door
        .knock(&door.signed(greedy, 24))
        .await
        .expect("a local node");
    assert_eq!(node.scopes, ScopeSet::NONE);
    let terminal = |family: &str, auth: Value| {
        let mut params = connect("openclaw-tui", "ui", &["operator.read"], auth);
        params["client"]["deviceFamily"] = json!(family);
        params
    };
    let first = door.signed(terminal("Phone", token()), 25);
    let known = door
        .knock(&first)
        .await
        .expect("paired here")
        .token
        .expect("a token");
    door.remote();
    for auth in [token(), json!({ "deviceToken": known.token })] {
        let same = door.signed(terminal("Phone", auth.clone()), 25);
        assert!(door.knock(&same).await.is_ok());
        let changed = door.signed(terminal("Desktop", auth), 25);
        let asked = outcome(&door.knock(&changed).await);
        assert!(asked.contains("device identity changed"), "{asked}");
    }
}

/// Decision 35: a code is for the roles it was printed for, and gives way to a secret.
#[tokio::test]
async fn a_code_opens_only_what_it_was_printed_for() {
    use torana_engine::service::login::SetupProfile;
    let door = Door::open().await;
    let logins = &door.rig.context.logins;
    let printed = json!({ "bootstrapToken": logins.issue_login().code });
    let node = with_auth(super::rig::node("linux", &[]), printed.clone());
    let refused = outcome(&door.knock(&door.signed(node, 26)).await);
    assert!(
        refused.contains("AUTH_BOOTSTRAP_TOKEN_INVALID"),
        "{refused}"
    );
    let page = connect("openclaw-tui", "ui", &["operator.read"], printed);
    assert!(door.knock(&door.signed(page, 27)).await.is_ok());
    let (_, setup) = logins.issue_setup(SetupProfile::Node);
    let node = with_auth(
        super::rig::node("linux", &[]),
        json!({ "bootstrapToken": setup.code }),
    );
    let lent = door.knock(&door.signed(node, 28)).await.expect("set up");
    let roles: Vec<Role> = lent.handoff.iter().map(|(role, _)| *role).collect();
    assert_eq!(roles, [Role::Node]);
    let both = json!({ "token": TOKEN, "bootstrapToken": "gone" });
    let known = connect("openclaw-tui", "ui", &[], both);
    assert!(door.knock(&door.signed(known, 29)).await.is_ok());
}

/// S-005: guesses at codes and at tokens of devices are counted like those at the secret.
#[tokio::test]
async fn s_005_codes_and_device_tokens_are_not_guessed_without_end() {
    for (seed, auth) in [
        (30, json!({ "bootstrapToken": "guess" })),
        (31, json!({ "deviceToken": "guess" })),
    ] {
        let mut door = Door::open().await;
        door.remote();
        let guess = door.signed(connect("openclaw-tui", "ui", &[], auth), seed);
        for _ in 0..10 {
            let wrong = outcome(&door.knock(&guess).await);
            assert!(
                wrong.contains("AUTH_") && !wrong.contains("AUTH_RATE"),
                "{wrong}"
            );
        }
        let limited = outcome(&door.knock(&guess).await);
        assert!(limited.contains("AUTH_RATE_LIMITED"), "{limited}");
    }
}

/// S-045: who asks again waits under the same request; who asks for something else leaves another one.
#[tokio::test]
async fn s_045_an_equal_request_is_not_left_twice() {
    let mut door = Door::open().await;
    door.remote();
    let mut asked = Vec::new();
    for scopes in [&["operator.read"], &["operator.read"], &["operator.write"]] {
        let params = connect("openclaw-tui", "ui", scopes, token());
        let refused = door
            .knock(&door.signed(params, 32))
            .await
            .expect_err("asked");
        asked.push(refused.reason);
    }
    assert_eq!(asked[0], asked[1]);
    assert_ne!(asked[0], asked[2]);
}
