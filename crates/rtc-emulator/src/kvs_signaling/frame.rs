//! The messages of the WebSocket: what clients send, what they are sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

use crate::pattern::pattern;

/// The largest payload, in base64 characters. A larger one is dropped without a word.
pub(super) const MAX_PAYLOAD: usize = 10_000;

/// What a client sent, in whatever casing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ClientMessage {
    /// What it is; not checked.
    pub action: String,
    /// The payload in base64; not checked.
    pub message_payload: Option<String>,
    /// For whom; an empty text reads as none.
    pub recipient_client_id: Option<String>,
    /// What a refusal is told with.
    pub correlation_id: Option<String>,
}

impl ClientMessage {
    /// Reads a text frame. The JavaScript library writes `messagePayload`, the C library `MessagePayload`: the
    /// service takes both. None for what is no JSON object with an action.
    pub fn read(text: &str) -> Option<Self> {
        let frame: Value = serde_json::from_str(text).ok()?;
        let members = frame.as_object()?;
        let member = |wanted: &str| {
            let found = members.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.and_then(|(_, value)| value.as_str()).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Some(Self {
            action: member("action")?,
            message_payload: member("messagePayload"),
            recipient_client_id: member("recipientClientId"),
            correlation_id: member("correlationId"),
        })
    }
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    SdpOffer,
    SdpAnswer,
    IceCandidate,
}

impl Kind {
    pub(super) fn of(action: &str) -> Option<Self> {
        [Self::SdpOffer, Self::SdpAnswer, Self::IceCandidate].into_iter().find(|kind| kind.name() == action)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SdpOffer => "SDP_OFFER",
            Self::SdpAnswer => "SDP_ANSWER",
            Self::IceCandidate => "ICE_CANDIDATE",
        }
    }
}

/// Whether this can be a payload: base64 of anything, padded or not.
pub(super) fn is_payload(payload: &str) -> bool {
    let whole = payload.trim_end_matches('=');
    let digits = whole.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b));
    digits && !whole.is_empty() && whole.len() % 4 != 1 && payload.len() - whole.len() <= 2
}

/// Whether this can be the id of a client.
pub(super) fn is_client_id(id: &str) -> bool {
    id.len() <= 256 && pattern("name", id)
}

/// A message of another peer. None as the sender is the master or the storage session.
pub(super) fn delivery(kind: Kind, sender: Option<&str>, payload: &str) -> Value {
    let mut frame = json!({ "messageType": kind.name(), "messagePayload": payload });
    if let (Some(sender), Some(members)) = (sender, frame.as_object_mut()) {
        members.insert("senderClientId".into(), sender.into());
    }
    frame
}

/// A refusal of the message with this correlation id.
pub(super) fn status(correlation_id: &str, error: &str, description: &str) -> Value {
    json!({
        "messageType": "STATUS_RESPONSE",
        "statusResponse": {
            "correlationId": correlation_id, "errorType": error, "statusCode": "400",
            "description": description, "success": false,
        },
    })
}

/// What the gateway in front of the service says to what it does not understand.
pub(super) fn not_understood(connection_id: &str, request_id: &str) -> Value {
    json!({ "message": "Forbidden", "connectionId": connection_id, "requestId": request_id })
}

/// The offer of a storage session: H.264 and Opus, which is what it stores.
pub(super) fn storage_offer(session: &str) -> String {
    let sdp = [
        "v=0",
        &format!("o=- {session} 1 IN IP4 127.0.0.1"),
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=recvonly",
        "a=rtpmap:96 H264/90000",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=recvonly",
        "a=rtpmap:111 opus/48000/2",
        "",
    ];
    STANDARD.encode(json!({ "type": "offer", "sdp": sdp.join("\r\n") }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_both_casings() {
        let camel =
            r#"{"action":"SDP_OFFER","messagePayload":"e30=","recipientClientId":"v","correlationId":"c"}"#;
        let pascal = r#"{"action":"SDP_OFFER","MessagePayload":"e30=","RecipientClientId":"v","CorrelationId":"c",
            "IceServerList":[]}"#;
        let read = ClientMessage::read(camel).unwrap();
        assert_eq!(ClientMessage::read(pascal).as_ref(), Some(&read));
        assert_eq!((read.recipient_client_id.as_deref(), read.action.as_str()), (Some("v"), "SDP_OFFER"));
        let empty = r#"{"Action":"SDP_ANSWER","RecipientClientId":""}"#;
        assert_eq!(ClientMessage::read(empty).unwrap().recipient_client_id, None);
        for bad in ["", "1", "[]", "{}", r#"{"action":1}"#, r#"{"messagePayload":"e30="}"#] {
            assert_eq!(ClientMessage::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn payloads() {
        for good in ["e30=", "e30", "T0ZGRVI=", "YQ==", "YWI"] {
            assert!(is_payload(good), "{good}");
        }
        for bad in ["", "=", "v=0", "e", "e3-_", "e30===", "{}"] {
            assert!(!is_payload(bad), "{bad}");
        }
    }
}
