use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::store::tests::ManualClock;
use crate::store::{Busy, Claim, ClaimToken, MemoryStore};

const STEP: Duration = Duration::from_millis(100);

fn pacer(burst: u32) -> (Pacer, ManualClock) {
    let manual = ManualClock::new();
    let clock = SharedClock::new(manual.clone());
    let store = SharedStore::new(MemoryStore::new(clock.clone()));
    (Pacer::new(store, clock, "k", Rate::per_second(10), burst), manual)
}

type Ready<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

fn is_ready(future: &mut Ready<'_>) -> bool {
    matches!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
}

#[test]
fn the_rate_is_kept_in_order() {
    let (pacer, clock) = pacer(2);
    let mut waiting: Vec<Ready<'_>> = (0..5).map(|_| Box::pin(pacer.ready()) as _).collect();
    assert_eq!(waiting.iter_mut().map(is_ready).collect::<Vec<_>>(), [true, true, false, false, false]);
    waiting.drain(..2);
    while !waiting.is_empty() {
        clock.advance(STEP - Duration::from_nanos(1));
        assert!(!waiting.iter_mut().any(is_ready));
        clock.advance(Duration::from_nanos(1));
        // The last asks first and still has to wait for its turn.
        let ready: Vec<_> = waiting.iter_mut().rev().map(is_ready).collect();
        assert_eq!(ready.iter().filter(|ready| **ready).count(), 1);
        assert_eq!(ready.last(), Some(&true));
        drop(waiting.remove(0));
    }
}

#[test]
fn a_cancelled_waiter_neither_consumes_nor_blocks() {
    let (pacer, clock) = pacer(1);
    let (mut first, mut second): (Ready<'_>, Ready<'_>) = (Box::pin(pacer.ready()), Box::pin(pacer.ready()));
    let (mut third, mut fourth): (Ready<'_>, Ready<'_>) = (Box::pin(pacer.ready()), Box::pin(pacer.ready()));
    assert!(is_ready(&mut first));
    drop(first);
    assert!(![&mut second, &mut third, &mut fourth].into_iter().any(is_ready));
    drop(second); // It sleeps, as the next in line.
    drop(third); // It waits for its turn.
    clock.advance(STEP);
    assert!(is_ready(&mut fourth), "the permit of the cancelled ones is there for the next");
    drop(fourth);
    assert!(!is_ready(&mut (Box::pin(pacer.ready()) as Ready<'_>)));
}

#[tokio::test]
async fn trying_does_not_jump_the_line() {
    let (pacer, clock) = pacer(1);
    assert!(pacer.try_ready().await.unwrap());
    assert!(!pacer.try_ready().await.unwrap());
    let mut waiting: Ready<'_> = Box::pin(pacer.ready());
    assert!(!is_ready(&mut waiting));
    clock.advance(STEP);
    assert!(!pacer.try_ready().await.unwrap(), "the permit belongs to the one in line");
    assert!(is_ready(&mut waiting));
    drop(waiting);
    clock.advance(STEP);
    assert!(pacer.clone().try_ready().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_woken_by_the_clock() {
    let (pacer, clock) = pacer(1);
    let start = clock.elapsed();
    let granted = Arc::new(StdMutex::new(Vec::new()));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (pacer, clock, granted) = (pacer.clone(), clock.clone(), granted.clone());
            tokio::spawn(async move {
                pacer.ready().await.unwrap();
                granted.lock().unwrap().push(clock.elapsed());
            })
        })
        .collect();
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        clock.advance(STEP / 4);
        tokio::task::yield_now().await;
    }
    let last = granted.lock().unwrap().iter().max().copied().unwrap();
    assert!(last - start >= STEP * 19);
}

/// A store on a network: while it is away, each question fails after its timeout.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    inner: SharedStore,
    clock: ManualClock,
    pub(crate) away: Arc<AtomicBool>,
    pub(crate) asked: Arc<AtomicU32>,
}

/// After how long a store that is away is given up.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

impl Remote {
    pub(crate) fn new(clock: &ManualClock) -> Self {
        let inner = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
        Self { inner, clock: clock.clone(), away: Arc::default(), asked: Arc::default() }
    }

    async fn reach(&self) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.away.load(Ordering::Relaxed) {
            self.clock.sleep(PATIENCE).await;
            return Err(StoreError::unavailable("take", "no answer in time"));
        }
        Ok(())
    }
}

impl Store for Remote {
    async fn claim(&self, key: &str, ttl: Duration) -> Result<Claim, StoreError> {
        self.reach().await?;
        self.inner.claim(key, ttl).await
    }

    async fn peek(&self, key: &str) -> Result<Option<Busy>, StoreError> {
        self.reach().await?;
        self.inner.peek(key).await
    }

    async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        self.inner.release(token).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(key).await
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), StoreError> {
        self.inner.put(key, value, ttl).await
    }

    async fn take(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Result<Taken, StoreError> {
        self.reach().await?;
        self.inner.take(key, rate, burst, n).await
    }
}

fn remote() -> (Pacer, Remote, ManualClock) {
    let clock = ManualClock::new();
    let remote = Remote::new(&clock);
    let shared = SharedClock::new(clock.clone());
    (Pacer::new(SharedStore::new(remote.clone()), shared, "k", Rate::per_second(10), 1), remote, clock)
}

fn outcome(future: &mut Ready<'_>) -> Option<Result<(), String>> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome.map_err(|error| error.to_string())),
        Poll::Pending => None,
    }
}

#[test]
fn a_failure_is_told_to_all_in_line_at_once() {
    let (pacer, remote, clock) = remote();
    remote.away.store(true, Ordering::Relaxed);
    let mut line: Vec<Ready<'_>> = (0..40).map(|_| Box::pin(pacer.ready()) as _).collect();
    assert!(line.iter_mut().all(|call| outcome(call).is_none()));
    clock.advance(PATIENCE);
    for (place, call) in line.iter_mut().enumerate() {
        let told = outcome(call).unwrap_or_else(|| panic!("{place} waits for a timeout of its own"));
        assert!(told.is_err(), "{place}");
    }
    assert_eq!(remote.asked.load(Ordering::Relaxed), 1);
    drop(line);
    // Who comes later asks anew, and is served again once the store is back.
    let mut later: Ready<'_> = Box::pin(pacer.ready());
    assert!(outcome(&mut later).is_none());
    assert_eq!(remote.asked.load(Ordering::Relaxed), 2);
    drop(later);
    remote.away.store(false, Ordering::Relaxed);
    assert!(is_ready(&mut (Box::pin(pacer.ready()) as Ready<'_>)));
}

#[test]
fn who_comes_after_the_failure_is_not_told_of_it() {
    let (pacer, remote, clock) = remote();
    remote.away.store(true, Ordering::Relaxed);
    let mut calls: [Ready<'_>; 3] = std::array::from_fn(|_| Box::pin(pacer.ready()) as _);
    let [first, second, third] = &mut calls;
    assert!(outcome(first).is_none() && outcome(second).is_none());
    clock.advance(PATIENCE);
    assert!(outcome(first).unwrap().is_err());
    remote.away.store(false, Ordering::Relaxed);
    // The third comes while the second has not been told yet, and must neither overtake it nor fail with it.
    assert!(outcome(third).is_none());
    assert!(outcome(second).unwrap().is_err());
    assert!(outcome(third).unwrap().is_ok());
    assert_eq!(remote.asked.load(Ordering::Relaxed), 2);
}

#[test]
fn who_is_dropped_while_the_store_is_away_leaves_the_line_whole() {
    let (pacer, remote, clock) = remote();
    remote.away.store(true, Ordering::Relaxed);
    let mut first: Ready<'_> = Box::pin(pacer.ready());
    let mut second: Ready<'_> = Box::pin(pacer.ready());
    assert!(outcome(&mut first).is_none() && outcome(&mut second).is_none());
    drop(first);
    // Nobody has been told anything: it asks itself.
    assert!(outcome(&mut second).is_none());
    assert_eq!(remote.asked.load(Ordering::Relaxed), 2);
    clock.advance(PATIENCE);
    assert!(outcome(&mut second).unwrap().is_err());
    drop(second);
    remote.away.store(false, Ordering::Relaxed);
    // No permit was taken by those that failed, and exactly one is there.
    assert!(is_ready(&mut (Box::pin(pacer.ready()) as Ready<'_>)));
    assert!(!is_ready(&mut (Box::pin(pacer.ready()) as Ready<'_>)));
}
