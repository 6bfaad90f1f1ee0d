//! What a room tells its clients.

mod floor;
mod media;
mod people;
mod recording;
mod session;
mod wire;

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::floor::{FloorChange, Hand};
pub use self::media::{ActiveTalkers, DialState, GenericEvent, Message, Talker};
pub use self::people::{
    Awaited, AwaitedUser, ClientRole, Participant, RoleChange, RoleManagement, RoleSwap, UserMute, UserUpdate,
};
pub use self::recording::{LiveChange, LiveData, LiveNotification, RecordChange};
pub use self::session::{
    BreakoutRoom, Disconnected, Extended, LockChange, ModeChange, MuteChange, PeopleChange, Reconnected,
    Reconnecting, RemainingDuration, RoomChange, RoomData, RoomFacts, RoomMeta, RoomSettingsFacts,
    RoomSnapshot, WaitRoomDisabled,
};

/// A free value of the service or of a user. [`Debug`] does not show it: nobody knows what is in it.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content(pub Value);

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(..)")
    }
}

/// An event of a room. Serialised, `type` is the event's name on the wire, or the `id` that it carries, in snake case.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoomEvent {
    /// You are in the room.
    RoomConnected(Box<RoomSnapshot>),
    /// You wait until a moderator lets you in.
    RoomAwaited(Awaited),
    /// The room is over for you: it ended, you were dropped, or the connection broke.
    RoomDisconnected(Disconnected),
    /// The connection broke, and this client tries to come back. Told by this client, not by the room.
    RoomReconnecting(Reconnecting),
    /// This client is back in the room, under a new id. Told by this client, not by the room.
    RoomReconnected(Reconnected),
    /// Somebody came.
    UserConnected(Participant),
    /// Somebody left.
    UserDisconnected(Participant),
    /// Somebody switched the microphone or the camera on or off.
    UserUpdated(UserUpdate),
    /// Somebody waits in front of the room. Told to moderators.
    UserAwaited(AwaitedUser),
    /// The roles of users have changed.
    UserRoleChanged(RoleChange),
    /// Something else about roles; newer protocol generation only, its form is not documented.
    #[serde(rename = "user_role_management_events")]
    UserRoleManagement(RoleManagement),
    /// The room was locked.
    RoomLocked(LockChange),
    /// The room was unlocked.
    RoomUnlocked(LockChange),
    /// All participants were muted.
    RoomMuted(MuteChange),
    /// Participants may unmute themselves again.
    RoomUnmuted(MuteChange),
    /// A user's microphone was muted by a moderator.
    HardmuteUserAudio(UserMute),
    /// A user may unmute the microphone again.
    HardunmuteUserAudio(UserMute),
    /// A user's camera was switched off by a moderator.
    HardmuteUserVideo(UserMute),
    /// A user may switch the camera on again.
    HardunmuteUserVideo(UserMute),
    /// The recording has started.
    RoomRecordOn(RecordChange),
    /// The recording has ended.
    RoomRecordOff(RecordChange),
    /// The live recording has started.
    RoomLiveRecordingOn(LiveChange),
    /// The live recording has ended.
    RoomLiveRecordingOff(LiveChange),
    /// The live recording has failed.
    RoomLiveRecordingFailed(LiveChange),
    /// The parameters of the live recording have changed.
    RoomLiveRecordingUpdated(LiveChange),
    /// How the live recording stands.
    #[serde(rename = "on_live_recording_notification")]
    LiveRecordingNotification(LiveNotification),
    /// How streaming stands.
    #[serde(rename = "on_streaming_notification")]
    StreamingNotification(LiveNotification),
    /// The room was switched to another mode. Which one, the service does not tell.
    RoomSwitched(ModeChange),
    /// Who talks has changed.
    ActiveTalkersUpdated(ActiveTalkers),
    /// Who is pinned has changed.
    UpdatePinUsers(PeopleChange),
    /// Who is in the spotlight has changed.
    SpotlightUsers(PeopleChange),
    /// Newcomers must be let in from now on.
    KnockEnabled(RoomChange),
    /// Newcomers come in without being let in.
    KnockDisabled(RoomChange),
    /// Participants may speak without asking for the floor.
    FloorOpened(RoomChange),
    /// Participants must ask for the floor.
    FloorClosed(RoomChange),
    /// The moderator whom everybody waited for has come; who is in the room.
    WaitRoomDisabled(WaitRoomDisabled),
    /// A breakout room was made.
    BreakoutRoomCreated(BreakoutRoom),
    /// The session ends soon; a window for its extension is open.
    ConferenceRemainingDuration(RemainingDuration),
    /// The session was extended. Unsure: only the name of the callback of the mobile libraries is known.
    ConferenceExtended(Extended),
    /// A participant asks for the floor.
    FloorRequested(FloorChange),
    /// A participant asks no longer.
    FloorCancelled(FloorChange),
    /// A participant has finished.
    FloorFinished(FloorChange),
    /// A participant does not follow the invitation.
    FloorRejected(FloorChange),
    /// A participant follows the invitation.
    FloorAccepted(FloorChange),
    /// A moderator invites to the floor.
    InviteToFloor(FloorChange),
    /// A moderator takes the invitation back.
    CancelFloorInvite(FloorChange),
    /// A moderator grants the floor.
    FloorGranted(FloorChange),
    /// A moderator denies the floor.
    FloorDenied(FloorChange),
    /// A moderator takes the floor back.
    FloorReleased(FloorChange),
    /// A message of somebody in the room.
    #[serde(rename = "on_data_stream_to_room")]
    Message(Message),
    /// Something of the service, told apart by its id.
    #[serde(rename = "generic_events")]
    Generic(GenericEvent),
    /// How an outbound call stands; its form is not documented.
    #[serde(rename = "dial_state_events")]
    DialState(DialState),
    /// An event that this version does not know, as it came.
    Unknown(UnknownEvent),
}

/// An event that this version does not know.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UnknownEvent {
    /// The name of the event.
    pub name: String,
    /// The id that it carries, where it is one of the collective events.
    pub id: Option<String>,
    /// Its arguments.
    pub args: Vec<Value>,
}

impl fmt::Debug for UnknownEvent {
    // Nobody knows what is in the arguments: it may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnknownEvent")
            .field("name", &self.name)
            .field("id", &self.id)
            .field("args", &self.args.len())
            .finish()
    }
}

impl RoomEvent {
    /// Reads an event. One that is not known, or whose content is not what it should be, is kept as it came.
    #[must_use]
    pub fn read(name: &str, args: &[Value]) -> Self {
        let first = args.first().unwrap_or(&Value::Null);
        let id = first.get("id").and_then(Value::as_str);
        // Under these names come many events, told apart by their `id`.
        let known = match name {
            "roomManagementEvents" => about_room(id.unwrap_or_default(), first),
            "floorManagementEvents" => about_floor(id.unwrap_or_default(), first),
            _ => about_people(name, first)
                .or_else(|| about_recording(name, first))
                .or_else(|| about_media(name, first)),
        };
        known.unwrap_or_else(|| {
            Self::Unknown(UnknownEvent { name: name.into(), id: id.map(str::to_owned), args: args.to_vec() })
        })
    }
}

fn about_people(name: &str, content: &Value) -> Option<RoomEvent> {
    Some(match name {
        "room-connected" => RoomEvent::RoomConnected(Box::new(read(content)?)),
        "room-awaited" => RoomEvent::RoomAwaited(read(content)?),
        // The reason is a plain text in some versions.
        "room-disconnected" => RoomEvent::RoomDisconnected(match content {
            Value::String(reason) => Disconnected { reason: Some(reason.clone()) },
            content => read(content)?,
        }),
        "user-connected" => RoomEvent::UserConnected(somebody(content)?),
        "user-disconnected" => RoomEvent::UserDisconnected(somebody(content)?),
        "user-updated" => RoomEvent::UserUpdated(read(content)?),
        "user-awaited" => {
            RoomEvent::UserAwaited(read::<AwaitedUser>(content).filter(|user| user.client_id.is_some())?)
        }
        "userRoleChanged" => RoomEvent::UserRoleChanged(read(content)?),
        "userRoleManagementEvents" => RoomEvent::UserRoleManagement(read(content)?),
        "roomSwitched" => RoomEvent::RoomSwitched(read(content)?),
        "room-muted" => RoomEvent::RoomMuted(read(content)?),
        "room-unmuted" => RoomEvent::RoomUnmuted(read(content)?),
        "hardmute-user-audio" => RoomEvent::HardmuteUserAudio(read(content)?),
        "hardunmute-user-audio" => RoomEvent::HardunmuteUserAudio(read(content)?),
        "hardmute-user-video" => RoomEvent::HardmuteUserVideo(read(content)?),
        "hardunmute-user-video" => RoomEvent::HardunmuteUserVideo(read(content)?),
        _ => return None,
    })
}

fn about_recording(name: &str, content: &Value) -> Option<RoomEvent> {
    Some(match name {
        "room-record-on" => RoomEvent::RoomRecordOn(read(content)?),
        "room-record-off" => RoomEvent::RoomRecordOff(read(content)?),
        "room-live-recording-on" => RoomEvent::RoomLiveRecordingOn(read(content)?),
        "room-live-recording-off" => RoomEvent::RoomLiveRecordingOff(read(content)?),
        "room-live-recording-failed" => RoomEvent::RoomLiveRecordingFailed(read(content)?),
        "room-live-recording-updated" => RoomEvent::RoomLiveRecordingUpdated(read(content)?),
        "onLiveRecordingNotification" => RoomEvent::LiveRecordingNotification(read(content)?),
        "onStreamingNotification" => RoomEvent::StreamingNotification(read(content)?),
        _ => return None,
    })
}

fn about_media(name: &str, content: &Value) -> Option<RoomEvent> {
    Some(match name {
        "active-talkers-updated" => RoomEvent::ActiveTalkersUpdated(read(content)?),
        "onDataStreamToRoom" => RoomEvent::Message(read(content)?),
        "genericEvents" => RoomEvent::Generic(read(content)?),
        "dialStateEvents" => RoomEvent::DialState(read(content)?),
        _ => return None,
    })
}

/// The content is in `msg`, or beside the id.
fn about_room(id: &str, event: &Value) -> Option<RoomEvent> {
    let content = event.get("msg").unwrap_or(event);
    Some(match id {
        "room-locked" => RoomEvent::RoomLocked(read(content)?),
        "room-unlocked" => RoomEvent::RoomUnlocked(read(content)?),
        "update-pin-users" => RoomEvent::UpdatePinUsers(read(content)?),
        "spotlight-users" => RoomEvent::SpotlightUsers(read(content)?),
        "knock-enabled" => RoomEvent::KnockEnabled(read(content)?),
        "knock-disabled" => RoomEvent::KnockDisabled(read(content)?),
        "floor-opened" => RoomEvent::FloorOpened(read(content)?),
        "floor-closed" => RoomEvent::FloorClosed(read(content)?),
        "wait-room-disabled" => {
            let told: WaitRoomDisabled = read(content)?;
            RoomEvent::WaitRoomDisabled(if told.room_data.is_some() { told } else { read(event)? })
        }
        "breakout-room-created" => RoomEvent::BreakoutRoomCreated(read(content)?),
        "conference-remaining-duration" => RoomEvent::ConferenceRemainingDuration(read(content)?),
        "conference-extended" => RoomEvent::ConferenceExtended(read(content)?),
        _ => return None,
    })
}

fn about_floor(id: &str, event: &Value) -> Option<RoomEvent> {
    let change = || read::<FloorChange>(event).filter(|change| change.client_id.is_some());
    Some(match id {
        "floorRequested" => RoomEvent::FloorRequested(change()?),
        "floorCancelled" => RoomEvent::FloorCancelled(change()?),
        "floorFinished" => RoomEvent::FloorFinished(change()?),
        "floorRejected" => RoomEvent::FloorRejected(change()?),
        "floorAccepted" => RoomEvent::FloorAccepted(change()?),
        "inviteToFloor" => RoomEvent::InviteToFloor(change()?),
        "cancelFloorInvite" => RoomEvent::CancelFloorInvite(change()?),
        "floorGranted" => RoomEvent::FloorGranted(change()?),
        "floorDenied" => RoomEvent::FloorDenied(change()?),
        "floorReleased" => RoomEvent::FloorReleased(change()?),
        _ => return None,
    })
}

/// Reads a content; one that is missing has no members.
fn read<T: DeserializeOwned + Default>(content: &Value) -> Option<T> {
    match content {
        Value::Null => Some(T::default()),
        Value::Object(_) => T::deserialize(content).ok(),
        // A list would be read member by member.
        _ => None,
    }
}

/// Somebody without an id is nobody.
fn somebody(content: &Value) -> Option<Participant> {
    read::<Participant>(content).filter(|participant| participant.client_id.is_some())
}
