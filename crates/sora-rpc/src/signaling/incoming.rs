//! The messages of the server.

use std::fmt;

use rtc_core::DecodeError;
use serde::Serialize;
use serde_json::{Map, Value};

use super::notify::Notify;
use crate::model::Offer;

/// A message of the server, by its type. `Serialize` writes the members that are known.
#[derive(Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Incoming {
    /// A connection is offered.
    Offer(Box<Offer>),
    /// A connection is changed; `update` of older servers.
    ReOffer(Box<Offer>),
    /// The server wants to know whether the client is there.
    Ping {
        /// Whether it wants statistics.
        stats: bool,
    },
    /// The server wants statistics.
    ReqStats,
    /// Something happened in the channel.
    Notify(Notify),
    /// A message to the members of the channel.
    Push(Push),
    /// Signaling goes over data channels from now on.
    Switched {
        /// Whether the connection stays when the WebSocket is lost.
        ignore_disconnect_websocket: bool,
    },
    /// The client is to connect elsewhere.
    Redirect {
        /// Where to, as it came.
        location: String,
    },
    /// The server is about to close the connection.
    Close {
        /// The code, as of a WebSocket.
        code: u16,
        /// Why.
        reason: String,
    },
    /// Anything else.
    #[serde(untagged)]
    Unknown(Unknown),
}

/// A message to the members of a channel. `Debug` does not show it.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Push {
    /// The message.
    pub data: Value,
    /// All other members as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").finish_non_exhaustive()
    }
}

/// A message of a type that this version does not know. `Debug` shows its type only.
#[derive(Clone, PartialEq, Serialize)]
#[serde(transparent)]
#[non_exhaustive]
pub struct Unknown {
    /// The message as it came.
    pub message: Value,
}

impl Unknown {
    /// The type of the message.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.message.get("type").and_then(Value::as_str).unwrap_or_default()
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unknown({:?})", self.kind())
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offer(offer) => f.debug_tuple("Offer").field(offer).finish(),
            Self::ReOffer(offer) => f.debug_tuple("ReOffer").field(offer).finish(),
            Self::Ping { stats } => f.debug_struct("Ping").field("stats", stats).finish(),
            Self::ReqStats => f.write_str("ReqStats"),
            Self::Notify(notify) => notify.fmt(f),
            Self::Push(push) => push.fmt(f),
            Self::Switched { ignore_disconnect_websocket: ignore } => {
                f.debug_struct("Switched").field("ignore_disconnect_websocket", ignore).finish()
            }
            // The location may hold a token, the reason what an auth webhook wrote.
            Self::Redirect { .. } => f.write_str("Redirect"),
            Self::Close { code, .. } => write!(f, "Close({code})"),
            Self::Unknown(message) => message.fmt(f),
        }
    }
}

/// Reads one message of the server.
///
/// ```
/// use sora_rpc::signaling::{Incoming, parse};
///
/// let close = parse(r#"{"type":"close","code":1000,"reason":"LIFETIME-EXPIRED"}"#)?;
/// assert!(matches!(close, Incoming::Close { code: 1000, .. }));
/// assert!(parse(r#"{"type":"close","code":"1000","reason":""}"#).is_err());
/// # Ok::<(), sora_rpc::rtc_core::DecodeError>(())
/// ```
///
/// # Errors
/// It is not a JSON object with a `type`; a `redirect` without a location; a `close` whose code is not a number of 16
/// bits, or whose reason is not a text.
pub fn parse(message: &str) -> Result<Incoming, DecodeError> {
    match serde_json::from_str(message).map_err(|e| DecodeError::json(&e))? {
        Value::Object(members) => read(members),
        _ => Err(DecodeError::new("a signaling message is an object")),
    }
}

fn read(mut members: Map<String, Value>) -> Result<Incoming, DecodeError> {
    let Some(kind) = members.get("type").and_then(Value::as_str) else {
        return Err(DecodeError::new("a signaling message has a `type`"));
    };
    let flag = |name| members.get(name).and_then(Value::as_bool).unwrap_or_default();
    Ok(match kind {
        "offer" => Incoming::Offer(Box::new(Offer::read(members))),
        "re-offer" | "update" => Incoming::ReOffer(Box::new(Offer::read(members))),
        "ping" => Incoming::Ping { stats: flag("stats") },
        "req-stats" => Incoming::ReqStats,
        "notify" => Incoming::Notify(Notify::read(members)),
        "push" => {
            members.remove("type");
            let data = members.remove("data").unwrap_or_default();
            Incoming::Push(Push { data, extra: members })
        }
        "switched" => Incoming::Switched { ignore_disconnect_websocket: flag("ignore_disconnect_websocket") },
        "redirect" => match members.remove("location") {
            Some(Value::String(location)) => Incoming::Redirect { location },
            _ => return Err(DecodeError::new("`redirect` has a `location`, a text")),
        },
        "close" => close(&members)?,
        _ => Incoming::Unknown(Unknown { message: Value::Object(members) }),
    })
}

fn close(members: &Map<String, Value>) -> Result<Incoming, DecodeError> {
    let code = members.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let code = code.ok_or_else(|| DecodeError::new("`close` has a `code`, a number of 16 bits"))?;
    let reason = members.get("reason").and_then(Value::as_str);
    let reason = reason.ok_or_else(|| DecodeError::new("`close` has a `reason`, a text"))?.to_owned();
    Ok(Incoming::Close { code, reason })
}
