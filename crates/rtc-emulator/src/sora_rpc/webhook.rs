//! Webhooks: the question whether a connection may come in, and what is told of sessions and connections. They go to
//! `http` URLs of this machine only, once and in order; what becomes of them is remembered.
//!
//! Their members are those that Shiguredo's sora-server-sdk-go and sora-server-sdk-ts read; which of the newer ones a real
//! server sends where is assumed.

use std::{
    sync::{Arc, Weak},
    time::SystemTime,
};

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::{
    hub::{Data, Hub},
    members::{Channel, Member},
    notify::{micros, since},
};
use crate::{
    bounds::Place,
    posting::{self, Delivery},
    time::unix_seconds,
};

/// How much of an answer is read, in bytes.
const ANSWER_LIMIT: usize = 1 << 20;
/// What the server says of itself.
pub(super) const VERSION: &str = "2025.2.0";

/// A webhook to be posted.
pub(super) struct Post {
    /// `auth`, `session` or `event`.
    pub(super) webhook: &'static str,
    pub(super) url: String,
    /// The headers beside those of every post.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
}

impl Post {
    /// The same for the eyes of the management API.
    fn delivery(self) -> Delivery {
        let Self { webhook, url, body, .. } = self;
        let kind = body.get("type").cloned().unwrap_or_else(|| webhook.into());
        Delivery { webhook: Some(webhook), kind, url, body, status: "", detail: String::new() }
    }
}

impl Hub {
    /// Leaves webhooks to be posted, as many as may wait: no receiver holds up the calls that they tell of.
    pub(super) fn post(&self, posts: impl IntoIterator<Item = Post>) {
        for post in posts {
            match self.places.take() {
                // The other end is there as long as the emulator is.
                Some(place) => drop(self.posts.send((post, place))),
                None => self.deliveries.note_dropped(post.delivery()),
            }
        }
    }
}

/// Posts what there is to post, one after the other.
pub(super) async fn deliver(hub: Weak<Hub>, mut posts: mpsc::UnboundedReceiver<(Post, Place)>) {
    while let Some((post, _place)) = posts.recv().await {
        let Some(hub) = hub.upgrade() else { return };
        // What nobody took is given up.
        let _ = send(&hub, post).await;
    }
}

/// Posts one and gives the answer, if it is one of success.
pub(super) async fn send(hub: &Arc<Hub>, post: Post) -> Option<Vec<u8>> {
    let headers: Vec<_> = post.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let outcome = posting::post(&post.url, &headers, &post.body.to_string(), ANSWER_LIMIT).await;
    hub.deliveries.note(Delivery { status: outcome.status, detail: outcome.detail, ..post.delivery() });
    outcome.answer.map(|answer| answer.to_vec())
}

/// What every body begins with.
pub(super) fn base(hub: &Hub, now: SystemTime) -> Map<String, Value> {
    let mut base = Map::new();
    base.insert("id".into(), hub.new_id().into());
    base.insert("timestamp".into(), micros(now).into());
    base.insert("label".into(), "WebRTC SFU Sora".into());
    base.insert("version".into(), VERSION.into());
    base.insert("node_name".into(), "rtc-emulator@127.0.0.1".into());
    base
}

/// `session.created` or `session.destroyed`.
pub(super) fn session(
    hub: &Hub,
    data: &Data,
    kind: &str,
    (channel_id, channel): (&str, &Channel),
) -> Option<Post> {
    let url = data.settings.session_webhook_url.clone()?;
    let now = hub.now();
    let mut body = base(hub, now);
    body.insert("type".into(), kind.into());
    body.extend(session_shown(channel_id, channel, now));
    if kind == "session.destroyed" {
        body.insert("destroyed_time".into(), unix_seconds(now).into());
        body.insert("destroyed_timestamp".into(), micros(now).into());
    }
    Some(Post {
        webhook: "session",
        url,
        headers: headers("session", kind, channel, None),
        body: body.into(),
    })
}

fn headers(webhook: &str, kind: &str, channel: &Channel, id: Option<&str>) -> Vec<(&'static str, String)> {
    let name = if webhook == "session" { "sora-session-webhook-type" } else { "sora-event-webhook-type" };
    let mut headers = vec![(name, kind.to_owned()), ("sora-session-id", channel.session.id.clone())];
    headers.extend(id.map(|id| ("sora-connection-id", id.to_owned())));
    headers
}

/// What is told of a session, here and by the HTTP API.
pub(super) fn session_shown(channel_id: &str, channel: &Channel, now: SystemTime) -> Map<String, Value> {
    let session = &channel.session;
    let minutes = now.duration_since(session.created).unwrap_or_default().as_secs() / 60;
    let present = channel.up().map(|(id, member)| session_connection(id, member, None));
    let connections: Vec<Value> = session.past.iter().cloned().chain(present).collect();
    let shown = json!({
        "multistream": true,
        "spotlight": channel.up().any(|(_, member)| member.profile.spotlight),
        "channel_id": channel_id,
        "session_id": session.id,
        "created_time": unix_seconds(session.created),
        "created_timestamp": micros(session.created),
        "minutes": minutes,
        "total_connections": session.total_connections,
        "max_connections": session.max_connections,
        "recording": session.recording.is_some(),
        "spotlight_number": session.spotlight_number,
        "connections": connections,
    });
    if let Value::Object(shown) = shown { shown } else { Map::new() }
}

/// What a session tells of a connection, which may be over.
pub(super) fn session_connection(id: &str, member: &Member, destroyed: Option<SystemTime>) -> Value {
    let profile = &member.profile;
    let mut told = Map::new();
    let texts = [
        ("connection_id", id),
        ("client_id", &profile.client_id),
        ("bundle_id", &profile.bundle_id),
        ("role", &profile.role),
    ];
    told.extend(texts.map(|(name, text)| (name.to_owned(), text.into())));
    let flags = [("audio", profile.audio), ("video", profile.video), ("simulcast", profile.simulcast)];
    told.extend(flags.map(|(name, flag)| (name.to_owned(), flag.into())));
    told.extend(member.since.map(|since| ("created_time".to_owned(), unix_seconds(since).into())));
    told.extend(destroyed.map(|at| ("destroyed_time".to_owned(), unix_seconds(at).into())));
    if !profile.event_metadata.is_null() {
        told.insert("event_metadata".into(), profile.event_metadata.clone());
    }
    told.into()
}

/// Why a connection ended.
#[derive(Clone, Copy, Default)]
pub(super) struct Parting<'a> {
    pub(super) reason: &'a str,
    /// What a caller of the HTTP API gave.
    pub(super) api_reason: Option<&'a Value>,
}

/// `connection.created`, `connection.updated` or, with a `parting`, `connection.destroyed`.
pub(super) fn connection(
    hub: &Hub,
    data: &Data,
    kind: &str,
    (channel_id, channel): (&str, &Channel),
    (id, member): (&str, &Member),
    parting: Option<Parting<'_>>,
) -> Option<Post> {
    let url = data.settings.event_webhook_url.clone()?;
    let (now, profile) = (hub.now(), &member.profile);
    let mut told = Map::new();
    told.insert("audio".into(), profile.audio.into());
    told.insert("video".into(), profile.video.into());
    told.insert("minutes".into(), (since(member, now).as_secs() / 60).into());
    told.insert("turn_transport_type".into(), "udp".into());
    told.insert("total_received_bytes".into(), member.counters.received_bytes.into());
    told.insert("total_sent_bytes".into(), member.counters.sent_bytes.into());
    told.extend(channel.counts().map(|(name, count)| (name.to_owned(), count.into())));
    if let Some(since) = member.since {
        told.insert("created_time".into(), unix_seconds(since).into());
        told.insert("created_timestamp".into(), micros(since).into());
    }
    if let Some(Parting { reason, api_reason }) = parting {
        told.insert("destroyed_time".into(), unix_seconds(now).into());
        told.insert("destroyed_timestamp".into(), micros(now).into());
        told.insert("reason".into(), reason.into());
        told.extend(api_reason.map(|reason| ("disconnect_api_reason".to_owned(), reason.clone())));
    }
    let mut body = base(hub, now);
    body.insert("type".into(), kind.into());
    body.insert("multistream".into(), true.into());
    body.insert("simulcast".into(), profile.simulcast.into());
    body.insert("spotlight".into(), profile.spotlight.into());
    body.insert("role".into(), profile.role.clone().into());
    body.insert("channel_id".into(), channel_id.into());
    body.insert("session_id".into(), channel.session.id.clone().into());
    body.insert("client_id".into(), profile.client_id.clone().into());
    body.insert("bundle_id".into(), profile.bundle_id.clone().into());
    body.insert("connection_id".into(), id.into());
    body.insert("data".into(), told.into());
    if !profile.event_metadata.is_null() {
        body.insert("event_metadata".into(), profile.event_metadata.clone());
    }
    let headers = headers("event", kind, channel, Some(id));
    Some(Post { webhook: "event", url, headers, body: body.into() })
}

/// What is about a whole channel, with these members beside the usual ones: `recording.started` and
/// `recording.report` go to both webhooks, `spotlight.focused` and `spotlight.unfocused` to that of events.
pub(super) fn of_channel(
    hub: &Hub,
    data: &Data,
    kind: &str,
    (channel_id, channel): (&str, &Channel),
    more: &Map<String, Value>,
) -> Vec<Post> {
    let session = data.settings.session_webhook_url.clone().filter(|_| kind.starts_with("recording."));
    let event = data.settings.event_webhook_url.clone();
    let wanted = [("session", session), ("event", event)];
    let post = |(webhook, url): (&'static str, Option<String>)| {
        let mut body = base(hub, hub.now());
        body.insert("type".into(), kind.into());
        body.insert("channel_id".into(), channel_id.into());
        body.insert("session_id".into(), channel.session.id.clone().into());
        body.extend(more.clone());
        Some(Post { webhook, url: url?, headers: headers(webhook, kind, channel, None), body: body.into() })
    };
    wanted.into_iter().filter_map(post).collect()
}
