//! What must never pass: smuggled requests, foreign hosts and pages, slow and large bodies, guessed paths.

use tokio::io::AsyncWriteExt;

use super::rig::{Rig, Script, TOKEN, read_all, read_until};
use crate::context::AuthMode;

/// Answers in a raw stream of them.
fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

#[tokio::test]
async fn ambiguous_requests_get_one_400_and_the_connection_ends() {
    let rig = Rig::start(Script::Echo).await;
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let corpus = [
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0, 44\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length : 44\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n{smuggled}"
        ),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n X: folded\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\nHost: localhost\n\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/3.1\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("GET //healthz HTTP/1.1\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("GET /x/../healthz HTTP/1.1\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("GET /healthz%00 HTTP/1.1\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\nHost: local host\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost/x\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nNo colon here\r\n\r\n{smuggled}"),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x5\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5 5\r\n\r\n{smuggled}"
        ),
        format!("POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length:\r\n\r\n{smuggled}"),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \"chunked\"\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: cow\r\n\r\n{smuggled}"
        ),
        format!(
            "POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, chunked\r\n\r\n{smuggled}"
        ),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n: nameless\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nNa me: x\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\tX: folded\r\n\r\n{smuggled}"),
        format!("GET /heal\tthz HTTP/1.1\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("G@T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("GET /healthz\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("GET /healthz?a=\u{1} HTTP/1.1\r\nHost: localhost\r\n\r\n{smuggled}"),
        format!("GET /healthz HTTP/1.1\r\nHost:\r\n\r\n{smuggled}"),
    ];
    assert!(corpus.len() >= 40);
    for request in corpus {
        let text = rig.raw(&request).await;
        assert!(text.starts_with("HTTP/1.1 400"), "{request:?} got {text:?}");
        assert_eq!(answers(&text), 1, "{request:?} got {text:?}");
    }
}

#[tokio::test]
async fn honest_pipelines_are_answered_one_by_one() {
    let rig = Rig::start(Script::Echo).await;
    let one = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let text = rig.raw(format!("{one}{one}\r\n{last}")).await;
    assert_eq!(answers(&text), 3, "{text}");
    assert_eq!(text.matches("{\"ok\":true,\"status\":\"live\"}").count(), 2);
    assert!(text.ends_with("{\"alive\":true}"));
}

#[tokio::test]
async fn heads_are_bounded() {
    let rig = Rig::start(Script::Echo).await;
    let long = rig
        .send("GET", &format!("/{}", "a".repeat(9_000)), &[], "")
        .await;
    assert_eq!(long.status, 414);
    let wide = rig
        .send(
            "GET",
            "/healthz",
            &[&format!("X: {}", "a".repeat(40_000))],
            "",
        )
        .await;
    assert_eq!(wide.status, 431);
    let many: Vec<String> = (0..150).map(|number| format!("X-{number}: a")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(rig.send("GET", "/healthz", &many, "").await.status, 431);
}

#[tokio::test]
async fn names_of_strangers_are_misdirected_everywhere() {
    let rig = Rig::start(Script::Echo).await;
    let evil = format!("Host: rebind.evil.example:{}", rig.address.port());
    for path in ["/", "/v1/models", "/healthz", "/assets/x.js"] {
        let reply = rig.ask("GET", path, &[&evil], "").await;
        assert_eq!(reply.status, 421, "{path}");
        assert!(
            reply.body.contains("gateway.publicOrigin"),
            "{}",
            reply.body
        );
    }
    let upgrade = [
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let page = [
        &[evil.as_str(), "Origin: http://rebind.evil.example"],
        &upgrade[..],
    ]
    .concat();
    assert_eq!(rig.send("GET", "/", &page, "").await.status, 421);
    assert_eq!(
        rig.send("GET", "/healthz", &["Host: gateway.lan"], "")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn forwarding_headers_of_strangers_are_refused_before_credentials() {
    let rig = Rig::start(Script::Echo).await;
    for field in [
        "X-Forwarded-For: 127.0.0.1",
        "Forwarded: for=127.0.0.1",
        "X-Real-IP: 127.0.0.1",
        "Tailscale-User-Login: a@b",
    ] {
        let reply = rig.ask("GET", "/v1/models", &[field], "").await;
        assert_eq!(
            (reply.status, reply.json()["error"]["type"].as_str()),
            (403, Some("proxy_attribution_required")),
            "{field}"
        );
        let reply = rig
            .send("GET", "/", &[field, "Upgrade: websocket"], "")
            .await;
        assert_eq!(reply.status, 403, "{field}");
    }
    let trusted = Rig::with(Script::Echo, |front| {
        front.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")]
    })
    .await;
    assert_eq!(
        trusted
            .ask("GET", "/v1/models", &["X-Forwarded-For: 203.0.113.9"], "")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn pages_of_other_sites_cannot_act_even_with_the_token() {
    let rig = Rig::start(Script::Echo).await;
    let body = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
    let post = async |field: &str| {
        rig.ask(
            "POST",
            "/v1/chat/completions",
            &["Content-Type: application/json", field],
            body,
        )
        .await
        .status
    };
    assert_eq!(post("Origin: http://evil.example").await, 403);
    assert_eq!(post("Origin: null").await, 403);
    assert_eq!(post("Sec-Fetch-Site: cross-site").await, 403);
    assert_eq!(post("Sec-Fetch-Site: same-site").await, 403);
    assert_eq!(post("Sec-Fetch-Site: same-origin").await, 200);
    assert_eq!(post(&format!("Origin: http://{}", rig.address)).await, 200);
    assert_eq!(post("Origin: https://panel.example.net").await, 200);
    assert_eq!(
        rig.ask("GET", "/v1/models", &["Sec-Fetch-Site: cross-site"], "")
            .await
            .status,
        403
    );
    // A link on another site may lead to our page.
    assert_eq!(
        rig.send("GET", "/", &["Sec-Fetch-Site: cross-site"], "")
            .await
            .status,
        200
    );
    assert_eq!(
        rig.send(
            "OPTIONS",
            "/v1/models",
            &["Origin: http://evil.example"],
            ""
        )
        .await
        .status,
        403
    );
}

#[tokio::test]
async fn apis_need_the_token_and_say_nothing_without_it() {
    let rig = Rig::start(Script::Echo).await;
    for (method, path) in [
        ("GET", "/v1/models"),
        ("GET", "/v1/models/openclaw"),
        ("POST", "/v1/chat/completions"),
        ("GET", "/metrics"),
    ] {
        for field in [
            "X: none",
            "Authorization: Bearer",
            "Authorization: Basic YTpi",
            "Authorization: Bearer wrong",
        ] {
            let reply = rig.send(method, path, &[field], "").await;
            assert_eq!(reply.status, 401, "{method} {path} {field}");
            assert_eq!(
                reply.body,
                r#"{"error":{"message":"Unauthorized","type":"unauthorized"}}"#
            );
        }
        assert_eq!(
            rig.send(method, &format!("{path}?token={TOKEN}"), &[], "")
                .await
                .status,
            400
        );
    }
    assert_eq!(
        rig.ask(
            "GET",
            "/v1/models",
            &[&format!("Authorization: Bearer {TOKEN}")],
            ""
        )
        .await
        .status,
        400
    );
}

#[tokio::test]
async fn the_credential_is_judged_before_the_body_comes() {
    let rig = Rig::start(Script::Echo).await;
    let head =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n";
    let mut stream = rig.connect(head).await;
    let text = read_all(&mut stream).await;
    assert!(
        text.starts_with("HTTP/1.1 401") && text.to_ascii_lowercase().contains("connection: close"),
        "{text}"
    );
}

#[tokio::test]
async fn bodies_are_bounded_by_claim_and_by_count() {
    let rig = Rig::start(Script::Echo).await;
    let head = |more: &str| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n{more}\r\n"
        )
    };
    let text = rig.raw(head("Content-Length: 30000000\r\n")).await;
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    let text = rig
        .raw(head("Content-Encoding: gzip\r\nContent-Length: 3\r\n") + "abc")
        .await;
    assert!(text.starts_with("HTTP/1.1 415"), "{text}");
    let mut stream = rig.connect(head("Transfer-Encoding: chunked\r\n")).await;
    let chunk = format!("100000\r\n{}\r\n", "a".repeat(0x10_0000));
    for _ in 0..30 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let text = read_until(&mut stream, "413").await;
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
}

#[tokio::test]
async fn methods_are_exact() {
    let rig = Rig::start(Script::Echo).await;
    for (method, path, allow) in [
        ("POST", "/health", "get, head"),
        ("DELETE", "/v1/models", "get, head"),
        ("GET", "/v1/chat/completions", "post"),
        ("PUT", "/", "get, head"),
        ("TRACE", "/", "get, head, post"),
    ] {
        let reply = rig
            .ask(method, path, &["X-HTTP-Method-Override: GET"], "")
            .await;
        assert_eq!(reply.status, 405, "{method} {path}");
        assert!(
            reply.head.contains(&format!("allow: {allow}")),
            "{}",
            reply.head
        );
    }
    assert_eq!(rig.send("POST", "/nothing", &[], "").await.status, 404);
}

/// S-067: nobody else's page is told that it may read; the operator's listed one is served the same answers as ours.
#[tokio::test]
async fn s_067_no_origin_is_given_leave_to_read() {
    let rig = Rig::start(Script::Echo).await;
    let own = format!("http://{}", rig.address);
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/v1/models",
        "/v1/chat/completions",
        "/tools/invoke",
        "/metrics",
    ] {
        for origin in [
            "http://evil.example",
            "https://panel.example.net",
            own.as_str(),
        ] {
            for method in ["GET", "OPTIONS"] {
                let field = format!("Origin: {origin}");
                let ask = ["Access-Control-Request-Method: POST", field.as_str()];
                let reply = rig.ask(method, path, &ask, "").await;
                let told = reply.head.contains("access-control-allow");
                assert!(!told, "{method} {path} from {origin}: {}", reply.head);
                let is_page_read = path == "/" && method == "GET";
                if origin == "http://evil.example" && !is_page_read {
                    assert_eq!(reply.status, 403, "{method} {path}");
                }
            }
        }
    }
}

/// S-072: whatever is wrong with a request, the answer names no file, statement, place in the source or panic.
#[tokio::test]
async fn s_072_errors_tell_nothing_of_the_inside() {
    let rig = Rig::start(Script::Echo).await;
    let folder = rig.folder().to_string_lossy().into_owned();
    let bodies = [
        "",
        "{",
        "[]",
        "[\"openclaw\"]",
        "null",
        "{\"messages\":1}",
        "{\"messages\":[{\"role\":\"nobody\",\"content\":\"x\"}]}",
        "{\"input\":7,\"model\":\"../../etc/passwd\"}",
        "{\"tool\":\"../exec\"}",
        "{\"model\":\"' OR 1=1 --\",\"input\":\"x\"}",
        "{\"previous_response_id\":\"resp_' ; DROP TABLE inbox;--\",\"input\":\"x\"}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"user\":\"\\u0000\"}",
    ];
    for path in [
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/tools/invoke",
        "/v1/models/x'y",
        "/nothing",
    ] {
        for body in bodies {
            let reply = rig
                .ask("POST", path, &["Content-Type: application/json"], body)
                .await;
            let text = reply.body.to_ascii_lowercase();
            for inside in [
                "panicked",
                "src/",
                ".rs:",
                "sqlite",
                "rusqlite",
                "stack",
                "struct ",
                "/home",
                folder.as_str(),
            ] {
                assert!(!text.contains(inside), "{path} {body}: {text}");
            }
            assert!(
                reply.status < 500 || path == "/v1/embeddings",
                "{path} {body}: {}",
                reply.status
            );
        }
    }
}

/// S-010: the tailnet's word is for sockets and pages; programs bring the secret.
#[tokio::test]
async fn s_010_a_person_of_the_tailnet_is_no_credential_for_apis() {
    let rig = Rig::with(Script::Echo, |front| front.allow_tailscale = true).await;
    let person = "Host: gateway.tail1.ts.net\r\nTailscale-User-Login: ann@example.org\r\n\
                  X-Forwarded-For: 100.64.1.2\r\nX-Forwarded-Proto: https\r\nConnection: close";
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\n{person}\r\n\r\n");
    let page = rig.raw(ask("/live")).await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let api = rig.raw(ask("/v1/models")).await;
    assert!(api.starts_with("HTTP/1.1 401"), "{api}");
}

/// S-066: what a page of another site can send without asking does nothing, also where no secret is set.
#[tokio::test]
async fn s_066_simple_requests_and_sockets_of_other_sites_are_refused() {
    let open = Rig::with(Script::Echo, |front| front.auth = AuthMode::None).await;
    let form = ["Content-Type: text/plain"];
    let reply = open.send("POST", "/v1/chat/completions", &form, "{}").await;
    assert_eq!(reply.status, 415);
    let rig = Rig::start(Script::Echo).await;
    let socket = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    .join("\r\n");
    for (field, status) in [
        ("Sec-Fetch-Site: cross-site", 403),
        ("Sec-Fetch-Site: same-site", 403),
        ("Origin: http://localhost\r\nOrigin: http://localhost", 400),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{socket}\r\n{field}\r\n\r\n");
        let mut stream = rig.connect(&request).await;
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}")),
            "{field}: {head}"
        );
    }
    let wrong = ["Authorization: Bearer wrong"];
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            rig.send("GET", path, &wrong, "").await.status,
            401,
            "{path}"
        );
    }
}
