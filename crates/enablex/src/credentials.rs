//! The application's id and key, and how requests are authorised with them.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtc_core::http::header::AUTHORIZATION;
use rtc_core::http::{HeaderValue, Request, Response};
use rtc_core::{AuthError, Bytes, Meta, REDACTED, Secret, Service};

use crate::error::EnableXError;
use crate::model;

/// The id of an application and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    app_id: String,
    app_key: Secret,
}

impl Credentials {
    /// The id and the key from the portal. They are checked when they are used.
    pub fn new(app_id: impl Into<String>, app_key: impl Into<Secret>) -> Self {
        Self { app_id: app_id.into(), app_key: app_key.into() }
    }

    /// The application's id.
    #[must_use]
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// Id and key as HTTP Basic writes them.
    fn basic(&self) -> Secret {
        let pair = Secret::new(format!("{}:{}", self.app_id, self.app_key.expose()));
        STANDARD.encode(pair.expose()).into()
    }

    fn check(&self) -> Result<(), AuthError> {
        if self.app_id.is_empty() {
            return Err(AuthError::new("the application's id is empty: set it to the APP_ID of the portal"));
        }
        // What stands before the first colon is the user name: a colon would move part of it into the password.
        if self.app_id.contains(|c: char| c == ':' || c.is_control()) {
            return Err(AuthError::new("the application's id holds a colon or a control character"));
        }
        if self.app_key.is_empty() {
            return Err(AuthError::new(
                "the application's key is empty: set it to the APP_KEY of the portal",
            ));
        }
        Ok(())
    }
}

/// How EnableX authorises: HTTP Basic.
#[derive(Debug, Clone)]
pub struct EnableX {
    credentials: Arc<Credentials>,
}

impl EnableX {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self { credentials: Arc::new(credentials) }
    }

    /// Takes the credentials out of a text of the service, which may have echoed them.
    fn hide(&self, text: &str) -> String {
        let key = self.credentials.app_key.expose();
        // Without a key nothing was sent; and an empty text is everywhere.
        if key.is_empty() {
            return text.to_owned();
        }
        text.replace(key, REDACTED).replace(self.credentials.basic().expose(), REDACTED)
    }
}

impl Service for EnableX {
    type Error = EnableXError;
    type Credentials = Credentials;

    async fn credentials(&self) -> Result<Arc<Credentials>, AuthError> {
        self.credentials.check()?;
        Ok(Arc::clone(&self.credentials))
    }

    fn authorize(
        &self,
        credentials: &Credentials,
        _meta: &Meta,
        request: &mut Request<Bytes>,
        _now: SystemTime,
    ) -> Result<(), AuthError> {
        let mut value = HeaderValue::try_from(format!("Basic {}", credentials.basic().expose()))
            .map_err(|_| AuthError::new("the credentials do not fit into a header"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(())
    }

    fn reject(&self, meta: &Meta, response: &Response<Bytes>) -> Option<EnableXError> {
        model::refusal(meta.name, response, |text| self.hide(text))
    }
}
