//! Who is in a room, who waits in front of it, and what they may do.

use serde::{Deserialize, Serialize};

use super::floor::Hand;
use super::{Content, wire};
use crate::operation::Role;

/// Somebody in a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Participant {
    /// The id in the room.
    #[serde(rename(deserialize = "clientId"), deserialize_with = "wire::text")]
    pub client_id: Option<String>,
    /// The name that the others see.
    #[serde(deserialize_with = "wire::text")]
    pub name: Option<String>,
    /// What the user may do.
    #[serde(deserialize_with = "wire::soft")]
    pub role: Option<Role>,
    /// Your own reference to the user.
    #[serde(deserialize_with = "wire::text")]
    pub user_ref: Option<String>,
    /// Whether a moderator has muted the microphone, as far as events have told.
    #[serde(skip_deserializing)]
    pub hard_muted_audio: Option<bool>,
    /// Whether a moderator has switched the camera off, as far as events have told.
    #[serde(skip_deserializing)]
    pub hard_muted_video: Option<bool>,
}

/// Why you wait.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Awaited {
    /// `knock`: a moderator has to let you in.
    #[serde(deserialize_with = "wire::text")]
    pub event_type: Option<String>,
}

/// Somebody who waits in front of a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AwaitedUser {
    /// The id in the room, for [`ApproveAwaitedUser`](crate::ApproveAwaitedUser) and
    /// [`DenyAwaitedUser`](crate::DenyAwaitedUser).
    #[serde(rename(deserialize = "clientId"), deserialize_with = "wire::text")]
    pub client_id: Option<String>,
    /// The name that the others would see.
    #[serde(deserialize_with = "wire::text")]
    pub name: Option<String>,
    /// `knock`: a moderator has to let the user in.
    #[serde(deserialize_with = "wire::text")]
    pub event_type: Option<String>,
    /// The data of the user's token.
    pub data: Option<Content>,
}

/// What a user switched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UserUpdate {
    /// The user's client id.
    #[serde(rename(deserialize = "clientId"), deserialize_with = "wire::text")]
    pub client_id: Option<String>,
    /// What it is about: `media-modes` is known.
    #[serde(deserialize_with = "wire::text")]
    pub key: Option<String>,
    /// How it is now, as it comes.
    pub info: Option<Content>,
}

/// Whose microphone or camera a moderator muted or gave free.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct UserMute {
    /// The user's client id; you yourself where it is missing.
    #[serde(deserialize_with = "wire::text")]
    pub client_id: Option<String>,
    /// The moderator's client id.
    #[serde(alias = "moderator", deserialize_with = "wire::text")]
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
    #[serde(deserialize_with = "wire::told")]
    pub clients_info: Option<Vec<ClientRole>>,
    /// Who asks for the floor; told to the new moderator.
    #[serde(deserialize_with = "wire::told")]
    pub raised_hands: Option<Vec<Hand>>,
    /// Who has the floor; told to the new moderator.
    #[serde(deserialize_with = "wire::told")]
    pub approved_hands: Option<Vec<Hand>>,
    /// Who waits in front of the room; told to the new moderator.
    #[serde(deserialize_with = "wire::awaited")]
    pub awaited_participants: Option<Vec<AwaitedUser>>,
    /// Everybody in the room.
    #[serde(deserialize_with = "wire::told")]
    pub user_list: Option<Vec<Participant>>,
}

/// A value before and after a change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoleSwap {
    /// The new one.
    #[serde(deserialize_with = "wire::text")]
    pub new: Option<String>,
    /// The former one.
    #[serde(deserialize_with = "wire::text")]
    pub old: Option<String>,
}

/// The roles of a client before and after a change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct ClientRole {
    /// The client's id.
    #[serde(deserialize_with = "wire::text")]
    pub client_id: Option<String>,
    /// Its roles.
    pub role: RoleSwap,
}

/// Something about roles that is not documented.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoleManagement {
    /// What it is about.
    #[serde(deserialize_with = "wire::text")]
    pub id: Option<String>,
    /// Its content.
    #[serde(alias = "msg")]
    pub data: Option<Content>,
}
