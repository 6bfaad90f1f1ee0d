//! The API user name and key, and how requests are authorised with them.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rtc_core::http::header::AUTHORIZATION;
use rtc_core::http::{HeaderValue, Request, Response};
use rtc_core::{AuthError, Bytes, Keys, Meta, Secret, Service, Url};

use crate::endpoint::{ServerKind, is_look_alike};
use crate::error::MediaSfuError;
use crate::model;

/// The length of every key, in characters.
const KEY_LENGTH: usize = 64;
/// The shortest user name, in characters.
const USER_LENGTH: usize = 6;

/// Why the key does not go to an address.
const LOOK_ALIKE: &str = "the endpoint looks like mediasfu.com but is another host, which would get the API key: correct \
    it, or say which server it is (ClientBuilder::server)";

/// The API user name of an account and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    api_user_name: String,
    api_key: Secret,
}

/// The kinds of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// The account's own key, long-lived.
    LongLived,
    /// A disposable key (`tempsand...`) for tests: any domain, limited use.
    Sandbox,
    /// A disposable key (`tempprod...`) for production: registered domains only.
    Production,
}

impl Credentials {
    /// The user name (6 characters or more) and the key (64 letters and digits) from the account page.
    /// They are checked when they are used.
    pub fn new(api_user_name: impl Into<String>, api_key: impl Into<Secret>) -> Self {
        Self { api_user_name: api_user_name.into(), api_key: api_key.into() }
    }

    /// The user name.
    #[must_use]
    pub fn api_user_name(&self) -> &str {
        &self.api_user_name
    }

    /// The kind of the key, told from its first letters.
    #[must_use]
    pub fn key_kind(&self) -> KeyKind {
        match self.api_key.expose() {
            key if key.starts_with("tempsand") => KeyKind::Sandbox,
            key if key.starts_with("tempprod") => KeyKind::Production,
            _ => KeyKind::LongLived,
        }
    }

    /// Checks form only: what passes may still be unknown to the service.
    ///
    /// # Errors
    /// "Invalid credentials", as the official SDKs say; the source of the error names the broken rule.
    pub fn check(&self) -> Result<(), AuthError> {
        match self.fault() {
            Some(fault) => Err(AuthError::new("Invalid credentials").with_source(fault)),
            None => Ok(()),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let (user, key) = (self.api_user_name.as_str(), self.api_key.expose());
        // A colon or a line break would move the border between user name and key, or end the header.
        let odd = |b: u8| b == b':' || !b.is_ascii_graphic();
        match () {
            () if user.is_empty() => Some("the API user name is empty"),
            () if key.is_empty() => Some("the API key is empty"),
            () if user == "yourAPIUSERNAME" => Some("the API user name is the placeholder of the samples"),
            () if key == "yourAPIKEY" => Some("the API key is the placeholder of the samples"),
            () if user.bytes().any(odd) => Some("the API user name holds a character that no user name has"),
            () if user.len() < USER_LENGTH => Some("the API user name has fewer than 6 characters"),
            () if key.len() != KEY_LENGTH => Some("the API key does not have 64 characters"),
            () if !key.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Some("the API key holds something else than letters and digits")
            }
            () => None,
        }
    }
}

/// How MediaSFU authorises: user name and key in every request.
#[derive(Clone)]
pub struct MediaSfu {
    pub(crate) credentials: Arc<Credentials>,
    /// The value of the header, made once; none when the credentials cannot be used.
    authorization: Option<HeaderValue>,
    /// Which kind of server it is, where the host shall not decide.
    pub(crate) kind: Option<ServerKind>,
    /// Whether calls get idempotency keys by themselves.
    pub(crate) keyed: bool,
    /// Whether the cloud's address of rooms ends with a slash.
    pub(crate) slash: bool,
}

impl fmt::Debug for MediaSfu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaSfu").field("credentials", &self.credentials).field("kind", &self.kind).finish()
    }
}

impl MediaSfu {
    pub(crate) fn new(credentials: Credentials, kind: Option<ServerKind>) -> Self {
        let text = format!("Bearer {}:{}", credentials.api_user_name, credentials.api_key.expose());
        let checked = credentials.check().ok().and_then(|()| HeaderValue::try_from(text).ok());
        let authorization = checked.map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self { credentials: Arc::new(credentials), authorization, kind, keyed: true, slash: true }
    }

    /// Which kind of server is at `base`.
    pub(crate) fn kind_of(&self, base: &Url) -> ServerKind {
        self.kind.unwrap_or_else(|| ServerKind::of(base))
    }
}

impl Service for MediaSfu {
    type Error = MediaSfuError;
    type Credentials = Credentials;

    async fn credentials(&self) -> Result<Arc<Credentials>, AuthError> {
        if self.authorization.is_none() {
            self.credentials.check()?;
        }
        Ok(Arc::clone(&self.credentials))
    }

    fn authorize(
        &self,
        _credentials: &Credentials,
        _meta: &Meta,
        request: &mut Request<Bytes>,
        _now: SystemTime,
    ) -> Result<(), AuthError> {
        if self.kind.is_none() && is_look_alike(request.uri()) {
            return Err(AuthError::new(LOOK_ALIKE));
        }
        let value = self.authorization.clone().ok_or_else(|| AuthError::new("Invalid credentials"))?;
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(())
    }

    fn keys(&self, base: &Url) -> Keys {
        match self.kind_of(base) {
            ServerKind::Cloud if self.keyed => Keys::Made,
            ServerKind::Cloud => Keys::Given,
            // It hands a room on to the cloud without the key, so that a repeat would make a second one.
            ServerKind::Community => Keys::Unknown,
        }
    }

    fn reject(&self, meta: &Meta, response: &Response<Bytes>) -> Option<MediaSfuError> {
        model::refusal(meta.name, response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn every_fault_is_told_and_none_shows_a_value() {
        let key65 = format!("{KEY}a");
        let marks = "!".repeat(64);
        for (user, key) in [
            ("", ""),
            ("apiUser123", ""),
            ("", KEY),
            ("yourAPIUSERNAME", KEY),
            ("apiUser123", "yourAPIKEY"),
            ("abcde", KEY),
            ("api:User", KEY),
            ("api User", KEY),
            ("api\r\nUser: x", KEY),
            ("apiUsér123", KEY),
            ("apiUser123", &KEY[1..]),
            ("apiUser123", &key65),
            ("apiUser123", &marks),
        ] {
            let error = Credentials::new(user, key).check().unwrap_err();
            assert_eq!(error.to_string(), "Invalid credentials");
            let why = std::error::Error::source(&error).unwrap().to_string();
            assert!(why.starts_with("the API") && (key.len() < 10 || !why.contains(key)), "{why}");
        }
        assert!(Credentials::new("abcdef", KEY).check().is_ok());
    }

    #[test]
    fn the_kind_is_told_from_the_prefix() {
        let kind = |prefix: &str| Credentials::new("abcdef", format!("{prefix}{KEY}")).key_kind();
        assert_eq!(
            (kind(""), kind("tempsand"), kind("tempprod")),
            (KeyKind::LongLived, KeyKind::Sandbox, KeyKind::Production)
        );
    }
}
