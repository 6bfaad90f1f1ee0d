//! The opentok crate's two webhook servers take what the emulated OpenTok posts, and nothing else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail a test, too")]

use std::time::Duration;

use opentok::{
    Client, CreateSession, Credentials, MediaMode, RegisterCallback, StartArchive, StopArchive, WebhookEvent,
    WebhookVerifier,
};
use rtc_emulator::Emulator;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};

#[path = "../crates/opentok/examples/webhook_axum.rs"]
#[allow(dead_code, reason = "its main function is not called")]
mod webhook_axum;
#[path = "../crates/opentok/examples/webhook_hyper.rs"]
#[allow(dead_code, reason = "its main function is not called")]
mod webhook_hyper;

const SECRET: &str = "signature-secret-of-one-webhook-0123456789";
const PATIENCE: Duration = Duration::from_secs(30);

/// The status of the answer to a POST of this body.
async fn post(address: &str, authorization: &str, body: &str) -> u16 {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /opentok HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{authorization}content-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn next(events: &mut Receiver<WebhookEvent>) -> WebhookEvent {
    tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap()
}

/// Lets the emulated service post to a server, and others try the same.
async fn judge<S: Future<Output = ()> + Send + 'static>(
    serve: impl FnOnce(TcpListener, WebhookVerifier, Sender<WebhookEvent>) -> S,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, mut events) = channel(100);
    let server = tokio::spawn(serve(listener, WebhookVerifier::new(SECRET).unwrap(), sender));

    let emulator = Emulator::start().await.unwrap();
    let service = emulator.opentok();
    let credentials = Credentials::new(service.api_key(), service.api_secret());
    let client = Client::builder(credentials).endpoint(service.url()).build().unwrap();
    let url = format!("http://{address}/opentok");
    for (group, event) in [("connection", "created"), ("stream", "destroyed"), ("archive", "status")] {
        let callback = client.register_callback(RegisterCallback::new(group, event, &url)).await.unwrap();
        service.sign_callback(&callback.id, SECRET);
    }
    let routed = CreateSession::new().media_mode(MediaMode::Routed);
    let session = client.create_session(routed).await.unwrap().session_id;

    let joined = service.join(&session);
    let WebhookEvent::ConnectionCreated(event) = next(&mut events).await else { panic!() };
    assert_eq!((event.connection.id, &event.session_id), (joined.connection_id.clone(), &session));

    let archive = client.start_archive(StartArchive::new(&session)).await.unwrap();
    let WebhookEvent::Archive(event) = next(&mut events).await else { panic!() };
    assert_eq!((&event.id, event.status), (&archive.id, archive.status));
    let archive = client.stop_archive(StopArchive::new(&archive.id)).await.unwrap();
    let WebhookEvent::Archive(event) = next(&mut events).await else { panic!() };
    assert_eq!((&event.id, event.status), (&archive.id, archive.status));

    service.leave(&session, &joined.connection_id);
    loop {
        // The archive may go on to have a file meanwhile.
        match next(&mut events).await {
            WebhookEvent::StreamDestroyed(event) => break assert_eq!(event.stream.id, joined.stream_id),
            WebhookEvent::Archive(_) => {}
            other => panic!("{other:?}"),
        }
    }

    let body = r#"{"event":"sessionCreated","sessionId":"forged"}"#;
    assert_eq!(post(&address, "", body).await, 401);
    assert_eq!(post(&address, "authorization: Bearer e30.e30.e30\r\n", body).await, 401);
    while let Ok(event) = events.try_recv() {
        assert_ne!(event.session_id(), Some("forged"));
    }
    server.abort();
}

#[tokio::test]
async fn with_axum() {
    judge(|listener, verifier, events| async {
        axum::serve(listener, webhook_axum::app(verifier, events)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn with_plain_hyper() {
    judge(webhook_hyper::serve).await;
}
