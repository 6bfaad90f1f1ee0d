//! The guard against duplicate `create_room` calls.
//!
//! While a call is under way, the same call (same account, endpoint of the client, scope, user name, duration
//! and capacity) is refused with [`MediaSfuError::InProgress`] and nothing is sent. The claim is one atomic step
//! in a [`Store`], so of many calls at once exactly one goes out. It ends with the call, also when that fails or
//! is dropped, and after [`WINDOW`] at the latest.
//!
//! Clones of a client share the store, and so do clients that were built with the same one; a store on a file
//! or a server extends the guard to other processes. The guard stops accidents, such as two clicks on one
//! button; what makes a repeat safe is an idempotency key.
//!
//! The official SDKs keep a readable note in the browser's storage instead. [`legacy_key`], [`legacy_value`] and
//! [`legacy_is_pending`] write and read that form, for programs that share it; this crate itself stores only
//! a hash.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rtc_core::{
    BoxFuture, Claim, ClaimToken, Gate, Permit, SharedStore, Store, StoreError, Url, stable_hash,
};
use serde_json::{Value, json};

use crate::error::{Error, MediaSfuError};
use crate::operation::CreateRoom;

/// How long a claim lasts at most: 30 s, as in the official SDKs.
pub const WINDOW: Duration = Duration::from_secs(30);

/// What happens to a call when the store that holds the claims fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum StoreFailure {
    /// The call is refused with the store's error: better no room than two.
    #[default]
    Refuse,
    /// The call goes on without a guard: better two rooms than none. The store is asked twice, so one that is away costs
    /// the call twice the store's own time limit: give the call more time than that.
    GoOn,
}

/// What a client needs to guard its calls.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    store: SharedStore,
    /// What all keys of the client begin with, before they are hashed.
    prefix: String,
    failure: StoreFailure,
}

impl Guard {
    pub(crate) fn new(
        store: SharedStore,
        account: &str,
        endpoint: &Url,
        scope: &str,
        failure: StoreFailure,
    ) -> Self {
        // With its length in front no part can reach into the next.
        let parts = [account, endpoint.as_str(), scope].map(|part| format!("{}:{part}", part.len()));
        Self { store, prefix: parts.concat(), failure }
    }

    /// The gate of one call.
    pub(crate) fn gate(&self, request: &CreateRoom) -> Arc<dyn Gate<MediaSfuError>> {
        Arc::new(PendingGate { key: self.key(request), store: self.store.clone(), failure: self.failure })
    }

    /// The key of a claim: a hash, because stores may be shared and a user name is personal data.
    pub(crate) fn key(&self, request: &CreateRoom) -> String {
        let text = format!("{}{}", self.prefix, legacy_key(request));
        format!("mediasfu_pending_{:032x}", stable_hash(text.as_bytes()))
    }
}

#[derive(Debug)]
struct PendingGate {
    store: SharedStore,
    key: String,
    failure: StoreFailure,
}

impl PendingGate {
    fn failed<T>(&self, error: StoreError, go_on: T) -> Result<T, Error> {
        match self.failure {
            StoreFailure::Refuse => Err(error.into()),
            StoreFailure::GoOn => Ok(go_on),
        }
    }
}

fn busy<T>() -> Result<T, Error> {
    Err(Error::refused(MediaSfuError::InProgress))
}

impl Gate<MediaSfuError> for PendingGate {
    fn look(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            match self.store.peek(&self.key).await {
                Ok(None) => Ok(()),
                Ok(Some(_)) => busy(),
                Err(error) => self.failed(error, ()),
            }
        })
    }

    fn enter(&self) -> BoxFuture<'_, Result<Box<dyn Permit>, Error>> {
        Box::pin(async move {
            let token = match self.store.claim(&self.key, WINDOW).await {
                Ok(Claim::Claimed(token)) => Some(token),
                Ok(_) => return busy(),
                Err(error) => self.failed(error, None)?,
            };
            Ok(Box::new(Held { store: self.store.clone(), token }) as Box<dyn Permit>)
        })
    }
}

/// A claim that is given back whatever becomes of the call.
#[derive(Debug)]
struct Held {
    store: SharedStore,
    token: Option<ClaimToken>,
}

impl Permit for Held {
    fn release(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // The token stays until the store has confirmed: a future that is dropped here must give it back.
            let released = match &self.token {
                Some(token) => self.store.release(token).await.is_ok(),
                None => true,
            };
            if released {
                self.token = None;
            }
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.store.abandon(token);
        }
    }
}

/// The key under which the official SDKs note a pending call. It shows the user name.
///
/// ```
/// use mediasfu::{CreateRoom, pending};
///
/// let request = CreateRoom::new("hostUser", 60, 10);
/// assert_eq!(pending::legacy_key(&request), "mediasfu_pending_create_hostUser_60_10");
/// ```
#[must_use]
pub fn legacy_key(request: &CreateRoom) -> String {
    format!("mediasfu_pending_create_{}_{}_{}", request.user_name, request.duration, request.capacity)
}

/// The note of a pending call that began at `now`, in the JSON of the official Flutter SDK. It shows the user name.
#[must_use]
pub fn legacy_value(request: &CreateRoom, now: SystemTime) -> String {
    json!({
        "timestamp": unix_millis(now),
        "payload": {
            "action": "create",
            "userName": request.user_name,
            "duration": request.duration,
            "capacity": request.capacity,
        },
    })
    .to_string()
}

/// Whether a note of the official SDKs still stands at `now`: less than [`WINDOW`] old. One that cannot be read,
/// has no timestamp or comes from the future does not, so that a wrong clock never blocks for long.
#[must_use]
pub fn legacy_is_pending(note: &str, now: SystemTime) -> bool {
    let timestamp = serde_json::from_str::<Value>(note).ok().and_then(|note| note.get("timestamp")?.as_u64());
    let age = timestamp.and_then(|timestamp| unix_millis(now).checked_sub(timestamp));
    age.is_some_and(|age| Duration::from_millis(age) < WINDOW)
}

fn unix_millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn guard(account: &str, endpoint: &str, scope: &str) -> Guard {
        let endpoint = Url::parse(endpoint).unwrap();
        Guard::new(SharedStore::default(), account, &endpoint, scope, StoreFailure::default())
    }

    #[test]
    fn notes_of_the_official_sdks() {
        let request = CreateRoom::new("hostUser", 60, 10);
        let note = legacy_value(&request, at(NOW));
        assert_eq!(
            serde_json::from_str::<Value>(&note).unwrap(),
            json!({"timestamp": NOW, "payload": {"action": "create", "userName": "hostUser", "duration": 60, "capacity": 10}})
        );
        for (note, now, pending) in [
            (note.as_str(), NOW, true),
            (&note, NOW + 29_999, true),
            (&note, NOW + 30_000, false),
            (&note, NOW - 1, false),
            ("{}", NOW, false),
            ("", NOW, false),
            ("[1]", NOW, false),
            (r#"{"timestamp":"1700000000000"}"#, NOW, false),
        ] {
            assert_eq!(legacy_is_pending(note, at(now)), pending, "{note} at {now}");
        }
    }

    #[test]
    fn keys_differ_by_everything_and_show_nothing() {
        let request = CreateRoom::new("hostUser", 60, 10);
        let key = guard("account1", "https://a.example", "").key(&request);
        assert!(key.starts_with("mediasfu_pending_") && key.len() == 17 + 32);
        assert!(!key.contains("hostUser") && !key.contains("account1"));
        assert_eq!(key, guard("account1", "https://a.example", "").key(&request));
        for other in [
            guard("account2", "https://a.example", "").key(&request),
            guard("account1", "https://b.example", "").key(&request),
            guard("account1", "https://a.example", "tenant").key(&request),
            guard("account1", "https://a.example", "").key(&CreateRoom::new("hostUser", 60, 11)),
        ] {
            assert_ne!(key, other);
        }
    }
}
