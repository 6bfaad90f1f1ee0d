//! The part of the cache that many processes share: a store, in which one of them puts what all need.

use std::collections::HashMap;
use std::future::Future;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rtc_core::{
    Claim, ClaimToken, Clock, Reason, SharedClock, SharedStore, Store, StoreError, SystemClock, timeout,
};

use super::seal::{Content, IceSealKey};
use super::{Fetched, IceCache, IceKey, IceServer, LONGEST, Obtained, Settings};
use crate::error::{Error, Result};

/// How long a step of the store may take; after that the call goes on without it.
const STEP: Duration = Duration::from_secs(1);
/// How long a claim lasts where the call has no time limit of its own.
const CLAIM: Duration = Duration::from_secs(7);
/// How long one waits before looking again whether another process has put the servers.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Shared {
    store: SharedStore,
    key: IceSealKey,
    counters: Counters,
    refused: Mutex<Refused>,
}

/// What was invalidated, and until when such a value may still be in the store. Without servers: any value.
type Refused = HashMap<IceKey, Arc<Refusal>>;
type Refusal = (Option<Arc<[IceServer]>>, Instant);

#[derive(Default)]
struct Counters {
    found: AtomicU64,
    asked: AtomicU64,
    alone: AtomicU64,
    unreadable: AtomicU64,
    late: AtomicU64,
    store_failures: AtomicU64,
    last_store_failure: Mutex<Option<String>>,
}

/// What became of the lookups of a shared [`IceCache`] in this process that its own memory could not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedIceStats {
    /// Answered from the store.
    pub found: u64,
    /// Asked of the service for all processes.
    pub asked: u64,
    /// Asked of the service for this process only, as the store failed.
    pub alone: u64,
    /// Values that did not open, and were taken for absent: tampered with, cut, or of another version of this
    /// crate. More than a few mean that somebody else writes into the store.
    pub unreadable: u64,
    /// Values that opened, but came too late to be handed out: the store is slow, or the clocks of two machines
    /// are further apart than half the grace.
    pub late: u64,
    /// Steps of the store that failed or took more than a second.
    pub store_failures: u64,
    /// What the store said last; it names no key and no value.
    pub last_store_failure: Option<String>,
}

/// The store failed: the call goes on without it.
struct Away;

/// What the election came to.
enum Turn {
    /// Another process has put the servers.
    Found(Obtained),
    /// It is for this process to ask.
    Lead(Lead),
    /// There is no store to agree through.
    Alone,
}

/// The right to ask for all. Dropped, it lets the next one try.
struct Lead {
    store: SharedStore,
    token: Option<ClaimToken>,
}

impl Drop for Lead {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.store.abandon(token);
        }
    }
}

impl IceCache {
    /// An empty cache that shares what it holds with all processes that use this store and this key, on the
    /// system's clock. Without a store each process of a fleet asks the service for itself, and a channel allows
    /// five such requests per second.
    ///
    /// - Values in the store are sealed, and their names tell nothing: see [`IceSealKey`].
    /// - Of all processes that miss a key one asks the service; a claim in the store elects it. The others look
    ///   again after 20 ms, then less often, up to every 250 ms. If it fails or dies, the next one asks: a claim
    ///   lasts half the time limit of a call at most, and whoever takes longer is joined by one more.
    /// - A value is in the store until the grace before the end of its credentials, by the store's clock. Who finds
    ///   it there holds it for a third of the grace at most, then looks again.
    /// - When the store fails or takes more than a second, the call goes on without it and asks for itself: at most
    ///   one such second per call.
    /// - What does not open is taken for absent, and counted: [`shared_stats`](Self::shared_stats).
    /// - [`invalidate`](Self::invalidate) forgets here, and has the next call of this process put another value in the
    ///   place of the one that was held. Other processes hold the old one for a third of the grace at most after that.
    ///
    /// # Why nobody gets an expired credential
    /// Let credentials end at *E* (counted from before they were asked for), and the grace be *g*. The store is told
    /// to drop the value at *E − g*. It may be told late, by *g/3* at most, or the call gives up. What it answers is
    /// taken if the answer came within *g/2*: no later than *E − g/6*. It is held for *g/3* from before the store
    /// was asked: no longer than *E − g/3*. So 5 s at least are left with the default grace of 30 s, and no clocks
    /// of two machines were compared. Only where a store stood still with the value on its way, wall clocks are the
    /// second guard: nothing is handed out in the last *g/6* by the wall clock of the process. A clock that is
    /// ahead by more than *g/2* therefore refuses values of others; that costs a request, and never a credential.
    ///
    /// A third of the grace must be more than the store takes for a step. With a grace of next to nothing no value gets
    /// into the store in time, and each process asks for itself, one after the other.
    ///
    /// `expires_at` of a server is by the clock of the machine that asked for it.
    ///
    /// Processes that share need the same rights and the same region and endpoints: what one may have, all get.
    ///
    /// ```
    /// # use rtc_emulator::Emulator;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = Emulator::start().await?;
    /// # let kvs = emulator.kvs();
    /// # let (key, secret, region, url) = (kvs.access_key_id(), kvs.secret_access_key(), kvs.region(), kvs.url());
    /// # let (arn, seal) = (kvs.channel_arn(), [7; 32]);
    /// use kvs_signaling::rtc_core::{SharedStore, Store};
    /// use kvs_signaling::{Client, Credentials, IceCache, IceSealKey, IceServers};
    ///
    /// // In production a store that all machines reach, such as rtc_redis::RedisStore, and
    /// // IceSealKey::from_base64 of a secret that all of them are given.
    /// let store = SharedStore::default();
    /// let client = |store: SharedStore| {
    ///     let cache = IceCache::shared(store, IceSealKey::new(seal));
    ///     Client::builder(Credentials::new(key, secret)).region(region).endpoint(&url).ice_cache(cache).build()
    /// };
    /// let (one, other) = (client(store.clone())?, client(store)?);
    /// let servers = one.ice_servers(IceServers::new(arn)).await?;
    /// assert_eq!(other.ice_servers(IceServers::new(arn)).await?, servers);
    /// assert_eq!(other.ice_cache().shared_stats().unwrap().found, 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn shared(store: impl Store, key: IceSealKey) -> Self {
        let store = SharedStore::new(store);
        let shared = Shared { store, key, counters: Counters::default(), refused: Mutex::default() };
        let settings = Self::new(SystemClock).0.settings.clone();
        Settings { shared: Some(Arc::new(shared)), ..settings }.into()
    }

    /// An empty cache like this one on another clock.
    #[must_use]
    pub fn with_clock(&self, clock: impl Clock) -> Self {
        Settings { clock: SharedClock::new(clock), ..self.0.settings.clone() }.into()
    }

    /// How the sharing goes; none of a cache that is not shared.
    #[must_use]
    pub fn shared_stats(&self) -> Option<SharedIceStats> {
        let Counters { found, asked, alone, unreadable, late, store_failures, last_store_failure } =
            &self.0.settings.shared.as_ref()?.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Some(SharedIceStats {
            found: get(found),
            asked: get(asked),
            alone: get(alone),
            unreadable: get(unreadable),
            late: get(late),
            store_failures: get(store_failures),
            last_store_failure: last_store_failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }
}

/// The servers of a key: from the store, or from the service for all who share the store.
pub(super) async fn obtain<F, Fut>(
    cache: &IceCache,
    key: &IceKey,
    limit: Option<Duration>,
    fetch: F,
) -> Result<Obtained>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<Fetched>>,
{
    let Some(shared) = &cache.0.settings.shared else { return cache.ask(fetch).await };
    let search = Search { cache, shared, key, name: shared.key.name(key) };
    let lead = match search.elect(limit).await? {
        Turn::Found(obtained) => return Ok(obtained),
        Turn::Lead(lead) => Some(lead),
        Turn::Alone => None,
    };
    count(if lead.is_some() { &shared.counters.asked } else { &shared.counters.alone });
    let refusal = shared.refusal(key);
    let obtained = cache.ask(fetch).await;
    // What was invalidated on its way is for those who wait here, and for nobody else.
    let is_wanted = || match (&refusal, shared.refusal(key)) {
        (Some(before), Some(now)) => Arc::ptr_eq(before, &now),
        (_, now) => now.is_none(),
    };
    if let Some(lead) = lead {
        let put = match &obtained {
            Ok(obtained) if is_wanted() => search.put(obtained).await,
            _ => Ok(()),
        };
        // Once it failed, the store is not waited for again: the claim is left to whatever becomes of it.
        if put.is_ok() {
            search.free(lead).await;
        }
    }
    if obtained.is_ok() && is_wanted() {
        shared.refused().remove(key);
    }
    obtained
}

/// One lookup of one call.
struct Search<'a> {
    cache: &'a IceCache,
    shared: &'a Shared,
    key: &'a IceKey,
    name: String,
}

impl Search<'_> {
    /// Waits until another process has put the servers, or it is for this one to ask.
    async fn elect(&self, limit: Option<Duration>) -> Result<Turn> {
        // Half the limit, so that who waits for a claim whose holder died still gets an answer in time.
        let claim = limit.map_or(CLAIM, |limit| limit / 2);
        let (started, mut pause) = (self.cache.now(), FIRST_PAUSE);
        loop {
            let busy_for = match self.attempt(claim).await {
                Ok(ControlFlow::Continue(busy_for)) => busy_for,
                Ok(ControlFlow::Break(turn)) => return Ok(turn),
                Err(Away) => return Ok(Turn::Alone),
            };
            let waited = self.cache.now().saturating_duration_since(started);
            let left = limit.map_or(Duration::MAX, |limit| limit.saturating_sub(waited));
            if left.is_zero() {
                // Whether the other process has sent its request is not known.
                let reason = Reason::Timeout(limit.unwrap_or_default());
                return Err(Error::new(reason).with_exchange(0, true));
            }
            self.clock().sleep(pause.min(left).min(busy_for.max(FIRST_PAUSE))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Looks once, and claims the right to ask; goes on with how long another process may keep it.
    async fn attempt(&self, ttl: Duration) -> std::result::Result<ControlFlow<Turn, Duration>, Away> {
        if let Some(obtained) = self.look().await? {
            return Ok(ControlFlow::Break(Turn::Found(obtained)));
        }
        let token = match self.step(STEP, self.shared.store.claim(&self.name, ttl)).await? {
            Claim::Claimed(token) => token,
            Claim::Busy { expires_in, .. } => return Ok(ControlFlow::Continue(expires_in)),
            _ => return Err(Away),
        };
        let lead = Lead { store: self.shared.store.clone(), token: Some(token) };
        // The one before may have put the servers after the look and before the claim.
        Ok(ControlFlow::Break(match self.look().await? {
            Some(obtained) => {
                self.free(lead).await;
                Turn::Found(obtained)
            }
            None => Turn::Lead(lead),
        }))
    }

    /// What the store holds, if it may be handed out.
    async fn look(&self) -> std::result::Result<Option<Obtained>, Away> {
        let Shared { store, key, counters, .. } = self.shared;
        let sent = self.cache.now();
        let Some(value) = self.step(STEP, store.get(&self.name)).await? else { return Ok(None) };
        let Some(content) = key.open(&self.name, &value) else {
            count(&counters.unreadable);
            return Ok(None);
        };
        let Some(until) = self.until(sent, content.ends()) else {
            count(&counters.late);
            return Ok(None);
        };
        let servers: Arc<[IceServer]> = content.into_servers().collect();
        if self.shared.is_refused(self.key, &servers, sent) {
            return Ok(None);
        }
        count(&counters.found);
        Ok(Some(Obtained { servers, until: Some(until) }))
    }

    /// Until when servers may be held that the store was asked for at `sent`; none if they came too late.
    fn until(&self, sent: Instant, ends: SystemTime) -> Option<Instant> {
        let (grace, now) = (self.cache.0.settings.grace, self.cache.now());
        if now.saturating_duration_since(sent) > grace / 2 {
            return None;
        }
        let left = ends.duration_since(self.clock().now()).ok()?.checked_sub(grace / 6)?;
        (!left.is_zero()).then(|| (sent + grace / 3).min(now + left.min(LONGEST)))
    }

    /// Puts the servers for all, until the grace before their end.
    async fn put(&self, obtained: &Obtained) -> std::result::Result<(), Away> {
        let (now, grace) = (self.cache.now(), self.cache.0.settings.grace);
        let left = obtained.until.map(|until| until.saturating_duration_since(now));
        let Some(left) = left.filter(|left| !left.is_zero()) else { return Ok(()) };
        let ends = self.clock().now().checked_add(left + grace);
        let content = ends.map(|ends| Content::new(&obtained.servers, ends));
        let Some(value) = content.and_then(|content| self.shared.key.seal(&self.name, &content)) else {
            return Ok(());
        };
        self.step(STEP.min(grace / 3), self.shared.store.put(&self.name, value, left)).await
    }

    /// Lets the next one claim.
    async fn free(&self, mut lead: Lead) {
        if let Some(token) = &lead.token
            && self.step(STEP, self.shared.store.release(token)).await.is_ok()
        {
            lead.token = None;
        }
    }

    /// A step of the store, for at most so long. What it fails with is counted and kept for whoever looks.
    async fn step<T>(
        &self,
        limit: Duration,
        step: impl Future<Output = std::result::Result<T, StoreError>>,
    ) -> std::result::Result<T, Away> {
        let failure = match timeout(self.clock(), limit, step).await {
            Some(Ok(done)) => return Ok(done),
            Some(Err(error)) => error.to_string(),
            None => format!("the store took longer than {limit:?}"),
        };
        let counters = &self.shared.counters;
        count(&counters.store_failures);
        *counters.last_store_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        Err(Away)
    }

    fn clock(&self) -> &SharedClock {
        &self.cache.0.settings.clock
    }
}

impl Shared {
    /// Refuses what the store holds for a key: these servers, or whatever it is.
    pub(super) fn refuse(&self, key: IceKey, held: Option<Arc<[IceServer]>>, now: Instant, capacity: usize) {
        let mut refused = self.refused();
        refused.retain(|_, refusal| refusal.1 > now);
        // Bounded as the slots are; beyond that the third of the grace must do.
        if refused.len() < capacity || refused.contains_key(&key) {
            refused.insert(key, Arc::new((held, now + LONGEST)));
        }
    }

    fn is_refused(&self, key: &IceKey, found: &[IceServer], now: Instant) -> bool {
        let credentials = |server: &IceServer| (server.username.clone(), server.credential.clone());
        match self.refusal(key).as_deref() {
            Some((_, until)) if *until <= now => false,
            Some((None, _)) => true,
            Some((Some(held), _)) => held.iter().map(credentials).eq(found.iter().map(credentials)),
            None => false,
        }
    }

    fn refusal(&self, key: &IceKey) -> Option<Arc<Refusal>> {
        self.refused().get(key).cloned()
    }

    fn refused(&self) -> MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
