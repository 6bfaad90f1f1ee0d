//! What a client sends.

use rtc_core::validate::{Checks, Field, merge};
use rtc_core::{Revealed, Rule, Secret, Violations};
use serde::{Serialize, Serializer};

use super::payload::{encode, encoded_length};
use crate::handle::Peer;
use crate::operation::{SendAnswer, SendIceCandidate, SendOffer};

/// The longest payload, in characters of base64. The service drops a longer one without a word.
///
/// Source: quotas of Kinesis Video Streams WebRTC ("10k"), and the model of `SendAlexaOfferToMaster`.
pub const MAX_PAYLOAD: usize = 10_000;

const RECIPIENT: Field = Field::new("recipient_client_id", "recipientClientId");

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// An SDP offer.
    SdpOffer,
    /// An SDP answer.
    SdpAnswer,
    /// An ICE candidate.
    IceCandidate,
}

impl Action {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SdpOffer => "SDP_OFFER",
            Self::SdpAnswer => "SDP_ANSWER",
            Self::IceCandidate => "ICE_CANDIDATE",
        }
    }

    /// The operation that sends it.
    #[cfg(feature = "websocket")]
    pub(crate) const fn operation(self) -> &'static str {
        match self {
            Self::SdpOffer => "send_offer",
            Self::SdpAnswer => "send_answer",
            Self::IceCandidate => "send_ice_candidate",
        }
    }

    /// The field of the operation that its payload is made of.
    const fn field(self) -> Field {
        match self {
            Self::SdpOffer | Self::SdpAnswer => Field::new("sdp", "messagePayload"),
            Self::IceCandidate => Field::new("candidate", "messagePayload"),
        }
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A request that goes over a connected channel.
pub trait Message: private::Sealed {
    /// Checks the input by itself.
    ///
    /// # Errors
    /// All broken rules.
    fn validate(&self) -> Result<(), Violations>;

    /// The message that it is.
    fn into_outgoing(self) -> Outgoing;
}

mod private {
    pub trait Sealed {}
}

/// A message as it goes out, payload in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Outgoing {
    /// What it is.
    pub action: Action,
    /// The viewer that it is for; none when it is for the master.
    pub recipient_client_id: Option<String>,
    /// Its name, by which a failure is told.
    pub correlation_id: Option<String>,
    /// The payload before base64: JSON.
    #[serde(rename = "payload_text")]
    pub payload: Secret,
}

impl Outgoing {
    /// The message of a request, checked for the one who sends it: a master names its recipient, a viewer must not,
    /// and in base64 the payload has at most `max_payload` characters.
    ///
    /// # Errors
    /// All broken rules.
    pub fn checked(request: impl Message, from: &Peer, max_payload: usize) -> Result<Self, Violations> {
        let own = request.validate().err().map(Violations::into_iter).into_iter().flatten().collect();
        let message = request.into_outgoing();
        merge(own, message.check(from, max_payload))?;
        Ok(message)
    }

    fn check(&self, from: &Peer, max_payload: usize) -> Result<(), Violations> {
        let mut checks = Checks::new();
        match (from, &self.recipient_client_id) {
            (Peer::Viewer(_), Some(_)) => checks.report(
                RECIPIENT,
                Rule::Forbidden,
                None,
                "must not be given by a viewer: its messages go to the master",
            ),
            (Peer::Master, None) => {
                checks.report(
                    RECIPIENT,
                    Rule::Required,
                    None,
                    "is required: a master says which viewer it is for",
                );
            }
            _ => {}
        }
        if encoded_length(self.payload.expose().len()) > max_payload {
            let message = format!(
                "is too long: the service drops payloads above {max_payload} characters of base64; send candidates \
                 one by one instead of inside the SDP"
            );
            checks.report(self.action.field(), Rule::Length, None, message);
        }
        checks.finish()
    }

    /// The text frame.
    #[must_use]
    pub fn encode(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            action: Action,
            message_payload: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            recipient_client_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            correlation_id: Option<&'a str>,
        }
        to_json(&Wire {
            action: self.action,
            message_payload: encode(self.payload.expose()),
            recipient_client_id: self.recipient_client_id.as_deref(),
            correlation_id: self.correlation_id.as_deref(),
        })
    }
}

/// Texts and numbers only: writing them cannot fail.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(&Revealed(value)).unwrap_or_default()
}

/// A message that was built before, such as one that was reported as undelivered.
impl Message for Outgoing {
    fn validate(&self) -> Result<(), Violations> {
        Ok(())
    }

    fn into_outgoing(self) -> Outgoing {
        self
    }
}

impl private::Sealed for Outgoing {}

#[derive(Serialize)]
struct Description {
    #[serde(rename = "type")]
    kind: &'static str,
    sdp: Secret,
}

impl Message for SendOffer {
    fn validate(&self) -> Result<(), Violations> {
        Self::validate(self)
    }

    fn into_outgoing(self) -> Outgoing {
        Outgoing {
            action: Action::SdpOffer,
            recipient_client_id: self.recipient_client_id,
            correlation_id: self.correlation_id,
            payload: to_json(&Description { kind: "offer", sdp: self.sdp }).into(),
        }
    }
}

impl private::Sealed for SendOffer {}

impl Message for SendAnswer {
    fn validate(&self) -> Result<(), Violations> {
        Self::validate(self)
    }

    fn into_outgoing(self) -> Outgoing {
        Outgoing {
            action: Action::SdpAnswer,
            recipient_client_id: self.recipient_client_id,
            correlation_id: self.correlation_id,
            payload: to_json(&Description { kind: "answer", sdp: self.sdp }).into(),
        }
    }
}

impl private::Sealed for SendAnswer {}

impl Message for SendIceCandidate {
    fn validate(&self) -> Result<(), Violations> {
        Self::validate(self)
    }

    fn into_outgoing(self) -> Outgoing {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            candidate: Secret,
            #[serde(skip_serializing_if = "Option::is_none")]
            sdp_mid: Option<String>,
            #[serde(rename = "sdpMLineIndex", skip_serializing_if = "Option::is_none")]
            sdp_m_line_index: Option<u32>,
        }
        let payload = Wire {
            candidate: self.candidate,
            sdp_mid: self.sdp_mid,
            sdp_m_line_index: self.sdp_m_line_index,
        };
        Outgoing {
            action: Action::IceCandidate,
            recipient_client_id: self.recipient_client_id,
            correlation_id: self.correlation_id,
            payload: to_json(&payload).into(),
        }
    }
}

impl private::Sealed for SendIceCandidate {}
