//! One error shape for every provider: a typed reason, a neutral kind, and what is known of the exchange.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::endpoint::EndpointError;
use crate::store::StoreError;
use crate::transport::{TransportError, TransportErrorKind};
use crate::validate::Violations;

/// What an error means, whichever provider it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is wrong: refused here or by the provider. Sending it again will not help.
    InvalidInput,
    /// The credentials are missing, wrong or expired.
    Unauthenticated,
    /// The credentials are good but do not allow this.
    PermissionDenied,
    /// The room, session, channel or other thing does not exist.
    NotFound,
    /// It clashes with the present state (already exists, already running, in progress).
    Conflict,
    /// Too many calls: wait and try again.
    RateLimited,
    /// The provider has a problem of its own.
    Unavailable,
    /// The time limit ran out.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// The answer is not what the protocol promises.
    Protocol,
    /// The connection or session is closed.
    Closed,
    /// None of the above.
    Other,
}

impl ErrorKind {
    /// The name of the kind in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission_denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Protocol => "protocol",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }

    /// The usual meaning of an HTTP status that is not a success.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        match status.as_u16() {
            400 | 413 | 414 | 415 | 422 => Self::InvalidInput,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 | 410 => Self::NotFound,
            408 | 504 => Self::Timeout,
            405 | 409 | 412 => Self::Conflict,
            429 => Self::RateLimited,
            500..=599 => Self::Unavailable,
            // We never follow redirects: an answer that asks for it is not an answer.
            100..=399 => Self::Protocol,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a refusal says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryHint {
    /// The same request will be refused again.
    No,
    /// A throttle: the provider did nothing, so even an operation that must not be replayed may be sent again.
    RefusedWithoutEffect,
    /// It may pass later; whether anything happened is not known.
    Transient,
    /// The provider finds our clock wrong; its `Date` header tells by how much.
    ClockSkew,
}

/// A provider's own error: what it refused and why.
pub trait ServiceError: std::error::Error + Send + Sync + 'static {
    /// The neutral meaning.
    fn kind(&self) -> ErrorKind;

    /// Whether sending the request again may help.
    fn retry(&self) -> RetryHint {
        RetryHint::No
    }

    /// The provider's code (an exception name, a number), as text.
    fn code(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// The provider's own text, without anything added.
    fn detail(&self) -> Option<&str> {
        None
    }
}

/// Credentials that cannot be used, or that could not be had.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct AuthError {
    message: Cow<'static, str>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl AuthError {
    /// Says what is wrong with the credentials, without showing them.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// A request that could not be built from valid input.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be built: {message}")]
pub struct EncodeError {
    message: Cow<'static, str>,
}

impl EncodeError {
    /// Says what cannot be built.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into() }
    }
}

/// An answer that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("the answer cannot be understood: {message}")]
pub struct DecodeError {
    message: Cow<'static, str>,
}

impl DecodeError {
    /// Says what is missing or wrong in the answer.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into() }
    }

    /// From a JSON error. Values that serde quotes are left out: they may be secrets.
    #[must_use]
    pub fn json(error: &serde_json::Error) -> Self {
        Self::new(without_quoted(&error.to_string()))
    }
}

/// Replaces what stands in double quotes.
fn without_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut inside, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            '"' if !escaped => {
                inside = !inside;
                out.push_str(if inside { "\"…" } else { "\"" });
            }
            _ if !inside => out.push(c),
            _ => {}
        }
        escaped = inside && c == '\\' && !escaped;
    }
    out
}

/// Why a call failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason<E> {
    /// The input breaks rules; nothing was sent.
    Validation(Violations),
    /// Refused locally with the provider's own error; never sent.
    Refused(E),
    /// The endpoint policy refuses the address; nothing was sent there.
    Endpoint(EndpointError),
    /// The credentials cannot be used; nothing was sent.
    Auth(AuthError),
    /// The request cannot be built; nothing was sent.
    Encode(EncodeError),
    /// The transport failed.
    Transport(TransportError),
    /// The time limit ran out.
    Timeout(Duration),
    /// The answer cannot be understood.
    Decode(DecodeError),
    /// The provider refused.
    Service(E),
    /// The store that holds claims failed.
    Store(StoreError),
    /// The connection or session is closed.
    Closed,
}

/// What is known of an answer that was refused or not understood.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    pub(crate) status: Option<StatusCode>,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

/// The error of every call: a [`Reason`] plus what is known of the exchange.
pub struct Error<E>(Box<Inner<E>>);

struct Inner<E> {
    reason: Reason<E>,
    head: Head,
    attempts: u32,
    sent: bool,
    retryable: bool,
}

impl<E> Error<E> {
    /// An error of a call that was not sent.
    #[must_use]
    pub fn new(reason: Reason<E>) -> Self {
        Self(Box::new(Inner { reason, head: Head::default(), attempts: 0, sent: false, retryable: false }))
    }

    /// A local refusal with the provider's own error: nothing is sent.
    #[must_use]
    pub fn refused(error: E) -> Self {
        Self::new(Reason::Refused(error))
    }

    /// Marks how often it was tried, and whether any byte may have been sent.
    #[must_use]
    pub fn with_exchange(mut self, attempts: u32, sent: bool) -> Self {
        self.0.attempts = attempts;
        self.0.sent = sent;
        self
    }

    pub(crate) fn with_head(mut self, head: Head) -> Self {
        self.0.head = head;
        self
    }

    pub(crate) fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Why the call failed.
    #[must_use]
    pub fn reason(&self) -> &Reason<E> {
        &self.0.reason
    }

    /// Takes the reason out.
    #[must_use]
    pub fn into_reason(self) -> Reason<E> {
        self.0.reason
    }

    /// The broken rules, if the input was refused here.
    #[must_use]
    pub fn violations(&self) -> Option<&Violations> {
        match &self.0.reason {
            Reason::Validation(violations) => Some(violations),
            _ => None,
        }
    }

    /// The provider's own error, whether it came over the wire or from a local rule of the provider.
    #[must_use]
    pub fn service(&self) -> Option<&E> {
        match &self.0.reason {
            Reason::Service(error) | Reason::Refused(error) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.head.status
    }

    /// The provider's id of the request, for its support.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.head.request_id.as_deref()
    }

    /// How long the provider asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.head.retry_after
    }

    /// How many times the request was tried.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether any byte of the request may have reached the provider. `false` is certain.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.0.sent
    }

    /// Whether trying the same call again later may help and cannot do it twice.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

impl<E: ServiceError> Error<E> {
    /// The neutral meaning.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &self.0.reason {
            Reason::Validation(_) | Reason::Endpoint(_) | Reason::Encode(_) => ErrorKind::InvalidInput,
            Reason::Auth(_) => ErrorKind::Unauthenticated,
            Reason::Timeout(_) => ErrorKind::Timeout,
            Reason::Decode(_) => ErrorKind::Protocol,
            Reason::Store(_) => ErrorKind::Unavailable,
            Reason::Closed => ErrorKind::Closed,
            Reason::Service(error) | Reason::Refused(error) => error.kind(),
            Reason::Transport(error) => match error.kind() {
                TransportErrorKind::Blocked(_) => ErrorKind::InvalidInput,
                TransportErrorKind::Connect | TransportErrorKind::Interrupted => ErrorKind::Connection,
                TransportErrorKind::ConnectTimeout => ErrorKind::Timeout,
                TransportErrorKind::TooLarge { .. } | TransportErrorKind::Protocol => ErrorKind::Protocol,
                TransportErrorKind::Closed => ErrorKind::Closed,
                TransportErrorKind::Setup(_) => ErrorKind::Other,
            },
        }
    }

    /// The provider's code for this error, where it gave one.
    #[must_use]
    pub fn code(&self) -> Option<Cow<'_, str>> {
        self.service().and_then(ServiceError::code)
    }

    /// The provider's own text, where it gave one.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.service().and_then(ServiceError::detail)
    }
}

impl<E> From<Violations> for Error<E> {
    fn from(violations: Violations) -> Self {
        Self::new(Reason::Validation(violations))
    }
}

impl<E> From<EndpointError> for Error<E> {
    fn from(error: EndpointError) -> Self {
        Self::new(Reason::Endpoint(error))
    }
}

impl<E> From<AuthError> for Error<E> {
    fn from(error: AuthError) -> Self {
        Self::new(Reason::Auth(error))
    }
}

impl<E> From<StoreError> for Error<E> {
    fn from(error: StoreError) -> Self {
        Self::new(Reason::Store(error))
    }
}

impl<E> From<TransportError> for Error<E> {
    fn from(error: TransportError) -> Self {
        let sent = !error.is_unsent();
        match error.kind() {
            TransportErrorKind::Blocked(endpoint) => Self::new(Reason::Endpoint(endpoint.clone())),
            _ => Self::new(Reason::Transport(error)).with_exchange(0, sent),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.reason {
            Reason::Validation(e) => e.fmt(f),
            Reason::Refused(e) | Reason::Service(e) => e.fmt(f),
            Reason::Endpoint(e) => e.fmt(f),
            Reason::Auth(e) => e.fmt(f),
            Reason::Encode(e) => e.fmt(f),
            Reason::Transport(e) => e.fmt(f),
            Reason::Timeout(after) => write!(f, "no answer within {after:?}"),
            Reason::Decode(e) => e.fmt(f),
            Reason::Store(e) => e.fmt(f),
            Reason::Closed => f.write_str("the connection is closed"),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("reason", &self.0.reason)
            .field("status", &self.0.head.status)
            .field("request_id", &self.0.head.request_id)
            .field("retry_after", &self.0.head.retry_after)
            .field("attempts", &self.0.attempts)
            .field("was_sent", &self.0.sent)
            .finish()
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Display is that of the reason, so the source is what lies below the reason.
        match &self.0.reason {
            Reason::Refused(e) | Reason::Service(e) => e.source(),
            Reason::Auth(e) => e.source(),
            Reason::Transport(e) => e.source(),
            Reason::Store(e) => e.source(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
