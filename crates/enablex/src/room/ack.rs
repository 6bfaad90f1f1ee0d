//! Acknowledgements. The service writes them in four forms: `["success", {..}]`, `["error", {..}]`, `[{..}]` and
//! `[null, error]`.

#[cfg(feature = "socketio")]
use rtc_core::Sent;
use rtc_core::{DecodeError, Reason};
use serde::Serialize;
use serde_json::{Map, Value};

use super::state::RoomState;
use crate::codes;
use crate::error::{EnableXError, Error, Result};
use crate::model::whole_number;

/// What the room answers to a command that it carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Ack {
    /// The service's number; 0 is success.
    pub result: i64,
    /// The service's words.
    pub msg: Option<String>,
}

/// What the room answers to a token that it took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Joined {
    /// Your own id in the room.
    pub client_id: Option<String>,
    /// Your address, as the service sees it.
    pub connected_ip: Option<String>,
}

/// What a command is acknowledged with.
pub trait Answer: Sized + Send {
    /// Reads the arguments of the acknowledgement of `operation`. One without content is a success.
    ///
    /// # Errors
    /// The room refused the command, or the acknowledgement has none of the known forms.
    fn read(operation: &'static str, args: &[Value]) -> Result<Self>;

    /// Notes in the state what the answer to `operation` tells of the room.
    fn note(&self, _operation: &str, _state: &mut RoomState) {}

    /// By how much the session was extended, where the answer is about that.
    fn extension(&self) -> Option<&ExtendAck> {
        None
    }
}

impl Answer for Ack {
    fn read(operation: &'static str, args: &[Value]) -> Result<Self> {
        let members = content(operation, args)?;
        Ok(Self { result: 0, msg: text(&members, "msg") })
    }
}

/// What became of a command about live recording or streaming.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LiveOutcome {
    /// It was done.
    #[default]
    Done,
    /// It waits in the service's queue: an event tells when it has begun.
    Queued,
    /// The service records in the older way instead; the file comes after the session, with a delay.
    Fallback,
}

/// What the room answers to a command about live recording or streaming.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LiveAck {
    /// 0: what failed is an error.
    pub result: i64,
    /// The service's number before it was understood: 7014 is a fallback, 7034 the end of one.
    pub raw_result: i64,
    /// What became of it.
    pub outcome: LiveOutcome,
    /// The service's words.
    pub msg: Option<String>,
    /// The client id of who started it.
    pub started_by: Option<String>,
    /// The client id of who stopped it.
    pub stopped_by: Option<String>,
}

/// The numbers of live recordings and streams that tell how things are, not that they failed.
const FALLBACK: i64 = 7014;
const FALLBACK_STOPPED: i64 = 7034;
const QUEUED: [i64; 4] = [7104, 7105, 7207, 7208];

impl Answer for LiveAck {
    fn read(operation: &'static str, args: &[Value]) -> Result<Self> {
        let (members, raw_result) = match content(operation, args) {
            Ok(members) => (members, 0),
            // Refusals in form only.
            Err(error) => match status(&error) {
                Some(code) => (last_object(args), code),
                None => return Err(error),
            },
        };
        let outcome = match raw_result {
            FALLBACK => LiveOutcome::Fallback,
            code if QUEUED.contains(&code) => LiveOutcome::Queued,
            _ => LiveOutcome::Done,
        };
        let (started_by, stopped_by) = (text(&members, "startedBy"), text(&members, "stoppedBy"));
        Ok(Self { result: 0, raw_result, outcome, msg: text(&members, "msg"), started_by, stopped_by })
    }

    fn note(&self, operation: &str, state: &mut RoomState) {
        state.note_live(operation, self.outcome);
    }
}

/// The code of a refusal that is none.
fn status(error: &Error) -> Option<i64> {
    let Some(EnableXError::Room { code: Some(code), .. }) = error.service() else { return None };
    (matches!(*code, FALLBACK | FALLBACK_STOPPED) || QUEUED.contains(code)).then_some(*code)
}

fn last_object(args: &[Value]) -> Map<String, Value> {
    args.iter().rev().find_map(Value::as_object).cloned().unwrap_or_default()
}

/// What the room answers to a command about pins or spotlights.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClientsAck {
    /// The service's number; 0 is success.
    pub result: i64,
    /// The service's words.
    pub msg: Option<String>,
    /// The client ids that are pinned, or in the spotlight, from now on, where the service tells.
    pub clients: Option<Vec<String>>,
}

impl Answer for ClientsAck {
    fn read(operation: &'static str, args: &[Value]) -> Result<Self> {
        let members = content(operation, args)?;
        let clients = members.get("clients").and_then(Value::as_array);
        let clients = clients.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        Ok(Self { result: 0, msg: text(&members, "msg"), clients })
    }

    fn note(&self, operation: &str, state: &mut RoomState) {
        state.note_clients(operation, self.clients.as_ref());
    }
}

/// What the room answers to an extension of the session.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExtendAck {
    /// The service's number; 0 is success.
    pub result: i64,
    /// The service's words.
    pub msg: Option<String>,
    /// By how much it was extended, in minutes, where the service tells.
    pub extended_time: Option<f64>,
}

impl Answer for ExtendAck {
    fn read(operation: &'static str, args: &[Value]) -> Result<Self> {
        let members = content(operation, args)?;
        let minutes = members.get("extendedTime").and_then(number);
        Ok(Self { result: 0, msg: text(&members, "msg"), extended_time: minutes })
    }

    fn extension(&self) -> Option<&ExtendAck> {
        Some(self)
    }
}

/// A number, which may come as text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

/// What the room answers about the number of talkers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TalkerAck {
    /// The service's number; 0 is success.
    pub result: i64,
    /// The most that one can receive, where the service tells.
    pub max_talkers: Option<u32>,
    /// How many one receives.
    pub num_talkers: Option<u32>,
    /// How many one hears.
    pub num_audio_talkers: Option<u32>,
    /// How many one sees.
    pub num_video_talkers: Option<u32>,
}

impl Answer for TalkerAck {
    fn read(operation: &'static str, args: &[Value]) -> Result<Self> {
        let members = content(operation, args)?;
        let count = |name: &str| members.get(name).and_then(whole_number).and_then(|n| u32::try_from(n).ok());
        Ok(Self {
            result: 0,
            max_talkers: count("maxTalkers"),
            num_talkers: count("numTalkers"),
            num_audio_talkers: count("numAudioTalkers"),
            num_video_talkers: count("numVideoTalkers"),
        })
    }

    fn note(&self, _operation: &str, state: &mut RoomState) {
        let known = state.talkers;
        state.talkers.max = self.max_talkers.or(known.max);
        state.talkers.all = self.num_talkers.or(known.all);
        state.talkers.audio = self.num_audio_talkers.or(known.audio);
        state.talkers.video = self.num_video_talkers.or(known.video);
    }
}

/// What the room answers, where its form is not documented.
#[derive(Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RawAck {
    /// The service's number; 0 is success.
    pub result: i64,
    /// Everything that it answered.
    pub members: Map<String, Value>,
}

/// Nobody knows what is in the members.
impl std::fmt::Debug for RawAck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawAck").field("members", &self.members.len()).finish_non_exhaustive()
    }
}

impl Answer for RawAck {
    fn read(operation: &'static str, args: &[Value]) -> Result<Self> {
        Ok(Self { result: 0, members: content(operation, args)? })
    }
}

impl Joined {
    /// Reads the arguments of the acknowledgement of a token.
    ///
    /// # Errors
    /// As for [`Ack::read`].
    pub fn read(args: &[Value]) -> Result<Self> {
        let members = content("connect_room", args)?;
        Ok(Self { client_id: text(&members, "clientId"), connected_ip: text(&members, "connectedIP") })
    }
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// The acknowledgement of something that was sent in secret, which it may repeat.
#[cfg(feature = "socketio")]
pub(super) fn without(mut args: Vec<Value>, secrets: &Sent) -> Vec<Value> {
    fn hide(value: &mut Value, secrets: &Sent) {
        match value {
            Value::String(text) => *text = secrets.hide(text),
            Value::Array(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
            Value::Object(members) => members.values_mut().for_each(|member| hide(member, secrets)),
            _ => {}
        }
    }
    args.iter_mut().for_each(|value| hide(value, secrets));
    args
}

/// The object of an acknowledgement that tells of success.
fn content(operation: &'static str, args: &[Value]) -> Result<Map<String, Value>> {
    let value = match args {
        [] | [Value::Null] | [Value::Null, Value::Null] => return Ok(Map::new()),
        [Value::String(word), rest @ ..] if word == "error" => {
            return Err(service(refusal(operation, rest.first().unwrap_or(&Value::Null))));
        }
        [Value::Null, error, ..] => return Err(service(refusal(operation, error))),
        [Value::String(word), rest @ ..] if word == "success" => rest.first().unwrap_or(&Value::Null),
        [value, ..] => value,
    };
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(members) if !has_failed(value) && is_success(operation, result(value)) => {
            Ok(members.clone())
        }
        Value::Object(_) => Err(service(refusal(operation, value))),
        _ => {
            let error = DecodeError::new("the acknowledgement has none of the known forms");
            Err(Error::new(Reason::Decode(error)).with_exchange(1, true))
        }
    }
}

/// The number of an acknowledgement: 0 when it has none.
fn result(value: &Value) -> i64 {
    let numbers = ["/result", "/status/resultCode"].into_iter().filter_map(|path| value.pointer(path));
    numbers.filter_map(whole_number).find(|number| *number != 0).unwrap_or(0)
}

/// Whether it says so without a number.
fn has_failed(value: &Value) -> bool {
    value.pointer("/status/success").and_then(Value::as_bool) == Some(false)
}

/// Of a request for the floor, these numbers tell what was done with it: granted, denied, released.
const FLOOR: [i64; 3] = [1708, 1709, 1712];

fn is_success(operation: &str, result: i64) -> bool {
    result == 0 || (operation == "process_floor_request" && FLOOR.contains(&result))
}

fn service(error: EnableXError) -> Error {
    Error::new(Reason::Service(error)).with_exchange(1, true)
}

/// The refusal that an error value tells of: an object with a code under one of several names, or a plain text.
pub(super) fn refusal(operation: &'static str, error: &Value) -> EnableXError {
    let first = |paths: &[&str]| paths.iter().filter_map(|path| error.pointer(path)).collect::<Vec<_>>();
    let codes =
        first(&["/result", "/status/resultCode", "/status/error/errorCode", "/errorCode", "/code", ""]);
    let texts = first(&["/desc", "/msg", "/message", "/status/error/errorDesc", "/errorDesc", "/error", ""]);
    let code = codes.into_iter().filter_map(whole_number).find(|code| *code != 0);
    let message =
        texts.into_iter().filter_map(Value::as_str).find(|text| !text.is_empty()).map(str::to_owned);
    let words = || code.and_then(|code| codes::session_words(operation, code));
    let own = || words().unwrap_or("the room refused it").to_owned();
    let message = message.map_or_else(own, |text| rtc_core::encode::excerpt(text.as_bytes()));
    EnableXError::Room { operation, code, message }
}

#[cfg(test)]
mod tests {
    use rtc_core::ErrorKind;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_forms_of_success() {
        let said = |msg: Option<&str>| Ack { result: 0, msg: msg.map(str::to_owned) };
        for (args, expected) in [
            (json!(["success", { "result": 0, "msg": "ok" }]), said(Some("ok"))),
            (json!(["success"]), said(None)),
            (json!([{ "result": 0, "msg": "ok" }]), said(Some("ok"))),
            (json!([{ "result": "0", "msg": "Success" }]), said(Some("Success"))),
            (json!([{ "result": 0 }, null]), said(None)),
            (json!([{}]), said(None)),
            (json!([]), said(None)),
            (json!([null]), said(None)),
        ] {
            assert_eq!(Ack::read("lock_room", args.as_array().unwrap()).unwrap(), expected, "{args}");
        }
    }

    #[test]
    fn some_numbers_of_the_floor_tell_what_was_done() {
        for code in [1708, 1709, 1712] {
            let args = [json!({ "result": code })];
            assert_eq!(Ack::read("process_floor_request", &args).unwrap(), Ack::default());
            assert!(Ack::read("invite_to_floor", &args).is_err());
        }
    }

    #[test]
    fn the_forms_of_refusal() {
        for (args, code, message, kind) in [
            (
                json!(["error", { "result": 4121 }]),
                Some(4121),
                "The lock is in the wanted position already",
                ErrorKind::Conflict,
            ),
            (json!([{ "result": "1168", "msg": "no" }]), Some(1168), "no", ErrorKind::PermissionDenied),
            (json!(["success", { "result": 2102, "msg": "full" }]), Some(2102), "full", ErrorKind::Conflict),
            (
                json!([null, { "errorCode": 7019, "errorDesc": "runs" }]),
                Some(7019),
                "runs",
                ErrorKind::Conflict,
            ),
            (
                json!(["error", { "status": { "resultCode": 7019, "error": { "errorCode": 7019, "errorDesc": "runs" } } }]),
                Some(7019),
                "runs",
                ErrorKind::Conflict,
            ),
            (
                json!([{ "status": { "success": false, "error": { "errorCode": 7019, "errorDesc": "runs" } } }]),
                Some(7019),
                "runs",
                ErrorKind::Conflict,
            ),
            (json!([null, "broken"]), None, "broken", ErrorKind::Other),
            (json!(["error"]), None, "the room refused it", ErrorKind::Other),
            (json!(["error", 9999]), Some(9999), "the room refused it", ErrorKind::Other),
        ] {
            let error = Ack::read("lock_room", args.as_array().unwrap()).unwrap_err();
            let expected = EnableXError::Room { operation: "lock_room", code, message: message.to_owned() };
            assert_eq!(error.service(), Some(&expected), "{args}");
            assert_eq!((error.kind(), error.was_sent()), (kind, true), "{args}");
        }
    }

    #[test]
    fn other_forms_are_not_understood() {
        for args in [json!([7]), json!(["maybe", {}]), json!([[]]), json!([true])] {
            assert_eq!(
                Ack::read("x", args.as_array().unwrap()).unwrap_err().kind(),
                ErrorKind::Protocol,
                "{args}"
            );
        }
    }
}
