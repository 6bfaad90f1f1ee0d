//! Session ids: `1_` or `2_` and base64 of fields joined by `~`.

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
    /// The API key of the project that the session belongs to.
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
        let (version, rest) = self.0.split_once('_')?;
        if !matches!(version, "1" | "2") || self.0.len() > MAX_LENGTH {
            return None;
        }
        let rest = rest.trim_end_matches(['~', '=']);
        // A trailing `-` may belong to the base64 or be a leftover of its padding: try both. A single
        // character beyond full groups of four holds nothing.
        let bytes = [rest, rest.trim_end_matches('-')].into_iter().find_map(|text| {
            let whole = if text.len() % 4 == 1 { text.get(..text.len() - 1)? } else { text };
            LENIENT.decode(whole).ok()
        })?;
        let text = String::from_utf8_lossy(&bytes);
        let mut fields = text.split('~');
        let _version = fields.next()?;
        let api_key =
            fields.next().filter(|key| !key.is_empty() && key.chars().all(key_character))?.to_owned();
        let field = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
        let location = field(fields.next());
        let created = fields.next().filter(|t| !t.is_empty());
        let create_time_ms = created.and_then(|t| t.parse().ok());
        let create_time_raw = created.filter(|_| create_time_ms.is_none()).map(str::to_owned);
        Some(SessionIdParts {
            api_key,
            location,
            create_time_raw,
            create_time_ms,
            nonce: field(fields.next()),
        })
    }
}

/// Keys are digits; in the unified environment a UUID stands in their place.
fn key_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// The violation of a field that must hold a session of this API key, if there is one.
pub(crate) fn ownership(session_id: &str, api_key: &str) -> Option<(Rule, &'static str)> {
    match SessionId::new(session_id).parts() {
        None => Some((Rule::Pattern, "must be a session id as OpenTok gives it")),
        Some(parts) if parts.api_key != api_key => Some((Rule::Conflict, "is a session of another API key")),
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
