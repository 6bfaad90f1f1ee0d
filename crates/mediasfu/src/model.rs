//! What the service answers.

use std::borrow::Cow;

use rtc_core::encode::{decode_json, without_bom};
use rtc_core::http::{Response, Uri};
use rtc_core::{Bytes, DecodeError, Operation, REDACTED, Secret, Url};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::credentials::MediaSfu;
use crate::error::MediaSfuError;

mod compat;
mod external;
mod raw;
mod scrub;

pub(crate) use external::decode_external_session;
pub use external::{ExternalSessionState, IpRange};
pub use raw::Raw;
pub(crate) use raw::{check_members, check_metadata, check_template, decode_raw, decode_sip_call};

use scrub::{clip, scrub};

/// Forms of this provider alone.
pub(crate) mod pattern {
    /// The Call-ID of a telephone call, which is one segment of a path.
    pub(crate) fn sip_call_id(text: &str) -> bool {
        !matches!(text, "" | "." | "..") && text.bytes().all(|b| b.is_ascii_graphic())
    }

    /// A session description.
    pub(crate) fn sdp(text: &str) -> bool {
        text.starts_with("v=0")
    }
}

/// The longest text of an error, in characters.
const MESSAGE_LIMIT: usize = 512;
/// The longest code of an error, in characters.
const CODE_LIMIT: usize = 64;
/// The longest excerpt of a body, in characters.
const BODY_LIMIT: usize = 2048;

/// A room and what is needed to enter it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Room {
    /// The service's words about it.
    pub message: Option<String>,
    /// The room's name, which is also its meeting id and the user name of its socket.
    pub room_name: String,
    /// The host's code, where the room has one and the service tells it.
    pub secure_code: Option<Secret>,
    /// The page that lets people in. It ends with the secret.
    pub public_url: Option<Secret>,
    /// The origin of the room's media server.
    pub link: String,
    /// The token that lets into the room.
    pub secret: Secret,
    /// Whether the service says that it worked; an answer without a word about it counts as a yes.
    pub success: bool,
}

impl Room {
    /// The link as a URL; `None` if it is not one. The service was seen to answer with host names that no
    /// resolver takes (`https://.mediasfu.com`), so the text is kept as it came.
    #[must_use]
    pub fn parsed_link(&self) -> Option<Url> {
        Url::parse(&self.link).ok()
    }

    /// The public page as a URL; `None` if there is none or it is not one. It holds the secret: do not print it.
    #[must_use]
    pub fn parsed_public_url(&self) -> Option<Url> {
        Url::parse(self.public_url.as_ref()?.expose()).ok()
    }
}

/// The answer as it comes. The id goes by several names. A member that cannot be read counts as not there: what
/// is needed is missed then, the rest must not spoil a good answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    #[serde(deserialize_with = "text")]
    message: Option<String>,
    #[serde(deserialize_with = "text")]
    room_name: Option<String>,
    #[serde(rename = "meetingID", deserialize_with = "text")]
    meeting_id_upper: Option<String>,
    #[serde(deserialize_with = "text")]
    meeting_id: Option<String>,
    #[serde(deserialize_with = "text")]
    room_id: Option<String>,
    data: Option<Value>,
    #[serde(deserialize_with = "secret")]
    secure_code: Option<Secret>,
    #[serde(rename = "publicURL", deserialize_with = "secret")]
    public_url: Option<Secret>,
    #[serde(deserialize_with = "text")]
    link: Option<String>,
    #[serde(deserialize_with = "secret")]
    secret: Option<Secret>,
    #[serde(deserialize_with = "flag")]
    success: Option<bool>,
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Value::deserialize(deserializer).map(text_of)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    text(deserializer).map(|text| text.map(Secret::from))
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Value::deserialize(deserializer).map(|value| flag_of(&value))
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Servers written in other languages say `"True"` as well.
fn flag_of(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

impl Answer {
    /// The first of the names that holds an id.
    fn room_name(&mut self) -> Option<String> {
        let nested = self.data.as_mut().and_then(|data| text_of(data.get_mut("roomName")?.take()));
        [
            self.room_name.take(),
            self.meeting_id_upper.take(),
            self.meeting_id.take(),
            self.room_id.take(),
            nested,
        ]
        .into_iter()
        .flatten()
        .find(|id| !id.is_empty())
    }
}

/// Reads a room. Whatever is needed to enter it must be there.
pub(crate) fn decode_room<O: Operation<MediaSfu>>(
    _operation: &O,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<Room, DecodeError> {
    let body = without_bom(response.body());
    if body.trim_ascii().is_empty() {
        return Err(DecodeError::new("it is empty, but a room was expected"));
    }
    let mut answer: Answer = decode_json(body)?;
    let room_name = answer.room_name().ok_or_else(|| missing("name of the room (roomName)"))?;
    Ok(Room {
        room_name,
        link: answer.link.filter(|link| !link.is_empty()).ok_or_else(|| missing("link"))?,
        secret: answer.secret.filter(|secret| !secret.is_empty()).ok_or_else(|| missing("secret"))?,
        message: answer.message,
        secure_code: answer.secure_code,
        public_url: answer.public_url,
        success: answer.success.unwrap_or(true),
    })
}

fn missing(what: &str) -> DecodeError {
    DecodeError::new(format!("it holds no {what}"))
}

/// The refusal that an answer is: by its status, or by `"success": false` inside a success.
pub(crate) fn refusal(operation: &'static str, response: &Response<Bytes>) -> Option<MediaSfuError> {
    let body = without_bom(response.body());
    let status = response.status();
    // Nearly every answer is a yes, and most can be told from a no without taking them apart.
    let can_decline = || body.windows(5).any(|word| word.eq_ignore_ascii_case(b"false"));
    let verdict = || serde_json::from_slice::<Verdict>(body).ok()?.success;
    if status.is_success() && !(can_decline() && verdict() == Some(false)) {
        return None;
    }
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let code = parsed.as_ref().and_then(|body| text_of(body.get("code")?.clone()));
    let code = code.map(|code| clip(&scrub(&code), CODE_LIMIT)).filter(|code| !code.is_empty());
    let words = parsed.as_ref().and_then(Value::as_object).and_then(error_text);
    // Scrubbed before it is cut: half a credential would not be known as one.
    let message = words.map(|text| said(&text));
    let shown = match &parsed {
        Some(value) => Cow::Owned(compact(value)),
        None => String::from_utf8_lossy(body),
    };
    let body = clip(&scrub(&shown), BODY_LIMIT);
    Some(MediaSfuError::Api { operation, status, code, message: message.filter(|m| !m.is_empty()), body })
}

/// The service's words without what looks like a credential, at most as much of them as an error shows.
pub(crate) fn said(text: &str) -> String {
    clip(&scrub(text), MESSAGE_LIMIT)
}

/// The one member that can turn a success into a refusal.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Verdict {
    #[serde(deserialize_with = "flag")]
    success: Option<bool>,
}

/// The service's own words: `error` or `message` where it is a text, else the object that holds the most
/// of them, as compact JSON.
fn error_text(body: &Map<String, Value>) -> Option<String> {
    let text = |name| body.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    if let Some(text) = text("error").or_else(|| text("message")) {
        return Some(text.to_owned());
    }
    let object = |name| body.get(name).filter(|value| value.as_object().is_some_and(|o| !o.is_empty()));
    if let Some(value) = object("error").or_else(|| object("message")) {
        return Some(compact(value));
    }
    // `success` says nothing that the status does not.
    let telling = body.iter().any(|(name, value)| name != "success" && !is_blank(value));
    telling.then(|| compact(&Value::Object(body.clone())))
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Compact JSON without the values of members that hold secrets.
fn compact(value: &Value) -> String {
    let mut value = value.clone();
    hide(&mut value);
    value.to_string()
}

/// Whether a member of this name, in small letters, holds a secret.
fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 9] = [
        "secret",
        "token",
        "securecode",
        "passcode",
        "password",
        "apikey",
        // They end with a token, or are known to nobody else.
        "publicurl",
        "mediasfuurl",
        "webhookurl",
    ];
    // `sec` is the token of a room, where somebody joins it.
    name == "sec" || name.ends_with("pin") || PARTS.iter().any(|part| name.contains(part))
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                // `apiKey`, `api_key` and `API-Key` are one name.
                let letters = name.chars().filter(char::is_ascii_alphanumeric);
                let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
                if is_secret(&name) && !member.is_null() {
                    *member = REDACTED.into();
                } else {
                    hide(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}
