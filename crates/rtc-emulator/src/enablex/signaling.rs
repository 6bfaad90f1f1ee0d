//! The rooms over Socket.IO.

use std::{convert::Infallible, sync::Arc};

use serde_json::{Value, json};
use socketioxide::{
    extract::{AckSender, SocketRef, TryData},
    handler::ConnectHandler as _,
};

use super::hub::{Hub, Room, Session, User};
use crate::{generated::enablex::METHODS, socketio::Mount};

/// Where clients of the newer protocol generation connect; those of the older one do at [`crate::socketio::PATH`].
pub(super) const NEWER: &str = "/v3/socket.io";

/// The numbers of refusals.
const NOT_ALLOWED: i64 = 1168;
const NOT_CONNECTED: i64 = 1171;
const SAME_LOCK: i64 = 4121;
const BAD_TOKEN: i64 = 1161;
const BAD_PARAMETER: i64 = 1155;
const RECORDING: i64 = 5034;
const NOT_RECORDING: i64 = 5036;

/// Has the rooms served in the first namespace of a server.
pub(super) fn serve(hub: &Arc<Hub>, mount: &Mount) {
    let hub = Arc::clone(hub);
    // The library tells a client that it is connected before it runs the handler, as a task of its own: the token
    // of a quick client would meet nobody. A middleware runs before that.
    let listening = move |socket: SocketRef| {
        let hub = Arc::clone(&hub);
        async move {
            listen(&hub, &socket);
            Ok::<(), Infallible>(())
        }
    };
    mount.io.ns("/", (async |_: SocketRef| {}).with(listening));
}

fn listen(hub: &Arc<Hub>, socket: &SocketRef) {
    let here = Arc::clone(hub);
    socket.on("token", move |socket: SocketRef, TryData(token): TryData<Value>, ack: AckSender| {
        let hub = Arc::clone(&here);
        async move { enter(&hub, &socket, &token.unwrap_or_default(), ack) }
    });
    for event in METHODS.iter().map(|method| method.path) {
        let here = Arc::clone(hub);
        socket.on(event, move |socket: SocketRef, TryData(argument): TryData<Value>, ack: AckSender| {
            let hub = Arc::clone(&here);
            async move { command(&hub, &socket, event, &argument.unwrap_or_default(), ack) }
        });
    }
    let here = Arc::clone(hub);
    socket.on_disconnect(move |socket: SocketRef| {
        let hub = Arc::clone(&here);
        async move { leave(&hub, &socket) }
    });
}

/// What is to be sent, and to whom.
type Notices = Vec<(SocketRef, &'static str, Value)>;

fn send(notices: Notices) {
    for (socket, event, content) in notices {
        // Whoever has gone gets nothing.
        let _ = socket.emit(event, &content);
    }
}

fn to_all(room: &Room, event: &'static str, content: &Value) -> Notices {
    room.inside().map(|(_, user)| (user.socket.clone(), event, content.clone())).collect()
}

fn enter(hub: &Hub, socket: &SocketRef, token: &Value, ack: AckSender) {
    match admit(hub, socket, token) {
        Ok((joined, notices)) => {
            let _ = ack.send(&("success", joined));
            send(notices);
        }
        Err((result, msg)) => {
            let _ = ack.send(&("error", json!({ "result": result, "msg": msg })));
            let _ = socket.clone().disconnect();
        }
    }
}

/// Takes the token, which then is used up, and lets its holder in.
fn admit(hub: &Hub, socket: &SocketRef, given: &Value) -> Result<(Value, Notices), (i64, &'static str)> {
    let now = hub.shared.clock.now();
    let mut guard = hub.lock();
    let data = &mut *guard;
    let bad = (BAD_TOKEN, "Token validation failed");
    let id = given["tokenId"].as_str().unwrap_or_default();
    let genuine = data.tokens.get(id).is_some_and(|token| given["signature"] == token.signature.as_str());
    let token = data.tokens.remove(id).filter(|token| genuine && now <= token.expires).ok_or(bad)?;
    let room = data.rooms.get_mut(&token.room_id).ok_or(bad)?;
    if room.is_full(&token.role) {
        return Err(match token.role.as_str() {
            "moderator" => (2101, "Maximum number of moderators reached"),
            _ => (2102, "Maximum number of participants reached"),
        });
    }
    let client_id = hub.shared.ids.uuid();
    let joined = json!({ "result": 0, "clientId": client_id, "connectedIP": "127.0.0.1" });
    if room.session.locked {
        return Ok((joined, vec![(socket.clone(), "room-disconnected", json!({ "reason": "room-locked" }))]));
    }
    if room.users.is_empty() {
        room.session = Session { conf_num: hub.shared.ids.digits(8), ..Session::default() };
    }
    let awaited = room.setting("knock") == true && token.role != "moderator";
    let user = User {
        socket: socket.clone(),
        name: token.name,
        role: token.role,
        user_ref: token.user_ref,
        data: token.data,
        awaited,
    };
    let told = user.told(&client_id);
    let mut notices = Vec::new();
    if awaited {
        let knock = json!({ "clientId": client_id, "name": user.name, "event_type": "knock" });
        notices.push((socket.clone(), "room-awaited", json!({ "event_type": "knock" })));
        let moderators = room.users.values().filter(|user| user.is_moderator());
        notices.extend(moderators.map(|user| (user.socket.clone(), "user-awaited", knock.clone())));
        room.users.insert(client_id.clone(), user);
    } else {
        let others = to_all(room, "user-connected", &told);
        room.users.insert(client_id.clone(), user);
        notices.push((socket.clone(), "room-connected", connected(room, &token.room_id, &client_id, &told)));
        notices.extend(others);
    }
    data.clients.insert(socket.id, (token.room_id, client_id));
    Ok((joined, notices))
}

/// What somebody is told who comes in.
fn connected(room: &Room, room_id: &str, client_id: &str, user: &Value) -> Value {
    let users: Vec<Value> = room.inside().map(|(id, user)| user.told(id)).collect();
    let awaited: serde_json::Map<String, Value> = room
        .users
        .iter()
        .filter(|(_, user)| user.awaited)
        .map(|(id, user)| (id.clone(), json!({ "clientId": id, "name": user.name })))
        .collect();
    let minutes = super::hub::number(room.setting("duration"));
    json!({
        "id": room_id, "clientId": client_id, "streams": {}, "userList": users, "user": user,
        "room": {
            "settings": room.fact("settings"), "name": room.fact("name"), "owner_ref": room.fact("owner_ref"),
            "conf_num": room.session.conf_num, "service_id": crate::credentials::ENABLEX_APP_ID,
            "mute": room.session.muted, "share": true, "locked": room.session.locked, "waitRoom": false,
            "knockEnabled": room.setting("knock"), "openFloor": false,
            "remainingDuration": minutes.map(|minutes| minutes * 60), "created": room.fact("created"),
            "sharePermissions": { "screen": true, "canvas": true },
        },
        "subscription": {
            "audio_only": true, "audio_video": true, "recording": true,
            "screen_share": true, "canvas": true, "live_recording": true,
        },
        "raisedHands": [], "approvedHands": [], "floorInvites": [], "awaitedParticipants": awaited,
        "mediaConfiguration": "Default", "iceServers": [], "videoMutedUsers": {}, "numAudioTalkers": 3,
        "numVideoTalkers": 3, "videoBitrateQualityMap": {},
    })
}

fn command(hub: &Hub, socket: &SocketRef, event: &'static str, argument: &Value, ack: AckSender) {
    match obey(hub, socket, event, argument) {
        Ok(notices) => {
            let _ = ack.send(&json!({ "result": 0, "msg": "success" }));
            send(notices);
        }
        Err((result, msg)) => drop(ack.send(&json!({ "result": result, "msg": msg }))),
    }
}

fn obey(
    hub: &Hub,
    socket: &SocketRef,
    event: &'static str,
    argument: &Value,
) -> Result<Notices, (i64, &'static str)> {
    let mut guard = hub.lock();
    let data = &mut *guard;
    let outside = (NOT_CONNECTED, "Room not connected");
    let (room_id, client_id) = data.clients.get(&socket.id).ok_or(outside)?;
    let room = data.rooms.get_mut(room_id).ok_or(outside)?;
    if !room.users.get(client_id).is_some_and(User::is_moderator) {
        return Err((NOT_ALLOWED, "Only moderator has rights"));
    }
    let moderator = json!({ "moderator": client_id });
    let record = json!({ "moderatorId": client_id });
    let session = &mut room.session;
    let refuse = |refused: bool, code, msg| if refused { Err((code, msg)) } else { Ok(()) };
    Ok(match event {
        "lockRoom" => {
            let lock = argument.as_bool().ok_or((BAD_PARAMETER, "Invalid parameters"))?;
            refuse(session.locked == lock, SAME_LOCK, "room already locked / unlocked")?;
            session.locked = lock;
            let id = if lock { "room-locked" } else { "room-unlocked" };
            to_all(room, "roomManagementEvents", &json!({ "id": id, "msg": moderator }))
        }
        // Of muting the participants are told, of unmuting everybody.
        "room-muted" => {
            session.muted = true;
            let told = to_all(room, "room-muted", &moderator);
            let moderators: Vec<_> =
                room.users.values().filter(|user| user.is_moderator()).map(|user| user.socket.id).collect();
            told.into_iter().filter(|(socket, ..)| !moderators.contains(&socket.id)).collect()
        }
        "room-unmuted" => {
            session.muted = false;
            to_all(room, "room-unmuted", &moderator)
        }
        "startRecord" => {
            refuse(session.recording, RECORDING, "Session is being recorded")?;
            session.recording = true;
            to_all(room, "room-record-on", &record)
        }
        _ => {
            refuse(!session.recording, NOT_RECORDING, "Session is not being recorded")?;
            session.recording = false;
            to_all(room, "room-record-off", &record)
        }
    })
}

fn leave(hub: &Hub, socket: &SocketRef) {
    let mut guard = hub.lock();
    let data = &mut *guard;
    let Some((room_id, client_id)) = data.clients.remove(&socket.id) else { return };
    let Some(room) = data.rooms.get_mut(&room_id) else { return };
    let left = room.users.remove(&client_id).is_some_and(|user| !user.awaited);
    let notices =
        if left { to_all(room, "user-disconnected", &json!({ "clientId": client_id })) } else { Vec::new() };
    if room.users.is_empty() {
        room.session = Session::default();
        // A room for one use is gone with its last user.
        if room.setting("adhoc") == true {
            data.rooms.remove(&room_id);
        }
    }
    drop(guard);
    send(notices);
}
