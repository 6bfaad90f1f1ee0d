//! Recordings, live recordings and streams.

use serde::{Deserialize, Serialize};

use super::{Content, wire};

/// Who started or stopped a recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RecordChange {
    /// The moderator's client id.
    #[serde(deserialize_with = "wire::text")]
    pub moderator_id: Option<String>,
}

/// What became of the live recording. The service tells it with or without details.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct LiveChange {
    /// The client id of who started it.
    #[serde(deserialize_with = "wire::text")]
    pub started_by: Option<String>,
    /// The client id of who stopped it.
    #[serde(deserialize_with = "wire::text")]
    pub stopped_by: Option<String>,
    /// The result, as it comes: `resultCode`, `success` and `error` are known.
    pub status: Option<Content>,
    /// Why it failed, as it comes.
    pub error: Option<Content>,
    /// The same once more, where the service writes it this way.
    pub data: Option<LiveData>,
}

/// The details of a live recording or a stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct LiveData {
    /// The result, as it comes: `resultCode`, `success` and `error` are known.
    pub status: Option<Content>,
    /// The client id of who started it.
    #[serde(deserialize_with = "wire::text")]
    pub started_by: Option<String>,
    /// The client id of who stopped it.
    #[serde(deserialize_with = "wire::text")]
    pub stopped_by: Option<String>,
}

/// How a live recording or a stream stands. Late comers get it, too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct LiveNotification {
    /// What happened, like `room-live-recording-on`. On the wire `type`.
    #[serde(rename(deserialize = "type"), deserialize_with = "wire::text")]
    pub event: Option<String>,
    /// The details.
    pub data: Option<LiveData>,
}
