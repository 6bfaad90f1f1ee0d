//! How many connections may fail before none is tried for a while.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtc_core::{Clock, SharedClock};

/// For how many accounts attempts are remembered.
const ACCOUNTS: usize = 4096;

/// Counts failed connections, per account, and refuses further ones when there were too many: the service blocks the
/// addresses of clients that go on with wrong credentials. Cheap to clone; the clones count together.
///
/// Two sets of rules of the official SDKs are built in: [`new`](Self::new) counts failures (10 within 3 hours of the
/// last one), [`sliding`](Self::sliding) counts all attempts (5 within 60 seconds).
#[derive(Clone)]
pub struct AttemptLimiter {
    shared: Arc<Shared>,
}

struct Shared {
    rule: AttemptRule,
    clock: SharedClock,
    accounts: Mutex<Accounts>,
    /// How many connections of an account are being tried.
    #[cfg(feature = "socketio")]
    under_way: Mutex<HashMap<String, usize>>,
}

/// When the attempts were, the oldest first.
type Accounts = HashMap<String, VecDeque<Instant>>;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AttemptRule {
    /// This many failures; forgotten once so much time has passed since the last one, and with every success.
    Failures { most: u32, window: Duration },
    /// This many attempts, failed or not, within so much time.
    Attempts { most: u32, window: Duration },
}

impl AttemptRule {
    fn most(self) -> usize {
        let (Self::Failures { most, .. } | Self::Attempts { most, .. }) = self;
        usize::try_from(most).unwrap_or(usize::MAX)
    }
}

impl Default for AttemptLimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AttemptLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptLimiter").field("rule", &self.shared.rule).finish_non_exhaustive()
    }
}

impl AttemptLimiter {
    /// 10 failures within 3 hours of the last one, as most official SDKs count.
    #[must_use]
    pub fn new() -> Self {
        Self::of(AttemptRule::Failures { most: 10, window: Duration::from_secs(3 * 60 * 60) })
    }

    /// 5 attempts in any 60 seconds, as the official Kotlin SDK counts.
    #[must_use]
    pub fn sliding() -> Self {
        Self::of(AttemptRule::Attempts { most: 5, window: Duration::from_secs(60) })
    }

    fn of(rule: AttemptRule) -> Self {
        Self::with(rule, SharedClock::default())
    }

    fn with(rule: AttemptRule, clock: SharedClock) -> Self {
        let shared = Shared {
            rule,
            clock,
            accounts: Mutex::default(),
            #[cfg(feature = "socketio")]
            under_way: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The same rule by another clock; nothing is remembered.
    #[must_use]
    pub fn with_clock(&self, clock: impl Clock) -> Self {
        Self::with(self.shared.rule, SharedClock::new(clock))
    }

    /// Whether a connection may be tried, and if so, that it is. Tell what became of it with
    /// [`succeeded`](Self::succeeded) or [`failed`](Self::failed).
    ///
    /// ```
    /// use mediasfu::AttemptLimiter;
    ///
    /// let limiter = AttemptLimiter::new();
    /// for _ in 0..10 {
    ///     assert!(limiter.check("account"));
    ///     limiter.failed("account");
    /// }
    /// assert!(!limiter.check("account") && limiter.check("another"));
    /// ```
    #[must_use]
    pub fn check(&self, account: &str) -> bool {
        let now = self.shared.clock.monotonic();
        // Looked at and counted under one lock: of many at once no more pass than may.
        let mut accounts = self.accounts();
        let open = accounts.get_mut(account).is_none_or(|attempts| {
            self.forget(attempts, now);
            attempts.len() < self.shared.rule.most()
        });
        if open && matches!(self.shared.rule, AttemptRule::Attempts { .. }) {
            self.count(&mut accounts, account, now);
        }
        open
    }

    /// As [`check`](Self::check), for a connection that is being tried: once there was a failure, of many at once no
    /// more pass than may still fail.
    #[cfg(feature = "socketio")]
    pub(crate) fn begin(&self, account: &str) -> Option<InFlight> {
        let mut under_way = self.shared.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.get(account).copied().unwrap_or(0);
        let failed = usize::try_from(self.counted(account)).unwrap_or(usize::MAX);
        let fails = matches!(self.shared.rule, AttemptRule::Failures { .. });
        if fails && failed > 0 && failed.saturating_add(count) >= self.shared.rule.most()
            || !self.check(account)
        {
            return None;
        }
        under_way.insert(account.to_owned(), count + 1);
        Some(InFlight { limiter: self.clone(), account: account.to_owned() })
    }

    /// Counts a failure.
    pub fn failed(&self, account: &str) {
        if matches!(self.shared.rule, AttemptRule::Failures { .. }) {
            self.count(&mut self.accounts(), account, self.shared.clock.monotonic());
        }
    }

    /// Forgets the failures of an account.
    pub fn succeeded(&self, account: &str) {
        if matches!(self.shared.rule, AttemptRule::Failures { .. }) {
            self.accounts().remove(account);
        }
    }

    /// How many failures (or attempts) of an account count now.
    #[must_use]
    pub fn counted(&self, account: &str) -> u32 {
        let now = self.shared.clock.monotonic();
        let mut accounts = self.accounts();
        let Some(attempts) = accounts.get_mut(account) else { return 0 };
        self.forget(attempts, now);
        u32::try_from(attempts.len()).unwrap_or(u32::MAX)
    }

    /// Takes in `count` failures (or attempts), the last one `age` ago: for programs that remember them elsewhere.
    pub fn restore(&self, account: &str, count: u32, age: Duration) {
        let now = self.shared.clock.monotonic();
        // Longer ago than can be told: it does not count any more.
        let Some(at) = now.checked_sub(age) else { return };
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.shared.rule.most());
        self.accounts().insert(account.to_owned(), std::iter::repeat_n(at, count).collect());
    }

    fn count(&self, accounts: &mut Accounts, account: &str, now: Instant) {
        let most = self.shared.rule.most();
        if accounts.len() >= ACCOUNTS && !accounts.contains_key(account) {
            accounts.retain(|_, attempts| {
                self.forget(attempts, now);
                !attempts.is_empty()
            });
            // Whoever tries so many accounts at once is no client that forgot a key.
            if accounts.len() >= ACCOUNTS {
                accounts.clear();
            }
        }
        let attempts = accounts.entry(account.to_owned()).or_default();
        self.forget(attempts, now);
        if attempts.len() >= most {
            attempts.pop_front();
        }
        attempts.push_back(now);
    }

    /// Drops what does not count any more.
    fn forget(&self, attempts: &mut VecDeque<Instant>, now: Instant) {
        match self.shared.rule {
            AttemptRule::Failures { window, .. } => {
                if attempts.back().is_some_and(|last| now.saturating_duration_since(*last) >= window) {
                    attempts.clear();
                }
            }
            AttemptRule::Attempts { window, .. } => {
                attempts.retain(|at| now.saturating_duration_since(*at) < window);
            }
        }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.shared.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is being tried. One that is given up half way counts neither as a failure nor as a success.
#[cfg(feature = "socketio")]
pub(crate) struct InFlight {
    limiter: AttemptLimiter,
    account: String,
}

#[cfg(feature = "socketio")]
impl InFlight {
    pub(crate) fn failed(&self) {
        self.limiter.failed(&self.account);
    }

    pub(crate) fn succeeded(&self) {
        self.limiter.succeeded(&self.account);
    }
}

#[cfg(feature = "socketio")]
impl Drop for InFlight {
    fn drop(&mut self) {
        let shared = &self.limiter.shared;
        let mut under_way = shared.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        match under_way.get_mut(&self.account) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(under_way.remove(&self.account)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_at_once_no_more_pass_than_may() {
        for _ in 0..200 {
            let limiter = AttemptLimiter::sliding();
            let start = std::sync::Barrier::new(8);
            let passed = std::thread::scope(|scope| {
                let knock = || {
                    start.wait();
                    (0..4).filter(|_| limiter.check("account")).count()
                };
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(knock)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
            });
            assert_eq!(passed, 5);
        }
    }
}
