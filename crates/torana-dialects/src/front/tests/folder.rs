//! A Control UI from a folder of the operator's own: served as it is, and nothing beside it.

use std::path::Path;

use super::rig::{Rig, Script, read_all, read_until};
use crate::front::UiFolder;

const PAGE: &str = "<!doctype html><html data-openclaw-control-ui-build-id=\"b7\"><script>boot()</script><script src=\"./assets/app-1.js\"></script></html>";
const SENTINEL: &str = "sentinel outside the folder";

fn fill(base: &Path) -> UiFolder {
    let root = base.join("site");
    std::fs::create_dir_all(root.join("assets")).expect("folders");
    std::fs::write(base.join("secret.txt"), SENTINEL).expect("written");
    std::fs::write(root.join("index.html"), PAGE).expect("written");
    std::fs::write(root.join("sw.js"), "worker ".repeat(200)).expect("written");
    std::fs::write(root.join("assets/app-1.js"), "0123456789").expect("written");
    std::fs::write(root.join("assets/app-1.js.br"), "packed").expect("written");
    UiFolder::read(&root, "").expect("a page")
}

async fn rig() -> Rig {
    let rig = Rig::start(Script::Echo).await;
    let folder = fill(rig.folder());
    let mut front = rig.context.front.load().as_ref().clone();
    front.ui_folder = Some(folder);
    rig.context.front.store(std::sync::Arc::new(front));
    rig
}

#[tokio::test]
async fn the_page_is_marked_and_may_run_what_stands_in_it() {
    let rig = rig().await;
    for path in ["/", "/index.html", "/chat/main"] {
        let reply = rig.send("GET", path, &[], "").await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.body.contains("<html data-openclaw-control-ui-base-path=\"\" data-openclaw-terminal-enabled=\"false\" data-openclaw-control-ui-build-id=\"b7\""), "{}", reply.body);
        let policy = reply
            .head
            .lines()
            .find(|line| line.starts_with("content-security-policy:"));
        let policy = policy.unwrap_or_default();
        assert!(policy.contains("script-src 'self' 'sha256-"), "{policy}");
        assert!(
            policy.contains("style-src 'self' 'unsafe-inline'"),
            "{policy}"
        );
        let connect = format!("connect-src 'self' data: ws://{0} wss://{0}", rig.address);
        assert!(policy.ends_with(&connect), "{policy}");
        assert!(
            !policy.contains("'unsafe-eval'") && !policy.contains("ws: "),
            "{policy}"
        );
        assert!(
            reply.head.contains("x-frame-options: deny"),
            "{}",
            reply.head
        );
    }
    assert!(
        rig.send("GET", "/", &[], "")
            .await
            .head
            .contains("frame-src 'self';"),
        "the stage has no port before it is open, where the system chooses"
    );
    let config = rig
        .ask("GET", "/control-ui-config.json", &[], "")
        .await
        .json();
    assert_eq!(config["serverBuildId"], "b7");
}

#[tokio::test]
async fn files_come_packed_in_part_or_not_at_all() {
    let rig = rig().await;
    let path = "/assets/app-1.js";
    let whole = rig.send("GET", path, &[], "").await;
    assert_eq!((whole.status, whole.body.as_str()), (200, "0123456789"));
    for field in [
        "cache-control: public, max-age=31536000, immutable",
        "content-type: text/javascript",
        "accept-ranges: bytes",
        "vary: accept-encoding",
        "last-modified: ",
        "etag: ",
    ] {
        assert!(whole.head.contains(field), "{field}: {}", whole.head);
    }
    let packed = rig
        .send("GET", path, &["Accept-Encoding: gzip, br"], "")
        .await;
    assert!(
        packed.head.contains("content-encoding: br") && packed.body == "packed",
        "{}",
        packed.head
    );
    let refused = rig
        .send("GET", path, &["Accept-Encoding: br;q=0"], "")
        .await;
    assert_eq!(refused.body, "0123456789");
    let part = rig
        .send(
            "GET",
            path,
            &["Range: bytes=2-4", "Accept-Encoding: br"],
            "",
        )
        .await;
    assert_eq!((part.status, part.body.as_str()), (206, "234"));
    assert!(
        part.head.contains("content-range: bytes 2-4/10"),
        "{}",
        part.head
    );
    let beyond = rig.send("GET", path, &["Range: bytes=10-"], "").await;
    assert_eq!(beyond.status, 416);
    assert!(
        beyond.head.contains("content-range: bytes */10"),
        "{}",
        beyond.head
    );
    let line = |name: &str| {
        let found = whole.head.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().to_owned()
    };
    let known = format!("If-None-Match: {}", line("etag: "));
    assert_eq!(rig.send("GET", path, &[&known], "").await.status, 304);
    let other = ["Range: bytes=0-1", "If-Range: \"other\""];
    assert_eq!(rig.send("GET", path, &other, "").await.status, 200);
    let worker = rig.send("GET", "/sw.js", &[], "").await;
    assert!(
        worker.head.contains("cache-control: no-cache"),
        "{}",
        worker.head
    );
    assert_eq!(rig.send("POST", path, &[], "").await.status, 405);
    assert_eq!(
        rig.send("GET", "/assets/missing.js", &[], "").await.status,
        404
    );
    for field in ["Accept: */*", "Range: bytes=2-4"] {
        let head = rig.send("HEAD", path, &[field], "").await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{field}");
        assert!(head.head.contains("content-length: 10"), "{}", head.head);
    }
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let found = head.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_default()
}

/// Bytes of one coding must not be put behind those of another, and a cache believes the last answer it got.
#[tokio::test]
async fn every_coding_has_its_own_tag_and_every_answer_says_how_long_it_holds() {
    let rig = rig().await;
    let path = "/assets/app-1.js";
    let plain = rig.send("GET", path, &[], "").await;
    let brotli = "Accept-Encoding: br";
    let packed = rig.send("GET", path, &[brotli], "").await;
    let tag_of = |head: &str| field(head, "etag: ").to_owned();
    let (plain, packed) = (tag_of(&plain.head), tag_of(&packed.head));
    assert_ne!(plain, packed);
    let begun = format!("If-Range: {packed}");
    let rest = rig
        .send("GET", path, &["Range: bytes=3-", &begun, brotli], "")
        .await;
    assert_eq!((rest.status, rest.body.as_str()), (200, "packed"));
    let begun = format!("If-Range: {plain}");
    let rest = rig
        .send("GET", path, &["Range: bytes=3-", &begun, brotli], "")
        .await;
    assert_eq!((rest.status, rest.body.as_str()), (206, "3456789"));
    assert_eq!(tag_of(&rest.head), plain);
    let known = format!("If-None-Match: {packed}");
    assert_eq!(rig.send("GET", path, &[&known], "").await.status, 200);
    let same = rig.send("GET", path, &[&known, brotli], "").await;
    assert_eq!((same.status, tag_of(&same.head)), (304, packed));
    for wanted in [
        "cache-control: public, max-age=31536000, immutable",
        "vary: accept-encoding",
    ] {
        assert!(same.head.contains(wanted), "{wanted}: {}", same.head);
    }
}

#[tokio::test]
async fn texts_nobody_packed_are_packed() {
    let rig = rig().await;
    let gzip = "Accept-Encoding: gzip";
    let packed = rig.send("GET", "/sw.js", &[gzip], "").await;
    assert!(
        packed.head.contains("content-encoding: gzip"),
        "{}",
        packed.head
    );
    let size: usize = field(&packed.head, "content-length: ")
        .parse()
        .expect("a length");
    assert!(size < 100, "{size}");
    // Short ones fit into a packet as they are.
    let page = rig.send("GET", "/chat/main", &[gzip], "").await;
    assert!(!page.head.contains("content-encoding"), "{}", page.head);
    let known = format!("If-None-Match: {}", field(&page.head, "etag: "));
    assert_eq!(rig.send("GET", "/", &[&known], "").await.status, 304);
}

#[tokio::test]
async fn no_path_leaves_the_folder() {
    let rig = rig().await;
    let mut corpus: Vec<String> = Vec::new();
    for climb in [
        "..",
        "%2e%2e",
        "%2E%2E",
        ".%2e",
        "%2e.",
        "..%00",
        "....",
        "..;",
        "%252e%252e",
        "..%5c",
        "..\\",
        "%c0%ae%c0%ae",
        "..%c0%af",
        "%u002e%u002e",
        "...",
        ". .",
        "..%20",
        "..%09",
    ] {
        for prefix in ["", "assets/", "assets/x/../"] {
            corpus.push(format!("/{prefix}{climb}/secret.txt"));
        }
    }
    corpus.extend(
        [
            "/secret.txt",
            "//secret.txt",
            "/./../secret.txt",
            "/%2fsecret.txt",
            "/..%2fsecret.txt",
            "/assets/..%2f..%2fsecret.txt",
            "/file:///etc/passwd",
            "/etc/passwd",
            "//etc/passwd",
            "/assets//../secret.txt",
            "/index.html/../../secret.txt",
            "/assets/app-1.js/../../../secret.txt",
            "/assets/app-1.js%00.txt",
            "/.env",
            "/assets/.hidden",
            "/..",
            "/%2e%2e%2fsecret.txt",
            "/~/secret.txt",
            "/C:/secret.txt",
            "/site/index.html",
            "/../site/index.html",
        ]
        .map(str::to_owned),
    );
    assert!(corpus.len() >= 60);
    for path in &corpus {
        for method in ["GET", "HEAD", "POST"] {
            let reply = rig.send(method, path, &[], "").await;
            assert!(reply.status < 500, "{method} {path}: {}", reply.status);
            assert!(
                !reply.body.contains("sentinel") && !reply.body.contains("root:"),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn a_folder_without_a_page_is_refused() {
    let empty = std::env::temp_dir().join(format!("torana-ui-{}", torana_host::world().uuid()));
    std::fs::create_dir_all(&empty).expect("a folder");
    let error = UiFolder::read(&empty, "")
        .err()
        .expect("no page")
        .to_string();
    assert!(error.contains("has no index.html"), "{error}");
    let error = UiFolder::read(&empty.join("missing"), "")
        .err()
        .expect("no folder")
        .to_string();
    assert!(error.contains("cannot be read"), "{error}");
    std::fs::remove_dir_all(empty).ok();
}

/// S-055: whoever asks for much and takes nothing is let go, and does not keep the gateway waiting.
#[tokio::test]
async fn a_download_nobody_takes_ends() {
    let rig = Rig::start(Script::Echo).await;
    // Far more than the system's buffers between both ends.
    let size = 64 << 20;
    let root = rig.folder().join("site");
    std::fs::create_dir_all(&root).expect("a folder");
    std::fs::write(root.join("index.html"), PAGE).expect("written");
    std::fs::write(root.join("film.bin"), vec![0; size]).expect("written");
    let mut front = rig.context.front.load().as_ref().clone();
    front.ui_folder = Some(UiFolder::read(&root, "").expect("a page"));
    rig.context.front.store(std::sync::Arc::new(front));
    let head = format!("GET /film.bin HTTP/1.1\r\nHost: {}\r\n\r\n", rig.address);
    let mut stream = rig.connect(head).await;
    read_until(&mut stream, "\r\n\r\n").await;
    tokio::time::pause();
    rig.context.engine.world().sleep_ms(31_000).await;
    tokio::time::resume();
    assert!(read_all(&mut stream).await.len() < size);
}
