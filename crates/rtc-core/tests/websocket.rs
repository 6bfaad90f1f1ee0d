//! WebSocket channels against real sockets.
#![cfg(feature = "websocket")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use rtc_core::transport::channel::{Channel as _, Connect as _, ConnectError, Frame};
use rtc_core::transport::websocket::{Proxy, WebSocketConnector};
use rtc_core::transport::{Limits, TransportErrorKind};
use rtc_core::{EndpointPolicy, Trust};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}", listener.local_addr().unwrap());
    (listener, address)
}

async fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// An answer that accepts the upgrade asked for by `head`.
fn accepting(head: &str) -> String {
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
    )
}

fn to(uri: &str) -> Request<()> {
    Request::builder().uri(uri).body(()).unwrap()
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("the test hangs")
}

/// Starts a server that echoes messages.
async fn echo() -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let (mut write, mut read) = futures_util::StreamExt::split(socket);
        while let Some(Ok(message)) = futures_util::StreamExt::next(&mut read).await {
            if message.is_text() || message.is_binary() || message.is_ping() {
                futures_util::SinkExt::send(&mut write, message).await.unwrap();
            }
        }
    });
    address
}

#[tokio::test]
async fn frames_go_both_ways() {
    let address = echo().await;
    let mut channel = WebSocketConnector::new().connect(to(&address), Limits::default()).await.unwrap();
    for frame in [Frame::Text("hällo".into()), Frame::Binary(Bytes::from_static(b"\x00\xff"))] {
        channel.send(frame.clone()).await.unwrap();
        assert_eq!(within(channel.recv()).await.unwrap().unwrap(), frame);
    }
    // The server answers the ping itself, and echoes it: both arrive here.
    channel.send(Frame::Ping(Bytes::from_static(b"p"))).await.unwrap();
    let mut seen =
        [within(channel.recv()).await.unwrap().unwrap(), within(channel.recv()).await.unwrap().unwrap()];
    seen.sort_by_key(|frame| matches!(frame, Frame::Pong(_)));
    assert_eq!(seen, [Frame::Ping(Bytes::from_static(b"p")), Frame::Pong(Bytes::from_static(b"p"))]);
    let long = "é".repeat(100);
    channel.send(Frame::Close { code: 4000, reason: long.clone() }).await.unwrap();
    match within(channel.recv()).await {
        Some(Ok(Frame::Close { code: 4000, reason })) => {
            assert!(long.starts_with(&reason) && reason.len() == 122)
        }
        other => panic!("{other:?}"),
    }
    assert!(within(channel.recv()).await.is_none());
    let error = channel.send(Frame::Text("late".into())).await.unwrap_err();
    assert!(matches!(error.kind(), TransportErrorKind::Closed), "{error:?}");
}

#[tokio::test]
async fn pings_are_answered_without_another_call() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = head_of(&mut stream).await;
        // The first frame comes with the head.
        let mut answer = format!("{}\r\n", accepting(&head)).into_bytes();
        answer.extend_from_slice(b"\x89\x01p");
        stream.write_all(&answer).await.unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer[..2], b"\x8a\x81");
        stream
    });
    let mut channel = WebSocketConnector::new().connect(to(&address), Limits::default()).await.unwrap();
    assert_eq!(within(channel.recv()).await.unwrap().unwrap(), Frame::Ping(Bytes::from_static(b"p")));
    let stream = within(server).await.unwrap();
    drop(stream);
    let lost = within(channel.recv()).await.unwrap().unwrap_err();
    assert!(matches!(lost.kind(), TransportErrorKind::Interrupted), "{lost:?}");
    assert!(channel.recv().await.is_none());
}

#[tokio::test]
async fn the_handshake_carries_query_headers_and_subprotocol() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = head_of(&mut stream).await;
        let answer = format!("{}Sec-WebSocket-Protocol: sora\r\n\r\n", accepting(&head));
        stream.write_all(answer.as_bytes()).await.unwrap();
        head
    });
    let extra = HeaderMap::from_iter([
        (http::header::ORIGIN, HeaderValue::from_static("https://app.example")),
        (http::header::USER_AGENT, HeaderValue::from_static("default")),
    ]);
    let mut handshake = to(&format!("{address}/path?X-Amz-Signature=a%2Fb"));
    handshake.headers_mut().insert("user-agent", HeaderValue::from_static("own"));
    handshake.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("sora"));
    WebSocketConnector::new().with_headers(extra).connect(handshake, Limits::default()).await.unwrap();
    let head = server.await.unwrap();
    assert!(head.starts_with("GET /path?X-Amz-Signature=a%2Fb HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nuser-agent: own\r\n") && head.contains("\r\norigin: https://app.example\r\n"));
    assert!(!head.contains("default"));
}

#[tokio::test]
async fn refusals_keep_their_body() {
    for (framing, body) in [
        ("Content-Length: 9", "{\"no\":1}\n"),
        ("Transfer-Encoding: chunked", "5\r\n{\"no\"\r\n4\r\n:1}\n\r\n0\r\n\r\n"),
        ("Connection: close", "{\"no\":1}\n"),
    ] {
        let (listener, address) = listen().await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            head_of(&mut stream).await;
            stream
                .write_all(format!("HTTP/1.1 403 Forbidden\r\nX-Why: no\r\n{framing}\r\n\r\n").as_bytes())
                .await
                .unwrap();
            stream.flush().await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
            if framing != "Connection: close" {
                // Kept open: the framing alone tells the end.
                std::future::pending::<()>().await;
            }
        });
        let result = within(WebSocketConnector::new().connect(to(&address), Limits::default())).await;
        match result.unwrap_err() {
            ConnectError::Refused(response) => {
                assert_eq!(
                    (response.status().as_u16(), response.headers()["x-why"].as_bytes()),
                    (403, b"no".as_slice())
                );
                assert_eq!(response.body(), "{\"no\":1}\n");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn large_messages_are_an_error() {
    let address = echo().await;
    let limits = Limits::default().with_body(1000);
    let mut channel = WebSocketConnector::new().connect(to(&address), limits).await.unwrap();
    for (size, fits) in [(1000, true), (1001, false)] {
        channel.send(Frame::Text("x".repeat(size))).await.unwrap();
        match within(channel.recv()).await.unwrap() {
            Ok(_) => assert!(fits),
            Err(error) => {
                assert!(
                    !fits && matches!(error.kind(), TransportErrorKind::TooLarge { limit: 1000 }),
                    "{error:?}"
                );
            }
        }
    }
    assert!(channel.recv().await.is_none());
}

#[tokio::test]
async fn what_cannot_be_reached() {
    let (listener, address) = listen().await;
    drop(listener);
    let failure = |error: ConnectError| match error {
        ConnectError::Transport(error) => error,
        other => panic!("{other:?}"),
    };
    let connector = WebSocketConnector::new();
    let error = failure(connector.connect(to(&address), Limits::default()).await.unwrap_err());
    assert!(matches!(error.kind(), TransportErrorKind::Connect) && error.is_unsent(), "{error:?}");

    // A server that accepts and says nothing: the request was sent.
    let (_listener, address) = listen().await;
    let limits = Limits::default().with_connect(Duration::from_millis(50));
    let error = failure(connector.connect(to(&address), limits).await.unwrap_err());
    assert!(matches!(error.kind(), TransportErrorKind::ConnectTimeout) && !error.is_unsent(), "{error:?}");

    // Plain text to elsewhere, and a loopback address that an answer named.
    let found = Limits::default().with_trust(Trust::Discovered);
    for (uri, limits) in [("ws://far.example", Limits::default()), (address.as_str(), found)] {
        let error = failure(connector.connect(to(uri), limits).await.unwrap_err());
        assert!(matches!(error.kind(), TransportErrorKind::Blocked(_)) && error.is_unsent(), "{error:?}");
    }

    let error = failure(connector.connect(to("http://localhost"), Limits::default()).await.unwrap_err());
    assert!(matches!(error.kind(), TransportErrorKind::Setup(_)), "{error:?}");
}

#[tokio::test]
async fn proxies_are_asked_for_a_tunnel() {
    for (status, works) in [("200 OK", true), ("407 Proxy Authentication Required", false)] {
        let (listener, address) = listen().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let connect = head_of(&mut stream).await;
            stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await.unwrap();
            if works {
                let upgrade = head_of(&mut stream).await;
                stream.write_all(format!("{}\r\n", accepting(&upgrade)).as_bytes()).await.unwrap();
                assert!(upgrade.contains("host: far.example\r\n"), "{upgrade}");
            }
            connect
        });
        let proxy = address.replace("ws://", "http://user:p%40ss@").parse().unwrap();
        let connector = WebSocketConnector::new()
            .with_policy(EndpointPolicy::default().allow_insecure(true))
            .with_proxy(Proxy::Url(proxy));
        let result = within(connector.connect(to("ws://far.example/x"), Limits::default())).await;
        match result {
            Ok(_) => assert!(works),
            Err(ConnectError::Transport(error)) => {
                assert!(!works && matches!(error.kind(), TransportErrorKind::Connect) && error.is_unsent());
            }
            Err(other) => panic!("{other:?}"),
        }
        let head = server.await.unwrap();
        assert!(head.starts_with("CONNECT far.example:80 HTTP/1.1\r\nHost: far.example:80\r\n"), "{head}");
        assert!(head.contains("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
    }
}
