//! What a room tells its clients.

use std::fmt;

use rtc_core::wire::{As, Items, Lenient};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::operation::Role;

/// An event of a room.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoomEvent {
    /// You are in the room.
    RoomConnected(Box<RoomSnapshot>),
    /// You wait until a moderator lets you in.
    RoomAwaited(Awaited),
    /// The room is over for you: it ended, you were dropped, or the connection broke.
    RoomDisconnected(Disconnected),
    /// Somebody came.
    UserConnected(Participant),
    /// Somebody left.
    UserDisconnected(Participant),
    /// The roles of users have changed.
    UserRoleChanged(RoleChange),
    /// The room was locked.
    RoomLocked(LockChange),
    /// The room was unlocked.
    RoomUnlocked(LockChange),
    /// All participants were muted.
    RoomMuted(MuteChange),
    /// Participants may unmute themselves again.
    RoomUnmuted(MuteChange),
    /// The recording has started.
    RoomRecordOn(RecordChange),
    /// The recording has ended.
    RoomRecordOff(RecordChange),
    /// An event that this version does not know, as it came.
    Unknown(UnknownEvent),
}

/// What a room is like when you come in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RoomSnapshot {
    /// The room's id.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub id: Option<String>,
    /// Your own id in the room.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub client_id: Option<String>,
    /// You.
    pub user: Option<Participant>,
    /// Everybody in the room, you included.
    #[serde(deserialize_with = "As::<Items<rtc_core::wire::Same>>::deserialize")]
    pub user_list: Vec<Participant>,
    /// The room.
    pub room: Option<RoomFacts>,
    /// What the room's subscription covers, by feature.
    pub subscription: Option<Map<String, Value>>,
}

/// What is known of a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoomFacts {
    /// Its name.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
    /// Your own reference to the owner.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub owner_ref: Option<String>,
    /// The number of the session: reports and archives are found by it.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub conf_num: Option<String>,
    /// Whether nobody can enter any more.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub locked: Option<bool>,
    /// Whether all participants are muted.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub mute: Option<bool>,
}

/// Somebody in a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Participant {
    /// The id in the room.
    #[serde(rename(deserialize = "clientId"), deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub client_id: Option<String>,
    /// The name that the others see.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
    /// What the user may do.
    pub role: Option<Role>,
    /// Your own reference to the user.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub user_ref: Option<String>,
}

/// Why you wait.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Awaited {
    /// `knock`: a moderator has to let you in.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub event_type: Option<String>,
}

/// Why a room is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Disconnected {
    /// The reason, where one is known.
    #[serde(alias = "cause", deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub reason: Option<String>,
}

/// Who locked or unlocked a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LockChange {
    /// The moderator's client id.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub moderator: Option<String>,
}

/// Who muted or unmuted a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MuteChange {
    /// The moderator's client id.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub moderator: Option<String>,
}

/// Who started or stopped a recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RecordChange {
    /// The moderator's client id.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub moderator_id: Option<String>,
}

/// Whose role has changed: the older protocol generation names the moderators, the newer one the clients.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RoleChange {
    /// The client ids of the new and the former moderator.
    pub moderator: Option<RoleSwap>,
    /// The clients whose role has changed.
    #[serde(deserialize_with = "As::<Items<rtc_core::wire::Same>>::deserialize")]
    pub clients_info: Vec<ClientRole>,
}

/// A value before and after a change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoleSwap {
    /// The new one.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub new: Option<String>,
    /// The former one.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub old: Option<String>,
}

/// The roles of a client before and after a change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct ClientRole {
    /// The client's id.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub client_id: Option<String>,
    /// Its roles.
    pub role: RoleSwap,
}

/// An event that this version does not know.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UnknownEvent {
    /// The name of the event.
    pub name: String,
    /// The id that it carries, where it is one of the collective events.
    pub id: Option<String>,
    /// Its arguments.
    pub args: Vec<Value>,
}

impl fmt::Debug for UnknownEvent {
    // Nobody knows what is in the arguments: it may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnknownEvent")
            .field("name", &self.name)
            .field("id", &self.id)
            .field("args", &self.args.len())
            .finish()
    }
}

/// Under this name come many events, told apart by their `id`.
const COLLECTIVE: &str = "roomManagementEvents";

impl RoomEvent {
    /// Reads an event. One that is not known, or whose content is not what it should be, is kept as it came.
    #[must_use]
    pub fn read(name: &str, args: &[Value]) -> Self {
        let first = args.first().unwrap_or(&Value::Null);
        let id = first.get("id").and_then(Value::as_str);
        let known = if name == COLLECTIVE {
            let message = first.get("msg").unwrap_or(&Value::Null);
            collective(id.unwrap_or_default(), message)
        } else {
            plain(name, first)
        };
        known.unwrap_or_else(|| {
            Self::Unknown(UnknownEvent { name: name.into(), id: id.map(str::to_owned), args: args.to_vec() })
        })
    }
}

fn plain(name: &str, content: &Value) -> Option<RoomEvent> {
    Some(match name {
        "room-connected" => RoomEvent::RoomConnected(Box::new(read(content)?)),
        "room-awaited" => RoomEvent::RoomAwaited(read(content)?),
        // The reason is a plain text in some versions.
        "room-disconnected" => RoomEvent::RoomDisconnected(match content {
            Value::String(reason) => Disconnected { reason: Some(reason.clone()) },
            content => read(content)?,
        }),
        "user-connected" => RoomEvent::UserConnected(somebody(content)?),
        "user-disconnected" => RoomEvent::UserDisconnected(somebody(content)?),
        "userRoleChanged" => RoomEvent::UserRoleChanged(read(content)?),
        "room-muted" => RoomEvent::RoomMuted(read(content)?),
        "room-unmuted" => RoomEvent::RoomUnmuted(read(content)?),
        "room-record-on" => RoomEvent::RoomRecordOn(read(content)?),
        "room-record-off" => RoomEvent::RoomRecordOff(read(content)?),
        _ => return None,
    })
}

fn collective(id: &str, content: &Value) -> Option<RoomEvent> {
    Some(match id {
        "room-locked" => RoomEvent::RoomLocked(read(content)?),
        "room-unlocked" => RoomEvent::RoomUnlocked(read(content)?),
        _ => return None,
    })
}

/// Reads a content; one that is missing has no members.
fn read<T: DeserializeOwned + Default>(content: &Value) -> Option<T> {
    match content {
        Value::Null => Some(T::default()),
        Value::Object(_) => T::deserialize(content).ok(),
        // A list would be read member by member.
        _ => None,
    }
}

/// Somebody without an id is nobody.
fn somebody(content: &Value) -> Option<Participant> {
    read::<Participant>(content).filter(|participant| participant.client_id.is_some())
}
