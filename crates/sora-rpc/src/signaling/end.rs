//! How connections end.

use std::fmt;

/// Why a connection has ended.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// What kind of end it is.
    pub class: EndClass,
    /// The code of the WebSocket or of the server's `close`; none where none was given.
    pub code: Option<u16>,
    /// The reason that came with it, or why a redirect was refused. The server's words: an auth webhook may have
    /// written them.
    pub reason: String,
}

/// The kinds of ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndClass {
    /// The client disconnected and the server has closed: all went well.
    ClientDisconnectDone,
    /// The server closed on purpose: `DISCONNECTED-API`, `LIFETIME-EXPIRED` and the like, code 1000.
    ServerClose,
    /// The server refused the signaling, code 4490: the reason says why.
    SignalingError,
    /// The WebSocket closed with any other code, or was lost.
    WebsocketClosed,
    /// The data channel `signaling` closed when there was nothing else to signal over.
    ChannelsClosed,
    /// The server sent the client to where it does not go: the reason says why.
    RedirectRefused,
    /// ICE finds no path to the server any more. Told by a `Connection`, not by signaling, as are the following ones.
    PathLost,
    /// The server ended DTLS or SCTP without a word, or they failed.
    TransportClosed,
    /// The client disconnected, and the server did not close in time.
    DisconnectTimeout,
}

impl EndClass {
    /// The name of the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientDisconnectDone => "client_disconnect_done",
            Self::ServerClose => "server_close",
            Self::SignalingError => "signaling_error",
            Self::WebsocketClosed => "websocket_closed",
            Self::ChannelsClosed => "channels_closed",
            Self::RedirectRefused => "redirect_refused",
            Self::PathLost => "path_lost",
            Self::TransportClosed => "transport_closed",
            Self::DisconnectTimeout => "disconnect_timeout",
        }
    }
}

impl fmt::Display for EndClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The code of a close on purpose (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;
/// The code of a failed signaling (Sora documentation, signaling).
const FAILED: u16 = 4490;
/// The reason of the close that answers `disconnect`.
const DISCONNECT: &str = "TYPE-DISCONNECT";

impl End {
    /// What a close means, of the WebSocket or over the data channel `signaling`.
    ///
    /// ```
    /// use sora_rpc::signaling::{End, EndClass};
    ///
    /// let end = End::classify(Some(1000), "LIFETIME-EXPIRED");
    /// assert_eq!(end.class, EndClass::ServerClose);
    /// assert_eq!(end.to_string(), "the server closed the connection (1000 LIFETIME-EXPIRED)");
    /// ```
    #[must_use]
    pub fn classify(code: Option<u16>, reason: &str) -> Self {
        let class = match code {
            Some(NORMAL) if reason == DISCONNECT => EndClass::ClientDisconnectDone,
            Some(NORMAL) => EndClass::ServerClose,
            Some(FAILED) => EndClass::SignalingError,
            _ => EndClass::WebsocketClosed,
        };
        Self { class, code, reason: reason.to_owned() }
    }

    pub(crate) fn of(class: EndClass, reason: impl Into<String>) -> Self {
        Self { class, code: None, reason: reason.into() }
    }

    /// The reason where it is one of the names that servers have for them, or text of this crate: what else an auth
    /// webhook writes is not for logs.
    fn shown(&self) -> Option<&str> {
        let named = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        let is_name = !self.reason.is_empty() && self.reason.len() <= 64 && self.reason.bytes().all(named);
        (is_name || self.class == EndClass::RedirectRefused).then_some(&self.reason)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.class {
            EndClass::ClientDisconnectDone => "the connection was disconnected",
            EndClass::ServerClose => "the server closed the connection",
            EndClass::SignalingError => "the server refused the connection",
            EndClass::WebsocketClosed => "the WebSocket of the connection was lost",
            EndClass::ChannelsClosed => "the data channel `signaling` was closed",
            EndClass::RedirectRefused => "the redirect was refused",
            EndClass::PathLost => "there is no path to the server any more",
            EndClass::TransportClosed => "the connection to the server was lost",
            EndClass::DisconnectTimeout => {
                "the server did not close the connection in time after the disconnect"
            }
        })?;
        match (self.code, self.shown()) {
            (Some(code), Some(reason)) => write!(f, " ({code} {reason})"),
            (Some(code), None) => write!(f, " ({code})"),
            (None, Some(reason)) => write!(f, ": {reason}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "End({self})")
    }
}
