//! What goes wrong: the service refuses, the network fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use enablex::{ApiCode, Client, CreateRoom, CreateToken, Credentials, EnableXError, Role, RoomSettings};
use rtc_core::testing::{ManualClock, ScriptedTransport};
use rtc_core::{ErrorKind, RetryPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn builder(endpoint: impl Into<String>) -> enablex::ClientBuilder {
    Client::builder(Credentials::new("APP", "canary-key")).endpoint(endpoint)
}

fn room() -> CreateRoom {
    CreateRoom::new("n", "o", RoomSettings::new(2))
}

fn token() -> CreateToken {
    CreateToken::new("5f01", "u", Role::Participant, "u")
}

#[tokio::test]
async fn both_forms_of_refusal() {
    let legacy = |code: &str| format!(r#"{{"result":{code},"error":"e","desc":"d"}}"#);
    let newer =
        |name: &str| format!(r#"{{"status":"error","error_code":"{name}","message":"m","request_id":"q"}}"#);
    for (status, body, kind, code, detail) in [
        (200, legacy("10000"), ErrorKind::NotFound, Some("10000"), Some("d")),
        (200, legacy("\"40001\""), ErrorKind::NotFound, Some("40001"), Some("d")),
        (200, legacy("40002"), ErrorKind::PermissionDenied, Some("40002"), Some("d")),
        (200, legacy("10030"), ErrorKind::Conflict, Some("10030"), Some("d")),
        (200, legacy("10111"), ErrorKind::Conflict, Some("10111"), Some("d")),
        (200, legacy("10112"), ErrorKind::Conflict, Some("10112"), Some("d")),
        (200, legacy("10114"), ErrorKind::Conflict, Some("10114"), Some("d")),
        (200, legacy("10105"), ErrorKind::Unavailable, Some("10105"), Some("d")),
        (200, legacy("50001"), ErrorKind::Other, Some("50001"), Some("d")),
        (200, legacy("10022"), ErrorKind::InvalidInput, Some("10022"), Some("d")),
        (200, legacy("77777"), ErrorKind::Other, Some("77777"), Some("d")),
        (403, legacy("77777"), ErrorKind::PermissionDenied, Some("77777"), Some("d")),
        (200, r#"{"result":1,"error":"e"}"#.into(), ErrorKind::Other, Some("1"), Some("e")),
        (400, newer("BAD_REQUEST"), ErrorKind::InvalidInput, Some("BAD_REQUEST"), Some("m")),
        (401, newer("UNAUTHORIZED"), ErrorKind::Unauthenticated, Some("UNAUTHORIZED"), Some("m")),
        (403, newer("PROJECT_SUSPENDED"), ErrorKind::PermissionDenied, Some("PROJECT_SUSPENDED"), Some("m")),
        (429, newer("RATE_LIMITED"), ErrorKind::RateLimited, Some("RATE_LIMITED"), Some("m")),
        (200, newer("RATE_LIMITED"), ErrorKind::RateLimited, Some("RATE_LIMITED"), Some("m")),
        (200, r#"{"status":"error","message":"m"}"#.into(), ErrorKind::Other, None, Some("m")),
        (503, String::new(), ErrorKind::Unavailable, None, None),
        (404, "<html>".into(), ErrorKind::NotFound, None, None),
    ] {
        let transport = ScriptedTransport::new().json(status, body.clone());
        let client =
            builder("https://x.example").retry(RetryPolicy::none()).transport(transport).build().unwrap();
        let error = client.create_token(token()).await.unwrap_err();
        let seen = (error.kind(), error.code().map(|c| c.into_owned()), error.detail());
        assert_eq!(seen, (kind, code.map(str::to_owned), detail), "{status} {body}");
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert!(error.was_sent());
    }
}

#[tokio::test]
async fn a_refusal_is_typed() {
    let body = r#"{"status":"error","error_code":"FORBIDDEN","message":"m","request_id":"q-1"}"#;
    let transport = ScriptedTransport::new().json(403, body);
    let client = builder("https://x.example").transport(transport).build().unwrap();
    let error = client.create_room(room()).await.unwrap_err();
    let Some(EnableXError::Api { operation, code, request_id, .. }) = error.service() else {
        panic!("{error:?}")
    };
    assert_eq!((*operation, request_id.as_deref()), ("create_room", Some("q-1")));
    assert_eq!(code, &Some(ApiCode::Name("FORBIDDEN".into())));
    assert_eq!(error.to_string(), "EnableX refused create_room with status 403 (code FORBIDDEN): m");
}

#[tokio::test]
async fn a_throttled_call_is_sent_again_and_nothing_else_is() {
    let throttled = ScriptedTransport::new()
        .json(429, r#"{"status":"error","error_code":"RATE_LIMITED","message":"m"}"#)
        .json(200, r#"{"result":0,"token":"t"}"#);
    let clock = ManualClock::jumping(std::time::SystemTime::UNIX_EPOCH);
    let client =
        builder("https://x.example").transport(throttled.clone()).clock(clock.clone()).build().unwrap();
    assert_eq!(client.create_token(token()).reply().await.unwrap().attempts, 2);

    for (status, body) in [(503, ""), (200, r#"{"result":50001,"desc":"d"}"#), (200, r#"{"result":10105}"#)] {
        let transport =
            ScriptedTransport::new().json(status, body).json(200, r#"{"result":0,"room":{"room_id":"r"}}"#);
        let client =
            builder("https://x.example").transport(transport.clone()).clock(clock.clone()).build().unwrap();
        client.create_room(room()).await.unwrap_err();
        assert_eq!(transport.requests().len(), 1, "{status} {body}");
    }
}

/// A server that reads a request, writes `answer` and closes; it counts its connections.
async fn server(answer: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            seen.fetch_add(1, Ordering::SeqCst);
            let mut buffer = vec![0; 64 * 1024];
            let _ = socket.read(&mut buffer).await;
            let _ = socket.write_all(answer).await;
        }
    });
    (address, count)
}

#[tokio::test]
async fn a_broken_answer_is_not_asked_for_twice() {
    for answer in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"result\""] {
        let (address, count) = server(answer).await;
        let client = builder(format!("http://{address}/video/v2")).build().unwrap();
        let error = client.create_room(room()).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Connection, true));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_ends_with_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let client = builder(endpoint).timeout(Duration::from_millis(150)).build().unwrap();
    let started = std::time::Instant::now();
    let error = client.create_room(room()).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Timeout, true));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_huge_answer_is_cut_off() {
    let mut server = mockito::Server::new_async().await;
    let mock = server.mock("POST", "/rooms").with_body("x".repeat(4096)).create_async().await;
    let client = builder(server.url()).body_limit(1024).build().unwrap();
    assert_eq!(client.create_room(room()).await.unwrap_err().kind(), ErrorKind::Protocol);
    mock.assert_async().await;
}

#[tokio::test]
async fn a_redirect_takes_no_credentials_along() {
    let mut target = mockito::Server::new_async().await;
    let stolen = target.mock("POST", mockito::Matcher::Any).expect(0).create_async().await;
    let mut server = mockito::Server::new_async().await;
    let url = format!("{}/rooms", target.url());
    let mock =
        server.mock("POST", "/rooms").with_status(307).with_header("location", &url).create_async().await;
    let client = builder(server.url()).build().unwrap();
    assert_eq!(client.create_room(room()).await.unwrap_err().kind(), ErrorKind::Protocol);
    mock.assert_async().await;
    stolen.assert_async().await;
}

#[tokio::test]
async fn credentials_are_checked_before_anything_is_sent() {
    for (id, key) in [("", "k"), ("i", ""), ("a:b", "k"), ("a\n", "k")] {
        let transport = ScriptedTransport::new();
        let client = Client::builder(Credentials::new(id, key)).transport(transport.clone()).build().unwrap();
        let error = client.create_room(room()).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Unauthenticated, false), "{id:?} {key:?}");
        assert!(transport.requests().is_empty());
    }
}

#[tokio::test]
async fn an_echo_of_the_credentials_is_hidden() {
    let body = r#"{"result":40002,"desc":"canary-key and QVBQOmNhbmFyeS1rZXk= are wrong"}"#;
    let transport = ScriptedTransport::new().json(200, body);
    let client = builder("https://x.example").transport(transport).build().unwrap();
    let error = client.create_room(room()).await.unwrap_err();
    assert_eq!(error.detail(), Some("[redacted] and [redacted] are wrong"));
    let text = format!("{error} {error:?}");
    assert!(!text.contains("canary") && !text.contains("QVBQ"), "{text}");
}

#[test]
fn nothing_shows_the_key() {
    let credentials = Credentials::new("APP", "canary-key");
    let client = builder("https://x.example").build().unwrap();
    assert!(!format!("{credentials:?} {client:?} {:?}", client.create_room(room())).contains("canary"));
}
