//! JSON-RPC 2.0 from the server's side, and the five methods.
//!
//! Which codes a real server uses is not documented: those of JSON-RPC 2.0 are assumed.

use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::members::Channels;
use crate::check::check;
use crate::generated::sora_rpc::METHODS;
use crate::routing::Params;
use crate::spec::Route;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;

/// Stands for all senders.
const EVERYBODY: &str = "*";

struct Refusal {
    code: i32,
    message: &'static str,
    data: Option<Value>,
}

impl Refusal {
    fn new(code: i32, message: &'static str) -> Self {
        Self { code, message, data: None }
    }
}

/// Takes in one message of a connection. A notification has no answer, whatever becomes of it.
pub(crate) fn answer(
    channels: &mut Channels,
    channel_id: &str,
    connection_id: &str,
    message: &[u8],
) -> Option<Value> {
    let Ok(message) = serde_json::from_slice::<Value>(message) else {
        return Some(error(&Value::Null, Refusal::new(PARSE_ERROR, "Parse error")));
    };
    let id = match message.get("id") {
        id @ (Some(Value::String(_) | Value::Number(_)) | None) => id.cloned(),
        Some(_) => return Some(error(&Value::Null, Refusal::new(INVALID_REQUEST, "Invalid Request"))),
    };
    let outcome = match request(&message) {
        Some((method, params)) => call(channels, channel_id, connection_id, method, params),
        // Without an id it cannot be told from a notification, but only if it is a request at all.
        None if !message.is_object() || message.get("method").is_none() => {
            return Some(error(&id.unwrap_or_default(), Refusal::new(INVALID_REQUEST, "Invalid Request")));
        }
        None => Err(Refusal::new(INVALID_REQUEST, "Invalid Request")),
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
    channels: &mut Channels,
    channel_id: &str,
    connection_id: &str,
    method: &str,
    params: Option<&Value>,
) -> Result<Value, Refusal> {
    let not_found = || Refusal::new(METHOD_NOT_FOUND, "Method not found");
    let member = channels.member(channel_id, connection_id).ok_or_else(not_found)?;
    let permitted = member.rpc_methods.iter().any(|known| known == method);
    let route = METHODS.iter().find(|route| route.path == method).filter(|_| permitted);
    let route = route.ok_or_else(not_found)?;
    let params = checked(route, params)?;
    let text = |name: &str| params.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let sender = |name: &str| params.get(name).and_then(Value::as_str).unwrap_or(EVERYBODY).to_owned();
    match route.operation {
        "request_simulcast_rid" => {
            member.rids.insert(sender("sender_connection_id"), text("rid"));
            Ok(echo(&params, json!({ "channel_id": channel_id, "receiver_connection_id": connection_id })))
        }
        "request_spotlight_rid" => {
            let rids = [text("spotlight_focus_rid"), text("spotlight_unfocus_rid")];
            member.spotlight.insert(sender("send_connection_id"), rids);
            Ok(echo(&params, json!({ "channel_id": channel_id, "recv_connection_id": connection_id })))
        }
        "reset_spotlight_rid" => {
            match params.get("send_connection_id").and_then(Value::as_str) {
                Some(sender) => drop(member.spotlight.remove(sender)),
                None => member.spotlight.clear(),
            }
            Ok(json!({ "channel_id": channel_id, "recv_connection_id": connection_id }))
        }
        "put_signaling_notify_metadata" => {
            member.metadata = params.get("metadata").cloned().unwrap_or_default();
            Ok(tell(channels, channel_id, connection_id, route, &params))
        }
        "put_signaling_notify_metadata_item" => {
            let (key, value) = (text("key"), params.get("value").cloned().unwrap_or_default());
            match &mut member.metadata {
                Value::Object(metadata) => drop(metadata.insert(key, value)),
                metadata => *metadata = json!({ key: value }),
            }
            Ok(tell(channels, channel_id, connection_id, route, &params))
        }
        _ => Err(not_found()),
    }
}

/// The parameters, unless one is wrong or not needed: the channel and the caller's own connection are known.
fn checked(route: &Route, params: Option<&Value>) -> Result<Map<String, Value>, Refusal> {
    let refuse = |data: Value| Refusal { code: INVALID_PARAMS, message: "Invalid params", data: Some(data) };
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

fn echo(params: &Map<String, Value>, mut result: Value) -> Value {
    if let Value::Object(members) = &mut result {
        members.extend(params.clone());
    }
    result
}

/// Pushes the metadata to the channel where that was asked for, and gives it. The shape of the push is assumed.
fn tell(
    channels: &mut Channels,
    channel_id: &str,
    connection_id: &str,
    route: &Route,
    params: &Map<String, Value>,
) -> Value {
    let metadata = channels.member(channel_id, connection_id).map(|m| m.metadata.clone()).unwrap_or_default();
    if params.get("push") == Some(&Value::Bool(true)) {
        let action = route.path.rsplit('/').next().unwrap_or_default();
        let data = json!({ "action": action, "connection_id": connection_id, "metadata": metadata });
        channels.tell(channel_id, &json!({ "type": "push", "data": data }));
    }
    metadata
}
