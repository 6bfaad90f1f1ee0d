//! The room and its session.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::people::{AwaitedUser, Participant};
use super::{floor::Hand, wire};
use crate::operation::RoomMode;

/// What a room is like when you come in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RoomSnapshot {
    /// The room's id.
    #[serde(deserialize_with = "wire::text")]
    pub id: Option<String>,
    /// Your own id in the room.
    #[serde(deserialize_with = "wire::text")]
    pub client_id: Option<String>,
    /// You.
    pub user: Option<Participant>,
    /// Everybody in the room, you included.
    #[serde(deserialize_with = "wire::list")]
    pub user_list: Vec<Participant>,
    /// The room.
    pub room: Option<RoomFacts>,
    /// What the room's subscription covers, by feature.
    #[serde(deserialize_with = "wire::soft")]
    pub subscription: Option<Map<String, Value>>,
    /// Who asks for the floor; told to moderators.
    #[serde(deserialize_with = "wire::soft")]
    pub raised_hands: Option<Vec<Hand>>,
    /// Who has the floor; told to moderators.
    #[serde(deserialize_with = "wire::soft")]
    pub approved_hands: Option<Vec<Hand>>,
    /// Who is invited to the floor; told to moderators.
    #[serde(deserialize_with = "wire::soft")]
    pub floor_invites: Option<Vec<Hand>>,
    /// Who waits in front of the room; told to moderators.
    #[serde(deserialize_with = "wire::awaited")]
    pub awaited_participants: Option<Vec<AwaitedUser>>,
    /// Who is pinned and in the spotlight.
    #[serde(deserialize_with = "wire::soft")]
    pub room_meta: Option<RoomMeta>,
    /// Whether the session is being recorded. Unsure: the vendor's libraries hand it on without reading it.
    #[serde(deserialize_with = "wire::soft")]
    pub media_record: Option<bool>,
    /// How many talkers you hear.
    #[serde(deserialize_with = "wire::count")]
    pub num_audio_talkers: Option<u32>,
    /// How many talkers you see.
    #[serde(deserialize_with = "wire::count")]
    pub num_video_talkers: Option<u32>,
}

/// Whom everybody sees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RoomMeta {
    /// The client ids of who is pinned.
    #[serde(deserialize_with = "wire::soft")]
    pub pinned_users: Option<Vec<String>>,
    /// The client ids of who is in the spotlight.
    #[serde(deserialize_with = "wire::soft")]
    pub spotlight_users: Option<Vec<String>>,
}

/// What is known of a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoomFacts {
    /// Its name.
    #[serde(deserialize_with = "wire::text")]
    pub name: Option<String>,
    /// Your own reference to the owner.
    #[serde(deserialize_with = "wire::text")]
    pub owner_ref: Option<String>,
    /// The number of the session: reports and archives are found by it.
    #[serde(deserialize_with = "wire::text")]
    pub conf_num: Option<String>,
    /// Whether nobody can enter any more.
    #[serde(deserialize_with = "wire::flag")]
    pub locked: Option<bool>,
    /// Whether all participants are muted.
    #[serde(deserialize_with = "wire::flag")]
    pub mute: Option<bool>,
    /// Whether everybody waits until a moderator comes.
    #[serde(rename(deserialize = "waitRoom"), deserialize_with = "wire::soft")]
    pub wait_room: Option<bool>,
    /// Whether newcomers must be let in.
    #[serde(rename(deserialize = "knockEnabled"), deserialize_with = "wire::soft")]
    pub knock_enabled: Option<bool>,
    /// Whether participants may speak without asking for the floor.
    #[serde(rename(deserialize = "openFloor"), deserialize_with = "wire::soft")]
    pub open_floor: Option<bool>,
    /// How many seconds the session still lasts.
    #[serde(rename(deserialize = "remainingDuration"), deserialize_with = "wire::number")]
    pub remaining_duration: Option<f64>,
    /// Its settings, some of them.
    #[serde(deserialize_with = "wire::soft")]
    pub settings: Option<RoomSettingsFacts>,
}

/// The settings of a room, as far as its sessions need them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoomSettingsFacts {
    /// How people talk now.
    #[serde(deserialize_with = "wire::soft")]
    pub mode: Option<RoomMode>,
    /// How long sessions last, in minutes.
    #[serde(deserialize_with = "wire::count")]
    pub duration: Option<u32>,
    /// How many talkers are shown at most.
    #[serde(deserialize_with = "wire::count")]
    pub max_active_talkers: Option<u32>,
}

/// Why a room is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Disconnected {
    /// The reason, where one is known.
    #[serde(alias = "cause", deserialize_with = "wire::text")]
    pub reason: Option<String>,
}

/// An attempt to come back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reconnecting {
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// Why the connection, or the attempt before, ended; where it is known.
    pub reason: Option<String>,
}

/// That an attempt to come back succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reconnected {
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// Your new id in the room.
    pub client_id: Option<String>,
}

/// Who locked or unlocked a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LockChange {
    /// The moderator's client id.
    #[serde(deserialize_with = "wire::text")]
    pub moderator: Option<String>,
}

/// Who muted or unmuted a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MuteChange {
    /// The moderator's client id.
    #[serde(deserialize_with = "wire::text")]
    pub moderator: Option<String>,
}

/// Who switched the mode of a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ModeChange {
    /// The moderator's client id.
    #[serde(deserialize_with = "wire::text")]
    pub moderator: Option<String>,
    /// The new mode; no version of the service is known to tell it.
    #[serde(deserialize_with = "wire::soft")]
    pub mode: Option<RoomMode>,
}

/// Who changed something of a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoomChange {
    /// The moderator's client id, where the service tells.
    #[serde(alias = "moderator_id", alias = "moderatorId", deserialize_with = "wire::text")]
    pub moderator: Option<String>,
}

/// Who is pinned, or in the spotlight, from now on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PeopleChange {
    /// The moderator's client id.
    #[serde(alias = "moderatorId", alias = "moderator", deserialize_with = "wire::text")]
    pub moderator_id: Option<String>,
    /// The client ids: all of them, not only the new ones.
    #[serde(alias = "clientIds", deserialize_with = "wire::told")]
    pub clients: Option<Vec<String>>,
}

/// That nobody waits for a moderator any more.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct WaitRoomDisabled {
    /// What the room is like.
    pub room_data: Option<RoomData>,
}

/// What a room is like once its moderator has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RoomData {
    /// Everybody in the room.
    #[serde(deserialize_with = "wire::told")]
    pub user_list: Option<Vec<Participant>>,
}

/// A breakout room. What else the service writes is not documented.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BreakoutRoom {
    /// Its room id.
    #[serde(alias = "roomId", deserialize_with = "wire::text")]
    pub room_id: Option<String>,
}

/// How long a session still lasts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RemainingDuration {
    /// The time, in minutes.
    #[serde(deserialize_with = "wire::number")]
    pub time_left: Option<f64>,
}

/// By how much a session was extended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct Extended {
    /// The time, in minutes.
    #[serde(deserialize_with = "wire::number")]
    pub extended_time: Option<f64>,
    /// How many minutes the session lasts now.
    #[serde(deserialize_with = "wire::number")]
    pub time_left: Option<f64>,
}
