//! Acknowledgements. The service writes them in four forms: `["success", {..}]`, `["error", {..}]`, `[{..}]` and
//! `[null, error]`.

use rtc_core::{DecodeError, Reason};
use serde::Serialize;
use serde_json::{Map, Value};

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

impl Ack {
    /// Reads the arguments of the acknowledgement of `operation`. One without content is a success.
    ///
    /// # Errors
    /// The room refused the command, or the acknowledgement has none of the known forms.
    pub fn read(operation: &'static str, args: &[Value]) -> Result<Self> {
        let members = content(operation, args)?;
        Ok(Self { result: 0, msg: text(&members, "msg") })
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
        Value::Object(members) if members.get("result").and_then(whole_number).unwrap_or(0) == 0 => {
            Ok(members.clone())
        }
        Value::Object(_) => Err(service(refusal(operation, value))),
        _ => {
            let error = DecodeError::new("the acknowledgement has none of the known forms");
            Err(Error::new(Reason::Decode(error)).with_exchange(1, true))
        }
    }
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
    let own = || code.and_then(codes::session).map_or("the room refused it", |row| row.1).to_owned();
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
    fn the_forms_of_refusal() {
        for (args, code, message, kind) in [
            (
                json!(["error", { "result": 4121 }]),
                Some(4121),
                "the room is in this lock state already",
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
