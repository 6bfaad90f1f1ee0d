//! Everything the emulated EnableX keeps: rooms, tokens and who is in which room.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use serde_json::{Value, json};
use socketioxide::{extract::SocketRef, socket::Sid};

use crate::shared::Shared;

pub(super) struct Hub {
    pub(super) shared: Arc<Shared>,
    data: Mutex<Data>,
}

#[derive(Default)]
pub(super) struct Data {
    pub(super) rooms: BTreeMap<String, Room>,
    /// Those that were not used yet, by id.
    pub(super) tokens: BTreeMap<String, Token>,
    /// Who a connection is: room and client id.
    pub(super) clients: BTreeMap<Sid, (String, String)>,
}

pub(super) struct Token {
    pub(super) room_id: String,
    pub(super) signature: String,
    pub(super) name: Value,
    pub(super) role: String,
    pub(super) user_ref: Value,
    pub(super) data: Value,
    pub(super) expires: SystemTime,
}

pub(super) struct Room {
    /// As the Server API answers it.
    pub(super) info: Value,
    pub(super) users: BTreeMap<String, User>,
    pub(super) session: Session,
}

/// What lasts from the first user's coming to the last one's going.
#[derive(Default)]
pub(super) struct Session {
    pub(super) conf_num: String,
    pub(super) locked: bool,
    pub(super) muted: bool,
    pub(super) recording: bool,
}

pub(super) struct User {
    pub(super) socket: SocketRef,
    pub(super) name: Value,
    pub(super) role: String,
    pub(super) user_ref: Value,
    pub(super) data: Value,
    /// Whether a moderator has to let the user in first.
    pub(super) awaited: bool,
}

impl User {
    pub(super) fn is_moderator(&self) -> bool {
        self.role == "moderator" && !self.awaited
    }

    pub(super) fn told(&self, client_id: &str) -> Value {
        let moderator = self.role == "moderator";
        json!({
            "clientId": client_id, "name": self.name, "role": self.role, "user_ref": self.user_ref,
            "data": self.data,
            "permissions": {
                "publish": self.role != "viewer", "subscribe": true, "record": moderator, "stats": true,
                "controlhandlers": moderator,
            },
        })
    }
}

impl Room {
    pub(super) fn new(info: Value) -> Self {
        Self { info, users: BTreeMap::new(), session: Session::default() }
    }

    pub(super) fn setting(&self, name: &str) -> &Value {
        self.info.get("settings").and_then(|settings| settings.get(name)).unwrap_or(&Value::Null)
    }

    /// A member of what the Server API answers.
    pub(super) fn fact(&self, name: &str) -> &Value {
        self.info.get(name).unwrap_or(&Value::Null)
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
        self.users.iter().filter(|(_, user)| !user.awaited)
    }
}

/// A number that may be written as text.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

impl Hub {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, data: Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> Value {
        let data = self.lock();
        let rooms: Vec<Value> = data
            .rooms
            .values()
            .map(|room| {
                let users: Vec<Value> = room.users.iter().map(|(id, user)| user.told(id)).collect();
                json!({
                    "room": room.info, "users": users, "locked": room.session.locked,
                    "muted": room.session.muted, "recording": room.session.recording,
                })
            })
            .collect();
        json!({ "rooms": rooms, "unused_tokens": data.tokens.len() })
    }

    pub(super) fn reset(&self) {
        let data = std::mem::take(&mut *self.lock());
        // Without the lock: the end of a connection asks for it.
        for user in data.rooms.into_values().flat_map(|room| room.users.into_values()) {
            // It may have gone by itself.
            let _ = user.socket.disconnect();
        }
    }

    pub(super) fn seed(&self, state: &Value) -> Result<(), String> {
        let rooms = state.get("rooms").and_then(Value::as_array).ok_or("enablex: give {\"rooms\": [..]}")?;
        for room in rooms {
            let id = room["room_id"].as_str().ok_or("enablex: each room needs a room_id")?;
            if !room["settings"].is_object() {
                return Err(format!("enablex: the room {id} needs settings"));
            }
            self.lock().rooms.insert(id.to_owned(), Room::new(room.clone()));
        }
        Ok(())
    }
}
