//! What arrives, across connections: read, freed of repetitions, early candidates held back.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use super::buffer::{BufferLimits, EarlyCandidates};
use super::decode::decode;
use super::event::{Event, PeerMessage};
use super::message::Action;

/// How many messages are remembered, and for how long: the longest time that the service keeps one.
const REMEMBERED: usize = 1024;
const MEMORY: Duration = Duration::from_secs(120);

/// Reads what arrives on one connection after the other.
///
/// A message that the service has delivered on one connection and, not knowing that, delivers again on the next one
/// is told once. The same message twice on one connection is two messages.
#[derive(Debug)]
pub struct Inbox {
    early: EarlyCandidates,
    keys: RandomState,
    recent: VecDeque<Seen>,
    repeated: u64,
}

#[derive(Debug)]
struct Seen {
    hash: u64,
    connection: u64,
    at: Instant,
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new(BufferLimits::default(), false)
    }
}

impl Inbox {
    /// An empty one. `explicit`: early candidates wait for [`drain`](Self::drain).
    #[must_use]
    pub fn new(limits: BufferLimits, explicit: bool) -> Self {
        Self {
            early: EarlyCandidates::new(limits, explicit),
            keys: RandomState::new(),
            recent: VecDeque::new(),
            repeated: 0,
        }
    }

    /// Reads a text frame of the connection of this number: the events that follow, in order.
    pub fn receive(&mut self, text: &str, connection: u64, now: Instant) -> Vec<Event> {
        let mut out = Vec::new();
        match decode(text) {
            None => {}
            Some(Event::SdpOffer(message)) => {
                self.description(Action::SdpOffer, message, connection, now, &mut out);
            }
            Some(Event::SdpAnswer(message)) => {
                self.description(Action::SdpAnswer, message, connection, now, &mut out);
            }
            Some(Event::IceCandidate(message)) => self.candidate(message, connection, now, &mut out),
            Some(other) => out.push(other),
        }
        out
    }

    /// Gives the candidates of a peer (none: the master) that are held back, oldest first. From now on they pass.
    pub fn drain(&mut self, sender: Option<&str>) -> Vec<Event> {
        let mut out = Vec::new();
        self.early.drain(sender, &mut out);
        out
    }

    /// How many candidates are held back.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.early.len()
    }

    /// How many messages came a second time and were left out.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.early.clear();
        self.recent.clear();
    }

    fn candidate(&mut self, message: PeerMessage, connection: u64, now: Instant, out: &mut Vec<Event>) {
        if self.is_new(Action::IceCandidate, &message, connection, now) {
            self.early.candidate(message, out);
        }
    }

    fn description(
        &mut self,
        action: Action,
        message: PeerMessage,
        connection: u64,
        now: Instant,
        out: &mut Vec<Event>,
    ) {
        if !self.is_new(action, &message, connection, now) {
            return;
        }
        let sender = message.sender_client_id.clone();
        out.push(if action == Action::SdpOffer {
            Event::SdpOffer(message)
        } else {
            Event::SdpAnswer(message)
        });
        self.early.described(sender.as_deref(), out);
    }

    /// Whether it is no repetition of a message of another connection. One that was repeated is forgotten: a third
    /// one is a new message.
    fn is_new(&mut self, action: Action, message: &PeerMessage, connection: u64, now: Instant) -> bool {
        while self.recent.front().is_some_and(|seen| now.saturating_duration_since(seen.at) > MEMORY) {
            self.recent.pop_front();
        }
        let hash = self.keys.hash_one((action, &message.sender_client_id, message.payload.raw()));
        let before = self.recent.iter().position(|seen| seen.hash == hash && seen.connection != connection);
        if let Some(at) = before {
            self.recent.remove(at);
            self.repeated += 1;
            return false;
        }
        if self.recent.len() >= REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(Seen { hash, connection, at: now });
        true
    }
}
