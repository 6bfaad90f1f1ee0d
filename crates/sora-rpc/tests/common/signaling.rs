//! A connection of signaling alone, and what it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use rtc_core::transport::channel::Frame;
use serde_json::{Value, json};
use sora_rpc::compress::{deflate, inflate};
use sora_rpc::signaling::{Event, Lane, Signaling, SignalingOptions, Transmit};
use sora_rpc::{Connect, Role};

pub(crate) const LABELS: [&str; 6] = ["signaling", "notify", "push", "stats", "rpc", "#chat"];

pub(crate) fn connect() -> Connect {
    Connect::new(Role::RecvOnly, "sora").metadata(json!({ "token": "t" }))
}

pub(crate) fn channels(compress: bool) -> Value {
    LABELS
        .iter()
        .map(|label| json!({ "label": label, "direction": "sendrecv", "compress": compress }))
        .collect()
}

pub(crate) fn offer(compress: bool) -> Value {
    json!({
        "type": "offer", "sdp": "v=0\r\na=max-message-size:262144\r\n", "connection_id": "C",
        "data_channels": channels(compress), "rpc_methods": ["m"],
    })
}

/// The messages to be sent, as `[lane, message]`; the frames are checked on the way.
pub(crate) fn sent(signaling: &mut Signaling) -> Vec<Value> {
    let mut all = Vec::new();
    while let Some(Transmit { to, frame, .. }) = signaling.poll_transmit() {
        all.push(match (to, frame) {
            (Lane::WebSocket, Frame::Text(text)) => {
                json!(["ws", serde_json::from_str::<Value>(&text).unwrap()])
            }
            (Lane::Channel(label), Frame::Binary(bytes)) => {
                let plain = match signaling.compress(&label) {
                    Some(true) => inflate(&bytes, 1 << 20).unwrap(),
                    _ => bytes.to_vec(),
                };
                json!([label, serde_json::from_slice::<Value>(&plain).unwrap()])
            }
            other => panic!("{other:?}"),
        });
    }
    all
}

/// The events, by name.
pub(crate) fn told(signaling: &mut Signaling) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(event) = signaling.poll_event() {
        all.push(match event {
            Event::Offer(_) => "offer".into(),
            Event::ReOffer(_) => "re-offer".into(),
            Event::Notify(notify) => format!("notify {}", notify.event_type()),
            Event::Push(push) => format!("push {}", push.data),
            Event::Switched { ignore_disconnect_websocket: ignore } => format!("switched {ignore}"),
            Event::Redirect { location, .. } => format!("redirect {location}"),
            Event::Ended(end) => format!("ended {}", end.class),
            other => format!("{other:?}"),
        });
    }
    all
}

pub(crate) fn with(options: SignalingOptions) -> Signaling {
    let mut signaling = Signaling::new(&connect(), options).unwrap();
    signaling.websocket_opened();
    assert_eq!(sent(&mut signaling).len(), 1);
    signaling
}

pub(crate) fn message(signaling: &mut Signaling, message: &Value) {
    signaling.websocket_message(&message.to_string());
}

/// A frame of a data channel as the server writes it.
pub(crate) fn frame(signaling: &mut Signaling, label: &str, message: &Value) {
    let text = message.to_string();
    let bytes = if signaling.compress(label) == Some(true) { deflate(text.as_bytes()) } else { text.into() };
    signaling.channel_message(label, Frame::Binary(bytes.into()));
}

/// A connection that stands.
pub(crate) fn ready(compress: bool, ignore: bool) -> Signaling {
    ready_with(SignalingOptions::new(), compress, ignore)
}

pub(crate) fn ready_with(options: SignalingOptions, compress: bool, ignore: bool) -> Signaling {
    let mut signaling = with(options);
    message(&mut signaling, &offer(compress));
    assert_eq!(told(&mut signaling), ["offer"]);
    signaling.answer("answer".into());
    LABELS.iter().for_each(|label| signaling.channel_opened(label));
    message(&mut signaling, &json!({ "type": "switched", "ignore_disconnect_websocket": ignore }));
    assert_eq!(sent(&mut signaling), [json!(["ws", { "type": "answer", "sdp": "answer" }])]);
    let events = told(&mut signaling);
    let close: &[&str] = if ignore { &["CloseWebSocket"] } else { &[] };
    assert_eq!(
        events,
        [&[if ignore { "switched true" } else { "switched false" }], close, &["Ready"]].concat()
    );
    assert!(signaling.is_ready() && signaling.is_switched());
    signaling
}
