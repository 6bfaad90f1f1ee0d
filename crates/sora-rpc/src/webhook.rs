//! Webhooks: what a Sora server posts to yours, and what yours answers. Without I/O: bytes in, bytes out.
//!
//! - The auth webhook asks whether a connection may be: [`AuthRequest`], answered with an [`AuthReply`]. It is where
//!   `rpc_methods` come from: without it there is no RPC.
//! - The event webhook tells of connections, recordings and the spotlight: [`EventWebhook`].
//! - The session webhook tells of channels that come and go: [`SessionWebhook`]; the one about a new session may be
//!   answered with a [`SessionReply`].
//!
//! All are `POST` requests over HTTP/1.1 with a JSON body. Answer with status 200 and `content-type:
//! application/json`, a refusal too; for what needs no reply, `{}` will do. Other statuses count as a failure of
//! your server. The header `sora-connection-id` of the auth webhook repeats the id of the connection; the documentation
//! calls these headers experimental, so nothing here needs them.
//!
//! The documentation that this version was written from describes no signature: whoever reaches the address can post.
//! Listen where only your Sora server reaches you. How often a webhook that failed is repeated is not documented
//! either: use `id` to see one twice.
//!
//! Source: Sora documentation, auth, event and session webhooks; Shiguredo's `sora-server-sdk-go` and
//! `sora-server-sdk-ts`, which list the members. Members that newer servers add are in `raw`.

mod auth;
mod event;
mod reply;
mod session;

use std::time::SystemTime;

use rtc_core::encode::{decode_json, without_bom};
use rtc_core::time::{from_unix_seconds, parse_rfc3339};
use rtc_core::{DecodeError, Reason};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

pub use auth::{AuthReply, AuthRequest};
pub use event::{ArchiveData, ConnectionData, EventWebhook, RecordingData, SpotlightData, WebhookEvent};
pub use session::{SessionConnection, SessionEvent, SessionReply, SessionWebhook};

/// Which server posted a webhook, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// When, by the server's clock.
    pub timestamp: Option<SystemTime>,
    /// The version of the server, such as `2025.2.0`.
    pub version: Option<String>,
    /// The label of the server, from its configuration.
    pub label: Option<String>,
    /// The name of the node in a cluster.
    pub node_name: Option<String>,
}

/// How many connections a channel has, this one included where it is one already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelCounts {
    /// All of them: `channel_connections`.
    pub all: Option<u64>,
    /// Those that send and receive: `channel_sendrecv_connections`.
    pub sendrecv: Option<u64>,
    /// Those that only send: `channel_sendonly_connections`.
    pub sendonly: Option<u64>,
    /// Those that only receive: `channel_recvonly_connections`.
    pub recvonly: Option<u64>,
}

/// The object that a body is.
fn object(body: &[u8]) -> Result<Map<String, Value>> {
    decode_json(without_bom(body)).map_err(|error| Error::new(Reason::Decode(error)))
}

fn missing(what: &'static str) -> Error {
    Error::new(Reason::Decode(DecodeError::new(what)))
}

/// The members of an object, read by name. One that is missing, or not of its type, is none.
#[derive(Clone, Copy)]
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn text(self, name: &str) -> Option<String> {
        self.str(name).map(str::to_owned)
    }

    fn str(self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    fn flag(self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    fn count(self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    fn value(self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    fn inner(self, name: &str) -> Option<Self> {
        self.0.get(name)?.as_object().map(Members)
    }

    fn list(self, name: &str) -> impl Iterator<Item = Members<'a>> {
        let items = self.0.get(name).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_object).map(Members)
    }

    /// An instant that is there as RFC 3339 under one name, or as seconds since 1970 under another.
    fn instant(self, timestamp: &str, seconds: &str) -> Option<SystemTime> {
        let told = self.str(timestamp).and_then(parse_rfc3339);
        told.or_else(|| self.count(seconds).and_then(from_unix_seconds))
    }

    fn origin(self) -> Origin {
        Origin {
            timestamp: self.str("timestamp").and_then(parse_rfc3339),
            version: self.text("version"),
            label: self.text("label"),
            node_name: self.text("node_name"),
        }
    }

    fn counts(self) -> ChannelCounts {
        ChannelCounts {
            all: self.count("channel_connections"),
            sendrecv: self.count("channel_sendrecv_connections"),
            sendonly: self.count("channel_sendonly_connections"),
            recvonly: self.count("channel_recvonly_connections"),
        }
    }
}
