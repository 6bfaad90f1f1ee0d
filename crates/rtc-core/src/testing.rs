//! For tests: a transport that follows a script, and a clock that moves when told.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{Request, Response};

use crate::clock::{BoxFuture, Clock};
use crate::transport::{Body, Limits, Transport, TransportError, TransportErrorKind};

#[doc(hidden)]
pub use crate::store::suite as store_suite;
pub use crate::transport::channel::{LoopChannel, pair};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Step = Box<dyn FnOnce(&Request<Bytes>) -> Result<Response<Body>, TransportError> + Send>;

/// A transport that answers from a script and keeps the requests it was given. Cheap to clone.
#[derive(Clone, Default)]
pub struct ScriptedTransport(Arc<Script>);

#[derive(Default)]
struct Script {
    steps: Mutex<VecDeque<Step>>,
    requests: Mutex<Vec<Request<Bytes>>>,
}

impl ScriptedTransport {
    /// An empty script: every request fails with [`TransportErrorKind::Connect`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the next request with this.
    #[must_use]
    pub fn answer(self, response: Response<impl Into<Bytes>>) -> Self {
        let response = response.map(|body| Body::full(body.into()));
        self.step(move |_| Ok(response))
    }

    /// Answers the next request with this status and JSON text.
    #[must_use]
    pub fn json(self, status: u16, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        self.step(move |_| {
            Response::builder()
                .status(status)
                .header("content-type", "application/json")
                .body(Body::full(body))
                .map_err(|e| TransportError::new(TransportErrorKind::Setup(e.to_string())))
        })
    }

    /// Fails the next request.
    #[must_use]
    pub fn fail(self, error: TransportError) -> Self {
        self.step(move |_| Err(error))
    }

    /// Answers the next request with what `step` makes of it.
    #[must_use]
    pub fn step(
        self,
        step: impl FnOnce(&Request<Bytes>) -> Result<Response<Body>, TransportError> + Send + 'static,
    ) -> Self {
        lock(&self.0.steps).push_back(Box::new(step));
        self
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        lock(&self.0.requests).clone()
    }
}

impl fmt::Debug for ScriptedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedTransport").field("left", &lock(&self.0.steps).len()).finish_non_exhaustive()
    }
}

impl Transport for ScriptedTransport {
    async fn send(&self, request: Request<Bytes>, _limits: Limits) -> Result<Response<Body>, TransportError> {
        let step = lock(&self.0.steps).pop_front();
        let answer = match step {
            Some(step) => step(&request),
            None => Err(TransportError::new(TransportErrorKind::Connect).with_source("the script has ended")),
        };
        lock(&self.0.requests).push(request);
        answer
    }
}

/// A clock that moves only when told to. Cheap to clone; the clones are one clock.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    start: Instant,
    wall: SystemTime,
    passed: Duration,
    jump_on_sleep: bool,
    next: u64,
    /// Until when each future sleeps, by its number.
    sleepers: BTreeMap<u64, (Duration, Waker)>,
}

impl ManualClock {
    /// A clock that shows `wall` until it is moved.
    #[must_use]
    pub fn new(wall: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            start: Instant::now(),
            wall,
            passed: Duration::ZERO,
            jump_on_sleep: false,
            next: 0,
            sleepers: BTreeMap::new(),
        })))
    }

    /// A clock on which time jumps to the end of the shortest pending sleep.
    #[must_use]
    pub fn jumping(wall: SystemTime) -> Self {
        let clock = Self::new(wall);
        lock(&clock.0).jump_on_sleep = true;
        clock
    }

    /// Moves the time forward and wakes whoever slept until then.
    pub fn advance(&self, by: Duration) {
        let mut hands = lock(&self.0);
        hands.passed += by;
        let passed = hands.passed;
        let mut due = Vec::new();
        hands.sleepers.retain(|_, (until, waker)| {
            let asleep = *until > passed;
            if !asleep {
                due.push(waker.clone());
            }
            asleep
        });
        drop(hands);
        due.into_iter().for_each(Waker::wake);
    }

    /// How many futures sleep on this clock.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        lock(&self.0).sleepers.len()
    }

    /// How much time has passed since the clock was made.
    #[must_use]
    pub fn passed(&self) -> Duration {
        lock(&self.0).passed
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        let hands = lock(&self.0);
        hands.wall + hands.passed
    }

    fn monotonic(&self) -> Instant {
        let hands = lock(&self.0);
        hands.start + hands.passed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut hands = lock(&self.0);
        hands.next += 1;
        let (id, until) = (hands.next, hands.passed.saturating_add(duration));
        drop(hands);
        Box::pin(Sleep { clock: self.clone(), id, until })
    }
}

/// One sleep; a dropped one is no longer counted.
struct Sleep {
    clock: ManualClock,
    id: u64,
    until: Duration,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut hands = lock(&self.clock.0);
        if hands.passed < self.until {
            let turned = hands.sleepers.insert(self.id, (self.until, cx.waker().clone())).is_some();
            let shortest = hands.sleepers.values().all(|(until, _)| *until >= self.until);
            // Give whatever runs beside this sleep one turn before the time jumps.
            if !(hands.jump_on_sleep && turned && shortest) {
                if hands.jump_on_sleep {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
            hands.passed = self.until;
        }
        hands.sleepers.remove(&self.id);
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // The waker is dropped after the lock: it may be the last handle to a task with sleeps of its own.
        let _waker = lock(&self.clock.0).sleepers.remove(&self.id);
    }
}
