//! Operations as values: validate, encode to an HTTP request, decode from an HTTP response. No I/O here.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};
use url::Url;

use crate::error::{AuthError, DecodeError, EncodeError, ServiceError};
use crate::validate::Violations;

/// Whether an operation may be sent again once it may have reached the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Replay {
    /// Sending it twice has the effect of sending it once.
    Safe,
    /// Only with an idempotency key, sent in the header of this name.
    WithKey(&'static str),
    /// Never, unless the provider refused it without effect.
    Never,
}

/// Who authorises an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Auth {
    /// The service's credentials, in this scope.
    Service(&'static str),
    /// The request brings its own.
    Own,
    /// Nobody.
    None,
}

/// What becomes of idempotency keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keys {
    /// Those of the input are sent.
    Given,
    /// The same, and a call without one gets its own, which all its attempts carry.
    Made,
    /// The server does not know them: none is sent, and no call counts as safe to repeat because of one.
    Unknown,
}

/// How an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// As a whole, under the limit.
    Buffered,
    /// Piece by piece: the caller gets the body (a recording).
    Streamed,
}

/// What is fixed about an operation; comes from the specification.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Meta {
    /// The name in snake case: `create_room`.
    pub name: &'static str,
    /// May it be sent again?
    pub replay: Replay,
    /// Who authorises it?
    pub auth: Auth,
    /// Its own time limit, where it differs from the client's.
    pub timeout: Option<Duration>,
    /// The largest number of attempts, where it is lower than the client's.
    pub max_attempts: Option<u32>,
    /// How its answer is read.
    pub answer: Answer,
}

impl Meta {
    /// An operation of this name: never replayed, authorised by the service, answer read as a whole.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            replay: Replay::Never,
            auth: Auth::Service(""),
            timeout: None,
            max_attempts: None,
            answer: Answer::Buffered,
        }
    }

    /// Sets whether it may be sent again.
    #[must_use]
    pub const fn with_replay(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }

    /// Sets who authorises it.
    #[must_use]
    pub const fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Sets its own time limit.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets its own cap of attempts.
    #[must_use]
    pub const fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Sets how its answer is read.
    #[must_use]
    pub const fn with_answer(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }
}

/// How one provider signs and refuses.
pub trait Service: fmt::Debug + Send + Sync + 'static {
    /// The provider's own error.
    type Error: ServiceError;
    /// What requests are authorised with.
    type Credentials: Send + Sync;

    /// Gives the credentials after a local check. Called for every attempt, inside the deadline.
    fn credentials(&self) -> impl Future<Output = Result<Arc<Self::Credentials>, AuthError>> + Send;

    /// Authorises a request; `now` is corrected by the clock skew seen so far.
    ///
    /// # Errors
    /// When the credentials cannot be used for this request.
    fn authorize(
        &self,
        credentials: &Self::Credentials,
        meta: &Meta,
        request: &mut Request<Bytes>,
        now: SystemTime,
    ) -> Result<(), AuthError>;

    /// The error that an answer means, also one with a status of success; `None` when it is good.
    fn reject(&self, meta: &Meta, response: &Response<Bytes>) -> Option<Self::Error>;

    /// What becomes of the idempotency keys of calls to this base URL.
    fn keys(&self, base: &Url) -> Keys {
        let _ = base;
        Keys::Given
    }

    /// The base URL of this operation, where it is not the client's.
    fn base(&self, meta: &Meta) -> Option<&Url> {
        let _ = meta;
        None
    }

    /// The provider's id of a request, from the headers of its answer.
    fn request_id<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        headers.get("x-request-id").and_then(|v| v.to_str().ok())
    }
}

/// Where a request goes.
#[derive(Debug)]
pub struct Target<'a, S> {
    /// The base URL, checked.
    pub base: &'a Url,
    /// The service.
    pub service: &'a S,
}

/// One operation of a provider, with its input.
pub trait Operation<S: Service>: fmt::Debug + Send + Sync {
    /// What it answers.
    type Output: Send;
    /// What is fixed about it.
    const META: Meta;

    /// Checks the input.
    ///
    /// # Errors
    /// All broken rules.
    fn validate(&self) -> Result<(), Violations>;

    /// The idempotency key that the input carries.
    fn idempotency_key(&self) -> Option<&str> {
        None
    }

    /// Builds the request.
    ///
    /// # Errors
    /// When valid input does not fit into an HTTP request.
    fn encode(&self, target: &Target<'_, S>) -> Result<Request<Bytes>, EncodeError>;

    /// Reads the answer; `sent` is where the request went. Of a streamed answer only the head is there.
    ///
    /// # Errors
    /// When the answer is not what the protocol promises.
    fn decode(&self, sent: &Uri, response: &Response<Bytes>) -> Result<Self::Output, DecodeError>;
}
