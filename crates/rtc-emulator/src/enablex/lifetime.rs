//! The life of a session: how it begins, what the clock does to it, and how it ends. The clock starts with the first
//! one who comes in. Ten minutes before the end, and five minutes before it unless it was extended, everybody is told
//! and it can be extended; at the end everybody is sent out. A session of a room without a duration has no end.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use super::{
    hub::Hub,
    live::{Live, status},
    reports::Past,
    room::{Room, Session, To},
    turn::{Step, World},
};
use crate::bounds::{PAST, SAID, latest};

/// When the windows for extensions open, before the end.
pub(super) const WINDOWS: [Duration; 2] = [Duration::from_secs(600), Duration::from_secs(300)];
/// How long after a session its recordings have been composed.
const COMPOSING: Duration = Duration::from_secs(600);

impl Room {
    /// Begins a session.
    pub(super) fn begin(&mut self, room_id: &str, conf_num: String, now: SystemTime) -> Vec<Step> {
        let lasts = self.minutes().map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
        let ends = lasts.and_then(|lasts| now.checked_add(lasts));
        if self.is_set("adhoc") {
            self.until = self.until.or(ends);
        }
        let automatic = |name: &str| self.setting(name) == &Value::Bool(true);
        let live = self.setting("live_recording");
        let live = live == &Value::Bool(true) || live.get("auto_recording") == Some(&Value::Bool(true));
        self.session = Session {
            conf_num: conf_num.clone(),
            began: Some(now),
            ends: if self.is_set("adhoc") { self.until } else { ends },
            knock: automatic("knock"),
            lecture: self.setting("mode") == "lecture",
            recording: automatic("auto_recording"),
            live: if live { Live::On { by: String::new() } } else { Live::Off },
            ..Session::default()
        };
        vec![Step::Watch { room_id: room_id.to_owned(), conf_num }]
    }

    /// Ends the piece of a recording that is under way.
    pub(super) fn cut(&mut self, room_id: &str) {
        let ids: Vec<String> = self.inside().map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.keep(room_id, id));
    }

    /// Ends what is recorded of one user: a file of everybody who publishes.
    pub(super) fn keep(&mut self, room_id: &str, client_id: &str) {
        if self.member(client_id).is_none_or(|user| user.role == "viewer") {
            return;
        }
        let n = self.session.recordings.len() + 1;
        let file = format!("/recordings/{room_id}/{}/{client_id}_{n}.mkv", self.session.conf_num);
        self.session.recordings.push(file);
        latest(&mut self.session.recordings, SAID);
    }

    /// Ends the composed recording that is under way.
    pub(super) fn cut_live(&mut self, room_id: &str) {
        let n = self.session.composed.len() + 1;
        let path = format!("/recordings/{room_id}/{}/live_{n}.mp4", self.session.conf_num);
        self.session.composed.push(path);
        latest(&mut self.session.composed, SAID);
    }
}

impl World<'_> {
    /// Does what is due in a session, and tells when the next thing will be.
    pub(super) fn pass(&mut self, room_id: &str, conf_num: &str) -> Option<SystemTime> {
        let now = self.now;
        let room = self.data.rooms.get_mut(room_id).filter(|room| room.session.conf_num == conf_num)?;
        let mut steps = start_queued(room, now);
        let (next, is_over) = match room.session.ends {
            Some(end) => {
                steps.extend(announce_windows(room, end, now));
                let window = WINDOWS.get(room.session.windows).and_then(|before| end.checked_sub(*before));
                (window.or(Some(end)), now >= end)
            }
            None => (None, false),
        };
        let queued =
            [&room.session.live, &room.session.streaming].into_iter().filter_map(|live| match live {
                Live::Queued { at, .. } => Some(*at),
                _ => None,
            });
        let next = next.into_iter().chain(queued).min();
        self.push(steps);
        if is_over {
            self.send_everybody_out(room_id, "conference-expired");
            return None;
        }
        next
    }

    /// Does what is due anywhere, so that nobody who asks right after the clock was moved sees what is no more.
    pub(super) fn settle(&mut self) {
        // Nothing is due where no session was begun.
        let rooms =
            self.data.rooms.iter().filter(|(_, room)| room.session.began.is_some() || room.until.is_some());
        let all: Vec<_> =
            rooms.map(|(id, room)| (id.clone(), room.session.conf_num.clone(), room.until)).collect();
        for (room_id, conf_num, until) in all {
            self.pass(&room_id, &conf_num);
            if let Some(until) = until.filter(|until| *until <= self.now) {
                self.expire(&room_id, until);
            }
        }
    }

    /// Everybody has to go, those in front of the room as well.
    pub(super) fn send_everybody_out(&mut self, room_id: &str, reason: &str) {
        let Some(room) = self.data.rooms.get_mut(room_id) else { return };
        // Only the end itself is told: who of many went first is nothing.
        let everybody = std::mem::take(&mut room.users);
        let content = json!({ "reason": reason });
        let mut steps = Vec::new();
        for (id, user) in everybody {
            if let Some(socket) = &user.socket {
                self.data.clients.remove(&socket.id);
                steps.push(Step::Tell(socket.clone(), "room-disconnected", content.clone()));
                steps.push(Step::Close(socket.clone()));
            }
            if user.awaits.is_none() {
                room.users.insert(id, user);
            }
        }
        self.push(steps);
        self.finish(room_id);
    }

    /// Ends a session: its recordings end, its records are written and its webhooks posted.
    pub(super) fn finish(&mut self, room_id: &str) {
        let now = self.now;
        let Some(room) = self.data.rooms.get_mut(room_id) else { return };
        if room.session.began.is_none() {
            return;
        }
        if room.session.recording {
            room.cut(room_id);
        }
        if matches!(room.session.live, Live::On { .. }) {
            room.cut_live(room_id);
        }
        let ids: Vec<String> = room.inside().map(|(id, _)| id.clone()).collect();
        for id in ids {
            let visit = room.users.remove(&id).map(|user| user.visit(&id, now));
            room.session.visits.extend(visit);
        }
        let session = std::mem::take(&mut room.session);
        let past = Past::new(room_id, &room.info, session, now, self.shared);
        let (adhoc, until) = (room.is_set("adhoc"), room.until);
        self.file(past);
        if adhoc {
            match until.filter(|until| *until > now) {
                Some(at) => self.push([Step::Expire { room_id: room_id.to_owned(), at }]),
                // A room for one use is gone with its last user.
                None => self.remove_used(room_id),
            }
        }
    }

    /// Deletes a room for one use if nobody is left in it.
    fn remove_used(&mut self, room_id: &str) {
        if self.data.rooms.get(room_id).is_some_and(|room| room.is_set("adhoc") && room.users.is_empty()) {
            self.data.rooms.remove(room_id);
        }
    }

    /// The time of a room for one use is over.
    pub(super) fn expire(&mut self, room_id: &str, at: SystemTime) {
        if self.data.rooms.get(room_id).is_some_and(|room| room.until == Some(at)) {
            self.remove_used(room_id);
        }
    }

    /// Keeps what is left of a session, and has it told.
    fn file(&mut self, past: Past) {
        let of = (past.room_id.clone(), past.conf_num.clone());
        let of = (of.0.as_str(), of.1.as_str());
        self.post("roomdrop", of, json!({}), None);
        let composed_at = self.now.checked_add(COMPOSING).unwrap_or(self.now);
        let mut files = Vec::new();
        for (kind, paths, after) in [
            ("recording", past.recordings.clone(), None),
            ("transcoded", past.transcoded.clone(), Some(COMPOSING)),
            ("chatdata", past.chat.iter().cloned().collect(), None),
        ] {
            if paths.is_empty() {
                continue;
            }
            let made = if after.is_some() { composed_at } else { self.now };
            for path in &paths {
                let content = (kind == "chatdata").then(|| past.said.clone());
                self.data.files.insert(path.clone(), super::files::File { made, content });
            }
            let urls: Vec<Value> =
                paths.iter().map(|path| json!({ "url": format!("{}{path}", self.shared.url()) })).collect();
            files.extend(urls.clone());
            self.post(kind, of, json!({ kind: urls }), after);
        }
        let destination = self.data.hook.as_ref().and_then(|hook| hook.destination.clone());
        if let Some(destination) = destination.filter(|_| !files.is_empty()) {
            let more = json!({ "destination": destination, "files": files });
            self.post("file-transfer", of, more, Some(COMPOSING));
        }
        self.data.past.push(past);
        for forgotten in latest(&mut self.data.past, PAST) {
            let files = [forgotten.recordings, forgotten.transcoded, forgotten.chat.into_iter().collect()];
            for path in files.iter().flatten() {
                self.data.files.remove(path);
            }
        }
    }
}

/// Tells of the windows that have opened. One that has gone by, too, is told as it was.
fn announce_windows(room: &mut Room, end: SystemTime, now: SystemTime) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(before) = WINDOWS.get(room.session.windows) {
        let is_open = |before: &Duration| end.checked_sub(*before).is_some_and(|opens| now >= opens);
        if !is_open(before) {
            break;
        }
        room.session.windows += 1;
        let gone_by = WINDOWS.get(room.session.windows).is_none_or(is_open) && room.session.windows < 2;
        let left = end.duration_since(now).unwrap_or_default();
        let left = if gone_by || left.is_zero() { *before } else { left };
        let minutes = left.as_secs_f64() / 60.0;
        let msg = json!({ "timeLeft": minutes.ceil() as u64 });
        steps.extend(room.announce("conference-remaining-duration", &msg));
    }
    steps
}

/// Starts what has waited long enough.
fn start_queued(room: &mut Room, now: SystemTime) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Live::Queued { by, at, fails } = room.session.live.clone()
        && now >= at
    {
        steps = if fails {
            room.session.live = Live::Off;
            let error =
                json!({ "errorCode": 7080, "errorDesc": "The request in the queue failed to start." });
            room.tell(To::All, "room-live-recording-failed", &json!({ "error": error }))
        } else {
            room.session.live = Live::On { by: by.clone() };
            let content = json!({ "status": status(0, true, ""), "startedBy": by });
            room.tell(To::All, "room-live-recording-on", &content)
        };
    }
    if let Live::Queued { by, at, fails } = room.session.streaming.clone()
        && now >= at
    {
        let (kind, status) = if fails {
            room.session.streaming = Live::Off;
            ("streaming-failed", status(7081, false, "The request in the queue failed to start."))
        } else {
            room.session.streaming = Live::On { by: by.clone() };
            ("streaming-started", status(0, true, ""))
        };
        let content = json!({ "type": kind, "data": { "status": status, "startedBy": by } });
        steps.extend(room.tell(To::All, "onStreamingNotification", &content));
    }
    steps
}

/// Does what the clock brings until the session is over.
pub(super) async fn watch(hub: Arc<Hub>, room_id: String, conf_num: String) {
    while let Some(at) = hub.turn(|world| world.pass(&room_id, &conf_num)) {
        hub.shared.clock.sleep_until(at).await;
    }
}
