//! The meetings: namespace `/media` of the Socket.IO server.
//!
//! Two servers in one. A connection with the name and a token of a room (`apiUserName`, `apiToken`) is one to the
//! cloud; one with neither is one to a Community Edition, whose source is public and which looks at no credentials
//! and nearly never at who commands. Of the cloud only what its clients send and read is known. Where they do not
//! tell, the emulator is a strict service:
//!
//! - A wrong name or token is refused before the namespace is joined, as is a room that is over.
//! - Whoever commands must have joined as the host, or be the co-host with that duty; a connection with the host's
//!   token may also command without having joined. All others are ignored, and told so where there is an
//!   acknowledgement. An ill-formed command counts as none.
//! - Whoever joins chooses a name, but not one that somebody with another token has just now. The same token takes the
//!   place of its older connection.
//! - Guests are not let in before the host was there once. With a waiting room, which `POST
//!   /_emulator/mediasfu/waiting-room` switches, the first `joinRoom` is refused and puts on the list; once admitted,
//!   the next one succeeds.
//! - Only the host can end the meeting, by removing itself; the room is over then. All its connections are told
//!   `meetingEnded` and closed, also when the room is deleted or its time has come.
//! - A recording that was stopped cannot be started again in the same room.
//!
//! Left out: media, polls, breakout rooms, whiteboards, panels, permissions. Pauses that the real server makes before
//! it sends an event are not made, an event that it repeats is sent once, and the end of a meeting is not up to 90 s
//! late.

mod command;
mod event;
mod join;
mod presets;
mod record;
mod room;
mod send;
mod time;

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use http::header::ORIGIN;
use http::request::Parts;
use serde_json::{Value, json};
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use socketioxide::socket::Sid;

use super::state::{Hub, Room};
use crate::bounds::PAST;
use crate::routing::pairs;
use crate::socketio::Mount;
use room::{Key, Meeting};
use send::Turn;

/// What the namespace listens to.
const EVENTS: [&str; 20] = [
    "joinRoom",
    "joinConRoom",
    "createRoom",
    "joinEventRoom",
    "getRoomInfo",
    "exitWaitRoomURL",
    "controlMedia",
    "disconnectUserInitiate",
    "disconnectUser",
    "allowUserIn",
    "updateSettingsForRequests",
    "updateCoHost",
    "updateUserofRequestStatus",
    "participantRequest",
    "sendMessage",
    "getMessage",
    "startRecord",
    "pauseRecord",
    "resumeRecord",
    "stopRecord",
];

/// Who is in which meeting. Its lock and that of the state are never held together.
#[derive(Default)]
pub(super) struct Meetings {
    data: Mutex<Data>,
}

#[derive(Default)]
struct Data {
    meetings: BTreeMap<Key, Meeting>,
    /// All connections, with the cloud's room that they are for.
    sockets: BTreeMap<Sid, (SocketRef, Option<String>)>,
    /// Why the cloud's meetings ended that did.
    ended: BTreeMap<String, String>,
}

/// What a connection to the cloud showed.
#[derive(Clone)]
struct Pass {
    room: String,
    token: String,
    /// Whose token it is.
    name: String,
    host: bool,
}

/// One event that came in.
struct Call<'a> {
    hub: &'a Arc<Hub>,
    socket: &'a SocketRef,
    event: &'static str,
    given: &'a Value,
    /// None at a Community Edition.
    pass: Option<&'a Pass>,
    /// The cloud's room.
    room: Option<&'a Room>,
    /// Milliseconds since 1970.
    now: u64,
}

/// Has the meetings served.
pub(super) fn serve(hub: &Arc<Hub>, mount: &Mount) {
    let (here, there) = (Arc::clone(hub), Arc::clone(hub));
    // Listening begins in a middleware, because a quick client's first event comes before the handler is run. All the
    // work is done before a future is made: the library runs futures as tasks, which overtake each other.
    let admitting = move |socket: SocketRef| ready(admit(&here, &socket));
    let greeting = move |socket: SocketRef| {
        greet(&there, &socket);
        ready(())
    };
    mount.io.ns("/media", greeting.with(admitting));
}

/// What a connection shows, if it is good.
fn pass(hub: &Arc<Hub>, parts: &Parts) -> Result<Option<Pass>, &'static str> {
    let query = pairs(parts.uri.query().unwrap_or(""));
    let given = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let (name, token) = match (given("apiUserName"), given("apiToken").or_else(|| given("apiKey"))) {
        (None, None) => return Ok(None),
        (name, token) => (name.unwrap_or_default(), token.unwrap_or_default()),
    };
    let now = hub.now();
    let state = hub.lock();
    let room = state.room(name, now).ok_or("Invalid credentials")?;
    let entry = room.entries.iter().find(|entry| entry.secret == token).ok_or("Invalid credentials")?;
    let (room, token) = (name.to_owned(), token.to_owned());
    Ok(Some(Pass { room, token, name: entry.name.clone(), host: entry.host }))
}

fn admit(hub: &Arc<Hub>, socket: &SocketRef) -> Result<(), &'static str> {
    let pass = pass(hub, socket.req_parts())?;
    let room = pass.as_ref().map(|pass| pass.room.clone());
    if let Some(room) = &room {
        time::open(hub, room);
    }
    hub.meetings.lock().sockets.insert(socket.id, (socket.clone(), room));
    for event in EVENTS {
        let (hub, pass) = (Arc::clone(hub), pass.clone());
        socket.on(event, move |socket: SocketRef, TryData(given): TryData<Value>, ack: AckSender| {
            hear(&hub, &socket, event, &given.unwrap_or_default(), pass.as_ref(), ack);
            ready(())
        });
    }
    let hub = Arc::clone(hub);
    socket.on_disconnect(move |socket: SocketRef| {
        leave(&hub, &socket);
        ready(())
    });
    Ok(())
}

/// Tells a client that it is there, which `connect` alone does not mean.
fn greet(hub: &Arc<Hub>, socket: &SocketRef) {
    let room = hub.meetings.lock().sockets.get(&socket.id).and_then(|(_, room)| room.clone());
    let mut told = match &room {
        Some(name) => {
            let room = hub.lock().room(name, hub.now()).cloned().unwrap_or_default();
            let mode = if name.starts_with('p') { "production" } else { "sandbox" };
            json!({
                "mode": mode, "allowRecord": true, "meetingRoomParams_": presets::meeting_of(&room.input),
                "recordingParams_": presets::recording_of(&room.input, name),
            })
        }
        None => json!({
            "mode": "sandbox", "allowRecord": false, "meetingRoomParams_": presets::community_meeting(),
            "recordingParams_": presets::recording(false),
        }),
    };
    let origin = socket.req_parts().headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    if let Some(members) = told.as_object_mut() {
        members.insert("socketId".into(), json!(socket.id));
        if room.is_none() && origin.is_some_and(|origin| hub.is_safe_origin(origin)) {
            let (user, key) = hub.temporary_key();
            members.insert("apiUserName".into(), user.into());
            members.insert("apiKey".into(), key.into());
        }
    }
    // Whoever has gone gets nothing.
    let _ = socket.emit("connection-success", &told);
}

fn hear(
    hub: &Arc<Hub>,
    socket: &SocketRef,
    event: &'static str,
    given: &Value,
    pass: Option<&Pass>,
    ack: AckSender,
) {
    let now = hub.now();
    let room = pass.and_then(|pass| hub.lock().room(&pass.room, now).cloned());
    // A room of the cloud that is no more takes no commands.
    if pass.is_some() != room.is_some() {
        return;
    }
    let call = Call { hub, socket, event, given, pass, room: room.as_ref(), now };
    let turn = {
        let mut data = hub.meetings.lock();
        act(&call, &mut data)
    };
    if let Some(room) = turn.and_then(|turn| turn.perform(Some(ack))) {
        end(hub, &room, now);
    }
}

/// Ends a room of the cloud before its time.
fn end(hub: &Hub, room: &str, now: u64) {
    if let Some(room) = hub.lock().rooms.get_mut(room) {
        room.ends_at = now;
    }
    hub.meetings.close(room, "the host ended it");
    hub.settle(now);
}

/// What an event does; nothing and no answer for one that is refused in silence.
fn act(call: &Call<'_>, data: &mut Data) -> Option<Turn> {
    match call.event {
        "joinRoom" if call.pass.is_some() => Some(join::cloud(call, data)),
        "joinRoom" => Some(join::community(call, data)),
        "joinConRoom" => join::consume(call, data),
        "createRoom" => event::create(call, data),
        "joinEventRoom" => event::join(call, data),
        "getRoomInfo" => event::info(call, data),
        "exitWaitRoomURL" => event::exit_url(call, data),
        "startRecord" | "pauseRecord" | "resumeRecord" | "stopRecord" => record::act(call, data),
        _ => command::act(call, data),
    }
}

fn leave(hub: &Arc<Hub>, socket: &SocketRef) {
    let mut turn = Turn::default();
    let mut data = hub.meetings.lock();
    data.sockets.remove(&socket.id);
    for meeting in data.meetings.values_mut() {
        turn.tell(meeting.forget(socket.id));
    }
    drop(data);
    turn.perform(None);
}

/// Switches the waiting room of a room of the cloud: `{"room": .., "on": true}`.
pub(super) fn switch_waiting_room(hub: &Hub, body: &Value) -> (StatusCode, Value) {
    let refuse = |status, message: &str| (status, json!({ "error": { "message": message } }));
    let (Some(name), Some(on)) = (body["room"].as_str(), body["on"].as_bool()) else {
        return refuse(StatusCode::BAD_REQUEST, "give {\"room\": \"<roomName>\", \"on\": true}");
    };
    match hub.lock().rooms.get_mut(name) {
        Some(room) => {
            room.waiting_room = on;
            (StatusCode::OK, json!({ "room": name, "on": on }))
        }
        None => refuse(StatusCode::NOT_FOUND, "there is no such room"),
    }
}

impl Meetings {
    fn lock(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the meeting of a room of the cloud that was deleted or is over.
    pub(super) fn close(&self, room: &str, reason: &str) {
        let mut turn = Turn::default();
        let mut data = self.lock();
        data.meetings.remove(&Key::cloud(room));
        let gone = data.sockets.values().filter(|(_, of)| of.as_deref() == Some(room));
        for (socket, _) in gone {
            turn.tell([(socket.clone(), "meetingEnded", Value::Null)]);
            turn.close(socket);
        }
        if !turn.is_empty() {
            data.ended.insert(room.to_owned(), reason.to_owned());
            if data.ended.len() > PAST {
                data.ended.pop_first();
            }
        }
        drop(data);
        turn.perform(None);
    }

    /// Ends all meetings, without a word.
    pub(super) fn reset(&self) {
        let data = std::mem::take(&mut *self.lock());
        let mut turn = Turn::default();
        data.sockets.values().for_each(|(socket, _)| turn.close(socket));
        turn.perform(None);
    }

    /// What goes on, without secrets.
    pub(super) fn state(&self) -> Value {
        let data = self.lock();
        let meetings: Vec<Value> = data.meetings.iter().map(|(key, meeting)| meeting.state(key)).collect();
        json!({ "meetings": meetings, "connections": data.sockets.len(), "ended": data.ended })
    }
}
