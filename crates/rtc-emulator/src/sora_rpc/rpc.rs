//! JSON-RPC 2.0 from the server's side, and the five methods.

use std::time::SystemTime;

use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::{
    acts::{self, Wrong},
    hub::Data,
    settings::ErrorCodes,
};
use crate::check::check;
use crate::generated::sora_rpc::METHODS;
use crate::routing::Params;
use crate::spec::Route;

struct Refusal {
    code: i32,
    message: &'static str,
    data: Option<Value>,
}

impl Refusal {
    fn new(code: i32, message: &'static str) -> Self {
        Self { code, message, data: None }
    }

    fn params(codes: ErrorCodes, data: Value) -> Self {
        Self { code: codes.invalid_params, message: "Invalid params", data: Some(data) }
    }
}

/// Takes in one message of a connection. A notification has no answer, whatever becomes of it.
pub(super) fn answer(data: &mut Data, id: &str, message: &[u8], now: SystemTime) -> Option<Value> {
    data.rpc_requests += 1;
    let answer = answered(data, id, message, now);
    if let Some(member) = data.member(id) {
        member.counters.rpc_requests += 1;
        member.counters.received_bytes += message.len() as u64;
        member.counters.sent_bytes += answer.as_ref().map_or(0, |answer| answer.to_string().len()) as u64;
        member.counters.rpc_errors +=
            u64::from(answer.as_ref().is_some_and(|answer| answer.get("error").is_some()));
    }
    answer
}

fn answered(data: &mut Data, connection_id: &str, message: &[u8], now: SystemTime) -> Option<Value> {
    let codes = data.settings.error_codes;
    let invalid = || Refusal::new(codes.invalid_request, "Invalid Request");
    let Ok(message) = serde_json::from_slice::<Value>(message) else {
        return Some(error(&Value::Null, Refusal::new(codes.parse_error, "Parse error")));
    };
    let id = match message.get("id") {
        id @ (Some(Value::String(_) | Value::Number(_)) | None) => id.cloned(),
        Some(_) => return Some(error(&Value::Null, invalid())),
    };
    let outcome = match request(&message) {
        // So that clients can wait in vain.
        Some((method, _)) if data.settings.silent_methods.iter().any(|silent| silent == method) => {
            return None;
        }
        Some((method, params)) => call(data, connection_id, method, params, now),
        // Without an id it cannot be told from a notification, but only if it is a request at all.
        None if !message.is_object() || message.get("method").is_none() => {
            return Some(error(&id.unwrap_or_default(), invalid()));
        }
        None => Err(invalid()),
    };
    let id = id?;
    Some(match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(refusal) => error(&id, refusal),
    })
}

fn error(id: &Value, refusal: Refusal) -> Value {
    let mut error = Map::new();
    error.insert("code".into(), refusal.code.into());
    error.insert("message".into(), refusal.message.into());
    error.extend(refusal.data.map(|data| ("data".into(), data)));
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

fn request(message: &Value) -> Option<(&str, Option<&Value>)> {
    let params = message.get("params");
    let structured = params.is_none_or(|params| params.is_object() || params.is_array());
    let version = message.get("jsonrpc").and_then(Value::as_str) == Some("2.0");
    let method = message.get("method")?.as_str()?;
    (version && structured).then_some((method, params))
}

fn call(
    data: &mut Data,
    id: &str,
    method: &str,
    params: Option<&Value>,
    now: SystemTime,
) -> Result<Value, Refusal> {
    let codes = data.settings.error_codes;
    let not_found = || Refusal::new(codes.method_not_found, "Method not found");
    let (channel_id, channel) = data.channel_of(id).ok_or_else(not_found)?;
    let member = channel.members.get(id).ok_or_else(not_found)?;
    let permitted = member.profile.rpc_methods.iter().any(|known| known == method);
    let route = METHODS.iter().find(|route| route.path == method && method.contains('/') && permitted);
    let route = route.ok_or_else(not_found)?;
    let params = checked(codes, route, params)?;
    if let Some(rid) = params.get("rid").and_then(Value::as_str)
        && !member.profile.simulcast_rpc_rids.iter().any(|known| known == rid)
    {
        return Err(Refusal::params(codes, json!({ "reason": "not permitted", "name": "rid" })));
    }
    let done = acts::act(route.operation, (channel_id, channel), id, &params, now);
    done.map_err(|Wrong(reason)| Refusal::params(codes, json!({ "reason": reason })))
}

/// The parameters, unless one is wrong or not needed: the channel and the caller's own connection are known.
fn checked(codes: ErrorCodes, route: &Route, params: Option<&Value>) -> Result<Map<String, Value>, Refusal> {
    let refuse = |data: Value| Refusal::params(codes, data);
    let params = match params {
        None => Map::new(),
        Some(Value::Object(params)) => params.clone(),
        Some(_) => return Err(refuse(json!({ "reason": "params must be an object" }))),
    };
    if let Some(name) = params.keys().find(|name| route.fields.iter().all(|field| field.wire != *name)) {
        return Err(refuse(json!({ "reason": "not needed", "name": name })));
    }
    let broken = check(route, &Params::default(), &[], &HeaderMap::new(), &Value::Object(params.clone()));
    match broken.first() {
        Some(first) => Err(refuse(json!({ "reason": first.rule, "name": first.wire }))),
        None => Ok(params),
    }
}
