//! The floor: who asks to speak in lecture mode, and who may.

use serde::{Deserialize, Serialize};

use super::wire;

/// Somebody who asks for the floor, has it, or is invited to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct Hand {
    /// The user's client id.
    #[serde(deserialize_with = "wire::text")]
    pub client_id: Option<String>,
    /// The user's name.
    #[serde(deserialize_with = "wire::text")]
    pub name: Option<String>,
    /// The client id of the moderator who granted or invited.
    #[serde(deserialize_with = "wire::text")]
    pub moderator_id: Option<String>,
}

/// What became of a request for the floor, or of an invitation to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct FloorChange {
    /// The client id of whom it is about.
    #[serde(deserialize_with = "wire::text")]
    pub client_id: Option<String>,
    /// The name of whom it is about.
    #[serde(deserialize_with = "wire::text")]
    pub name: Option<String>,
    /// The client id of the moderator who did it.
    #[serde(deserialize_with = "wire::text")]
    pub moderator_id: Option<String>,
}

impl FloorChange {
    /// Whom it is about.
    pub(in crate::room) fn hand(&self) -> Hand {
        let Self { client_id, name, moderator_id } = self.clone();
        Hand { client_id, name, moderator_id }
    }
}
