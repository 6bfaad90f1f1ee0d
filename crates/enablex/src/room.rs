//! Live rooms: their commands, acknowledgements, events and state without any I/O, and the connection around them.

mod ack;
mod event;
#[cfg(feature = "socketio")]
mod example;
#[cfg(feature = "socketio")]
mod live;
mod state;

use std::fmt;

use rtc_core::{EncodeError, Violations};
use serde_json::Value;

pub use self::ack::{Ack, Joined};
pub use self::event::{
    Awaited, ClientRole, Disconnected, LockChange, MuteChange, Participant, RecordChange, RoleChange,
    RoleSwap, RoomEvent, RoomFacts, RoomSnapshot, UnknownEvent,
};
#[cfg(feature = "socketio")]
pub(crate) use self::live::{ANSWER_TIME, CONNECT_TIME};
#[cfg(feature = "socketio")]
pub use self::live::{Protocol, Room, RoomEvents, RoomOptions};
pub use self::state::{Phase, RoomState};

/// A command of a room.
pub trait Command: fmt::Debug + Send + Sync {
    /// The name of the event that carries it.
    const EVENT: &'static str;
    /// The name of the operation.
    const NAME: &'static str;

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
