//! A room: what the Server API knows of it, who is there, and what lasts from the first one's coming to the last one's
//! going.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use serde_json::{Map, Value, json};
use socketioxide::extract::SocketRef;

use super::{live::Live, turn::Step};

pub(super) struct Room {
    /// As the Server API answers it.
    pub(super) info: Value,
    pub(super) users: BTreeMap<String, User>,
    pub(super) session: Session,
    /// Until when a room for one use lives on without anybody in it.
    pub(super) until: Option<SystemTime>,
}

#[derive(Default)]
pub(super) struct Session {
    pub(super) conf_num: String,
    /// None while nobody has been in it.
    pub(super) began: Option<SystemTime>,
    pub(super) ends: Option<SystemTime>,
    /// How many of the windows for extensions were announced.
    pub(super) windows: usize,
    pub(super) locked: bool,
    pub(super) muted: bool,
    pub(super) knock: bool,
    pub(super) lecture: bool,
    pub(super) floor_open: bool,
    pub(super) recording: bool,
    pub(super) live: Live,
    pub(super) streaming: Live,
    pub(super) pins: Vec<String>,
    pub(super) spotlights: Vec<String>,
    pub(super) raised: Vec<String>,
    /// Who has the floor, and from whom.
    pub(super) approved: Vec<(String, String)>,
    pub(super) invited: Vec<String>,
    pub(super) silenced: BTreeSet<String>,
    pub(super) hidden: BTreeSet<String>,
    /// What was said, for the file of the chat.
    pub(super) chat: Vec<Value>,
    /// The files of single recordings, and those of composed ones.
    pub(super) recordings: Vec<String>,
    pub(super) composed: Vec<String>,
    /// Those who have gone already.
    pub(super) visits: Vec<Visit>,
}

/// Somebody's stay in a session.
#[derive(Clone)]
pub(super) struct Visit {
    pub(super) client_id: String,
    pub(super) name: Value,
    pub(super) role: String,
    pub(super) user_ref: Value,
    pub(super) token: String,
    pub(super) agent: Value,
    pub(super) from: SystemTime,
    pub(super) to: SystemTime,
}

/// What somebody waits for in front of the room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaits {
    /// That a moderator lets the user in.
    Approval,
    /// That a moderator comes.
    Moderator,
}

pub(super) struct User {
    /// None for those whom the management API has let in.
    pub(super) socket: Option<SocketRef>,
    /// Whether the client is of the newer protocol generation.
    pub(super) newer: bool,
    pub(super) name: Value,
    pub(super) role: String,
    pub(super) user_ref: Value,
    pub(super) data: Value,
    pub(super) awaits: Option<Awaits>,
    pub(super) token: String,
    pub(super) agent: Value,
    pub(super) since: SystemTime,
    /// How many talkers the user receives, hears and sees.
    pub(super) talkers: [u64; 3],
}

/// Whom something is told.
#[derive(Clone, Copy)]
pub(super) enum To<'a> {
    All,
    Participants,
    Moderators,
    Others(&'a str),
    One(&'a str),
}

impl User {
    pub(super) fn is_moderator(&self) -> bool {
        self.role == "moderator" && self.awaits.is_none()
    }

    pub(super) fn permissions(&self) -> Value {
        let moderator = self.role == "moderator";
        json!({
            "publish": self.role != "viewer", "subscribe": true, "record": moderator, "stats": true,
            "controlhandlers": moderator,
        })
    }

    pub(super) fn told(&self, client_id: &str) -> Value {
        json!({
            "clientId": client_id, "name": self.name, "role": self.role, "user_ref": self.user_ref,
            "data": self.data, "permissions": self.permissions(),
        })
    }
}

impl Room {
    pub(super) fn new(info: Value) -> Self {
        Self { info, users: BTreeMap::new(), session: Session::default(), until: None }
    }

    pub(super) fn setting(&self, name: &str) -> &Value {
        self.info.get("settings").and_then(|settings| settings.get(name)).unwrap_or(&Value::Null)
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.setting(name) == &Value::Bool(true)
    }

    /// A member of what the Server API answers.
    pub(super) fn fact(&self, name: &str) -> &Value {
        self.info.get(name).unwrap_or(&Value::Null)
    }

    /// How many minutes a session lasts; none for one without an end.
    pub(super) fn minutes(&self) -> Option<u64> {
        number(self.setting("duration"))
    }

    /// How many talkers are shown at once.
    pub(super) fn most_talkers(&self) -> u64 {
        number(self.setting("max_active_talkers")).unwrap_or(6)
    }

    /// Whether nobody of this role can come in any more. Viewers count as participants.
    pub(super) fn is_full(&self, role: &str) -> bool {
        let moderator = role == "moderator";
        let limit = number(self.setting(if moderator { "moderators" } else { "participants" }));
        let there = self.users.values().filter(|user| (user.role == "moderator") == moderator).count();
        limit.is_some_and(|limit| there as u64 >= limit)
    }

    /// Those who are in the room, not in front of it.
    pub(super) fn inside(&self) -> impl Iterator<Item = (&String, &User)> {
        self.users.iter().filter(|(_, user)| user.awaits.is_none())
    }

    /// Somebody who is in the room.
    pub(super) fn member(&self, client_id: &str) -> Option<&User> {
        self.users.get(client_id).filter(|user| user.awaits.is_none())
    }

    pub(super) fn has_moderator(&self) -> bool {
        self.users.values().any(User::is_moderator)
    }

    pub(super) fn tell(&self, to: To<'_>, event: &'static str, content: &Value) -> Vec<Step> {
        // Those in front of the room hear only what is for them alone.
        let hears = |id: &str, user: &User| match to {
            To::All => user.awaits.is_none(),
            To::Participants => user.awaits.is_none() && user.role != "moderator",
            To::Moderators => user.is_moderator(),
            To::Others(me) => user.awaits.is_none() && id != me,
            To::One(one) => id == one,
        };
        let listeners = self.users.iter().filter(|(id, user)| hears(id, user));
        listeners
            .filter_map(|(_, user)| Some(Step::Tell(user.socket.clone()?, event, content.clone())))
            .collect()
    }

    /// One of the events that share a name.
    pub(super) fn announce(&self, id: &str, msg: &Value) -> Vec<Step> {
        self.tell(To::All, "roomManagementEvents", &json!({ "id": id, "msg": msg }))
    }

    /// What somebody is told who comes in.
    pub(super) fn snapshot(&self, room_id: &str, client_id: &str, now: SystemTime) -> Value {
        let session = &self.session;
        let users: Vec<Value> = self.inside().map(|(id, user)| user.told(id)).collect();
        let me = self.users.get(client_id);
        let talkers = me.map(|me| me.talkers);
        let left = session.ends.map(|end| end.duration_since(now).unwrap_or_default().as_secs());
        let mut settings = self.fact("settings").clone();
        if let Value::Object(settings) = &mut settings {
            // As things stand, not as the room was made.
            settings.insert("mode".into(), if session.lecture { "lecture" } else { "group" }.into());
        }
        json!({
            "id": room_id, "clientId": client_id, "streams": {}, "userList": users,
            "user": me.map(|me| me.told(client_id)),
            "room": {
                "settings": settings, "name": self.fact("name"), "owner_ref": self.fact("owner_ref"),
                "conf_num": session.conf_num, "service_id": crate::credentials::ENABLEX_APP_ID,
                "mute": session.muted, "share": true, "locked": session.locked, "waitRoom": false,
                "knockEnabled": session.knock, "openFloor": session.floor_open,
                "remainingDuration": left, "created": self.fact("created"),
                "sharePermissions": { "screen": true, "canvas": true },
            },
            "roomMeta": { "pinnedUsers": session.pins, "spotlightUsers": session.spotlights },
            "subscription": {
                "audio_only": true, "audio_video": true, "recording": true,
                "screen_share": true, "canvas": true, "live_recording": true,
            },
            "raisedHands": self.raised_hands(), "approvedHands": self.approved_hands(),
            "floorInvites": self.invitations(), "awaitedParticipants": self.awaited(),
            "mediaConfiguration": "Default", "iceServers": [], "videoMutedUsers": {},
            "mediaRecord": session.recording,
            "numAudioTalkers": talkers.map(|[_, audio, _]| audio),
            "numVideoTalkers": talkers.map(|[_, _, video]| video),
            "videoBitrateQualityMap": {},
        })
    }

    /// Those in front of the room, by client id.
    pub(super) fn awaited(&self) -> Value {
        let waiting = self.users.iter().filter(|(_, user)| user.awaits.is_some());
        waiting
            .map(|(id, user)| (id.clone(), json!({ "clientId": id, "name": user.name })))
            .collect::<Map<_, _>>()
            .into()
    }

    fn named(&self, ids: &[String], kind: &str) -> Value {
        let name = |id: &String| self.users.get(id).map_or(Value::Null, |user| user.name.clone());
        ids.iter().map(|id| json!({ "clientId": id, "name": name(id), "type": kind })).collect()
    }

    pub(super) fn raised_hands(&self) -> Value {
        self.named(&self.session.raised, "raised")
    }

    fn invitations(&self) -> Value {
        self.named(&self.session.invited, "invited")
    }

    pub(super) fn approved_hands(&self) -> Value {
        let hands = self.session.approved.iter();
        hands.map(|(id, by)| json!({ "clientId": id, "moderatorId": by })).collect()
    }

    /// For the eyes of the management API.
    pub(super) fn shown(&self) -> Value {
        let session = &self.session;
        let users: Vec<Value> = self
            .users
            .iter()
            .map(|(id, user)| {
                let mut told = user.told(id);
                if let Value::Object(told) = &mut told {
                    told.insert("awaited".into(), user.awaits.is_some().into());
                }
                told
            })
            .collect();
        json!({
            "room": self.info, "users": users, "conf_num": session.conf_num, "locked": session.locked,
            "muted": session.muted, "knock": session.knock, "lecture": session.lecture,
            "floor_open": session.floor_open, "recording": session.recording,
            "live_recording": session.live.name(), "streaming": session.streaming.name(),
            "pinned": session.pins, "spotlights": session.spotlights, "raised_hands": session.raised,
            "muted_audio": session.silenced, "muted_video": session.hidden,
        })
    }
}

/// A number that may be written as text.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
