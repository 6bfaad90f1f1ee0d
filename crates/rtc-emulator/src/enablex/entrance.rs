//! Coming in and going out.
//!
//! Unsure: how somebody is told what is waited for when it is the moderator (`event_type`; here the name of the setting),
//! and the words of the reasons in `room-disconnected`.

use serde_json::{Value, json};
use socketioxide::extract::{AckSender, SocketRef};

use super::{
    room::{Awaits, Room, To, User, Visit},
    turn::{Ack, Step, World},
};
use crate::bounds::{PAST, latest};

const BAD_TOKEN: (i64, &str) = (1161, "Token validation failed");
const NOBODY_LEFT: (i64, &str) = (4119, "All participants have left the room");
const MODERATORS_FULL: (i64, &str) = (2101, "Maximum number of moderators reached");
const PARTICIPANTS_FULL: (i64, &str) = (2102, "Maximum number of participants reached");

/// A connection that wants in.
pub(super) struct Arrival<'a> {
    /// None if the management API lets somebody in.
    pub(super) socket: Option<&'a SocketRef>,
    pub(super) newer: bool,
    /// The argument of the `token` event.
    pub(super) given: &'a Value,
}

impl World<'_> {
    /// Takes a token and tells its holder what came of it.
    pub(super) fn enter(&mut self, arrival: &Arrival<'_>, ack: AckSender) {
        match self.admit(arrival) {
            Ok((client_id, rest)) => {
                let joined = json!({ "result": 0, "clientId": client_id, "connectedIP": "127.0.0.1" });
                self.push([Step::Ack(ack, Ack::Worded("success", joined))]);
                self.push(rest);
            }
            Err((result, msg)) => {
                let refused = json!({ "result": result, "msg": msg });
                self.push([Step::Ack(ack, Ack::Worded("error", refused))]);
                self.push(arrival.socket.cloned().map(Step::Close));
            }
        }
    }

    /// Takes the token, which then is used up, and lets its holder in or to the door. Gives the client id and what is
    /// to be told afterwards.
    fn admit(&mut self, arrival: &Arrival<'_>) -> Result<(String, Vec<Step>), (i64, &'static str)> {
        let client_id = self.shared.ids.uuid();
        let given = arrival.given;
        let id = given.get("tokenId").and_then(Value::as_str).unwrap_or_default();
        let again = given.get("oldClientIdForReconnect").and_then(Value::as_str);
        let now = self.now;
        let token = self.data.tokens.get_mut(id).ok_or(BAD_TOKEN)?;
        let genuine = given.get("signature").and_then(Value::as_str) == Some(token.signature.as_str());
        let usable = match (&token.used_by, again) {
            (None, _) => now <= token.expires,
            // Reconnecting, the same client comes with the same token.
            (Some(used_by), Some(again)) => used_by == again,
            (Some(_), None) => false,
        };
        if !genuine || !usable {
            return Err(BAD_TOKEN);
        }
        let again = again.filter(|_| token.used_by.is_some()).map(str::to_owned);
        let room = self.data.rooms.get(&token.room_id).ok_or(BAD_TOKEN)?;
        let mut user = User {
            socket: arrival.socket.cloned(),
            newer: arrival.newer,
            name: token.name.clone(),
            role: token.role.clone(),
            user_ref: token.user_ref.clone(),
            data: token.data.clone(),
            awaits: None,
            token: token.text.clone(),
            agent: given.get("userAgent").cloned().unwrap_or(Value::Null),
            since: now,
            talkers: [room.most_talkers(); 3],
        };
        let room_id = token.room_id.clone();
        if let Some(old) = &again {
            if !room.inside().any(|(id, _)| id != old) {
                return Err(NOBODY_LEFT);
            }
            token.used_by = Some(client_id.clone());
            // What the user was at last counts, not what the token said.
            let before = room.users.get(old).map(|before| (before.role.clone(), before.talkers));
            if let Some((role, talkers)) = before {
                (user.role, user.talkers) = (role, talkers);
            }
            self.part(&room_id, old, None);
            return self.seat(&room_id, client_id, user);
        }
        if room.is_full(&user.role) {
            // A place is kept: the token can be used once there is one.
            return Err(if user.role == "moderator" { MODERATORS_FULL } else { PARTICIPANTS_FULL });
        }
        token.used_by = Some(client_id.clone());
        if room.session.locked {
            let told = arrival.socket.map(|socket| {
                Step::Tell(socket.clone(), "room-disconnected", json!({ "reason": "room-locked" }))
            });
            return Ok((client_id, told.into_iter().collect()));
        }
        let knocks = if room.session.began.is_some() { room.session.knock } else { room.is_set("knock") };
        let waits = room.is_set("wait_for_moderator") || room.is_set("wait_moderator");
        user.awaits = match user.role.as_str() {
            "moderator" => None,
            _ if waits && !room.has_moderator() => Some(Awaits::Moderator),
            _ if knocks => Some(Awaits::Approval),
            _ => None,
        };
        self.seat(&room_id, client_id, user)
    }

    /// Gives somebody a place in the room, or in front of it.
    pub(super) fn seat(
        &mut self,
        room_id: &str,
        client_id: String,
        user: User,
    ) -> Result<(String, Vec<Step>), (i64, &'static str)> {
        if let Some(socket) = &user.socket {
            self.data.clients.insert(socket.id, (room_id.to_owned(), client_id.clone()));
        }
        let room = self.data.rooms.get_mut(room_id).ok_or(BAD_TOKEN)?;
        let awaits = user.awaits;
        room.users.insert(client_id.clone(), user);
        let steps = match awaits {
            Some(awaits) => at_the_door(room, &client_id, awaits),
            None => self.come_in(room_id, &client_id),
        };
        Ok((client_id, steps))
    }

    /// Lets somebody in who has a place: the session begins with the first one.
    pub(super) fn come_in(&mut self, room_id: &str, client_id: &str) -> Vec<Step> {
        let now = self.now;
        let mut steps = Vec::new();
        let Some(room) = self.data.rooms.get_mut(room_id) else { return steps };
        if let Some(user) = room.users.get_mut(client_id) {
            (user.awaits, user.since) = (None, now);
        }
        if room.session.began.is_none() {
            steps.extend(room.begin(room_id, self.shared.ids.digits(8), now));
        }
        let Some(user) = room.users.get(client_id) else { return steps };
        let (told, is_moderator) = (user.told(client_id), user.is_moderator());
        let snapshot = room.snapshot(room_id, client_id, now);
        steps.extend(room.tell(To::One(client_id), "room-connected", &snapshot));
        steps.extend(room.late(client_id));
        steps.extend(room.tell(To::Others(client_id), "user-connected", &told));
        if is_moderator {
            steps.extend(self.open_the_door(room_id));
        }
        steps
    }

    /// A moderator has come: those who waited for one come in, or have to be let in now.
    fn open_the_door(&mut self, room_id: &str) -> Vec<Step> {
        let Some(room) = self.data.rooms.get_mut(room_id) else { return Vec::new() };
        let waiting: Vec<String> = room
            .users
            .iter()
            .filter(|(_, user)| user.awaits == Some(Awaits::Moderator))
            .map(|(id, _)| id.clone())
            .collect();
        let mut steps = Vec::new();
        for id in waiting {
            let Some(room) = self.data.rooms.get_mut(room_id) else { break };
            if room.session.knock {
                if let Some(user) = room.users.get_mut(&id) {
                    user.awaits = Some(Awaits::Approval);
                }
                steps.extend(at_the_door(room, &id, Awaits::Approval));
            } else {
                steps.extend(self.come_in(room_id, &id));
            }
        }
        steps
    }

    /// A connection is gone.
    pub(super) fn hang_up(&mut self, socket: &SocketRef) {
        if let Some((room_id, client_id)) = self.data.clients.remove(&socket.id) {
            self.part(&room_id, &client_id, None);
        }
    }

    /// Somebody goes, or is made to, for a reason. With the last one the session ends.
    pub(super) fn part(&mut self, room_id: &str, client_id: &str, reason: Option<&str>) {
        let now = self.now;
        let Some(room) = self.data.rooms.get_mut(room_id) else { return };
        let Some(user) = room.users.get(client_id) else { return };
        let (told, socket, awaits) = (user.told(client_id), user.socket.clone(), user.awaits);
        let mut steps = Vec::new();
        if let Some(reason) = reason {
            steps = room.tell(To::One(client_id), "room-disconnected", &json!({ "reason": reason }));
        }
        if room.session.recording {
            room.keep(room_id, client_id);
        }
        let gone = room.users.remove(client_id);
        if let Some(socket) = &socket {
            self.data.clients.remove(&socket.id);
        }
        match awaits {
            None => {
                steps.extend(room.tell(To::All, "user-disconnected", &told));
                room.forget(client_id);
                room.session.visits.extend(gone.map(|user| user.visit(client_id, now)));
                latest(&mut room.session.visits, PAST);
            }
            // The moderators, and only they, knew; and whoever denied it knows already.
            Some(_) if reason.is_none() => {
                steps.extend(room.tell(To::Moderators, "user-disconnected", &told));
            }
            Some(_) => {}
        }
        let is_over = awaits.is_none() && room.inside().next().is_none();
        self.push(steps);
        self.push(socket.map(Step::Close));
        if is_over {
            self.finish(room_id);
        }
    }
}

/// Somebody waits: the user is told, and so are the moderators if they can do something about it.
fn at_the_door(room: &Room, client_id: &str, awaits: Awaits) -> Vec<Step> {
    let kind = if awaits == Awaits::Approval { "knock" } else { "wait_for_moderator" };
    let mut steps = room.tell(To::One(client_id), "room-awaited", &json!({ "event_type": kind }));
    if awaits == Awaits::Approval
        && let Some(user) = room.users.get(client_id)
    {
        let knock = json!({
            "clientId": client_id, "name": user.name, "event_type": "knock", "data": user.data,
        });
        steps.extend(room.tell(To::Moderators, "user-awaited", &knock));
    }
    steps
}

impl Room {
    /// What somebody who comes late is told beside the state of the room.
    fn late(&self, client_id: &str) -> Vec<Step> {
        let super::live::Live::On { by } = &self.session.live else { return Vec::new() };
        let content = json!({ "status": super::live::status(0, true, ""), "startedBy": by });
        self.tell(To::One(client_id), "room-live-recording-on", &content)
    }

    /// Strikes somebody who has gone off all lists.
    fn forget(&mut self, client_id: &str) {
        let session = &mut self.session;
        for list in [&mut session.pins, &mut session.spotlights, &mut session.raised, &mut session.invited] {
            list.retain(|id| id != client_id);
        }
        session.approved.retain(|(id, _)| id != client_id);
        session.silenced.remove(client_id);
        session.hidden.remove(client_id);
    }
}

impl User {
    pub(super) fn visit(self, client_id: &str, to: std::time::SystemTime) -> Visit {
        Visit {
            client_id: client_id.to_owned(),
            name: self.name,
            role: self.role,
            user_ref: self.user_ref,
            token: self.token,
            agent: self.agent,
            from: self.since,
            to,
        }
    }
}
