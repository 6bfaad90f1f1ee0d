//! Coming in: `joinRoom` and `joinConRoom`.

use serde_json::{Value, json};

use super::room::{GUEST, HOST, Key, Meeting, Member};
use super::send::Turn;
use super::{Call, Data, Pass, presets, time};

/// The level that is asked for, as text or as a number.
fn level(given: &Value) -> Option<&'static str> {
    let same =
        |level: &str| *given == level || given.as_u64().is_some_and(|number| level == number.to_string());
    [GUEST, "1", HOST].into_iter().find(|level| same(level))
}

/// A refusal of the cloud; `flags` are what its clients look at, besides.
fn refused(flags: Value, reason: &str) -> Turn {
    let mut content = json!({ "success": false, "rtpCapabilities": null, "reason": reason });
    if let (Some(content), Value::Object(flags)) = (content.as_object_mut(), flags) {
        content.extend(flags);
    }
    Turn::ack(content)
}

/// Holds the members that repeat the credentials against the connection's.
fn same_credentials(call: &Call<'_>, pass: &Pass) -> bool {
    let user = &call.given["apiUserName"];
    call.given["roomName"] == pass.room.as_str()
        && (user.is_null() || *user == pass.room.as_str())
        && call.given["sec"] == pass.token.as_str()
}

pub(super) fn cloud(call: &Call<'_>, data: &mut Data) -> Turn {
    let (Some(pass), Some(room)) = (call.pass, call.room) else { return Turn::default() };
    let (Some(name), Some(wanted)) = (call.given["member"].as_str(), level(&call.given["islevel"])) else {
        return refused(json!({}), "member and islevel are needed");
    };
    if !same_credentials(call, pass) {
        return refused(json!({}), "Invalid credentials");
    }
    let key = Key::cloud(&pass.room);
    let meeting = data.meetings.entry(key.clone()).or_insert_with(|| Meeting::of(&pass.room, room));
    let is_host = pass.host && (wanted == HOST || name == pass.name);
    if meeting.banned.contains(name) {
        return refused(json!({ "banned": true }), "You were banned from this room.");
    }
    if wanted == HOST && !is_host {
        return refused(json!({}), "Only the host's token lets in as the host.");
    }
    if meeting.by_name(name).is_some_and(|member| member.token != pass.token) {
        return refused(json!({}), "This name is already taken.");
    }
    if is_host && meeting.host().is_some_and(|host| host.name != name) {
        return refused(json!({}), "Only one member with islevel '2' is allowed in the room");
    }
    if !is_host && !meeting.live {
        return refused(json!({ "noAdmin": true }), "The host has not joined yet.");
    }
    if !is_host && room.waiting_room && !meeting.admitted.contains(name) {
        let mut turn = refused(json!({}), "You are in the waiting room until the host lets you in.");
        turn.tell(meeting.wait(call.socket, name));
        return turn;
    }
    if !is_host && meeting.by_name(name).is_none() && meeting.is_full() {
        return refused(json!({}), "The room is at capacity.");
    }
    let input =
        |name: &str| room.input.get(name).filter(|value| value.is_boolean()).cloned().unwrap_or(false.into());
    let ack = json!({
        "success": true, "rtpCapabilities": presets::capabilities(), "roomRecvIPs": [],
        "meetingRoomParams": meeting.params, "recordingParams": meeting.recording_params,
        "secureCode": if is_host { meeting.secure_code.clone() } else { Value::Null },
        "recordOnly": input("recordOnly"), "isHost": is_host, "safeRoom": input("safeRoom"),
        "autoStartSafeRoom": input("autoStartSafeRoom"), "safeRoomStarted": false, "safeRoomEnded": false,
    });
    let first = !meeting.live;
    let mut turn = enter(call, meeting, name, if is_host { HOST } else { wanted }, ack);
    let told = json!({ "name": name });
    turn.tell(
        meeting
            .host()
            .filter(|host| host.name != name)
            .map(|host| (host.socket.clone(), "personJoined", told)),
    );
    if is_host && first {
        time::remind(call.hub, &key, room.ends_at);
    }
    turn
}

/// A second connection of somebody who takes part. A Community Edition does not know this event.
pub(super) fn consume(call: &Call<'_>, data: &mut Data) -> Option<Turn> {
    let pass = call.pass?;
    let meeting = data.meetings.get(&Key::cloud(&pass.room));
    let name = call.given["member"].as_str().unwrap_or_default();
    Some(if !same_credentials(call, pass) {
        refused(json!({}), "Invalid credentials")
    } else if meeting.is_some_and(|meeting| meeting.by_name(name).is_some()) {
        Turn::ack(json!({ "success": true, "rtpCapabilities": presets::capabilities() }))
    } else {
        refused(json!({ "noAdmin": meeting.is_none_or(|meeting| !meeting.live) }), "Join the room first.")
    })
}

pub(super) fn community(call: &Call<'_>, data: &mut Data) -> Turn {
    let error = |text: &str| Turn::ack(json!({ "error": text }));
    let failed = |flags: Value| {
        let mut content = json!({ "rtpCapabilities": null, "success": false });
        if let (Some(content), Value::Object(flags)) = (content.as_object_mut(), flags) {
            content.extend(flags);
        }
        Turn::ack(content)
    };
    let Some(room) = call.given["roomName"].as_str() else { return error("room not defined") };
    if call.given["islevel"].is_null() {
        return error("islevel not defined");
    }
    let Some(name) = call.given["member"].as_str() else { return error("member not defined") };
    let Some(wanted) = level(&call.given["islevel"]) else { return error("islevel not valid") };
    let key = Key::community(room);
    let Some(meeting) = data.meetings.get_mut(&key) else { return error("room not found") };
    if meeting.banned.contains(name) {
        // The only answer of its kind that does not say `success`.
        return Turn::ack(json!({ "isBanned": true, "rtpCapabilities": null }));
    }
    let Some(host) = meeting.event.entries.iter().find(|entry| entry.name == name).map(|entry| entry.host)
    else {
        return failed(json!({}));
    };
    // Whoever says so is the host, unless there is one.
    let is_host = host || wanted == HOST;
    if is_host && meeting.host().is_some_and(|host| host.name != name) {
        let mut turn = error("Only one member with islevel '2' is allowed in the room");
        turn.close(call.socket);
        return turn;
    }
    if !is_host && !meeting.live {
        return failed(json!({ "hostNotJoined": true }));
    }
    if !is_host && meeting.by_name(name).is_none() && meeting.is_full() {
        return failed(json!({ "eventAtCapacity": true }));
    }
    let (user, api_key) =
        if meeting.event.records { call.hub.temporary_key() } else { (String::new(), String::new()) };
    let ack = json!({
        "rtpCapabilities": presets::capabilities(), "isHost": is_host, "eventStarted": meeting.live,
        "isBanned": false, "hostNotJoined": false, "eventRoomParams": meeting.params,
        "recordingParams": meeting.recording_params, "secureCode": meeting.secure_code,
        "mediasfuURL": meeting.event.url, "apiKey": api_key, "apiUserName": user, "allowRecord": "false",
    });
    let first = !meeting.live;
    let mut turn = enter(call, meeting, name, if is_host { HOST } else { wanted }, ack);
    if first && is_host {
        meeting.event.started = Some(call.now);
        let ends_at = call.now.saturating_add(meeting.event.duration);
        time::close_event(call.hub, &key, ends_at);
        time::remind(call.hub, &key, ends_at);
    }
    if is_host {
        let seats = &meeting.event.seats;
        turn.tell(seats.iter().map(|s| (s.socket.clone(), "exitWaitRoom", json!({ "name": s.name }))));
    }
    turn
}

/// Makes somebody a member, in the place of the one of the same name. The first lists do not hold the newcomer yet,
/// as from the real server.
fn enter(call: &Call<'_>, meeting: &mut Meeting, name: &str, level: &'static str, ack: Value) -> Turn {
    let mut turn = Turn::ack(ack);
    let here = call.socket;
    meeting.event.seats.retain(|seat| seat.name != name);
    meeting.waiting.retain(|guest| guest.name != name);
    let of_old = |member: &Member| member.name == name || member.socket.id == here.id;
    let (old, rest): (Vec<_>, Vec<_>) = meeting.members.drain(..).partition(of_old);
    meeting.members = rest;
    old.iter().filter(|member| member.socket.id != here.id).for_each(|member| turn.close(&member.socket));
    let event = if level == HOST { "allMembers" } else { "allMembersRest" };
    turn.tell([(here.clone(), event, meeting.list(true, true))]);
    let requests = old.into_iter().find(|member| member.name == name).map(|member| member.requests);
    let requests = requests.unwrap_or_default();
    let token = call.pass.map(|pass| pass.token.clone()).unwrap_or_default();
    meeting.members.push(Member { socket: here.clone(), name: name.to_owned(), token, level, requests });
    if level == HOST {
        meeting.live = true;
        turn.tell(meeting.tell_waiting().into_iter().filter(|(socket, ..)| socket.id == here.id));
    }
    turn.tell(meeting.lists());
    turn
}
