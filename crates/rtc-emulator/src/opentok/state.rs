//! Everything the emulated OpenTok keeps.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::delivery::Delivery;
use super::reply::{Refusal, missing};
use crate::credentials::{OPENTOK_API_KEY, OPENTOK_API_SECRET, OPENTOK_APPLICATION_ID};
use crate::shared::Shared;

/// All of it, as the management API shows it and takes it in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct State {
    /// By API key or application id.
    pub(super) projects: BTreeMap<String, Project>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) archives: Vec<Record>,
    pub(super) broadcasts: Vec<Record>,
    pub(super) renders: Vec<Record>,
    pub(super) captions: Vec<Record>,
    pub(super) sip_calls: Vec<Record>,
    pub(super) audio_connectors: Vec<Record>,
    pub(super) callbacks: Vec<Callback>,
    /// The latest callbacks that were posted, or could not be.
    #[serde(skip_deserializing)]
    pub(super) deliveries: VecDeque<Delivery>,
    /// How often callers used another name than the documented one, by operation and name.
    pub(super) aliases: BTreeMap<String, u64>,
    pub(super) quirks: Quirks,
}

/// What differs between the service's versions or is unsure. Switched by `POST /_emulator/opentok/quirks`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Quirks {
    /// The status of a render's end, whoever asks: 204 or 200.
    pub(super) stop_render_status: Option<u16>,
}

/// A project, or an application of the unified environment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Project {
    #[serde(skip_serializing)]
    pub(super) secret: String,
    pub(super) name: String,
    pub(super) status: String,
    /// Milliseconds since 1970.
    pub(super) created_at: u64,
    /// Whether it is an application: signed in to with the demo RSA key.
    pub(super) application: bool,
    /// Where archives go, if not into the service's own storage. It holds the caller's keys.
    #[serde(skip_serializing)]
    pub(super) storage: Option<Value>,
}

/// A session with who is in it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Session {
    pub(super) project: String,
    /// The form that it was made from.
    pub(super) options: Value,
    pub(super) connections: Vec<Connection>,
    pub(super) streams: Vec<Stream>,
    /// Whether streams that come are muted.
    pub(super) force_mute: bool,
    /// Whether the automatic archive was made.
    pub(super) auto_archived: bool,
    /// When the last client or stream left, in milliseconds since 1970; none while there is one.
    pub(super) empty_since: Option<u64>,
    pub(super) silent_since: Option<u64>,
}

impl Default for Session {
    /// Routed: a seeded session is one to do things with.
    fn default() -> Self {
        Self {
            project: String::new(),
            options: json!({ "p2p.preference": "disabled" }),
            connections: Vec::new(),
            streams: Vec::new(),
            force_mute: false,
            auto_archived: false,
            empty_since: Some(0),
            silent_since: Some(0),
        }
    }
}

impl Session {
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name)?.as_str()
    }

    pub(super) fn is_relayed(&self) -> bool {
        self.option("p2p.preference") != Some("disabled")
    }
}

/// A client of a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Connection {
    pub(super) id: String,
    pub(super) created_at: u64,
    pub(super) data: String,
}

/// What a client publishes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Stream {
    pub(super) id: String,
    pub(super) connection_id: String,
    pub(super) created_at: u64,
    pub(super) name: String,
    /// `camera`, `screen` or `custom`.
    pub(super) video_type: String,
    pub(super) layout_class_list: Vec<String>,
    pub(super) muted: bool,
}

/// Which kind of thing a [`Record`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Archive,
    Broadcast,
    Render,
    Captions,
    SipCall,
    AudioConnector,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Archive, Self::Broadcast, Self::Render, Self::Captions, Self::SipCall, Self::AudioConnector];
    /// Those with a life of their own, which time or the management API moves on.
    pub(super) const LIVING: [Self; 4] = [Self::Archive, Self::Broadcast, Self::Render, Self::Captions];

    /// For messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Broadcast => "broadcast",
            Self::Render => "render",
            Self::Captions => "captions",
            Self::SipCall => "SIP call",
            Self::AudioConnector => "audio connector",
        }
    }
}

/// An archive, broadcast, render and so on: what the service tells of it, and what it keeps for itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    pub(super) project: String,
    /// `multiArchiveTag` or `multiBroadcastTag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layout: Option<Value>,
    /// The connection that it is in its session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connection: Option<String>,
    /// `statusCallbackUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_callback_url: Option<String>,
    /// As the service tells it.
    #[serde(flatten)]
    pub(super) facts: Map<String, Value>,
}

impl Record {
    pub(super) fn text(&self, name: &str) -> &str {
        self.facts.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.facts.get(name).and_then(Value::as_u64).unwrap_or_default()
    }

    /// Its id; that of captions has a name of its own.
    pub(super) fn id(&self) -> &str {
        let id = self.text("id");
        if id.is_empty() { self.text("captionsId") } else { id }
    }

    /// Whether it goes on.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.text("status"), "starting" | "started" | "paused")
    }

    pub(super) fn told(&self) -> Value {
        Value::Object(self.facts.clone())
    }
}

/// A URL that wants to hear of something.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Callback {
    pub(super) project: String,
    pub(super) id: String,
    pub(super) group: String,
    pub(super) event: String,
    pub(super) url: String,
    pub(super) created_at: u64,
    /// What its calls are signed with.
    #[serde(skip_serializing)]
    pub(super) signature_secret: Option<String>,
}

impl Default for State {
    fn default() -> Self {
        let project = |name: &str, secret: &str, application| Project {
            secret: secret.to_owned(),
            name: name.to_owned(),
            status: "ACTIVE".to_owned(),
            application,
            ..Project::default()
        };
        let projects = BTreeMap::from([
            (OPENTOK_API_KEY.to_owned(), project("emulator", OPENTOK_API_SECRET, false)),
            (OPENTOK_APPLICATION_ID.to_owned(), project("emulator application", "", true)),
        ]);
        Self {
            projects,
            sessions: BTreeMap::new(),
            archives: Vec::new(),
            broadcasts: Vec::new(),
            renders: Vec::new(),
            captions: Vec::new(),
            sip_calls: Vec::new(),
            audio_connectors: Vec::new(),
            callbacks: Vec::new(),
            deliveries: VecDeque::new(),
            aliases: BTreeMap::new(),
            quirks: Quirks::default(),
        }
    }
}

impl State {
    pub(super) fn records(&self, kind: Kind) -> &[Record] {
        match kind {
            Kind::Archive => &self.archives,
            Kind::Broadcast => &self.broadcasts,
            Kind::Render => &self.renders,
            Kind::Captions => &self.captions,
            Kind::SipCall => &self.sip_calls,
            Kind::AudioConnector => &self.audio_connectors,
        }
    }

    pub(super) fn records_mut(&mut self, kind: Kind) -> &mut Vec<Record> {
        match kind {
            Kind::Archive => &mut self.archives,
            Kind::Broadcast => &mut self.broadcasts,
            Kind::Render => &mut self.renders,
            Kind::Captions => &mut self.captions,
            Kind::SipCall => &mut self.sip_calls,
            Kind::AudioConnector => &mut self.audio_connectors,
        }
    }

    /// The record `id` of a project.
    pub(super) fn record(&self, kind: Kind, project: &str, id: &str) -> Result<&Record, Refusal> {
        let found = self.records(kind).iter().rev().find(|r| r.id() == id && r.project == project);
        found.ok_or_else(|| missing(kind.name(), id))
    }

    /// The session `id` of a project; another project's does not exist for it.
    pub(super) fn session(&self, project: &str, id: &str) -> Result<&Session, Refusal> {
        self.sessions.get(id).filter(|s| s.project == project).ok_or_else(|| missing("session", id))
    }

    pub(super) fn session_mut(&mut self, project: &str, id: &str) -> Result<&mut Session, Refusal> {
        self.sessions.get_mut(id).filter(|s| s.project == project).ok_or_else(|| missing("session", id))
    }
}

/// The state for one call: with the time of the call, and what is to be posted once it is over.
pub(super) struct World<'a> {
    pub(super) state: &'a mut State,
    pub(super) shared: &'a Shared,
    /// Milliseconds since 1970.
    pub(super) now: u64,
    pub(super) outgoing: Vec<super::delivery::Post>,
}
