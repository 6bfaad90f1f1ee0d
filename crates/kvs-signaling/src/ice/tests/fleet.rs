//! Processes that share a cache, the store that they share, which can be broken, and the service they ask.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rtc_core::testing::ManualClock;
use rtc_core::{
    Busy, Bytes, Claim, ClaimToken, Clock, MemoryStore, Rate, Reason, Secret, SharedClock, SharedStore,
    Store, StoreError, Taken,
};

use crate::error::{Error, Result};
use crate::ice::{Fetched, IceCache, IceKey, IceSealKey, IceServer, SharedIceStats};

pub(super) const START: Duration = Duration::from_secs(1_700_000_000);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(super) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What a step of the store does instead of its work.
#[derive(Clone, Copy)]
pub(super) enum Trouble {
    Fails,
    Hangs,
}

/// A store in memory that can be broken, and looked into.
#[derive(Debug, Clone)]
pub(super) struct Broken {
    pub(super) inner: SharedStore,
    trouble: Arc<Mutex<BTreeMap<&'static str, (bool, u32)>>>,
    pub(super) keys: Arc<Mutex<BTreeSet<String>>>,
    /// What another process puts right before the next claim.
    pub(super) before_claim: Arc<Mutex<Option<Bytes>>>,
}

impl Broken {
    pub(super) fn new(clock: &ManualClock) -> Self {
        let inner = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
        Self { inner, trouble: Arc::default(), keys: Arc::default(), before_claim: Arc::default() }
    }

    /// From now on this step fails or hangs.
    pub(super) fn set(&self, step: &'static str, trouble: Trouble) {
        self.trouble.lock().unwrap().insert(step, (matches!(trouble, Trouble::Hangs), 0));
    }

    /// How often it did.
    pub(super) fn troubled(&self) -> u32 {
        self.trouble.lock().unwrap().values().map(|(_, count)| count).sum()
    }

    async fn step(&self, step: &str, key: &str) -> std::result::Result<(), StoreError> {
        self.keys.lock().unwrap().insert(key.to_owned());
        let trouble = self.trouble.lock().unwrap().get_mut(step).map(|(hangs, count)| {
            *count += 1;
            *hangs
        });
        match trouble {
            None => Ok(()),
            Some(true) => pending().await,
            Some(false) => Err(StoreError::unavailable(step, "it is broken")),
        }
    }

    /// The only key that was used.
    pub(super) fn key(&self) -> String {
        let keys = self.keys.lock().unwrap();
        assert_eq!(keys.len(), 1);
        keys.first().unwrap().clone()
    }

    pub(super) async fn value(&self) -> Bytes {
        self.inner.get(&self.key()).await.unwrap().unwrap()
    }
}

impl Store for Broken {
    async fn claim(&self, key: &str, ttl: Duration) -> std::result::Result<Claim, StoreError> {
        self.step("claim", key).await?;
        let value = self.before_claim.lock().unwrap().take();
        if let Some(value) = value {
            self.inner.put(key, value, HOUR).await?;
        }
        self.inner.claim(key, ttl).await
    }

    async fn peek(&self, key: &str) -> std::result::Result<Option<Busy>, StoreError> {
        self.inner.peek(key).await
    }

    async fn release(&self, token: &ClaimToken) -> std::result::Result<bool, StoreError> {
        self.step("release", token.key()).await?;
        self.inner.release(token).await
    }

    fn abandon(&self, token: ClaimToken) {
        self.inner.abandon(token);
    }

    async fn get(&self, key: &str) -> std::result::Result<Option<Bytes>, StoreError> {
        self.step("get", key).await?;
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> std::result::Result<(), StoreError> {
        self.step("put", key).await?;
        self.inner.put(key, value, ttl).await
    }

    async fn take(
        &self,
        key: &str,
        rate: Rate,
        burst: u32,
        n: u32,
    ) -> std::result::Result<Taken, StoreError> {
        self.inner.take(key, rate, burst, n).await
    }
}

/// A service that counts its requests and numbers its credentials, which end after `ttl`.
pub(super) struct Upstream {
    clock: ManualClock,
    pub(super) ttl: Duration,
    /// How long a request takes.
    pub(super) takes: Duration,
    calls: AtomicUsize,
}

impl Upstream {
    pub(super) fn new(clock: &ManualClock) -> Self {
        Self { clock: clock.clone(), ttl: seconds(300), takes: Duration::ZERO, calls: AtomicUsize::new(0) }
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The user name tells when the credentials end, in milliseconds of the clock.
    pub(super) async fn fetch(&self) -> Result<Fetched> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let end = (self.clock.passed() + self.ttl).as_millis();
        if !self.takes.is_zero() {
            self.clock.sleep(self.takes).await;
        }
        let server = IceServer {
            urls: vec!["turn:turn.example".into()],
            username: Some(format!("{end}:{call}")),
            credential: Some(Secret::new("turn-password")),
            expires_at: self.clock.now().checked_add(self.ttl),
        };
        Ok((vec![server], Some(self.ttl)))
    }

    pub(super) async fn fail(&self) -> Result<Fetched> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Err(Error::new(Reason::Timeout(seconds(15))).with_exchange(1, true))
    }

    pub(super) fn is_expired(&self, servers: &[IceServer]) -> bool {
        let name = servers[0].username.as_deref().unwrap();
        let end: u128 = name.split_once(':').unwrap().0.parse().unwrap();
        self.clock.passed().as_millis() >= end
    }
}

pub(super) fn wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + START
}

pub(super) fn manual() -> ManualClock {
    ManualClock::new(wall())
}

pub(super) fn seal() -> IceSealKey {
    IceSealKey::new([7; 32])
}

pub(super) fn cache(store: &Broken, clock: &ManualClock) -> IceCache {
    IceCache::shared(store.clone(), seal()).with_clock(clock.clone())
}

pub(super) fn name(servers: &[IceServer]) -> &str {
    servers[0].username.as_deref().unwrap()
}

/// Some processes: caches with nothing in common but the store and the key.
pub(super) struct Fleet {
    pub(super) clock: ManualClock,
    pub(super) store: Broken,
    pub(super) upstream: Arc<Upstream>,
    pub(super) caches: Vec<IceCache>,
}

impl Fleet {
    pub(super) fn new(count: usize) -> Self {
        Self::on(manual(), count, |_| ())
    }

    pub(super) fn on(clock: ManualClock, count: usize, change: impl FnOnce(&mut Upstream)) -> Self {
        let (store, mut upstream) = (Broken::new(&clock), Upstream::new(&clock));
        change(&mut upstream);
        let caches = (0..count).map(|_| cache(&store, &clock)).collect();
        Self { clock, store, upstream: Arc::new(upstream), caches }
    }

    pub(super) async fn get(&self, at: usize) -> Arc<[IceServer]> {
        self.caches[at].get(&IceKey::new("a"), || self.upstream.fetch()).await.unwrap()
    }

    pub(super) fn stats(&self, at: usize) -> SharedIceStats {
        self.caches[at].shared_stats().unwrap()
    }
}
