//! A WebSocket that carries one JSON message in each frame.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

/// The largest message, in bytes. An SDP with many media has some 100 kB.
const MAX_MESSAGE: usize = 1024 * 1024;
/// The largest reason of a close frame, in bytes.
const MAX_REASON: usize = 123;
/// How long a client may take to read a message, of real time.
const SLOW: Duration = Duration::from_secs(5);

/// What came in.
pub(super) enum Received {
    /// A JSON value.
    Message(Value),
    /// Something else.
    Garbage,
    /// The end.
    Lost,
}

/// A WebSocket while it is open.
#[derive(Default)]
pub(super) struct Wire(Option<WebSocketStream<TokioIo<Upgraded>>>);

impl Wire {
    pub(super) async fn new(upgraded: Upgraded) -> Self {
        let config =
            WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        Self(Some(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await))
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Waits for a message, for ever once the end was told. It may be dropped while it waits.
    pub(super) async fn next(&mut self) -> Received {
        let Some(socket) = &mut self.0 else { return std::future::pending().await };
        let parsed = loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => break serde_json::from_str(&text),
                Some(Ok(Message::Binary(bytes))) => break serde_json::from_slice(&bytes),
                Some(Ok(Message::Close(_))) => {
                    // The reply goes with the reading.
                    let _ = tokio::time::timeout(SLOW, socket.next()).await;
                    self.0 = None;
                    return Received::Lost;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    self.0 = None;
                    return Received::Lost;
                }
            }
        };
        parsed.map_or(Received::Garbage, Received::Message)
    }

    /// Sends a message; a failure is found by the next reading.
    pub(super) async fn send(&mut self, message: &Value) {
        if let Some(socket) = &mut self.0 {
            let sent = tokio::time::timeout(SLOW, socket.send(Message::text(message.to_string()))).await;
            if sent.is_err() {
                self.0 = None;
            }
        }
    }

    /// Closes, and waits for the client to do so as well: otherwise the connection would be reset under what it has not
    /// read yet.
    pub(super) async fn close(&mut self, code: u16, reason: &str) {
        if let Some(mut socket) = self.0.take() {
            // A close frame holds no more; what a person gave as a reason may be longer.
            let reason = reason.get(..reason.floor_char_boundary(MAX_REASON)).unwrap_or_default();
            let frame = CloseFrame { code: code.into(), reason: reason.into() };
            let _ = socket.close(Some(frame)).await;
            while let Some(Ok(_)) = socket.next().await {}
        }
    }
}
