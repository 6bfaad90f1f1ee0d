//! What a connection tells.

use std::fmt;

use rtc_core::Bytes;
use rtc_core::transport::LiveEvents;

use crate::model::Offer;
use crate::signaling::{End, Notify, Push, Unknown};

/// Something that happened on a connection.
#[derive(Clone)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// Something happened in the channel: somebody came or left, an encoding changed.
    Notify(Notify),
    /// A message of the server's HTTP API, or of somebody in the channel.
    Push(Push),
    /// A message of a data channel of the user's own (`#…`).
    #[non_exhaustive]
    Message {
        /// The label of the data channel.
        label: String,
        /// The message, inflated.
        data: Bytes,
    },
    /// The server has changed the connection with a later offer. [`Connection::rpc`](super::Connection::rpc) knows it
    /// already.
    Changed(Box<Offer>),
    /// The connection stands, for the first time or again after a redirect.
    Ready,
    /// The server sends the connection elsewhere. Calls under way have ended with
    /// [`SoraError::Redirected`](crate::SoraError::Redirected); [`Connection::ready`](super::Connection::ready) waits
    /// for the new one.
    Redirected,
    /// A message that this version does not know, as it came.
    Unknown(Unknown),
    /// The connection has ended, and why: the last event.
    Ended(End),
}

impl fmt::Debug for ConnectionEvent {
    // Messages are the users'.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Notify(notify) => f.debug_tuple("Notify").field(notify).finish(),
            Self::Push(push) => f.debug_tuple("Push").field(push).finish(),
            Self::Message { label, data } => write!(f, "Message({label}, {} bytes)", data.len()),
            Self::Changed(offer) => f.debug_tuple("Changed").field(offer).finish(),
            Self::Ready => f.write_str("Ready"),
            Self::Redirected => f.write_str("Redirected"),
            Self::Unknown(message) => f.debug_tuple("Unknown").field(message).finish(),
            Self::Ended(end) => f.debug_tuple("Ended").field(end).finish(),
        }
    }
}

/// The events of a connection, in order, those of connecting included; `None` after [`ConnectionEvent::Ended`].
///
/// ```
/// # use rtc_emulator::Emulator;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = Emulator::start().await?;
/// # let (url, channel_id) = (emulator.sora().signaling_url(), emulator.sora().channel_id());
/// use sora_rpc::{Connection, ConnectionEvent};
///
/// let (_connection, mut events) = Connection::builder([url], channel_id).connect().await?;
/// while let Some(event) = events.next().await {
///     if let ConnectionEvent::Notify(_) = event {
///         break; // Somebody came: it was this connection itself.
///     }
/// }
/// # Ok(()) }
/// ```
pub type ConnectionEvents = LiveEvents<ConnectionEvent>;
