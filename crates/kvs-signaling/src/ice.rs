//! The cache of ICE servers.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtc_core::{Clock, Reason, ServiceError, SharedClock, timeout};

use crate::error::{Error, KvsError, Result};

#[cfg(feature = "shared-ice")]
mod seal;
mod server;
#[cfg(feature = "shared-ice")]
mod shared;
#[cfg(all(test, feature = "shared-ice"))]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;

#[cfg(feature = "shared-ice")]
pub use seal::IceSealKey;
pub use server::{IceKey, IceServer};
#[cfg(feature = "shared-ice")]
pub use shared::SharedIceStats;

/// How long before their end credentials are not handed out any more, as in the C SDK.
const GRACE: Duration = Duration::from_secs(30);
/// The documented life of credentials, whatever the answer says.
const LONGEST: Duration = Duration::from_secs(300);
/// How many keys are held unless told otherwise.
const ENTRIES: usize = 1024;

/// What a fetch gives: the servers, and the shortest life of their credentials (none: not to be cached).
pub type Fetched = (Vec<IceServer>, Option<Duration>);

/// A cache of ICE servers, which protects the quota of five requests per second and channel.
///
/// - An entry lives as long as the shortest credentials in it less a grace of 30 s, at most 270 s, on the
///   monotonic clock.
/// - Concurrent calls for one key share one request. If it fails, the call that made it gets the error and
///   those that waited get [`KvsError::Shared`]; nothing is kept, so the next call asks again.
/// - A call that is dropped while it asks hands the task over to one that waits; without one, nothing is left.
/// - At most 1,024 keys are held unless told otherwise; the one that ends soonest makes room.
///
/// Cheap to clone: the clones are one cache.
#[derive(Clone)]
pub struct IceCache(Arc<Inner>);

struct Inner {
    settings: Settings,
    slots: Mutex<HashMap<IceKey, Slot>>,
}

#[derive(Clone)]
struct Settings {
    clock: SharedClock,
    capacity: usize,
    grace: Duration,
    #[cfg(feature = "shared-ice")]
    shared: Option<Arc<shared::Shared>>,
}

impl From<Settings> for IceCache {
    fn from(settings: Settings) -> Self {
        Self(Arc::new(Inner { settings, slots: Mutex::default() }))
    }
}

enum Slot {
    Ready { servers: Arc<[IceServer]>, until: Instant },
    Flying(Arc<Flight>),
}

/// One request under way. Whoever holds the lock and finds no outcome is the one to ask.
#[derive(Default)]
struct Flight {
    outcome: tokio::sync::Mutex<Option<std::result::Result<Arc<[IceServer]>, Failure>>>,
}

/// A failure as those are told who only waited.
#[derive(Clone)]
struct Failure {
    error: KvsError,
    attempts: u32,
    sent: bool,
}

/// A call's hold on a flight. The last one to let go of a flight without an outcome removes it.
struct Hold<'a> {
    cache: &'a IceCache,
    key: &'a IceKey,
    flight: Arc<Flight>,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // Under the lock of the slots nobody else takes or lets go of a flight, so the count is exact.
        let mut slots = self.cache.slots();
        drop(std::mem::take(&mut self.flight));
        if matches!(slots.get(self.key), Some(Slot::Flying(flight)) if Arc::strong_count(flight) == 1) {
            slots.remove(self.key);
        }
    }
}

/// What came of an answer: the servers, and until when they may be held, if at all.
struct Obtained {
    servers: Arc<[IceServer]>,
    until: Option<Instant>,
}

enum Found {
    Fresh(Arc<[IceServer]>),
    Flight(Arc<Flight>),
}

impl fmt::Debug for IceCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { capacity, grace, .. } = &self.0.settings;
        let mut out = f.debug_struct("IceCache");
        out.field("len", &self.len()).field("capacity", capacity).field("grace", grace);
        #[cfg(feature = "shared-ice")]
        out.field("shared", &self.0.settings.shared.is_some());
        out.finish()
    }
}

impl IceCache {
    /// An empty cache on this clock.
    #[must_use]
    pub fn new(clock: impl Clock) -> Self {
        Self::with_capacity(clock, ENTRIES)
    }

    /// An empty cache of at most `capacity` keys (at least one).
    #[must_use]
    pub fn with_capacity(clock: impl Clock, capacity: usize) -> Self {
        Self::from(Settings {
            clock: SharedClock::new(clock),
            capacity: capacity.max(1),
            grace: GRACE,
            #[cfg(feature = "shared-ice")]
            shared: None,
        })
    }

    /// An empty cache like this one that hands credentials out until so long before their end; 30 s unless told
    /// otherwise, and at most five minutes. It is what a peer connection has left to reach the TURN server.
    #[must_use]
    pub fn with_grace(&self, grace: Duration) -> Self {
        Settings { grace: grace.min(LONGEST), ..self.0.settings.clone() }.into()
    }

    /// How many keys are held, those under way included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots().len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets a key: the next call asks again. What is under way is given to those who wait for it, but not
    /// kept. To be used when the service says `RECONNECT_ICE_SERVER` or a TURN server refuses the credentials.
    pub fn invalidate(&self, key: &IceKey) {
        let removed = self.slots().remove(key);
        self.refuse([(key.clone(), removed)]);
    }

    /// Forgets all keys of a channel, as [`invalidate`](Self::invalidate) does. Those that only a shared store holds are not
    /// known here: they end with their time.
    pub fn invalidate_channel(&self, channel_arn: &str) {
        self.forget(|key| key.channel_arn == channel_arn);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.forget(|_| true);
    }

    fn forget(&self, doomed: impl Fn(&IceKey) -> bool) {
        let removed: Vec<_> = self.slots().extract_if(|key, _| doomed(key)).collect();
        self.refuse(removed.into_iter().map(|(key, slot)| (key, Some(slot))));
    }

    /// Does not take from the store again what is forgotten.
    fn refuse(&self, removed: impl IntoIterator<Item = (IceKey, Option<Slot>)>) {
        #[cfg(feature = "shared-ice")]
        if let Some(shared) = &self.0.settings.shared {
            for (key, slot) in removed {
                let held = slot.and_then(|slot| match slot {
                    Slot::Ready { servers, .. } => Some(servers),
                    Slot::Flying(_) => None,
                });
                shared.refuse(key, held, self.now(), self.0.settings.capacity);
            }
        }
        #[cfg(not(feature = "shared-ice"))]
        drop(removed);
    }

    /// The servers of a key: those that are held, or what `fetch` gives, which runs at most once at a time.
    ///
    /// # Errors
    /// What `fetch` fails with; [`KvsError::Shared`] if it was another call's.
    pub async fn get<F, Fut>(&self, key: &IceKey, fetch: F) -> Result<Arc<[IceServer]>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Fetched>>,
    {
        self.get_within(key, None, fetch).await
    }

    /// The same, with a limit to the wait for the request of another call.
    pub(crate) async fn get_within<F, Fut>(
        &self,
        key: &IceKey,
        limit: Option<Duration>,
        fetch: F,
    ) -> Result<Arc<[IceServer]>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Fetched>>,
    {
        let flight = match self.look(key) {
            Found::Fresh(servers) => return Ok(servers),
            Found::Flight(flight) => flight,
        };
        // Lets go after the lock of the outcome, which is declared later.
        let hold = Hold { cache: self, key, flight };
        let flight = &hold.flight;
        let mut outcome = match limit {
            None => flight.outcome.lock().await,
            Some(limit) => {
                let had = timeout(&self.0.settings.clock, limit, flight.outcome.lock()).await;
                // Whether the other call has sent it is not known.
                had.ok_or_else(|| Error::new(Reason::Timeout(limit)).with_exchange(0, true))?
            }
        };
        match &*outcome {
            Some(Ok(servers)) => return Ok(Arc::clone(servers)),
            Some(Err(Failure { error, attempts, sent })) => {
                return Err(Error::refused(error.clone()).with_exchange(*attempts, *sent));
            }
            None => {}
        }
        #[cfg(feature = "shared-ice")]
        let obtained = shared::obtain(self, key, limit, fetch).await;
        #[cfg(not(feature = "shared-ice"))]
        let obtained = self.ask(fetch).await;
        match obtained {
            Ok(Obtained { servers, until }) => {
                *outcome = Some(Ok(Arc::clone(&servers)));
                let ready = until.map(|until| Slot::Ready { servers: Arc::clone(&servers), until });
                self.land(key, flight, ready);
                Ok(servers)
            }
            Err(error) => {
                *outcome = Some(Err(shared_failure(&error)));
                self.land(key, flight, None);
                Err(error)
            }
        }
    }

    /// The servers as the service gives them.
    async fn ask<F, Fut>(&self, fetch: F) -> Result<Obtained>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Fetched>>,
    {
        // Counted from before the request, so that its duration is no free life.
        let asked = self.now();
        let (servers, ttl) = fetch().await?;
        let life = ttl.map(|ttl| ttl.min(LONGEST).saturating_sub(self.0.settings.grace));
        let until = life.filter(|life| !life.is_zero()).map(|life| asked + life);
        Ok(Obtained { servers: servers.into(), until })
    }

    /// The servers of a key if they are held.
    pub(crate) fn held(&self, key: &IceKey) -> Option<Arc<[IceServer]>> {
        let now = self.now();
        match self.slots().get(key) {
            Some(Slot::Ready { servers, until }) if now < *until => Some(Arc::clone(servers)),
            _ => None,
        }
    }

    fn now(&self) -> Instant {
        self.0.settings.clock.monotonic()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<IceKey, Slot>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, key: &IceKey) -> Found {
        let now = self.now();
        let mut slots = self.slots();
        match slots.get(key) {
            Some(Slot::Ready { servers, until }) if now < *until => return Found::Fresh(Arc::clone(servers)),
            Some(Slot::Flying(flight)) => return Found::Flight(Arc::clone(flight)),
            Some(Slot::Ready { .. }) => {}
            None if slots.len() >= self.0.settings.capacity => {
                make_room(&mut slots, now, self.0.settings.capacity);
            }
            None => {}
        }
        let flight = Arc::new(Flight::default());
        slots.insert(key.clone(), Slot::Flying(Arc::clone(&flight)));
        Found::Flight(flight)
    }

    /// Ends a flight: keeps what it brought unless the key was invalidated meanwhile.
    fn land(&self, key: &IceKey, flight: &Arc<Flight>, ready: Option<Slot>) {
        let mut slots = self.slots();
        if !matches!(slots.get(key), Some(Slot::Flying(current)) if Arc::ptr_eq(current, flight)) {
            return;
        }
        match ready {
            Some(slot) => slots.insert(key.clone(), slot),
            None => slots.remove(key),
        };
    }
}

/// Drops what has ended; if that is not enough, what ends soonest, and a flight only when there is nothing else.
fn make_room(slots: &mut HashMap<IceKey, Slot>, now: Instant, capacity: usize) {
    slots.retain(|_, slot| !matches!(slot, Slot::Ready { until, .. } if *until <= now));
    while slots.len() >= capacity {
        let soonest = slots.iter().min_by_key(|(_, slot)| match slot {
            Slot::Ready { until, .. } => (false, *until),
            Slot::Flying(_) => (true, now),
        });
        let Some(key) = soonest.map(|(key, _)| key.clone()) else { return };
        slots.remove(&key);
    }
}

fn shared_failure(error: &Error) -> Failure {
    let told = match error.service() {
        Some(failure @ KvsError::Shared { .. }) => failure.clone(),
        service => KvsError::Shared {
            kind: error.kind(),
            code: service.and_then(ServiceError::code).map(Into::into),
            is_retryable: error.is_retryable(),
            message: error.to_string(),
        },
    };
    Failure { error: told, attempts: error.attempts(), sent: error.was_sent() }
}
