//! The cache that many processes share: one request for all, nothing in clear, no expired credential, and a store that
//! may fail at any step.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rtc_core::testing::ManualClock;
use rtc_core::{Bytes, ErrorKind, Store};
use tokio::task::JoinSet;

use super::{Fetched, IceCache, IceKey, IceSealKey};
use crate::error::Result;

mod fleet;

use fleet::{Broken, Fleet, HOUR, Trouble, Upstream, cache, manual, millis, name, seal, seconds, wall};

#[tokio::test]
async fn one_of_many_processes_asks() {
    let fleet = Fleet::on(ManualClock::jumping(wall()), 40, |upstream| upstream.takes = millis(700));
    let mut calls = JoinSet::new();
    for cache in fleet.caches.clone() {
        let upstream = Arc::clone(&fleet.upstream);
        calls.spawn(async move {
            cache.get_within(&IceKey::new("a"), Some(seconds(15)), || upstream.fetch()).await.unwrap()
        });
    }
    let all = calls.join_all().await;
    assert_eq!(fleet.upstream.calls(), 1);
    assert!(all.iter().all(|servers| *servers == all[0]), "all have the same credentials");
    let found: u64 = (0..40).map(|at| fleet.stats(at).found).sum();
    let asked: u64 = (0..40).map(|at| fleet.stats(at).asked).sum();
    assert_eq!((found, asked), (39, 1));
    // They looked now and then, at the latest every 250 ms.
    assert!(fleet.clock.passed() <= millis(950), "{:?}", fleet.clock.passed());
}

#[tokio::test]
async fn nobody_gets_an_expired_credential_and_one_request_serves_a_lifetime() {
    let fleet = Fleet::on(manual(), 5, |upstream| upstream.ttl = seconds(60));
    let (mut most, mut handed) = (Duration::ZERO, 0_u32);
    for step in 0..4280 {
        let servers = fleet.get(step % 5).await;
        assert!(!fleet.upstream.is_expired(&servers), "at {:?}", fleet.clock.passed());
        let end: u64 = name(&servers).split_once(':').unwrap().0.parse().unwrap();
        most = most.max(fleet.clock.passed() + seconds(60) - millis(end));
        handed += 1;
        // No divisor of the grace, so that the holds of the processes drift apart.
        fleet.clock.advance(millis(70));
    }
    // 300 s of lifetimes of 30 s.
    assert_eq!((fleet.upstream.calls(), handed), (10, 4280));
    // Held beyond the store's end, as it may be, but no longer than a third of the grace.
    assert!(most > seconds(30) && most <= seconds(40), "the oldest handed out was {most:?} old");
}

#[tokio::test]
async fn a_reader_looks_again_after_a_third_of_the_grace() {
    let fleet = Fleet::new(2);
    fleet.get(0).await;
    fleet.get(1).await;
    fleet.clock.advance(seconds(10) - millis(1));
    fleet.get(1).await;
    assert_eq!(fleet.stats(1).found, 1);
    fleet.clock.advance(millis(1));
    fleet.get(1).await;
    assert_eq!((fleet.stats(1).found, fleet.upstream.calls()), (2, 1));
}

#[tokio::test]
async fn nothing_is_in_the_store_in_clear() {
    let fleet = Fleet::new(1);
    let mut key = IceKey::new("arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo/1");
    key.client_id = Some("ada@example.org".into());
    fleet.caches[0].get(&key, || fleet.upstream.fetch()).await.unwrap();
    let stored = format!("{} {:?}", fleet.store.key(), fleet.store.value().await);
    for secret in ["arn:", "demo", "ada@", "turn.", "password"] {
        assert!(!stored.contains(secret), "{secret}: {stored}");
    }
    assert!(format!("{:?}", fleet.caches[0]).contains("shared: true"));
}

#[tokio::test]
async fn what_does_not_open_is_absent_and_counted() {
    let moved = {
        let fleet = Fleet::new(1);
        fleet.caches[0].get(&IceKey::new("b"), || fleet.upstream.fetch()).await.unwrap();
        fleet.store.value().await
    };
    let fleet = Fleet::new(2);
    fleet.get(0).await;
    let mut tampered = fleet.store.value().await.to_vec();
    tampered[60] ^= 1;
    let mut other_version = fleet.store.value().await.to_vec();
    other_version[0] = 2;
    let truncated = fleet.store.value().await.slice(..40);
    let bad =
        [moved, tampered.into(), other_version.into(), truncated, Bytes::new(), Bytes::from_static(b"{}")];
    for (round, value) in (1..).zip(bad) {
        fleet.store.inner.put(&fleet.store.key(), value, HOUR).await.unwrap();
        fleet.caches[1].0.slots.lock().unwrap().clear();
        fleet.get(1).await;
        // Before and after the claim.
        assert_eq!(
            (fleet.stats(1).unreadable, fleet.upstream.calls()),
            (2 * round, 1 + usize::try_from(round).unwrap())
        );
    }
    // And a value that opens is there again.
    let third = cache(&fleet.store, &fleet.clock);
    third.get(&IceKey::new("a"), || fleet.upstream.fail()).await.unwrap();
}

#[tokio::test]
async fn another_key_is_another_cache() {
    let fleet = Fleet::new(1);
    fleet.get(0).await;
    let other =
        IceCache::shared(fleet.store.clone(), IceSealKey::new([8; 32])).with_clock(fleet.clock.clone());
    other.get(&IceKey::new("a"), || fleet.upstream.fetch()).await.unwrap();
    assert_eq!((fleet.upstream.calls(), fleet.store.keys.lock().unwrap().len()), (2, 2));
}

#[tokio::test]
async fn who_claims_looks_once_more() {
    let fleet = Fleet::new(1);
    fleet.get(0).await;
    let late = Fleet::new(1);
    *late.store.before_claim.lock().unwrap() = Some(fleet.store.value().await);
    late.get(0).await;
    assert_eq!((late.upstream.calls(), late.stats(0).found), (0, 1));
    assert!(late.store.inner.peek(&late.store.key()).await.unwrap().is_none(), "and lets the claim go");
}

#[tokio::test]
async fn a_leader_that_fails_lets_the_next_one_try() {
    let fleet = Fleet::new(2);
    let error = fleet.caches[0].get(&IceKey::new("a"), || fleet.upstream.fail()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    // At once: on this clock nobody waits.
    fleet.get(1).await;
    assert_eq!(fleet.upstream.calls(), 2);
    fleet.get(0).await;
    assert_eq!(fleet.upstream.calls(), 2);
}

#[tokio::test]
async fn a_leader_that_is_dropped_lets_the_next_one_try() {
    let fleet = Fleet::new(2);
    let mut context = Context::from_waker(Waker::noop());
    {
        let key = IceKey::new("a");
        let mut leader = pin!(fleet.caches[0].get(&key, pending::<Result<Fetched>>));
        assert!(leader.as_mut().poll(&mut context).is_pending());
        assert!(fleet.store.inner.peek(&fleet.store.key()).await.unwrap().is_some());
    }
    assert!(fleet.store.inner.peek(&fleet.store.key()).await.unwrap().is_none());
    fleet.get(1).await;
}

#[tokio::test]
async fn a_leader_that_dies_is_replaced_within_the_time_limit_of_those_who_wait() {
    let fleet = Fleet::on(ManualClock::jumping(wall()), 2, |_| ());
    let key = IceKey::new("a");
    let mut context = Context::from_waker(Waker::noop());
    // Forgotten, not dropped: nothing is freed.
    let mut leader = Box::pin(async {
        fleet.caches[0].get_within(&key, Some(seconds(15)), pending::<Result<Fetched>>).await
    });
    assert!(leader.as_mut().poll(&mut context).is_pending());
    std::mem::forget(leader);
    let second = fleet.caches[1].get_within(&key, Some(seconds(15)), || fleet.upstream.fetch()).await;
    assert!(second.is_ok());
    let passed = fleet.clock.passed();
    assert!((millis(7500)..millis(7800)).contains(&passed), "{passed:?}");
}

#[tokio::test]
async fn who_waits_in_vain_is_told_in_time() {
    let fleet = Fleet::on(ManualClock::jumping(wall()), 1, |_| ());
    let key = IceKey::new("a");
    let name = seal().name(&key);
    fleet.store.inner.claim(&name, HOUR).await.unwrap();
    let error =
        fleet.caches[0].get_within(&key, Some(seconds(2)), || fleet.upstream.fetch()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), fleet.upstream.calls()), (ErrorKind::Timeout, 0, 0));
    assert_eq!((fleet.clock.passed(), fleet.caches[0].len()), (seconds(2), 0));
}

#[tokio::test]
async fn without_a_store_each_asks_for_itself_after_one_second_at_most() {
    for (step, calls_of_two) in [("get", 2), ("claim", 2), ("put", 2), ("release", 1)] {
        for trouble in [Trouble::Fails, Trouble::Hangs] {
            let fleet = Fleet::on(ManualClock::jumping(wall()), 2, |_| ());
            fleet.store.set(step, trouble);
            assert!(!fleet.upstream.is_expired(&fleet.get(0).await));
            assert_eq!((fleet.upstream.calls(), fleet.store.troubled()), (1, 1), "{step}");
            let most = if matches!(trouble, Trouble::Hangs) { seconds(1) } else { Duration::ZERO };
            assert!(fleet.clock.passed() <= most, "{step}: {:?}", fleet.clock.passed());
            let told = fleet.stats(0);
            assert_eq!((told.store_failures, told.last_store_failure.is_some()), (1, true), "{step}");
            assert_eq!(told.alone, u64::from(matches!(step, "get" | "claim")), "{step}");
            // What was asked for is kept, and what could not be shared is asked for again by the next.
            fleet.get(0).await;
            fleet.get(1).await;
            assert_eq!(fleet.upstream.calls(), calls_of_two, "{step}");
        }
    }
}

#[tokio::test]
async fn what_comes_late_is_not_handed_out() {
    // The store stood still with the value on its way: it keeps it longer than the credentials live.
    let fleet = Fleet::new(2);
    fleet.get(0).await;
    let value = fleet.store.value().await;
    fleet.store.inner.put(&fleet.store.key(), value, HOUR).await.unwrap();
    fleet.clock.advance(seconds(294));
    assert_eq!(name(&fleet.get(1).await), "300000:1");
    // Held until five seconds before their end, though a third of the grace is longer.
    fleet.clock.advance(seconds(1));
    assert_eq!((name(&fleet.get(1).await), fleet.stats(1).late), ("595000:2", 2));
}

#[tokio::test]
async fn clocks_an_hour_apart_cost_a_request_and_no_expired_credential() {
    for (writer, reader, calls) in [(HOUR, Duration::ZERO, 1), (Duration::ZERO, HOUR, 2)] {
        let clocks = [writer, reader].map(|ahead| ManualClock::new(wall() + ahead));
        let store = Broken::new(&clocks[0]);
        let caches = clocks.clone().map(|clock| cache(&store, &clock));
        let upstream = Upstream::new(&clocks[0]);
        for step in 0..2690 {
            for cache in &caches {
                let servers = cache.get(&IceKey::new("a"), || upstream.fetch()).await.unwrap();
                assert!(!upstream.is_expired(&servers), "at {step}");
            }
            clocks.iter().for_each(|clock| clock.advance(millis(100)));
        }
        assert_eq!(upstream.calls(), calls, "writer ahead {writer:?}, reader ahead {reader:?}");
    }
}

#[tokio::test]
async fn what_is_invalidated_does_not_come_back_from_the_store() {
    let fleet = Fleet::new(3);
    let key = IceKey::new("a");
    for at in 0..3 {
        assert_eq!(name(&fleet.get(at).await), "300000:1");
    }
    // Two find out that the credentials are bad: the first asks for new ones, the second takes them from the store.
    fleet.caches[0].invalidate(&key);
    fleet.caches[1].invalidate_channel("a");
    assert_eq!(name(&fleet.get(0).await), "300000:2");
    assert_eq!(name(&fleet.get(1).await), "300000:2");
    // The third has not heard of it, and goes on for a third of the grace at most.
    assert_eq!(name(&fleet.get(2).await), "300000:1");
    fleet.clock.advance(seconds(10));
    assert_eq!(name(&fleet.get(2).await), "300000:2");
    assert_eq!(fleet.upstream.calls(), 2);
    // A failure in between does not bring the bad ones back.
    fleet.caches[0].clear();
    fleet.caches[0].get(&key, || fleet.upstream.fail()).await.unwrap_err();
    assert_eq!(fleet.upstream.calls(), 3);
    assert_eq!(name(&fleet.get(0).await), "310000:4");
    // Without anything held, whatever the store has is refused once.
    let fresh = cache(&fleet.store, &fleet.clock);
    fresh.invalidate(&key);
    let servers = fresh.get(&key, || fleet.upstream.fetch()).await.unwrap();
    assert_eq!((name(&servers), fleet.upstream.calls()), ("310000:5", 5));
}

#[tokio::test]
async fn what_is_invalidated_on_its_way_is_not_put_for_all() {
    let fleet = Fleet::new(2);
    let key = IceKey::new("a");
    let fetch = || async {
        let fetched = fleet.upstream.fetch().await;
        fleet.caches[0].invalidate(&key);
        fetched
    };
    // Given to who waited for it, and to nobody else.
    assert_eq!(name(&fleet.caches[0].get(&key, fetch).await.unwrap()), "300000:1");
    assert_eq!(name(&fleet.get(0).await), "300000:2");
    assert_eq!(name(&fleet.get(1).await), "300000:2");
}

#[tokio::test]
async fn the_process_has_one_request_in_flight_to_the_store_too() {
    let fleet = Fleet::new(1);
    let key = IceKey::new("a");
    let mut context = Context::from_waker(Waker::noop());
    let mut first = pin!(fleet.caches[0].get(&key, pending::<Result<Fetched>>));
    let mut second = pin!(fleet.caches[0].get(&key, || fleet.upstream.fetch()));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(matches!(second.as_mut().poll(&mut context), Poll::Pending));
    assert_eq!(fleet.upstream.calls(), 0);
}

#[test]
fn the_grace_can_be_set_and_never_overflows() {
    let cache = IceCache::new(manual()).with_grace(Duration::MAX);
    assert!(format!("{cache:?}").contains("grace: 300s"));
    assert!(cache.shared_stats().is_none());
}
