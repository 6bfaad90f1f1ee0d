//! What every store must do, whoever wrote it: the stores of this crate and `rtc-redis` pass it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test suite that other crates call: it speaks by panicking"
)]

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Claim, ClaimToken, Rate, SharedStore, Store, Taken};
use crate::clock::BoxFuture;

/// The time by which a store judges.
pub trait StoreTime: fmt::Debug + Send + Sync + 'static {
    /// What the time is now, from any start.
    fn now(&self) -> BoxFuture<'_, Duration>;
    /// Ends when this time has passed for the store.
    fn pass(&self, by: Duration) -> BoxFuture<'_, ()>;
}

/// A store under test.
#[derive(Debug)]
pub struct Bench<T> {
    /// The store.
    pub store: SharedStore,
    /// A second handle to the same state, as another process has it.
    pub other: SharedStore,
    /// Its time.
    pub time: T,
    /// How precise that is.
    pub tick: Duration,
    /// How long a claim lasts whose end is waited for.
    pub ttl: Duration,
    /// In which time a permit grows back.
    pub interval: Duration,
    /// A pause after which all permits are back.
    pub pause: Duration,
    /// How often is looked for what a store may do in the background.
    pub patience: usize,
}

/// Longer than any test.
const LASTING: Duration = Duration::from_secs(3_600);
const NS: Duration = Duration::from_nanos(1);

/// The instants between which something happened.
#[derive(Clone, Copy)]
struct Span(Duration, Duration);

async fn claimed(store: &SharedStore, key: &str, ttl: Duration) -> ClaimToken {
    match store.claim(key, ttl).await.unwrap() {
        Claim::Claimed(token) => token,
        busy => panic!("{busy:?}"),
    }
}

impl<T: StoreTime> Bench<T> {
    /// Runs the whole suite. The store must be empty of the keys used here.
    pub async fn run(&self) {
        self.exactly_one_wins().await;
        self.claims_expire().await;
        self.tokens_are_compared().await;
        self.dropped_futures().await;
        self.values().await;
        self.rates().await;
        self.edges_of_rates().await;
    }

    async fn timed<F: Future>(&self, future: F) -> (F::Output, Span) {
        let before = self.time.now().await;
        let output = future.await;
        (output, Span(before, self.time.now().await))
    }

    /// How long ago something was, from the spans of both ends.
    fn age(&self, then: Span, now: Span) -> RangeInclusive<Duration> {
        let least = now.0.saturating_sub(then.1).saturating_sub(self.tick);
        least..=now.1.saturating_sub(then.0) + self.tick
    }

    /// Of all who try at once exactly one gets the claim.
    pub async fn exactly_one_wins(&self) {
        let start = Arc::new(tokio::sync::Barrier::new(1_000));
        let tasks: Vec<_> = (0..1_000)
            .map(|i| {
                let (store, start) =
                    (if i % 2 == 0 { &self.store } else { &self.other }.clone(), start.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    matches!(store.claim("race", LASTING).await.unwrap(), Claim::Claimed(_))
                })
            })
            .collect();
        let mut wins = 0;
        for task in tasks {
            wins += u32::from(task.await.unwrap());
        }
        assert_eq!(wins, 1);
    }

    /// Not before its time, not after; the age is known. The crash of a holder: the next one gets the claim, and
    /// the first frees nothing then.
    async fn claims_expire(&self) {
        let Self { store, other, time, ttl, tick, .. } = self;
        let (token, made) = self.timed(claimed(store, "k", *ttl)).await;
        time.pass(*ttl * 2 / 5).await;
        let (busy, seen) = self.timed(other.peek("k")).await;
        if let Some(busy) = busy.unwrap() {
            let age = self.age(made, seen);
            assert!(age.contains(&busy.since.unwrap()), "{busy:?} {age:?}");
            let left = ttl.saturating_sub(*age.end())..=ttl.saturating_sub(*age.start());
            assert!(left.contains(&busy.expires_in), "{busy:?} {left:?}");
        } else {
            assert!(seen.1 - made.0 >= *ttl, "a claim must not end early");
        }
        let (second, tried) = self.timed(other.claim("refused", *ttl)).await;
        assert!(matches!(second.unwrap(), Claim::Claimed(_)));
        let (again, seen) = self.timed(store.claim("refused", *ttl)).await;
        match again.unwrap() {
            Claim::Busy { since, expires_in } => {
                let age = self.age(tried, seen);
                assert!(
                    age.contains(&since.unwrap()) && expires_in <= *ttl + *tick,
                    "{since:?} {expires_in:?}"
                );
            }
            Claim::Claimed(_) => assert!(seen.1 - tried.0 >= *ttl, "a claim must not end early"),
        }
        let so_far = time.now().await - made.0;
        time.pass(ttl.saturating_sub(so_far).saturating_sub(NS)).await;
        let (busy, seen) = self.timed(other.peek("k")).await;
        assert!(busy.unwrap().is_some() || seen.1 - made.0 >= *ttl, "a claim must not end early");
        time.pass((made.1 + *ttl + *tick).saturating_sub(time.now().await)).await;
        assert_eq!(other.peek("k").await.unwrap(), None);

        let second = claimed(other, "k", LASTING).await;
        assert!(!store.release(&token).await.unwrap());
        store.abandon(token);
        assert!(store.peek("k").await.unwrap().is_some());
        assert!(store.release(&second).await.unwrap());
        assert!(!store.release(&second).await.unwrap());
        assert_eq!(store.peek("k").await.unwrap(), None);
    }

    /// A token of the same key with another owner, and one of another key.
    async fn tokens_are_compared(&self) {
        let Self { store, other, .. } = self;
        let held = claimed(store, "token", LASTING).await;
        assert!(!store.release(&ClaimToken::new("token")).await.unwrap());
        let elsewhere = ClaimToken { key: "other".into(), owner: held.owner.clone() };
        assert!(!store.release(&elsewhere).await.unwrap());
        assert!(store.peek("token").await.unwrap().is_some());
        // Given up in a Drop: free at once, or as soon as the store can.
        store.abandon(held);
        for _ in 1..self.patience {
            if store.peek("token").await.unwrap().is_none() {
                break;
            }
            tokio::task::yield_now().await;
        }
        claimed(other, "token", LASTING).await;
    }

    /// A future that is dropped before it was polled has done nothing.
    async fn dropped_futures(&self) {
        let store = &self.store;
        drop(store.claim("cancelled", LASTING));
        drop(store.put("cancelled", Bytes::new(), LASTING));
        assert_eq!(store.peek("cancelled").await.unwrap(), None);
        assert_eq!(store.get("cancelled").await.unwrap(), None);
    }

    /// Replaced, expiring, apart from the claims of the same key; many.
    async fn values(&self) {
        let Self { store, other, time, ttl, tick, .. } = self;
        assert_eq!(store.get("k").await.unwrap(), None);
        store.put("k", Bytes::from_static(b"one\n\0"), LASTING).await.unwrap();
        let (put, made) = self.timed(store.put("k", Bytes::from_static(b"two\n\xff"), *ttl)).await;
        put.unwrap();
        let (value, seen) = self.timed(other.get("k")).await;
        match value.unwrap() {
            Some(value) => assert_eq!(value, &b"two\n\xff"[..]),
            None => assert!(seen.1 - made.0 >= *ttl, "a value must not end early"),
        }
        store.put("empty", Bytes::new(), Duration::MAX).await.unwrap();
        time.pass(*ttl + *tick).await;
        assert_eq!(other.get("k").await.unwrap(), None);
        assert_eq!(other.get("empty").await.unwrap(), Some(Bytes::new()));
        for i in 0..300 {
            store.put(&format!("many {i}"), Bytes::from(i.to_string()), LASTING).await.unwrap();
        }
        for i in 0..300 {
            assert_eq!(other.get(&format!("many {i}")).await.unwrap().unwrap(), i.to_string());
        }
    }

    /// Takes, and judges the wait by how much time went by since `since` (when the wait began to run down).
    async fn refused(&self, store: &SharedStore, n: u32, wait: Duration, since: Duration) {
        let (taken, now) = self.timed(store.take("k", self.rate(), 3, n)).await;
        let Taken::Wait(found) = taken.unwrap() else { panic!("{n} permits were granted early") };
        let least = wait.saturating_sub(now.1.saturating_sub(since));
        assert!((least..=wait).contains(&found), "{found:?}, not {least:?} to {wait:?}");
    }

    fn rate(&self) -> Rate {
        Rate::new(10, self.interval * 10)
    }

    async fn granted(&self, store: &SharedStore, n: u32) {
        assert_eq!(store.take("k", self.rate(), 3, n).await.unwrap(), Taken::Granted);
    }

    /// Permits that refill. The interval must be longer than a few calls take.
    async fn rates(&self) {
        let Self { store, other, time, interval, .. } = self;
        let since = time.now().await;
        self.granted(store, 2).await;
        self.granted(other, 1).await;
        self.refused(store, 1, *interval, since).await;
        self.refused(store, 3, *interval * 3, since).await;
        let so_far = time.now().await - since;
        time.pass(interval.saturating_sub(so_far).saturating_sub(NS)).await;
        if so_far.is_zero() {
            // Only with a time that stands still between two calls.
            assert_eq!(store.take("k", self.rate(), 3, 1).await.unwrap(), Taken::Wait(NS));
        }
        time.pass((since + *interval).saturating_sub(time.now().await).max(NS)).await;
        // A real time may have gone on a little before the first permits were taken.
        let mut tries = self.patience;
        while let Taken::Wait(wait) = other.take("k", self.rate(), 3, 1).await.unwrap() {
            tries -= 1;
            assert!(tries > 0, "still {wait:?} to wait");
            time.pass(wait).await;
        }
        self.refused(store, 1, *interval, since + *interval).await;
        time.pass(self.pause).await;
        self.granted(store, 0).await;
        let since = time.now().await;
        self.granted(store, 3).await;
        self.refused(store, 1, *interval, since).await;
        let error = store.take("k", self.rate(), 3, 4).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "4 permits were asked for at once, but the burst is 3: raise the burst or take fewer"
        );
    }

    /// No burst, no count, no limit.
    async fn edges_of_rates(&self) {
        let Self { store, time, interval, .. } = self;
        let rate = Rate::new(0, *interval / 2);
        let since = time.now().await;
        assert_eq!(store.take("zero", rate, 0, 1).await.unwrap(), Taken::Granted);
        let (taken, now) = self.timed(store.take("zero", rate, 0, 1)).await;
        let Taken::Wait(wait) = taken.unwrap() else { panic!("a permit was granted early") };
        assert!(wait <= *interval / 2 && wait >= (*interval / 2).saturating_sub(now.1 - since), "{wait:?}");
        for _ in 0..5 {
            assert_eq!(store.take("free", Rate::per_second(u32::MAX), 1, 1).await.unwrap(), Taken::Granted);
            time.pass(NS).await;
            assert_eq!(store.take("none", Rate::new(1, Duration::ZERO), 1, 1).await.unwrap(), Taken::Granted);
        }
        let never = Rate::new(1, Duration::MAX);
        assert_eq!(store.take("never", never, u32::MAX, 1).await.unwrap(), Taken::Granted);
    }
}
