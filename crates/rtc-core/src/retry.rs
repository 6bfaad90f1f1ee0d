//! When and how often a call is tried again.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// How often and how fast failed attempts are repeated.
///
/// An attempt is repeated only if it is certain that nothing was sent, if the provider refused it without
/// effect (429, a documented throttle), or if the operation may be replayed and the failure may pass.
/// The pause after the *n*-th failed attempt is drawn evenly from zero to `base * 2^(n-1)`, at most `cap` (full
/// jitter);
/// a `Retry-After` of the provider is a floor, the total deadline of the call a ceiling.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The largest number of attempts, the first one included. 1 = never repeat.
    pub max_attempts: u32,
    /// The unit of the pauses.
    pub base: Duration,
    /// The longest pause that is drawn.
    pub cap: Duration,
    /// How many attempts a client may repeat in a burst before failures stop being repeated; every success
    /// gives a tenth of one back. Stops storms when a provider is down. It is the client's: in the policy of a
    /// single call it has no effect.
    pub budget: u32,
}

impl Default for RetryPolicy {
    /// Three attempts, 100 ms unit, 10 s cap, a budget of 100.
    fn default() -> Self {
        Self { max_attempts: 3, base: Duration::from_millis(100), cap: Duration::from_secs(10), budget: 100 }
    }
}

impl RetryPolicy {
    /// Never repeat.
    #[must_use]
    pub fn none() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// Sets the largest number of attempts (at least 1).
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the unit of the pauses.
    #[must_use]
    pub fn with_base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets the longest pause that is drawn.
    #[must_use]
    pub fn with_cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Sets the budget of repeats of a client.
    #[must_use]
    pub fn with_budget(mut self, budget: u32) -> Self {
        self.budget = budget;
        self
    }

    /// The pause before the attempt that follows `attempts` failed ones.
    #[must_use]
    pub fn pause(&self, attempts: u32, floor: Option<Duration>) -> Duration {
        let ceiling = self.base.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(self.cap);
        let drawn = ceiling.mul_f64(fastrand::f64());
        floor.map_or(drawn, |floor| floor.saturating_add(drawn))
    }
}

/// The budget of repeats, shared by all clones of a client. Counted in tenths.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    capacity: u32,
    left: Mutex<u32>,
}

impl RetryBudget {
    pub(crate) fn new(repeats: u32) -> Self {
        let capacity = repeats.saturating_mul(10);
        Self { capacity, left: Mutex::new(capacity) }
    }

    pub(crate) fn spend(&self) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match left.checked_sub(10) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }

    pub(crate) fn succeed(&self) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = (*left + 1).min(self.capacity);
    }
}

/// Reads `Retry-After`: seconds, or an HTTP date relative to `now` (a date in the past is zero).
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are a very long time, not a parse error.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_in_bounds() {
        let policy = RetryPolicy::default();
        for attempts in 1..40 {
            let pause = policy.pause(attempts, None);
            assert!(pause <= policy.cap);
            assert!(attempts > 1 || pause <= policy.base);
            let floor = Duration::from_secs(7);
            assert!(policy.pause(attempts, Some(floor)) >= floor);
        }
    }

    #[test]
    fn the_budget_runs_out_and_refills() {
        let budget = RetryBudget::new(2);
        assert!(budget.spend() && budget.spend() && !budget.spend());
        (0..10).for_each(|_| budget.succeed());
        assert!(budget.spend() && !budget.spend());
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let parse = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(parse("120"), Some(Duration::from_secs(120)));
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(parse("Sat, 06 Nov 1993 08:49:47 GMT"), Some(Duration::ZERO));
        assert_eq!(parse("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        for bad in ["-1", "soon", "1.5", ""] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
