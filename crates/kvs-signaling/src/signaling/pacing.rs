//! The documented rates of a connection, kept instead of hit: what is over them is dropped without a word unless it
//! has a correlation id.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::Action;

/// Messages per second and connection. Source: quotas of Kinesis Video Streams WebRTC.
const DESCRIPTIONS: usize = 5;
const CANDIDATES: usize = 20;
/// A second, and what the network may hold up messages by: two bursts that come closer to each other than they were
/// sent must not be one.
const WINDOW: Duration = Duration::from_millis(1100);

/// The pace of one client.
#[derive(Debug)]
pub(crate) struct Pacing {
    descriptions: Window,
    candidates: Window,
}

/// The last messages, at most as many as may go within a window.
#[derive(Debug)]
struct Window {
    most: usize,
    sent: VecDeque<Instant>,
}

impl Window {
    fn new(most: usize) -> Self {
        Self { most, sent: VecDeque::with_capacity(most) }
    }

    fn ready(&self, now: Instant) -> Instant {
        match self.sent.front() {
            Some(oldest) if self.sent.len() >= self.most => *oldest + WINDOW,
            _ => now,
        }
    }

    fn take(&mut self, now: Instant) {
        if self.sent.len() >= self.most {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }
}

impl Pacing {
    pub(crate) fn new() -> Self {
        Self { descriptions: Window::new(DESCRIPTIONS), candidates: Window::new(CANDIDATES) }
    }

    fn window(&mut self, action: Action) -> &mut Window {
        match action {
            Action::IceCandidate => &mut self.candidates,
            Action::SdpOffer | Action::SdpAnswer => &mut self.descriptions,
        }
    }

    /// From when on a message of this kind may go.
    pub(crate) fn ready(&mut self, action: Action, now: Instant) -> Instant {
        self.window(action).ready(now)
    }

    pub(crate) fn take(&mut self, action: Action, now: Instant) {
        self.window(action).take(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_within_a_window() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pacing = Pacing::new();
        for ms in [0, 0, 500, 500, 500] {
            assert!(pacing.ready(Action::SdpOffer, at(ms)) <= at(ms));
            pacing.take(Action::SdpAnswer, at(ms));
        }
        assert_eq!(pacing.ready(Action::SdpOffer, at(500)), at(1100));
        assert!(pacing.ready(Action::IceCandidate, at(500)) <= at(500));
        pacing.take(Action::SdpOffer, at(1100));
        assert_eq!(pacing.ready(Action::SdpOffer, at(1100)), at(1100));
        pacing.take(Action::SdpOffer, at(1100));
        assert_eq!(pacing.ready(Action::SdpOffer, at(1100)), at(1600));
    }
}
