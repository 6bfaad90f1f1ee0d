//! Handing the role of the moderator over. The plain form swaps two people; with a role, which only the newer generation
//! knows, somebody gets that role as long as there is a seat for it.

use serde_json::{Value, json};

use super::{Order, Outcome, done, refuse};
use crate::enablex::room::{To, User};

pub(super) fn switch(order: &mut Order<'_>) -> Outcome {
    let target = order.other()?;
    let role = order.text("role").to_owned();
    let before =
        |order: &Order<'_>, id: &str| order.room.member(id).map(|user| user.role.clone()).unwrap_or_default();
    let mut changes = Vec::new();
    if role.is_empty() {
        if before(order, &target) == "moderator" {
            return refuse(1188, "The user is a moderator already");
        }
        changes.push((target.clone(), before(order, &target), "moderator".to_owned()));
        changes.push((order.me.to_owned(), "moderator".to_owned(), "participant".to_owned()));
    } else {
        if before(order, &target) == role {
            return refuse(1188, "The user has this role already");
        }
        if role == "moderator" && order.room.is_full("moderator") {
            return refuse(2101, "Maximum number of moderators reached");
        }
        changes.push((target.clone(), before(order, &target), role.clone()));
    }
    for (id, _, new) in &changes {
        if let Some(user) = order.room.users.get_mut(id) {
            user.role.clone_from(new);
        }
    }
    // A moderator needs no floor.
    let session = &mut order.room.session;
    session.raised.retain(|id| *id != target);
    session.approved.retain(|(id, _)| *id != target);
    session.invited.retain(|id| *id != target);
    tell(order, &target, &changes);
    done()
}

/// Everybody is told, each in the form of the own generation; a new moderator learns what a moderator has to know.
fn tell(order: &mut Order<'_>, target: &str, changes: &[(String, String, String)]) {
    let me = order.me;
    let (raised, approved) = (order.room.raised_hands(), order.room.approved_hands());
    let infos: Vec<Value> = changes
        .iter()
        .map(|(id, old, new)| json!({ "clientId": id, "role": { "new": new, "old": old } }))
        .collect();
    let users: Vec<Value> = order.room.inside().map(|(id, user)| user.told(id)).collect();
    let everybody: Vec<(String, bool, bool)> = order
        .room
        .inside()
        .map(|(id, user)| (id.clone(), user.newer, id == target && User::is_moderator(user)))
        .collect();
    for (id, newer, promoted) in everybody {
        let mut content = match changes {
            _ if newer => json!({ "clientsInfo": infos }),
            [_, _] => json!({ "moderator": { "new": target, "old": me } }),
            // The older form knows only moderators.
            [(_, _, new), ..] if new == "moderator" => json!({ "moderator": { "new": target, "old": null } }),
            _ => json!({ "moderator": { "new": null, "old": target } }),
        };
        if let (true, Value::Object(content)) = (promoted, &mut content) {
            content.insert("raisedHands".into(), raised.clone());
            content.insert("approvedHands".into(), approved.clone());
            if newer {
                content.insert("awaitedParticipants".into(), order.room.awaited());
                content.insert("userList".into(), users.clone().into());
            }
        }
        order.tell(To::One(&id), "userRoleChanged", &content);
    }
}
