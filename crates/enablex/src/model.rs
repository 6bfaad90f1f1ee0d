//! What the Server API answers.

use rtc_core::encode::{decode_json, excerpt, without_bom};
use rtc_core::http::{Response, Uri};
use rtc_core::validate::{Checks, Field};
use rtc_core::wire::{As, Lenient};
use rtc_core::{Bytes, DecodeError, Rule, Secret};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::error::{ApiCode, EnableXError};
use crate::operation::{
    CreateToken, ListArchivesByPeriod, ListArchivesByRoomAndPeriod, ListCdrsByPeriod,
    ListCdrsByRoomAndPeriod, MediaZone, Quality, RecordingMedia, RoomMode, UpdateRoom,
};

/// A room, as the service keeps it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoomInfo {
    /// Its id: what tokens and all other calls refer to.
    #[serde(deserialize_with = "As::<Lenient>::deserialize")]
    pub room_id: String,
    /// Its name.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
    /// Your own reference to the owner.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub owner_ref: Option<String>,
    /// When it was created, RFC 3339 in UTC.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub created: Option<String>,
    /// How it behaves.
    #[serde(deserialize_with = "or_default")]
    pub settings: RoomSettingsInfo,
    /// Dialling in by SIP.
    #[serde(deserialize_with = "sip")]
    pub sip: Option<SipInfo>,
    /// What you wanted to keep with it.
    pub data: Option<Value>,
}

/// How a room behaves, as the service answers it. Numbers may come as texts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoomSettingsInfo {
    /// A description for people.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub description: Option<String>,
    /// How people talk.
    pub mode: Option<RoomMode>,
    /// Whether it opens at a fixed time.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub scheduled: Option<bool>,
    /// Whether it is used once and deleted afterwards.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub adhoc: Option<bool>,
    /// When a scheduled room opens, in UTC, in the service's own form.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub scheduled_time: Option<String>,
    /// How long sessions last, in minutes.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub duration: Option<u32>,
    /// How many moderators there can be at once.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub moderators: Option<u32>,
    /// How many participants there can be at once, moderators not counted.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub participants: Option<u32>,
    /// Your own code, for billing.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub billing_code: Option<String>,
    /// Whether sessions are recorded from their start.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub auto_recording: Option<bool>,
    /// The highest video quality.
    pub quality: Option<Quality>,
    /// Whether a canvas can be shared.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub canvas: Option<bool>,
    /// Whether screens can be shared.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub screen_share: Option<bool>,
    /// Whether the picture adapts to the bandwidth.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub abwd: Option<bool>,
    /// Whether faces are analysed.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub facex: Option<bool>,
    /// How many talkers are shown at once; `None` also where the service answers with true or false.
    #[serde(deserialize_with = "number_or_flag")]
    pub max_active_talkers: Option<u32>,
    /// Version 1: whether active talkers are announced.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub active_talker: Option<bool>,
    /// Version 1 of `wait_for_moderator`.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub wait_moderator: Option<bool>,
    /// Whether participants wait until a moderator is there.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub wait_for_moderator: Option<bool>,
    /// Whether a moderator must admit each participant.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub knock: Option<bool>,
    /// Whether two people and their sound are recorded as one file.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub single_file_recording: Option<bool>,
    /// What is recorded of whom.
    pub role_based_recording: Option<RoleBasedRecordingInfo>,
    /// The composed recording.
    #[serde(deserialize_with = "live_recording")]
    pub live_recording: Option<LiveRecordingInfo>,
    /// The region of the media servers.
    pub media_zone: Option<MediaZone>,
    /// Whether the picture carries a watermark.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub watermark: Option<bool>,
    /// Whether a new screen share takes the place of the running one.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub screen_share_override: Option<bool>,
}

/// What is recorded of whom.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RoleBasedRecordingInfo {
    /// Of moderators.
    pub moderator: Option<RecordingMedia>,
    /// Of participants.
    pub participant: Option<RecordingMedia>,
}

/// The composed recording of a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LiveRecordingInfo {
    /// Whether it starts with the session.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub auto_recording: Option<bool>,
    /// The page that lays out the picture.
    pub url: Option<String>,
}

/// Dialling in by SIP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SipInfo {
    /// Whether people can dial in.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub enabled: Option<bool>,
    /// The PIN that callers enter: whoever knows it can join.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub pin: Option<Secret>,
    /// The number of the meeting, as text.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub meeting_id: Option<String>,
}

/// A token: its holder can enter a room once, within 15 minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RoomToken {
    /// The token. Give it to one user, over an authenticated channel.
    pub token: Secret,
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// Reads an object of `T`, or what `flag` makes of a plain true or false.
fn object_or_flag<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(
    from: D,
    flag: impl FnOnce(bool) -> Option<T>,
) -> Result<Option<T>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(flag(value)),
        value => serde_json::from_value(value).map(Some).map_err(serde::de::Error::custom),
    }
}

fn sip<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SipInfo>, D::Error> {
    object_or_flag(from, |enabled| Some(SipInfo { enabled: Some(enabled), ..SipInfo::default() }))
}

fn live_recording<'de, D: Deserializer<'de>>(from: D) -> Result<Option<LiveRecordingInfo>, D::Error> {
    object_or_flag(from, |on| Some(LiveRecordingInfo { auto_recording: Some(on), url: None }))
}

fn number_or_flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    struct Number(#[serde(deserialize_with = "As::<Lenient>::deserialize")] u32);
    object_or_flag(from, |_| None).map(|number| number.map(|Number(n)| n))
}

/// Reads the room of an answer.
pub(crate) fn decode_room<O>(
    _operation: &O,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<RoomInfo, DecodeError> {
    #[derive(Deserialize)]
    struct Answer {
        room: RoomInfo,
    }
    let room = decode_json::<Answer>(response.body())?.room;
    if room.room_id.is_empty() {
        return Err(DecodeError::new("the room has no id"));
    }
    Ok(room)
}

/// Reads the token of an answer.
pub(crate) fn decode_token_answer(
    _operation: &CreateToken,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<RoomToken, DecodeError> {
    #[derive(Deserialize)]
    struct Answer {
        token: Secret,
    }
    let token = decode_json::<Answer>(response.body())?.token;
    if token.is_empty() {
        return Err(DecodeError::new("the token is empty"));
    }
    Ok(RoomToken { token })
}

/// A change changes something.
pub(crate) fn check_change(request: &UpdateRoom, checks: &mut Checks) {
    let UpdateRoom { name, owner_ref, settings, sip, data, .. } = request;
    if name.is_none() && owner_ref.is_none() && settings.is_none() && sip.is_none() && data.is_none() {
        let field = Field::new("settings", "settings");
        checks.report(field, Rule::Required, None, "nothing is to be changed: give at least one field");
    }
}

/// A period, whose days can be compared as texts.
pub(crate) trait Period {
    fn days(&self) -> (&str, &str);
}

macro_rules! period {
    ($($request:ty),*) => {$(impl Period for $request { fn days(&self) -> (&str, &str) { (&self.from, &self.to) } })*};
}
period!(ListArchivesByPeriod, ListArchivesByRoomAndPeriod, ListCdrsByPeriod, ListCdrsByRoomAndPeriod);

pub(crate) fn check_period<P: Period>(request: &P, checks: &mut Checks) {
    let (from, to) = request.days();
    if from > to && rtc_core::validate::pattern::date(from) && rtc_core::validate::pattern::date(to) {
        checks.report(Field::new("to", "to"), Rule::Range, None, "must not be before `from`");
    }
}

/// Reads the addresses of files: texts, objects with a `url`, or one of either instead of a list.
pub(crate) fn file_urls<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    fn urls(value: Value) -> Vec<String> {
        match value {
            Value::String(url) if !url.is_empty() => vec![url],
            Value::Array(items) => items.into_iter().flat_map(urls).collect(),
            Value::Object(mut members) => members.remove("url").map(urls).unwrap_or_default(),
            _ => Vec::new(),
        }
    }
    Value::deserialize(from).map(urls)
}

/// How many members the data of a token can have.
const TOKEN_DATA_MEMBERS: usize = 5;

pub(crate) fn check_token_data(request: &CreateToken, checks: &mut Checks) {
    let field = Field::new("data", "data");
    match &request.data {
        None => {}
        Some(Value::Object(members)) if members.len() <= TOKEN_DATA_MEMBERS => {}
        Some(Value::Object(_)) => checks.report(field, Rule::Length, None, "must have at most 5 members"),
        Some(_) => checks.report(field, Rule::Pattern, None, "must be a JSON object"),
    }
}

/// The refusal that an answer is, in one of two forms. The members decide, not the status: the older form comes
/// with status 200, too. `hide` takes out what must not be shown.
pub(crate) fn refusal(
    operation: &'static str,
    response: &Response<Bytes>,
    hide: impl Fn(&str) -> String,
) -> Option<EnableXError> {
    let status = response.status();
    let members =
        serde_json::from_slice::<Map<String, Value>>(without_bom(response.body())).unwrap_or_default();
    let code = match (members.get("error_code"), members.get("result").and_then(whole_number)) {
        (Some(Value::String(name)), _) => Some(ApiCode::Name(name.clone())),
        (_, Some(result)) if result != 0 => Some(ApiCode::Number(result)),
        _ => None,
    };
    let failed = members.get("status").and_then(Value::as_str) == Some("error");
    if code.is_none() && !failed && status.is_success() {
        return None;
    }
    let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let message = text("desc").or_else(|| text("message")).or_else(|| text("error")).unwrap_or_default();
    Some(EnableXError::Api {
        operation,
        status,
        code,
        message: excerpt(hide(message).as_bytes()),
        request_id: text("request_id").map(str::to_owned),
        body: excerpt(hide(&String::from_utf8_lossy(response.body())).as_bytes()),
    })
}

/// A whole number, which may come as text.
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}
