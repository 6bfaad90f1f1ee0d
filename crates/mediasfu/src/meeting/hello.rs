//! What a server says when a connection is made, and when somebody has joined.

use rtc_core::Secret;
use rtc_core::wire::{As, Lenient};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::ack::{Answer, content, refused};
use crate::error::Result;
use crate::model::Raw;

/// What a server greets a connection with (event `connection-success`).
///
/// The cloud is only known to name the socket; the rest was seen at Community Editions. A member that cannot be read
/// counts as not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct ConnectionSuccess {
    /// The id of the connection: whoever joins over it is known by this id.
    #[serde(deserialize_with = "text")]
    pub socket_id: Option<String>,
    /// `sandbox` or `production`.
    #[serde(deserialize_with = "text")]
    pub mode: Option<String>,
    /// Whether meetings may be recorded.
    #[serde(deserialize_with = "flag")]
    pub allow_record: Option<bool>,
    /// How meetings behave unless told otherwise, as it came.
    #[serde(rename(deserialize = "meetingRoomParams_"))]
    pub meeting_room_params: Raw,
    /// What may be recorded, as it came.
    #[serde(rename(deserialize = "recordingParams_"))]
    pub recording_params: Raw,
    /// The user name of `api_key`.
    #[serde(deserialize_with = "text")]
    pub api_user_name: Option<String>,
    /// A key of a Community Edition for its calls `create_room` and `join_room`, good for 15 minutes. Only for
    /// connections from an origin that the server trusts.
    #[serde(deserialize_with = "secret")]
    pub api_key: Option<Secret>,
}

/// What a server acknowledges joining with (event `joinRoom`). A member that cannot be read counts as not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct Joined {
    /// Whether you are the host.
    #[serde(deserialize_with = "flag")]
    pub is_host: Option<bool>,
    /// Whether the meeting was under way already.
    #[serde(deserialize_with = "flag")]
    pub event_started: Option<bool>,
    /// How the meeting behaves, as it came.
    #[serde(alias = "meetingRoomParams")]
    pub event_room_params: Raw,
    /// What may be recorded, as it came.
    pub recording_params: Raw,
    /// Whether the meeting may be recorded.
    #[serde(deserialize_with = "flag")]
    pub allow_record: Option<bool>,
    /// Whether the room is for recordings only.
    #[serde(deserialize_with = "flag")]
    pub record_only: Option<bool>,
    /// The room's passcode. Community Editions tell it to everybody.
    #[serde(deserialize_with = "secret")]
    pub secure_code: Option<Secret>,
    /// The user name of `api_key`.
    #[serde(deserialize_with = "text")]
    pub api_user_name: Option<String>,
    /// A key of a Community Edition, good for 15 minutes.
    #[serde(deserialize_with = "secret")]
    pub api_key: Option<Secret>,
    /// Where a Community Edition has the room in the cloud; it ends with a token.
    #[serde(rename(deserialize = "mediasfuURL"), deserialize_with = "secret")]
    pub mediasfu_url: Option<Secret>,
    /// What the media server can receive, as it came: for programs that bring media of their own.
    pub rtp_capabilities: Raw,
}

/// A member that says why somebody does not get in, and what it means.
const REFUSALS: [(&str, &str); 7] = [
    ("isBanned", "this name was banned from the meeting"),
    ("banned", "this name was banned from the meeting"),
    ("suspended", "the room or this user is suspended"),
    ("hostNotJoined", "the host has not joined yet; try again later"),
    ("noAdmin", "the host has not joined yet; try again later"),
    ("eventAtCapacity", "the meeting is full"),
    ("eventEnded", "the meeting is over"),
];

/// A success need not call itself one: what it holds decides.
impl Answer for Joined {
    fn read(operation: &'static str, args: &[Value]) -> Result<Self> {
        let ack: Value = content(args)?;
        let is = |name: &str| ack.get(name).is_some_and(|value| flag(value).ok().flatten() == Some(true));
        let said = |name: &str| ack.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(text) = said("error") {
            return Err(refused(operation, Some(text.to_owned())));
        }
        let told = || said("reason").map(str::to_owned);
        if let Some((_, why)) = REFUSALS.iter().find(|(name, _)| is(name)) {
            return Err(refused(operation, told().or_else(|| Some((*why).to_owned()))));
        }
        let declined = ack.get("success").is_some_and(|value| flag(value).ok().flatten() == Some(false));
        if declined || ack.get("rtpCapabilities").is_none_or(Value::is_null) {
            return Err(refused(operation, told()));
        }
        content(args)
    }
}

/// Servers pass on what their settings say, which can be any text.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<bool>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(As::<Option<Lenient>>::deserialize(value).ok().flatten())
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(As::<Option<Lenient>>::deserialize(value).ok().flatten())
}

/// An empty text stands for none.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Secret>, D::Error> {
    Ok(text(deserializer)?.filter(|text| !text.is_empty()).map(Secret::from))
}
