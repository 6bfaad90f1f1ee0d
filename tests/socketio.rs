//! The Socket.IO client against an independent server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hyper_util::rt::TokioIo;
use rtc_core::SharedClock;
use rtc_core::transport::Limits;
use rtc_core::transport::socketio::{Protocol, SocketError, SocketOptions, connect};
use rtc_core::transport::websocket::WebSocketConnector;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, Event, SocketRef};
use socketioxide::handler::ConnectHandler as _;
use tokio::net::TcpListener;
use url::Url;

async fn server() -> Url {
    let (service, io) = SocketIo::builder().ping_interval(Duration::from_millis(100)).build_svc();
    // Listening begins before the client is told that it is connected.
    let listen = async |socket: SocketRef| {
        socket.on("echo", async |Event(_): Event, Data(data): Data<Value>, ack: AckSender| {
            ack.send(&("success", data)).unwrap();
        });
        socket.on("ask", async |socket: SocketRef| {
            let answer =
                socket.emit_with_ack::<_, Value>("question", &json!({"n": 1})).unwrap().await.unwrap();
            socket.emit("answered", &answer).unwrap();
        });
        socket.on("leave", async |socket: SocketRef| socket.disconnect().unwrap());
        Ok::<(), std::convert::Infallible>(())
    };
    let welcome = async |socket: SocketRef| socket.emit("welcome", &json!({"id": 7})).unwrap();
    io.ns("/", welcome.with(listen));
    io.ns("/media", welcome.with(listen));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service.clone())
                .with_upgrades();
            tokio::spawn(connection);
        }
    });
    base
}

async fn converse(protocol: Protocol, namespace: &str) {
    let base = server().await;
    let mut options = SocketOptions::new(protocol);
    options.namespace = namespace.into();
    if protocol == Protocol::Eio4 || namespace == "/" {
        // socketioxide takes the query of an EIO3 namespace for a part of its name; Node's server does not.
        options.query = vec![("apiUserName".into(), "room 1".into())];
    }
    let connector = WebSocketConnector::new();
    let (socket, mut events) =
        connect(&connector, &base, options, SharedClock::default(), Limits::default()).await.unwrap();
    let welcome = events.recv().await.unwrap();
    assert_eq!((welcome.name.as_str(), welcome.args.as_slice()), ("welcome", [json!({"id": 7})].as_slice()));

    let limit = Duration::from_secs(5);
    for n in 0..3 {
        let answer = socket.emit_with_ack("echo", &[json!({"n": n})], limit).await.unwrap();
        assert_eq!(answer, [json!("success"), json!({"n": n})]);
    }
    socket.emit("ask", &[]).await.unwrap();
    let question = events.recv().await.unwrap();
    assert_eq!(question.name, "question");
    socket.ack(question.ack.unwrap(), &[json!("fine")]).await.unwrap();
    let answered = events.recv().await.unwrap();
    assert_eq!(answered.name, "answered");
    assert!(answered.args[0] == json!("fine") || answered.args[0] == json!(["fine"]), "{:?}", answered.args);

    socket.emit("leave", &[]).await.unwrap();
    assert!(events.recv().await.is_none());
    assert!(matches!(socket.emit("echo", &[]).await, Err(SocketError::Closed { .. })));
}

#[tokio::test]
async fn both_generations_converse_in_both_kinds_of_namespace() {
    for protocol in [Protocol::Eio3, Protocol::Eio4] {
        for namespace in ["/", "/media"] {
            let talk = converse(protocol, namespace);
            let talk = tokio::time::timeout(Duration::from_secs(20), talk);
            talk.await.unwrap_or_else(|_| panic!("{protocol:?} {namespace} hangs"));
        }
    }
}

#[tokio::test]
async fn unknown_namespaces_are_refused() {
    let base = server().await;
    for protocol in [Protocol::Eio3, Protocol::Eio4] {
        let mut options = SocketOptions::new(protocol);
        options.namespace = "/nowhere".into();
        let result =
            connect(&WebSocketConnector::new(), &base, options, SharedClock::default(), Limits::default())
                .await;
        assert!(matches!(result, Err(SocketError::Refused(_))), "{protocol:?} {result:?}");
    }
}
