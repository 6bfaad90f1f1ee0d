//! What happens in a meeting when nobody does anything.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::room::{Key, Meeting};
use super::send::Turn;
use crate::mediasfu::state::Hub;

/// Milliseconds before the end at which the host is reminded of it.
const REMINDERS: [u64; 2] = [600_000, 300_000];

/// Has a room of the cloud closed in time, once somebody has connected to it.
pub(super) fn open(hub: &Arc<Hub>, room: &str) {
    let first = !hub.meetings.lock().sockets.values().any(|(_, of)| of.as_deref() == Some(room));
    let ends_at = hub.lock().rooms.get(room).map(|room| room.ends_at);
    if let Some(ends_at) = ends_at.filter(|_| first) {
        hub.settle_at(ends_at);
    }
}

/// Runs something at an instant, given in milliseconds since 1970, if the emulator is still there.
fn at(hub: &Arc<Hub>, instant: u64, act: impl FnOnce(&Arc<Hub>) + Send + 'static) {
    let wait = Duration::from_millis(instant.saturating_sub(hub.now()));
    let (weak, clock) = (Arc::downgrade(hub), hub.shared.clock.clone());
    hub.shared.spawn(async move {
        clock.sleep(wait).await;
        if let Some(hub) = weak.upgrade() {
            act(&hub);
        }
    });
}

/// Reminds the host, or the first who is there, that the meeting will end.
pub(super) fn remind(hub: &Arc<Hub>, key: &Key, ends_at: u64) {
    for before in REMINDERS {
        let instant = ends_at.saturating_sub(before);
        if instant <= hub.now() {
            continue;
        }
        let key = key.clone();
        at(hub, instant, move |hub| {
            let mut turn = Turn::default();
            if let Some(meeting) = hub.meetings.lock().meetings.get(&key) {
                let member = meeting.host().or_else(|| meeting.members.first());
                let told = json!({ "timeRemaining": before });
                turn.tell(member.map(|m| (m.socket.clone(), "meetingTimeRemaining", told)));
            }
            turn.perform(None);
        });
    }
}

/// Ends an event of a Community Edition in time. Its connections stay.
pub(super) fn close_event(hub: &Arc<Hub>, key: &Key, ends_at: u64) {
    let key = key.clone();
    at(hub, ends_at, move |hub| {
        let over = |meeting: &Meeting| {
            meeting.event.started.is_some_and(|at| at.saturating_add(meeting.event.duration) <= hub.now())
        };
        let mut turn = Turn::default();
        let mut data = hub.meetings.lock();
        // Another event may have the name now.
        if data.meetings.get(&key).is_some_and(over)
            && let Some(meeting) = data.meetings.remove(&key)
        {
            turn.tell(meeting.to_all("meetingEnded", &Value::Null));
        }
        drop(data);
        turn.perform(None);
    });
}
