//! Runs operations: the one place for order, deadlines, retries and limits.

use std::borrow::Cow;
use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use url::Url;

use crate::clock::{BoxFuture, Clock, SharedClock, timeout};
use crate::echo::Sent;
use crate::endpoint::{EndpointPolicy, Trust};
use crate::error::{EncodeError, Error, Head, Reason, RetryHint, ServiceError};
use crate::gate::{Gate, Permit};
use crate::operation::{Answer, Auth, Operation, Replay, Service, Target};
use crate::paging::{Items, Paged, Pages};
use crate::reply::Reply;
use crate::retry::{RetryBudget, RetryPolicy, retry_after};
use crate::transport::{Body, Limits, SharedTransport, Transport, TransportError, TransportErrorKind};

mod attempt;

use attempt::{Failed, Progress, Repeat, corrected, fits, told_skew};

/// Runs the operations of one service. Cheap to clone: the clones share connections, clock and budget.
pub struct Caller<S: Service>(Arc<Shared<S>>);

pub(crate) struct Shared<S: Service> {
    pub(crate) service: S,
    pub(crate) base: Url,
    pub(crate) transport: SharedTransport,
    pub(crate) clock: SharedClock,
    pub(crate) policy: EndpointPolicy,
    pub(crate) retry: RetryPolicy,
    pub(crate) budget: RetryBudget,
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) limits: Limits,
    pub(crate) headers: HeaderMap,
    pub(crate) user_agent: HeaderValue,
    /// By how many milliseconds the provider's clock is ahead of ours, once a refusal has told.
    pub(crate) skew_ms: AtomicI64,
}

impl<S: Service> Clone for Caller<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Service> fmt::Debug for Caller<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("service", &self.0.service)
            .field("base", &self.0.base.as_str())
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}

impl<S: Service> Caller<S> {
    pub(crate) fn new(shared: Shared<S>) -> Self {
        Self(Arc::new(shared))
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &S {
        &self.0.service
    }

    /// The base URL.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.0.base
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.0.clock
    }

    /// The endpoint policy.
    #[must_use]
    pub fn policy(&self) -> &EndpointPolicy {
        &self.0.policy
    }

    /// The wall-clock time as the provider sees it: ours, corrected by the skew it told us of.
    #[must_use]
    pub fn provider_now(&self) -> SystemTime {
        corrected(self.0.clock.now(), self.skew_ms())
    }

    /// By how many milliseconds the provider's clock is ahead of ours, as far as a refusal has told.
    #[must_use]
    pub fn skew_ms(&self) -> i64 {
        self.0.skew_ms.load(Ordering::Relaxed)
    }

    /// Takes the clock skew from the `Date` of an answer that refused a signature for its time. `used` is the skew
    /// that was signed with; false when it was that one already, or when there is no date.
    pub fn resync(&self, headers: &HeaderMap, used: i64) -> bool {
        let Some(skew) = told_skew(headers, self.0.clock.now()) else { return false };
        self.0.skew_ms.store(skew, Ordering::Relaxed);
        // Not what is stored by now: another call may have learnt the same a moment before.
        used.abs_diff(skew) > 1000
    }

    /// Prepares a call of `operation`; nothing happens before it is awaited.
    pub fn call<O: Operation<S>>(&self, operation: O) -> Call<S, O> {
        Call { caller: self.clone(), operation, options: CallOptions::default(), gate: None }
    }
}

/// How long leaving a gate may take.
const LEAVE_TIME: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
struct CallOptions {
    timeout: Option<Duration>,
    attempt_timeout: Option<Duration>,
    endpoint: Option<(String, Trust)>,
    retry: Option<RetryPolicy>,
}

/// A call that is ready to run: await it, or set its knobs first.
///
/// Dropping the future cancels the call: claims are released, nothing stays behind.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<S: Service, O> {
    caller: Caller<S>,
    operation: O,
    options: CallOptions,
    gate: Option<Arc<dyn Gate<S::Error>>>,
}

impl<S: Service, O: fmt::Debug> fmt::Debug for Call<S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("operation", &self.operation).finish_non_exhaustive()
    }
}

impl<S: Service, O: Clone> Clone for Call<S, O> {
    fn clone(&self) -> Self {
        Self {
            caller: self.caller.clone(),
            operation: self.operation.clone(),
            options: self.options.clone(),
            gate: self.gate.clone(),
        }
    }
}

impl<S: Service, O: Paged<S>> Call<S, O> {
    /// The pages of the list from this one on; the call's knobs hold for each.
    pub fn pages(self) -> Pages<S, O> {
        Pages::new(self)
    }

    /// The elements of the list from this page on; the call's knobs hold for each page.
    pub fn items(self) -> Items<S, O> {
        Items::new(self)
    }

    /// The same call of another request, if there is one.
    pub(crate) fn try_map(self, map: impl FnOnce(O) -> Option<O>) -> Option<Self> {
        let Self { caller, operation, options, gate } = self;
        Some(Self { caller, operation: map(operation)?, options, gate })
    }
}

impl<S: Service, O: Operation<S>> Call<S, O> {
    /// Limits the total time, all attempts and pauses included.
    pub fn timeout(mut self, total: Duration) -> Self {
        self.options.timeout = Some(total);
        self
    }

    /// Limits the time of each attempt.
    pub fn attempt_timeout(mut self, each: Duration) -> Self {
        self.options.attempt_timeout = Some(each);
        self
    }

    /// Sends this call to another base URL, which counts as configured by you.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.options.endpoint = Some((url.into(), Trust::Configured));
        self
    }

    /// Sends this call to a base URL that was found in an answer: private addresses are refused unless the
    /// client's own endpoint is private.
    pub fn discovered_endpoint(mut self, url: impl Into<String>) -> Self {
        self.options.endpoint = Some((url.into(), Trust::Discovered));
        self
    }

    /// Repeats failed attempts by this policy.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.options.retry = Some(policy);
        self
    }

    /// Guards the call with a gate.
    pub fn gate(mut self, gate: Arc<dyn Gate<S::Error>>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// The operation.
    pub fn operation(&self) -> &O {
        &self.operation
    }

    /// Runs the call and gives the output with status, headers and attempts.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn reply(self) -> Result<Reply<O::Output>, Error<S::Error>> {
        // By reference from here on: a call holds its whole input, and moving it costs.
        self.traced().await
    }

    #[cfg(feature = "tracing")]
    async fn traced(&self) -> Result<Reply<O::Output>, Error<S::Error>> {
        crate::trace::call(&self.caller.0.base, O::META.name, self.run()).await
    }

    #[cfg(not(feature = "tracing"))]
    async fn traced(&self) -> Result<Reply<O::Output>, Error<S::Error>> {
        self.run().await
    }

    async fn run(&self) -> Result<Reply<O::Output>, Error<S::Error>> {
        let shared = &*self.caller.0;
        let total = self.options.timeout.or(O::META.timeout).unwrap_or(shared.timeout);
        // None: too far away to be told, so there is none.
        let deadline = shared.clock.monotonic().checked_add(total);
        let mut progress = Progress::default();
        let mut permit = None;
        let outcome = timeout(&shared.clock, total, self.guarded(deadline, &mut progress, &mut permit)).await;
        if let Some(permit) = permit {
            // The result stands whether or not the gate is left in time; what is dropped leaves it, too.
            let _ = timeout(&shared.clock, LEAVE_TIME, permit.release()).await;
        }
        let sent = progress.sent || progress.in_flight;
        match outcome {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(error)) => Err(error.with_exchange(progress.attempts, progress.sent)),
            None => Err(Error::new(Reason::Timeout(total))
                .with_exchange(progress.attempts, sent)
                .with_retryable(!sent || self.may_replay())),
        }
    }

    /// The order of everything that comes before the first attempt. A gated call looks at its gate and its
    /// credentials first, as the reference of the provider that has one does.
    async fn guarded(
        &self,
        deadline: Option<Instant>,
        progress: &mut Progress,
        permit: &mut Option<Box<dyn Permit>>,
    ) -> Result<Reply<O::Output>, Error<S::Error>> {
        let Some(gate) = &self.gate else {
            self.operation.validate()?;
            return self.attempts(deadline, progress).await;
        };
        gate.look().await?;
        if matches!(O::META.auth, Auth::Service(_)) {
            self.caller.0.service.credentials().await?;
        }
        self.operation.validate()?;
        *permit = Some(gate.enter().await?);
        self.attempts(deadline, progress).await
    }

    async fn attempts(
        &self,
        deadline: Option<Instant>,
        progress: &mut Progress,
    ) -> Result<Reply<O::Output>, Error<S::Error>> {
        let shared = &*self.caller.0;
        let policy = self.options.retry.as_ref().unwrap_or(&shared.retry);
        let (base, trust) = self.base()?;
        let max_attempts = policy.max_attempts.min(O::META.max_attempts.unwrap_or(u32::MAX)).max(1);
        let mut resynced = false;
        loop {
            let failed = match self.attempt(&base, trust, progress).await {
                Ok(reply) => {
                    shared.budget.succeed();
                    return Ok(reply);
                }
                Err(failed) => failed,
            };
            let again = match failed.repeat {
                Repeat::No => false,
                // One attempt more than the policy grants, but never against "exactly one".
                Repeat::AfterResync => max_attempts > 1 && !std::mem::replace(&mut resynced, true),
                Repeat::Yes => progress.attempts < max_attempts,
            };
            let retryable = !matches!(failed.repeat, Repeat::No);
            let pause = match failed.repeat {
                Repeat::AfterResync => Duration::ZERO,
                _ => policy.pause(progress.attempts, failed.floor),
            };
            if !again || !fits(&shared.clock, deadline, pause) || !shared.budget.spend() {
                return Err(failed.error.with_retryable(retryable));
            }
            shared.clock.sleep(pause).await;
        }
    }

    fn base(&self) -> Result<(Cow<'_, Url>, Trust), Error<S::Error>> {
        let shared = &*self.caller.0;
        match &self.options.endpoint {
            Some((text, trust)) => Ok((Cow::Owned(shared.policy.parse(text, *trust)?), *trust)),
            // The client's own endpoint was checked when the client was built.
            None => {
                Ok((Cow::Borrowed(shared.service.base(&O::META).unwrap_or(&shared.base)), Trust::Configured))
            }
        }
    }

    async fn attempt(
        &self,
        base: &Url,
        trust: Trust,
        progress: &mut Progress,
    ) -> Result<Reply<O::Output>, Failed<S::Error>> {
        let shared = &*self.caller.0;
        let skew = self.caller.skew_ms();
        let (request, secrets) = self.request(base, trust, skew).await?;
        #[cfg(feature = "tracing")]
        crate::trace::attempt(&request);
        let uri = request.uri().clone();
        progress.attempts += 1;
        progress.in_flight = true;
        let exchange = self.exchange(request, shared.limits.with_trust(trust));
        let each = self.options.attempt_timeout.or(shared.attempt_timeout);
        let outcome = match each {
            Some(each) => match timeout(&shared.clock, each, exchange).await {
                Some(outcome) => outcome,
                None => {
                    progress.in_flight = false;
                    progress.sent = true;
                    return Err(self.lost(Error::new(Reason::Timeout(each))));
                }
            },
            None => exchange.await,
        };
        progress.in_flight = false;
        match outcome {
            Ok((response, body)) => {
                progress.sent = true;
                self.judge(&uri, (response, body), progress.attempts, skew, &secrets)
            }
            Err(error) => {
                let passing = matches!(
                    error.kind(),
                    TransportErrorKind::Connect
                        | TransportErrorKind::ConnectTimeout
                        | TransportErrorKind::Interrupted
                );
                let again = passing && (error.is_unsent() || self.may_replay());
                progress.sent |= !error.is_unsent();
                let repeat = if again { Repeat::Yes } else { Repeat::No };
                Err(Failed { error: error.into(), repeat, floor: None })
            }
        }
    }

    /// An attempt whose fate is not known.
    fn lost(&self, error: Error<S::Error>) -> Failed<S::Error> {
        Failed { error, repeat: if self.may_replay() { Repeat::Yes } else { Repeat::No }, floor: None }
    }

    fn may_replay(&self) -> bool {
        match O::META.replay {
            Replay::Safe => true,
            Replay::WithKey(_) => self.operation.idempotency_key().is_some(),
            Replay::Never => false,
        }
    }

    async fn request(
        &self,
        base: &Url,
        trust: Trust,
        skew: i64,
    ) -> Result<(Request<Bytes>, Sent), Failed<S::Error>> {
        let shared = &*self.caller.0;
        let credentials = match O::META.auth {
            Auth::Service(_) => Some(shared.service.credentials().await.map_err(Error::from)?),
            Auth::Own | Auth::None => None,
        };
        let target = Target { base, service: &shared.service };
        let (request, secrets) = Sent::during(|| self.operation.encode(&target));
        let mut request = request.map_err(|e| Error::new(Reason::Encode(e)))?;
        let headers = request.headers_mut();
        // The user's own headers may hold credentials: they are not for a host that an answer named.
        let own = Some(&shared.headers).filter(|_| trust == Trust::Configured);
        for (name, value) in own.into_iter().flatten() {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        headers.insert(USER_AGENT, shared.user_agent.clone());
        if let (Replay::WithKey(name), Some(key)) = (O::META.replay, self.operation.idempotency_key()) {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(key);
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.insert(name, value);
            } else {
                let error = EncodeError::new("the idempotency key does not fit into a header");
                return Err(Error::new(Reason::Encode(error)).into());
            }
        }
        if let Some(credentials) = credentials {
            let now = corrected(shared.clock.now(), skew);
            shared.service.authorize(&credentials, &O::META, &mut request, now).map_err(Error::from)?;
        }
        Ok((request, secrets))
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<(Response<Bytes>, Body), TransportError> {
        let response = self.caller.0.transport.send(request, limits).await?;
        let (parts, body) = response.into_parts();
        if matches!(O::META.answer, Answer::Streamed) && parts.status.is_success() {
            return Ok((Response::from_parts(parts, Bytes::new()), body));
        }
        let bytes = body.collect(limits.body).await?;
        let body = Body::full(bytes.clone());
        Ok((Response::from_parts(parts, bytes), body))
    }

    fn judge(
        &self,
        uri: &Uri,
        (response, body): (Response<Bytes>, Body),
        attempts: u32,
        skew: i64,
        secrets: &Sent,
    ) -> Result<Reply<O::Output>, Failed<S::Error>> {
        let shared = &*self.caller.0;
        let status = response.status();
        let request_id = shared.service.request_id(response.headers()).map(str::to_owned);
        let head = Head {
            status: Some(status),
            request_id: request_id.clone(),
            retry_after: retry_after(response.headers(), shared.clock.now()),
        };
        let reject = |answer: &Response<Bytes>| shared.service.reject(&O::META, answer);
        if let Some(refusal) = reject(&response) {
            // Only now is it worth while to look for what we sent in secret.
            let refusal = secrets.hidden_from(&response, reject).unwrap_or(refusal);
            let floor = head.retry_after;
            let repeat = match refusal.retry() {
                RetryHint::No => Repeat::No,
                RetryHint::RefusedWithoutEffect => Repeat::Yes,
                RetryHint::Transient if self.may_replay() => Repeat::Yes,
                RetryHint::Transient => Repeat::No,
                RetryHint::ClockSkew if self.caller.resync(response.headers(), skew) => Repeat::AfterResync,
                RetryHint::ClockSkew => Repeat::No,
            };
            return Err(Failed {
                error: Error::new(Reason::Service(refusal)).with_head(head),
                repeat,
                floor,
            });
        }
        match self.operation.decode(uri, &response) {
            Ok(output) => {
                let headers = response.into_parts().0.headers;
                Ok(Reply { output, status, headers, request_id, attempts, body })
            }
            Err(error) => Err(Error::new(Reason::Decode(error)).with_head(head).into()),
        }
    }
}

impl<S: Service, O: Operation<S> + 'static> IntoFuture for Call<S, O> {
    type Output = Result<O::Output, Error<S::Error>>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.traced().await.map(|reply| reply.output) })
    }
}
