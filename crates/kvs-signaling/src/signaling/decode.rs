//! What the service sends.

use rtc_core::DecodeError;
use serde_json::{Map, Value};

use super::event::{Event, GRACE, PeerMessage, ProtocolFault, StatusResponse, UnknownMessage};
use super::payload::Payload;

/// The largest message that is read, in bytes: what an API gateway of AWS carries at most.
pub(crate) const MAX_MESSAGE: usize = 128 * 1024;

/// The longest client id, in characters: no client may connect with a longer one.
const MAX_CLIENT_ID: usize = 256;

/// Reads a text frame of the service. Member names count in camel case and in Pascal case; nothing is required that
/// the service may leave out. None for an empty frame, which means nothing.
#[must_use]
pub fn decode(text: &str) -> Option<Event> {
    if text.is_empty() {
        return None;
    }
    Some(message(text).unwrap_or_else(|error| {
        Event::ProtocolError(ProtocolFault { message: error.to_string(), fatal: false })
    }))
}

fn message(text: &str) -> Result<Event, DecodeError> {
    if text.len() > MAX_MESSAGE {
        return Err(DecodeError::new(format!("the message has more than {MAX_MESSAGE} bytes")));
    }
    // Nests at most 128 levels deep: the reader's own limit.
    let value: Value = serde_json::from_str(text).map_err(|error| DecodeError::json(&error))?;
    let Value::Object(members) = value else {
        return Err(DecodeError::new("the message is not a JSON object"));
    };
    let kind = text_of(&members, "messageType");
    Ok(match kind.as_deref() {
        Some("SDP_OFFER") => Event::SdpOffer(peer_message(&members)?),
        Some("SDP_ANSWER") => Event::SdpAnswer(peer_message(&members)?),
        Some("ICE_CANDIDATE") => Event::IceCandidate(peer_message(&members)?),
        Some("STATUS_RESPONSE") => Event::StatusResponse(status(&members)?),
        Some("GO_AWAY") => Event::GoAway { grace: GRACE },
        Some("RECONNECT_ICE_SERVER") => Event::ReconnectIceServer,
        _ => Event::Unknown(UnknownMessage { message_type: kind, text: text.into(), fatal: false }),
    })
}

fn peer_message(members: &Map<String, Value>) -> Result<PeerMessage, DecodeError> {
    let payload = member(members, "messagePayload").and_then(Value::as_str);
    let payload = payload.ok_or_else(|| DecodeError::new("the message has no messagePayload"))?;
    let sender_client_id = text_of(members, "senderClientId");
    if sender_client_id.as_ref().is_some_and(|id| id.chars().count() > MAX_CLIENT_ID) {
        return Err(DecodeError::new(format!("the senderClientId has more than {MAX_CLIENT_ID} characters")));
    }
    Ok(PeerMessage { sender_client_id, payload: Payload::from_base64(payload)? })
}

fn status(members: &Map<String, Value>) -> Result<StatusResponse, DecodeError> {
    let status = member(members, "statusResponse").and_then(Value::as_object);
    let status = status.ok_or_else(|| DecodeError::new("the STATUS_RESPONSE has no statusResponse"))?;
    let correlation_id = text_of(status, "correlationId");
    let correlation_id =
        correlation_id.ok_or_else(|| DecodeError::new("the STATUS_RESPONSE has no correlationId"))?;
    Ok(StatusResponse {
        correlation_id,
        error_type: text_of(status, "errorType").map(Into::into),
        status_code: member(status, "statusCode").and_then(number),
        description: text_of(status, "description"),
        success: member(status, "success").and_then(Value::as_bool),
    })
}

/// A member by its name in camel case, or else in Pascal case.
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| {
        let (first, rest) = name.split_at_checked(1)?;
        members.get(&format!("{}{rest}", first.to_ascii_uppercase()))
    })
}

/// A text; an empty one is none.
fn text_of(members: &Map<String, Value>, name: &str) -> Option<String> {
    member(members, name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A number, or a text of digits as the service sends it.
fn number(value: &Value) -> Option<u16> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64().and_then(|number| u16::try_from(number).ok()),
    }
}
