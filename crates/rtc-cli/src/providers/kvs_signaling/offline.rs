//! For conformance: messages without a connection, and the service of a case at the other end of a pair inside this
//! process.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kvs_signaling::Peer;
use kvs_signaling::signaling::{BufferLimits, Event, Inbox, Payload};
use rtc_core::http::Request;
use rtc_core::transport::channel::{
    Channel as _, Connect, ConnectError, Frame, LoopChannel, SharedConnect, pair,
};
use rtc_core::{Limits, Revealed};
use rtc_emulator::kvs_signaling::ClientMessage;
use serde_json::{Value, json};

use crate::input::Input;
use crate::outcome::{Outcome, Run};

/// What arrives in a case, as events, and how many candidates are held back in the end.
pub(super) fn receive(mut input: Input, run: &Run) -> Outcome {
    let one = input.json("frame", "frame").or_else(|| input.json("frame_text", "frame_text"));
    let many = input.json("frames", "frames");
    let frames = many.as_ref().and_then(Value::as_array).into_iter().flatten().chain(&one);
    let explicit = run.state.get("early_ice_buffering").and_then(Value::as_bool).unwrap_or(false);
    let mut inbox = Inbox::new(BufferLimits::default(), explicit);
    let now = Instant::now();
    let events: Vec<Event> = frames
        .flat_map(|frame| {
            let text = frame.as_str().map_or_else(|| frame.to_string(), str::to_owned);
            inbox.receive(&text, 1, now)
        })
        .collect();
    let mut outcome = run.done(&json!({ "pending": inbox.buffered() }), None, None, 0);
    outcome.events =
        events.iter().map(|event| serde_json::to_value(Revealed(event)).unwrap_or_default()).collect();
    outcome
}

/// The same of one frame; in the role of the emulator, what that reads from a client.
pub(super) fn decode_frame(mut input: Input, run: &Run) -> Outcome {
    if run.state.get("role").is_none_or(|role| role != "EMULATOR") {
        return receive(input, run);
    }
    let frame = input.json("frame", "frame").or_else(|| input.json("frame_text", "frame_text"));
    let text = frame.map(|frame| frame.as_str().map_or_else(|| frame.to_string(), str::to_owned));
    let Some(message) = text.as_deref().and_then(ClientMessage::read) else {
        return Outcome::usage("frame", "must be a JSON object with an action");
    };
    let payload = message.message_payload.as_deref().and_then(|text| Payload::from_base64(text).ok());
    let output = json!({
        "action": message.action, "message_payload": message.message_payload,
        "payload_text": payload.as_ref().map(Payload::text),
        "recipient_client_id": message.recipient_client_id, "correlation_id": message.correlation_id,
    });
    run.done(&output, None, None, 0)
}

/// Plays the service: keeps what it is sent. The clones are one service.
#[derive(Clone)]
pub(super) struct Server {
    state: Value,
    frames: Arc<Mutex<Vec<Value>>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// The service of a case; none where there is a real one.
    pub(super) fn of_case(run: &Run) -> Option<Self> {
        let is_case = !run.environment && run.endpoint.is_none() && run.connector.is_none();
        is_case.then(|| Self { state: run.state.clone(), frames: Arc::default() })
    }

    pub(super) fn arn() -> String {
        "arn:aws:kinesisvideo:us-west-2:123456789012:channel/case/1234567890123".into()
    }

    pub(super) fn endpoint() -> String {
        "wss://signaling.invalid".into()
    }

    pub(super) fn connector(&self) -> SharedConnect {
        SharedConnect::new(self.clone())
    }

    /// As whom the case connects.
    pub(super) fn peer(&self) -> Peer {
        match self.state.get("role").and_then(Value::as_str) {
            Some("VIEWER") => Peer::from("viewer-1"),
            _ => Peer::Master,
        }
    }

    /// Whether the connection is over before the message.
    pub(super) fn is_gone(&self) -> bool {
        self.state.get("connection").is_some_and(|state| state == "closed")
    }

    /// The messages of the client.
    pub(super) fn frames(&self) -> Vec<Value> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn serve(self, mut channel: LoopChannel) {
        loop {
            match channel.recv().await {
                Some(Ok(Frame::Text(text))) => {
                    let frame = serde_json::from_str(&text).unwrap_or_default();
                    self.frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
                }
                Some(Ok(Frame::Ping(content))) => {
                    let _ = channel.send(Frame::Pong(content)).await;
                }
                Some(Ok(_)) => {}
                _ => return,
            }
        }
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
