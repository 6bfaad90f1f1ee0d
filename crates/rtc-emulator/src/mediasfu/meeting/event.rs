//! The events of a Community Edition: creating, joining, asking about one.

use serde_json::{Value, json};

use super::room::{Event, Guest, Key, Meeting};
use super::send::Turn;
use super::{Call, Data, presets};
use crate::check::check;
use crate::generated::mediasfu::METHODS;
use crate::mediasfu::state::Entry;
use crate::routing::Params;
use crate::spec::{Broken, Kind};

const MINUTE: u64 = 60_000;
/// Minutes before the scheduled time from which on the page can be had.
const EARLY: u64 = 5;

/// The rules of the specification that an event breaks; none for an event that is not in it.
pub(super) fn broken(event: &str, given: &Value) -> Vec<Broken> {
    let Some(method) = METHODS.iter().find(|method| method.path == event) else { return Vec::new() };
    let mut given = given.clone();
    // What the specification has as a boolean goes as a text in one place; the real server takes both.
    for field in method.fields.iter().filter(|field| field.kind == Kind::Boolean) {
        if let Some(value) = given.get_mut(field.wire)
            && let Some(Ok(flag)) = value.as_str().map(str::parse::<bool>)
        {
            *value = flag.into();
        }
    }
    check(method, &Params::default(), &[], &http::HeaderMap::new(), &given)
}

fn refused(reason: &str) -> Option<Turn> {
    Some(Turn::ack(json!({ "success": false, "secret": null, "url": null, "reason": reason })))
}

fn entered(secret: &str, url: Value) -> Turn {
    Turn::ack(json!({ "success": true, "secret": secret, "url": url, "reason": "success" }))
}

/// Minutes until then, 0 if it is past.
fn minutes(until: u64, now: u64) -> u64 {
    until.saturating_sub(now) / MINUTE
}

pub(super) fn create(call: &Call<'_>, data: &mut Data) -> Option<Turn> {
    if call.pass.is_some() {
        return None;
    }
    let given = call.given;
    let text = |name: &str| given[name].as_str().unwrap_or_default();
    let key = Key::community(&text("eventID").to_lowercase());
    if data.meetings.contains_key(&key) {
        return refused("Room already exists.");
    }
    if !broken(call.event, given).is_empty() {
        return refused("Invalid credentials");
    }
    let object = |name: &str| Some(&given[name]).filter(|value| value.is_object()).cloned();
    let recording = object("recordingParams");
    let records = recording.is_some();
    let host = Entry { secret: call.hub.shared.ids.hex(32), name: text("userName").to_owned(), host: true };
    // Without a time it is meant for now.
    let scheduled = given["scheduledDate"].as_u64().unwrap_or(call.now);
    let url = match minutes(scheduled, call.now) {
        0..EARLY => format!("/meet/{}/{}", key.name, host.secret).into(),
        _ => false.into(),
    };
    let turn = entered(&host.secret, url);
    let params = object("eventRoomParams").unwrap_or_else(presets::community_meeting);
    let recording = recording.unwrap_or_else(presets::no_recording);
    let capacity = given["capacity"].as_u64().unwrap_or_default();
    let mut meeting = Meeting::new(capacity, given["secureCode"].clone(), params, recording);
    meeting.event = Event {
        seats: vec![Guest { socket: call.socket.clone(), name: host.name.clone() }],
        entries: vec![host],
        duration: given["duration"].as_u64().unwrap_or_default().saturating_mul(MINUTE),
        scheduled,
        waiting_room: given["waitRoom"] == true,
        url: given["mediasfuURL"].clone(),
        records,
        ..Event::default()
    };
    data.meetings.insert(key, meeting);
    Some(turn)
}

/// Why somebody cannot join an event, in the order in which the real server looks.
fn objection(call: &Call<'_>, meeting: &Meeting, name: &str) -> Option<&'static str> {
    let event = &meeting.event;
    let host = event.entries.first()?;
    let is_host = host.name == name;
    let invited = event.entries.iter().filter(|entry| !meeting.banned.contains(&entry.name)).count() as u64;
    let taken = || event.entries.iter().any(|entry| entry.name.to_lowercase() == name.to_lowercase());
    if meeting.banned.contains(name) {
        Some("You have been isBanned from this event.")
    } else if meeting.live && invited >= meeting.capacity {
        Some("event is already at capacity (full)")
    } else if !meeting.live && minutes(event.scheduled, call.now) > EARLY {
        Some("event is yet to start, you can only join 5 minutes to time.")
    } else if !meeting.live && !is_host && invited >= meeting.capacity {
        Some("sorry, event is already at capacity (full)")
    } else if !meeting.live && is_host && !same_code(&meeting.secure_code, &call.given["secureCode"]) {
        Some("Wrong passcode (secureCode)")
    } else if taken() && (meeting.live || !is_host) {
        Some("This name is already taken.")
    } else {
        None
    }
}

/// Nothing and an empty code are the same.
fn same_code(wanted: &Value, given: &Value) -> bool {
    wanted.as_str().unwrap_or_default() == given.as_str().unwrap_or_default()
}

pub(super) fn join(call: &Call<'_>, data: &mut Data) -> Option<Turn> {
    if call.pass.is_some() {
        return None;
    }
    let key = Key::community(call.given["eventID"].as_str().unwrap_or_default());
    let Some(meeting) = data.meetings.get_mut(&key) else {
        return refused("The event room does not exist.");
    };
    let name: String = call.given["userName"].as_str().unwrap_or_default().split_whitespace().collect();
    if name.is_empty() {
        return refused("Error");
    }
    if let Some(reason) = objection(call, meeting, &name) {
        return refused(reason);
    }
    let secret = call.hub.shared.ids.hex(32);
    meeting.event.seats.retain(|seat| seat.name != name);
    meeting.event.seats.push(Guest { socket: call.socket.clone(), name: name.clone() });
    // The host before the start: another token, and no page.
    if let Some(entry) = meeting.event.entries.iter_mut().find(|entry| entry.name == name) {
        entry.secret.clone_from(&secret);
        return Some(entered(&secret, false.into()));
    }
    let mut turn = entered(&secret, format!("/meet/{}/{secret}", key.name).into());
    meeting.event.entries.push(Entry { secret, name: name.clone(), host: false });
    if meeting.event.waiting_room {
        turn.tell(meeting.wait(call.socket, &name));
    }
    Some(turn)
}

pub(super) fn info(call: &Call<'_>, data: &mut Data) -> Option<Turn> {
    if call.pass.is_some() {
        return None;
    }
    let key = Key::community(call.given["eventID"].as_str().unwrap_or_default());
    let Some(meeting) = data.meetings.get(&key) else { return Some(Turn::ack(json!({ "exists": false }))) };
    let event = &meeting.event;
    let names: Vec<&str> = event.entries.iter().map(|entry| entry.name.as_str()).collect();
    Some(Turn::ack(json!({
        "exists": true, "names": names, "bans": meeting.banned, "eventCapacity": meeting.capacity,
        "eventStartedAt": event.started, "eventEndedAt": event.started.map(|at| at.saturating_add(event.duration)),
        "eventStarted": meeting.live, "eventEnded": false, "hostName": names.first(),
        "scheduledDate": event.scheduled, "pending": !meeting.live, "secureCode": meeting.secure_code,
        "waitRoom": event.waiting_room, "checkHost": meeting.secure_code.is_string(),
    })))
}

/// The page of somebody who was let in.
pub(super) fn exit_url(call: &Call<'_>, data: &mut Data) -> Option<Turn> {
    let given = call.given;
    let name = given["eventID"].as_str()?;
    let meeting = data.meetings.get(&Key::community(name)).filter(|_| call.pass.is_none())?;
    let mut known = meeting.event.entries.iter();
    let known = known.any(|entry| given["userName"] == entry.name && given["secret"] == entry.secret);
    Some(Turn::ack(if known && meeting.live {
        json!({ "success": true, "url": format!("/meet/{name}/{}", given["secret"].as_str().unwrap_or_default()) })
    } else {
        json!({ "success": false, "url": null })
    }))
}
