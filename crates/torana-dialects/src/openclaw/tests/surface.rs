//! The canvas over raw sockets: who gets an address, what it opens, and when it ends (S-020, S-021, S-065).

use std::path::PathBuf;

use serde_json::{Value, json};

use super::rig::{Client, Rig, TOKEN, connect, device_id};

/// What must never be served.
const SENTINEL: &str = "sentinel-outside-of-the-canvas";
const PAGE: &str = "<h1>made by an agent</h1>";

/// A gateway whose agent has a canvas, and things beside it that are nobody's business.
async fn rig() -> Rig {
    let rig = Rig::start().await;
    let workspace: PathBuf = rig.context.host.site().workspace("main");
    let canvas = workspace.join("canvas");
    std::fs::create_dir_all(canvas.join("documents/cv_1")).expect("folders");
    for (path, text) in [
        ("canvas/index.html", PAGE),
        ("canvas/documents/cv_1/index.html", "<p>a document</p>"),
        ("canvas/a b.css", "p { color: red }"),
        ("canvas/.env", SENTINEL),
        ("secret.txt", SENTINEL),
    ] {
        std::fs::write(workspace.join(path), text).expect("written");
    }
    std::fs::write(canvas.join("large.bin"), "0123456789".repeat(30_000)).expect("written");
    std::os::unix::fs::symlink(workspace.join("secret.txt"), canvas.join("link.txt"))
        .expect("linked");
    std::os::unix::fs::symlink(&workspace, canvas.join("up")).expect("linked");
    rig
}

/// The path below an address of the canvas.
fn path_of(rig: &Rig, url: &Value) -> String {
    let url = url.as_str().expect("an address");
    let path = url.strip_prefix(&format!("http://{}", rig.address));
    let path = path.expect("an address of this gateway");
    assert!(path.starts_with("/__openclaw__/cap/"), "{path}");
    // 32 random bytes, without padding.
    assert_eq!(path.len(), "/__openclaw__/cap/".len() + 43, "{path}");
    format!("{path}/__openclaw__/canvas/")
}

async fn reader(rig: &Rig) -> (Client, String) {
    let mut client = rig.client().await;
    let auth = json!({ "token": TOKEN });
    let hello = client
        .ask("connect", connect("cli", "cli", &["operator.read"], auth))
        .await;
    let path = path_of(rig, &hello["payload"]["pluginSurfaceUrls"]["canvas"]);
    (client, path)
}

async fn refresh(rig: &Rig, client: &mut Client) -> String {
    let answer = client
        .ask("plugin.surface.refresh", json!({ "surface": "canvas" }))
        .await;
    let now_ms = rig.context.engine.world().wall_ms();
    let left_ms = answer["payload"]["expiresAtMs"].as_i64().expect("a moment") - now_ms;
    assert!((590_000..=600_000).contains(&left_ms), "{left_ms}");
    path_of(rig, &answer["payload"]["pluginSurfaceUrls"]["canvas"])
}

#[tokio::test]
async fn s_065_documents_run_without_origin_and_network_and_only_in_our_own_pages() {
    let rig = rig().await;
    let (_client, path) = reader(&rig).await;
    let page = rig.http("GET", &path, &[]).await;
    assert_eq!((page.status, page.body.as_str()), (200, PAGE));
    for field in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: sandbox allow-scripts;",
        "connect-src 'none'",
        "frame-ancestors 'self'",
        "x-frame-options: sameorigin",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: private, no-cache",
        "cross-origin-resource-policy: cross-origin",
        "permissions-policy: camera=(), microphone=()",
        "accept-ranges: bytes",
    ] {
        assert!(page.head.contains(field), "{field}: {}", page.head);
    }
    assert!(!page.head.contains("allow-same-origin") && !page.head.contains("access-control"));
    let document = rig
        .http("GET", &format!("{path}documents/cv_1/index.html"), &[])
        .await;
    assert_eq!(
        (document.status, document.body.as_str()),
        (200, "<p>a document</p>")
    );
    // A document without an origin asks for its own files like a stranger.
    let style = format!("{path}a%20b.css");
    let strange = ["Sec-Fetch-Site: cross-site", "Origin: null"];
    let style = rig.http("GET", &style, &strange).await;
    assert_eq!(style.status, 200);
    assert!(
        style.head.contains("content-type: text/css"),
        "{}",
        style.head
    );
}

#[tokio::test]
async fn files_are_sent_whole_in_ranges_or_not_at_all_when_known() {
    let rig = rig().await;
    let (_client, path) = reader(&rig).await;
    let path = format!("{path}large.bin");
    let whole = rig.http("GET", &path, &[]).await;
    assert_eq!((whole.status, whole.body.len()), (200, 300_000));
    assert_eq!(whole.body, "0123456789".repeat(30_000));
    assert!(
        whole.head.contains("content-length: 300000"),
        "{}",
        whole.head
    );
    let head = rig.http("HEAD", &path, &["Range: bytes=0-1"]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(
        head.head.contains("content-length: 300000"),
        "{}",
        head.head
    );
    let tag = whole
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "));
    let tag = tag.expect("a tag").to_owned();
    let date = whole
        .head
        .lines()
        .find(|line| line.starts_with("last-modified: "));
    assert!(date.is_some(), "{}", whole.head);
    for (range, status, shown, body) in [
        ("bytes=3-6", 206, "content-range: bytes 3-6/300000", "3456"),
        (
            "bytes=299998-",
            206,
            "content-range: bytes 299998-299999/300000",
            "89",
        ),
        (
            "bytes=-3",
            206,
            "content-range: bytes 299997-299999/300000",
            "789",
        ),
        (
            "bytes=300000-",
            416,
            "content-range: bytes */300000",
            "Range Not Satisfiable",
        ),
    ] {
        let part = rig.http("GET", &path, &[&format!("Range: {range}")]).await;
        assert_eq!((part.status, part.body.as_str()), (status, body), "{range}");
        assert!(part.head.contains(shown), "{range}: {}", part.head);
    }
    let range = "Range: bytes=0-3";
    let same = rig
        .http("GET", &path, &[range, &format!("If-Range: {tag}")])
        .await;
    assert_eq!((same.status, same.body.as_str()), (206, "0123"));
    let other = rig.http("GET", &path, &[range, "If-Range: \"x\""]).await;
    assert_eq!((other.status, other.body.len()), (200, 300_000));
    for method in ["GET", "HEAD"] {
        let known = rig
            .http(method, &path, &[&format!("If-None-Match: {tag}")])
            .await;
        assert_eq!((known.status, known.body.as_str()), (304, ""), "{method}");
    }
    let canvas = rig.context.host.site().workspace("main").join("canvas");
    std::fs::write(canvas.join("large.bin"), "new").expect("written");
    let news = rig
        .http("GET", &path, &[&format!("If-None-Match: {tag}")])
        .await;
    assert_eq!((news.status, news.body.as_str()), (200, "new"));
}

#[tokio::test]
async fn s_020_nothing_outside_of_the_canvas_is_served() {
    let rig = rig().await;
    let (_client, path) = reader(&rig).await;
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let corpus = [
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "%2e%2e%2fsecret.txt",
        "%252e%252e/secret.txt",
        "..%5csecret.txt",
        "..\\secret.txt",
        "....//secret.txt",
        "./../secret.txt",
        "documents/../../secret.txt",
        "documents/%2e%2e/%2e%2e/secret.txt",
        "%c0%ae%c0%ae/secret.txt",
        "link.txt",
        "up/secret.txt",
        "up/canvas/index.html",
        ".env",
        "%2eenv",
        "documents/.hidden",
        "//etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "index.html%00.png",
        "index.html/",
        "documents",
        "documents/",
        "missing.html",
        "large.bin/x",
    ];
    for name in corpus {
        for method in ["GET", "HEAD"] {
            for (path, fields) in [
                (format!("{path}{name}"), &[][..]),
                (
                    format!("/__openclaw__/canvas/{name}"),
                    &[bearer.as_str()][..],
                ),
            ] {
                let reply = rig.http(method, &path, fields).await;
                assert!(
                    [400, 404].contains(&reply.status),
                    "{name}: {}",
                    reply.status
                );
                assert!(!reply.body.contains(SENTINEL), "{name}");
            }
        }
    }
    let long = rig
        .http("GET", &format!("{path}{}", "a".repeat(300)), &[])
        .await;
    assert_eq!(long.status, 404, "longer than a name can be");
}

#[tokio::test]
async fn the_canvas_itself_takes_a_credential_and_a_link_to_elsewhere_is_no_canvas() {
    let rig = rig().await;
    let path = "/__openclaw__/canvas/index.html";
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let stranger = rig.http("GET", path, &[]).await;
    assert_eq!(stranger.status, 401);
    assert!(stranger.head.contains("content-type: application/json"));
    let known = rig.http("GET", path, &[&bearer]).await;
    assert_eq!((known.status, known.body.as_str()), (200, PAGE));
    assert!(
        known
            .head
            .contains("cross-origin-resource-policy: same-origin")
    );
    assert!(known.head.contains("sandbox allow-scripts"));
    let foreign = ["Sec-Fetch-Site: cross-site", bearer.as_str()];
    assert_eq!(rig.http("GET", path, &foreign).await.status, 403);
    let asked = format!("{path}?token={TOKEN}");
    assert_eq!(rig.http("GET", &asked, &[]).await.status, 400);
    for path in ["/__openclaw__/a2ui/", "/__openclaw__/a2ui/a2ui.bundle.js"] {
        assert_eq!(rig.http("GET", path, &[]).await.status, 401, "{path}");
        assert_eq!(
            rig.http("GET", path, &[&bearer]).await.status,
            404,
            "{path}"
        );
    }
    let workspace = rig.context.host.site().workspace("main");
    std::fs::rename(workspace.join("canvas"), workspace.join("moved")).expect("moved");
    std::os::unix::fs::symlink(&workspace, workspace.join("canvas")).expect("linked");
    let linked = "/__openclaw__/canvas/secret.txt";
    assert_eq!(rig.http("GET", linked, &[&bearer]).await.status, 404);
}

#[tokio::test]
async fn an_address_is_bounded_and_ends_with_what_it_was_given_for() {
    let rig = rig().await;
    let (mut client, first) = reader(&rig).await;
    let mut later = Vec::new();
    for _ in 0..3 {
        later.push(refresh(&rig, &mut client).await);
    }
    assert_eq!(
        rig.http("GET", &first, &[]).await.status,
        200,
        "four are good"
    );
    later.push(refresh(&rig, &mut client).await);
    let gone = rig.http("GET", &first, &[]).await;
    assert_eq!(gone.status, 401, "the oldest of five is not");
    assert!(gone.head.contains("content-type: application/json"));
    for path in &later {
        assert_eq!(rig.http("GET", path, &[]).await.status, 200);
    }
    for path in [
        format!("/__openclaw__/cap/{}/__openclaw__/canvas/", "A".repeat(43)),
        "/__openclaw__/cap/x/__openclaw__/canvas/".to_owned(),
        later[0]
            .replace("/canvas/", "/a2ui/")
            .replace("cap/", "cap/x"),
    ] {
        assert_eq!(rig.http("GET", &path, &[]).await.status, 401, "{path}");
    }
    // An address is for the gateway's own names only, like everything else.
    let evil = rig
        .http("GET", &later[0], &["Host: rebind.evil.example"])
        .await;
    assert_eq!(evil.status, 421);
    drop(client);
    for _ in 0..10_000 {
        if rig.http("GET", &later[0], &[]).await.status == 401 {
            break;
        }
    }
    for path in &later {
        assert_eq!(rig.http("GET", path, &[]).await.status, 401, "it is gone");
    }
}

#[tokio::test]
async fn s_040_revocation_ends_addresses_at_once() {
    let rig = rig().await;
    let params = connect(
        "openclaw-tui",
        "ui",
        &["operator.read"],
        json!({ "token": TOKEN }),
    );
    let (_page, hello) = rig.device(params, 1).await;
    let of_device = path_of(&rig, &hello["payload"]["pluginSurfaceUrls"]["canvas"]);
    let (_other, of_other) = reader(&rig).await;
    assert_eq!(rig.http("GET", &of_device, &[]).await.status, 200);
    let mut admin = rig.operator(&["operator.admin"]).await;
    let removed = admin
        .ask("device.pair.remove", json!({ "deviceId": device_id(1) }))
        .await;
    assert_eq!(removed["ok"], true, "{removed}");
    assert_eq!(rig.http("GET", &of_device, &[]).await.status, 401);
    assert_eq!(rig.http("GET", &of_other, &[]).await.status, 200);
    rig.dialect.invalidate_all();
    assert_eq!(rig.http("GET", &of_other, &[]).await.status, 401);
}

#[tokio::test]
async fn readers_and_nodes_are_told_where_the_canvas_is_and_nobody_else() {
    let rig = rig().await;
    let mut client = rig.client().await;
    let auth = json!({ "token": TOKEN });
    let params = connect("cli", "cli", &["operator.pairing"], auth);
    let hello = client.ask("connect", params).await;
    assert_eq!(hello["ok"], true);
    assert!(hello["payload"]["pluginSurfaceUrls"].is_null(), "{hello}");
    let refused = client
        .ask("plugin.surface.refresh", json!({ "surface": "canvas" }))
        .await;
    assert_eq!(refused["error"]["message"], "missing scope: operator.read");
    let (_node, hello) = rig.device(super::rig::node("linux", &[]), 2).await;
    let path = path_of(&rig, &hello["payload"]["pluginSurfaceUrls"]["canvas"]);
    assert_eq!(rig.http("GET", &path, &[]).await.status, 200);
}

/// A document runs on a port of its own, in a frame of the gateway's page and of no other one.
#[tokio::test]
async fn s_065_documents_of_the_page_run_on_a_stage_that_has_nothing_else() {
    let rig = rig().await;
    let mut client = rig.operator(&["operator.read"]).await;
    let seen = client
        .ask("canvas.document.view", json!({ "docId": "cv_1" }))
        .await;
    let seen = &seen["payload"];
    assert_eq!(seen["html"], "<p>a document</p>");
    assert_eq!(seen["sandboxUrl"], "/mcp-app-sandbox");
    let html = "<p>mine</p>";
    let mine = client
        .ask("canvas.document.preview", json!({ "html": html }))
        .await;
    assert_eq!(mine["payload"]["html"], html);
    assert_eq!(mine["payload"]["sandboxPort"], seen["sandboxPort"]);
    let port = seen["sandboxPort"].as_u64().expect("a port");
    let port = u16::try_from(port).expect("a port");
    let stage = std::net::SocketAddr::new(rig.address.ip(), port);
    let page = rig.http_at(stage, "GET", "/mcp-app-sandbox?v=1", &[]).await;
    assert_eq!(page.status, 200, "{}", page.head);
    let gateway_port = rig.context.front.load().port;
    let ancestors = format!("frame-ancestors http://{}:{gateway_port}\r\n", stage.ip());
    for field in [
        "content-type: text/html; charset=utf-8",
        "default-src 'none'",
        "connect-src 'none'",
        "frame-src 'none'",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        &ancestors,
    ] {
        assert!(
            format!("{}\r\n", page.head).contains(field),
            "{field}: {}",
            page.head
        );
    }
    assert!(!page.head.contains("allow-same-origin") && !page.body.contains("allow-same-origin"));
    assert!(
        page.body.contains(&format!(":{gateway_port}`")),
        "{}",
        page.body
    );
    let bearer = format!("Authorization: Bearer {TOKEN}");
    for path in [
        "/",
        "/healthz",
        "/v1/models",
        "/__openclaw__/canvas/index.html",
        "/mcp-app-sandbox/x",
    ] {
        let reply = rig.http_at(stage, "GET", path, &[&bearer]).await;
        assert_eq!(reply.status, 404, "{path}");
    }
    assert_eq!(
        rig.http_at(stage, "POST", "/mcp-app-sandbox", &[])
            .await
            .status,
        405
    );
    let rebound = rig
        .http_at(stage, "GET", "/mcp-app-sandbox", &["Host: evil.example"])
        .await;
    assert_eq!(rebound.status, 421);
}

#[tokio::test]
async fn what_is_no_document_is_not_shown() {
    let rig = rig().await;
    let mut client = rig.operator(&["operator.read"]).await;
    let documents = rig
        .context
        .host
        .site()
        .workspace("main")
        .join("canvas/documents");
    for (id, bytes) in [
        ("large", vec![b'x'; 2 * 1024 * 1024 + 1]),
        ("binary", vec![0xff, 0xfe]),
    ] {
        std::fs::create_dir_all(documents.join(id)).expect("a folder");
        std::fs::write(documents.join(id).join("index.html"), bytes).expect("written");
    }
    std::os::unix::fs::symlink(documents.join("cv_1"), documents.join("link")).expect("linked");
    for (id, code) in [
        ("missing", "UNAVAILABLE"),
        ("large", "UNAVAILABLE"),
        ("binary", "UNAVAILABLE"),
        ("link", "UNAVAILABLE"),
        (".hidden", "UNAVAILABLE"),
        ("..", "INVALID_REQUEST"),
        ("cv_1/..", "INVALID_REQUEST"),
        ("a b", "INVALID_REQUEST"),
        ("", "INVALID_REQUEST"),
    ] {
        let answer = client
            .ask("canvas.document.view", json!({ "docId": id }))
            .await;
        assert_eq!(answer["error"]["code"], code, "{id}: {answer}");
    }
    // As many characters as are allowed, and more bytes.
    let long = "ü".repeat(1_500_000);
    let answer = client
        .ask("canvas.document.preview", json!({ "html": long }))
        .await;
    assert_eq!(answer["error"]["code"], "INVALID_REQUEST", "{answer}");
}
