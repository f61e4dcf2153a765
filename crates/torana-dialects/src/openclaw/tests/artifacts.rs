//! Files of conversations: listed within their session, handed out as bytes and over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::rig::{Client, Rig, TOKEN};

/// The smallest picture that is one for everybody who looks at its first bytes.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\nand a little more";

fn payload(answer: &Value) -> &Value {
    assert_eq!(answer["ok"], true, "{answer}");
    &answer["payload"]
}

async fn send(client: &mut Client, session: &str, key: &str, files: &[(&str, &str, &[u8])]) {
    let files: Vec<Value> = files
        .iter()
        .map(|(mime, name, bytes)| {
            json!({ "mimeType": mime, "fileName": name, "content": STANDARD.encode(bytes) })
        })
        .collect();
    let params = json!({
        "sessionKey": session, "message": "look", "idempotencyKey": key, "attachments": files,
    });
    payload(&client.ask("chat.send", params).await);
    client
        .until(|event| event["payload"]["state"] == "final" && event["payload"]["runId"] == key)
        .await;
}

async fn listed(client: &mut Client, params: Value) -> Vec<Value> {
    let answer = client.ask("artifacts.list", params).await;
    payload(&answer)["artifacts"]
        .as_array()
        .expect("a list")
        .clone()
}

#[tokio::test]
async fn files_are_found_in_their_own_session_and_turn_only() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let text: (&str, &str, &[u8]) = ("text/plain", "a.txt", b"hello");
    send(
        &mut client,
        "main",
        "k1",
        &[("image/png", "dot.png", PICTURE), text],
    )
    .await;
    send(&mut client, "main", "k2", &[text]).await;
    send(&mut client, "agent:main:other", "k3", &[text]).await;
    let all = listed(&mut client, json!({ "sessionKey": "main" })).await;
    let kinds: Vec<&str> = all
        .iter()
        .filter_map(|item| item["type"].as_str())
        .collect();
    assert_eq!(
        kinds,
        ["image", "file", "file"],
        "in the order of the conversation"
    );
    assert_eq!(all[0]["sizeBytes"], PICTURE.len());
    assert_eq!(all[0]["download"]["mode"], "bytes");
    let of_run = listed(&mut client, json!({ "runId": "k2" })).await;
    assert_eq!(of_run, all[2..]);
    let both = listed(&mut client, json!({ "sessionKey": "main", "runId": "k1" })).await;
    assert_eq!(both, all[..2]);
    let made = json!({ "sessionKey": "main", "messageRole": "assistant" });
    assert_eq!(listed(&mut client, made).await, Vec::<Value>::new());
    assert_eq!(
        listed(&mut client, json!({ "sessionKey": "never-used" })).await,
        Vec::<Value>::new()
    );
    // Knowing the name of a file is not enough: it must be asked for in its own session.
    let id = all[0]["id"].clone();
    for (scope, found) in [
        (json!({ "sessionKey": "main" }), true),
        (json!({ "runId": "k1" }), true),
        (json!({ "sessionKey": "agent:main:other" }), false),
        (json!({ "runId": "k2" }), false),
        (json!({ "runId": "k3" }), false),
        (
            json!({ "sessionKey": "main", "messageRole": "assistant" }),
            false,
        ),
    ] {
        for method in ["artifacts.get", "artifacts.download"] {
            let mut params = scope.clone();
            params["artifactId"] = id.clone();
            let answer = client.ask(method, params).await;
            assert_eq!(answer["ok"], found, "{method} {scope}: {answer}");
            if !found {
                assert_eq!(answer["error"]["details"]["type"], "artifact_not_found");
            }
        }
    }
    let wrong = json!({ "sessionKey": "agent:main:main", "agentId": "somebody" });
    let answer = client.ask("artifacts.list", wrong).await;
    assert_eq!(
        answer["error"]["details"]["type"],
        "artifact_scope_not_found"
    );
    let task = json!({ "sessionKey": "main", "taskId": "t" });
    let answer = client.ask("artifacts.list", task).await;
    assert_eq!(
        answer["error"]["details"]["type"],
        "artifact_query_unsupported"
    );
}

#[tokio::test]
async fn pictures_come_page_by_page_the_newest_first() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    for number in 0..3_u8 {
        let bytes = [PICTURE, &[number]].concat();
        let picture: (&str, &str, &[u8]) = ("image/png", "dot.png", &bytes);
        send(
            &mut client,
            "main",
            &format!("k{number}"),
            &[picture, picture],
        )
        .await;
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let mut params = json!({ "sessionKey": "main", "type": "image", "limit": 4 });
        if let Some(cursor) = cursor {
            params["cursor"] = cursor;
        }
        let answer = client.ask("artifacts.list", params).await;
        let page = payload(&answer);
        for item in page["artifacts"].as_array().expect("a list") {
            let url = item["image"]["url"].as_str().expect("an address");
            assert_eq!(rig.http("GET", url, &[]).await.status, 200);
            seen.push((item["messageSeq"].as_i64(), item["runId"].clone()));
        }
        match page.get("nextCursor") {
            Some(next) => cursor = Some(next.clone()),
            None => break,
        }
    }
    let runs: Vec<&str> = seen.iter().filter_map(|(_, run)| run.as_str()).collect();
    assert_eq!(runs, ["k2", "k2", "k1", "k1", "k0", "k0"]);
}

#[tokio::test]
async fn bytes_come_in_a_frame_or_over_http_and_only_there_where_they_belong() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let page: &[u8] = b"<script>alert(1)</script>";
    let files = [
        ("image/png", "dot \"1\".png", PICTURE),
        ("text/html", "p.html", page),
    ];
    send(&mut client, "main", "k1", &files).await;
    let all = listed(&mut client, json!({ "sessionKey": "main" })).await;
    let params = |index: usize, transport: Option<&str>| {
        let mut params = json!({ "sessionKey": "main", "artifactId": all[index]["id"] });
        if let Some(transport) = transport {
            params["transport"] = json!(transport);
        }
        params
    };
    let inline = client.ask("artifacts.download", params(0, None)).await;
    assert_eq!(payload(&inline)["encoding"], "base64");
    let data = payload(&inline)["data"].as_str().expect("data");
    assert_eq!(STANDARD.decode(data).expect("base64"), PICTURE);
    let linked = client
        .ask("artifacts.download", params(1, Some("http")))
        .await;
    let linked = payload(&linked);
    assert_eq!(linked["artifact"]["download"]["mode"], "url");
    assert!(
        linked["expiresAt"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z'))
    );
    let url = linked["url"].as_str().expect("an address").to_owned();
    let got = rig.http("GET", &url, &[]).await;
    assert_eq!((got.status, got.body.as_bytes()), (200, page));
    for field in [
        "content-type: text/html",
        "content-disposition: attachment; filename*=utf-8''p.html",
        "content-security-policy: sandbox; default-src 'none'",
        "cross-origin-resource-policy: same-origin",
        "cache-control: private, no-cache",
        "x-content-type-options: nosniff",
    ] {
        assert!(got.head.contains(field), "{field}: {}", got.head);
    }
    let part = rig.http("GET", &url, &["Range: bytes=1-6"]).await;
    assert_eq!((part.status, part.body.as_str()), (206, "script"));
    let head = rig.http("HEAD", &url, &[]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(
        head.head
            .contains(&format!("content-length: {}", page.len()))
    );
    let tag = got
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "));
    let tag = format!("If-None-Match: {}", tag.expect("a tag"));
    assert_eq!(rig.http("GET", &url, &[&tag]).await.status, 304);
    let picture = client
        .ask("artifacts.download", params(0, Some("http")))
        .await;
    let picture = payload(&picture)["url"].as_str().expect("an address");
    let shown = rig.http("HEAD", picture, &[]).await;
    let field = "content-disposition: attachment; filename*=utf-8''dot%20%221%22.png";
    assert!(shown.head.contains(field), "{}", shown.head);
    // An address opens its own file; a guess opens nothing, with a credential or without.
    let guess = format!("/api/artifacts/download/file/{}", "A".repeat(43));
    assert_eq!(rig.http("GET", &guess, &[]).await.status, 401);
    let bearer = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(rig.http("GET", &guess, &[&bearer]).await.status, 404);
    assert_eq!(rig.http("POST", &url, &[]).await.status, 405);
    rig.dialect.invalidate_all();
    assert_eq!(rig.http("GET", &url, &[]).await.status, 401);
}

/// The official page looks at the shape of the id and of the address: what it does not know, it shows as missing.
#[tokio::test]
async fn a_page_finds_what_a_history_names() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let session = "agent:main:a b/c#d";
    let files: [(&str, &str, &[u8]); 3] = [
        ("image/png", "dot.png", PICTURE),
        ("text/plain", "a.txt", b"hello"),
        (
            "image/svg+xml",
            "s.svg",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        ),
    ];
    send(&mut client, session, "k1", &files).await;
    let params = json!({ "sessionKey": session });
    let history = client.ask("chat.history", params).await;
    let message = &payload(&history)["messages"][0];
    let params = json!({ "sessionKey": session, "messageId": message["__openclaw"]["id"] });
    let single = client.ask("chat.message.get", params).await;
    assert_eq!(payload(&single)["message"]["content"], message["content"]);
    let [text, picture, document, drawing] =
        message["content"].as_array().expect("parts").as_slice()
    else {
        panic!("a text and three files: {message}");
    };
    assert_eq!(text["text"], "look");
    assert_eq!(
        (&picture["type"], &picture["omitted"]),
        (&json!("image"), &json!(true))
    );
    let params = json!({ "sessionKey": session, "artifactId": picture["artifactId"] });
    let answer = client.ask("artifacts.download", params).await;
    assert_eq!(payload(&answer)["data"], STANDARD.encode(PICTURE));
    for (part, kind, (mime, name, bytes)) in [
        (document, "document", files[1]),
        (drawing, "image", files[2]),
    ] {
        let file = &part["attachment"];
        assert_eq!(part["type"], "attachment");
        assert_eq!(file["kind"], kind);
        assert_eq!(
            (&file["label"], &file["mimeType"]),
            (&json!(name), &json!(mime))
        );
        let steps: Vec<&str> = file["url"]
            .as_str()
            .expect("an address")
            .split('/')
            .collect();
        assert_eq!(steps[..5], ["", "api", "chat", "media", "outgoing"]);
        assert_eq!(steps[5], "agent%3Amain%3Aa%20b%2Fc%23d");
        // Without being told how: the id says that an address is wanted.
        let params = json!({ "sessionKey": session, "artifactId": file["artifactId"] });
        let answer = client.ask("artifacts.download", params).await;
        let url = payload(&answer)["url"].as_str().expect("an address");
        let below = url
            .strip_prefix("/api/artifacts/download/")
            .expect("a download");
        assert_eq!(below.split('/').count(), 2, "{url}");
        let got = rig.http("GET", url, &[]).await;
        assert_eq!((got.status, got.body.as_bytes()), (200, bytes));
        assert!(
            got.head.contains("content-disposition: attachment;"),
            "{}",
            got.head
        );
    }
}

#[tokio::test]
async fn more_files_than_there_are_places_wait_their_turn() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let large = vec![b'x'; 4 * 1024 * 1024];
    send(
        &mut client,
        "main",
        "k1",
        &[("text/plain", "x.txt", &large)],
    )
    .await;
    let all = listed(&mut client, json!({ "sessionKey": "main" })).await;
    let params = json!({ "sessionKey": "main", "artifactId": all[0]["id"], "transport": "http" });
    let linked = client.ask("artifacts.download", params).await;
    let url = payload(&linked)["url"].as_str().expect("an address");
    // Clients that ask and do not read hold their places; the kernel buffers far less than the file.
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(rig.unread(url).await);
    }
    // What has no bytes needs no place.
    let head = rig.http("HEAD", url, &[]).await;
    assert_eq!(head.status, 200);
    let tag = head
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "));
    let known = format!("If-None-Match: {}", tag.expect("a tag"));
    let leave = async {
        for _ in 0..20 {
            assert_eq!(rig.http("GET", url, &[&known]).await.status, 304);
        }
        slow.pop();
    };
    let (served, ()) = tokio::join!(rig.http("GET", url, &["Range: bytes=0-1"]), leave);
    assert_eq!((served.status, served.body.as_str()), (206, "xx"));
}
