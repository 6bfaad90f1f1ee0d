//! How long the session around a room still lasts.

use std::time::Instant;

use super::event::RoomEvent;
use crate::lifecycle::{ExtensionState, SessionLife};

/// Extensions are at least this long, in minutes. A session that lasts longer than thought by half of that was extended
/// by somebody; a smaller difference is the network's and the service's rounding.
const SHORTEST: f64 = 10.0;

/// The life of a session, as the room told last, on a clock that never goes back.
#[derive(Debug)]
pub(super) struct Life {
    since: Instant,
    life: SessionLife,
    /// Whether the windows before the present end are closed: an extension was asked for.
    used: bool,
}

impl Life {
    fn new(now: Instant, minutes: f64) -> Self {
        Self { since: now, life: SessionLife::with_left(0.0, minutes), used: false }
    }

    /// Takes an event in. The full state of a room begins anew.
    pub(super) fn follow(life: &mut Option<Self>, event: &RoomEvent, now: Instant) {
        match event {
            RoomEvent::RoomConnected(snapshot) => {
                let seconds = snapshot.room.as_ref().and_then(|room| room.remaining_duration);
                *life = seconds.map(|seconds| Self::new(now, seconds / 60.0));
            }
            RoomEvent::ConferenceRemainingDuration(told) => Self::correct(life, told.time_left, now),
            RoomEvent::ConferenceExtended(told) => {
                match (told.time_left, told.extended_time, life.as_mut()) {
                    (Some(_), _, _) => Self::correct(life, told.time_left, now),
                    (None, Some(minutes), Some(life)) if life.is_ending(now) => life.extend(minutes),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn correct(life: &mut Option<Self>, left: Option<f64>, now: Instant) {
        let Some(left) = left.filter(|left| *left >= 0.0) else { return };
        let used = life.as_ref().is_some_and(|life| {
            let thought = life.state(now).time_left;
            life.used && left < thought + SHORTEST / 2.0
        });
        *life = Some(Self { used, ..Self::new(now, left) });
    }

    fn minutes(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.since).as_secs_f64() / 60.0
    }

    pub(super) fn state(&self, now: Instant) -> ExtensionState {
        let mut state = self.life.at(self.minutes(now));
        state.window = state.window.filter(|_| !self.used);
        state
    }

    /// Notes that an extension was asked for.
    pub(super) fn trigger(&mut self) {
        self.used = true;
    }

    /// Notes that the room refused it: the window is open again.
    pub(super) fn reopen(&mut self) {
        self.used = false;
    }

    /// Whether it can be extended at all. Everybody is told of an extension, and who asked for it once more: where more is
    /// left, it was counted already.
    fn is_ending(&self, now: Instant) -> bool {
        self.state(now).time_left <= SHORTEST
    }

    /// Notes by how much the one was extended that was asked for, unless the room has told everybody before.
    pub(super) fn granted(&mut self, minutes: f64) {
        if self.used {
            self.extend(minutes);
        }
    }

    fn extend(&mut self, minutes: f64) {
        self.life.extend(minutes);
        self.used = false;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::lifecycle::ExtensionWindow;

    fn follow(life: &mut Option<Life>, name: &str, content: serde_json::Value, now: Instant) {
        Life::follow(life, &RoomEvent::read(name, &[content]), now);
    }

    fn left(life: &mut Option<Life>, minutes: f64, now: Instant) {
        let content = json!({ "id": "conference-remaining-duration", "msg": { "timeLeft": minutes } });
        follow(life, "roomManagementEvents", content, now);
    }

    #[test]
    fn the_room_corrects_the_clock_and_an_extension_of_somebody_else_opens_the_windows_again() {
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_secs(minutes * 60);
        let mut life = None;
        follow(&mut life, "room-connected", json!({ "room": { "remainingDuration": 1800 } }), start);
        let window = |life: &Option<Life>, now| life.as_ref().unwrap().state(now).window;
        assert_eq!(window(&life, at(19)), None);
        assert_eq!(window(&life, at(20)), Some(ExtensionWindow::First));
        // It ends five minutes earlier than thought.
        left(&mut life, 10.0, at(15));
        assert_eq!(window(&life, at(15)), Some(ExtensionWindow::First));
        life.as_mut().unwrap().trigger();
        left(&mut life, 5.0, at(20));
        assert_eq!(window(&life, at(20)), None);
        left(&mut life, 24.0, at(21));
        assert_eq!(window(&life, at(21)), None);
        assert_eq!(window(&life, at(36)), Some(ExtensionWindow::First));
    }

    #[test]
    fn without_a_told_duration_nothing_is_known() {
        let mut life = None;
        follow(&mut life, "room-connected", json!({ "room": { "name": "n" } }), Instant::now());
        assert!(life.is_none());
        left(&mut life, -1.0, Instant::now());
        assert!(life.is_none());
    }
}
