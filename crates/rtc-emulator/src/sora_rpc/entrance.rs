//! Who may come in: the first message, and what the auth webhook says to it.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::{
    hub::{Hub, Refusal, Seat},
    members::{Channel, Profile, RIDS, counts},
    settings::Settings,
    webhook::{self, Post, VERSION},
};
use crate::{check::check, generated::sora_rpc::METHODS, routing::Params};

fn refuse(reason: impl Into<String>) -> Refusal {
    // A close frame holds 123 bytes of reason.
    let mut reason: String = reason.into();
    while reason.len() > 123 {
        reason.pop();
    }
    Refusal::Close { code: 4490, reason }
}

pub(super) async fn join(hub: &Arc<Hub>, connect: Value) -> Result<Seat, Refusal> {
    let connect = checked(connect)?;
    let (id, settings) = (hub.new_id(), hub.settings());
    if let (Some(location), None) = (&settings.redirect, connect.get("redirect")) {
        return Err(Refusal::Redirect(location.clone()));
    }
    let reply = authorized(hub, &settings, &connect, &id).await?;
    let agreed = Agreed { connect: &connect, reply: &reply };
    let channel_id = agreed.text("channel_id").unwrap_or_default();
    let profile = agreed.profile(&id, &settings);
    let mut offer = agreed.offer(&id, &settings, &profile);
    let (inbox, session_id, generation) = hub.seat(&channel_id, &id, profile);
    offer.insert("session_id".into(), session_id.into());
    Ok(Seat { connection_id: id, offer, inbox, generation })
}

/// The members of a message of type connect that keeps to the rules. What a real server says to others is not
/// documented.
fn checked(connect: Value) -> Result<Map<String, Value>, Refusal> {
    let is_connect = connect.get("type").and_then(Value::as_str) == Some("connect");
    let route = METHODS.iter().find(|method| method.operation == "connect" && is_connect);
    let route = route.ok_or_else(|| refuse("INVALID-MESSAGE"))?;
    let broken = check(route, &Params::default(), &[], &HeaderMap::new(), &connect);
    match (broken.first(), connect) {
        (None, Value::Object(members)) => Ok(members),
        (Some(first), _) => Err(refuse(format!("INVALID-MESSAGE: {}", first.message))),
        _ => Err(refuse("INVALID-MESSAGE")),
    }
}

/// What the auth webhook replies, or what stands in for it.
async fn authorized(
    hub: &Arc<Hub>,
    settings: &Settings,
    connect: &Map<String, Value>,
    id: &str,
) -> Result<Map<String, Value>, Refusal> {
    let reply = match (&settings.auth_reply, &settings.auth_webhook_url) {
        (Some(reply), _) => reply.clone(),
        (None, Some(url)) => {
            let body = question(hub, connect, id).into();
            let headers = vec![("sora-connection-id", id.to_owned())];
            let post = Post { webhook: "auth", url: url.clone(), headers, body };
            let answer = webhook::send(hub, post).await.unwrap_or_default();
            serde_json::from_slice(&answer).map_err(|_| refuse("INTERNAL-ERROR"))?
        }
        (None, None) => json!({ "allowed": true, "rpc_methods": settings.rpc_methods }),
    };
    let Value::Object(reply) = reply else { return Err(refuse("INTERNAL-ERROR")) };
    match reply.get("allowed") {
        Some(Value::Bool(true)) => Ok(reply),
        Some(Value::Bool(false)) => {
            let reason = reply.get("reason").and_then(Value::as_str).filter(|reason| !reason.is_empty());
            Err(refuse(reason.unwrap_or("AUTH-REJECTED")))
        }
        _ => Err(refuse("INTERNAL-ERROR")),
    }
}

fn question(hub: &Arc<Hub>, connect: &Map<String, Value>, id: &str) -> Map<String, Value> {
    let mut body = webhook::base(hub, hub.now());
    body.insert("connection_id".into(), id.into());
    body.insert("multistream".into(), true.into());
    for name in ["client_id", "bundle_id"] {
        body.insert(name.into(), connect.get(name).cloned().unwrap_or_else(|| id.into()));
    }
    for name in ["simulcast", "spotlight"] {
        body.insert(name.into(), connect.get(name).cloned().unwrap_or(Value::Bool(false)));
    }
    for name in ["audio", "video"] {
        body.insert(name.into(), connect.get(name).cloned().unwrap_or(Value::Bool(true)));
    }
    // What only describes the media or the client's program goes through as it came; the rest is not the webhook's.
    let told = connect.iter().filter(|(name, _)| !matches!(name.as_str(), "type" | "sdp" | "redirect"));
    body.extend(told.map(|(name, value)| (name.clone(), value.clone())));
    let channel_id = connect.get("channel_id").and_then(Value::as_str).unwrap_or_default();
    let data = hub.lock();
    let counts = data.channels.get(channel_id).map_or_else(|| counts(0, 0, 0), Channel::counts);
    body.extend(counts.map(|(name, count)| (name.to_owned(), count.into())));
    body
}

/// What the client asked for, and what the webhook made of it: the webhook's word counts.
struct Agreed<'a> {
    connect: &'a Map<String, Value>,
    reply: &'a Map<String, Value>,
}

impl Agreed<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        let said = |members: &'_ Map<String, Value>| members.get(name).is_some_and(|value| !value.is_null());
        if said(self.reply) {
            self.reply.get(name)
        } else {
            self.connect.get(name).filter(|_| said(self.connect))
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.as_str().map(str::to_owned)
    }

    fn flag(&self, name: &str, otherwise: bool) -> bool {
        match self.get(name) {
            Some(Value::Bool(flag)) => *flag,
            // Media are also asked for by an object of settings.
            Some(Value::Object(_)) => true,
            _ => otherwise,
        }
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        let list = self.reply.get(name)?.as_array()?;
        Some(list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
    }

    fn profile(&self, id: &str, settings: &Settings) -> Profile {
        let own = |name: &str| self.connect.get(name).cloned().unwrap_or_default();
        let rids = || RIDS.map(str::to_owned).to_vec();
        let signals = self.flag("data_channel_signaling", settings.data_channel_signaling);
        Profile {
            role: self.text("role").unwrap_or_default(),
            client_id: self.text("client_id").unwrap_or_else(|| id.to_owned()),
            bundle_id: self.text("bundle_id").unwrap_or_else(|| id.to_owned()),
            rpc_methods: self.texts("rpc_methods").unwrap_or_default(),
            metadata: self.get("signaling_notify_metadata").cloned().unwrap_or_default(),
            authn_metadata: own("metadata"),
            authz_metadata: self.reply.get("metadata").cloned().unwrap_or_default(),
            event_metadata: self.reply.get("event_metadata").cloned().unwrap_or_default(),
            audio: self.flag("audio", true),
            video: self.flag("video", true),
            simulcast: self.flag("simulcast", false),
            spotlight: self.flag("spotlight", false),
            signaling_notify: self.flag("signaling_notify", true),
            simulcast_request_rid: self.text("simulcast_request_rid").unwrap_or_else(|| "r0".into()),
            simulcast_rpc_rids: self.texts("simulcast_rpc_rids").unwrap_or_else(rids),
            data_channels: match self.get("data_channels") {
                Some(Value::Array(channels)) if signals => channels.clone(),
                _ => Vec::new(),
            },
        }
    }

    /// The offer without `sdp` and `session_id`.
    fn offer(&self, id: &str, settings: &Settings, profile: &Profile) -> Map<String, Value> {
        let signals = self.flag("data_channel_signaling", settings.data_channel_signaling);
        let may_go = self.flag("ignore_disconnect_websocket", settings.ignore_disconnect_websocket);
        let offer = json!({
            "type": "offer",
            "version": VERSION,
            "channel_id": self.text("channel_id"),
            "client_id": profile.client_id,
            "bundle_id": profile.bundle_id,
            "connection_id": id,
            "config": {
                "iceServers": settings.ice_servers,
                "iceTransportPolicy": settings.ice_transport_policy,
            },
            "mid": {},
            "simulcast": profile.simulcast,
            "simulcast_multicodec": false,
            "spotlight": profile.spotlight,
            "audio": profile.audio,
            "video": profile.video,
            "data_channel_signaling": signals,
            "ignore_disconnect_websocket": signals && may_go,
        });
        let Value::Object(mut offer) = offer else { return Map::new() };
        if !profile.authz_metadata.is_null() {
            offer.insert("metadata".into(), profile.authz_metadata.clone());
        }
        if signals {
            offer.insert("data_channels".into(), labels(settings.compress, profile).into());
            if !profile.rpc_methods.is_empty() {
                offer.insert("rpc_methods".into(), json!(profile.rpc_methods));
            }
        }
        offer
    }
}

/// The data channels that there will be: those of the server, then those that the client asked for.
fn labels(compress: bool, profile: &Profile) -> Vec<Value> {
    let known =
        [("signaling", "sendrecv"), ("notify", "recvonly"), ("push", "recvonly"), ("stats", "sendrecv")];
    let rpc = (!profile.rpc_methods.is_empty()).then_some(("rpc", "sendrecv"));
    let known = known.into_iter().chain(rpc);
    let mut labels: Vec<Value> = known
        .map(|(label, direction)| json!({ "label": label, "direction": direction, "compress": compress }))
        .collect();
    for channel in &profile.data_channels {
        let mut channel = channel.clone();
        if let Value::Object(members) = &mut channel {
            members.entry("compress").or_insert(Value::Bool(false));
        }
        labels.push(channel);
    }
    labels
}
