//! ICE servers in the form of a peer connection, and their cache.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rtc_core::{Clock, Reason, Secret, ServiceError, SharedClock, timeout};
use serde::{Serialize, Serializer};

use crate::canonical::rfc3339;
use crate::error::{Error, KvsError, Result};
use crate::model::TurnServer;
use crate::operation::{ChannelRole, IceServers, IceService};

/// How long before their end credentials are not handed out any more, as in the C SDK.
const GRACE: Duration = Duration::from_secs(30);
/// The documented life of credentials is five minutes, whatever the answer says.
const LONGEST: Duration = Duration::from_secs(270);
/// How many keys are held unless told otherwise.
const ENTRIES: usize = 1024;

/// One server of `RTCConfiguration.iceServers` (W3C WebRTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IceServer {
    /// The URLs: `stun:`, `stuns:`, `turn:`, `turns:`.
    pub urls: Vec<String>,
    /// The user name; none of a STUN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password; none of a STUN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Secret>,
    /// When the credentials end; none of a STUN server. They are needed to allocate and to refresh.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_rfc3339")]
    pub expires_at: Option<SystemTime>,
}

#[allow(clippy::ref_option)]
fn as_rfc3339<S: Serializer>(at: &Option<SystemTime>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    at.map(rfc3339).serialize(serializer)
}

impl IceServer {
    pub(crate) fn stun(url: String) -> Self {
        Self { urls: vec![url], username: None, credential: None, expires_at: None }
    }

    /// A TURN server as it was answered to a request sent at `asked`.
    pub(crate) fn turn(server: TurnServer, asked: SystemTime) -> Self {
        let ttl = server.ttl.map(Duration::from_secs);
        Self {
            urls: server.uris,
            username: server.username,
            credential: server.password,
            expires_at: ttl.and_then(|ttl| asked.checked_add(ttl)),
        }
    }
}

/// What distinguishes the answers of `GetIceServerConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct IceKey {
    /// The channel.
    pub channel_arn: String,
    /// The role, as each has an endpoint of its own.
    pub role: ChannelRole,
    /// The viewer.
    pub client_id: Option<String>,
    /// The service.
    pub service: Option<IceService>,
    /// The id in the TURN user name.
    pub username: Option<String>,
}

impl IceKey {
    /// The key of a channel, asked for as a viewer without a client id, a service or a user name.
    #[must_use]
    pub fn new(channel_arn: impl Into<String>) -> Self {
        Self::from(&IceServers::new(channel_arn))
    }
}

impl From<IceServers> for IceKey {
    fn from(request: IceServers) -> Self {
        let IceServers { channel_arn, role, client_id, service, username } = request;
        Self { channel_arn, role, client_id, service, username }
    }
}

/// The request again: the key is all of it.
impl From<IceKey> for IceServers {
    fn from(key: IceKey) -> Self {
        let IceKey { channel_arn, role, client_id, service, username } = key;
        Self { channel_arn, role, client_id, service, username }
    }
}

impl From<&IceServers> for IceKey {
    fn from(request: &IceServers) -> Self {
        request.clone().into()
    }
}

/// What a fetch gives: the servers, and the shortest life of their credentials (none: not to be cached).
pub type Fetched = (Vec<IceServer>, Option<Duration>);

/// A cache of ICE servers, which protects the quota of five requests per second and channel.
///
/// - An entry lives as long as the shortest credentials in it less 30 s, at most 270 s, on the monotonic clock.
/// - Concurrent calls for one key share one request. If it fails, the call that made it gets the error and
///   those that waited get [`KvsError::Shared`]; nothing is kept, so the next call asks again.
/// - A call that is dropped while it asks hands the task over to one that waits; without one, nothing is left.
/// - At most 1,024 keys are held unless told otherwise; the one that ends soonest makes room.
///
/// Cheap to clone: the clones are one cache.
#[derive(Clone)]
pub struct IceCache(Arc<Inner>);

struct Inner {
    clock: SharedClock,
    capacity: usize,
    slots: Mutex<HashMap<IceKey, Slot>>,
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

enum Found {
    Fresh(Arc<[IceServer]>),
    Flight(Arc<Flight>),
}

impl fmt::Debug for IceCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCache").field("len", &self.len()).field("capacity", &self.0.capacity).finish()
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
        let slots = Mutex::new(HashMap::new());
        Self(Arc::new(Inner { clock: SharedClock::new(clock), capacity: capacity.max(1), slots }))
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
        self.slots().remove(key);
    }

    /// Forgets all keys of a channel, as [`invalidate`](Self::invalidate) does.
    pub fn invalidate_channel(&self, channel_arn: &str) {
        self.slots().retain(|key, _| key.channel_arn != channel_arn);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.slots().clear();
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
                let had = timeout(&self.0.clock, limit, flight.outcome.lock()).await;
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
        // Counted from before the request, so that its duration is no free life.
        let asked = self.0.clock.monotonic();
        match fetch().await {
            Ok((servers, ttl)) => {
                let servers: Arc<[IceServer]> = servers.into();
                *outcome = Some(Ok(Arc::clone(&servers)));
                let life =
                    ttl.map(|ttl| ttl.saturating_sub(GRACE).min(LONGEST)).filter(|life| !life.is_zero());
                self.land(
                    key,
                    flight,
                    life.map(|life| Slot::Ready { servers: Arc::clone(&servers), until: asked + life }),
                );
                Ok(servers)
            }
            Err(error) => {
                *outcome = Some(Err(shared(&error)));
                self.land(key, flight, None);
                Err(error)
            }
        }
    }

    /// The servers of a key if they are held.
    pub(crate) fn held(&self, key: &IceKey) -> Option<Arc<[IceServer]>> {
        let now = self.0.clock.monotonic();
        match self.slots().get(key) {
            Some(Slot::Ready { servers, until }) if now < *until => Some(Arc::clone(servers)),
            _ => None,
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<IceKey, Slot>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, key: &IceKey) -> Found {
        let now = self.0.clock.monotonic();
        let mut slots = self.slots();
        match slots.get(key) {
            Some(Slot::Ready { servers, until }) if now < *until => return Found::Fresh(Arc::clone(servers)),
            Some(Slot::Flying(flight)) => return Found::Flight(Arc::clone(flight)),
            Some(Slot::Ready { .. }) => {}
            None if slots.len() >= self.0.capacity => make_room(&mut slots, now, self.0.capacity),
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

fn shared(error: &Error) -> Failure {
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
