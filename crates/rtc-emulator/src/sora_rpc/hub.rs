//! The world of the server: its channels, and how connections come and go.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::{
    entrance,
    members::{Channel, Member, Profile},
    rpc,
    settings::Settings,
    webhook::{self, Post},
};
use crate::{
    bounds::{Place, Places},
    posting::Deliveries,
    shared::Shared,
};

/// How many events wait for a connection that takes none.
const INBOX: usize = 1024;

/// What a connection is told, in the order it is to be sent.
#[derive(Clone)]
pub(crate) enum Event {
    Notify(Value),
    Push(Value),
    /// A message of another member on a label of their own.
    User {
        label: String,
        data: Bytes,
        binary: bool,
    },
    /// The end.
    Close {
        code: u16,
        reason: String,
    },
    /// Members that go into the offer that is made anew.
    ReOffer(Map<String, Value>),
    Redirect(String),
    Ping {
        stats: bool,
    },
    ReqStats,
    /// The end without a word.
    Drop,
}

pub(crate) type Inbox = mpsc::Receiver<Event>;

/// A connection that may come in.
pub(crate) struct Seat {
    pub(crate) connection_id: String,
    /// The offer without its `sdp`.
    pub(crate) offer: Map<String, Value>,
    pub(crate) inbox: Inbox,
    /// How often the world had begun anew by then: ids may come again afterwards.
    pub(crate) generation: u64,
}

/// Why a connection may not come in.
pub(crate) enum Refusal {
    /// As the close frame says it.
    Close { code: u16, reason: String },
    /// Another server takes it.
    Redirect(String),
}

pub(crate) struct Hub {
    pub(crate) shared: Arc<Shared>,
    data: Mutex<Data>,
    /// Not longer than there are places.
    pub(super) posts: mpsc::UnboundedSender<(Post, Place)>,
    pub(super) places: Places,
    pub(super) deliveries: Deliveries,
}

#[derive(Default)]
pub(super) struct Data {
    pub(super) settings: Settings,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) generation: u64,
    /// JSON-RPC messages that came in, also of those who have left.
    pub(super) rpc_requests: u64,
}

impl Data {
    /// The channel of a connection.
    pub(super) fn channel_of(&mut self, id: &str) -> Option<(&String, &mut Channel)> {
        self.channels.iter_mut().find(|(_, channel)| channel.members.contains_key(id))
    }

    pub(super) fn member(&mut self, id: &str) -> Option<&mut Member> {
        self.channel_of(id)?.1.members.get_mut(id)
    }
}

impl Hub {
    pub(super) fn new(shared: &Arc<Shared>) -> Arc<Self> {
        let (posts, waiting) = mpsc::unbounded_channel();
        let hub = Arc::new(Self {
            shared: Arc::clone(shared),
            data: Mutex::default(),
            posts,
            places: Places::default(),
            deliveries: Deliveries::default(),
        });
        shared.spawn(webhook::deliver(Arc::downgrade(&hub), waiting));
        hub
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> Settings {
        self.lock().settings.clone()
    }

    pub(super) fn now(&self) -> SystemTime {
        self.shared.clock.now()
    }

    /// 26 characters of Base32, as all the ids of the server.
    pub(super) fn new_id(&self) -> String {
        const BASE32: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let digit = |byte: u8| BASE32.get(usize::from(byte % 32)).copied().map_or('0', char::from);
        self.shared.ids.bytes(26).into_iter().map(digit).collect()
    }

    /// Lets a connection in, or not: `connect` is its first message. Others hear of it once it is up.
    pub(crate) async fn join(self: &Arc<Self>, connect: Value) -> Result<Seat, Refusal> {
        entrance::join(self, connect).await
    }

    /// Takes a connection into its channel.
    pub(super) fn seat(&self, channel_id: &str, id: &str, profile: Profile) -> (Inbox, String, u64) {
        let (events, inbox) = mpsc::channel(INBOX);
        let (session_id, now) = (self.new_id(), self.now());
        let mut data = self.lock();
        let channel = data.channels.entry(channel_id.to_owned());
        let channel = channel.or_insert_with(|| Channel::new(session_id, now));
        channel.members.insert(id.to_owned(), Member::new(profile, events));
        let session_id = channel.session.id.clone();
        (inbox, session_id, data.generation)
    }

    /// Takes in one JSON-RPC message of a connection. What follows the answer comes through the inbox.
    pub(crate) fn answer_rpc(&self, id: &str, message: &[u8]) -> Option<Value> {
        let now = self.now();
        rpc::answer(&mut self.lock(), id, message, now)
    }

    /// A message on a label of the clients' own goes to whoever in the channel receives there.
    pub(crate) fn user_message(&self, id: &str, label: &str, data: &Bytes, binary: bool) {
        let mut hub = self.lock();
        let Some((_, channel)) = hub.channel_of(id) else { return };
        let Some(sender) = channel.members.get_mut(id) else { return };
        sender.counters.messages_received += 1;
        sender.counters.received_bytes += data.len() as u64;
        if sender.profile.direction(label).is_none_or(|direction| direction == "recvonly") {
            return;
        }
        let receives = |member: &Member| {
            member.since.is_some() && member.profile.direction(label).is_some_and(|to| to != "sendonly")
        };
        let others = channel.members.iter_mut().filter(|(other, member)| *other != id && receives(member));
        for (_, member) in others {
            let data = member.profile.headed(label, id, data);
            member.tell(Event::User { label: label.to_owned(), data, binary });
        }
    }

    /// Statistics that a client sent because it was asked to.
    pub(crate) fn stats(&self, id: &str, reports: Value) {
        if let Some(member) = self.lock().member(id) {
            member.reported = reports;
        }
    }
}
