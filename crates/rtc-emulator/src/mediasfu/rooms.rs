//! Rooms of the account.
//!
//! What nobody documents is so here: a join gives a token and does not count against the capacity, which is the
//! meeting's business; a room with external sessions is not deleted before they are; a room whose time is over is
//! listed as inactive and can neither be joined nor deleted.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::reply::{Outcome, Reply, conflict, created, missing, ok, refuse};
use super::state::{Entry, Room};
use crate::time::{parse_rfc3339, unix_millis};

/// How many rooms a page holds unless told.
const PAGE: usize = 20;

const GONE: &str = "The event room does not exist.";

pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let letter = if call.is_production() { 'p' } else { 's' };
    let name = format!("{letter}{}", call.hub.shared.ids.base36(16));
    let secret = call.hub.shared.ids.hex(64);
    let number = |name: &str| call.body.get(name).and_then(Value::as_u64);
    let begins = number("scheduledDate").unwrap_or(0).max(call.now);
    let ends_at = begins.saturating_add(number("duration").unwrap_or(0).saturating_mul(60_000));
    let host = Entry { secret: secret.clone(), name: call.text("userName").to_owned(), host: true };
    let room = Room { input: call.body.clone(), entries: vec![host], ends_at, ..Room::default() };
    call.state.rooms.insert(name.clone(), room);
    let code = call.body.get("secureCode").cloned();
    created(told(call, "Room created successfully", &name, &secret, code))
}

pub(super) fn join(call: &mut Call<'_>) -> Outcome {
    let (name, user) = (call.text("meetingID").to_owned(), call.text("userName").to_owned());
    let given = call.body.get("secureCode").cloned();
    let now = call.now;
    let Some(room) = call.state.rooms.get_mut(&name).filter(|room| room.is_active(now)) else {
        return Err(missing(GONE));
    };
    let code = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let wanted = code(room.input.get("secureCode"));
    if wanted.is_some() && wanted != code(given.as_ref()) {
        return Err(refuse(StatusCode::FORBIDDEN, "The secure code is not correct."));
    }
    let secret = call.hub.shared.ids.hex(64);
    room.let_in(Entry { secret: secret.clone(), name: user, host: false });
    ok(told(call, "Room joined successfully", &name, &secret, None))
}

pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let name = call.text("meetingID").to_owned();
    if call.state.room(&name, call.now).is_none() {
        return Err(missing(GONE));
    }
    if !name.starts_with(['s', 'p']) {
        return Err(refuse(StatusCode::FORBIDDEN, "Only sandbox and production rooms can be deleted."));
    }
    if call.state.external_sessions.values().any(|session| session.room == name) {
        return Err(conflict("The room still has external sessions: delete them first."));
    }
    call.state.rooms.remove(&name);
    call.state.leave(&name, call.now);
    call.ended.push(name);
    ok(json!({ "success": true }))
}

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let status = |room: &Room| if room.is_active(call.now) { "active" } else { "inactive" };
    let wanted = call.exchange.query("eventStatus");
    let found =
        call.state.rooms.iter().filter(|(_, room)| wanted.is_none_or(|wanted| wanted == status(room)));
    let start = call.number("startIndex").unwrap_or(0);
    let size = call.number("pageSize").unwrap_or(PAGE);
    let listed = |(name, room): (&String, &Room)| {
        let input = |member: &str| room.input.get(member).cloned().unwrap_or_default();
        json!({
            "roomName": name, "eventStatus": status(room), "userName": input("userName"),
            "duration": input("duration"), "capacity": input("capacity"), "eventType": input("eventType"),
            "scheduledDate": input("scheduledDate"),
        })
    };
    let rooms: Vec<Value> = found.skip(start).take(size).map(listed).collect();
    ok(json!({ "success": true, "rooms": rooms }))
}

/// Gives a scheduled date that was written as RFC 3339, as the vendor's tools for agents do, its milliseconds.
pub(super) fn read_date(body: &mut Value) {
    let Some(date) = body.get_mut("scheduledDate") else { return };
    if let Some(at) = date.as_str().and_then(parse_rfc3339) {
        *date = unix_millis(at).into();
    }
}

/// The answer of a service that is in a refusing mood, though its status says otherwise.
pub(super) fn moody(operation: &str) -> Reply {
    let message = match operation {
        "create_room" => "Room creation rejected.",
        "join_room" => "Room joining rejected.",
        _ => "The request was rejected.",
    };
    refuse(StatusCode::OK, message)
}

fn told(call: &mut Call<'_>, message: &str, name: &str, secret: &str, code: Option<Value>) -> Value {
    let host = if call.state.quirks.empty_label { "https://.mediasfu.com" } else { call.hub.shared.url() };
    let mut room = json!({
        "message": message,
        "roomName": name,
        "publicURL": format!("{host}/meet/{name}/{secret}"),
        "link": host,
        "secret": secret,
        "success": true,
    });
    if let (Some(code), Some(members)) = (code.filter(Value::is_string), room.as_object_mut()) {
        members.insert("secureCode".into(), code);
    }
    call.state.quirks.room(room)
}
