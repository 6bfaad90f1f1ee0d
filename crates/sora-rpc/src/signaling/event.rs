//! What signaling tells the caller.

use std::fmt;

use rtc_core::{Bytes, Url, origin};

use super::end::End;
use super::incoming::{Push, Unknown};
use super::notify::Notify;
use crate::model::Offer;

/// Something that the caller is to know or to do. [`Signaling::poll_event`](super::Signaling::poll_event) tells it.
#[non_exhaustive]
pub enum Event {
    /// The server offers a connection: set up ICE, DTLS and SCTP by it and [`answer`](super::Signaling::answer).
    Offer(Box<Offer>),
    /// The server changes the connection: apply its session description and [`answer`](super::Signaling::answer). What
    /// it leaves out is filled in from the offer before it.
    ReOffer(Box<Offer>),
    /// Something happened in the channel.
    Notify(Notify),
    /// A message of the server's HTTP API, or of somebody in the channel.
    Push(Push),
    /// Signaling goes over data channels from now on.
    Switched {
        /// Whether the connection stays when the WebSocket is lost.
        ignore_disconnect_websocket: bool,
    },
    /// All data channels of the offer are open and signaling goes over them: the connection stands.
    Ready,
    /// Close the WebSocket: it is not needed any more.
    CloseWebSocket,
    /// The server sends the client elsewhere. Close the WebSocket and give up what the offer set up, open a WebSocket
    /// to `location` and tell [`websocket_opened`](super::Signaling::websocket_opened). Calls under way are lost.
    #[non_exhaustive]
    Redirect {
        /// Where to.
        location: Url,
    },
    /// The server wants statistics: see [`stats`](super::Signaling::stats).
    StatsWanted(StatsReply),
    /// A message of the data channel `rpc`, inflated: for [`Peer::receive`](crate::Peer::receive).
    Rpc(Bytes),
    /// A message of a data channel that signaling does not use.
    #[non_exhaustive]
    Message {
        /// The data channel: one of the user's (it starts with `#`), or one that this version does not know.
        label: String,
        /// The message, inflated, with the header that [`DataChannel::header`](crate::DataChannel::header) asks for.
        data: Bytes,
    },
    /// The server is about to close the connection, and says why. [`Event::Ended`] follows.
    #[non_exhaustive]
    Close {
        /// The code, as of a WebSocket.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// The connection has ended: the last event. Close whatever is open.
    Ended(End),
    /// A message that this version does not know, as it came.
    Unknown(Unknown),
}

impl fmt::Debug for Event {
    // Messages are the users', and locations may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offer(offer) => f.debug_tuple("Offer").field(offer).finish(),
            Self::ReOffer(offer) => f.debug_tuple("ReOffer").field(offer).finish(),
            Self::Notify(notify) => f.debug_tuple("Notify").field(notify).finish(),
            Self::Push(push) => f.debug_tuple("Push").field(push).finish(),
            Self::Switched { ignore_disconnect_websocket: ignore } => {
                f.debug_struct("Switched").field("ignore_disconnect_websocket", ignore).finish()
            }
            Self::Ready => f.write_str("Ready"),
            Self::CloseWebSocket => f.write_str("CloseWebSocket"),
            Self::Redirect { location } => write!(f, "Redirect({})", shown(location)),
            Self::StatsWanted(reply) => f.debug_tuple("StatsWanted").field(reply).finish(),
            Self::Rpc(message) => write!(f, "Rpc({} bytes)", message.len()),
            Self::Message { label, data } => write!(f, "Message({label}, {} bytes)", data.len()),
            Self::Close { code, .. } => write!(f, "Close({code})"),
            Self::Ended(end) => f.debug_tuple("Ended").field(end).finish(),
            Self::Unknown(message) => f.debug_tuple("Unknown").field(message).finish(),
        }
    }
}

/// Scheme, host and port of a location that has no user information.
pub(super) fn shown(location: &Url) -> String {
    origin(location.as_str())
}

/// A question for statistics, to be answered once. One that is not answered before the next comes the same way is
/// answered with none.
#[derive(Debug)]
#[must_use]
pub struct StatsReply {
    pub(super) id: u64,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The WebSocket.
    WebSocket,
    /// The data channel of this label.
    Channel(String),
}

/// A message to be sent now, in the order in which they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transmit {
    /// Where to.
    pub to: Lane,
    /// The message: text over the WebSocket, binary over data channels, compressed where the label is.
    pub frame: rtc_core::transport::channel::Frame,
}
