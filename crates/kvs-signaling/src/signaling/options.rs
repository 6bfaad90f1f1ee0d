//! How a connected channel behaves.

use std::time::Duration;

use rtc_core::RetryPolicy;

use super::buffer::BufferLimits;
use super::message::MAX_PAYLOAD;

/// Longer than any connection lasts: what deadlines can be reckoned with.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How a connected channel behaves.
#[derive(Debug, Clone)]
#[must_use = "options do nothing until a channel is connected with them"]
pub struct SignalingOptions {
    pub(crate) reconnect: RetryPolicy,
    pub(crate) ping_interval: Duration,
    pub(crate) max_age: Duration,
    pub(crate) quiet_time: Duration,
    pub(crate) max_payload: usize,
    pub(crate) event_queue: usize,
    pub(crate) buffer: BufferLimits,
    pub(crate) explicit_drain: bool,
}

impl Default for SignalingOptions {
    fn default() -> Self {
        Self {
            reconnect: RetryPolicy::default().with_max_attempts(u32::MAX),
            ping_interval: Duration::from_secs(30),
            max_age: Duration::from_secs(55 * 60),
            quiet_time: Duration::from_secs(2),
            max_payload: MAX_PAYLOAD,
            event_queue: 1024,
            buffer: BufferLimits::default(),
            explicit_drain: false,
        }
    }
}

impl SignalingOptions {
    /// The defaults: reconnect for ever, ping every 30 s, leave a connection after 55 minutes.
    pub fn new() -> Self {
        Self::default()
    }

    /// How a lost connection is made anew: the pause before the *n*-th attempt in a row is drawn evenly from zero to
    /// `base * 2^(n-1)`, at most `cap` (100 ms and 10 s unless told otherwise), and after `max_attempts` of them it
    /// ends (unless told otherwise, never). A connection that lasted for less than the cap counts as a failed
    /// attempt, so that two clients that drive each other out do not do so all the time. Whatever this says, it ends
    /// when the service has refused the credentials or the channel five times in a row.
    pub fn reconnect(mut self, policy: RetryPolicy) -> Self {
        self.reconnect = policy;
        self
    }

    /// How often a WebSocket ping is sent (at least every second; 30 s unless told otherwise). The connection is given
    /// up when one is due and two are not answered yet. The service closes one that is idle for ten minutes.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval.clamp(Duration::from_secs(1), LONGEST);
        self
    }

    /// After how long another connection is made (55 minutes unless told otherwise, at least a second): the service closes one after an
    /// hour.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age.clamp(Duration::from_secs(1), LONGEST);
        self
    }

    /// How long a refusal of a message is waited for after the service has it (2 s unless told otherwise): see
    /// [`Sending::acknowledged`](super::Sending::acknowledged).
    pub fn quiet_time(mut self, time: Duration) -> Self {
        self.quiet_time = time.min(LONGEST);
        self
    }

    /// The longest payload that is sent, in characters of base64 ([`MAX_PAYLOAD`] unless told otherwise). The service
    /// drops what is too long without a word.
    pub fn max_payload(mut self, characters: usize) -> Self {
        self.max_payload = characters;
        self
    }

    /// Keeps this many events that were not read yet (1,024 unless told otherwise, at least 1); then the oldest ones
    /// make room, and [`Event::Missed`](super::Event::Missed) tells how many.
    pub fn event_queue(mut self, events: usize) -> Self {
        self.event_queue = events.max(1);
        self
    }

    /// How many early candidates are held back.
    pub fn buffer_limits(mut self, limits: BufferLimits) -> Self {
        self.buffer = limits;
        self
    }

    /// Holds the candidates of each peer back until [`Signaling::drain`](super::Signaling::drain) asks for them, and
    /// not only until its offer or answer.
    pub fn explicit_drain(mut self, on: bool) -> Self {
        self.explicit_drain = on;
        self
    }
}
