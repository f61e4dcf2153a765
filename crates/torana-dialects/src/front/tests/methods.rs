//! Every path with every method: what a path does not have is said with the methods it has, and `OPTIONS` asks for them.

use std::sync::Arc;

use torana_core::id::{AccountId, ChannelId};
use torana_core::port::{
    AccountIdentity, AccountParts, BoxFuture, ChannelLimits, Connect, ReceiveFailure, Webhook,
    WebhookRequest, WebhookVerdict,
};
use torana_core::render::{LengthUnit, Limits, Markup};

use super::rig::{Rig, Script};

const HOOK: &str = "/platform/updates";

struct Platform;

impl Connect for Platform {
    fn connect(&self) -> BoxFuture<'_, Result<AccountIdentity, ReceiveFailure>> {
        Box::pin(std::future::pending())
    }
}

impl Webhook for Platform {
    fn path(&self) -> &str {
        HOOK
    }

    fn receive(&self, _: &WebhookRequest) -> WebhookVerdict {
        WebhookVerdict::Forged
    }
}

fn limits() -> ChannelLimits {
    ChannelLimits {
        text: Limits::new(4_000, LengthUnit::Utf16),
        markup: Markup::Plain,
        edit: false,
        delete: false,
        typing_ms: None,
        draft: false,
        edit_interval_direct_ms: 1_000,
        edit_interval_group_ms: 1_000,
        idempotent: false,
        rate: None,
        chats: torana_core::port::ChatIds::Any,
    }
}

/// A gateway with an account that hears by webhook.
async fn rig() -> Rig {
    let rig = Rig::start(Script::Echo).await;
    let parts = AccountParts {
        channel: ChannelId::new("platform").expect("an id"),
        account: AccountId::new("main").expect("an id"),
        platform_account: "1".into(),
        limits: limits(),
        connect: Arc::new(Platform),
        receive: None,
        transmit: None,
        webhook: Some(Arc::new(Platform)),
        exclusive: None,
    };
    rig.context
        .engine
        .attach_account(parts)
        .await
        .expect("attached");
    rig
}

#[tokio::test]
async fn every_path_says_which_methods_it_has() {
    let rig = rig().await;
    let (read, post) = ("GET, HEAD", "POST");
    let routes = [
        ("/health", read),
        ("/healthz", read),
        ("/ready", read),
        ("/readyz", read),
        ("/live", read),
        ("/metrics", read),
        ("/v1/models", read),
        ("/v1/models/openclaw%2Fmain", read),
        ("/v1/chat/completions", post),
        ("/v1/responses", post),
        ("/v1/embeddings", post),
        ("/tools/invoke", post),
        ("/api/users/ann/avatar", read),
        ("/api/artifacts/download/file/x", read),
        ("/__openclaw__/control-ui-config.json", read),
        ("/control-ui-config.json", read),
        ("/__openclaw__/canvas/", read),
        ("/__openclaw__/canvas/documents/x/index.html", read),
        ("/__openclaw__/a2ui/", read),
        ("/__openclaw__/cap/x/__openclaw__/canvas/", read),
        ("/index.html", read),
        ("/", read),
        (HOOK, post),
    ];
    let mut wrong = Vec::new();
    for (path, allow) in routes {
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW",
        ] {
            let reply = rig.ask(method, path, &[], "").await;
            let is_said = reply
                .head
                .contains(&format!("allow: {}\r\n", allow.to_lowercase()))
                || reply
                    .head
                    .ends_with(&format!("allow: {}", allow.to_lowercase()));
            let is_there = allow.split(", ").any(|known| known == method);
            let is_right = match (method, is_there) {
                ("OPTIONS", _) => reply.status == 204 && is_said && reply.body.is_empty(),
                // A page path is a file name or nothing for whoever does not read it.
                (_, false) if path == "/index.html" => [404, 405].contains(&reply.status),
                (_, false) => reply.status == 405 && is_said,
                (_, true) => ![204, 405, 500, 501].contains(&reply.status),
            };
            let is_bare = method != "HEAD" || reply.body.is_empty();
            if !is_right || !is_bare {
                wrong.push(format!("{method} {path}: {} {}", reply.status, reply.head));
            }
        }
        for method in ["TRACE", "CONNECT"] {
            let reply = rig.ask(method, path, &[], "").await;
            if ![400, 405].contains(&reply.status) {
                wrong.push(format!("{method} {path}: {}", reply.status));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn pages_of_other_sites_learn_no_methods() {
    let rig = rig().await;
    for path in ["/v1/models", HOOK, "/__openclaw__/canvas/", "/healthz"] {
        let fields = [
            "Origin: https://evil.example",
            "Access-Control-Request-Method: POST",
        ];
        let reply = rig.send("OPTIONS", path, &fields, "").await;
        assert_eq!(reply.status, 403, "{path}");
        assert!(!reply.head.contains("access-control-"), "{}", reply.head);
    }
}

#[tokio::test]
async fn a_webhook_is_only_posted_to() {
    let rig = rig().await;
    let looked = rig.send("GET", HOOK, &[], "").await;
    assert_eq!(
        (looked.status, looked.body.as_str()),
        (405, "Method Not Allowed")
    );
    assert!(looked.head.contains("allow: post"), "{}", looked.head);
    assert_eq!(rig.send("POST", HOOK, &[], "{}").await.status, 401);
    // Another path is a page, and no webhook to anybody who posts there.
    assert_eq!(
        rig.send("POST", "/platform/other", &[], "{}").await.status,
        404
    );
}

/// S-039: who forges is refused for a while, and nobody pays for another's forgeries.
#[tokio::test]
async fn s_039_forged_webhooks_are_counted() {
    let rig = rig().await;
    for _ in 0..20 {
        assert_eq!(rig.send("POST", HOOK, &[], "{}").await.status, 401);
    }
    let refused = rig.send("POST", HOOK, &[], "{}").await;
    assert_eq!(refused.status, 429);
    assert!(refused.head.contains("retry-after: 60"), "{}", refused.head);
}
