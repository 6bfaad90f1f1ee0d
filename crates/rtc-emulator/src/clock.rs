//! The emulator's own time: the system's plus an offset, or a time that moves only when told to.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::watch;

#[derive(Clone, Copy)]
struct State {
    /// Wall time against the base (the system's time, or the fixed start), in nanoseconds.
    offset: i128,
    /// How far time was moved forwards by hand; never shrinks, so monotonic time stays monotonic.
    forward: Duration,
}

struct Inner {
    fixed: Option<SystemTime>,
    started: Instant,
    state: Mutex<State>,
    moved: watch::Sender<()>,
    sleepers: watch::Sender<usize>,
}

/// The clock every provider module asks for "now" and waits with. Clones share one time.
///
/// Moving it wakes whoever sleeps on it, so a test never has to wait for real time to pass.
#[derive(Clone)]
pub struct EmulatorClock(Arc<Inner>);

impl EmulatorClock {
    /// The system's time, until it is moved.
    pub fn system() -> Self {
        Self::build(None)
    }

    /// A time that stands still at `start` and moves only by [`advance`](Self::advance) and
    /// [`set`](Self::set).
    pub fn manual(start: SystemTime) -> Self {
        Self::build(Some(start))
    }

    fn build(fixed: Option<SystemTime>) -> Self {
        Self(Arc::new(Inner {
            fixed,
            started: Instant::now(),
            state: Mutex::new(State { offset: 0, forward: Duration::ZERO }),
            moved: watch::Sender::new(()),
            sleepers: watch::Sender::new(0),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn base(&self) -> SystemTime {
        self.0.fixed.unwrap_or_else(SystemTime::now)
    }

    /// Whether time stands still by itself.
    pub fn is_manual(&self) -> bool {
        self.0.fixed.is_some()
    }

    /// The wall time.
    pub fn now(&self) -> SystemTime {
        shift(self.base(), self.state().offset)
    }

    /// A time that never goes back, whatever [`set`](Self::set) does to the wall time.
    pub fn monotonic(&self) -> Instant {
        let base = if self.is_manual() { self.0.started } else { Instant::now() };
        base.checked_add(self.state().forward).unwrap_or(base)
    }

    /// Moves time forwards and wakes the sleepers that are due.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.offset = state.offset.saturating_add(nanos(by));
        state.forward = state.forward.saturating_add(by);
        drop(state);
        self.0.moved.send_replace(());
    }

    /// Sets the wall time, forwards or backwards.
    pub fn set(&self, to: SystemTime) {
        let mut state = self.state();
        match to.duration_since(shift(self.base(), state.offset)) {
            Ok(ahead) => {
                state.offset = state.offset.saturating_add(nanos(ahead));
                state.forward = state.forward.saturating_add(ahead);
            }
            Err(back) => state.offset = state.offset.saturating_sub(nanos(back.duration())),
        }
        drop(state);
        self.0.moved.send_replace(());
    }

    /// Back to the system's time, or to the start of a manual clock.
    pub fn reset(&self) {
        self.state().offset = 0;
        self.0.moved.send_replace(());
    }

    /// Waits until `by` has passed on the monotonic time.
    pub async fn sleep(&self, by: Duration) {
        let Some(until) = self.monotonic().checked_add(by) else { return std::future::pending().await };
        self.wait(|| until.saturating_duration_since(self.monotonic())).await;
    }

    /// Waits until the wall time has reached `at`.
    pub async fn sleep_until(&self, at: SystemTime) {
        self.wait(|| at.duration_since(self.now()).unwrap_or_default()).await;
    }

    /// Waits until at least `n` sleeps are pending, so that a test knows when to advance.
    pub async fn wait_for_sleepers(&self, n: usize) {
        // The sender lives in self: this cannot fail while we wait.
        let _ = self.0.sleepers.subscribe().wait_for(|now| *now >= n).await;
    }

    /// How many sleeps are pending.
    pub fn sleepers(&self) -> usize {
        *self.0.sleepers.borrow()
    }

    async fn wait(&self, left: impl Fn() -> Duration) {
        let mut moved = self.0.moved.subscribe();
        let _guard = Asleep::new(&self.0.sleepers);
        loop {
            moved.mark_unchanged();
            let left = left();
            if left.is_zero() {
                return;
            }
            if self.is_manual() {
                let _ = moved.changed().await;
            } else {
                tokio::select! {
                    _ = moved.changed() => {}
                    () = tokio::time::sleep(left) => {}
                }
            }
        }
    }
}

impl Default for EmulatorClock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for EmulatorClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorClock").field("now", &self.now()).field("manual", &self.is_manual()).finish()
    }
}

/// Counts one sleep while it is pending, also when its future is dropped.
struct Asleep<'a>(&'a watch::Sender<usize>);

impl<'a> Asleep<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|n| *n = n.saturating_add(1));
        Self(count)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n = n.saturating_sub(1));
    }
}

fn nanos(d: Duration) -> i128 {
    i128::try_from(d.as_nanos()).unwrap_or(i128::MAX)
}

/// `t` moved by `ns`; a time that cannot be told stays `t`.
fn shift(t: SystemTime, ns: i128) -> SystemTime {
    let by = ns.unsigned_abs();
    let by = Duration::new(
        u64::try_from(by / 1_000_000_000).unwrap_or(u64::MAX),
        u32::try_from(by % 1_000_000_000).unwrap_or(0),
    );
    if ns < 0 { t.checked_sub(by) } else { t.checked_add(by) }.unwrap_or(t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn manual_time_moves_only_by_hand_and_wakes_sleepers() {
        let clock = EmulatorClock::manual(SystemTime::UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(60)).await }
        });
        clock.wait_for_sleepers(1).await;
        clock.advance(Duration::from_secs(59));
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
        assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
    }

    #[tokio::test]
    async fn an_advance_wakes_a_sleeper_of_the_system_clock() {
        let clock = EmulatorClock::system();
        let at = clock.now() + Duration::from_secs(3600);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(at).await }
        });
        clock.wait_for_sleepers(1).await;
        clock.advance(Duration::from_secs(3601));
        sleeper.await.unwrap();
    }

    #[test]
    fn wall_time_may_go_back_monotonic_time_may_not() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let clock = EmulatorClock::manual(start);
        let before = clock.monotonic();
        clock.set(SystemTime::UNIX_EPOCH);
        assert_eq!((clock.now(), clock.monotonic()), (SystemTime::UNIX_EPOCH, before));
        clock.reset();
        assert_eq!(clock.now(), start);
    }
}
