//! One meeting: who is in it and in front of it, and what they agreed on.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;

use super::presets;
use super::record::Recording;
use super::send::Notice;
use crate::mediasfu::state::{Entry, Room};

/// The levels of those who take part.
pub(super) const GUEST: &str = "0";
pub(super) const HOST: &str = "2";

/// The meetings of the cloud and of a Community Edition do not know each other, even if their names are the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) cloud: bool,
    pub(super) name: String,
}

impl Key {
    pub(super) fn cloud(name: &str) -> Self {
        Self { cloud: true, name: name.to_owned() }
    }

    pub(super) fn community(name: &str) -> Self {
        Self { cloud: false, name: name.to_owned() }
    }
}

/// Somebody who takes part.
pub(super) struct Member {
    pub(super) socket: SocketRef,
    pub(super) name: String,
    /// What the cloud let in with; empty at a Community Edition.
    pub(super) token: String,
    pub(super) level: &'static str,
    /// What was asked for and not answered yet.
    pub(super) requests: Vec<Value>,
}

/// Somebody in front of the meeting, or who has a place in it that was not taken yet.
pub(super) struct Guest {
    pub(super) socket: SocketRef,
    pub(super) name: String,
}

/// What only an event of a Community Edition has.
#[derive(Default)]
pub(super) struct Event {
    /// Tokens, the creator's first.
    pub(super) entries: Vec<Entry>,
    /// Those who have a token and have not come in yet.
    pub(super) seats: Vec<Guest>,
    /// Milliseconds.
    pub(super) duration: u64,
    /// Milliseconds since 1970.
    pub(super) scheduled: u64,
    /// When the host came, in milliseconds since 1970.
    pub(super) started: Option<u64>,
    pub(super) waiting_room: bool,
    pub(super) url: Value,
    pub(super) records: bool,
}

#[derive(Default)]
pub(super) struct Meeting {
    /// Whether the host was there.
    pub(super) live: bool,
    pub(super) capacity: u64,
    pub(super) secure_code: Value,
    pub(super) params: Value,
    pub(super) recording_params: Value,
    pub(super) members: Vec<Member>,
    pub(super) waiting: Vec<Guest>,
    pub(super) admitted: BTreeSet<String>,
    pub(super) banned: BTreeSet<String>,
    /// What may be used without asking: sound, picture, screen, chat.
    pub(super) settings: Value,
    pub(super) co_host: Value,
    pub(super) duties: Value,
    pub(super) messages: Vec<Value>,
    pub(super) recording: Recording,
    pub(super) event: Event,
}

/// What the parameters of a meeting allow.
fn settings(params: &Value) -> Value {
    ["audioSetting", "videoSetting", "screenshareSetting", "chatSetting"]
        .into_iter()
        .map(|name| params.get(name).cloned().unwrap_or_else(|| "allow".into()))
        .collect()
}

fn no_duties() -> Value {
    ["participants", "media", "waiting", "chat"]
        .map(|name| json!({ "name": name, "value": false, "dedicated": false }))
        .into()
}

impl Meeting {
    pub(super) fn new(capacity: u64, secure_code: Value, params: Value, recording_params: Value) -> Self {
        let settings = settings(&params);
        Self {
            capacity,
            secure_code,
            params,
            recording_params,
            settings,
            duties: no_duties(),
            ..Self::default()
        }
    }

    /// The meeting of a room of the cloud.
    pub(super) fn of(name: &str, room: &Room) -> Self {
        let input = &room.input;
        let capacity = input.get("capacity").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let code = input.get("secureCode").cloned().unwrap_or_default();
        Self::new(capacity, code, presets::meeting_of(input), presets::recording_of(input, name))
    }

    pub(super) fn by_id(&self, id: Sid) -> Option<&Member> {
        self.members.iter().find(|member| member.socket.id == id)
    }

    pub(super) fn by_name(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// A member by both of its names, as commands give them.
    pub(super) fn find(&self, id: &Value, name: &Value) -> Option<&Member> {
        self.members.iter().find(|member| *id == member.socket.id.to_string() && *name == member.name)
    }

    pub(super) fn host(&self) -> Option<&Member> {
        self.members.iter().find(|member| member.level == HOST)
    }

    pub(super) fn is_full(&self) -> bool {
        self.members.len() as u64 >= self.capacity
    }

    pub(super) fn is_co_host(&self, member: &Member) -> bool {
        self.co_host == member.name.as_str()
    }

    /// What the co-host may do: `value` or `dedicated` of a duty.
    pub(super) fn duty(&self, name: &str, what: &str) -> bool {
        let duties = self.duties.as_array().into_iter().flatten();
        duties.filter(|duty| duty["name"] == name).any(|duty| duty[what] == true)
    }

    /// The co-host, if this is its duty.
    pub(super) fn co_host_for(&self, duty: &str) -> Option<&Member> {
        self.members.iter().find(|member| self.is_co_host(member)).filter(|_| self.duty(duty, "value"))
    }

    /// Takes out who was on this connection, and says what the others are told.
    pub(super) fn forget(&mut self, id: Sid) -> Vec<Notice> {
        self.event.seats.retain(|seat| seat.socket.id != id);
        let (members, waiting) = (self.members.len(), self.waiting.len());
        self.members.retain(|member| member.socket.id != id);
        self.waiting.retain(|guest| guest.socket.id != id);
        let mut notices = Vec::new();
        if self.waiting.len() < waiting {
            notices.extend(self.tell_waiting());
        }
        if self.members.len() < members {
            notices.extend(self.lists());
        }
        notices
    }

    fn told(&self, member: &Member) -> Value {
        json!({
            "name": member.name, "id": member.socket.id, "isHost": member.level == HOST, "isBanned": false,
            "islevel": member.level, "muted": true, "videoOn": false, "ScreenOn": false,
            "requests": member.requests, "videoID": "", "ScreenID": "", "audioID": "", "breakRoom": null,
            "useBoard": false,
        })
    }

    /// The full list, or that of those who are not to see what others ask for.
    pub(super) fn list(&self, with_requests: bool, with_settings: bool) -> Value {
        let members: Vec<Value> = self.members.iter().map(|member| self.told(member)).collect();
        let mut list = json!({
            "members": members, "coHost": self.co_host, "coHostResponsibilities": self.duties,
        });
        if let Some(list) = list.as_object_mut() {
            if with_requests {
                let requests: Vec<&Value> = self.members.iter().flat_map(|m| &m.requests).collect();
                list.insert("requests".into(), json!(requests));
            }
            if with_settings {
                list.insert("settings".into(), self.settings.clone());
            }
        }
        list
    }

    /// What all are told when somebody came or went.
    pub(super) fn lists(&self) -> Vec<Notice> {
        let rest = self.list(false, true);
        let mut notices = self.to_all("allMembersRest", &rest);
        if let Some(member) = self.members.iter().find(|member| self.is_co_host(member)) {
            notices.push((member.socket.clone(), "allMembers", self.list(true, false)));
        }
        notices
    }

    pub(super) fn to_all(&self, event: &'static str, content: &Value) -> Vec<Notice> {
        self.members.iter().map(|member| (member.socket.clone(), event, content.clone())).collect()
    }

    /// The waiting list, to those who decide.
    pub(super) fn tell_waiting(&self) -> Vec<Notice> {
        let waiting: Vec<Value> =
            self.waiting.iter().map(|guest| json!({ "name": guest.name, "id": guest.socket.id })).collect();
        let list = json!({ "waitingParticipants": waiting });
        let deciding = self.host().into_iter().chain(self.co_host_for("waiting"));
        deciding.map(|member| (member.socket.clone(), "allWaitingRoomMembers", list.clone())).collect()
    }

    /// Puts somebody on the waiting list, once per name, and tells those who decide.
    pub(super) fn wait(&mut self, socket: &SocketRef, name: &str) -> Vec<Notice> {
        match self.waiting.iter_mut().find(|guest| guest.name == name) {
            Some(guest) => guest.socket = socket.clone(),
            None => self.waiting.push(Guest { socket: socket.clone(), name: name.to_owned() }),
        }
        let mut notices = self.tell_waiting();
        let told = json!({ "name": name });
        let co_host = self.co_host_for("waiting");
        // A co-host who has this duty alone spares the host the noise, not the list.
        let host = self.host().filter(|_| co_host.is_none() || !self.duty("waiting", "dedicated"));
        let alerted = host.into_iter().chain(co_host);
        notices.extend(alerted.map(|member| (member.socket.clone(), "userWaiting", told.clone())));
        notices
    }

    /// For people, without secrets.
    pub(super) fn state(&self, key: &Key) -> Value {
        let members: Vec<Value> = self.members.iter().map(|member| self.told(member)).collect();
        let names = |guests: &[Guest]| guests.iter().map(|guest| guest.name.clone()).collect::<Vec<_>>();
        json!({
            "room": key.name, "community": !key.cloud, "live": self.live, "members": members,
            "waiting": names(&self.waiting), "admitted": self.admitted, "banned": self.banned,
            "settings": self.settings, "co_host": self.co_host, "messages": self.messages,
            "recording": self.recording.state(), "invited": names(&self.event.seats),
        })
    }
}
