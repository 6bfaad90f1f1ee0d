//! Talkers, messages, calls and the rest.

use serde::{Deserialize, Serialize};

use super::{Content, wire};

/// Who talks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct ActiveTalkers {
    /// Whether you are among them.
    #[serde(deserialize_with = "wire::flag")]
    pub active: Option<bool>,
    /// The talkers, the most recent one first.
    #[serde(deserialize_with = "wire::told")]
    pub active_list: Option<Vec<Talker>>,
}

/// Somebody who talks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct Talker {
    /// The user's client id.
    #[serde(deserialize_with = "wire::text")]
    pub client_id: Option<String>,
    /// The user's name.
    #[serde(deserialize_with = "wire::text")]
    pub name: Option<String>,
    /// The number of the stream.
    #[serde(deserialize_with = "wire::text")]
    pub stream_id: Option<String>,
    /// What is sent: `audiovideo`, `audio`, `audioOnly`, `video` or `none` are known.
    #[serde(deserialize_with = "wire::text")]
    pub mediatype: Option<String>,
    /// Whether the camera is off.
    #[serde(rename(deserialize = "videomuted"), deserialize_with = "wire::flag")]
    pub video_muted: Option<bool>,
    /// Whether the user is in the spotlight.
    #[serde(deserialize_with = "wire::flag")]
    pub spotlight: Option<bool>,
    /// Whether the user is pinned.
    #[serde(deserialize_with = "wire::flag")]
    pub pinned: Option<bool>,
}

/// A message of somebody in the room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct Message {
    /// What it is: `chat`, `user_data`, or the vendor's own `data-internal-in`. On the wire `type`.
    #[serde(rename(deserialize = "type"), deserialize_with = "wire::text")]
    pub kind: Option<String>,
    /// The message.
    pub message: Option<Content>,
    /// Whether it is for everybody.
    #[serde(deserialize_with = "wire::flag")]
    pub broadcast: Option<bool>,
    /// The name of the sender.
    #[serde(deserialize_with = "wire::text")]
    pub sender: Option<String>,
    /// The client id of the sender.
    #[serde(deserialize_with = "wire::text")]
    pub sender_id: Option<String>,
}

/// Something of the service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct GenericEvent {
    /// What it is about.
    #[serde(deserialize_with = "wire::text")]
    pub id: Option<String>,
    /// Its content.
    pub data: Option<Content>,
}

/// How an outbound call stands. What else the service writes is not documented.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DialState {
    /// The number that was called.
    #[serde(deserialize_with = "wire::text")]
    pub number: Option<String>,
    /// The state of the call.
    #[serde(deserialize_with = "wire::text")]
    pub state: Option<String>,
}
