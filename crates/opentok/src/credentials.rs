//! The API key and secret, and how requests are authorised with them.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rtc_core::http::{HeaderValue, Request, Response};
use rtc_core::{AuthError, Bytes, Meta, Secret, Service, unix_seconds};
use sha1::Sha1;
use sha2::Sha256;

use crate::error::OpenTokError;
use crate::model;

/// The API key of a project and its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    api_key: String,
    api_secret: Secret,
}

impl Credentials {
    /// The key (decimal digits) and the secret (40 hexadecimal digits) from the account page. They are
    /// checked when they are used.
    pub fn new(api_key: impl Into<String>, api_secret: impl Into<Secret>) -> Self {
        Self { api_key: api_key.into(), api_secret: api_secret.into() }
    }

    /// The API key.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    fn check(&self) -> Result<(), AuthError> {
        if self.api_key.is_empty() {
            return Err(AuthError::new("the API key is empty: set it to the project's key"));
        }
        if !self.api_key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(AuthError::new("the API key holds characters that no key has"));
        }
        if self.api_secret.is_empty() {
            return Err(AuthError::new("the API secret is empty: set it to the project's secret"));
        }
        Ok(())
    }
}

/// How OpenTok authorises: a short-lived JWT per request.
#[derive(Clone)]
pub struct OpenTok {
    credentials: Arc<Credentials>,
    /// The secret's key schedules, prepared once.
    sha256: Hmac<Sha256>,
    sha1: Hmac<Sha1>,
}

impl fmt::Debug for OpenTok {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenTok").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

/// How long the token of a request is valid, in seconds. The service allows at most 300.
const REQUEST_TOKEN_SECONDS: u64 = 180;

impl OpenTok {
    pub(crate) fn new(credentials: Credentials) -> Result<Self, AuthError> {
        let key = credentials.api_secret.expose().as_bytes();
        // HMAC takes keys of any length, so neither of these fails.
        let sha256 =
            Hmac::new_from_slice(key).map_err(|_| AuthError::new("the API secret cannot be a key"))?;
        let sha1 = Hmac::new_from_slice(key).map_err(|_| AuthError::new("the API secret cannot be a key"))?;
        Ok(Self { credentials: Arc::new(credentials), sha256, sha1 })
    }

    pub(crate) fn api_key(&self) -> &str {
        &self.credentials.api_key
    }

    pub(crate) fn checked(&self) -> Result<&Credentials, AuthError> {
        self.credentials.check().map(|()| &*self.credentials)
    }

    pub(crate) fn hmac_sha256(&self, data: &[u8]) -> [u8; 32] {
        let mut mac = self.sha256.clone();
        mac.update(data);
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn hmac_sha1(&self, data: &[u8]) -> [u8; 20] {
        let mut mac = self.sha1.clone();
        mac.update(data);
        mac.finalize().into_bytes().into()
    }

    /// Signs claims as a JWT (HS256).
    pub(crate) fn jwt(&self, claims: &[u8]) -> String {
        // {"typ":"JWT","alg":"HS256"}
        const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.";
        let mut token = String::with_capacity(HEADER.len() + claims.len() * 4 / 3 + 48);
        token.push_str(HEADER);
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.hmac_sha256(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    fn request_token(&self, scope: &str, now: SystemTime) -> Result<String, AuthError> {
        let iat = unix_seconds(now);
        let claims = format!(
            r#"{{"iss":"{}","ist":"{scope}","iat":{iat},"exp":{},"jti":"{}"}}"#,
            self.credentials.api_key,
            iat + REQUEST_TOKEN_SECONDS,
            uuid()?
        );
        Ok(self.jwt(claims.as_bytes()))
    }
}

/// A random UUID (version 4).
fn uuid() -> Result<String, AuthError> {
    let mut bytes = [0; 16];
    random(&mut bytes)?;
    let value = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let hex = format!("{value:032x}");
    let part = |range| hex.get(range).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)))
}

pub(crate) fn random(bytes: &mut [u8]) -> Result<(), AuthError> {
    getrandom::fill(bytes).map_err(|_| AuthError::new("the system has no random numbers"))
}

impl Service for OpenTok {
    type Error = OpenTokError;
    type Credentials = Credentials;

    async fn credentials(&self) -> Result<Arc<Credentials>, AuthError> {
        self.checked()?;
        Ok(Arc::clone(&self.credentials))
    }

    fn authorize(
        &self,
        _credentials: &Credentials,
        meta: &Meta,
        request: &mut Request<Bytes>,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let scope = match meta.auth {
            rtc_core::Auth::Service(scope) => scope,
            _ => return Ok(()),
        };
        let token = self.request_token(scope, now)?;
        let mut value = HeaderValue::from_str(&token)
            .map_err(|_| AuthError::new("the API key holds characters that no header may hold"))?;
        value.set_sensitive(true);
        request.headers_mut().insert("x-opentok-auth", value);
        Ok(())
    }

    fn reject(&self, meta: &Meta, response: &Response<Bytes>) -> Option<OpenTokError> {
        model::refusal(meta.name, response)
    }
}
