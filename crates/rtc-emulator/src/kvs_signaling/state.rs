//! Everything the emulated service keeps.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::limits::Limits;
use super::refusal::{ErrorType, Refusal};
use super::relay::{Connected, Waiting};
use crate::credentials::{KVS_CHANNEL_ARN, KVS_REGION};
use crate::shared::Shared;

/// The account that everything belongs to.
pub(super) const ACCOUNT: &str = "123456789012";
/// The documented life of TURN credentials, in seconds.
const TURN_TTL: u64 = 300;
/// How long a message waits unless the channel says otherwise, in seconds.
pub(super) const MESSAGE_TTL: u64 = 60;
/// The channels of an account in the emulator's region.
const CHANNELS: usize = 10_000;
/// How many messages the log holds.
const LOGGED: usize = 200;

pub(super) struct State {
    /// By ARN.
    pub(super) channels: BTreeMap<String, Channel>,
    /// Streams that were named or seeded, by ARN.
    pub(super) streams: BTreeMap<String, Stream>,
    pub(super) quirks: Quirks,
    pub(super) limits: Limits,
    /// By connection id.
    pub(super) connections: BTreeMap<String, Connected>,
    pub(super) waiting: Vec<Waiting>,
    /// Who waits for the answer to an Alexa device, by channel and client id.
    pub(super) alexa: BTreeMap<(String, String), oneshot::Sender<String>>,
    /// The latest messages and what became of them; without their payloads, which may hold secrets.
    pub(super) messages: VecDeque<Value>,
}

impl Default for State {
    fn default() -> Self {
        let demo = Channel {
            version: "EmulatorVersion00001".into(),
            created_at: 1_700_000_000_000,
            ..Channel::named(KVS_CHANNEL_ARN)
        };
        Self {
            channels: BTreeMap::from([(KVS_CHANNEL_ARN.to_owned(), demo)]),
            streams: BTreeMap::new(),
            quirks: Quirks::default(),
            limits: Limits::default(),
            connections: BTreeMap::new(),
            waiting: Vec::new(),
            alexa: BTreeMap::new(),
            messages: VecDeque::new(),
        }
    }
}

/// A channel, as the management API shows it and takes it in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Channel {
    pub(super) channel_arn: String,
    pub(super) channel_name: String,
    pub(super) status: Status,
    /// When the status changes, in milliseconds since 1970; none if it stays.
    pub(super) changes_at: Option<u64>,
    /// In milliseconds since 1970.
    pub(super) created_at: u64,
    pub(super) version: String,
    pub(super) message_ttl_seconds: u64,
    pub(super) tags: BTreeMap<String, String>,
    /// Whether its media is stored.
    pub(super) ingestion: bool,
    pub(super) stream_arn: Option<String>,
    /// How often TURN servers were given.
    pub(super) ice_answers: u64,
    /// How often the storage session was asked in.
    pub(super) storage_joins: u64,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            channel_arn: String::new(),
            channel_name: String::new(),
            status: Status::Active,
            changes_at: None,
            created_at: 0,
            version: String::new(),
            message_ttl_seconds: MESSAGE_TTL,
            tags: BTreeMap::new(),
            ingestion: false,
            stream_arn: None,
            ice_answers: 0,
            storage_joins: 0,
        }
    }
}

impl Channel {
    /// A channel with the name that its ARN holds.
    pub(super) fn named(arn: &str) -> Self {
        let name = resource_name(arn).unwrap_or_default().to_owned();
        Self { channel_arn: arn.to_owned(), channel_name: name, ..Self::default() }
    }

    pub(super) fn is_active(&self) -> bool {
        self.status == Status::Active
    }
}

/// The name in an ARN, `...:channel/name/1700000000000`.
pub(super) fn resource_name(arn: &str) -> Option<&str> {
    arn.split('/').nth(1)
}

/// How far a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    Creating,
    Active,
    Updating,
    Deleting,
}

/// A stream that media is stored in. Only what signaling asks of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Stream {
    /// 0 keeps nothing, and media cannot be stored in it.
    pub(super) data_retention_hours: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self { data_retention_hours: 24 }
    }
}

/// What differs between answers that were seen, is unsure, or is to be tried. Switched by
/// `POST /_emulator/kvs-signaling/quirks`, which sets what is not given to its default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Quirks {
    /// How long a channel is CREATING, UPDATING or DELETING, in milliseconds; 0: until the next look.
    pub(super) transition_ms: u64,
    pub(super) channel_limit: usize,
    /// 30 to 86,400 is documented.
    pub(super) turn_ttl_seconds: u64,
    /// Whether numbers of seconds (`Ttl`, `MessageTtlSeconds`) are written as texts.
    pub(super) ttl_as_text: bool,
    pub(super) creation_time: CreationTime,
    pub(super) error_type: ErrorType,
    /// Operations that are refused, with the type of the error.
    pub(super) refuse: BTreeMap<String, String>,
    /// Whether an Alexa offer waits for a master who is not there yet, instead of being refused.
    pub(super) alexa_waits: bool,
    /// How long each message of a peer is on its way, in milliseconds.
    pub(super) delay_ms: u64,
    /// Messages to a connection are held back until there are so many, then go out last first.
    pub(super) reorder: usize,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            transition_ms: 0,
            channel_limit: CHANNELS,
            turn_ttl_seconds: TURN_TTL,
            ttl_as_text: false,
            creation_time: CreationTime::default(),
            error_type: ErrorType::default(),
            refuse: BTreeMap::new(),
            alexa_waits: false,
            delay_ms: 0,
            reorder: 0,
        }
    }
}

impl Quirks {
    /// A number of seconds as it is written.
    pub(super) fn seconds(&self, seconds: u64) -> Value {
        if self.ttl_as_text { seconds.to_string().into() } else { seconds.into() }
    }
}

/// How `CreationTime` is written.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CreationTime {
    /// Seconds since 1970 with a fraction.
    #[default]
    Seconds,
    /// The same as a text.
    Text,
    /// ISO 8601.
    Iso8601,
}

/// The state while it is acted on.
pub(super) struct World<'a> {
    pub(super) state: &'a mut State,
    pub(super) shared: &'a Shared,
    /// In milliseconds since 1970.
    pub(super) now: u64,
}

impl World<'_> {
    /// Does what was due by now.
    pub(super) fn settle(&mut self) {
        let now = self.now;
        let is_due = |channel: &Channel| channel.changes_at.is_some_and(|at| at <= now);
        self.state.channels.retain(|_, channel| channel.status != Status::Deleting || !is_due(channel));
        for channel in self.state.channels.values_mut().filter(|channel| is_due(channel)) {
            channel.status = Status::Active;
            channel.changes_at = None;
        }
        // Who asked is gone, or was told that nobody answers.
        self.state.alexa.retain(|_, asked| !asked.is_closed());
        self.expire();
    }

    /// The channel with this ARN, however far it is.
    pub(super) fn channel(&mut self, arn: &str) -> Result<&mut Channel, Refusal> {
        self.state.channels.get_mut(arn).ok_or_else(not_found)
    }

    /// The channel with this ARN, if it can be used.
    pub(super) fn active(&mut self, arn: &str) -> Result<&mut Channel, Refusal> {
        self.channel(arn).and_then(|channel| if channel.is_active() { Ok(channel) } else { Err(not_found()) })
    }

    /// Moves a channel into a passing status.
    pub(super) fn pass(&mut self, arn: &str, status: Status) {
        let until = self.now.saturating_add(self.state.quirks.transition_ms);
        if let Some(channel) = self.state.channels.get_mut(arn) {
            channel.status = status;
            channel.changes_at = Some(until);
        }
    }

    /// The ARN of something made now.
    pub(super) fn arn(&self, name: &str) -> String {
        format!("arn:aws:kinesisvideo:{KVS_REGION}:{ACCOUNT}:channel/{name}/{}", self.now)
    }

    pub(super) fn version(&self) -> String {
        self.shared.ids.alnum(20)
    }

    /// Notes what became of a message.
    pub(super) fn note(&mut self, entry: Value) {
        if self.state.messages.len() >= LOGGED {
            self.state.messages.pop_front();
        }
        self.state.messages.push_back(entry);
    }

    /// All of it. A seed takes it in again, except for what is connected or on its way.
    pub(super) fn told(&self) -> Value {
        json!({
            "channels": self.state.channels.values().collect::<Vec<_>>(),
            "streams": self.state.streams,
            "quirks": self.state.quirks,
            "connections": self.state.connections.values().map(Connected::told).collect::<Vec<_>>(),
            "waiting": self.state.waiting.iter().map(Waiting::told).collect::<Vec<_>>(),
            "messages": self.state.messages,
        })
    }
}

pub(super) fn not_found() -> Refusal {
    Refusal::missing("The requested channel is not found or not active.")
}
