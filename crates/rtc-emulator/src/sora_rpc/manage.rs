//! What the management API can do to the emulated Sora.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    hub::{Data, Event, Hub},
    members::{Channel, Member},
    notify,
    settings::Settings,
    webhook,
};
use crate::routing::decode;

type Answer = Result<Value, (StatusCode, String)>;

fn bad(message: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, message.into())
}

fn read<T: for<'de> Deserialize<'de>>(body: &Value) -> Result<T, (StatusCode, String)> {
    // Nothing is as good as an object of nothing.
    let empty = json!({});
    T::deserialize(if body.is_null() { &empty } else { body }).map_err(|error| bad(error.to_string()))
}

fn missing() -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, "there is no such connection".into())
}

/// One management call; none for an unknown one.
pub(super) fn call(hub: &Arc<Hub>, method: &Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
    let segments: Vec<String> = path.split('/').map(|segment| decode(segment, false)).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let answer = match (method.as_str(), &*segments) {
        ("GET", ["channels"]) => Ok(channels(&hub.lock())),
        ("GET", ["config"]) => Ok(json!(hub.settings())),
        ("PUT", ["config"]) => configure(hub, body),
        ("GET", ["deliveries"]) => Ok(hub.deliveries.shown()),
        ("DELETE", ["channels", _, id] | ["connections", id]) => {
            if hub.close(id, 1000, "DISCONNECTED-API", None) { Ok(json!({})) } else { Err(missing()) }
        }
        ("POST", ["connections", id, action]) => command(hub, id, action, body)?,
        _ => return None,
    };
    Some(match answer {
        Ok(value) => (StatusCode::OK, value),
        Err((status, message)) => (status, json!({ "error": { "message": message } })),
    })
}

fn configure(hub: &Hub, body: &Value) -> Answer {
    let settings: Settings = read(body)?;
    hub.lock().settings = settings;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    code: Option<u16>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Redirect {
    location: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Ping {
    stats: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Push {
    data: Value,
}

/// Something to one connection; none for an unknown action.
fn command(hub: &Hub, id: &str, action: &str, body: &Value) -> Option<Answer> {
    let event = match action {
        "close" => {
            return Some(read(body).and_then(|Close { code, reason }| {
                let reason = reason.as_deref().unwrap_or("DISCONNECTED-API");
                hub.close(id, code.unwrap_or(1000), reason, None).then(|| json!({})).ok_or_else(missing)
            }));
        }
        "redirect" => read(body).map(|Redirect { location }| Event::Redirect(location)),
        "re-offer" => read::<Map<String, Value>>(body).map(Event::ReOffer),
        "ping" => read(body).map(|Ping { stats }| Event::Ping { stats }),
        "req-stats" => Ok(Event::ReqStats),
        "push" => read(body).map(|Push { data }| Event::Push(notify::push(&data))),
        // As it is: for events that the world here does not have.
        "notify" => read(body).map(|mut event: Map<String, Value>| {
            event.insert("type".into(), "notify".into());
            Event::Notify(event.into())
        }),
        "drop" => Ok(Event::Drop),
        _ => return None,
    };
    Some(event.and_then(|event| {
        let mut data = hub.lock();
        data.member(id).ok_or_else(missing)?.tell(event);
        Ok(json!({}))
    }))
}

pub(super) fn channels(data: &Data) -> Value {
    let member = |(id, member): (&String, &Member)| (id.clone(), member.shown());
    let channel = |(id, channel): (&String, &Channel)| {
        (id.clone(), channel.members.iter().map(member).collect::<Map<_, _>>().into())
    };
    data.channels.iter().map(channel).collect::<Map<_, Value>>().into()
}

/// Everything there is.
pub(super) fn state(hub: &Hub) -> Value {
    let (data, now) = (hub.lock(), hub.now());
    let session = |(id, channel): (&String, &Channel)| webhook::session_shown(id, channel, now).into();
    json!({
        "channels": channels(&data),
        "sessions": data.channels.iter().map(session).collect::<Vec<Value>>(),
        "config": data.settings,
        "deliveries": hub.deliveries.shown(),
        "rpc_requests": data.rpc_requests,
    })
}

/// Takes `config`; the rest is there while somebody is connected, and can only be taken when it is empty.
pub(super) fn seed(hub: &Hub, state: &Value) -> Result<(), String> {
    let Value::Object(members) = state else { return Err("give an object".into()) };
    let is_empty = |value: &Value| match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    for (name, value) in members {
        match name.as_str() {
            // It is counted here, whatever it was elsewhere.
            "config" | "rpc_requests" => {}
            "channels" | "sessions" | "deliveries" if is_empty(value) => {}
            "channels" | "sessions" | "deliveries" => {
                return Err(format!("{name} exist while somebody is connected: give config alone"));
            }
            other => return Err(format!("there is no {other:?}")),
        }
    }
    match members.get("config") {
        Some(config) => configure(hub, config).map(drop).map_err(|(_, message)| format!("config: {message}")),
        None => Ok(()),
    }
}
