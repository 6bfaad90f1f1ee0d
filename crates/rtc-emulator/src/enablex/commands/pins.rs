//! Pins and spotlights. There can be one pin less than talkers are shown, and as many spotlights as talkers.

use serde_json::{Value, json};

use super::{BAD_PARAMETER, Order, Outcome, Refused, refuse};
use crate::enablex::room::To;

/// The ids that are meant: all of them must be somebody's.
fn meant(order: &Order<'_>) -> Result<Vec<String>, Refused> {
    let ids = order.texts("clientIds");
    if ids.iter().any(|id| order.room.member(id).is_none()) {
        return refuse(5126, "Invalid client IDs passed");
    }
    Ok(ids)
}

/// A list with some added or removed.
fn changed(list: &[String], ids: Vec<String>, add: bool, most: u64) -> Result<Vec<String>, Refused> {
    let mut list = list.to_vec();
    list.retain(|id| !ids.contains(id));
    if add {
        list.extend(ids);
        list.dedup();
    }
    if add && list.len() as u64 > most {
        return refuse(BAD_PARAMETER, &format!("There can be {most} at most"));
    }
    Ok(list)
}

pub(super) fn pin(order: &mut Order<'_>, add: bool) -> Outcome {
    let most = order.room.most_talkers().saturating_sub(1);
    let pins = changed(&order.room.session.pins, meant(order)?, add, most)?;
    order.room.session.pins.clone_from(&pins);
    order.announce("update-pin-users", &json!({ "moderator_id": order.me, "clients": pins }));
    Ok(json!({ "result": 0, "msg": "success", "clients": pins }))
}

/// With a new spotlight the list of talkers, which tells of spotlights, is new, too.
pub(super) fn spotlight(order: &mut Order<'_>, add: bool) -> Outcome {
    let most = order.room.most_talkers();
    let clients = changed(&order.room.session.spotlights, meant(order)?, add, most)?;
    order.room.session.spotlights.clone_from(&clients);
    order.announce("spotlight-users", &json!({ "moderator_id": order.me, "clients": clients }));
    if add {
        let talkers: Vec<Value> = order
            .room
            .inside()
            .filter(|(_, user)| user.role != "viewer")
            .take(usize::try_from(most).unwrap_or(usize::MAX))
            .enumerate()
            .map(|(n, (id, user))| {
                json!({
                    "clientId": id, "name": user.name, "streamId": n + 1, "mediatype": "audiovideo",
                    "spotlight": clients.contains(id), "pinned": order.room.session.pins.contains(id),
                })
            })
            .collect();
        order.tell(To::All, "active-talkers-updated", &json!({ "active": true, "activeList": talkers }));
    }
    Ok(json!({ "result": 0, "msg": "success", "clients": clients }))
}

/// The form of the answer is not documented.
pub(super) fn options(order: &mut Order<'_>) -> Outcome {
    let session = &order.room.session;
    Ok(json!({
        "result": 0,
        "options": [
            { "id": "update-pin-users", "clientIds": session.pins },
            { "id": "spotlight-users", "clientIds": session.spotlights },
        ],
    }))
}
