//! Events from what comes over the wire.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{MeetingEvent, UnknownEvent};

/// The event that a server greets with.
pub(crate) const HELLO: &str = "connection-success";

impl MeetingEvent {
    /// Reads an event. One that is not known, or whose content is not what it should be, is kept as it came.
    #[must_use]
    pub fn read(name: &str, args: &[Value]) -> Self {
        known(name, args.first().unwrap_or(&Value::Null)).unwrap_or_else(|| {
            Self::Unknown(UnknownEvent {
                name: name.into(),
                args: args.iter().cloned().map(Into::into).collect(),
            })
        })
    }
}

fn known(name: &str, content: &Value) -> Option<MeetingEvent> {
    Some(match name {
        HELLO => MeetingEvent::Connected(Box::new(read(content)?)),
        "allMembers" => MeetingEvent::Members(read(content)?),
        "allMembersRest" => MeetingEvent::MembersRest(read(content)?),
        "allWaitingRoomMembers" => MeetingEvent::WaitingRoom(read(content)?),
        "userWaiting" => MeetingEvent::UserWaiting(read(content)?),
        "personJoined" => MeetingEvent::PersonJoined(read(content)?),
        "participantRequested" => MeetingEvent::ParticipantRequested(read(content.get("userRequest")?)?),
        "hostRequestResponse" => MeetingEvent::RequestResponse(read(content.get("requestResponse")?)?),
        "updatedCoHost" => MeetingEvent::CoHostUpdated(read(content)?),
        "updateMediaSettings" => MeetingEvent::MediaSettings(read(content)?),
        "controlMediaHost" => MeetingEvent::ControlMediaHost(read(content)?),
        "controlMedia" => MeetingEvent::ControlMedia(read(content)?),
        "disconnectUserSelf" => MeetingEvent::DisconnectSelf,
        "ban" => MeetingEvent::Banned(read(content)?),
        "receiveMessage" => MeetingEvent::Message(read(content.get("message")?)?),
        "meetingTimeRemaining" => MeetingEvent::TimeRemaining(read(content)?),
        "meetingStillThere" => MeetingEvent::StillThere(read(content)?),
        "meetingEnded" => MeetingEvent::Ended,
        "exitWaitRoom" => MeetingEvent::WaitRoomExit(read(content)?),
        "exitWaitRoomUser" => MeetingEvent::WaitRoomAnswer(read(content)?),
        _ => return of_media(name, content),
    })
}

fn of_media(name: &str, content: &Value) -> Option<MeetingEvent> {
    Some(match name {
        "RecordingNotice" => MeetingEvent::Recording(read(content)?),
        "stoppedRecording" => MeetingEvent::RecordingStopped(read(content)?),
        "timeLeftRecording" => MeetingEvent::RecordingTimeLeft(read(content)?),
        "roomRecordParams" => MeetingEvent::RecordingLimits(read(content)?),
        "permissionUpdated" => MeetingEvent::PermissionUpdated(read(content)?),
        "producer-media-paused" => MeetingEvent::ProducerPaused(read(content)?),
        "producer-media-resumed" => MeetingEvent::ProducerResumed(read(content)?),
        "producer-media-closed" => MeetingEvent::ProducerClosed(read(content)?),
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
