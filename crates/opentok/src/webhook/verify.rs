//! Checks that a webhook was posted by the service.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use rtc_core::{Clock, Rule, Secret, SharedClock, Violation, Violations, constant_time_eq};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::WebhookEvent;
use crate::error::{Error, OpenTokError, Result, TokenFault, WebhookFault};
use crate::signer::{SecretKey, Signer};
use crate::token;

/// What is asked of the claim `payload_hash`, the SHA-256 of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PayloadHash {
    /// It must be there and match. The default: without it the token says nothing about the body, so that
    /// whoever gets hold of one token can post any event with it.
    #[default]
    Required,
    /// It must match if it is there.
    IfPresent,
    /// It is not looked at. Only where something else guards the body: TLS up to your server, and nobody who
    /// could have seen a token.
    Ignored,
}

/// Checks signed webhooks ("secure callbacks"). Make one per signature secret at the start and keep it: the
/// secret is prepared once.
///
/// The service sends `Authorization: Bearer <JWT>`, signed with HMAC-SHA-256 and the signature secret of the
/// webhook. That is documented; the claims are documented by example only. What is *uncertain* has a setting:
/// [`issuer`](Self::issuer), [`max_age`](Self::max_age), [`payload_hash`](Self::payload_hash). Source: OpenTok
/// developer guides, secure callbacks.
///
/// ```
/// use opentok::{WebhookEvent, WebhookVerifier};
///
/// # fn handle(authorization: &str, body: &[u8]) -> u16 {
/// # let verifier = WebhookVerifier::new("the signature secret of this webhook").unwrap();
/// match verifier.verify(authorization, body) {
///     Ok(WebhookEvent::Archive(archive)) => println!("archive {} is {:?}", archive.id, archive.status),
///     Ok(other) => println!("{}", other.event()),
///     Err(error) => {
///         eprintln!("{error}");
///         return 401;
///     }
/// }
/// # 200 }
/// # assert_eq!(handle("Bearer e30.e30.e30", b"{}"), 401);
/// ```
#[derive(Clone)]
pub struct WebhookVerifier {
    key: Signer,
    payload_hash: PayloadHash,
    issuer: Option<Cow<'static, str>>,
    max_age: Option<Duration>,
    clock: SharedClock,
}

impl WebhookVerifier {
    /// With the signature secret of one webhook: not the API secret. The hash of the body is asked for, the
    /// issuer must be `Vonage`, and the token at most 5 minutes old.
    ///
    /// # Errors
    /// Validation: the secret is empty, so that anybody could sign with it.
    pub fn new(signature_secret: impl Into<Secret>) -> Result<Self> {
        let secret = signature_secret.into();
        if secret.is_empty() {
            let violation = Violation::new("secret", "secret", Rule::Required, "must not be empty");
            return Err(Violations::from(violation).into());
        }
        Ok(Self {
            key: Signer::Secret(Box::new(SecretKey::new(&secret)?)),
            payload_hash: PayloadHash::Required,
            issuer: Some(Cow::Borrowed("Vonage")),
            max_age: Some(Duration::from_secs(5 * 60)),
            clock: SharedClock::default(),
        })
    }

    /// What is asked of the hash of the body. *Uncertain*: the claim is documented by example.
    #[must_use]
    pub fn payload_hash(mut self, payload_hash: PayloadHash) -> Self {
        self.payload_hash = payload_hash;
        self
    }

    /// Who must have issued the token (claim `iss`); none: anybody who has the secret. *Uncertain*: `Vonage` is
    /// documented by example.
    #[must_use]
    pub fn issuer(mut self, issuer: Option<&str>) -> Self {
        self.issuer = issuer.map(|text| Cow::Owned(text.to_owned()));
        self
    }

    /// How far the time of issue (claim `iat`) may lie from now, in either direction; none: it is not looked at,
    /// and an intercepted webhook can be posted again for ever. *Uncertain*: whether the service signs a delivery
    /// anew when it repeats it is not documented. An expiry (claim `exp`) always counts.
    #[must_use]
    pub fn max_age(mut self, max_age: Option<Duration>) -> Self {
        self.max_age = max_age;
        self
    }

    /// Another clock than the system's, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// Checks a webhook by its header `Authorization` and its body, byte for byte as they came, and reads it.
    ///
    /// # Errors
    /// [`WebhookFault`] says what is wrong. Kind [`Unauthenticated`](crate::ErrorKind::Unauthenticated): it was
    /// not posted by the service, answer 401. Kind [`Protocol`](crate::ErrorKind::Protocol): it was, but cannot
    /// be read.
    pub fn verify(&self, authorization: &str, body: &[u8]) -> Result<WebhookEvent> {
        self.check(authorization, body).map_err(|fault| Error::refused(OpenTokError::Webhook(fault)))?;
        WebhookEvent::parse(body)
    }

    fn check(&self, authorization: &str, body: &[u8]) -> std::result::Result<(), WebhookFault> {
        let (_, claims) = token::read_jwt(&self.key, bearer(authorization).ok_or(WebhookFault::Unsigned)?)
            .map_err(|fault| match fault {
                TokenFault::Signature => WebhookFault::Signature,
                _ => WebhookFault::Malformed,
            })?;
        let issuer = claims.get("iss").and_then(Value::as_str);
        if self.issuer.as_deref().is_some_and(|wanted| issuer != Some(wanted)) {
            return Err(WebhookFault::Issuer);
        }
        if !self.in_time(&claims) {
            return Err(WebhookFault::Age);
        }
        match (self.payload_hash, claims.get("payload_hash")) {
            (PayloadHash::Ignored, _) | (PayloadHash::IfPresent, None) => Ok(()),
            (PayloadHash::Required, None) => Err(WebhookFault::NoPayloadHash),
            (_, Some(hash)) if is_hash_of(hash, body) => Ok(()),
            _ => Err(WebhookFault::PayloadHash),
        }
    }

    fn in_time(&self, claims: &Map<String, Value>) -> bool {
        let now = self.clock.unix_seconds();
        let seconds = |value: &Value| value.as_u64().or_else(|| value.as_f64().map(|f| f as u64));
        let fresh = self.max_age.is_none_or(|limit| {
            let issued = claims.get("iat").and_then(seconds);
            issued.is_some_and(|issued| issued.abs_diff(now) <= limit.as_secs())
        });
        // An expiry that makes no sense is none to rely on.
        fresh && claims.get("exp").is_none_or(|exp| seconds(exp).is_some_and(|exp| now <= exp))
    }
}

/// The token behind the scheme, whose case does not matter.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    Some(token.trim_start()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

/// Whether a claim is the SHA-256 of the body in hexadecimal.
fn is_hash_of(claim: &Value, body: &[u8]) -> bool {
    let digest: [u8; 32] = Sha256::digest(body).into();
    let expected: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let claim = claim.as_str().unwrap_or_default().to_ascii_lowercase();
    constant_time_eq(expected.as_bytes(), claim.as_bytes())
}

impl fmt::Debug for WebhookVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookVerifier")
            .field("payload_hash", &self.payload_hash)
            .field("issuer", &self.issuer)
            .field("max_age", &self.max_age)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
