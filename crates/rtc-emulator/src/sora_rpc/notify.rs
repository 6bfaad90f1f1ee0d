//! What members are told: the objects of `notify` and `push`.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::members::{Channel, Member};
use crate::time::rfc3339;

/// `2026-01-02T03:04:05.678901Z`.
pub(super) fn micros(at: SystemTime) -> String {
    let rest = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_micros() % 1000;
    format!("{}{rest:03}Z", rfc3339(at).trim_end_matches('Z'))
}

/// `connection.created`, `connection.updated` or `connection.destroyed`, without `data`.
pub(super) fn connection(kind: &str, channel: &Channel, id: &str, member: &Member, now: SystemTime) -> Value {
    let profile = &member.profile;
    let mut event = Map::new();
    event.insert("type".into(), "notify".into());
    event.insert("event_type".into(), kind.into());
    event.insert("timestamp".into(), micros(now).into());
    event.insert("session_id".into(), channel.session.id.clone().into());
    event.extend(identity(id, member));
    event.insert("role".into(), profile.role.clone().into());
    event.insert("audio".into(), profile.audio.into());
    event.insert("video".into(), profile.video.into());
    event.insert("minutes".into(), (since(member, now).as_secs() / 60).into());
    event.insert("turn_transport_type".into(), "udp".into());
    event.extend(channel.counts().map(|(name, count)| (name.to_owned(), count.into())));
    event.into()
}

/// How long a connection has been up.
pub(super) fn since(member: &Member, now: SystemTime) -> Duration {
    member.since.and_then(|since| now.duration_since(since).ok()).unwrap_or_default()
}

/// The others, for one that comes in.
pub(super) fn others(channel: &Channel, id: &str) -> Value {
    channel.up().filter(|(other, _)| *other != id).map(|(id, member)| identity(id, member)).collect()
}

fn identity(id: &str, member: &Member) -> Map<String, Value> {
    let profile = &member.profile;
    let mut identity = Map::new();
    identity.insert("client_id".into(), profile.client_id.clone().into());
    identity.insert("bundle_id".into(), profile.bundle_id.clone().into());
    identity.insert("connection_id".into(), id.into());
    let metadata = [
        ("authn_metadata", &profile.authn_metadata),
        ("authz_metadata", &profile.authz_metadata),
        ("metadata", &profile.metadata),
    ];
    let told = metadata.into_iter().filter(|(_, value)| !value.is_null());
    identity.extend(told.map(|(name, value)| (name.to_owned(), value.clone())));
    identity
}

/// `simulcast.switched`: a receiver got what it asked for. `sender` is null for all of them.
pub(super) fn switched(
    sender: Option<&str>,
    member: &Member,
    from: &str,
    to: &str,
    now: SystemTime,
) -> Value {
    // `none` sorts before the encodings, which get better with their number.
    let priority = if rank(to) > rank(from) { "higher" } else { "lower" };
    json!({
        "type": "notify",
        "event_type": "simulcast.switched",
        "timestamp": micros(now),
        "sender_connection_id": sender,
        "priority": priority,
        "trigger": "receiver",
        "rpc_rids": member.profile.simulcast_rpc_rids,
        "auto_rids": [],
        "request_rid": to,
        "current_rid": to,
        "previous_rid": from,
    })
}

fn rank(rid: &str) -> u32 {
    rid.strip_prefix('r').and_then(|number| number.parse::<u32>().ok()).map_or(0, |number| number + 1)
}

/// A message of type push.
pub(super) fn push(data: &Value) -> Value {
    json!({ "type": "push", "data": data })
}
