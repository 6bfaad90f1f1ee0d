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
use crate::error::{EncodeError, Error, ErrorKind, Head, Reason, RetryHint, ServiceError};
use crate::gate::Permit;
use crate::operation::{Answer, Auth, Keys, Operation, Replay, Service, Target};
use crate::reply::Reply;
use crate::retry::{RetryBudget, RetryPolicy, retry_after};
use crate::transport::{Body, Limits, SharedTransport, Transport, TransportError, TransportErrorKind};

mod attempt;
mod call;

pub use call::Call;
use call::CallOptions;

use attempt::{Failed, Progress, Repeat, corrected, fits, new_key, told_skew};

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
        Call { caller: self.clone(), operation, options: CallOptions::default(), gate: None, pace: None }
    }
}

/// How long leaving a gate may take.
const LEAVE_TIME: Duration = Duration::from_secs(1);

impl<S: Service, O: Operation<S>> Call<S, O> {
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
                .with_retryable(!sent || self.may_call_again(&progress))),
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
        progress.key = self.key(&base);
        let max_attempts = policy.max_attempts.min(O::META.max_attempts.unwrap_or(u32::MAX)).max(1);
        let mut resynced = false;
        loop {
            if let Some(pace) = &self.pace {
                pace.ready().await;
            }
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
                Repeat::Yes | Repeat::Replay => progress.attempts < max_attempts,
            };
            progress.unsure |= matches!(failed.repeat, Repeat::Replay);
            let retryable =
                !matches!(failed.repeat, Repeat::No) && (!progress.unsure || self.may_call_again(progress));
            let pause = match failed.repeat {
                Repeat::AfterResync => Duration::ZERO,
                _ => policy.pause(progress.attempts, failed.floor),
            };
            if failed.error.kind() == ErrorKind::RateLimited {
                // "At once" is no pause at all: then it is ours that counts.
                let asked = failed.floor.filter(|floor| !floor.is_zero());
                self.tell_refusal(deadline, asked.unwrap_or(pause)).await;
            }
            if !again || !fits(&shared.clock, deadline, pause) || !shared.budget.spend() {
                return Err(failed.error.with_retryable(retryable));
            }
            shared.clock.sleep(pause).await;
        }
    }

    /// Tells the pace that the provider asks for a pause. What this takes must not cost the call its error.
    async fn tell_refusal(&self, deadline: Option<Instant>, pause: Duration) {
        let Some(pace) = &self.pace else { return };
        let clock = &self.caller.0.clock;
        let left = deadline.map_or(LEAVE_TIME, |end| end.saturating_duration_since(clock.monotonic()));
        let _ = timeout(clock, left.min(LEAVE_TIME), pace.refused(pause)).await;
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

    /// The idempotency key of the call at this server.
    fn key(&self, base: &Url) -> Option<String> {
        let Replay::WithKey(_) = O::META.replay else { return None };
        let given = self.operation.idempotency_key().map(str::to_owned);
        match self.caller.0.service.keys(base) {
            Keys::Given => given,
            Keys::Made => given.or_else(|| Some(new_key())),
            Keys::Unknown => None,
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
        let (request, secrets) = self.request(base, trust, skew, progress.key.as_deref()).await?;
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
                    return Err(self.lost(Error::new(Reason::Timeout(each)), progress));
                }
            },
            None => exchange.await,
        };
        progress.in_flight = false;
        match outcome {
            Ok((response, body)) => {
                progress.sent = true;
                self.judge(&uri, (response, body), progress, skew, &secrets)
            }
            Err(error) => {
                let passing = matches!(
                    error.kind(),
                    TransportErrorKind::Connect
                        | TransportErrorKind::ConnectTimeout
                        | TransportErrorKind::Interrupted
                );
                let repeat = match passing {
                    true if error.is_unsent() => Repeat::Yes,
                    true if self.may_replay(progress) => Repeat::Replay,
                    _ => Repeat::No,
                };
                progress.sent |= !error.is_unsent();
                Err(Failed { error: error.into(), repeat, floor: None })
            }
        }
    }

    /// An attempt whose fate is not known.
    fn lost(&self, error: Error<S::Error>, progress: &Progress) -> Failed<S::Error> {
        Failed {
            error,
            repeat: if self.may_replay(progress) { Repeat::Replay } else { Repeat::No },
            floor: None,
        }
    }

    fn may_replay(&self, progress: &Progress) -> bool {
        match O::META.replay {
            Replay::Safe => true,
            Replay::WithKey(_) => progress.key.is_some(),
            Replay::Never => false,
        }
    }

    /// The same for a call that follows this one: a key that was made is unknown to it.
    fn may_call_again(&self, progress: &Progress) -> bool {
        let keyed = matches!(O::META.replay, Replay::WithKey(_));
        self.may_replay(progress) && (!keyed || self.operation.idempotency_key().is_some())
    }

    async fn request(
        &self,
        base: &Url,
        trust: Trust,
        skew: i64,
        key: Option<&str>,
    ) -> Result<(Request<Bytes>, Sent), Failed<S::Error>> {
        let shared = &*self.caller.0;
        let credentials = match O::META.auth {
            Auth::Service(_) => Some(shared.service.credentials().await.map_err(Error::from)?),
            Auth::Own | Auth::None => None,
        };
        let target = Target { base, service: &shared.service };
        let (request, mut secrets) = Sent::during(|| self.operation.encode(&target));
        let mut request = request.map_err(|e| Error::new(Reason::Encode(e)))?;
        let headers = request.headers_mut();
        // The user's own headers may hold credentials: they are not for a host that an answer named.
        let own = Some(&shared.headers).filter(|_| trust == Trust::Configured);
        for (name, value) in own.into_iter().flatten() {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        headers.insert(USER_AGENT, shared.user_agent.clone());
        if let (Replay::WithKey(name), Some(key)) = (O::META.replay, key) {
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
        secrets.note_headers(request.headers());
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
        progress: &Progress,
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
                RetryHint::Transient if self.may_replay(progress) => Repeat::Replay,
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
                Ok(Reply { output, status, headers, request_id, attempts: progress.attempts, body })
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
