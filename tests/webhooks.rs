//! The webhook servers of the opentok and the enablex crates take what the emulated services post, and nothing else.

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

#[path = "../crates/enablex/examples/webhook_axum.rs"]
#[allow(dead_code, reason = "its main function is not called")]
mod enablex_axum;
#[path = "../crates/opentok/examples/webhook_axum.rs"]
#[allow(dead_code, reason = "its main function is not called")]
mod webhook_axum;
#[path = "../crates/opentok/examples/webhook_hyper.rs"]
#[allow(dead_code, reason = "its main function is not called")]
mod webhook_hyper;

const SECRET: &str = "signature-secret-of-one-webhook-0123456789";
const PATIENCE: Duration = Duration::from_secs(30);

/// The status of the answer to a POST of this body.
async fn post(address: &str, path: &str, authorization: &str, body: &str) -> u16 {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{authorization}content-length: {}\r\n\r\n",
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
    assert_eq!(post(&address, "/opentok", "", body).await, 401);
    assert_eq!(post(&address, "/opentok", "authorization: Bearer e30.e30.e30\r\n", body).await, 401);
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

/// A session that is recorded, and over: the emulated EnableX tells of its end and its files, which can be had.
#[tokio::test]
async fn enablex_with_axum() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, mut webhooks) = channel(100);
    let emulator = Emulator::start().await.unwrap();
    let service = emulator.enablex();
    let reader =
        enablex::WebhookReader::new().credentials(service.webhook_user(), service.webhook_password());
    let server =
        tokio::spawn(async { axum::serve(listener, enablex_axum::app(reader, sender)).await.unwrap() });
    assert!(service.send_webhooks(&format!("http://{address}/enablex"), true));

    let recordings = enablex::RecordingAccess::new(service.recording_user(), service.recording_password());
    let client = enablex::Client::builder(enablex::Credentials::new(service.app_id(), service.app_key()))
        .recordings(recordings.allow_host("127.0.0.1"))
        .endpoint(service.url())
        .build()
        .unwrap();
    let room = enablex::CreateRoom::new("n", "o", enablex::RoomSettings::new(2));
    let room = client.create_room(room).await.unwrap().room_id;
    let request = enablex::CreateToken::new(&room, "Mo", enablex::Role::Moderator, "mo");
    let token = client.create_token(request).await.unwrap().token;
    let (live, _events) = client.connect_room(enablex::ConnectRoom::new(token)).await.unwrap();
    let session = live.state().conf_num;
    assert!(session.is_some());
    live.start_record().await.unwrap();
    live.stop_record().await.unwrap();
    live.close().await;

    // They may come in any order.
    let (mut over, mut files) = (false, Vec::new());
    while !over || files.is_empty() {
        let webhook = tokio::time::timeout(PATIENCE, webhooks.recv()).await.unwrap().unwrap();
        assert_eq!((webhook.room_id.as_ref(), &webhook.conf_num), (Some(&room), &session), "{webhook:?}");
        let now = emulator.clock().now();
        assert!(webhook.trans_date.is_some_and(|at| at <= now) && !webhook.expired(now), "{webhook:?}");
        match webhook.kind {
            enablex::WebhookKind::RoomDrop => over = true,
            enablex::WebhookKind::Recording => files = webhook.urls,
            other => panic!("{other:?}"),
        }
    }
    for url in files {
        let mut download = client.open_recording(enablex::DownloadRecording::new(url)).await.unwrap();
        while download.next().await.unwrap().is_some() {}
        assert_eq!(Some(download.received()), download.total());
    }

    let body = r#"{"type":"roomdrop","room_id":"forged"}"#;
    let wrong = "authorization: Basic dTpw\r\n";
    assert_eq!(post(&address, "/enablex", "", body).await, 401);
    assert_eq!(post(&address, "/enablex", wrong, body).await, 401);
    assert!(webhooks.try_recv().is_err());
    server.abort();
}
