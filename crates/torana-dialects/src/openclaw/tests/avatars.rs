//! Pictures of agents, by method and by address (S-020, S-021).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use torana_core::id::AgentId;

use super::rig::{Rig, TOKEN, connect};

const DRAWING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";

/// A gateway with pictures in its agent's workspace and a file beside it.
async fn rig() -> Rig {
    let rig = Rig::start().await;
    let workspace = rig.context.host.site().workspace("main");
    std::fs::create_dir_all(workspace.join("pictures")).expect("a folder");
    std::fs::write(workspace.join("pictures/crab.svg"), DRAWING).expect("written");
    std::fs::write(workspace.join("large.png"), vec![0; 2 * 1024 * 1024 + 1]).expect("written");
    std::fs::write(rig.context.state_dir.join("outside.png"), "secret").expect("written");
    let outside = rig.context.state_dir.join("outside.png");
    std::os::unix::fs::symlink(outside, workspace.join("link.png")).expect("linked");
    rig
}

fn choose(rig: &Rig, avatar: &str) {
    let engine = &rig.context.engine;
    let mut settings = engine.settings().as_ref().clone();
    let main = AgentId::new("main").expect("an id");
    let agent = settings.agents.get_mut(&main).expect("an agent");
    agent.avatar = Some(avatar.to_owned());
    engine.apply(settings);
}

async fn meta(rig: &Rig) -> Value {
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let answer = rig.http("GET", "/avatar/main?meta=1", &[&bearer]).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    serde_json::from_str(&answer.body).expect("JSON")
}

#[tokio::test]
async fn a_file_is_shown_to_readers_and_cannot_act() {
    let rig = rig().await;
    choose(&rig, "pictures/crab.svg");
    let facts = meta(&rig).await;
    let address = facts["avatarUrl"].as_str().expect("an address").to_owned();
    assert!(address.starts_with("/avatar/main?v="), "{address}");
    assert_eq!(
        (&facts["avatarStatus"], &facts["avatarSource"]),
        (&json!("local"), &json!("pictures/crab.svg"))
    );
    assert_eq!(rig.http("GET", &address, &[]).await.status, 401);
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let shown = rig.http("GET", &address, &[&bearer]).await;
    assert_eq!((shown.status, shown.body.as_str()), (200, DRAWING));
    for field in [
        "content-type: image/svg+xml",
        "content-security-policy: sandbox; default-src 'none'",
        "accept-ranges: bytes",
    ] {
        assert!(shown.head.contains(field), "{field}: {}", shown.head);
    }
    let part = rig
        .http("GET", &address, &[&bearer, "Range: bytes=0-3"])
        .await;
    assert_eq!((part.status, part.body.as_str()), (206, "<svg"));
    let head = rig.http("HEAD", &address, &[&bearer]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(rig.http("POST", &address, &[&bearer]).await.status, 405);
    for missing in [
        "/avatar/nobody",
        "/avatar/",
        "/avatar/a/b",
        "/avatar/main/x",
    ] {
        assert_eq!(
            rig.http("GET", missing, &[&bearer]).await.status,
            404,
            "{missing}"
        );
    }
    // Programs get the picture itself, because they have no page to load it from.
    let mut client = rig.client().await;
    let auth = json!({ "token": TOKEN });
    client
        .ask("connect", connect("cli", "cli", &["operator.read"], auth))
        .await;
    let identity = client.ask("agent.identity.get", json!({})).await;
    let picture = identity["payload"]["avatar"].as_str().expect("a picture");
    assert!(
        picture.starts_with("data:image/svg+xml;base64,PHN2Zy"),
        "{picture}"
    );
    let listed = client.ask("agents.list", json!({})).await;
    let listed = &listed["payload"]["agents"][0]["identity"];
    assert_eq!(listed["avatarUrl"], "/avatar/main");
}

#[tokio::test]
async fn s_020_no_picture_comes_from_outside_of_the_workspace() {
    let rig = rig().await;
    let outside = rig
        .context
        .state_dir
        .join("outside.png")
        .display()
        .to_string();
    for (avatar, status, reason) in [
        ("../outside.png", "none", "outside_workspace"),
        (outside.as_str(), "none", "outside_workspace"),
        ("~/outside.png", "none", "outside_workspace"),
        ("link.png", "none", "unreadable"),
        ("large.png", "none", "too_large"),
        ("absent.png", "none", "missing"),
        ("pictures/crab.html", "none", "unsupported_extension"),
        ("file:///etc/passwd", "none", "unsupported_uri"),
        ("javascript:alert(1)", "none", "unsupported_uri"),
        ("data:text/html,hi", "none", "unsupported_data_url"),
        ("data:image/png;base64,AA==", "data", ""),
        ("https://example.org/crab.png", "remote", ""),
    ] {
        choose(&rig, avatar);
        let facts = meta(&rig).await;
        let told = facts["avatarReason"].as_str().unwrap_or_default();
        assert_eq!(
            (facts["avatarStatus"].as_str(), told),
            (Some(status), reason),
            "{avatar}"
        );
        let bearer = format!("Authorization: Bearer {TOKEN}");
        let file = rig.http("GET", "/avatar/main", &[&bearer]).await;
        let wanted = if status == "data" { 200 } else { 404 };
        assert_eq!(file.status, wanted, "{avatar}");
        assert!(!facts.to_string().contains("secret"), "{avatar}");
    }
}

#[tokio::test]
async fn a_picture_that_is_written_out_has_an_address_and_one_elsewhere_has_none() {
    let rig = rig().await;
    let mut client = rig.operator(&["operator.read"]).await;
    let drawing = STANDARD.encode(DRAWING);
    choose(&rig, &format!("data:image/svg+xml;base64,{drawing}"));
    let listed = client.ask("agents.list", json!({})).await;
    let listed = &listed["payload"]["agents"][0]["identity"];
    assert_eq!(listed["avatarUrl"], "/avatar/main");
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let shown = rig.http("GET", "/avatar/main", &[&bearer]).await;
    assert_eq!((shown.status, shown.body.as_str()), (200, DRAWING));
    for field in [
        "content-type: image/svg+xml",
        "content-security-policy: sandbox; default-src 'none'",
        "x-content-type-options: nosniff",
    ] {
        assert!(shown.head.contains(field), "{field}: {}", shown.head);
    }
    assert_eq!(rig.http("GET", "/avatar/main", &[]).await.status, 401);
    choose(&rig, "https://example.org/crab.png");
    let listed = client.ask("agents.list", json!({})).await;
    let listed = &listed["payload"]["agents"][0]["identity"];
    assert_eq!(listed["avatarUrl"], Value::Null);
    assert_eq!(listed["avatar"], "https://example.org/crab.png");
}

#[tokio::test]
async fn a_picture_is_chosen_and_taken_away_by_method() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    for (avatar, kept) in [
        (
            "data:image/webp;base64,AA==",
            json!("data:image/webp;base64,AA=="),
        ),
        (" pictures/crab.png ", json!("pictures/crab.png")),
        ("", Value::Null),
    ] {
        let params = json!({ "agentId": "main", "avatar": avatar });
        let answer = client.ask("agents.update", params).await;
        assert_eq!(answer["ok"], true, "{answer}");
        let config = client.ask("config.get", json!({})).await;
        let main = &config["payload"]["config"]["agents"]["entries"]["main"];
        assert_eq!(main["identity"]["avatar"], kept, "{config}");
    }
    let params = json!({ "agentId": "main", "avatar": "x".repeat(65_537) });
    let answer = client.ask("agents.update", params).await;
    assert_eq!(answer["error"]["code"], "INVALID_REQUEST");
}
