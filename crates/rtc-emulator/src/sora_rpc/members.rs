//! Who is in which channel, and what they asked for.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::Event;

/// One connection.
pub(crate) struct Member {
    events: mpsc::UnboundedSender<Event>,
    pub(crate) rpc_methods: Vec<String>,
    /// What others see of it.
    pub(crate) metadata: Value,
    /// Simulcast encodings by sender; `*` is everybody.
    pub(crate) rids: BTreeMap<String, String>,
    /// Spotlight encodings (focus, unfocus) by sender; `*` is everybody.
    pub(crate) spotlight: BTreeMap<String, [String; 2]>,
}

impl Member {
    pub(crate) fn new(events: mpsc::UnboundedSender<Event>, rpc_methods: Vec<String>) -> Self {
        Self { events, rpc_methods, metadata: Value::Null, rids: BTreeMap::new(), spotlight: BTreeMap::new() }
    }

    fn to_json(&self) -> Value {
        json!({
            "rpc_methods": self.rpc_methods,
            "metadata": self.metadata,
            "simulcast_rids": self.rids,
            "spotlight_rids": self.spotlight,
        })
    }
}

/// The channels by id, each with its members by connection id. A channel exists while it has members.
#[derive(Default)]
pub(crate) struct Channels(BTreeMap<String, BTreeMap<String, Member>>);

impl Channels {
    pub(crate) fn join(&mut self, channel_id: &str, connection_id: &str, member: Member) {
        self.0.entry(channel_id.to_owned()).or_default().insert(connection_id.to_owned(), member);
    }

    pub(crate) fn leave(&mut self, channel_id: &str, connection_id: &str) {
        if let Some(members) = self.0.get_mut(channel_id) {
            members.remove(connection_id);
            if members.is_empty() {
                self.0.remove(channel_id);
            }
        }
    }

    pub(crate) fn member(&mut self, channel_id: &str, connection_id: &str) -> Option<&mut Member> {
        self.0.get_mut(channel_id)?.get_mut(connection_id)
    }

    /// Tells every member of a channel.
    pub(crate) fn tell(&self, channel_id: &str, message: &Value) {
        for member in self.0.get(channel_id).into_iter().flat_map(BTreeMap::values) {
            // One that is leaving hears no more.
            let _ = member.events.send(Event::Message(message.clone()));
        }
    }

    /// Ends a connection as the HTTP API's DisconnectConnection does; false when there is none.
    pub(crate) fn close(&mut self, channel_id: &str, connection_id: &str) -> bool {
        self.member(channel_id, connection_id)
            .is_some_and(|member| member.events.send(Event::Close("DISCONNECTED-API")).is_ok())
    }

    pub(crate) fn close_all(&mut self) {
        for member in std::mem::take(&mut self.0).values().flat_map(BTreeMap::values) {
            let _ = member.events.send(Event::Close("DISCONNECTED-API"));
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let members = |members: &BTreeMap<String, Member>| {
            members.iter().map(|(id, member)| (id.clone(), member.to_json())).collect::<Map<_, _>>().into()
        };
        self.0.iter().map(|(id, channel)| (id.clone(), members(channel))).collect::<Map<_, Value>>().into()
    }
}
