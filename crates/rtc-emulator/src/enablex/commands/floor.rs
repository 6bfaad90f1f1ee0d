//! Lecture mode: participants ask for the floor, moderators grant it.
//!
//! The events are those that the vendor's library 3 listens to. Unsure: what participants send to ask for the floor and to
//! answer an invitation; here the command of the moderators with the own client id, and the actions below.

use serde_json::json;

use super::{NOBODY, NOT_ALLOWED, Order, Outcome, done, refuse};
use crate::enablex::room::To;

const NO_LECTURE: (i64, &str) = (5082, "The room is in group mode");

/// Everybody is told that it changed; into what, the state of the room says to those who come later. The floor starts
/// anew.
pub(super) fn switch_mode(order: &mut Order<'_>) -> Outcome {
    let lecture = order.text("mode") == "lecture";
    if order.room.session.lecture == lecture {
        let (code, mode) = if lecture { (1716, "lecture") } else { (1717, "group") };
        return refuse(code, &format!("The room is in {mode} mode"));
    }
    let session = &mut order.room.session;
    (session.lecture, session.floor_open) = (lecture, false);
    session.raised.clear();
    session.approved.clear();
    session.invited.clear();
    order.tell(To::All, "roomSwitched", &json!({ "moderator": order.me }));
    done()
}

pub(super) fn open(order: &mut Order<'_>) -> Outcome {
    if !order.room.session.lecture {
        return refuse(NO_LECTURE.0, NO_LECTURE.1);
    }
    let on = order.is_set("enable");
    order.room.session.floor_open = on;
    let id = if on { "floor-opened" } else { "floor-closed" };
    order.announce(id, &json!({ "moderator": order.me }));
    done()
}

pub(super) fn process(order: &mut Order<'_>) -> Outcome {
    if !order.room.session.lecture {
        return refuse(NO_LECTURE.0, NO_LECTURE.1);
    }
    let (id, action) = (order.text("clientId").to_owned(), order.text("action").to_owned());
    let Some(target) = order.room.member(&id) else { return refuse(NOBODY, "User not found") };
    if target.is_moderator() {
        return refuse(5003, "A moderator needs no floor");
    }
    let is_moderator = order.room.member(order.me).is_some_and(|me| me.is_moderator());
    match action.as_str() {
        "grantFloor" | "denyFloor" | "releaseFloor" | "cancelFloorInvite" if !is_moderator => {
            refuse(NOT_ALLOWED, "Only moderator has rights")
        }
        "grantFloor" | "denyFloor" | "releaseFloor" | "cancelFloorInvite" => decide(order, &id, &action),
        _ if id != order.me => refuse(NOT_ALLOWED, "Not on behalf of somebody else"),
        action => ask(order, &id, action),
    }
}

/// What a moderator does about somebody's floor. Everybody else is told.
fn decide(order: &mut Order<'_>, id: &str, action: &str) -> Outcome {
    let me = order.me.to_owned();
    let session = &mut order.room.session;
    let has = |list: &[String]| list.iter().any(|known| known == id);
    let holds = session.approved.iter().any(|(known, _)| known == id);
    let event = match action {
        "grantFloor" if holds => return refuse(1188, "The floor is granted already"),
        "grantFloor" if !has(&session.raised) => return refuse(1707, "Request not found"),
        "grantFloor" => {
            session.approved.push((id.to_owned(), me.clone()));
            "floorGranted"
        }
        "denyFloor" if holds => return refuse(5048, "The floor is granted already"),
        "denyFloor" if !has(&session.raised) => return refuse(1707, "Request not found"),
        "denyFloor" => "floorDenied",
        "releaseFloor" if !holds => return refuse(5050, "The floor is not granted"),
        "releaseFloor" => {
            session.approved.retain(|(known, _)| known != id);
            "floorReleased"
        }
        _ if !has(&session.invited) => return refuse(1707, "Request not found"),
        _ => {
            session.invited.retain(|known| known != id);
            "cancelFloorInvite"
        }
    };
    session.raised.retain(|known| known != id);
    let name = order.room.member(id).map(|user| user.name.clone());
    let content = json!({ "id": event, "clientId": id, "name": name, "moderatorId": me });
    order.tell(To::Others(&me), "floorManagementEvents", &content);
    done()
}

/// What a participant does about the own floor. The moderators are told.
pub(in crate::enablex) fn ask_as(
    room: &mut crate::enablex::room::Room,
    id: &str,
    action: &str,
) -> Result<&'static str, (i64, &'static str)> {
    let session = &mut room.session;
    let raised = session.raised.iter().any(|known| known == id);
    let invited = session.invited.iter().any(|known| known == id);
    let holds = session.approved.iter().any(|(known, _)| known == id);
    Ok(match action {
        "requestFloor" if raised || holds => return Err((5042, "The floor was requested already")),
        "requestFloor" => {
            session.raised.push(id.to_owned());
            "floorRequested"
        }
        "cancelFloor" if raised => {
            session.raised.retain(|known| known != id);
            "floorCancelled"
        }
        "finishFloor" if holds => {
            session.approved.retain(|(known, _)| known != id);
            "floorFinished"
        }
        "acceptInviteFloor" if invited => {
            session.invited.retain(|known| known != id);
            session.approved.push((id.to_owned(), String::new()));
            "floorAccepted"
        }
        "rejectInviteFloor" if invited => {
            session.invited.retain(|known| known != id);
            "floorRejected"
        }
        _ => return Err((1707, "Request not found")),
    })
}

fn ask(order: &mut Order<'_>, id: &str, action: &str) -> Outcome {
    match ask_as(order.room, id, action) {
        Ok(event) => {
            let name = order.room.member(id).map(|user| user.name.clone());
            let content = json!({ "id": event, "clientId": id, "name": name });
            order.tell(To::Moderators, "floorManagementEvents", &content);
            done()
        }
        Err((code, msg)) => refuse(code, msg),
    }
}

pub(super) fn invite(order: &mut Order<'_>) -> Outcome {
    if !order.room.session.lecture {
        return refuse(NO_LECTURE.0, NO_LECTURE.1);
    }
    let id = order.other()?;
    if order.room.session.invited.contains(&id) {
        return refuse(5042, "The user is invited already");
    }
    order.room.session.invited.push(id.clone());
    let name = order.room.member(&id).map(|user| user.name.clone());
    let content = json!({ "id": "inviteToFloor", "clientId": id, "name": name, "moderatorId": order.me });
    order.tell(To::One(&id), "floorManagementEvents", &content);
    done()
}
