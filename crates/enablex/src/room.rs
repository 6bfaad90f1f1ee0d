//! Live rooms: their commands, acknowledgements, events and state without any I/O, and the connection around them.

mod ack;
mod args;
#[cfg(feature = "socketio")]
mod commands;
mod event;
#[cfg(feature = "socketio")]
mod example;
mod guard;
#[cfg(feature = "socketio")]
mod life;
#[cfg(feature = "socketio")]
mod live;
#[cfg(feature = "socketio")]
mod options;
#[cfg(feature = "socketio")]
mod reader;
mod state;
#[cfg(feature = "socketio")]
mod topic;

use std::fmt;

use rtc_core::{EncodeError, Violations};
use serde_json::Value;

pub use self::ack::{Ack, Answer, ClientsAck, ExtendAck, Joined, LiveAck, LiveOutcome, RawAck, TalkerAck};
pub(crate) use self::args::{check_live, check_message, check_streaming, switch_args};
pub use self::event::{
    ActiveTalkers, Awaited, AwaitedUser, BreakoutRoom, ClientRole, Content, DialState, Disconnected,
    Extended, FloorChange, GenericEvent, Hand, LiveChange, LiveData, LiveNotification, LockChange, Message,
    ModeChange, MuteChange, Participant, PeopleChange, Reconnected, Reconnecting, RecordChange,
    RemainingDuration, RoleChange, RoleManagement, RoleSwap, RoomChange, RoomData, RoomEvent, RoomFacts,
    RoomMeta, RoomSettingsFacts, RoomSnapshot, Talker, UnknownEvent, UserMute, UserUpdate, WaitRoomDisabled,
};
#[cfg(feature = "socketio")]
pub use self::live::{Protocol, Room, RoomEvents};
#[cfg(feature = "socketio")]
pub use self::options::RoomOptions;
#[cfg(feature = "socketio")]
pub(crate) use self::options::{ANSWER_TIME, CONNECT_TIME};
pub use self::state::{LiveState, Phase, RoomState, TalkerCounts};

/// A command of a room.
pub trait Command: fmt::Debug + Send + Sync {
    /// The name of the event that carries it.
    const EVENT: &'static str;
    /// The name of the operation.
    const NAME: &'static str;
    /// The code of the refusal of everybody but moderators; none where everybody may.
    const MODERATORS: Option<i64> = None;
    /// What the room acknowledges it with.
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
