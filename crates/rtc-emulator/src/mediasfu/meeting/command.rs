//! What the host, or whoever else, does to the meeting.

use serde_json::{Value, json};

use super::event::broken;
use super::room::{HOST, Key, Meeting, Member};
use super::send::Turn;
use super::{Call, Data};
use crate::bounds::{SAID, latest};

/// The meeting that a command is about: at the cloud only the connection's own, at a Community Edition any that goes
/// on.
pub(super) fn meeting<'d>(call: &Call<'_>, data: &'d mut Data) -> Option<&'d mut Meeting> {
    let name = call.given["roomName"].as_str()?;
    match (call.pass, call.room) {
        (Some(pass), Some(room)) => {
            let own = pass.room == name;
            own.then(|| data.meetings.entry(Key::cloud(name)).or_insert_with(|| Meeting::of(name, room)))
        }
        _ => data.meetings.get_mut(&Key::community(name)).filter(|meeting| meeting.live),
    }
}

/// Whether the caller is the host, or the co-host with the duty.
pub(super) fn may(call: &Call<'_>, meeting: &Meeting, duty: Option<&str>) -> bool {
    let Some(pass) = call.pass else { return true };
    let Some(member) = meeting.by_id(call.socket.id) else { return pass.host };
    let delegated = || duty.is_some_and(|duty| meeting.duty(duty, "value"));
    member.level == HOST || (meeting.is_co_host(member) && delegated())
}

pub(super) fn act(call: &Call<'_>, data: &mut Data) -> Option<Turn> {
    if !broken(call.event, call.given).is_empty() {
        let answered = call.event == "updateCoHost";
        return answered.then(|| Turn::ack(json!({ "success": false, "reason": "Invalid parameters" })));
    }
    let meeting = meeting(call, data)?;
    match call.event {
        "controlMedia" => control_media(call, meeting),
        "disconnectUserInitiate" => ask_to_leave(call, meeting),
        "disconnectUser" => disconnect(call, data),
        "allowUserIn" => allow_in(call, meeting),
        "updateSettingsForRequests" => update_settings(call, meeting),
        "updateCoHost" => Some(update_co_host(call, meeting)),
        "updateUserofRequestStatus" => answer_request(call, meeting),
        "participantRequest" => request(call, meeting),
        "sendMessage" => send_message(call, meeting),
        "getMessage" => {
            Some(Turn::ack(json!({ "messages_": meeting.messages }))).filter(|_| is_inside(call, meeting))
        }
        _ => None,
    }
}

fn is_inside(call: &Call<'_>, meeting: &Meeting) -> bool {
    meeting.by_id(call.socket.id).is_some() || call.pass.is_some_and(|pass| pass.host)
}

fn tell(member: &Member, event: &'static str, content: Value) -> Option<Turn> {
    Some(Turn::telling([(member.socket.clone(), event, content)]))
}

/// The one that a command names by `id` and `name`. The cloud spares the host.
fn target<'m>(call: &Call<'_>, meeting: &'m Meeting, id: &str, name: &str, duty: &str) -> Option<&'m Member> {
    let member = meeting.find(&call.given[id], &call.given[name])?;
    let spared = call.pass.is_some() && member.level == HOST;
    (may(call, meeting, Some(duty)) && !spared).then_some(member)
}

fn control_media(call: &Call<'_>, meeting: &Meeting) -> Option<Turn> {
    let member = target(call, meeting, "participantId", "participantName", "media")?;
    tell(member, "controlMediaHost", json!({ "type": call.given["type"] }))
}

/// The target is to go by itself.
fn ask_to_leave(call: &Call<'_>, meeting: &Meeting) -> Option<Turn> {
    let member = target(call, meeting, "id", "member", "participants")?;
    tell(member, "disconnectUserSelf", Value::Null)
}

/// The target is disconnected. With the host the meeting ends.
fn disconnect(call: &Call<'_>, data: &mut Data) -> Option<Turn> {
    let meeting = meeting(call, data)?;
    let name = call.given["member"].as_str()?;
    let member = meeting.by_name(name)?;
    let (socket, is_host, is_self) =
        (member.socket.clone(), member.level == HOST, member.socket.id == call.socket.id);
    let duty = if is_host { None } else { Some("participants") };
    if !is_self && !may(call, meeting, duty) {
        return None;
    }
    let mut turn = Turn::default();
    let stays = call.pass.is_some() && call.given["endRoomOnHostExit"] == false;
    if is_host && !stays {
        return Some(end(call, data));
    }
    turn.close(&socket);
    let lists = meeting.forget(socket.id);
    if call.given["ban"] == true {
        meeting.banned.insert(name.to_owned());
        turn.tell(meeting.to_all("ban", &json!({ "name": name })));
    }
    turn.tell(lists);
    Some(turn)
}

/// The room of the cloud is over; of a Community Edition, only the host is disconnected.
fn end(call: &Call<'_>, data: &mut Data) -> Turn {
    let mut turn = Turn::default();
    if let Some(pass) = call.pass {
        turn.end(&pass.room);
        return turn;
    }
    let key = Key::community(call.given["roomName"].as_str().unwrap_or_default());
    if let Some(meeting) = data.meetings.remove(&key) {
        turn.tell(meeting.to_all("meetingEnded", &Value::Null));
        meeting.host().into_iter().for_each(|host| turn.close(&host.socket));
    }
    turn
}

fn allow_in(call: &Call<'_>, meeting: &mut Meeting) -> Option<Turn> {
    if !may(call, meeting, Some("waiting")) {
        return None;
    }
    let id = &call.given["participantId"];
    let at = meeting.waiting.iter().position(|guest| *id == guest.socket.id.to_string())?;
    let guest = meeting.waiting.remove(at);
    let allowed = call.given["type"] == true || call.given["type"] == "true";
    if allowed {
        meeting.admitted.insert(guest.name.clone());
    }
    let told = json!({ "typed": allowed, "name": guest.name });
    let mut turn = Turn::telling([(guest.socket, "exitWaitRoomUser", told)]);
    turn.tell(meeting.tell_waiting());
    Some(turn)
}

fn update_settings(call: &Call<'_>, meeting: &mut Meeting) -> Option<Turn> {
    if !may(call, meeting, Some("media")) {
        return None;
    }
    meeting.settings = call.given["settings"].clone();
    let told = json!({ "settings": meeting.settings });
    Some(Turn::telling(meeting.to_all("updateMediaSettings", &told)))
}

fn update_co_host(call: &Call<'_>, meeting: &mut Meeting) -> Turn {
    // The one command for which a Community Edition looks at the level, too.
    let is_host = meeting.by_id(call.socket.id).is_some_and(|member| member.level == HOST);
    if !is_host && (call.pass.is_none() || !may(call, meeting, None)) {
        let reason = "You are not allowed to update the co-host";
        return Turn::ack(json!({ "success": false, "reason": reason }));
    }
    meeting.co_host = call.given["coHost"].clone();
    meeting.duties = Some(&call.given["coHostResponsibility"])
        .filter(|duties| duties.is_array())
        .cloned()
        .unwrap_or_else(|| json!([]));
    let told = json!({ "coHost": meeting.co_host, "coHostResponsibilities": meeting.duties });
    let mut turn = Turn::ack(json!({ "success": true }));
    turn.tell(meeting.to_all("updatedCoHost", &told));
    turn
}

fn answer_request(call: &Call<'_>, meeting: &mut Meeting) -> Option<Turn> {
    if !may(call, meeting, Some("media")) {
        return None;
    }
    let given = &call.given["requestResponse"];
    let name = [&given["username"], &given["name"]].into_iter().find_map(Value::as_str)?.to_owned();
    let found = meeting.members.iter_mut().find(|member| given["id"] == member.socket.id.to_string());
    let member = found.filter(|member| member.name == name)?;
    member.requests.retain(|request| request.get("icon") != given.get("type"));
    let mut response = given.clone();
    response.as_object_mut()?.insert("username".into(), name.into());
    tell(member, "hostRequestResponse", json!({ "requestResponse": response }))
}

fn request(call: &Call<'_>, meeting: &mut Meeting) -> Option<Turn> {
    let request = &call.given["userRequest"];
    let member = meeting.members.iter_mut().find(|member| member.socket.id == call.socket.id)?;
    // The real server keeps only those that repeat the name.
    if request["username"] == member.name {
        member.requests.push(request.clone());
        latest(&mut member.requests, SAID);
    }
    let told = json!({ "userRequest": request });
    let mut turn = Turn::default();
    if let Some(host) = meeting.host() {
        turn.tell([
            (host.socket.clone(), "allMembersRest", meeting.list(false, true)),
            (host.socket.clone(), "participantRequested", told.clone()),
        ]);
    }
    if let Some(co_host) = meeting.co_host_for("media") {
        turn.tell([
            (co_host.socket.clone(), "allMembers", meeting.list(true, false)),
            (co_host.socket.clone(), "participantRequested", told),
        ]);
    }
    Some(turn)
}

/// Everybody gets it, also what is for one: the clients choose.
fn send_message(call: &Call<'_>, meeting: &mut Meeting) -> Option<Turn> {
    if call.pass.is_some() && !may_chat(call, meeting) {
        return None;
    }
    let message = call.given["messageObject"].clone();
    let told = json!({ "message": message });
    meeting.messages.push(message);
    latest(&mut meeting.messages, SAID);
    Some(Turn::telling(meeting.to_all("receiveMessage", &told)))
}

fn may_chat(call: &Call<'_>, meeting: &Meeting) -> bool {
    let open = meeting.settings.get(3).is_none_or(|setting| setting != "disallow");
    may(call, meeting, Some("chat")) || (open && is_inside(call, meeting))
}
