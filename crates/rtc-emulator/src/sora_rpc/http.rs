//! The HTTP API: one path, and a header that says what is wanted.
//!
//! What a refusal looks like is not documented: status 400 and `{"error_type": ".."}` are assumed.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_REQUEST_HEADERS,
    },
    request::Parts,
};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::{
    acts::{self, Wrong},
    hub::{Data, Event, Hub},
    members::{Channel, Member},
    more,
    notify::{self, micros},
    webhook,
};
use crate::{
    generated::sora_rpc_http::ROUTES,
    provider::{Exchange, json},
    routing::Params,
    spec::Route,
    time::unix_seconds,
};

/// Says what is wanted.
const TARGET: &str = "x-sora-target";
/// The operation of targets that have none of their own.
const ANY: &str = "request";

pub(super) type Answer = Result<Value, &'static str>;

/// The operation of a request; that of any target where the target has none of its own.
pub(super) fn route(parts: &Parts) -> Option<(&'static Route, Params)> {
    let target = parts.headers.get(TARGET).filter(|_| parts.method == Method::POST)?;
    let named = ROUTES.iter().find(|route| route.path.as_bytes() == target.as_bytes());
    let route = named.or_else(|| ROUTES.iter().find(|route| route.operation == ANY))?;
    Some((route, Params::default()))
}

/// Whether a browser asks if it may call.
pub(super) fn is_preflight(parts: &Parts) -> bool {
    let asked = parts.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    parts.method == Method::OPTIONS && asked.is_some_and(|names| names.to_ascii_lowercase().contains(TARGET))
}

pub(super) fn preflight() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers: [(HeaderName, &str); 2] = [
        (ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Origin, X-Requested-With, Content-Type, Accept, x-sora-target"),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    open(response)
}

fn open(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

pub(super) fn answer(hub: &Arc<Hub>, exchange: &Exchange) -> Response<Full<Bytes>> {
    open(match called(hub, exchange) {
        Ok(value) => json(StatusCode::OK, &value),
        Err(refusal) => json(StatusCode::BAD_REQUEST, &refusal),
    })
}

fn called(hub: &Arc<Hub>, exchange: &Exchange) -> Result<Value, Value> {
    let refuse = |kind: &str, message: String| json!({ "error_type": kind, "error_reason": message });
    let body = match exchange.value() {
        Ok(Value::Object(members)) => members,
        // Targets that take nothing are also called with no body.
        Ok(Value::Null) => Map::new(),
        Ok(_) => return Err(refuse("INVALID-JSON", "the body must be an object".into())),
        Err(error) => return Err(refuse("INVALID-JSON", error)),
    };
    if let Some(broken) = exchange.check(&Value::Object(body.clone())).first() {
        return Err(refuse("INVALID-PARAMETER", broken.message.clone()));
    }
    let target = exchange.header(TARGET).unwrap_or_default();
    let outcome = call(hub, exchange.operation, target, &body);
    outcome.map_err(|kind| json!({ "error_type": kind }))
}

fn call(hub: &Arc<Hub>, operation: &str, target: &str, body: &Map<String, Value>) -> Answer {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let channel_id = text("channel_id");
    match operation {
        "disconnect_channel"
        | "disconnect_client"
        | "disconnect_connection"
        | "disconnect_channel_by_role" => {
            let reason = body.get("reason");
            let meant = meant(&hub.lock(), body)?;
            for id in meant {
                hub.close(&id, 1000, "DISCONNECTED-API", reason);
            }
            // Whom it was about, as the vendor's SDK reads it.
            let told = body.iter().filter(|(name, _)| *name != "reason");
            Ok(told.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        "push_channel" | "push_client" | "push_connection" => push(hub, body),
        "list_connections" | "list_channel_connections" => list(hub, operation, channel_id),
        "request_key_frame" => with_member(hub, body, |member| {
            member.counters.key_frame_requests += 1;
            Ok(json!({}))
        }),
        "request_simulcast_rid" => act(hub, operation, "receiver_connection_id", body),
        "request_spotlight_rid" | "reset_spotlight_rid" => act(hub, operation, "recv_connection_id", body),
        "put_signaling_notify_metadata" | "put_signaling_notify_metadata_item" => {
            act(hub, operation, "connection_id", body)
        }
        "list_signaling_notify_metadata" => {
            let data = hub.lock();
            let channel = data.channels.get(channel_id).ok_or("CHANNEL-NOT-FOUND")?;
            Ok(channel.up().map(metadata).collect())
        }
        "get_signaling_notify_metadata" => {
            with_member(hub, body, |member| Ok(member.profile.metadata.clone()))
        }
        "get_stats_all_connections" => Ok(more::all_stats(&hub.lock(), hub.now())),
        "start_recording" => hub.start_recording(channel_id, body.clone()),
        "stop_recording" => hub.stop_recording(channel_id),
        "terminate_session" => terminate(hub, body),
        "get_session" => {
            let (data, now) = (hub.lock(), hub.now());
            Ok(webhook::session_shown(channel_id, session(&data, body)?, now).into())
        }
        "list_sessions" => {
            let (data, now) = (hub.lock(), hub.now());
            let shown =
                |(id, channel): (&String, &Channel)| Value::from(webhook::session_shown(id, channel, now));
            Ok(data.channels.iter().filter(|(_, channel)| channel.session.begun).map(shown).collect())
        }
        _ => more::call(hub, target, body),
    }
}

/// The connections of a channel that a request is about: all, those of a client, one, or those of a role.
fn meant(data: &Data, body: &Map<String, Value>) -> Result<Vec<String>, &'static str> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let channel = data.channels.get(text("channel_id").unwrap_or_default()).ok_or("CHANNEL-NOT-FOUND")?;
    let fits = |(id, member): &(&String, &Member)| {
        text("client_id").is_none_or(|wanted| wanted == member.profile.client_id)
            && text("connection_id").is_none_or(|wanted| wanted == *id)
            && text("role").is_none_or(|wanted| wanted == member.profile.role)
    };
    let found: Vec<String> = channel.up().filter(fits).map(|(id, _)| id.clone()).collect();
    // Of a role there may be nobody; a client or connection that was named is to be there.
    let named = text("client_id").map(|_| "CLIENT-NOT-FOUND");
    let named = named.or(text("connection_id").map(|_| "CONNECTION-NOT-FOUND"));
    match named {
        Some(missing) if found.is_empty() => Err(missing),
        _ => Ok(found),
    }
}

pub(super) fn push(hub: &Hub, body: &Map<String, Value>) -> Answer {
    let mut data = hub.lock();
    let ids = meant(&data, body)?;
    let message = notify::push(body.get("data").unwrap_or(&Value::Null));
    for id in ids {
        if let Some(member) = data.member(&id) {
            member.tell(Event::Push(message.clone()));
        }
    }
    Ok(json!({}))
}

fn list(hub: &Hub, operation: &str, channel_id: &str) -> Answer {
    let (data, now) = (hub.lock(), hub.now());
    let all = operation == "list_connections";
    if !all && !data.channels.contains_key(channel_id) {
        return Err("CHANNEL-NOT-FOUND");
    }
    let wanted = data.channels.iter().filter(|(id, _)| all || *id == channel_id);
    let shown = |(channel_id, channel): (&String, &Channel)| -> Vec<Value> {
        channel.up().map(|(id, member)| summary(channel_id, channel, id, member, now)).collect()
    };
    Ok(wanted.flat_map(shown).collect())
}

/// What is told of a connection.
pub(super) fn summary(
    channel_id: &str,
    channel: &Channel,
    id: &str,
    member: &Member,
    now: std::time::SystemTime,
) -> Value {
    let profile = &member.profile;
    json!({
        "channel_id": channel_id,
        "session_id": channel.session.id,
        "client_id": profile.client_id,
        "bundle_id": profile.bundle_id,
        "connection_id": id,
        "role": profile.role,
        "audio": profile.audio,
        "video": profile.video,
        "simulcast": profile.simulcast,
        "spotlight": profile.spotlight,
        "multistream": true,
        "created_time": member.since.map(unix_seconds),
        "created_timestamp": member.since.map(micros),
        "minutes": notify::since(member, now).as_secs() / 60,
    })
}

fn metadata((id, member): (&String, &Member)) -> Value {
    let profile = &member.profile;
    json!({
        "connection_id": id,
        "bundle_id": profile.bundle_id,
        "client_id": profile.client_id,
        "metadata": profile.metadata,
    })
}

pub(super) fn with_member(
    hub: &Hub,
    body: &Map<String, Value>,
    work: impl FnOnce(&mut Member) -> Answer,
) -> Answer {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut data = hub.lock();
    let channel = data.channels.get_mut(text("channel_id")).ok_or("CHANNEL-NOT-FOUND")?;
    let member = channel.members.get_mut(text("connection_id")).filter(|member| member.since.is_some());
    work(member.ok_or("CONNECTION-NOT-FOUND")?)
}

/// What the RPC can do as well, to the connection that `who` names.
pub(super) fn act(hub: &Hub, operation: &str, who: &str, body: &Map<String, Value>) -> Answer {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let (channel_id, now) = (text("channel_id"), hub.now());
    let mut data = hub.lock();
    let channel = data.channels.get_mut(channel_id).ok_or("CHANNEL-NOT-FOUND")?;
    let done = acts::act(operation, (channel_id, channel), text(who), body, now);
    done.map_err(|Wrong(_)| "CONNECTION-NOT-FOUND")
}

/// The channel whose session is meant.
fn session<'a>(data: &'a Data, body: &Map<String, Value>) -> Result<&'a Channel, &'static str> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let channel = data.channels.get(text("channel_id").unwrap_or_default());
    let fits = |channel: &&Channel| text("session_id").is_none_or(|wanted| wanted == channel.session.id);
    channel.filter(fits).ok_or("SESSION-NOT-FOUND")
}

fn terminate(hub: &Hub, body: &Map<String, Value>) -> Answer {
    let data = hub.lock();
    let channel = session(&data, body)?;
    let id = channel.session.id.clone();
    let members: Vec<String> = channel.members.keys().cloned().collect();
    drop(data);
    for member in members {
        hub.close(&member, 1000, "DISCONNECTED-API", None);
    }
    Ok(json!({ "session_id": id }))
}
