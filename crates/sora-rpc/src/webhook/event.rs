//! The event webhook: connections, recordings and the spotlight.

use std::fmt;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::{ChannelCounts, Members, Origin, object};
use crate::error::Result;
use crate::operation::Role;

/// What an event webhook tells. Members that are missing, or not of their type, are none. `Debug` shows neither
/// `event_metadata` nor `raw`.
///
/// ```
/// use sora_rpc::webhook::{EventWebhook, WebhookEvent};
///
/// let body = br#"{
///     "id": "1", "type": "connection.destroyed", "channel_id": "sora", "connection_id": "c",
///     "data": { "minutes": 3, "reason": "TYPE-DISCONNECT" }
/// }"#;
/// let webhook = EventWebhook::parse(body)?;
/// match &webhook.event {
///     WebhookEvent::ConnectionDestroyed(data) => assert_eq!(data.minutes, Some(3)),
///     other => eprintln!("not of interest: {}", other.kind()),
/// }
/// # Ok::<(), sora_rpc::Error>(())
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct EventWebhook {
    /// Which server tells, and when.
    pub origin: Origin,
    /// The id of the webhook: one that comes twice has the same.
    pub id: Option<String>,
    /// What happened.
    pub event: WebhookEvent,
    /// What the connection does with media.
    pub role: Option<Role>,
    /// The channel.
    pub channel_id: Option<String>,
    /// The session of the channel.
    pub session_id: Option<String>,
    /// The client.
    pub client_id: Option<String>,
    /// The bundle.
    pub bundle_id: Option<String>,
    /// The connection.
    pub connection_id: Option<String>,
    /// Whether its video comes in several encodings.
    pub simulcast: Option<bool>,
    /// Whether only those who speak are received in full.
    pub spotlight: Option<bool>,
    /// What the [reply to the auth webhook](super::AuthReply::event_metadata) gave for it.
    pub event_metadata: Option<Value>,
    /// The body as it came.
    pub raw: Map<String, Value>,
}

/// The kinds of event webhooks.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WebhookEvent {
    /// `connection.created`: a connection stands.
    ConnectionCreated(ConnectionData),
    /// `connection.updated`: a connection still stands; every minute, unless configured otherwise.
    ConnectionUpdated(ConnectionData),
    /// `connection.destroyed`: a connection has ended.
    ConnectionDestroyed(ConnectionData),
    /// `connection.failed`: a connection never stood.
    ConnectionFailed(ConnectionData),
    /// `recording.started`: a recording has begun.
    RecordingStarted(RecordingData),
    /// `recording.report`: a recording is over, with its files.
    RecordingReport(RecordingData),
    /// `archive.started`: the file of one connection has been begun.
    ArchiveStarted(ArchiveData),
    /// `archive.available`: the file of one connection is complete.
    ArchiveAvailable(ArchiveData),
    /// `archive.failed`: the file of one connection could not be made.
    ArchiveFailed(ArchiveData),
    /// `split-archive.available`: one part of a file is complete.
    SplitArchiveAvailable(ArchiveData),
    /// `split-archive.end`: the last part was made.
    SplitArchiveEnd(ArchiveData),
    /// `spotlight.focused`: a connection is in the focus.
    SpotlightFocused(SpotlightData),
    /// `spotlight.unfocused`: a connection is not any more.
    SpotlightUnfocused(SpotlightData),
    /// A kind that this version does not know, its content in `raw`; empty where the webhook has none.
    Unknown(String),
}

impl WebhookEvent {
    fn read(members: Members<'_>) -> Self {
        let nothing = Map::new();
        let data = members.inner("data").unwrap_or(Members(&nothing));
        match members.str("type").unwrap_or_default() {
            "connection.created" => Self::ConnectionCreated(ConnectionData::read(data)),
            "connection.updated" => Self::ConnectionUpdated(ConnectionData::read(data)),
            "connection.destroyed" => Self::ConnectionDestroyed(ConnectionData::read(data)),
            "connection.failed" => Self::ConnectionFailed(ConnectionData::read(data)),
            "recording.started" => Self::RecordingStarted(RecordingData::read(data)),
            "recording.report" => Self::RecordingReport(RecordingData::read(data)),
            "archive.started" => Self::ArchiveStarted(ArchiveData::read(data)),
            "archive.available" => Self::ArchiveAvailable(ArchiveData::read(data)),
            "archive.failed" => Self::ArchiveFailed(ArchiveData::read(data)),
            "split-archive.available" => Self::SplitArchiveAvailable(ArchiveData::read(data)),
            "split-archive.end" => Self::SplitArchiveEnd(ArchiveData::read(data)),
            // These have no `data`.
            "spotlight.focused" => Self::SpotlightFocused(SpotlightData::read(members)),
            "spotlight.unfocused" => Self::SpotlightUnfocused(SpotlightData::read(members)),
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// Its name on the wire.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::ConnectionCreated(_) => "connection.created",
            Self::ConnectionUpdated(_) => "connection.updated",
            Self::ConnectionDestroyed(_) => "connection.destroyed",
            Self::ConnectionFailed(_) => "connection.failed",
            Self::RecordingStarted(_) => "recording.started",
            Self::RecordingReport(_) => "recording.report",
            Self::ArchiveStarted(_) => "archive.started",
            Self::ArchiveAvailable(_) => "archive.available",
            Self::ArchiveFailed(_) => "archive.failed",
            Self::SplitArchiveAvailable(_) => "split-archive.available",
            Self::SplitArchiveEnd(_) => "split-archive.end",
            Self::SpotlightFocused(_) => "spotlight.focused",
            Self::SpotlightUnfocused(_) => "spotlight.unfocused",
            Self::Unknown(kind) => kind,
        }
    }
}

impl EventWebhook {
    /// Reads the body of an event webhook.
    ///
    /// # Errors
    /// Kind [`Protocol`](crate::ErrorKind::Protocol): it is no JSON object. A kind that is not known is no error.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let raw = object(body)?;
        let members = Members(&raw);
        Ok(Self {
            origin: members.origin(),
            id: members.text("id"),
            event: WebhookEvent::read(members),
            role: members.str("role").map(Role::from),
            channel_id: members.text("channel_id"),
            session_id: members.text("session_id"),
            client_id: members.text("client_id"),
            bundle_id: members.text("bundle_id"),
            connection_id: members.text("connection_id"),
            simulcast: members.flag("simulcast"),
            spotlight: members.flag("spotlight"),
            event_metadata: members.value("event_metadata"),
            raw,
        })
    }
}

impl fmt::Debug for EventWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWebhook")
            .field("origin", &self.origin)
            .field("id", &self.id)
            .field("event", &self.event)
            .field("role", &self.role)
            .field("channel_id", &self.channel_id)
            .field("session_id", &self.session_id)
            .field("client_id", &self.client_id)
            .field("bundle_id", &self.bundle_id)
            .field("connection_id", &self.connection_id)
            .finish_non_exhaustive()
    }
}

/// The state of a connection. `Debug` shows none of its reasons, which are texts of others.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionData {
    /// How many minutes it has stood.
    pub minutes: Option<u64>,
    /// The connections that the channel has.
    pub channel: ChannelCounts,
    /// How media goes to the TURN server: `udp` or `tcp`.
    pub turn_transport_type: Option<String>,
    /// When it came to stand.
    pub created_at: Option<SystemTime>,
    /// When it ended.
    pub destroyed_at: Option<SystemTime>,
    /// What the server has received from it, in bytes.
    pub total_received_bytes: Option<u64>,
    /// What the server has sent to it, in bytes.
    pub total_sent_bytes: Option<u64>,
    /// Why it ended.
    pub reason: Option<String>,
    /// The reason that a call of the HTTP API gave for its end.
    pub disconnect_api_reason: Option<String>,
    /// The reason that the client gave for its end.
    pub type_disconnect_reason: Option<String>,
    /// Why it never stood.
    pub message: Option<String>,
}

impl ConnectionData {
    fn read(data: Members<'_>) -> Self {
        Self {
            minutes: data.count("minutes"),
            channel: data.counts(),
            turn_transport_type: data.text("turn_transport_type"),
            created_at: data.instant("created_timestamp", "created_time"),
            destroyed_at: data.instant("destroyed_timestamp", "destroyed_time"),
            total_received_bytes: data.count("total_received_bytes"),
            total_sent_bytes: data.count("total_sent_bytes"),
            reason: data.text("reason"),
            disconnect_api_reason: data.text("disconnect_api_reason"),
            type_disconnect_reason: data.text("type_disconnect_reason"),
            message: data.text("message"),
        }
    }
}

impl fmt::Debug for ConnectionData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionData")
            .field("minutes", &self.minutes)
            .field("channel", &self.channel)
            .field("turn_transport_type", &self.turn_transport_type)
            .field("created_at", &self.created_at)
            .field("destroyed_at", &self.destroyed_at)
            .field("total_received_bytes", &self.total_received_bytes)
            .field("total_sent_bytes", &self.total_sent_bytes)
            .finish_non_exhaustive()
    }
}

/// A recording of a channel. `Debug` does not show its metadata.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct RecordingData {
    /// The recording.
    pub recording_id: Option<String>,
    /// What it was started with.
    pub metadata: Option<Value>,
    /// After how many seconds it ends.
    pub expire_time: Option<u64>,
    /// Whether there are parts only, and no whole file.
    pub split_only: Option<bool>,
    /// How many seconds a part has.
    pub split_duration: Option<u64>,
    /// When it began.
    pub started_at: Option<SystemTime>,
    /// When it ended.
    pub stopped_at: Option<SystemTime>,
    /// The path of the report.
    pub file_path: Option<String>,
    /// The files, one per connection.
    pub archives: Vec<ArchiveData>,
    /// The connections whose files could not be made.
    pub failed_archives: Vec<ArchiveData>,
}

impl RecordingData {
    pub(super) fn read(data: Members<'_>) -> Self {
        Self {
            recording_id: data.text("recording_id"),
            metadata: data.value("metadata"),
            expire_time: data.count("expire_time"),
            split_only: data.flag("split_only"),
            split_duration: data.count("split_duration"),
            started_at: data.instant("start_timestamp", "created_at"),
            stopped_at: data.instant("stop_timestamp", "stop_time"),
            file_path: data.text("file_path"),
            archives: data.list("archives").map(ArchiveData::read).collect(),
            failed_archives: data.list("failed_archives").map(ArchiveData::read).collect(),
        }
    }
}

impl fmt::Debug for RecordingData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingData")
            .field("recording_id", &self.recording_id)
            .field("started_at", &self.started_at)
            .field("stopped_at", &self.stopped_at)
            .field("archives", &self.archives)
            .field("failed_archives", &self.failed_archives)
            .finish_non_exhaustive()
    }
}

/// A file of a recording: what one connection sent, or a part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveData {
    /// The recording.
    pub recording_id: Option<String>,
    /// The channel.
    pub channel_id: Option<String>,
    /// The session of the channel.
    pub session_id: Option<String>,
    /// The client.
    pub client_id: Option<String>,
    /// The bundle.
    pub bundle_id: Option<String>,
    /// The connection.
    pub connection_id: Option<String>,
    /// The path of the file on the server.
    pub file_path: Option<String>,
    /// Its name.
    pub filename: Option<String>,
    /// The path of the file that describes it.
    pub metadata_file_path: Option<String>,
    /// The name of that file.
    pub metadata_filename: Option<String>,
    /// How many bytes it has.
    pub size: Option<u64>,
    /// Which part it is, such as `0001`.
    pub split_index: Option<String>,
    /// Which part is the last.
    pub split_last_index: Option<String>,
    /// When it begins.
    pub started_at: Option<SystemTime>,
    /// When it ends.
    pub stopped_at: Option<SystemTime>,
}

impl ArchiveData {
    fn read(data: Members<'_>) -> Self {
        Self {
            recording_id: data.text("recording_id"),
            channel_id: data.text("channel_id"),
            session_id: data.text("session_id"),
            client_id: data.text("client_id"),
            bundle_id: data.text("bundle_id"),
            connection_id: data.text("connection_id"),
            file_path: data.text("file_path"),
            filename: data.text("filename"),
            metadata_file_path: data.text("metadata_file_path"),
            metadata_filename: data.text("metadata_filename"),
            size: data.count("size"),
            split_index: data.text("split_index"),
            split_last_index: data.text("split_last_index"),
            started_at: data.instant("start_timestamp", "start_time"),
            stopped_at: data.instant("stop_timestamp", "stop_time"),
        }
    }
}

/// A change of the focus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpotlightData {
    /// How many can be in the focus.
    pub spotlight_number: Option<u64>,
    /// Whether it was fixed there by the HTTP API.
    pub fixed: Option<bool>,
    /// Whether it has sound.
    pub audio: Option<bool>,
    /// Whether it has pictures.
    pub video: Option<bool>,
}

impl SpotlightData {
    fn read(members: Members<'_>) -> Self {
        Self {
            spotlight_number: members.count("spotlight_number"),
            fixed: members.flag("fixed"),
            audio: members.flag("audio"),
            video: members.flag("video"),
        }
    }
}
