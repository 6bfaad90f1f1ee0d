//! What is left of sessions: the addresses of their files, and who used them for how long.
//!
//! Unsure: when the service shows the files of a session. Here single recordings are shown as soon as they have ended,
//! also while the session goes on, and composed ones ten minutes after the session.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{
    Refusal,
    hub::Data,
    room::{Room, Session, Visit},
};
use crate::{credentials::ENABLEX_APP_ID, ids::Ids, provider::Exchange, shared::Shared, time::rfc3339};

/// A session that is over.
pub(super) struct Past {
    pub(super) room_id: String,
    pub(super) conf_num: String,
    pub(super) recordings: Vec<String>,
    pub(super) transcoded: Vec<String>,
    pub(super) chat: Option<String>,
    /// The content of the file of the chat.
    pub(super) said: String,
    ended: SystemTime,
    archive_id: String,
    cdrs: Vec<Value>,
}

impl Past {
    pub(super) fn new(
        room_id: &str,
        info: &Value,
        session: Session,
        ended: SystemTime,
        shared: &Shared,
    ) -> Self {
        let began = session.began.unwrap_or(ended);
        let cdrs = session.visits.iter().enumerate();
        let cdrs = cdrs.map(|(n, visit)| record(visit, n, (room_id, info), &session, (began, ended), shared));
        let base = format!("/recordings/{room_id}/{}", session.conf_num);
        let mut transcoded = session.composed.clone();
        if !session.recordings.is_empty() {
            transcoded.push(format!("{base}/transcoded.mp4"));
        }
        Self {
            room_id: room_id.to_owned(),
            cdrs: cdrs.collect(),
            chat: (!session.chat.is_empty()).then(|| format!("{base}/chat.json")),
            said: Value::from(session.chat).to_string(),
            transcoded,
            recordings: session.recordings,
            conf_num: session.conf_num,
            ended,
            archive_id: shared.ids.hex(24),
        }
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "room_id": self.room_id, "conf_num": self.conf_num, "ended": rfc3339(self.ended),
            "recording": self.recordings, "transcoded": self.transcoded, "chatdata": self.chat,
            "users": self.cdrs.len(),
        })
    }

    fn archive(&self, base: &str, data: &Data, now: SystemTime) -> Option<Value> {
        if self.recordings.is_empty() && self.transcoded.is_empty() && self.chat.is_none() {
            return None;
        }
        let made = |path: &&String| data.files.get(*path).is_some_and(|file| file.made <= now);
        Some(json!({
            "_id": self.archive_id, "trans_date": rfc3339(self.ended), "conf_num": self.conf_num,
            "app_id": ENABLEX_APP_ID, "room_id": self.room_id,
            "recording": urls(base, self.recordings.iter()),
            "transcoded": urls(base, self.transcoded.iter().filter(made)),
            "chatdata": self.chat.as_ref().map(|path| format!("{base}{path}")).unwrap_or_default(),
            "metadata": "",
        }))
    }
}

fn urls<'a>(base: &str, paths: impl Iterator<Item = &'a String>) -> Value {
    paths.map(|path| json!({ "url": format!("{base}{path}") })).collect()
}

fn seconds(from: SystemTime, to: SystemTime) -> f64 {
    to.duration_since(from).unwrap_or_default().as_secs_f64()
}

/// The record of one user's stay.
fn record(
    visit: &Visit,
    n: usize,
    (room_id, info): (&str, &Value),
    session: &Session,
    (began, ended): (SystemTime, SystemTime),
    shared: &Shared,
) -> Value {
    let ids: &Ids = &shared.ids;
    let stayed = seconds(visit.from, visit.to);
    let sends = visit.role != "viewer";
    let track = |on: bool| if on { "true" } else { "false" };
    let others = session.visits.len() as f64 - 1.0;
    json!({
        "trans_date": rfc3339(ended), "conf_num": session.conf_num, "call_num": visit.client_id,
        "call_log_id": ids.hex(24), "app_id": ENABLEX_APP_ID, "cdr_id": ids.hex(24),
        "room": {
            "room_id": room_id, "connect_dt": rfc3339(began), "disconnect_dt": rfc3339(ended),
            "duration": seconds(began, ended),
            "room_details": { "name": info.get("name"), "owner_ref": info.get("owner_ref") },
        },
        "user": {
            "ip": "127.0.0.1", "name": visit.name, "role": visit.role, "ref": visit.user_ref,
            "agent": visit.agent, "token": visit.token,
            "confName": format!("{}-{n}", session.conf_num),
        },
        "sigserver": {
            "connect_dt": rfc3339(visit.from), "ip": "127.0.0.1", "disconnect_dt": rfc3339(visit.to),
            "duration": stayed, "hold_duration": 0.0,
        },
        "published_track": {
            "audio": track(sends), "data": track(false), "video": track(sends), "screen": track(false),
            "url": track(false),
        },
        "usage": {
            "subscribed_minutes": stayed / 60.0 * others.max(0.0),
            "published_minutes": if sends { stayed / 60.0 } else { 0.0 },
        },
    })
}

/// Which sessions a report is about.
struct Filter<'a> {
    room_id: Option<&'a str>,
    conf_num: Option<&'a str>,
    days: Option<(&'a str, &'a str)>,
}

impl<'a> Filter<'a> {
    fn of(exchange: &'a Exchange) -> Result<Self, Refusal> {
        let given = |name: &str| exchange.params.get(name);
        let days = given("from").zip(given("to"));
        if days.is_some_and(|(from, to)| from > to) {
            return Err(Refusal::invalid("to must not be before from"));
        }
        Ok(Self { room_id: given("room_id"), conf_num: given("conf_num"), days })
    }

    fn takes(&self, room_id: &str, conf_num: &str, at: SystemTime) -> bool {
        let day = rfc3339(at);
        let day = day.get(..10).unwrap_or_default();
        self.room_id.is_none_or(|id| id == room_id)
            && self.conf_num.is_none_or(|num| num == conf_num)
            && self.days.is_none_or(|(from, to)| (from..=to).contains(&day))
    }
}

/// The files of sessions.
pub(super) fn archives(data: &Data, exchange: &Exchange, base: &str) -> Result<Value, Refusal> {
    let filter = Filter::of(exchange)?;
    let past = data.past.iter().filter(|past| filter.takes(&past.room_id, &past.conf_num, past.ended));
    let mut archive: Vec<Value> = past.filter_map(|past| past.archive(base, data, exchange.now)).collect();
    let running = data.rooms.iter().filter(|(id, room)| {
        let session = &room.session;
        !session.recordings.is_empty() && filter.takes(id, &session.conf_num, exchange.now)
    });
    archive.extend(running.map(|(id, room)| unfinished(id, room, base, exchange.now)));
    Ok(json!({ "result": "0", "archive": archive }))
}

/// The files that a session has so far.
fn unfinished(room_id: &str, room: &Room, base: &str, now: SystemTime) -> Value {
    let session = &room.session;
    json!({
        "_id": format!("{:0>24}", session.conf_num), "trans_date": rfc3339(now),
        "conf_num": session.conf_num, "app_id": ENABLEX_APP_ID, "room_id": room_id,
        "recording": urls(base, session.recordings.iter()), "transcoded": [], "chatdata": "", "metadata": "",
    })
}

/// Who used sessions for how long.
pub(super) fn cdrs(data: &Data, exchange: &Exchange) -> Result<Value, Refusal> {
    let filter = Filter::of(exchange)?;
    let past = data.past.iter().filter(|past| filter.takes(&past.room_id, &past.conf_num, past.ended));
    let cdr: Vec<&Value> = past.flat_map(|past| &past.cdrs).collect();
    Ok(json!({ "result": "0", "cdr": cdr }))
}
