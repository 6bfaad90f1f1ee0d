//! The signaling of a channel: offers, answers and candidates between its master and its viewers.
//!
//! What goes over the WebSocket is here without any I/O: [`Outgoing`] is checked and encoded, an [`Inbox`] reads what
//! arrives and holds early candidates back. With the feature `websocket` there is the connection around them:
//! `Client::connect_as_master`, `Client::connect_as_viewer`.

mod buffer;
mod decode;
#[cfg(feature = "websocket")]
mod driver;
mod event;
mod inbox;
#[cfg(feature = "websocket")]
mod link;
#[cfg(feature = "websocket")]
mod live;
mod message;
#[cfg(feature = "websocket")]
mod opener;
#[cfg(feature = "websocket")]
mod options;
#[cfg(feature = "websocket")]
mod pacing;
mod payload;
#[cfg(feature = "websocket")]
mod queued;
#[cfg(feature = "websocket")]
mod shared;

pub use self::buffer::{BufferLimits, EarlyCandidates};
pub use self::decode::decode;
pub use self::event::{
    Event, GRACE, PeerMessage, ProtocolFault, ReconnectReason, StatusResponse, UnknownMessage,
};
pub use self::inbox::Inbox;
#[cfg(feature = "websocket")]
pub use self::live::{Connecting, Sending, Signaling, SignalingEvents};
pub use self::message::{Action, MAX_PAYLOAD, Message, Outgoing};
#[cfg(feature = "websocket")]
pub(crate) use self::opener::{Connectors, Opener};
#[cfg(feature = "websocket")]
pub use self::options::SignalingOptions;
pub use self::payload::{Candidate, Payload, SessionDescription};
