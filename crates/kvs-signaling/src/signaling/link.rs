//! Whether a connection lives, and what has arrived over it.
//!
//! The service confirms no message. But it answers WebSocket pings in their order among the messages, so the answer to
//! a ping shows that everything before it was read.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The shortest pause between pings that follow messages.
const GAP: Duration = Duration::from_millis(200);
/// How many pings may be without an answer.
const PATIENCE: u64 = 2;
/// How many messages wait to be confirmed. The paced rates keep it far below; it is for peers that answer pings with
/// something else.
const UNCONFIRMED: usize = 4096;

/// The pings of one connection, and the messages that no answer has confirmed yet.
#[derive(Debug)]
pub(crate) struct Link<T> {
    interval: Duration,
    /// Messages, each with the number of the ping that confirms it.
    sent: VecDeque<(u64, T)>,
    pings: u64,
    answered: u64,
    last: Instant,
    hurried: bool,
}

/// What is to be done when a [`Link`] is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// Send a ping with this content.
    Ping([u8; 8]),
    /// Nobody is there any more.
    Dead,
}

impl<T> Link<T> {
    pub(crate) fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, sent: VecDeque::new(), pings: 0, answered: 0, last: now, hurried: false }
    }

    /// A message was sent.
    pub(crate) fn sent(&mut self, message: T) {
        if self.sent.len() >= UNCONFIRMED {
            self.sent.pop_front();
        }
        self.sent.push_back((self.pings + 1, message));
    }

    /// A pong came: the messages that it confirms.
    pub(crate) fn pong(&mut self, content: &[u8]) -> Vec<T> {
        // One that is not an answer to ours shows life, but not what was read.
        let number = content.try_into().map(u64::from_be_bytes).unwrap_or_default();
        let number = if number <= self.pings { number } else { 0 };
        self.answered = if number == 0 { self.pings } else { self.answered.max(number) };
        let mut confirmed = Vec::new();
        while self.sent.front().is_some_and(|(ping, _)| *ping <= number) {
            confirmed.extend(self.sent.pop_front().map(|(_, message)| message));
        }
        confirmed
    }

    /// Has the messages confirmed as soon as can be: the connection is about to be replaced.
    pub(crate) fn hurry(&mut self) {
        self.hurried = true;
    }

    /// When [`tick`](Self::tick) is due.
    pub(crate) fn deadline(&self) -> Instant {
        let unasked = self.sent.back().is_some_and(|(ping, _)| *ping > self.pings);
        let is_answered = self.answered == self.pings;
        if unasked && (self.hurried || self.pings == 0) {
            self.last
        } else if unasked && is_answered {
            self.last + GAP.min(self.interval)
        } else {
            self.last + self.interval
        }
    }

    pub(crate) fn tick(&mut self, now: Instant) -> Due {
        if now < self.deadline() {
            return Due::Nothing;
        }
        if self.pings - self.answered >= PATIENCE {
            return Due::Dead;
        }
        self.pings += 1;
        self.last = now;
        self.hurried = false;
        Due::Ping(self.pings.to_be_bytes())
    }

    /// The messages that nothing has confirmed.
    pub(crate) fn unconfirmed(&self) -> impl Iterator<Item = &T> {
        self.sent.iter().map(|(_, message)| message)
    }

    /// Takes out the one message that fits.
    pub(crate) fn take(&mut self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let at = self.sent.iter().position(|(_, message)| fits(message))?;
        self.sent.remove(at).map(|(_, message)| message)
    }

    /// The messages that nothing has confirmed, when it is over.
    pub(crate) fn into_unconfirmed(self) -> impl Iterator<Item = T> {
        self.sent.into_iter().map(|(_, message)| message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn pings_go_out_and_two_may_be_missed() {
        let start = Instant::now();
        let mut link = Link::<()>::new(30 * S, start);
        assert_eq!(link.tick(start + 29 * S), Due::Nothing);
        assert_eq!(link.tick(start + 30 * S), Due::Ping(1u64.to_be_bytes()));
        assert!(link.pong(&1u64.to_be_bytes()).is_empty());
        assert_eq!(link.tick(start + 60 * S), Due::Ping(2u64.to_be_bytes()));
        assert_eq!(link.tick(start + 90 * S), Due::Ping(3u64.to_be_bytes()));
        assert_eq!(link.tick(start + 119 * S), Due::Nothing);
        assert_eq!(link.tick(start + 120 * S), Due::Dead);
        // A pong that answers nothing of ours is a sign of life all the same.
        link.pong(b"hello");
        assert_eq!(link.tick(start + 120 * S), Due::Ping(4u64.to_be_bytes()));
    }

    #[test]
    fn a_pong_confirms_what_was_sent_before_its_ping() {
        let start = Instant::now();
        let mut link = Link::new(30 * S, start);
        link.sent("a");
        link.sent("b");
        // The first message is followed by a ping at once, later ones by one after a while.
        assert_eq!(link.tick(start), Due::Ping(1u64.to_be_bytes()));
        link.sent("c");
        assert_eq!(link.tick(start + S), Due::Nothing);
        assert!(link.pong(b"12345678").is_empty());
        assert_eq!(link.pong(&1u64.to_be_bytes()), ["a", "b"]);
        assert_eq!(link.tick(start + GAP - Duration::from_millis(1)), Due::Nothing);
        assert_eq!(link.tick(start + GAP), Due::Ping(2u64.to_be_bytes()));
        link.sent("d");
        assert_eq!(link.take(|m| *m == "c"), Some("c"));
        assert_eq!(link.unconfirmed().count(), 1);
        // The one that is on its way does not ask for the last message.
        assert_eq!(link.tick(start + S), Due::Nothing);
        link.hurry();
        assert_eq!(link.tick(start + S), Due::Ping(3u64.to_be_bytes()));
        assert_eq!(link.tick(start + S), Due::Nothing);
        assert_eq!(link.into_unconfirmed().collect::<Vec<_>>(), ["d"]);
    }
}
