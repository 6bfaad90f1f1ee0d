use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex as StdMutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::store::MemoryStore;
use crate::store::tests::ManualClock;

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
