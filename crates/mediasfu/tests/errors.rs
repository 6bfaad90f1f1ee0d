//! What goes wrong on the way, over real sockets: the kind of each fault, and what may be sent twice.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mediasfu::{Client, ClientBuilder, CreateRoom, Credentials, JoinRoom, ServerKind};
use mockito::Server;
use rtc_core::{ErrorKind, RetryPolicy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ROOM: &str = r#"{"roomName":"s1","link":"https://x.mediasfu.com","secret":"tok","success":true}"#;

fn builder(endpoint: &str) -> ClientBuilder {
    Client::builder(Credentials::new("apiUser123", KEY))
        .endpoint(endpoint)
        .retry(RetryPolicy::default().with_base(Duration::from_millis(1)))
}

/// The cloud at this address, which knows keys; a Community Edition does not. Only keys of the input are sent.
fn cloud(endpoint: &str) -> ClientBuilder {
    builder(endpoint).server(ServerKind::Cloud).idempotency_keys(false)
}

fn request() -> CreateRoom {
    CreateRoom::new("hostUser", 60, 10)
}

fn keyed() -> CreateRoom {
    request().idempotency_key("call-create-0001")
}

/// What a broken server does with each request that it has read.
#[derive(Debug, Clone, Copy)]
enum Broken {
    Silent,
    Closes,
    Says(&'static str),
}

/// A server that reads requests and breaks; it counts them.
async fn broken(how: Broken) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if !read_request(&mut stream).await {
                continue;
            }
            counted.fetch_add(1, Ordering::SeqCst);
            match how {
                Broken::Silent => silent.push(stream),
                Broken::Closes => {}
                Broken::Says(text) => {
                    let _ = stream.write_all(text.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            }
        }
    });
    (address, count)
}

/// Reads until the body, which is JSON, ends.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    while !read.ends_with(b"}") {
        match stream.read(&mut piece).await {
            Ok(n) if n > 0 => read.extend_from_slice(&piece[..n]),
            _ => return false,
        }
    }
    true
}

#[tokio::test]
async fn each_fault_has_its_kind_and_a_call_without_a_key_is_sent_once() {
    const CUT: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"roomName\"";
    const HUGE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n{";
    for (how, kind) in [
        (Broken::Silent, ErrorKind::Timeout),
        (Broken::Closes, ErrorKind::Connection),
        (Broken::Says(CUT), ErrorKind::Connection),
        (Broken::Says(HUGE), ErrorKind::Protocol),
        (Broken::Says("no HTTP at all\r\n\r\n"), ErrorKind::Protocol),
    ] {
        let (address, count) = broken(how).await;
        // Only silence is to run into the time limit.
        let limit = Duration::from_millis(if matches!(how, Broken::Silent) { 100 } else { 15_000 });
        let client = builder(&format!("http://{address}")).timeout(limit).build().unwrap();
        let error = client.create_room(request()).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent(), error.attempts()), (kind, true, 1), "{how:?}: {error:?}");
        assert_eq!(count.load(Ordering::SeqCst), 1, "{how:?}");
        assert!(!format!("{error} {error:?}").contains(KEY));
    }
}

#[tokio::test]
async fn with_a_key_a_lost_answer_is_asked_for_again() {
    let (address, count) = broken(Broken::Closes).await;
    let client = cloud(&format!("http://{address}")).build().unwrap();
    let error = client.create_room(keyed()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), count.load(Ordering::SeqCst)), (ErrorKind::Connection, 3, 3));
    let join = JoinRoom::new("s1", "guest1");
    assert_eq!(client.join_room(join.clone()).await.unwrap_err().attempts(), 1);
    assert_eq!(client.join_room(join.idempotency_key("call-join-0001")).await.unwrap_err().attempts(), 3);
}

#[tokio::test]
async fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = builder(&format!("http://{address}")).build().unwrap();
    let error = client.create_room(request()).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent(), error.attempts()), (ErrorKind::Connection, false, 3));
}

#[tokio::test]
async fn what_may_be_repeated_is_and_nothing_else() {
    for (status, without_key, with_key) in [
        (400, 1, 1),
        (401, 1, 1),
        (403, 1, 1),
        (409, 1, 1),
        (422, 1, 1),
        (429, 3, 3),
        (500, 1, 1),
        (502, 1, 3),
        (503, 1, 3),
        (504, 1, 3),
    ] {
        for (request, attempts) in [(request(), without_key), (keyed(), with_key)] {
            let mut server = Server::new_async().await;
            let mock =
                server.mock("POST", "/v1/rooms/").with_status(status).expect(attempts).create_async().await;
            let client = cloud(&server.url()).build().unwrap();
            let error = client.create_room(request).await.unwrap_err();
            assert_eq!(error.attempts() as usize, attempts, "{status}");
            mock.assert_async().await;
        }
    }
}

#[tokio::test]
async fn a_repeat_carries_the_same_key_and_body() {
    let mut server = Server::new_async().await;
    let common = |mock: mockito::Mock| {
        mock.match_header("idempotency-key", "call-create-0001").match_body(
            mockito::Matcher::PartialJsonString(r#"{"action":"create","userName":"hostUser"}"#.into()),
        )
    };
    let busy = common(server.mock("POST", "/v1/rooms/")).with_status(503).expect(1).create_async().await;
    let good = common(server.mock("POST", "/v1/rooms/")).with_body(ROOM).expect(1).create_async().await;
    let reply = cloud(&server.url()).build().unwrap().create_room(keyed()).reply().await.unwrap();
    assert_eq!((reply.attempts, reply.output.room_name.as_str()), (2, "s1"));
    busy.assert_async().await;
    good.assert_async().await;
}

#[tokio::test]
async fn the_wait_that_the_service_asks_for_is_told() {
    let mut server = Server::new_async().await;
    server.mock("POST", "/createRoom").with_status(429).with_header("retry-after", "60").create_async().await;
    // A minute does not fit into the total time, so the refusal is told at once.
    let error = builder(&server.url()).build().unwrap().create_room(request()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry_after(), error.attempts()),
        (ErrorKind::RateLimited, Some(Duration::from_secs(60)), 1)
    );
    assert!(error.is_retryable());
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let mut target = Server::new_async().await;
    let never = target.mock("POST", mockito::Matcher::Any).expect(0).create_async().await;
    let got = target.mock("GET", mockito::Matcher::Any).expect(0).create_async().await;
    for status in [301, 302, 303, 307, 308] {
        let mut server = Server::new_async().await;
        let location = format!("{}/createRoom", target.url());
        server
            .mock("POST", "/createRoom")
            .with_status(status)
            .with_header("location", &location)
            .create_async()
            .await;
        let error = builder(&server.url()).build().unwrap().create_room(keyed()).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Protocol, 1), "{status}");
    }
    never.assert_async().await;
    got.assert_async().await;
}
