//! What peers tell each other, as the service carries it: a text in base64.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rtc_core::{DecodeError, Secret};
use serde::{Deserialize, Serialize, Serializer};

/// Standard base64, written with padding and read with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A text as base64.
pub(crate) fn encode(text: &str) -> String {
    BASE64.encode(text)
}

/// How many characters base64 makes of so many bytes.
pub(crate) const fn encoded_length(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}

/// The content of a message of a peer. It holds the passwords and addresses of an ICE session, so nothing of it is
/// printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    text: Secret,
    /// The bytes, where they are not the text in UTF-8.
    raw: Option<Vec<u8>>,
}

impl Payload {
    /// Decodes base64.
    ///
    /// # Errors
    /// It is not base64.
    pub fn from_base64(text: &str) -> Result<Self, DecodeError> {
        // As browsers read it: line breaks do not count.
        let text = if text.contains(|c: char| c.is_ascii_whitespace()) {
            Cow::Owned(text.split_ascii_whitespace().collect::<String>())
        } else {
            Cow::Borrowed(text)
        };
        BASE64
            .decode(text.as_bytes())
            .map(Self::from)
            .map_err(|_| DecodeError::new("the payload is not base64"))
    }

    /// The text: UTF-8, or Latin-1 where it is not, for the JavaScript SDK sends that.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.expose()
    }

    /// The bytes as they came.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.text.expose().as_bytes())
    }

    /// Whether the bytes were read as Latin-1.
    #[must_use]
    pub fn is_latin1(&self) -> bool {
        self.raw.is_some()
    }

    /// The offer or answer in it.
    ///
    /// # Errors
    /// It is no JSON object with an `sdp`.
    pub fn session_description(&self) -> Result<SessionDescription, DecodeError> {
        serde_json::from_str(self.text()).map_err(|error| DecodeError::json(&error))
    }

    /// The ICE candidate in it.
    ///
    /// # Errors
    /// It is no JSON object with a `candidate`.
    pub fn candidate(&self) -> Result<Candidate, DecodeError> {
        serde_json::from_str(self.text()).map_err(|error| DecodeError::json(&error))
    }
}

impl From<Vec<u8>> for Payload {
    fn from(raw: Vec<u8>) -> Self {
        match String::from_utf8(raw) {
            Ok(text) => Self { text: text.into(), raw: None },
            Err(error) => {
                let raw = error.into_bytes();
                let text: String = raw.iter().copied().map(char::from).collect();
                Self { text: text.into(), raw: Some(raw) }
            }
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("bytes", &self.raw().len()).finish_non_exhaustive()
    }
}

/// The text, as secrets are serialised.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

/// An SDP offer or answer, as `RTCSessionDescription` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionDescription {
    /// `offer` or `answer`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// The description.
    pub sdp: Secret,
}

/// An ICE candidate, as `RTCIceCandidate` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Candidate {
    /// The candidate; empty when there are no more.
    pub candidate: Secret,
    /// The media section, by name.
    #[serde(default)]
    pub sdp_mid: Option<String>,
    /// The media section, by number.
    #[serde(rename = "sdpMLineIndex", default)]
    pub sdp_m_line_index: Option<u32>,
    /// The ICE user name of the session that it is for.
    #[serde(default)]
    pub username_fragment: Option<String>,
}
