//! Who may come in, speak, and stay.

use serde_json::json;

use super::{NOBODY, Order, Outcome, Refused, Then, done, refuse};
use crate::enablex::room::{Awaits, To};

/// Everybody is told.
pub(super) fn lock(order: &mut Order<'_>, lock: bool) -> Outcome {
    if order.room.session.locked == lock {
        return refuse(4121, "room already locked / unlocked");
    }
    order.room.session.locked = lock;
    let id = if lock { "room-locked" } else { "room-unlocked" };
    order.announce(id, &json!({ "moderator": order.me }));
    done()
}

/// Of muting the participants are told, of unmuting everybody. Who comes later learns it from the state of the room.
pub(super) fn mute_room(order: &mut Order<'_>, mute: bool) -> Outcome {
    order.room.session.muted = mute;
    let (to, event) = if mute { (To::Participants, "room-muted") } else { (To::All, "room-unmuted") };
    order.tell(to, event, &json!({ "moderator": order.me }));
    done()
}

/// All participants are told, the one whom it concerns included; the event has the name of the command.
pub(super) fn mute(order: &mut Order<'_>, event: &'static str) -> Outcome {
    let id = order.other()?;
    let session = &mut order.room.session;
    match event {
        "hardmute-user-audio" => session.silenced.insert(id.clone()),
        "hardunmute-user-audio" => session.silenced.remove(&id),
        "hardmute-user-video" => session.hidden.insert(id.clone()),
        _ => session.hidden.remove(&id),
    };
    order.tell(To::Participants, event, &json!({ "clientId": id, "moderator": order.me }));
    done()
}

/// Somebody who waits for being let in.
fn waiting(order: &Order<'_>) -> Result<String, Refused> {
    let id = order.text("clientId").to_owned();
    match order.room.users.get(&id).and_then(|user| user.awaits) {
        Some(Awaits::Approval) => Ok(id),
        _ => refuse(NOBODY, "User not found"),
    }
}

pub(super) fn approve(order: &mut Order<'_>) -> Outcome {
    let id = waiting(order)?;
    order.then.push(Then::Admit(id));
    done()
}

pub(super) fn deny(order: &mut Order<'_>) -> Outcome {
    let id = waiting(order)?;
    order.then.push(Then::Part(id, Some("denied")));
    done()
}

/// Once nobody has to knock, those who do are let in.
pub(super) fn enable_knock(order: &mut Order<'_>) -> Outcome {
    let on = order.is_set("enable");
    order.room.session.knock = on;
    let id = if on { "knock-enabled" } else { "knock-disabled" };
    order.announce(id, &json!({ "moderator": order.me }));
    if !on {
        let waiting = order.room.users.iter().filter(|(_, user)| user.awaits == Some(Awaits::Approval));
        let admitted: Vec<Then> = waiting.map(|(id, _)| Then::Admit(id.clone())).collect();
        order.then.extend(admitted);
    }
    done()
}

/// They are sent out; the others are told that they have gone. Ids that nobody has are passed over if there is another.
pub(super) fn drop_users(order: &mut Order<'_>) -> Outcome {
    let ids = order.texts("clientIds");
    let there: Vec<String> = ids.into_iter().filter(|id| order.room.member(id).is_some()).collect();
    if there.is_empty() {
        return refuse(NOBODY, "User not found");
    }
    order.then.extend(there.into_iter().map(|id| Then::Part(id, Some("dropped-by-moderator"))));
    done()
}

/// The older libraries cannot delete the room with it.
pub(super) fn destroy(order: &mut Order<'_>) -> Outcome {
    let newer = order.room.member(order.me).is_some_and(|me| me.newer);
    let delete = newer && order.is_set("deleteRoom");
    order.then.push(Then::End { delete });
    done()
}

pub(super) fn leave(order: &mut Order<'_>) -> Outcome {
    order.then.push(Then::Part(order.me.to_owned(), None));
    done()
}
