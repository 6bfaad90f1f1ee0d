//! What one attempt leaves behind, and what follows from it.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderMap;
use http::header::DATE;

use crate::clock::{Clock as _, SharedClock};
use crate::error::Error;

#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The idempotency key of all attempts.
    pub(super) key: Option<String>,
    pub(super) attempts: u32,
    pub(super) sent: bool,
    pub(super) in_flight: bool,
    /// An attempt so far may have had an effect.
    pub(super) unsure: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Repeat {
    No,
    /// Nothing has happened yet.
    Yes,
    /// It may have happened, but twice does no harm.
    Replay,
    AfterResync,
}

pub(super) struct Failed<E> {
    pub(super) error: Error<E>,
    pub(super) repeat: Repeat,
    pub(super) floor: Option<Duration>,
}

impl<E> From<Error<E>> for Failed<E> {
    fn from(error: Error<E>) -> Self {
        Self { error, repeat: Repeat::No, floor: None }
    }
}

/// By how many milliseconds the `Date` of an answer is ahead of `now`.
pub(super) fn told_skew(headers: &HeaderMap, now: SystemTime) -> Option<i64> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let millis = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    Some(match date.duration_since(now) {
        Ok(ahead) => millis(ahead),
        Err(behind) => -millis(behind.duration()),
    })
}

pub(super) fn corrected(now: SystemTime, skew_ms: i64) -> SystemTime {
    let offset = Duration::from_millis(skew_ms.unsigned_abs());
    let moved = if skew_ms < 0 { now.checked_sub(offset) } else { now.checked_add(offset) };
    moved.unwrap_or(now)
}

/// A key for one logical call: nobody else has it, in this process or in another.
pub(super) fn new_key() -> String {
    // The keys of a RandomState come from the system, those of fastrand only from its first state.
    let system = RandomState::new().hash_one(std::process::id());
    format!("rtc-{system:016x}{:016x}", fastrand::u64(..))
}

pub(super) fn fits(clock: &SharedClock, deadline: Option<Instant>, pause: Duration) -> bool {
    clock.monotonic().checked_add(pause).is_some_and(|end| deadline.is_none_or(|deadline| end < deadline))
}
