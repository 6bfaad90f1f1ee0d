//! Shared state: claims, short-lived values and rates, for one process, one machine or (in `rtc-redis`)
//! many machines.
//!
//! Keys and values carry no secret in clear and no personal data: hash such parts before they become a key.
//! Claims, values and rates are three name spaces, so the same key may be used in each.
//!
//! A store that fails says so with [`StoreError`]; whether the call is then refused or goes on without the
//! store is the caller's choice.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use std::time::Duration;

use bytes::Bytes;

use crate::clock::{BoxFuture, SharedClock};

mod file;
mod memory;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
#[cfg(test)]
pub(crate) mod tests;

pub use file::FileStore;
pub use memory::MemoryStore;

/// Proof of a claim: the key and a random owner. It is unique, not secret. Dropping it frees nothing; that
/// is for [`Store::release`], [`Store::abandon`] or the claim's time limit.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimToken {
    key: String,
    owner: String,
}

impl ClaimToken {
    /// A new token with a random owner; for those who implement [`Store`].
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        // Two processes started alike may share the sequence of fastrand, but not the keys of RandomState.
        static PROCESS: OnceLock<u64> = OnceLock::new();
        let process = PROCESS.get_or_init(|| RandomState::new().hash_one(std::process::id()));
        Self { key: key.into(), owner: format!("{process:016x}{:016x}", fastrand::u64(..)) }
    }

    /// The key that is claimed.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The owner: 32 hexadecimal digits.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

impl fmt::Debug for ClaimToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimToken({:032x})", stable_hash(self.key.as_bytes()))
    }
}

/// What is known about a live claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Busy {
    /// How long ago it was made, where the store knows.
    pub since: Option<Duration>,
    /// How long until it frees itself at the latest.
    pub expires_in: Duration,
}

impl Busy {
    /// A claim made `since` ago that frees itself in `expires_in`; for those who implement [`Store`].
    #[must_use]
    pub fn new(since: Option<Duration>, expires_in: Duration) -> Self {
        Self { since, expires_in }
    }
}

/// The outcome of [`Store::claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// The key is claimed; the token frees it.
    Claimed(ClaimToken),
    /// Someone else holds the key.
    Busy {
        /// How long ago it was claimed, where the store knows.
        since: Option<Duration>,
        /// How long until the claim frees itself at the latest.
        expires_in: Duration,
    },
}

impl From<Busy> for Claim {
    fn from(busy: Busy) -> Self {
        Self::Busy { since: busy.since, expires_in: busy.expires_in }
    }
}

/// How many permits per time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
}

impl Rate {
    /// `count` permits per `per`. A count of 0 counts as 1; a `per` of zero means no limit.
    #[must_use]
    pub fn new(count: u32, per: Duration) -> Self {
        // Rounded up: the limit is the provider's, and it is better to stay a nanosecond below it.
        let nanos = per.as_nanos().div_ceil(count.max(1).into());
        Self { interval: Duration::from_nanos(nanos.try_into().unwrap_or(u64::MAX)) }
    }

    /// `count` permits per second.
    #[must_use]
    pub fn per_second(count: u32) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// The time in which one permit grows back.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }
}

/// The outcome of [`Store::take`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// The permits are taken.
    Granted,
    /// Nothing was taken; the permits are there after this time if nobody else takes them.
    Wait(Duration),
}

/// Why a store did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached or does not work. Nothing is known about the outcome.
    #[error("the store is unavailable: {context}")]
    Unavailable {
        /// What was tried and what to look at.
        context: String,
        /// What failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// More permits at once than there can ever be.
    #[error("{n} permits were asked for at once, but the burst is {burst}: raise the burst or take fewer")]
    Burst {
        /// The permits asked for.
        n: u32,
        /// The burst.
        burst: u32,
    },
}

impl StoreError {
    /// The store does not work; `context` says what was tried and what to look at.
    pub fn unavailable(
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { context: context.into(), source: source.into() }
    }
}

/// State shared by all clients that use the same store. Every method is one atomic step.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Claims `key` for at most `ttl`. Of all who try at once exactly one gets it.
    ///
    /// A future that is dropped before it ends may leave a claim that its time limit frees.
    fn claim(&self, key: &str, ttl: Duration) -> impl Future<Output = Result<Claim, StoreError>> + Send;

    /// Looks whether `key` is claimed, without claiming it.
    fn peek(&self, key: &str) -> impl Future<Output = Result<Option<Busy>, StoreError>> + Send;

    /// Frees a claim. `false`: the token no longer holds it (its time was up), and nothing was changed.
    fn release(&self, token: &ClaimToken) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Frees a claim when nobody can wait for the outcome (in a `Drop`): best effort, without an error.
    /// By default it does nothing, and the claim ends with its time limit.
    fn abandon(&self, token: ClaimToken) {
        drop(token);
    }

    /// The value of `key`, if it was put and its time is not up.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Bytes>, StoreError>> + Send;

    /// Keeps a value for `ttl`, in place of the one before.
    fn put(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes `n` permits of `key`, which refill at `rate` up to `burst` (0 counts as 1). All users of a key
    /// should give the same rate and burst. Permits are taken whole or not at all (GCRA).
    ///
    /// # Errors
    /// [`StoreError::Burst`] if `n` is larger than `burst`; otherwise as every method.
    fn take(
        &self,
        key: &str,
        rate: Rate,
        burst: u32,
        n: u32,
    ) -> impl Future<Output = Result<Taken, StoreError>> + Send;

    /// The same where the store need not wait for anything, as one in memory: it saves [`SharedStore`] a future in a box.
    /// By default `None`: it has to be awaited.
    fn take_now(&self, _key: &str, _rate: Rate, _burst: u32, _n: u32) -> Option<Result<Taken, StoreError>> {
        None
    }
}

trait DynStore: fmt::Debug + Send + Sync {
    fn claim_boxed<'a>(&'a self, key: &'a str, ttl: Duration) -> BoxFuture<'a, Result<Claim, StoreError>>;
    fn peek_boxed<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Busy>, StoreError>>;
    fn release_boxed<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<bool, StoreError>>;
    fn abandon_now(&self, token: ClaimToken);
    fn get_boxed<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>>;
    fn put_boxed<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
    fn take_boxed<'a>(
        &'a self,
        key: &'a str,
        rate: Rate,
        burst: u32,
        n: u32,
    ) -> BoxFuture<'a, Result<Taken, StoreError>>;
    fn take_at_once(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Option<Result<Taken, StoreError>>;
}

impl<T: Store> DynStore for T {
    fn claim_boxed<'a>(&'a self, key: &'a str, ttl: Duration) -> BoxFuture<'a, Result<Claim, StoreError>> {
        Box::pin(self.claim(key, ttl))
    }

    fn peek_boxed<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Busy>, StoreError>> {
        Box::pin(self.peek(key))
    }

    fn release_boxed<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.release(token))
    }

    fn abandon_now(&self, token: ClaimToken) {
        self.abandon(token);
    }

    fn get_boxed<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(self.get(key))
    }

    fn put_boxed<'a>(
        &'a self,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.put(key, value, ttl))
    }

    fn take_boxed<'a>(
        &'a self,
        key: &'a str,
        rate: Rate,
        burst: u32,
        n: u32,
    ) -> BoxFuture<'a, Result<Taken, StoreError>> {
        Box::pin(self.take(key, rate, burst, n))
    }

    fn take_at_once(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Option<Result<Taken, StoreError>> {
        self.take_now(key, rate, burst, n)
    }
}

/// A cheap handle to a store.
#[derive(Clone)]
pub struct SharedStore(Arc<dyn DynStore>);

impl SharedStore {
    /// Shares a store.
    pub fn new(store: impl Store) -> Self {
        Self(Arc::new(store))
    }
}

impl Default for SharedStore {
    /// A [`MemoryStore`] of its own on the system's clock.
    fn default() -> Self {
        Self::new(MemoryStore::new(SharedClock::default()))
    }
}

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Store for SharedStore {
    async fn claim(&self, key: &str, ttl: Duration) -> Result<Claim, StoreError> {
        self.0.claim_boxed(key, ttl).await
    }

    async fn peek(&self, key: &str) -> Result<Option<Busy>, StoreError> {
        self.0.peek_boxed(key).await
    }

    async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.0.release_boxed(token).await
    }

    fn abandon(&self, token: ClaimToken) {
        self.0.abandon_now(token);
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.0.get_boxed(key).await
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), StoreError> {
        self.0.put_boxed(key, value, ttl).await
    }

    async fn take(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Result<Taken, StoreError> {
        match self.0.take_at_once(key, rate, burst, n) {
            Some(taken) => taken,
            None => self.0.take_boxed(key, rate, burst, n).await,
        }
    }

    fn take_now(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Option<Result<Taken, StoreError>> {
        self.0.take_at_once(key, rate, burst, n)
    }
}

/// One GCRA step. `filled` is the instant at which all permits are back (the theoretical arrival time), in
/// the store's own time, as `now`. Gives the new instant, or how long to wait.
fn gcra(
    filled: Option<Duration>,
    now: Duration,
    rate: Rate,
    burst: u32,
    n: u32,
) -> Result<Result<Duration, Duration>, StoreError> {
    let burst = burst.max(1);
    if n > burst {
        return Err(StoreError::Burst { n, burst });
    }
    let latest = now.saturating_add(rate.interval.saturating_mul(burst));
    // Later than `latest` it can only lie if the clock was set back: nobody shall wait for that.
    let filled = filled.unwrap_or(now).clamp(now, latest);
    let next = filled.saturating_add(rate.interval.saturating_mul(n));
    Ok(if next <= latest { Ok(next) } else { Err(next - latest) })
}

/// FNV-1a of 128 bits: the same in all versions and on all machines, which file names and shared keys need. For
/// keys that shall not show what they are made from; it does not resist who looks for collisions, nor who
/// guesses the input, so no secret belongs into it.
#[must_use]
pub fn stable_hash(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
    })
}
