//! The platform calls us, over real sockets: the right secret and a whole update are taken, everything else is refused
//! for its own reason, and only what was stored is confirmed.

use std::net::SocketAddr;

use serde_json::json;

use super::http;
use super::kill::{SHORT, say};
use super::scene::Scene;
use super::traffic::Written;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// Bytes of a webhook body (threat model, section 7).
const BODY_MAX: usize = 1024 * 1024;

struct Hook {
    address: SocketAddr,
    path: String,
}

impl Hook {
    fn status(&self, method: &str, fields: &[&str], body: &str) -> u16 {
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        // Only a webhook's own calls may come under any name (decision 38).
        let host = if method == "POST" {
            "bot.example.org"
        } else {
            "localhost"
        };
        let request = format!(
            "{method} {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{fields}\r\n{body}",
            self.path,
            body.len()
        );
        let answer = http::exchange(self.address, request.as_bytes());
        answer.expect("every request is answered").0
    }
}

fn update(id: u32, text: &str, chat: i64) -> String {
    json!({ "update_id": id, "message": {
        "message_id": id, "date": 1_790_000_000, "text": text,
        "chat": { "id": chat, "type": "private", "first_name": "A" },
        "from": { "id": chat, "is_bot": false, "first_name": "A" },
    } })
    .to_string()
}

#[test]
fn a_webhook_takes_the_platforms_updates_and_nothing_else() {
    let mut scene = Scene::new("webhook", 1, SHORT);
    let path = "/telegram-webhook";
    scene.use_webhook(&format!("https://bot.example.org{path}"), SECRET);
    let mut gateway = scene.place.start().ready();
    let hook = Hook {
        address: scene.place.address(),
        path: path.to_owned(),
    };
    let right = format!("X-Telegram-Bot-Api-Secret-Token: {SECRET}");
    let wrong = format!("X-Telegram-Bot-Api-Secret-Token: {}x", &SECRET[1..]);
    let message = Written::new(0, 1, 4);
    let words: Vec<String> = message.words().collect();
    let hello = update(1, &words.join(" "), message.chat);
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let nested = hello.replace("\"A\"", &deep);
    let large = hello.replace("\"A\"", &format!("\"{}\"", "a".repeat(BODY_MAX)));
    let cases: [(&str, &str, &[&str], &str, u16); 12] = [
        ("no secret", "POST", &[], &hello, 401),
        ("a wrong secret", "POST", &[&wrong], &hello, 401),
        ("two secrets", "POST", &[&wrong, &right], &hello, 401),
        ("no JSON", "POST", &[&right], "hello", 400),
        ("nothing", "POST", &[&right], "", 400),
        ("no update", "POST", &[&right], "{}", 400),
        ("depth alone", "POST", &[&right], &deep, 400),
        ("depth inside", "POST", &[&right], &nested, 400),
        ("too much", "POST", &[&right], &large, 413),
        (
            "compressed",
            "POST",
            &[&right, "Content-Encoding: gzip"],
            &hello,
            415,
        ),
        ("to replace", "PUT", &[&right], &hello, 405),
        ("to look", "GET", &[], "", 405),
    ];
    let mut seen = Vec::new();
    for (what, method, fields, body, status) in cases {
        let got = hook.status(method, fields, body);
        if got != status {
            seen.push(format!("{what}: {got} instead of {status}"));
        }
    }
    assert_eq!(seen, Vec::<String>::new());
    // The chat is known to the platform, but its own call never comes: the address is nobody's.
    let injection = message.injection(super::scene::TOKEN);
    http::post_json(scene.platform_address(), "/control/message", &injection);
    // The platform repeats what it got no answer for; one message is one message.
    for _ in 0..3 {
        assert_eq!(hook.status("POST", &[&right], &hello), 200);
    }
    scene.written.push(message);
    scene.settle(|| gateway.expect_alive());
    let status = gateway.stop();
    let findings = scene.findings();
    say(&format!(
        "crash webhook: {} violations",
        findings.violations.len()
    ));
    assert_eq!(findings.violations, Vec::<String>::new());
    assert!(status.success(), "it ended with {status}");
    scene.clean();
}
