//! Webhooks. MediaSFU reports events and telephone calls to addresses that the account's settings name, but neither
//! their form nor how they are signed is documented, so there is nothing to check here: keep the address of your
//! handler secret, and ask the service about what matters.

use std::fmt;

use rtc_core::encode::{decode_json, excerpt};
use rtc_core::{Bytes, DecodeError};

use crate::model::Raw;

/// The body of a webhook, as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook(Bytes);

impl Webhook {
    /// Wraps the body of a request.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self(body.into())
    }

    /// The bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.0
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is not JSON.
    ///
    /// ```
    /// use mediasfu::Webhook;
    ///
    /// let webhook = Webhook::new(r#"{ "event": "participantJoined" }"#);
    /// assert_eq!(webhook.json()?.pointer("/event").and_then(|event| event.as_str()), Some("participantJoined"));
    /// # Ok::<(), rtc_core::DecodeError>(())
    /// ```
    pub fn json(&self) -> Result<Raw, DecodeError> {
        decode_json(&self.0)
    }
}

/// Whatever looks like a secret is hidden.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.json() {
            Ok(raw) => write!(f, "Webhook({raw:?})"),
            Err(_) => write!(f, "Webhook({:?})", excerpt(&self.0)),
        }
    }
}
