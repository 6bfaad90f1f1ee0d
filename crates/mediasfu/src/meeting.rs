//! Controls of a meeting: what a host does to the others and to the recording. They exist only on the connection to
//! the room's media server (Socket.IO); there is no HTTP call for them.

mod ack;
#[cfg(feature = "socketio")]
mod commands;
mod event;
mod hello;
#[cfg(feature = "socketio")]
mod live;
#[cfg(feature = "socketio")]
mod options;

use std::fmt;

use rtc_core::{EncodeError, Violations};
use serde_json::Value;

use crate::model::Room;
use crate::operation::ConnectMeeting;

pub use self::ack::{Answer, EventRoom, RecordAck};
pub use self::event::{
    ChatMessage, CoHostChange, Disconnected, MediaControl, MediaSettings, MeetingEvent, Members, Named,
    Participant, ParticipantRequest, PermissionChange, ProducerChange, RecordingLimits, RecordingNotice,
    RecordingState, RecordingStopped, RecordingTimeLeft, Remaining, RequestResponse, Responsibility,
    UnknownEvent, WaitRoomAnswer, WaitingMember, WaitingRoom,
};
pub use self::hello::{ConnectionSuccess, Joined};
#[cfg(feature = "socketio")]
pub use self::live::{Meeting, MeetingEvents};
#[cfg(feature = "socketio")]
pub use self::options::MeetingOptions;

/// A command of a meeting.
pub trait Command: fmt::Debug + Send + Sync {
    /// The name of the event that carries it.
    const EVENT: &'static str;
    /// The name of the operation.
    const NAME: &'static str;
    /// What the server acknowledges it with.
    type Output: Answer;

    /// Checks the input.
    ///
    /// # Errors
    /// All broken rules.
    fn validate(&self) -> Result<(), Violations>;

    /// The arguments of the event.
    ///
    /// # Errors
    /// When valid input cannot be written as JSON.
    fn args(&self) -> Result<Vec<Value>, EncodeError>;
}

impl ConnectMeeting {
    /// To the meeting of a room that was created or joined: its link, its name and its secret.
    pub fn to(room: &Room) -> Self {
        Self::new(&room.link).room_name(&room.room_name).secret(room.secret.clone())
    }
}
