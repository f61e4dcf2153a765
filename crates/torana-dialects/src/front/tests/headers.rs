//! Answers of all kinds: their exact bodies, and the headers every one carries.

use super::rig::{Reply, Rig, Script};

fn has(reply: &Reply, field: &str) -> bool {
    reply.head.contains(field)
}

#[tokio::test]
async fn every_answer_carries_the_common_headers() {
    let rig = Rig::start(Script::Echo).await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/chat/main"),
        ("GET", "/missing.js"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/live"),
        ("GET", "/metrics"),
        ("GET", "/v1/models"),
        ("GET", "/v1/nothing"),
        ("POST", "/healthz"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/index.html"),
        ("OPTIONS", "/v1/models"),
    ] {
        let reply = rig.ask(method, path, &[], "").await;
        for field in [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "permissions-policy: ",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "cache-control: ",
        ] {
            assert!(
                has(&reply, field),
                "{method} {path} lacks {field}: {}",
                reply.head
            );
        }
        assert!(
            !has(&reply, "\r\nserver:")
                && !has(&reply, "access-control-")
                && !has(&reply, "\r\nset-cookie:"),
            "{}",
            reply.head
        );
        let is_page = has(&reply, "text/html");
        assert!(
            is_page || has(&reply, "cache-control: no-store"),
            "{method} {path}: {}",
            reply.head
        );
        assert_eq!(
            is_page,
            has(&reply, "x-frame-options: deny"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn probes_tell_strangers_exactly_this() {
    let rig = Rig::start(Script::Echo).await;
    for path in ["/health", "/healthz"] {
        assert_eq!(
            rig.send("GET", path, &[], "").await.body,
            r#"{"ok":true,"status":"live"}"#
        );
    }
    for path in ["/ready", "/readyz"] {
        assert_eq!(
            rig.send("GET", path, &[], "").await.body,
            r#"{"ready":true,"failing":[]}"#
        );
    }
    assert_eq!(
        rig.send("GET", "/live", &[], "").await.body,
        r#"{"alive":true}"#
    );
    let head = rig.send("HEAD", "/healthz", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let known = rig.ask("GET", "/health", &[], "").await.json();
    assert_eq!(known["version"], "0.0.0-test");
    assert!(known["uptimeMs"].is_u64() && known["uptime"].is_u64() && known["ok"] == true);
}

#[tokio::test]
async fn a_full_disk_is_not_ready_and_only_the_operator_learns_why() {
    let rig = Rig::start(Script::Echo).await;
    rig.context.engine.set_storage_full(true);
    let stranger = rig.send("GET", "/readyz", &[], "").await;
    assert_eq!(
        (stranger.status, stranger.body.as_str()),
        (503, r#"{"ready":false,"failing":[]}"#)
    );
    assert_eq!(
        rig.ask("GET", "/readyz", &[], "").await.json()["failing"][0],
        "storage"
    );
    assert_eq!(rig.send("GET", "/healthz", &[], "").await.status, 200);
}

#[tokio::test]
async fn metrics_are_in_the_text_format() {
    let rig = Rig::start(Script::Echo).await;
    let reply = rig.ask("GET", "/metrics", &[], "").await;
    assert_eq!(reply.status, 200);
    for line in [
        "torana_build_info{version=\"0.0.0-test\"} 1",
        "torana_runs_started_total 0",
        "torana_storage_full 0",
        "torana_connections{authenticated=\"true\"} 1",
    ] {
        assert!(
            reply.body.lines().any(|found| found == line),
            "{line} in {}",
            reply.body
        );
    }
    let is_line = |line: &str| {
        line.starts_with("# ")
            || line
                .rsplit_once(' ')
                .is_some_and(|(_, value)| value.parse::<f64>().is_ok())
    };
    assert!(reply.body.lines().all(is_line), "{}", reply.body);
}

#[tokio::test]
async fn the_page_may_talk_to_us_and_to_nobody_else() {
    let rig = Rig::start(Script::Echo).await;
    let reply = rig.send("GET", "/chat/main", &[], "").await;
    assert!(
        reply.status == 200 && has(&reply, "text/html") && has(&reply, "cache-control: no-cache"),
        "{}",
        reply.head
    );
    let policy = reply
        .head
        .lines()
        .find_map(|line| line.strip_prefix("content-security-policy: "))
        .expect("a policy");
    let connect = policy
        .split("; ")
        .find(|rule| rule.starts_with("connect-src"))
        .expect("a rule")
        .to_owned();
    assert_eq!(
        connect,
        format!("connect-src 'self' ws://{0} wss://{0}", rig.address)
    );
    for rule in [
        "script-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(
            policy.split("; ").any(|found| found == rule),
            "{rule} in {policy}"
        );
    }
    assert!(
        !policy.contains("unsafe")
            && !policy.contains('*')
            && !policy.contains(" ws: ")
            && !policy.contains(" https:")
    );
    assert!(!reply.body.contains("=\"./"), "{}", reply.body);
    // What of the browser the page may use; without TLS nobody is told to come by TLS for a year.
    let abilities = "permissions-policy: camera=(self), microphone=(self), geolocation=(), clipboard-write=(self)";
    assert!(has(&reply, abilities), "{}", reply.head);
    assert!(!has(&reply, "strict-transport-security"), "{}", reply.head);
}

#[tokio::test]
async fn hashed_files_are_kept_packed_and_recognised() {
    let rig = Rig::start(Script::Echo).await;
    let page = rig.send("GET", "/", &[], "").await.body;
    let Some(start) = page.find("/assets/") else {
        return;
    };
    let path = &page[start..start + page[start..].find('"').expect("a quote")];
    let plain = rig.send("GET", path, &[], "").await;
    assert!(
        plain.status == 200 && has(&plain, "immutable") && has(&plain, "vary: accept-encoding"),
        "{}",
        plain.head
    );
    let packed = rig
        .send("GET", path, &["Accept-Encoding: gzip, br"], "")
        .await;
    assert!(has(&packed, "content-encoding: br"), "{}", packed.head);
    let tag = plain
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("a tag")
        .to_owned();
    let known = rig
        .send("GET", path, &[&format!("If-None-Match: {tag}")], "")
        .await;
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    assert_eq!(
        rig.send("GET", "/assets/missing.js", &[], "").await.status,
        404
    );
}

#[tokio::test]
async fn a_prefix_moves_the_page_and_not_the_apis() {
    let rig = Rig::with(Script::Echo, |front| front.base_path = "/panel".to_owned()).await;
    let moved = rig.send("GET", "/", &[], "").await;
    assert!(
        moved.status == 302 && has(&moved, "location: /panel/"),
        "{}",
        moved.head
    );
    assert!(
        rig.send("GET", "/panel/chat", &[], "")
            .await
            .body
            .contains("=\"/panel/")
    );
    assert_eq!(rig.send("GET", "/panelled", &[], "").await.status, 404);
    assert_eq!(rig.send("GET", "/healthz", &[], "").await.status, 200);
    let off = Rig::with(Script::Echo, |front| front.control_ui = false).await;
    assert_eq!(off.send("GET", "/", &[], "").await.status, 404);
}
