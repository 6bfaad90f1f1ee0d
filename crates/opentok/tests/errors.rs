//! What goes wrong on the way: each fault gives the right kind of error inside its deadline, and a session
//! is never asked for twice once the first request may have arrived.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

mod common;

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{KEY, SECRET, session};
use mockito::Server;
use opentok::{Client, CreateSession, Credentials, OpenTokError, Session};
use rtc_core::{ErrorKind, Reason, RetryPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The deadline of every call here, and how long a call that must end by it may take on a busy machine.
const DEADLINE: Duration = Duration::from_millis(250);
const SLACK: Duration = Duration::from_secs(5);

fn client(url: &str, deadline: Duration) -> Client {
    let builder = Client::builder(Credentials::new(KEY, SECRET)).endpoint(url).timeout(deadline);
    builder.retry(RetryPolicy::default().with_base(Duration::ZERO)).build().unwrap()
}

async fn create(client: &Client) -> opentok::Result<Session> {
    client.create_session(CreateSession::new()).await
}

/// No secret, no request token in anything that an error shows.
fn shows_no_secret(error: &opentok::Error) {
    let mut shown = format!("{error} {error:?}");
    let mut next = error.source();
    while let Some(source) = next {
        shown += &format!(" {source} {source:?}");
        next = source.source();
    }
    assert!(!shown.contains(SECRET) && !shown.contains("eyJ"), "{shown}");
}

#[tokio::test]
async fn statuses() {
    const JSON: &str = r#"{"code":-1,"message":"Invalid token","description":"Invalid token"}"#;
    const XML: &str = "<errorPayload><code>-1</code><message>Invalid token</message></errorPayload>";
    const PRETTY: &str = "<errorPayload>\n  <code>-1</code>\n  <message>\n  Invalid &#116;oken\n  </message>\n</errorPayload>\n";
    const PAGE: &str = "<!doctype html><title>Bad gateway</title>\n<h1>Bad gateway</h1>";
    let (json, xml, html) = ("application/json", "application/xml", "text/html");
    // status, content type, body -> kind, detail, retryable
    for (status, content_type, body, kind, detail, retryable) in [
        (400, json, JSON, ErrorKind::InvalidInput, Some("Invalid token"), false),
        (400, xml, XML, ErrorKind::InvalidInput, Some("Invalid token"), false),
        (400, xml, PRETTY, ErrorKind::InvalidInput, Some("Invalid token"), false),
        (401, json, JSON, ErrorKind::Unauthenticated, Some("Invalid token"), false),
        (403, json, JSON, ErrorKind::Unauthenticated, Some("Invalid token"), false),
        (
            403,
            json,
            r#"{"description":"Issuer not found"}"#,
            ErrorKind::Unauthenticated,
            Some("Issuer not found"),
            false,
        ),
        (404, json, JSON, ErrorKind::NotFound, Some("Invalid token"), false),
        (408, json, JSON, ErrorKind::InvalidInput, Some("Invalid token"), false),
        (409, json, JSON, ErrorKind::Conflict, Some("Invalid token"), false),
        (413, json, JSON, ErrorKind::InvalidInput, Some("Invalid token"), false),
        (500, json, JSON, ErrorKind::Unavailable, Some("Invalid token"), false),
        (502, html, PAGE, ErrorKind::Unavailable, None, false),
        (503, json, "", ErrorKind::Unavailable, None, false),
        (504, html, PAGE, ErrorKind::Timeout, None, false),
        (403, html, PAGE, ErrorKind::Unauthenticated, None, false),
        (403, json, "", ErrorKind::Unauthenticated, None, false),
        (403, json, "[1,2", ErrorKind::Unauthenticated, None, false),
        (403, xml, "<a", ErrorKind::Unauthenticated, None, false),
        (418, json, "null", ErrorKind::Other, None, false),
    ] {
        let mut server = Server::new_async().await;
        let mock = server.mock("POST", "/session/create").with_status(status).with_body(body);
        let mock = mock.with_header("content-type", content_type).expect(1).create_async().await;
        let error = create(&client(&server.url(), SLACK)).await.unwrap_err();
        let case = format!("{status} {body}");
        assert_eq!((error.kind(), error.detail(), error.is_retryable()), (kind, detail, retryable), "{case}");
        assert_eq!(error.status().map(|s| usize::from(s.as_u16())), Some(status), "{case}");
        assert_eq!((error.attempts(), error.was_sent()), (1, true), "{case}");
        let Some(OpenTokError::Api { body: excerpt, operation, .. }) = error.service() else {
            unreachable!("{case}: {error:?}")
        };
        assert_eq!(*operation, "create_session");
        assert_eq!(*excerpt, body.trim().replace('\n', " "), "{case}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        shows_no_secret(&error);
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn a_long_error_page_is_cut() {
    let mut server = Server::new_async().await;
    let page = "é\u{7}".repeat(100_000);
    server.mock("POST", "/session/create").with_status(500).with_body(page).create_async().await;
    let error = create(&client(&server.url(), SLACK)).await.unwrap_err();
    let Some(OpenTokError::Api { body, .. }) = error.service() else { unreachable!("{error:?}") };
    assert!(body.len() <= 2 * 2048 && body.starts_with("é ") && !body.contains('\u{7}'), "{}", body.len());
    assert!(error.to_string().len() < 4096);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let mut target = Server::new_async().await;
    let never = target.mock("POST", mockito::Matcher::Any).expect(0).create_async().await;
    let never_got = target.mock("GET", mockito::Matcher::Any).expect(0).create_async().await;
    for status in [301, 302, 303, 307, 308] {
        let mut server = Server::new_async().await;
        let mock = server.mock("POST", "/session/create").with_status(status).expect(1);
        let mock = mock.with_header("location", &format!("{}/session/create", target.url()));
        let mock = mock.create_async().await;
        let error = create(&client(&server.url(), SLACK)).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Protocol, 1), "{status}");
        shows_no_secret(&error);
        mock.assert_async().await;
    }
    never.assert_async().await;
    never_got.assert_async().await;
}

/// What a server does with a connection once it has read a request.
#[derive(Debug, Clone)]
enum Then {
    /// Resets before it reads anything.
    ResetAtOnce,
    /// Writes this, then resets.
    Reset(Vec<u8>),
    /// Writes this, then closes.
    Close(Vec<u8>),
    /// Writes this, then says nothing more.
    Hang(Vec<u8>),
}

/// A server that does the next of these for each connection, the last one for all others.
struct Raw {
    url: String,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Raw {
    async fn start(script: Vec<Then>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let (mut tasks, count) = (JoinSet::new(), Arc::clone(&connections));
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let nth = count.fetch_add(1, Ordering::SeqCst);
                let then = script.get(nth).or(script.last()).unwrap().clone();
                open.spawn(serve(stream, then));
            }
        });
        Self { url, connections, _tasks: tasks }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, then: Then) {
    if !matches!(then, Then::ResetAtOnce) {
        read_request(&mut stream).await;
    }
    match then {
        Then::ResetAtOnce => stream.set_zero_linger().unwrap(),
        Then::Reset(bytes) => {
            stream.write_all(&bytes).await.unwrap();
            stream.set_zero_linger().unwrap();
        }
        // The other side may have left already.
        Then::Close(bytes) => drop(stream.write_all(&bytes).await),
        Then::Hang(bytes) => {
            stream.write_all(&bytes).await.unwrap();
            std::future::pending::<()>().await;
        }
    }
}

/// Reads a head and the body that it announces.
async fn read_request(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return;
            }
        }
        // The other side may have left.
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

fn good() -> Vec<u8> {
    answer("200 OK", "", &format!(r#"[{{"session_id":"{}"}}]"#, session()))
}

#[tokio::test]
async fn connections_that_fail() {
    let half = good()[..40].to_vec();
    let mut short = good();
    short.truncate(short.len() - 5);
    let huge = 16 * 1024 * 1024;
    let lie = format!("HTTP/1.1 200 OK\r\ncontent-length: {huge}\r\n\r\n[").into_bytes();
    let mut chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..130 {
        chunked.extend_from_slice(format!("{:x}\r\n{}\r\n", 65_536, " ".repeat(65_536)).as_bytes());
    }
    let drip = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[".to_vec();
    for (then, kind) in [
        (Then::Reset(Vec::new()), ErrorKind::Connection),
        (Then::Close(Vec::new()), ErrorKind::Connection),
        (Then::Reset(half.clone()), ErrorKind::Connection),
        (Then::Close(half.clone()), ErrorKind::Connection),
        (Then::Close(short), ErrorKind::Connection),
        (Then::Close(b"\x16\x03\x01garbage\r\n\r\n".to_vec()), ErrorKind::Protocol),
        (Then::Close(b"HTTP/1.1 abc\r\n\r\n".to_vec()), ErrorKind::Protocol),
        (Then::Hang(lie), ErrorKind::Protocol),
        (Then::Hang(chunked), ErrorKind::Protocol),
        (Then::Hang(Vec::new()), ErrorKind::Timeout),
        // So slow that only the first bytes arrive in time.
        (Then::Hang(b"H".to_vec()), ErrorKind::Timeout),
        (Then::Hang(half), ErrorKind::Timeout),
        (Then::Hang(drip), ErrorKind::Timeout),
    ] {
        let server = Raw::start(vec![then.clone()]).await;
        // Only what ends by the deadline has a short one: the others must not end by chance.
        let deadline = if kind == ErrorKind::Timeout { DEADLINE } else { SLACK };
        let started = Instant::now();
        let error = create(&client(&server.url, deadline)).await.unwrap_err();
        let name = format!("{then:?}").chars().take(80).collect::<String>();
        assert_eq!(error.kind(), kind, "{name}: {error:?}");
        assert!(started.elapsed() < SLACK && error.was_sent(), "{name}");
        assert_eq!((server.connections(), error.attempts()), (1, 1), "{name}: never twice");
        assert!(!error.is_retryable(), "{name}: there may be a session");
        shows_no_secret(&error);
    }
}

#[tokio::test]
async fn a_connection_that_is_reset_at_once() {
    // Whether the request was on its way already is a matter of luck; what follows from it is not.
    for _ in 0..20 {
        let server = Raw::start(vec![Then::ResetAtOnce]).await;
        let error = create(&client(&server.url, SLACK)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error:?}");
        assert_eq!(server.connections(), error.attempts() as usize);
        assert_eq!(error.is_retryable(), !error.was_sent(), "{error:?}");
        assert!(error.was_sent() || error.attempts() == 3, "{error:?}");
    }
}

#[tokio::test]
async fn what_follows_a_whole_answer_does_not_matter() {
    let server = Raw::start(vec![Then::Close(good())]).await;
    let client_of_closer = client(&server.url, SLACK);
    for connections in 1..=2 {
        // A connection that is gone is not used again, and nobody notices.
        assert_eq!(create(&client_of_closer).await.unwrap().session_id, session());
        assert_eq!(server.connections(), connections);
    }
    // A reset may overtake the answer. Read or lost, the request was sent once.
    let server = Raw::start(vec![Then::Reset(good())]).await;
    match create(&client(&server.url, SLACK)).await {
        Ok(answer) => assert_eq!(answer.session_id, session()),
        Err(error) => {
            assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Connection, true), "{error:?}")
        }
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = create(&client(&url, SLACK)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connection, 3));
    assert!(!error.was_sent() && error.is_retryable());
    shows_no_secret(&error);
}

#[tokio::test]
async fn a_throttle_is_waited_for() {
    let throttle = |value: &str| answer("429 Too Many Requests", &format!("retry-after: {value}\r\n"), "");
    let server = Raw::start(vec![Then::Close(throttle("0")), Then::Close(good())]).await;
    let reply = client(&server.url, SLACK).create_session(CreateSession::new()).reply().await.unwrap();
    assert_eq!((reply.attempts, server.connections()), (2, 2));

    let server = Raw::start(vec![Then::Close(throttle("0"))]).await;
    let error = create(&client(&server.url, SLACK)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 3));
    assert!(error.is_retryable() && server.connections() == 3);

    let server = Raw::start(vec![Then::Close(throttle("3600"))]).await;
    let started = Instant::now();
    let error = create(&client(&server.url, SLACK)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 1));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert!(started.elapsed() < SLACK, "no waiting for what lies beyond the deadline");
}

#[tokio::test]
async fn after_a_throttle_a_lost_answer_is_still_final() {
    let throttle = answer("429 Too Many Requests", "retry-after: 0\r\n", "");
    let server = Raw::start(vec![Then::Close(throttle), Then::Close(Vec::new()), Then::Close(good())]).await;
    let error = create(&client(&server.url, SLACK)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), server.connections()), (ErrorKind::Connection, 2, 2));
}

#[tokio::test]
async fn an_answer_larger_than_asked_for() {
    let server = Raw::start(vec![Then::Close(good())]).await;
    let builder = Client::builder(Credentials::new(KEY, SECRET)).endpoint(&server.url).body_limit(16);
    let error = create(&builder.build().unwrap()).await.unwrap_err();
    assert!(
        matches!(error.reason(), Reason::Transport(e) if e.to_string().contains("16 bytes")),
        "{error:?}"
    );
}

#[tokio::test]
async fn addresses_that_are_refused() {
    for url in ["http://api.opentok.com", "https://u:canary@127.0.0.1", "https://169.254.169.254", "x"] {
        let error = Client::builder(Credentials::new(KEY, SECRET)).endpoint(url).build().unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::InvalidInput, false), "{url}");
        assert!(!error.to_string().contains("canary"));
    }
    let client = client("http://127.0.0.1:1", SLACK);
    let error = client.create_session(CreateSession::new()).endpoint("http://a.example").await.unwrap_err();
    assert!(matches!(error.reason(), Reason::Endpoint(_)), "{error:?}");
}

#[tokio::test]
async fn a_dropped_call_leaves() {
    let server = Raw::start(vec![Then::Hang(Vec::new()), Then::Close(good())]).await;
    let client = client(&server.url, SLACK);
    let call = tokio::spawn(client.create_session(CreateSession::new()).into_future());
    while server.connections() == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    create(&client).await.unwrap();
    assert_eq!(server.connections(), 2);
}
