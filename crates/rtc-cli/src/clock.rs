//! A clock whose wall time stands still, so that signatures and tokens can be reproduced.

use std::time::{Duration, Instant, SystemTime};

use rtc_core::{BoxFuture, Clock, SystemClock};

/// Shows one instant for ever; deadlines and sleeps run on real time.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub SystemTime);

impl Clock for FixedClock {
    fn now(&self) -> SystemTime {
        self.0
    }

    fn monotonic(&self) -> Instant {
        SystemClock.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(duration)
    }
}
