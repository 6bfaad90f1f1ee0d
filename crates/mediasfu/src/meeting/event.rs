//! What a meeting tells those who are connected to it.

mod read;

use std::fmt;

use rtc_core::wire::{As, Items, Lenient, Same};
use serde::{Deserialize, Deserializer, Serialize};

use super::hello::ConnectionSuccess;
use crate::model::Raw;
use crate::operation::{Level, Permission};

#[cfg(feature = "socketio")]
pub(super) use self::read::HELLO;

/// An event of a meeting. Source of all of them: the official SDKs and MediaSFU Open.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MeetingEvent {
    /// The connection stands (`connection-success`).
    Connected(Box<ConnectionSuccess>),
    /// Everybody in the meeting, for the host and the co-host (`allMembers`).
    Members(Members),
    /// Everybody in the meeting, for all (`allMembersRest`).
    MembersRest(Members),
    /// Who waits to be let in, for the host and the co-host (`allWaitingRoomMembers`).
    WaitingRoom(WaitingRoom),
    /// Somebody waits to be let in (`userWaiting`).
    UserWaiting(Named),
    /// Somebody came (`personJoined`). Community Editions only send the changed lists.
    PersonJoined(Named),
    /// A participant asks to be allowed something, for the host (`participantRequested`).
    ParticipantRequested(ParticipantRequest),
    /// The host has answered your request (`hostRequestResponse`).
    RequestResponse(RequestResponse),
    /// Somebody has become co-host, or stopped being it (`updatedCoHost`).
    CoHostUpdated(CoHostChange),
    /// What participants may do on their own has changed (`updateMediaSettings`).
    MediaSettings(MediaSettings),
    /// The host asks you to switch media off (`controlMediaHost`).
    ControlMediaHost(MediaControl),
    /// The service asks you to switch media on or off (`controlMedia`).
    ControlMedia(MediaControl),
    /// The host asks you to leave (`disconnectUserSelf`).
    DisconnectSelf,
    /// Somebody was banned (`ban`).
    Banned(Named),
    /// A message (`receiveMessage`). Everybody gets all of them: those that name other receivers are not for you.
    Message(ChatMessage),
    /// The meeting is over soon (`meetingTimeRemaining`).
    TimeRemaining(Remaining),
    /// You are alone: the service asks whether you are still there (`meetingStillThere`).
    StillThere(Remaining),
    /// The meeting is over (`meetingEnded`).
    Ended,
    /// The host has come: those who wait may join (`exitWaitRoom`).
    WaitRoomExit(Named),
    /// The host has let you in, or not (`exitWaitRoomUser`).
    WaitRoomAnswer(WaitRoomAnswer),
    /// The recording goes on, is paused or has ended (`RecordingNotice`).
    Recording(RecordingNotice),
    /// The service has stopped the recording (`stoppedRecording`).
    RecordingStopped(RecordingStopped),
    /// The service is about to stop the recording (`timeLeftRecording`).
    RecordingTimeLeft(RecordingTimeLeft),
    /// What may be recorded has changed (`roomRecordParams`).
    RecordingLimits(RecordingLimits),
    /// What you may do has changed (`permissionUpdated`).
    PermissionUpdated(PermissionChange),
    /// Somebody has muted (`producer-media-paused`).
    ProducerPaused(ProducerChange),
    /// Somebody speaks again (`producer-media-resumed`).
    ProducerResumed(ProducerChange),
    /// Somebody has stopped sending (`producer-media-closed`).
    ProducerClosed(ProducerChange),
    /// The connection has ended: the last event.
    Disconnected(Disconnected),
    /// An event that this version does not know, or that is not of the known form, as it came.
    Unknown(UnknownEvent),
}

/// Everybody in a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct Members {
    /// The participants. Right after joining, without yourself.
    #[serde(deserialize_with = "As::<Items<Same>>::deserialize")]
    pub members: Vec<Participant>,
    /// The requests that the host has not answered yet.
    #[serde(deserialize_with = "As::<Items<Same>>::deserialize")]
    pub requests: Vec<ParticipantRequest>,
    /// What participants may do on their own: audio, video, screen, chat. Empty where it was not told.
    #[serde(deserialize_with = "As::<Items<Same>>::deserialize")]
    pub settings: Vec<Permission>,
    /// The name of the co-host.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub co_host: Option<String>,
    /// What the co-host looks after.
    #[serde(deserialize_with = "As::<Items<Same>>::deserialize")]
    pub co_host_responsibilities: Vec<Responsibility>,
}

/// Somebody in a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct Participant {
    /// The name.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
    /// The id: that of the participant's connection. Commands take it together with the name.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub id: Option<String>,
    /// What the participant may do.
    #[serde(deserialize_with = "level")]
    pub islevel: Option<Level>,
    /// Whether it is the host.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub is_host: Option<bool>,
    /// Whether it was banned.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub is_banned: Option<bool>,
    /// Whether it is muted. A Community Edition does not keep it up to date: see `audio_id`, too.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub muted: Option<bool>,
    /// Whether its camera is on.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub video_on: Option<bool>,
    /// Whether it shares a screen.
    #[serde(rename(deserialize = "ScreenOn"), deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub screen_on: Option<bool>,
    /// What its sound is sent as; empty for nothing.
    #[serde(rename(deserialize = "audioID"), deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub audio_id: Option<String>,
    /// What its picture is sent as; empty for nothing.
    #[serde(rename(deserialize = "videoID"), deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub video_id: Option<String>,
    /// What its screen is sent as; empty for nothing.
    #[serde(rename(deserialize = "ScreenID"), deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub screen_id: Option<String>,
}

/// A request of a participant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ParticipantRequest {
    /// The participant's id.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub id: Option<String>,
    /// What is asked for: `fa-microphone`, `fa-video`, `fa-desktop` or `fa-comments`.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub icon: Option<String>,
    /// The participant's name.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
    /// The same, where a server says it so.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub username: Option<String>,
}

/// The host's answer to a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RequestResponse {
    /// The id of who asked.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub id: Option<String>,
    /// The name of who asked.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
    /// What was asked for, as in [`ParticipantRequest::icon`].
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub icon: Option<String>,
    /// The same: servers use either.
    #[serde(rename(deserialize = "type"), deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub kind: Option<String>,
    /// `accepted`; everything else is a no.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub action: Option<String>,
}

/// Who waits to be let in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct WaitingRoom {
    /// All who wait.
    // The cloud was seen to spell it with one letter more.
    #[serde(alias = "waitingParticipantss", deserialize_with = "As::<Items<Same>>::deserialize")]
    pub waiting_participants: Vec<WaitingMember>,
}

/// Somebody who waits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct WaitingMember {
    /// The name.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
    /// The id: what letting in takes, together with the name.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub id: Option<String>,
}

/// Somebody.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Named {
    /// The name.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
}

/// Who is co-host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct CoHostChange {
    /// The name; `No coHost` where there is none any more.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub co_host: Option<String>,
    /// What the co-host looks after.
    #[serde(deserialize_with = "As::<Items<Same>>::deserialize")]
    pub co_host_responsibilities: Vec<Responsibility>,
}

/// Something that a co-host may look after.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Responsibility {
    /// `participants`, `waiting`, `chat` or `media`.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
    /// Whether the co-host does.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub value: Option<bool>,
    /// Whether the host is left alone with it.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub dedicated: Option<bool>,
}

/// What participants may do on their own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MediaSettings {
    /// Audio, video, screen, chat.
    #[serde(deserialize_with = "As::<Items<Same>>::deserialize")]
    pub settings: Vec<Permission>,
}

/// What is to be done with your media.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MediaControl {
    /// `audio`, `video`, `screenshare`, `chat` or `all`.
    #[serde(rename(deserialize = "type"), deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub media: Option<String>,
    /// `mute` or `unmute`; the host always means `mute` and does not say so.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub action: Option<String>,
    /// Why.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub reason: Option<String>,
}

/// A message of somebody.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ChatMessage {
    /// Whose it is.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub sender: Option<String>,
    /// Whom it is for; none for everybody.
    #[serde(deserialize_with = "As::<Items<Lenient>>::deserialize")]
    pub receivers: Vec<String>,
    /// The text.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub message: Option<String>,
    /// When it was written, as a text of the sender's choice.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub timestamp: Option<String>,
    /// Whether it is for everybody.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub group: Option<bool>,
}

impl fmt::Debug for ChatMessage {
    // What people write to each other belongs in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatMessage")
            .field("sender", &self.sender)
            .field("receivers", &self.receivers)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// How long the meeting lasts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct Remaining {
    /// In milliseconds.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub time_remaining: Option<u64>,
}

/// The host's answer to somebody who waits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct WaitRoomAnswer {
    /// Whether you may join now.
    #[serde(rename(deserialize = "typed"), deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub admitted: Option<bool>,
    /// Your name.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
}

/// How far a recording is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordingState {
    /// It is paused.
    Paused,
    /// It has ended.
    Stopped,
    /// Anything else: it is under way.
    Other(String),
}
rtc_core::string_enum!(RecordingState { Paused = "pause", Stopped = "stop" });

/// How far the recording is. Only the host is told more than the state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RecordingNotice {
    /// The state.
    pub state: Option<RecordingState>,
    /// What it was started with, as it came.
    pub user_recording_param: Raw,
    /// How often it was paused.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub pause_count: Option<u32>,
    /// For how long it went, in milliseconds.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub time_done: Option<u64>,
}

/// The end of a recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RecordingStopped {
    /// The state: only [`RecordingState::Stopped`] is the end.
    pub state: Option<RecordingState>,
    /// The service's words.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub reason: Option<String>,
}

/// How long the service still records.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RecordingTimeLeft {
    /// In seconds.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub time_left: Option<u64>,
}

/// What may be recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct RecordingLimits {
    /// The limits, as they came.
    pub record_params: Raw,
}

/// What you may do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct PermissionChange {
    /// Your level from now on.
    #[serde(deserialize_with = "level")]
    pub new_level: Option<Level>,
    /// The service's words.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub message: Option<String>,
}

/// What somebody does with their media.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
#[non_exhaustive]
pub struct ProducerChange {
    /// What the media are sent as.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub producer_id: Option<String>,
    /// `audio`, `video`, `screen` or `screenshare`.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub kind: Option<String>,
    /// Whose they are.
    #[serde(deserialize_with = "As::<Option<Lenient>>::deserialize")]
    pub name: Option<String>,
}

/// The end of a connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Disconnected {
    /// Why, where that is known.
    pub reason: Option<String>,
}

/// An event that this version does not know.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UnknownEvent {
    /// The name of the event.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Raw>,
}

impl fmt::Debug for UnknownEvent {
    // Nobody knows what is in the arguments: it may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnknownEvent").field("name", &self.name).field("args", &self.args.len()).finish()
    }
}

/// Servers know levels as texts and as numbers.
fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Level>, D::Error> {
    let text: Option<String> = As::<Option<Lenient>>::deserialize(deserializer)?;
    Ok(text.map(Level::from))
}
