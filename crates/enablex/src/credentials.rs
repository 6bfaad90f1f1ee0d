//! The application's id and key, and how requests are authorised with them.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtc_core::http::header::AUTHORIZATION;
use rtc_core::http::{HeaderValue, Request, Response, StatusCode};
use rtc_core::{Auth, AuthError, Bytes, Meta, REDACTED, Secret, Service, Url, is_host_within};

use crate::error::EnableXError;
use crate::model;

/// The scope of files of sessions.
const RECORDINGS: &str = "recordings";
/// What a 403 without a text means for files.
const RECORDINGS_REFUSED: &str = "the user name or the password for recordings is wrong: see ClientBuilder::recordings, and not APP_ID and APP_KEY";

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

/// The credentials for files of sessions, which are not those of the application, and the hosts that may see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingAccess {
    user: String,
    password: Secret,
    hosts: Vec<String>,
}

impl RecordingAccess {
    /// The user name and the password for recordings from the portal. No host may see them yet.
    pub fn new(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self { user: user.into(), password: password.into(), hosts: Vec::new() }
    }

    /// Shows them to this host and those below it. The addresses of files come from webhooks and reports: without
    /// this anybody who forges one would get the password.
    #[must_use]
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    pub(crate) fn is_allowed(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.hosts.iter().any(|allowed| is_host_within(host, allowed))
    }

    fn basic(&self) -> Result<Secret, AuthError> {
        if self.user.is_empty() || self.user.contains(|c: char| c == ':' || c.is_control()) {
            return Err(AuthError::new(
                "the user name for recordings is empty, or holds a colon or a control character",
            ));
        }
        Ok(self.pair())
    }

    /// User name and password as HTTP Basic writes them.
    fn pair(&self) -> Secret {
        let pair = Secret::new(format!("{}:{}", self.user, self.password.expose()));
        STANDARD.encode(pair.expose()).into()
    }
}

/// How EnableX authorises: HTTP Basic.
#[derive(Debug, Clone)]
pub struct EnableX {
    credentials: Arc<Credentials>,
    pub(crate) recordings: Option<Arc<RecordingAccess>>,
}

impl EnableX {
    pub(crate) fn new(credentials: Credentials, recordings: Option<RecordingAccess>) -> Self {
        Self { credentials: Arc::new(credentials), recordings: recordings.map(Arc::new) }
    }

    /// Takes the credentials out of a text of the service, which may have echoed them.
    fn hide(&self, text: &str) -> String {
        let application = [self.credentials.app_key.clone(), self.credentials.basic()];
        let recordings = self.recordings.as_ref().map(|access| [access.password.clone(), access.pair()]);
        let pairs = [Some(application), recordings].into_iter().flatten();
        // An empty one was never sent, and an empty text is everywhere.
        pairs
            .filter(|[secret, _]| !secret.is_empty())
            .flatten()
            .fold(text.to_owned(), |text, secret| text.replace(secret.expose(), REDACTED))
    }
}

impl Service for EnableX {
    type Error = EnableXError;
    type Credentials = Credentials;

    async fn credentials(&self) -> Result<Arc<Credentials>, AuthError> {
        // Checked when they are used: files have credentials of their own.
        Ok(Arc::clone(&self.credentials))
    }

    fn authorize(
        &self,
        credentials: &Credentials,
        meta: &Meta,
        request: &mut Request<Bytes>,
        _now: SystemTime,
    ) -> Result<(), AuthError> {
        let basic = if meta.auth == Auth::Service(RECORDINGS) {
            let unset = || {
                AuthError::new("the credentials for recordings are not set: see ClientBuilder::recordings")
            };
            self.recordings.as_ref().ok_or_else(unset)?.basic()?
        } else {
            credentials.check()?;
            credentials.basic()
        };
        let mut value = HeaderValue::try_from(format!("Basic {}", basic.expose()))
            .map_err(|_| AuthError::new("the credentials do not fit into a header"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(())
    }

    fn reject(&self, meta: &Meta, response: &Response<Bytes>) -> Option<EnableXError> {
        let mut refusal = model::refusal(meta.name, response, |text| self.hide(text));
        if let Some(EnableXError::Api { status, message, .. }) = &mut refusal
            && meta.auth == Auth::Service(RECORDINGS)
            && *status == StatusCode::FORBIDDEN
            && message.is_empty()
        {
            RECORDINGS_REFUSED.clone_into(message);
        }
        refusal
    }
}
