//! What the management API can do to the emulated EnableX.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    commands,
    hub::Hub,
    room::{To, User},
    turn::World,
};
use crate::routing::decode;

type Answer = Result<Value, (StatusCode, String)>;

fn bad(message: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, message.into())
}

fn missing(what: &str, id: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("there is no {what} {id:?}"))
}

/// One management call; none for an unknown one.
pub(super) fn call(hub: &Arc<Hub>, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
    let segments: Vec<String> = path.split('/').map(|segment| decode(segment, false)).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let answer = match *segments {
        ["webhook"] if method == Method::DELETE => hub.turn(|world| {
            world.data.hook = None;
            Ok(json!({}))
        }),
        ["rooms", room, "users", id] if method == Method::DELETE => hub.turn(|world| gone(world, room, id)),
        _ if method != Method::POST => return None,
        ["webhook"] => hub.turn(|world| {
            world.data.hook = Some(read(body)?);
            Ok(json!({}))
        }),
        ["live"] => hub.turn(|world| {
            world.data.next_live = Some(read(body)?);
            Ok(json!({}))
        }),
        ["extension"] => hub.turn(|world| extension(world, body)),
        ["rooms", room, "users"] => hub.turn(|world| join(world, room, body)),
        ["rooms", room, "users", id, "floor"] => hub.turn(|world| floor(world, room, id, body)),
        _ => return None,
    };
    Some(match answer {
        Ok(value) => (StatusCode::OK, value),
        Err((status, message)) => (status, json!({ "error": { "message": message } })),
    })
}

fn read<T: for<'de> Deserialize<'de>>(body: &Value) -> Result<T, (StatusCode, String)> {
    T::deserialize(body).map_err(|error| bad(error.to_string()))
}

/// The service extends by 10 to 30 minutes.
fn extension(world: &mut World<'_>, body: &Value) -> Answer {
    let minutes = body.get("minutes").and_then(Value::as_u64).filter(|minutes| (10..=30).contains(minutes));
    world.data.extension = Some(minutes.ok_or_else(|| bad("give minutes, 10 to 30"))?);
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guest {
    name: Option<String>,
    role: Option<String>,
}

fn join(world: &mut World<'_>, room_id: &str, body: &Value) -> Answer {
    let guest = if body.is_null() { Guest { name: None, role: None } } else { read(body)? };
    let role = guest.role.unwrap_or_else(|| "participant".into());
    if !matches!(role.as_str(), "moderator" | "participant" | "viewer" | "audience") {
        return Err(bad("the role is moderator, participant, viewer or audience"));
    }
    let room = world.data.rooms.get(room_id).ok_or_else(|| missing("room", room_id))?;
    let name = guest.name.unwrap_or_else(|| "Guest".into());
    let user = User {
        socket: None,
        newer: true,
        user_ref: name.clone().into(),
        name: name.into(),
        role,
        data: Value::Null,
        awaits: None,
        token: String::new(),
        agent: "rtc-emulator".into(),
        since: world.now,
        talkers: [room.most_talkers(); 3],
    };
    let client_id = world.shared.ids.uuid();
    let seated = world.seat(room_id, client_id, user);
    let (client_id, steps) = seated.map_err(|(code, msg)| bad(format!("{code}: {msg}")))?;
    world.push(steps);
    Ok(json!({ "client_id": client_id }))
}

fn gone(world: &mut World<'_>, room_id: &str, client_id: &str) -> Answer {
    let room = world.data.rooms.get(room_id).ok_or_else(|| missing("room", room_id))?;
    if !room.users.contains_key(client_id) {
        return Err(missing("user", client_id));
    }
    world.part(room_id, client_id, None);
    Ok(json!({}))
}

/// Somebody does something about the own floor.
fn floor(world: &mut World<'_>, room_id: &str, client_id: &str, body: &Value) -> Answer {
    let room = world.data.rooms.get_mut(room_id).ok_or_else(|| missing("room", room_id))?;
    let Some(user) = room.member(client_id) else { return Err(missing("user", client_id)) };
    let name = user.name.clone();
    if !room.session.lecture || user_is_moderator(room, client_id) {
        return Err((StatusCode::CONFLICT, "only participants, and only in lecture mode".into()));
    }
    let action = body.get("action").and_then(Value::as_str).unwrap_or("requestFloor");
    let event = commands::ask_as(room, client_id, action)
        .map_err(|(code, msg)| (StatusCode::CONFLICT, format!("{code}: {msg}")))?;
    let content = json!({ "id": event, "clientId": client_id, "name": name });
    let steps = room.tell(To::Moderators, "floorManagementEvents", &content);
    world.push(steps);
    Ok(json!({}))
}

fn user_is_moderator(room: &super::room::Room, client_id: &str) -> bool {
    room.member(client_id).is_some_and(User::is_moderator)
}
