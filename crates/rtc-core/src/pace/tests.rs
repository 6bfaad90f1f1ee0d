use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::pacer::tests::{PATIENCE, Remote};
use crate::store::MemoryStore;
use crate::store::tests::ManualClock;

const SECOND: Duration = Duration::from_secs(1);

fn quotas(store: impl Store, clock: &ManualClock) -> Quotas {
    Quotas::new(SharedStore::new(store), SharedClock::new(clock.clone()))
}

fn memory(clock: &ManualClock) -> SharedStore {
    SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())))
}

fn limit(key: &str, count: u32) -> (String, Quota) {
    (key.to_owned(), Quota::new(count, SECOND))
}

type Waiting<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

fn is_ready(call: &mut Waiting<'_>) -> bool {
    matches!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
}

fn waiting(pace: &Pace) -> Waiting<'static> {
    let pace = pace.clone();
    Box::pin(async move { pace.ready().await })
}

/// Has all of `calls` go as they may, and gives when each went.
fn run(mut calls: Vec<Waiting<'_>>, clock: &ManualClock) -> Vec<Duration> {
    let mut went = Vec::new();
    while !calls.is_empty() {
        let before = calls.len();
        calls.retain_mut(|call| !is_ready(call));
        went.extend(std::iter::repeat_n(clock.elapsed(), before - calls.len()));
        // One more turn for those that were woken by these.
        if before == calls.len() {
            clock.advance(Duration::from_millis(10));
        }
    }
    went
}

/// The largest number of calls in any stretch of a second.
fn most(went: &[Duration]) -> usize {
    let from = |start: &Duration| went.iter().filter(|at| **at >= *start && **at < *start + SECOND).count();
    went.iter().map(from).max().unwrap_or_default()
}

/// A small quota is used up at once, a large one in part; neither is ever exceeded, however many clients share the store.
#[test]
fn no_stretch_holds_more_than_the_quota() {
    for clients in [1, 2, 40] {
        for (count, total, at_once) in [(1, 3, 1), (5, 33, 5), (10, 45, 10), (50, 190, 10)] {
            let clock = ManualClock::new();
            let store = memory(&clock);
            let paces: Vec<_> =
                (0..clients).map(|_| quotas(store.clone(), &clock).pace([limit("k", count)])).collect();
            let calls = (0..total).map(|i| waiting(&paces[i % clients])).collect();
            let went = run(calls, &clock);
            let first = went.iter().filter(|at| **at == went[0]).count();
            assert!(most(&went) <= count as usize, "{clients} clients, {count}: {}", most(&went));
            if clients == 1 {
                assert_eq!(first, at_once, "{count}");
                // Not much slower than allowed, either: four fifths of a large quota are kept going.
                let took = (went[went.len() - 1] - went[0]).as_secs_f64();
                assert!(took <= total as f64 / f64::from(count) * 1.25 + 0.1, "{count}: {took}");
            }
        }
    }
}

#[test]
fn callers_of_one_limit_go_in_their_order() {
    let clock = ManualClock::new();
    let quotas = quotas(memory(&clock), &clock);
    // Each call has a pace of its own, as the calls of a client do.
    let mut calls: Vec<_> = (0..6).map(|_| waiting(&quotas.pace([limit("k", 1)]))).collect();
    assert!(is_ready(&mut calls.remove(0)));
    calls.iter_mut().for_each(|call| assert!(!is_ready(call)));
    while !calls.is_empty() {
        clock.advance(SECOND);
        // The last asks first.
        let ready: Vec<_> = calls.iter_mut().rev().map(is_ready).collect();
        assert_eq!(ready.iter().position(|ready| *ready), Some(calls.len() - 1));
        drop(calls.remove(0));
    }
}

#[test]
fn who_waits_for_the_narrow_limit_holds_no_permit_of_the_wide_one() {
    let clock = ManualClock::new();
    let quotas = quotas(memory(&clock), &clock);
    let of = |channel: &str| quotas.pace([limit(channel, 1), limit("account", 2)]);
    let mut first = waiting(&of("one"));
    assert!(is_ready(&mut first));
    let mut second = waiting(&of("one"));
    assert!(!is_ready(&mut second));
    assert!(is_ready(&mut waiting(&of("two"))), "the account has one left");
    assert!(!is_ready(&mut waiting(&of("three"))), "and then none");
}

#[test]
fn without_the_store_all_go_on_after_one_timeout() {
    let clock = ManualClock::new();
    let remote = Remote::new(&clock);
    let quotas = quotas(remote.clone(), &clock);
    let pace = quotas.pace([limit("narrow", 1), limit("wide", 50)]).holding_off("k");
    assert!(is_ready(&mut waiting(&pace)));
    remote.away.store(true, Ordering::Relaxed);
    remote.asked.store(0, Ordering::Relaxed);
    let mut calls: Vec<_> = (0..40).map(|_| waiting(&pace)).collect();
    assert!(!calls.iter_mut().any(is_ready));
    clock.advance(PATIENCE);
    assert!(calls.iter_mut().all(is_ready), "one timeout for all");
    // For a while nobody pays a further one.
    clock.advance(AWAY - Duration::from_millis(1));
    assert!(is_ready(&mut waiting(&pace)));
    assert_eq!(remote.asked.load(Ordering::Relaxed), 1);
    // Then it is asked again, and the limits hold again.
    clock.advance(Duration::from_millis(1));
    remote.away.store(false, Ordering::Relaxed);
    assert!(is_ready(&mut waiting(&pace)));
    assert!(!is_ready(&mut waiting(&pace)));
}

/// One that is refused holds off all that share the store and the key, and nobody else.
#[test]
fn a_refusal_holds_off_all_who_share_the_key() {
    let clock = ManualClock::new();
    let store = memory(&clock);
    let pace = |key: &str| quotas(store.clone(), &clock).pace([]).holding_off(key);
    let (one, two, other) = (pace("app"), pace("app"), pace("other"));
    assert!(is_ready(&mut waiting(&two)));
    assert!(is_ready(&mut (Box::pin(one.refused(7 * SECOND)) as Waiting<'_>)));
    let mut calls = [waiting(&one), waiting(&two), waiting(&pace("app"))];
    assert!(!calls.iter_mut().any(is_ready));
    assert!(is_ready(&mut waiting(&other)));
    clock.advance(7 * SECOND - Duration::from_millis(1));
    assert!(!calls.iter_mut().any(is_ready), "not before the end");
    // They do not come all at once, but within a quarter of the pause.
    clock.advance(2 * SECOND);
    assert!(calls.iter_mut().all(is_ready));
    assert!(is_ready(&mut waiting(&two)));
}

#[test]
fn an_absurd_pause_holds_off_for_a_minute() {
    let clock = ManualClock::new();
    let pace = quotas(memory(&clock), &clock).pace([]).holding_off("app");
    assert!(is_ready(&mut (Box::pin(pace.refused(Duration::MAX)) as Waiting<'_>)));
    assert!(!is_ready(&mut waiting(&pace)));
    clock.advance(LONGEST_HOLD);
    assert!(is_ready(&mut waiting(&pace)));
}

#[test]
fn after_a_pause_the_limits_hold() {
    let clock = ManualClock::new();
    let pace = quotas(memory(&clock), &clock).pace([limit("k", 2)]).holding_off("app");
    assert!(is_ready(&mut (Box::pin(pace.refused(10 * SECOND)) as Waiting<'_>)));
    let mut calls: Vec<_> = (0..20).map(|_| waiting(&pace)).collect();
    for _ in 0..10 {
        assert!(!calls.iter_mut().any(is_ready));
        clock.advance(SECOND);
    }
    let went = run(calls, &clock);
    assert!(most(&went) <= 2, "{}", most(&went));
}
