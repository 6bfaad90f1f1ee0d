//! Session ids: `1_` or `2_` and base64 of fields joined by `~`.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rtc_core::validate::Field;
use rtc_core::{Rule, Violation, Violations};
use serde::{Deserialize, Serialize};

/// Session ids come with and without padding, and some were cut in the middle of a character.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The longest session id, in characters.
pub(crate) const MAX_LENGTH: usize = 255;

/// The id of a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

/// What a session id tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionIdParts {
    /// The API key of the project that the session belongs to; the application id in the unified environment.
    pub api_key: String,
    /// The location hint, where one was given.
    pub location: Option<String>,
    /// The creation time of old ids, as text.
    pub create_time_raw: Option<String>,
    /// The creation time of new ids, in milliseconds since 1970.
    pub create_time_ms: Option<u64>,
    /// What makes the id unique.
    pub nonce: Option<String>,
}

impl SessionId {
    /// Wraps a text; [`SessionId::decode`] tells whether it is a session id.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the id.
    ///
    /// # Errors
    /// A violation of `session_id`: the text is not a session id.
    pub fn decode(&self) -> Result<SessionIdParts, Violations> {
        self.parts().ok_or_else(|| {
            Violation::new(
                "session_id",
                "sessionId",
                Rule::Pattern,
                "must be a session id as OpenTok gives it",
            )
            .into()
        })
    }

    pub(crate) fn parts(&self) -> Option<SessionIdParts> {
        let mut buffer = Buffer::default();
        let (api_key, rest) = buffer.read(&self.0)?;
        let mut fields = rest.map(String::from_utf8_lossy).map(|text| Some(text).filter(|t| !t.is_empty()));
        let mut next = || fields.next().flatten();
        let location = next().map(Cow::into_owned);
        let created = next();
        let create_time_ms = created.as_ref().and_then(|text| text.parse().ok());
        Some(SessionIdParts {
            api_key: api_key.to_owned(),
            location,
            create_time_raw: created.filter(|_| create_time_ms.is_none()).map(Cow::into_owned),
            create_time_ms,
            nonce: next().map(Cow::into_owned),
        })
    }
}

/// Where a session id is decoded: on the stack, since every client token looks into one. Base64 makes text
/// longer, so what it holds is shorter than the id.
struct Buffer([u8; MAX_LENGTH]);

impl Default for Buffer {
    fn default() -> Self {
        Self([0; MAX_LENGTH])
    }
}

impl Buffer {
    /// The key, and the fields after it.
    fn read<'b>(&'b mut self, id: &str) -> Option<(&'b str, impl Iterator<Item = &'b [u8]>)> {
        let [b'1' | b'2', b'_', rest @ ..] = id.as_bytes() else { return None };
        let mut rest = rest;
        while let [text @ .., b'~' | b'='] = rest {
            rest = text;
        }
        // A single character beyond full groups of four holds nothing.
        let whole = match rest {
            [text @ .., _] if rest.len() % 4 == 1 => text,
            _ => rest,
        };
        let length = LENIENT.decode_slice(whole, self.0.get_mut(..id.len())?).ok()?;
        let mut fields = self.0.get(..length)?.split(|byte| *byte == b'~');
        let _version = fields.next()?;
        let key = fields.next().filter(|key| !key.is_empty() && key.iter().all(key_character))?;
        Some((std::str::from_utf8(key).ok()?, fields))
    }
}

/// Keys are digits; in the unified environment a UUID stands in their place.
fn key_character(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'-'
}

/// The violation of a field that must hold a session of this project, if there is one.
pub(crate) fn ownership(session_id: &str, project: &str) -> Option<(Rule, &'static str)> {
    match Buffer::default().read(session_id) {
        None => Some((Rule::Pattern, "must be a session id as OpenTok gives it")),
        Some((owner, _)) if owner != project => Some((Rule::Conflict, "is a session of another project")),
        Some(_) => None,
    }
}

/// The names of the field.
pub(crate) const FIELD: Field = Field::new("session_id", "session_id");

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.0
    }
}

impl From<&SessionId> for String {
    fn from(id: &SessionId) -> Self {
        id.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn old_and_new_forms() {
        let parts = |text: &str| SessionId::new(text).parts();
        let old = parts(
            "1_MX4xMjM0NTZ-MTIuMzQuNTYuNzh-TW9uIE1hciAxNyAwMTo0ODo1NSBQRFQgMjAxNH4wLjM0MTM0MzE0MDIyOTU4Mjh-",
        )
        .unwrap();
        assert_eq!(old.api_key, "123456");
        assert_eq!(old.location.as_deref(), Some("12.34.56.78"));
        assert_eq!(old.create_time_raw.as_deref(), Some("Mon Mar 17 01:48:55 PDT 2014"));
        assert_eq!(old.nonce.as_deref(), Some("0.3413431402295828"));
        let joined = parts("1_MX4xMjM0NTY3OH4-VGh1IEZlYiAyNyAwNDozODozMSBQU1QgMjAxNH4wLjI0NDgyMjI").unwrap();
        assert_eq!(joined.api_key, "12345678");
        for bad in ["", "1", "1_", "3_MX4xMjM0NTZ-", "garbage", "1_!!!!", "é", "1_fn5-"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = SessionId::new(text).parts();
        }

        #[test]
        fn reading_a_prefixed_text_never_panics(text in "[12]_[A-Za-z0-9_~=-]{0,80}") {
            let _ = SessionId::new(text).parts();
        }
    }
}
