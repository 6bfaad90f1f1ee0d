//! Every "now" and every wait goes through a [`Clock`], so tests never sleep.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A source of time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall-clock time: for signatures, tokens and everything that the other side reads.
    fn now(&self) -> SystemTime;
    /// A time that never goes back: for deadlines and ages.
    fn monotonic(&self) -> Instant;
    /// A future that ends after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The clock of the operating system. [`Clock::sleep`] needs a tokio runtime with its timer on.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A cheap handle to a clock.
#[derive(Clone)]
pub struct SharedClock(Arc<dyn Clock>);

impl SharedClock {
    /// Shares a clock.
    pub fn new(clock: impl Clock) -> Self {
        Self(Arc::new(clock))
    }

    /// Seconds since 1970, as tokens count them. A clock before 1970 gives 0.
    #[must_use]
    pub fn unix_seconds(&self) -> u64 {
        unix_seconds(self.now())
    }
}

/// Seconds since 1970 of an instant; 0 before that.
#[must_use]
pub fn unix_seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

impl Default for SharedClock {
    fn default() -> Self {
        Self::new(SystemClock)
    }
}

impl fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Clock for SharedClock {
    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn monotonic(&self) -> Instant {
        self.0.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }
}

/// Runs `future` until it ends or `duration` has passed on the clock, whichever comes first.
/// `None` means that the time ran out; the future is dropped then.
pub async fn timeout<F: Future>(clock: &impl Clock, duration: Duration, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    // Made when it is needed: what is ready at once, as a step of a store in memory, costs no timer.
    let mut sleep = None;
    std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(output));
        }
        sleep.get_or_insert_with(|| clock.sleep(duration)).as_mut().poll(cx).map(|()| None)
    })
    .await
}
