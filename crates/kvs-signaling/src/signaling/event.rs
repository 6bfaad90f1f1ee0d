//! What happens on a channel.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rtc_core::Secret;
use serde::{Serialize, Serializer};

use super::message::Outgoing;
use super::payload::Payload;
use crate::error::Error;
use crate::exception::Exception;

/// How long a connection lasts after `GO_AWAY`.
///
/// Source: Kinesis Video Streams WebRTC developer guide, asynchronous message reception.
pub const GRACE: Duration = Duration::from_secs(60);

/// What happens on a channel. Serialised, `event` names it in snake case; payloads are hidden as secrets are.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A peer offers a session.
    SdpOffer(PeerMessage),
    /// A peer answers.
    SdpAnswer(PeerMessage),
    /// A peer tells of an address. It comes after that peer's offer or answer, or is asked for, as the options say.
    IceCandidate(PeerMessage),
    /// The service tells what became of a message with a correlation id that nobody waits for.
    StatusResponse(StatusResponse),
    /// The service is going to close the connection. Another one is made at once.
    GoAway {
        /// How long it lasts.
        #[serde(rename = "grace_seconds", serialize_with = "seconds")]
        grace: Duration,
    },
    /// The TURN servers are of no use any more: get ICE servers anew. The cache has forgotten those of the channel,
    /// and another connection is made.
    ReconnectIceServer,
    /// A message that this version does not know. The connection goes on.
    Unknown(UnknownMessage),
    /// A message that cannot be understood. The connection goes on.
    ProtocolError(ProtocolFault),
    /// Candidates that were held back had to make room for newer ones.
    CandidatesDropped {
        /// The viewer whose candidates they were; none for the master's.
        sender_client_id: Option<String>,
        /// How many.
        count: usize,
    },
    /// The connection ended before the service showed that it had this message: it may not have arrived. It is not
    /// sent again by itself; `Signaling::send` does, if it still makes sense.
    Undelivered(Outgoing),
    /// There is a connection.
    Connected,
    /// Another connection is being made.
    Reconnecting {
        /// Why.
        reason: ReconnectReason,
    },
    /// Events were not read in time, and the oldest ones were dropped.
    Missed {
        /// How many.
        events: u64,
    },
    /// There will be no connection any more. The last event.
    Closed {
        /// Why; none when it was closed from here.
        #[serde(serialize_with = "message")]
        error: Option<Arc<Error>>,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

#[allow(clippy::ref_option, reason = "the shape that serde asks for")]
fn message<S: Serializer>(error: &Option<Arc<Error>>, serializer: S) -> Result<S::Ok, S::Error> {
    error.as_ref().map(ToString::to_string).serialize(serializer)
}

/// A message of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PeerMessage {
    /// The viewer that sent it; none when it is from the master or from a storage session.
    pub sender_client_id: Option<String>,
    /// What it says.
    #[serde(rename = "payload_text")]
    pub payload: Payload,
}

/// What the service says of a message that was sent with a correlation id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StatusResponse {
    /// The name of the message.
    pub correlation_id: String,
    /// The name of the refusal.
    pub error_type: Option<Exception>,
    /// The status, as of an HTTP answer.
    pub status_code: Option<u16>,
    /// The service's own text.
    pub description: Option<String>,
    /// Whether the service says that it succeeded, where it does say.
    pub success: Option<bool>,
}

impl StatusResponse {
    /// Whether the message was accepted.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.success.unwrap_or(self.error_type.is_none() && self.status_code.is_none_or(|code| code < 400))
    }
}

/// A message that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnknownMessage {
    /// Its type, where it has one.
    pub message_type: Option<String>,
    /// All of it.
    pub text: Secret,
    /// Never: the connection goes on.
    pub fatal: bool,
}

/// A message that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProtocolFault {
    /// What is wrong.
    pub message: String,
    /// Never: the connection goes on.
    pub fatal: bool,
}

/// Why a connection is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReconnectReason {
    /// The service said `GO_AWAY`.
    GoAway,
    /// The service said `RECONNECT_ICE_SERVER`.
    ReconnectIceServer,
    /// It comes near the age at which the service closes it.
    Age,
    /// The service closed it, or it broke.
    Lost {
        /// The WebSocket close code, where there was one. 1001 also means that another client took the place.
        code: Option<u16>,
    },
    /// The service left two pings without an answer, or stopped reading.
    Silence,
}

impl fmt::Display for ReconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GoAway => f.write_str("the service said GO_AWAY"),
            Self::ReconnectIceServer => f.write_str("the service said RECONNECT_ICE_SERVER"),
            Self::Age => f.write_str("the connection came near its greatest age"),
            Self::Lost { code: Some(code) } => write!(f, "the connection was closed with code {code}"),
            Self::Lost { code: None } => f.write_str("the connection was lost"),
            Self::Silence => f.write_str("the service did not answer any more"),
        }
    }
}
