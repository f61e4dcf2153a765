//! What may be reached, told as tables and against listeners on loopback.

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::guard::{Reach, Resolver};
use super::*;

const REFUSED: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::ffff:0:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.1.2.3",
    "64:ff9b:1::1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "2002:c0a8:101::1",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ffff::1",
];

const PUBLIC: &[&str] = &[
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.0.0.1",
    "128.0.0.1",
    "168.63.129.17",
    "169.253.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.0.1",
    "198.17.0.1",
    "198.20.0.1",
    "203.0.114.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "2001:4860:4860::8888",
    "2001:200::1",
    "2002:808:808::1",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
    "3ffe::1",
];

#[test]
fn addresses_are_classified() {
    for (texts, expected) in [(REFUSED, false), (PUBLIC, true)] {
        for text in texts {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(is_public(address), expected, "{text}");
        }
    }
    assert!(REFUSED.len() + PUBLIC.len() >= 70);
}

#[test]
fn spellings_of_an_inner_address_are_refused() {
    let blocked = [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0x7f.1/",
        "http://127.0.0.1./",
        "http://[::ffff:7f00:1]/",
        "http://0/",
        "https://169.254.169.254/latest/meta-data",
        "http://①②⑦.⓪.⓪.①/",
    ];
    for text in blocked {
        assert_eq!(
            parse_guarded_url(text, &[]),
            Err(EgressError::Blocked),
            "{text}"
        );
    }
    let unusable = [
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:text/plain,x",
        "ftp://example.com/",
        "http://user@example.com/",
        "http://user:pass@8.8.8.8/",
        "//example.com/",
        "not a url",
        "http://",
    ];
    for text in unusable {
        assert_eq!(
            parse_guarded_url(text, &[]),
            Err(EgressError::BadUrl),
            "{text}"
        );
    }
    assert!(parse_guarded_url("https://example.com/a?b", &[]).is_ok());
    let allow = ["10.1.0.0/16".parse().expect("a network")];
    assert!(parse_guarded_url("http://10.1.2.3/", &allow).is_ok());
    assert_eq!(
        parse_guarded_url("http://10.2.2.3/", &allow),
        Err(EgressError::Blocked)
    );
}

#[test]
fn local_model_servers_are_recognised() {
    for (text, local) in [
        ("http://localhost:11434", true),
        ("http://127.0.0.1:1", true),
        ("http://192.168.1.5/", true),
        ("http://gpu-box:8080", true),
        ("http://studio.local/", true),
        ("http://[::1]:1/", true),
        ("https://api.openai.com/v1", false),
        ("https://8.8.8.8/", false),
    ] {
        assert_eq!(
            is_local_server(&Url::parse(text).expect("a url")),
            local,
            "{text}"
        );
    }
}

fn mixed(
    _: String,
) -> std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>> {
    Box::pin(async {
        Ok(vec![
            SocketAddr::from(([8, 8, 8, 8], 0)),
            SocketAddr::from(([127, 0, 0, 1], 0)),
        ])
    })
}

#[tokio::test]
async fn name_with_one_inner_address_is_refused_as_a_whole() {
    let guarded = Resolver::with_lookup(Reach::PublicOnly, mixed);
    assert_eq!(
        guarded.addresses("mixed.test".to_owned()).await,
        Err(EgressError::Blocked)
    );
    let credential = Resolver::with_lookup(Reach::PrivateOnly, mixed);
    assert_eq!(
        credential.addresses("mixed.test".to_owned()).await,
        Err(EgressError::PlainCredential)
    );
}

/// Answers every connection with the same bytes; gives its address.
async fn listener(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            if socket.read(&mut head).await.is_ok()
                && socket.write_all(answer.as_bytes()).await.is_ok()
            {
                drop(socket.shutdown().await);
            }
        }
    });
    address
}

#[tokio::test]
async fn guarded_fetch_never_connects_to_loopback_by_address_or_name() {
    let address = listener("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    let egress = Egress::default();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let request = GuardedRequest {
            url: format!("http://{host}:{}/", address.port()),
            ..Default::default()
        };
        let refused = egress.fetch_guarded(request).await.err();
        assert_eq!(refused, Some(EgressError::Blocked), "{host}");
    }
}

/// How a guarded fetch ends that may begin at a listener on loopback.
async fn redirected(answer: &'static str) -> Option<EgressError> {
    let address = listener(answer).await;
    let egress = Egress::new(EgressOptions {
        guarded_allow: vec!["127.0.0.0/8".parse().expect("net")],
        ..Default::default()
    });
    let request = GuardedRequest {
        url: format!("http://{address}/"),
        ..Default::default()
    };
    egress.fetch_guarded(request).await.err()
}

#[tokio::test]
async fn redirect_to_an_inner_address_is_refused() {
    let answer =
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/x\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(redirected(answer).await, Some(EgressError::Blocked));
}

#[tokio::test]
async fn redirect_loop_ends() {
    let answer =
        "HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert_eq!(redirected(answer).await, Some(EgressError::Redirects));
}

#[tokio::test]
async fn operator_reaches_loopback_but_follows_no_redirect() {
    let address = listener("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n").await;
    let url = Url::parse(&format!("http://{address}/")).expect("a url");
    let client = Egress::default().operator(&url, true).expect("allowed");
    let response = client.get(url).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::FOUND);
}

#[test]
fn credential_over_plain_http_to_a_public_address_is_refused() {
    let url = Url::parse("http://8.8.8.8/v1").expect("a url");
    let refused = Egress::default().operator(&url, true).err();
    assert_eq!(refused, Some(EgressError::PlainCredential));
}

#[tokio::test]
async fn body_is_counted_not_believed() {
    let address = listener("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n").await;
    let url = Url::parse(&format!("http://{address}/")).expect("a url");
    let client = Egress::default().operator(&url, false).expect("allowed");
    let response = client.get(url.clone()).send().await.expect("an answer");
    assert!(matches!(
        read_capped(response, 10).await,
        Err(BodyError::TooLarge { bytes_max: 10 })
    ));
    let response = client.get(url).send().await.expect("an answer");
    assert_eq!(
        read_capped(response, 16).await.expect("small enough").len(),
        16
    );
}

#[tokio::test]
async fn failures_do_not_name_the_url() {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let url = Url::parse(&format!("http://{address}/bot123456:secret/getMe")).expect("a url");
    let client = Egress::default().operator(&url, true).expect("allowed");
    let error = EgressError::from(client.get(url).send().await.expect_err("nobody listens"));
    assert!(
        matches!(&error, EgressError::Connection(text) if !text.contains("secret")),
        "{error}"
    );
}

#[tokio::test]
async fn configured_proxy_is_used_but_not_for_this_machine() {
    let proxy = listener("HTTP/1.1 418 Proxy\r\ncontent-length: 0\r\n\r\n").await;
    let server = listener("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let options = EgressOptions {
        proxy: Some(format!("http://{proxy}")),
        ..Default::default()
    };
    let egress = Egress::new(options);
    for (text, expected) in [
        ("http://model.example/".to_owned(), StatusCode::IM_A_TEAPOT),
        (format!("http://{server}/"), StatusCode::OK),
    ] {
        let url = Url::parse(&text).expect("a url");
        let client = egress.operator(&url, false).expect("allowed");
        let response = client.get(url).send().await.expect("an answer");
        assert_eq!(response.status(), expected, "{text}");
    }
}
