//! Everything the emulated EnableX keeps.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use serde_json::{Value, json};
use socketioxide::socket::Sid;

use super::{delivery::Hook, files::File, live::Next, reports::Past, room::Room};
use crate::{
    bounds::{PAST, Places},
    posting::Deliveries,
    shared::Shared,
};

pub(super) struct Hub {
    pub(super) shared: Arc<Shared>,
    data: Mutex<Data>,
    pub(super) places: Places,
    /// Of webhooks whose time has not come: they hold nothing yet.
    pub(super) later: Places,
    pub(super) deliveries: Deliveries,
}

#[derive(Default)]
pub(super) struct Data {
    pub(super) rooms: BTreeMap<String, Room>,
    pub(super) tokens: BTreeMap<String, Token>,
    /// Who a connection is: room and client id.
    pub(super) clients: BTreeMap<Sid, (String, String)>,
    /// Sessions that are over.
    pub(super) past: Vec<Past>,
    /// What can be downloaded, by path.
    pub(super) files: BTreeMap<String, File>,
    pub(super) hook: Option<Hook>,
    /// What becomes of the next live recording or stream that is started.
    pub(super) next_live: Option<Next>,
    /// By how many minutes a session is extended; 10 unless it is changed.
    pub(super) extension: Option<u64>,
}

impl Data {
    /// Takes a token in. Now and then those are forgotten that were never used and are too old to be.
    pub(super) fn keep_token(&mut self, id: String, token: Token, now: SystemTime) {
        self.tokens.insert(id, token);
        if self.tokens.len().is_multiple_of(PAST) {
            self.tokens.retain(|_, token| token.expires > now || token.used_by.is_some());
        }
    }
}

pub(super) struct Token {
    pub(super) room_id: String,
    pub(super) signature: String,
    /// The whole of it, as it was given out.
    pub(super) text: String,
    pub(super) name: Value,
    pub(super) role: String,
    pub(super) user_ref: Value,
    pub(super) data: Value,
    pub(super) expires: SystemTime,
    /// The client id that it was used for, or the latest one after reconnecting.
    pub(super) used_by: Option<String>,
}

impl Hub {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            data: Mutex::default(),
            places: Places::default(),
            later: Places::new(PAST),
            deliveries: Deliveries::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> Value {
        let data = self.lock();
        json!({
            "rooms": data.rooms.values().map(Room::shown).collect::<Vec<_>>(),
            "unused_tokens": data.tokens.values().filter(|token| token.used_by.is_none()).count(),
            "sessions": data.past.iter().map(Past::shown).collect::<Vec<_>>(),
            "files": data.files.keys().collect::<Vec<_>>(),
            "webhook": data.hook.as_ref().map(Hook::shown),
            "deliveries": self.deliveries.shown(),
        })
    }

    pub(super) fn reset(&self) {
        let data = std::mem::take(&mut *self.lock());
        self.deliveries.clear();
        // Without the lock: the end of a connection asks for it.
        for user in data.rooms.into_values().flat_map(|room| room.users.into_values()) {
            // It may have gone by itself.
            let _ = user.socket.map(|socket| socket.disconnect());
        }
    }

    pub(super) fn seed(&self, state: &Value) -> Result<(), String> {
        let rooms = state.get("rooms").and_then(Value::as_array).ok_or("give {\"rooms\": [..]}")?;
        let mut taken = BTreeMap::new();
        for room in rooms {
            // A state that was shown can be taken in again.
            let room = room.get("room").unwrap_or(room);
            let id = room.get("room_id").and_then(Value::as_str).ok_or("each room needs a room_id")?;
            if !room.get("settings").is_some_and(Value::is_object) {
                return Err(format!("the room {id} needs settings"));
            }
            taken.insert(id.to_owned(), Room::new(room.clone()));
        }
        // All or none.
        self.lock().rooms.append(&mut taken);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn old_tokens_that_nobody_used_are_forgotten() {
        let token = |expires, used_by: Option<&str>| Token {
            room_id: String::new(),
            signature: String::new(),
            text: String::new(),
            name: Value::Null,
            role: String::new(),
            user_ref: Value::Null,
            data: Value::Null,
            expires,
            used_by: used_by.map(str::to_owned),
        };
        let (mut data, begun) = (Data::default(), SystemTime::UNIX_EPOCH);
        let now = begun + Duration::from_secs(1);
        for n in 0..PAST - 2 {
            data.keep_token(n.to_string(), token(begun, None), now);
        }
        data.keep_token("used".into(), token(begun, Some("client")), now);
        assert_eq!(data.tokens.len(), PAST - 1);
        data.keep_token("new".into(), token(now + Duration::from_secs(1), None), now);
        assert_eq!(data.tokens.keys().collect::<Vec<_>>(), ["new", "used"]);
    }
}
