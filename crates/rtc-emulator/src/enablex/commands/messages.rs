//! Messages, talkers, and what the vendor's libraries ask on their own.
//!
//! Unsure: the name of the event that brings a message (`onDataStreamToRoom` here); its members are those that the library
//! reads.

use serde_json::{Value, json};

use super::{BAD_PARAMETER, NOBODY, Order, Outcome, done, refuse};
use crate::bounds::{SAID, latest};
use crate::{enablex::room::To, time::unix_millis};

/// To everybody else, or to some.
pub(super) fn send(order: &mut Order<'_>) -> Outcome {
    let broadcast = order.given.get("broadcast") != Some(&Value::Bool(false));
    let listeners = order.texts("clients");
    if !broadcast && !listeners.iter().any(|id| order.room.member(id).is_some()) {
        return refuse(if listeners.is_empty() { BAD_PARAMETER } else { NOBODY }, "User not found");
    }
    let kind = if order.text("type").is_empty() { "chat" } else { order.text("type") };
    let sender = order.room.member(order.me).map(|me| me.name.clone());
    let content = json!({
        "type": kind, "message": order.given.get("msg"), "broadcast": broadcast, "sender": sender,
        "senderId": order.me, "timestamp": unix_millis(order.now),
    });
    if kind == "chat" {
        order.room.session.chat.push(content.clone());
        latest(&mut order.room.session.chat, SAID);
    }
    if broadcast {
        order.tell(To::Others(order.me), "onDataStreamToRoom", &content);
    } else {
        for id in &listeners {
            // Nothing is said to those in front of the room.
            if id != order.me && order.room.member(id).is_some() {
                order.tell(To::One(id), "onDataStreamToRoom", &content);
            }
        }
    }
    done()
}

pub(super) fn talkers(order: &mut Order<'_>) -> Outcome {
    let Some(me) = order.room.member(order.me) else { return done() };
    let [all, audio, video] = me.talkers;
    Ok(json!({
        "result": 0, "numTalkers": all, "numAudioTalkers": audio, "numVideoTalkers": video,
        "maxTalkers": order.room.most_talkers(),
    }))
}

/// At most as many as the room shows; all kinds alike where they are not named.
pub(super) fn set_talkers(order: &mut Order<'_>) -> Outcome {
    let all = order.number("numTalkers").unwrap_or_default();
    let wanted = [Some(all), order.number("numAudioTalkers"), order.number("numVideoTalkers")];
    let wanted = wanted.map(|count| count.unwrap_or(all));
    if wanted.iter().any(|count| *count > order.room.most_talkers()) {
        return refuse(BAD_PARAMETER, "More talkers than the room shows");
    }
    if let Some(me) = order.room.users.get_mut(order.me) {
        me.talkers = wanted;
    }
    talkers(order)
}

pub(super) fn own(order: &mut Order<'_>, event: &str) -> Outcome {
    match event {
        "getMaxNumberOfTalker" => Ok(json!({ "result": 0, "maxTalkers": order.room.most_talkers() })),
        "getAwaitedUser" => Ok(json!({ "result": 0, "awaitedParticipants": order.room.awaited() })),
        _ => done(),
    }
}
