//! The server around the providers: routing, log, management, stopping, TLS.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests, shared by two files"
)]

mod common;

use std::time::{Duration, SystemTime};

use common::{body, builder, connect, make, manage, raw, request};
use rtc_emulator::{Emulator, EmulatorClock};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn json_of(answer: &str) -> Value {
    serde_json::from_str(body(answer)).unwrap()
}

#[tokio::test]
async fn routes_checks_and_logs() {
    let clock = EmulatorClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400));
    let emulator = builder().clock(clock).start().await.unwrap();
    let answer = raw(&emulator, &request("POST", "/fake/a%2Fb/things?token=canary", r#"{"name":"n"}"#)).await;
    assert!(answer.contains("date: Fri, 02 Jan 1970 00:00:00 GMT\r\n"), "{answer}");
    assert!(answer.contains("x-emulator-operation: make\r\n"), "{answer}");
    assert_eq!(
        (&json_of(&answer)["id"], &json_of(&answer)["now"]),
        (&json!("a/b"), &json!("1970-01-02T00:00:00.000Z"))
    );
    let answer = raw(&emulator, &request("POST", "/fake/a/things", r#"{"name":"much too long"}"#)).await;
    assert_eq!((&answer[9..12], &json_of(&answer)[0]["rule"]), ("422", &json!("length")));
    assert!(
        raw(&emulator, &request("POST", "/fake-extra", "{")).await.contains("x-emulator-operation: extra")
    );
    assert_eq!(body(&raw(&emulator, &request("GET", "/fake-raw/", "")).await), "/fake-raw/");
    let unknown = raw(&emulator, &request("POST", "/fake/a/thing", "")).await;
    assert_eq!(
        (&unknown[9..12], &json_of(&unknown)["error"]["nearest"]["operation"]),
        ("404", &json!("make"))
    );

    let log = emulator.log();
    let seen: Vec<_> = log.iter().map(|e| (e.operation.as_deref(), e.status)).collect();
    assert_eq!(
        seen,
        [
            (Some("make"), Some(200)),
            (Some("make"), Some(422)),
            (Some("extra"), Some(400)),
            (Some("raw"), Some(200)),
            (None, Some(404))
        ]
    );
    assert_eq!(log[0].at, "1970-01-02T00:00:00.000Z");
    assert_eq!(log[0].provider.as_deref(), Some("fake"));
    assert!(!format!("{log:?}").contains("canary"));
    assert!(log[0].answer.as_ref().unwrap().contains(r#""token":"[redacted]""#));
    assert_eq!(emulator.requests("make").len(), 2);
    emulator.clear_log();
    assert!(emulator.log().is_empty());
}

#[tokio::test]
async fn management() {
    let clock = EmulatorClock::manual(SystemTime::UNIX_EPOCH);
    let emulator = builder().clock(clock).start().await.unwrap();
    let first = make(&emulator).await;
    assert_eq!(manage(&emulator, "GET", "health", "").await.1["status"], "ok");
    assert_eq!(manage(&emulator, "GET", "state", "").await.1["fake"], json!({"made": 1}));
    assert_eq!(manage(&emulator, "POST", "seed", r#"{"fake":{"made":41}}"#).await.0, 200);
    assert_eq!(json_of(&make(&emulator).await)["made"], 42);
    for (bad, part) in [
        ("{\"fake\":{}}", "made is missing"),
        ("{\"nobody\":{}}", "nobody"),
        ("[]", "object"),
        ("{", "no JSON"),
    ] {
        let (status, value) = manage(&emulator, "POST", "seed", bad).await;
        assert!(status == 400 && value["error"]["message"].as_str().unwrap().contains(part), "{value}");
    }
    assert_eq!(manage(&emulator, "GET", "log?since=1&operation=make", "").await.1["entries"][0]["seq"], 2);
    assert_eq!(manage(&emulator, "GET", "log?since=x", "").await.0, 400);
    let (_, value) = manage(&emulator, "POST", "clock", r#"{"advance_ms":1500}"#).await;
    assert_eq!(value["now"], "1970-01-01T00:00:01.500Z");
    let (_, value) = manage(&emulator, "POST", "clock", r#"{"set":"2026-01-01T00:00:00Z"}"#).await;
    assert_eq!((&value["now"], &value["manual"]), (&json!("2026-01-01T00:00:00.000Z"), &json!(true)));
    assert_eq!(manage(&emulator, "POST", "clock", "{}").await.0, 400);
    let rules = r#"[{"id":"a","action":{"kind":"garbage"}},{"provider":"x","action":{"kind":"garbage"}}]"#;
    assert_eq!(manage(&emulator, "POST", "faults", rules).await.1, json!({"ids": ["a", "f1"]}));
    assert_eq!(manage(&emulator, "POST", "faults", r#"{"action":{"kind":"x"}}"#).await.0, 400);
    assert_eq!(manage(&emulator, "DELETE", "faults/a", "").await.0, 200);
    assert_eq!(manage(&emulator, "DELETE", "faults/a", "").await.0, 404);
    assert_eq!(manage(&emulator, "GET", "faults", "").await.1["faults"][0]["id"], "f1");
    let half = r#"[{"id":"half","action":{"kind":"garbage"}},{"nth":0,"action":{"kind":"garbage"}}]"#;
    assert_eq!(manage(&emulator, "POST", "faults", half).await.0, 400);
    let faults = manage(&emulator, "GET", "faults", "").await.1;
    assert_eq!(faults["faults"].as_array().unwrap().len(), 1, "a list is taken whole or not at all");
    assert_eq!(manage(&emulator, "POST", "quotas", r#"{"on":false}"#).await, (200, json!({"on": false})));
    assert_eq!(manage(&emulator, "GET", "health", "").await.1["quotas"], false);
    assert_eq!(manage(&emulator, "POST", "quotas", r#"{"on":"no"}"#).await.0, 400);
    assert_eq!(manage(&emulator, "POST", "fake/poke/1", "[1]").await, (202, json!([1])));
    assert_eq!(manage(&emulator, "GET", "nonsense", "").await.0, 404);
    assert_eq!(emulator.log().len(), 2, "management is not logged");
    assert_eq!(manage(&emulator, "POST", "reset", "").await.0, 200);
    assert_eq!(manage(&emulator, "GET", "quotas", "").await.1["on"], true, "as at the start");
    assert_eq!(make(&emulator).await, first, "same seed and calls, same answers");
}

#[tokio::test]
async fn limits() {
    let emulator = builder().start().await.unwrap();
    let mut stream = connect(&emulator).await;
    let head = "POST /fake/a/things HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1048577\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; 1_048_577]).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
    let head = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(70_000));
    let mut stream = connect(&emulator).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 431");
    let log = emulator.log();
    let refused: Vec<_> = log.iter().map(|e| (e.operation.as_deref(), e.status)).collect();
    assert_eq!(
        refused,
        [(Some("make"), Some(413))],
        "refused early, but told; what hyper refuses is no request"
    );
    assert!(log[0].answer.as_ref().unwrap().contains("1 MiB") && log[0].body.is_none());
}

#[tokio::test]
async fn dropping_it_ends_every_connection() {
    let emulator = builder().start().await.unwrap();
    let mut idle = connect(&emulator).await;
    idle.write_all(b"GET /_emulator/health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    idle.read_exact(&mut [0; 12]).await.unwrap();
    let mut upgraded = connect(&emulator).await;
    let head = b"GET /fake/echo HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    upgraded.write_all(head).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(upgraded.read_u8().await.unwrap());
    }
    upgraded.write_all(b"ping").await.unwrap();
    let mut echoed = [0; 4];
    upgraded.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"ping");
    let address = emulator.url().strip_prefix("http://").unwrap().to_owned();
    drop(emulator);
    let mut rest = Vec::new();
    // Closed or reset, but ended.
    let _ = upgraded.read_to_end(&mut rest).await;
    rest.clear();
    let _ = idle.read_to_end(&mut rest).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn access_is_complete() {
    let emulator = Emulator::start().await.unwrap();
    let base = emulator.url();
    assert!(base.starts_with("http://127.0.0.1:"));
    assert_eq!(emulator.tls_url(), None);
    #[cfg(feature = "opentok")]
    assert_eq!((emulator.opentok().url().as_str(), emulator.opentok().api_secret().len()), (base, 40));
    #[cfg(feature = "mediasfu")]
    assert_eq!(
        (emulator.mediasfu().community_url().as_str(), emulator.mediasfu().api_key().len()),
        (base, 64)
    );
    #[cfg(feature = "kvs-signaling")]
    assert_eq!((emulator.kvs().region(), emulator.kvs().secret_access_key().len()), ("us-west-2", 40));
    #[cfg(feature = "enablex")]
    assert_eq!(emulator.enablex().url(), format!("{base}/video/v2"));
    #[cfg(feature = "sora-rpc")]
    assert_eq!(emulator.sora().signaling_url(), format!("{}/signaling", base.replace("http", "ws")));
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_with_its_own_authority() {
    use std::sync::Arc;

    use tokio_rustls::{
        TlsConnector,
        rustls::{
            ClientConfig, RootCertStore,
            crypto::ring,
            pki_types::{CertificateDer, ServerName, pem::PemObject},
        },
    };

    let emulator = builder().tls(true).start().await.unwrap();
    let address = emulator.tls_url().unwrap().strip_prefix("https://").unwrap().to_owned();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(emulator.ca_pem().unwrap().as_bytes()).unwrap()).unwrap();
    let config = |roots| {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        TlsConnector::from(Arc::new(config.with_no_client_auth()))
    };
    for name in ["localhost", "127.0.0.1", "::1"] {
        let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let mut stream =
            config(roots.clone()).connect(ServerName::try_from(name).unwrap(), stream).await.unwrap();
        stream.write_all(request("GET", "/_emulator/health", "").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let stranger =
        config(RootCertStore::empty()).connect(ServerName::try_from("localhost").unwrap(), stream).await;
    assert!(stranger.is_err());
}
