//! The media server of a case: it greets, and answers every event with what the case says.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rtc_core::Limits;
use rtc_core::http::Request;
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame, LoopChannel, pair};
use serde_json::{Value, json};

use crate::outcome::Run;

/// Where such a server is.
pub(super) const LINK: &str = "https://media.invalid";

/// The clones are one server.
#[derive(Clone)]
pub(super) struct Server {
    ack: Value,
    frames: Arc<Mutex<Vec<Value>>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// The server of a case; `None` where there is a real one.
    pub(super) fn of_case(run: &Run) -> Option<Self> {
        if run.environment || run.endpoint.is_some() || run.connector.is_some() {
            return None;
        }
        let ack = run.answer.get("body").cloned().unwrap_or_else(|| json!({ "success": true }));
        Some(Self { ack, frames: Arc::default() })
    }

    /// What the client sent, as `{event, data}` each.
    pub(super) fn frames(&self) -> Vec<Value> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn serve(self, mut channel: LoopChannel) {
        let open = json!({
            "sid": "case", "upgrades": [], "pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": 1_000_000,
        });
        let mut answers = vec![format!("0{open}")];
        loop {
            for answer in answers {
                if channel.send(Frame::Text(answer)).await.is_err() {
                    return;
                }
            }
            answers = match channel.recv().await {
                Some(Ok(Frame::Text(text))) => self.answers(&text),
                Some(Ok(_)) => Vec::new(),
                _ => return,
            };
        }
    }

    /// What follows a packet of the client.
    fn answers(&self, packet: &str) -> Vec<String> {
        if packet.starts_with("40/media,") {
            let hello = json!(["connection-success", { "socketId": "case" }]);
            return vec![r#"40/media,{"sid":"case"}"#.into(), format!("42/media,{hello}")];
        }
        let Some((id, content)) =
            packet.strip_prefix("42/media,").and_then(|rest| rest.split_at_checked(rest.find('[')?))
        else {
            return Vec::new();
        };
        let Ok(frame) = serde_json::from_str::<Value>(content) else { return Vec::new() };
        let entering = frame.get(0).is_some_and(|event| event == "joinRoom");
        let ack = if entering { json!({ "rtpCapabilities": {} }) } else { self.ack.clone() };
        if !entering {
            let frame = json!({ "event": frame.get(0), "data": frame.get(1) });
            self.frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
        }
        if id.is_empty() { Vec::new() } else { vec![format!("43/media,{id}{}", json!([ack]))] }
    }
}

impl Connect for Server {
    type Channel = LoopChannel;

    async fn connect(&self, _handshake: Request<()>, _limits: Limits) -> Result<LoopChannel, ConnectError> {
        let (client, server) = pair();
        tokio::spawn(self.clone().serve(server));
        Ok(client)
    }
}
