//! What the other providers send.

use rtc_core::testing::ManualClock;
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame};
use rtc_core::transport::socketio::{self, Protocol, SocketOptions};
use rtc_core::{Limits, SharedClock, TransportError, Url, http};
use serde_json::Value;

use crate::{bytes, show};

pub(crate) fn opentok_token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    show(&opentok::SessionId::new(text).decode());
    let client = opentok::Client::new(opentok::Credentials::new("12345", "secret"));
    show(&client.and_then(|client| client.verify_token(opentok::VerifyToken::new(text))));
}

pub(crate) fn opentok_token_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "1_MX4xMjM0NX5-MTQ3MDI1NzY4ODMwOX5hYmN-fn4",
        "T1==cGFydG5lcl9pZD0xMjM0NSZzaWc9YWJjOnNlc3Npb25faWQ9MV9NWDQmY3JlYXRlX3RpbWU9MSZub25jZT0yJnJvbGU9cHVibGlzaGVy",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiIxMjM0NSIsImV4cCI6MX0.c2ln",
    ])
}

pub(crate) fn opentok_webhook(data: &[u8]) {
    show(&opentok::WebhookEvent::parse(data));
}

pub(crate) fn opentok_webhook_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        r#"{"sessionId":"1_MX4","projectId":"123456","event":"connectionCreated","timestamp":1470257688309,"connection":{"id":"c","createdAt":1470257688143,"data":"TOKENDATA"}}"#,
        r#"{"id":"b10","event":"archive","createdAt":1384221380000,"status":"stopped","size":1,"duration":2.5}"#,
    ])
}

/// The name, a line break, the arguments.
fn event(data: &[u8]) -> Option<(&str, Vec<Value>)> {
    let (name, args) = std::str::from_utf8(data).ok()?.split_once('\n')?;
    Some((name, serde_json::from_str(args).ok()?))
}

pub(crate) fn mediasfu_event(data: &[u8]) {
    if let Some((name, args)) = event(data) {
        show(&mediasfu::MeetingEvent::read(name, &args));
    }
}

pub(crate) fn mediasfu_event_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "connection-success\n[{\"socketId\":\"s\",\"mode\":\"prod\"}]",
        "allMembers\n[{\"members\":[{\"name\":\"a\",\"islevel\":\"2\",\"audioID\":\"x\"}],\"settings\":[\"allow\"],\"requests\":[]}]",
        "userWaiting\n[{\"name\":\"a\"}]",
        "meetingTimeRemaining\n[{\"timeRemaining\":1000}]",
    ])
}

pub(crate) fn kvs_frame(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        show(&kvs_signaling::signaling::decode(text));
        show(&kvs_signaling::ChannelArn::parse(text));
    }
}

pub(crate) fn kvs_frame_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        r#"{"messageType":"SDP_OFFER","messagePayload":"eyJ0eXBlIjoib2ZmZXIiLCJzZHAiOiJ2PTAifQ==","senderClientId":"a"}"#,
        r#"{"messageType":"ICE_CANDIDATE","messagePayload":"eyJjYW5kaWRhdGUiOiJjIiwic2RwTWlkIjoiMCJ9"}"#,
        r#"{"messageType":"STATUS_RESPONSE","statusResponse":{"correlationId":"c","success":false,"errorType":"InvalidArgument","statusCode":"400","description":"d"}}"#,
        r#"{"messageType":"GO_AWAY"}"#,
        "arn:aws:kinesisvideo:us-west-2:123456789012:channel/name/1234567890123",
    ])
}

pub(crate) fn enablex_token(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        show(&enablex::decode_token(enablex::DecodeToken::new(text)).map_err(|error| error.to_string()));
    }
}

pub(crate) fn enablex_token_seeds() -> Vec<Vec<u8>> {
    bytes(&["eyJob3N0IjoicnRjLmV4YW1wbGUuY29tOjg0NDMiLCJzZWN1cmUiOnRydWV9"])
}

pub(crate) fn enablex_webhook(data: &[u8]) {
    match enablex::WebhookReader::new().read(None, data) {
        Ok(webhook) => show(&webhook),
        Err(error) => show(&error),
    }
}

pub(crate) fn enablex_webhook_seeds() -> Vec<Vec<u8>> {
    bytes(&[r#"{"type":"recording","trans_date":"1621902030","recording":["https://files.example/a.mkv"]}"#])
}

pub(crate) fn enablex_event(data: &[u8]) {
    if let Some((name, args)) = event(data) {
        show(&enablex::room::RoomEvent::read(name, &args));
    }
}

pub(crate) fn enablex_event_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "user-connected\n[{\"clientId\":\"c\",\"user\":{\"name\":\"Ada\",\"role\":\"moderator\"}}]",
        "message-received\n[{\"message\":\"hi\",\"from\":{\"clientId\":\"c\"},\"timestamp\":1}]",
        "room-disconnected\n[]",
    ])
}

/// Gives each line as a text frame, then ends.
struct Lines(Vec<String>);

impl Channel for Lines {
    async fn send(&mut self, _: Frame) -> Result<(), TransportError> {
        Ok(())
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        self.0.pop().map(|line| Ok(Frame::Text(line)))
    }
}

#[derive(Debug)]
struct Once(Vec<String>);

impl Connect for Once {
    type Channel = Lines;

    async fn connect(&self, _: http::Request<()>, _: Limits) -> Result<Lines, ConnectError> {
        Ok(Lines(self.0.clone()))
    }
}

/// Lines are frames of either version of Engine.IO, as the length has it, after the greetings.
pub(crate) fn socketio_frames(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let greetings = [
        r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#,
        r#"40{"sid":"n"}"#,
    ];
    let mut lines: Vec<String> =
        greetings.iter().copied().chain(text.split('\n')).map(str::to_owned).collect();
    lines.reverse();
    let protocol = if text.len() % 2 == 0 { Protocol::Eio4 } else { Protocol::Eio3 };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let base = Url::parse("http://127.0.0.1/").expect("a URL");
        let clock = SharedClock::new(ManualClock::new(std::time::SystemTime::UNIX_EPOCH));
        let opened =
            socketio::connect(&Once(lines), &base, SocketOptions::new(protocol), clock, Limits::default())
                .await;
        let Ok((socket, mut events)) = opened else { return };
        while let Some(event) = events.recv().await {
            show(&event);
        }
        assert!(!socket.is_connected());
    });
}

pub(crate) fn socketio_frames_seeds() -> Vec<Vec<u8>> {
    bytes(&[
        "42[\"message\",{\"a\":1}]\n2\n3\n42/room,7[\"x\"]\n43/room,7[1]\n41",
        "44{\"message\":\"no\"}\n1",
        "2probe\n45-[\"bin\",{\"_placeholder\":true,\"num\":0}]\n40/other,{\"sid\":\"x\"}\n6",
        "42[\"odd\"]\n42[\"b\",[[1]]]\n",
    ])
}
