//! Who is in which channel, and what they asked for.

use std::{collections::BTreeMap, time::SystemTime};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, watch};

use super::{hub::Event, notify::micros};

/// How many connections that are over a session remembers.
const PAST: usize = 1_000;
/// Stands for all senders.
pub(super) const EVERYBODY: &str = "*";

/// All encodings that can be asked for.
pub(super) const RIDS: [&str; 4] = ["none", "r0", "r1", "r2"];

/// What was agreed on when a connection came in.
#[derive(Clone, Default, Serialize)]
pub(super) struct Profile {
    pub(super) role: String,
    pub(super) client_id: String,
    pub(super) bundle_id: String,
    pub(super) rpc_methods: Vec<String>,
    /// What others see of it. Null, as with the other three: none.
    pub(super) metadata: Value,
    /// What the client said of itself.
    pub(super) authn_metadata: Value,
    /// What the auth webhook said of it.
    pub(super) authz_metadata: Value,
    /// For the webhooks.
    pub(super) event_metadata: Value,
    pub(super) audio: bool,
    pub(super) video: bool,
    pub(super) simulcast: bool,
    pub(super) spotlight: bool,
    /// Whether it wants to be notified.
    pub(super) signaling_notify: bool,
    /// The encoding at the start.
    pub(super) simulcast_request_rid: String,
    /// What the RPC may ask for.
    pub(super) simulcast_rpc_rids: Vec<String>,
    /// Channels of its own, as it asked for them.
    pub(super) data_channels: Vec<Value>,
}

impl Profile {
    /// Of one that has come for nothing but the RPC.
    pub(super) fn of_rpc(id: &str, rpc_methods: Vec<String>) -> Self {
        Self {
            role: "recvonly".into(),
            client_id: id.to_owned(),
            bundle_id: id.to_owned(),
            rpc_methods,
            signaling_notify: true,
            simulcast_request_rid: "r0".into(),
            simulcast_rpc_rids: RIDS.map(str::to_owned).to_vec(),
            ..Self::default()
        }
    }

    /// How it uses a label of its own.
    pub(super) fn direction(&self, label: &str) -> Option<&str> {
        self.labelled(label)?.get("direction")?.as_str()
    }

    fn labelled(&self, label: &str) -> Option<&Value> {
        self.data_channels.iter().find(|channel| channel.get("label").and_then(Value::as_str) == Some(label))
    }

    /// A message for it, with the sender's id in front where it asked for that.
    pub(super) fn headed(&self, label: &str, sender: &str, data: &Bytes) -> Bytes {
        let asked = self.labelled(label).and_then(|channel| channel.get("header")?.as_array());
        let wants =
            |header: &Value| header.get("type").and_then(Value::as_str) == Some("sender_connection_id");
        if asked.is_some_and(|headers| headers.iter().any(wants)) {
            [sender.as_bytes(), data].concat().into()
        } else {
            data.clone()
        }
    }
}

/// What has passed between the server and one connection.
#[derive(Default, Serialize)]
pub(super) struct Counters {
    pub(super) rpc_requests: u64,
    pub(super) rpc_errors: u64,
    pub(super) notifies: u64,
    pub(super) pushes: u64,
    pub(super) messages_received: u64,
    pub(super) messages_sent: u64,
    pub(super) key_frame_requests: u64,
    /// Of RPC and the clients' own messages, before compression.
    pub(super) received_bytes: u64,
    pub(super) sent_bytes: u64,
    /// What it was too slow to take.
    pub(super) lost: u64,
}

/// One connection.
pub(super) struct Member {
    pub(super) profile: Profile,
    events: mpsc::Sender<Event>,
    /// Closed at the end of the connection, for what waits for that.
    alive: watch::Sender<()>,
    /// Since when it is up; others know of it from then on.
    pub(super) since: Option<SystemTime>,
    /// Simulcast encodings by sender; `*` is everybody.
    pub(super) rids: BTreeMap<String, String>,
    /// Spotlight encodings (focus, unfocus) by sender; `*` is everybody.
    pub(super) spotlight: BTreeMap<String, [String; 2]>,
    pub(super) counters: Counters,
    /// The latest statistics that the client sent.
    pub(super) reported: Value,
}

impl Member {
    pub(super) fn new(profile: Profile, events: mpsc::Sender<Event>) -> Self {
        Self {
            profile,
            events,
            alive: watch::Sender::new(()),
            since: None,
            rids: BTreeMap::new(),
            spotlight: BTreeMap::new(),
            counters: Counters::default(),
            reported: Value::Null,
        }
    }

    /// Tells it something; false when it is gone or too slow to take it.
    pub(super) fn tell(&mut self, event: Event) -> bool {
        let counters = &mut self.counters;
        let count = match &event {
            Event::Notify(_) if !self.profile.signaling_notify => return true,
            Event::Notify(_) => Some(&mut counters.notifies),
            Event::Push(_) => Some(&mut counters.pushes),
            Event::User { data, .. } => {
                counters.sent_bytes += data.len() as u64;
                Some(&mut counters.messages_sent)
            }
            _ => None,
        };
        match self.events.try_send(event) {
            Ok(()) => {
                if let Some(count) = count {
                    *count += 1;
                }
                true
            }
            Err(_) => {
                self.counters.lost += 1;
                false
            }
        }
    }

    /// Ready once it is gone.
    pub(super) fn gone(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut alive = self.alive.subscribe();
        async move { while alive.changed().await.is_ok() {} }
    }

    /// As the management API shows it.
    pub(super) fn shown(&self) -> Value {
        let mut shown = serde_json::to_value(&self.profile).unwrap_or_default();
        if let Value::Object(members) = &mut shown {
            members.insert("since".into(), self.since.map(micros).into());
            members.insert("simulcast_rids".into(), json!(self.rids));
            members.insert("spotlight_rids".into(), json!(self.spotlight));
            members.insert("counters".into(), json!(self.counters));
            members.insert("reported".into(), self.reported.clone());
        }
        shown
    }
}

/// What a session is while somebody is in the channel.
pub(super) struct Session {
    pub(super) id: String,
    pub(super) created: SystemTime,
    /// Whether a connection was up in it, which is when webhooks tell of it.
    pub(super) begun: bool,
    pub(super) total_connections: u64,
    pub(super) max_connections: u64,
    pub(super) spotlight_number: Option<u64>,
    pub(super) recording: Option<Recording>,
    /// Connections that are over, as the webhook tells them; the latest of them.
    pub(super) past: Vec<Value>,
}

/// A recording of a session.
pub(super) struct Recording {
    pub(super) id: String,
    pub(super) started: SystemTime,
    /// What it was started with.
    pub(super) request: Map<String, Value>,
}

/// A channel, which exists while it has members.
pub(super) struct Channel {
    pub(super) session: Session,
    pub(super) members: BTreeMap<String, Member>,
}

impl Channel {
    pub(super) fn new(session_id: String, now: SystemTime) -> Self {
        let session = Session {
            id: session_id,
            created: now,
            begun: false,
            total_connections: 0,
            max_connections: 0,
            spotlight_number: None,
            recording: None,
            past: Vec::new(),
        };
        Self { session, members: BTreeMap::new() }
    }

    /// Members whose connection is up.
    pub(super) fn up(&self) -> impl Iterator<Item = (&String, &Member)> {
        self.members.iter().filter(|(_, member)| member.since.is_some())
    }

    /// Tells every member that is up.
    pub(super) fn tell(&mut self, event: &Event) {
        for member in self.members.values_mut().filter(|member| member.since.is_some()) {
            member.tell(event.clone());
        }
    }

    /// Keeps in mind that a connection was here.
    pub(super) fn remember(&mut self, connection: Value) {
        let past = &mut self.session.past;
        if past.len() == PAST {
            past.remove(0);
        }
        past.push(connection);
    }

    /// How many are up: all, and by role.
    pub(super) fn counts(&self) -> [(&'static str, u64); 4] {
        let of = |role: &str| self.up().filter(|(_, member)| member.profile.role == role).count() as u64;
        counts(of("sendrecv"), of("sendonly"), of("recvonly"))
    }
}

/// Numbers of connections as they are told.
pub(super) fn counts(both: u64, senders: u64, receivers: u64) -> [(&'static str, u64); 4] {
    [
        ("channel_connections", both + senders + receivers),
        ("channel_sendrecv_connections", both),
        ("channel_sendonly_connections", senders),
        ("channel_recvonly_connections", receivers),
    ]
}
