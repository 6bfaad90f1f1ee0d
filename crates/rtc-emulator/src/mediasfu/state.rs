//! Everything the emulated MediaSFU keeps, and the hub that its two halves hold: HTTP and the meetings over
//! Socket.IO.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::external::{ExternalSession, Playback};
use super::keys::DisposableKey;
use super::meeting::Meetings;
use super::quirks::Quirks;
use super::sip::SipCall;
use crate::bounds::PAST;
use crate::shared::Shared;
use crate::time::unix_millis;

/// What both halves hold.
pub(super) struct Hub {
    pub(super) shared: Arc<Shared>,
    state: Mutex<State>,
    /// Who is in which meeting. Never called with the state locked.
    pub(super) meetings: Meetings,
}

/// All of it, as the management API shows it and takes it in.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct State {
    /// By name.
    pub(super) rooms: BTreeMap<String, Room>,
    /// Answers that were given under an idempotency key.
    pub(super) answered: BTreeMap<String, Answered>,
    /// None until they are created.
    pub(super) event_settings: Option<Map<String, Value>>,
    /// The account's telephone numbers; the demo number while none are given.
    pub(super) sip_configs: Option<Vec<Value>>,
    /// The newest last.
    pub(super) sip_calls: Vec<SipCall>,
    /// When calls were listed last, in milliseconds since 1970.
    pub(super) sip_calls_listed_at: Option<u64>,
    /// By id.
    pub(super) external_sessions: BTreeMap<String, ExternalSession>,
    /// By id.
    pub(super) playbacks: BTreeMap<String, Playback>,
    /// By id.
    pub(super) disposable_keys: BTreeMap<String, DisposableKey>,
    /// What the Community Edition handed out, by user name.
    pub(super) temporary_keys: BTreeMap<String, TemporaryKey>,
    pub(super) quirks: Quirks,
}

/// A room, until it is deleted. One whose time is over is still listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Room {
    /// The input it was made from.
    pub(super) input: Value,
    /// Who may come in: the host first.
    pub(super) entries: Vec<Entry>,
    /// Milliseconds since 1970.
    pub(super) ends_at: u64,
    /// Whether the host lets people in one by one.
    pub(super) waiting_room: bool,
    /// Whether its end was told to those in it.
    pub(super) closed: bool,
}

/// A token that lets into a room, and whom.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) secret: String,
    pub(super) name: String,
    pub(super) host: bool,
}

/// Credentials that a Community Edition gives to its own pages.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TemporaryKey {
    /// 64 hexadecimal digits.
    pub(super) key: String,
    /// Milliseconds since 1970.
    pub(super) expires_at: u64,
}

/// An answer that is given again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Answered {
    /// What was asked: operation, path and body.
    pub(super) input: Value,
    pub(super) status: u16,
    pub(super) body: Value,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub(super) at: u64,
}

impl Room {
    pub(super) fn is_active(&self, now: u64) -> bool {
        self.ends_at > now
    }

    /// One more may come in. Of too many the oldest may no longer; the host, who is the first, may.
    pub(super) fn let_in(&mut self, entry: Entry) {
        self.entries.push(entry);
        if self.entries.len() > PAST {
            self.entries.remove(1);
        }
    }
}

impl State {
    /// A room that can be entered.
    pub(super) fn room(&self, name: &str, now: u64) -> Option<&Room> {
        self.rooms.get(name).filter(|room| room.is_active(now))
    }

    /// Adds what was given; the switches of the quirks are replaced.
    pub(super) fn take(&mut self, seed: Self) {
        self.rooms.extend(seed.rooms);
        self.answered.extend(seed.answered);
        self.event_settings = seed.event_settings.or(self.event_settings.take());
        self.sip_configs = seed.sip_configs.or(self.sip_configs.take());
        self.sip_calls.extend(seed.sip_calls);
        self.sip_calls_listed_at = seed.sip_calls_listed_at.or(self.sip_calls_listed_at);
        self.external_sessions.extend(seed.external_sessions);
        self.playbacks.extend(seed.playbacks);
        self.disposable_keys.extend(seed.disposable_keys);
        self.temporary_keys.extend(seed.temporary_keys);
        self.quirks = seed.quirks;
    }

    /// Keeps an answer for its idempotency key; of too many the older half is forgotten. How long the service knows a
    /// key is not documented.
    pub(super) fn answer_again(&mut self, key: String, answer: Answered) {
        self.answered.insert(key, answer);
        if self.answered.len() > PAST {
            let mut times: Vec<u64> = self.answered.values().map(|answer| answer.at).collect();
            times.sort_unstable();
            let middle = times.get(PAST / 2 - 1).copied().unwrap_or_default();
            // Of those of one instant any may go: the keys are in no order.
            let mut over = PAST / 2;
            self.answered.retain(|_, answer| {
                let goes = over > 0 && answer.at <= middle;
                over -= usize::from(goes);
                !goes
            });
        }
    }

    /// Marks the rooms whose time is over, and names those that were not marked before.
    fn expire(&mut self, now: u64) -> Vec<String> {
        let over = self.rooms.iter_mut().filter(|(_, room)| !room.closed && !room.is_active(now));
        let over: Vec<String> = over
            .map(|(name, room)| {
                room.closed = true;
                name.clone()
            })
            .collect();
        over.iter().for_each(|room| self.leave(room, now));
        over
    }

    /// Ends what goes on in a room that is no more: its telephone calls and external sources.
    pub(super) fn leave(&mut self, room: &str, now: u64) {
        self.sip_calls.iter_mut().filter(|call| call.room_name == room).for_each(|call| call.end(now));
        self.external_sessions.values_mut().filter(|s| s.room == room).for_each(ExternalSession::close);
    }
}

impl Hub {
    pub(super) fn new(shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { shared: Arc::clone(shared), state: Mutex::default(), meetings: Meetings::default() })
    }

    /// The state as it is, for a short time: nothing that waits may happen meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, in milliseconds since 1970.
    pub(super) fn now(&self) -> u64 {
        unix_millis(self.shared.clock.now())
    }

    /// Ends the meetings of rooms whose time is over.
    pub(super) fn settle(&self, now: u64) {
        let over = self.lock().expire(now);
        over.iter().for_each(|room| self.meetings.close(room, "the time of the room is over"));
    }

    /// Has the meeting of a room end in time, though nobody asks for anything then. For who lets the first one in:
    /// a room that nobody is in needs no timer.
    pub(super) fn settle_at(self: &Arc<Self>, ends_at: u64) {
        let wait = Duration::from_millis(ends_at.saturating_sub(self.now()));
        let (hub, clock) = (Arc::downgrade(self), self.shared.clock.clone());
        self.shared.spawn(async move {
            clock.sleep(wait).await;
            if let Some(hub) = hub.upgrade() {
                hub.settle(hub.now());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_half_of_too_many_answers_is_forgotten() {
        let mut state = State::default();
        let answer = |at| Answered { input: Value::Null, status: 200, body: Value::Null, at };
        for n in 0..=PAST as u64 {
            state.answer_again(format!("key {n}"), answer(n));
        }
        assert_eq!(state.answered.len(), PAST / 2 + 1);
        assert!(state.answered.values().all(|answer| answer.at >= PAST as u64 / 2));
        // All at one instant: as many go.
        let mut state = State::default();
        (0..=PAST).for_each(|n| state.answer_again(format!("key {n}"), answer(7)));
        assert_eq!(state.answered.len(), PAST / 2 + 1);
    }

    #[test]
    fn a_room_keeps_its_host_and_the_latest_guests() {
        let mut room = Room::default();
        let entry = |n: usize| Entry { secret: n.to_string(), host: n == 0, ..Entry::default() };
        (0..PAST + 5).for_each(|n| room.let_in(entry(n)));
        assert_eq!(room.entries.len(), PAST);
        assert!(room.entries[0].host && room.entries[1].secret == "6");
        assert_eq!(room.entries[PAST - 1].secret, (PAST + 4).to_string());
    }
}
