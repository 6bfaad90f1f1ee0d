//! The auth webhook: may this connection be, and what may it do?

use std::fmt;

use rtc_core::validate::{Checks, Field, Rule, Violations};
use serde_json::{Map, Value};

use super::reply::{self, Shape, setters};
use super::{ChannelCounts, Members, Origin, missing, object};
use crate::error::{Error, Result};
use crate::operation::{DataChannel, Rid, Role};

/// What a client asks for with its `connect`, as the server passes it on. `Debug` shows neither `metadata` nor `raw`.
///
/// ```
/// use sora_rpc::webhook::{AuthReply, AuthRequest};
///
/// # fn known(_: Option<&serde_json::Value>) -> bool { true }
/// # fn handle(body: &[u8]) -> Result<String, sora_rpc::Error> {
/// let asked = AuthRequest::parse(body)?;
/// let reply = if known(asked.metadata.as_ref()) {
///     AuthReply::allow().rpc_methods(["2025.2.0/RequestSimulcastRid"]).simulcast_rpc_rids(["none", "r0", "r1"])
/// } else {
///     AuthReply::refuse("INVALID-TOKEN")
/// };
/// reply.to_json()
/// # }
/// # let body = br#"{"role":"recvonly","channel_id":"c","connection_id":"WCJC78EWK935N7P7Z8FYAKFW9M"}"#;
/// # let reply: serde_json::Value = serde_json::from_str(&handle(body)?).unwrap();
/// # assert_eq!(reply["rpc_methods"], serde_json::json!(["2025.2.0/RequestSimulcastRid"]));
/// # Ok::<(), sora_rpc::Error>(())
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct AuthRequest {
    /// Which server asks.
    pub origin: Origin,
    /// What the connection wants to do with media.
    pub role: Role,
    /// The channel.
    pub channel_id: String,
    /// The id that the connection will have.
    pub connection_id: String,
    /// The client's name, where it gave one.
    pub client_id: Option<String>,
    /// The bundle, where the client gave one.
    pub bundle_id: Option<String>,
    /// `metadata` of the client's [`Connect`](crate::Connect): tokens and the like. Never trust it unchecked.
    pub metadata: Option<Value>,
    /// Sound: true, false or an object of settings.
    pub audio: Option<Value>,
    /// Pictures: true, false or an object of settings.
    pub video: Option<Value>,
    /// Whether video comes in several encodings.
    pub simulcast: Option<bool>,
    /// Whether only those who speak are received in full.
    pub spotlight: Option<bool>,
    /// Whether signaling moves to data channels, without which there is no RPC.
    pub data_channel_signaling: Option<bool>,
    /// Whether the connection is to stay when the WebSocket is lost after that.
    pub ignore_disconnect_websocket: Option<bool>,
    /// The connections that the channel has.
    pub channel: ChannelCounts,
    /// The body as it came.
    pub raw: Map<String, Value>,
}

impl AuthRequest {
    /// Reads the body of an auth webhook.
    ///
    /// # Errors
    /// Kind [`Protocol`](crate::ErrorKind::Protocol): it is no JSON object, or has no `role`, `channel_id` or
    /// `connection_id`: nothing that could be allowed. Refuse it.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let raw = object(body)?;
        let members = Members(&raw);
        Ok(Self {
            origin: members.origin(),
            role: members
                .str("role")
                .map(Role::from)
                .ok_or_else(|| missing("the auth webhook has no role"))?,
            channel_id: members
                .text("channel_id")
                .ok_or_else(|| missing("the auth webhook has no channel_id"))?,
            connection_id: members
                .text("connection_id")
                .ok_or_else(|| missing("the auth webhook has no connection_id"))?,
            client_id: members.text("client_id"),
            bundle_id: members.text("bundle_id"),
            metadata: members.value("metadata"),
            audio: members.value("audio"),
            video: members.value("video"),
            simulcast: members.flag("simulcast"),
            spotlight: members.flag("spotlight"),
            data_channel_signaling: members.flag("data_channel_signaling"),
            ignore_disconnect_websocket: members.flag("ignore_disconnect_websocket"),
            channel: members.counts(),
            raw,
        })
    }
}

impl fmt::Debug for AuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequest")
            .field("origin", &self.origin)
            .field("role", &self.role)
            .field("channel_id", &self.channel_id)
            .field("connection_id", &self.connection_id)
            .field("client_id", &self.client_id)
            .field("bundle_id", &self.bundle_id)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

/// The answer to an auth webhook.
///
/// What it sets wins over what the client asked for. Members that this version has no method for are set with
/// [`member`](Self::member). `Debug` shows the names of the members only.
///
/// ```
/// use sora_rpc::webhook::AuthReply;
///
/// let refused = AuthReply::allow().simulcast_request_rid("r7").audio_bit_rate(5).to_json().unwrap_err();
/// assert_eq!(refused.violations().unwrap().iter().count(), 3, "audio_bit_rate needs audio, too: {refused}");
/// ```
#[derive(Clone, PartialEq)]
pub struct AuthReply {
    allowed: bool,
    members: Map<String, Value>,
    data_channels: Vec<DataChannel>,
}

/// What the members may be. Bounds: Sora documentation, values given with a successful auth webhook.
const MEMBERS: &[(&str, Shape)] = &[
    ("client_id", Shape::Identifier),
    ("bundle_id", Shape::Identifier),
    ("audio", Shape::Media),
    ("audio_codec_type", Shape::Text),
    ("audio_bit_rate", Shape::Number(6, 510)),
    ("video", Shape::Media),
    ("video_codec_type", Shape::Text),
    ("video_bit_rate", Shape::Number(1, 50_000)),
    ("data_channel_signaling", Shape::Flag),
    ("ignore_disconnect_websocket", Shape::Flag),
    ("data_channels", Shape::Objects),
    ("rpc_methods", Shape::Methods),
    ("signaling_notify", Shape::Flag),
    ("simulcast", Shape::Flag),
    ("simulcast_rid", Shape::Rid { none: false }),
    ("simulcast_request_rid", Shape::Rid { none: true }),
    ("simulcast_rpc_rids", Shape::Rids),
    ("simulcast_encodings", Shape::Objects),
    ("spotlight", Shape::Flag),
    ("spotlight_number", Shape::Number(1, 8)),
    ("spotlight_focus_rid", Shape::Rid { none: true }),
    ("spotlight_unfocus_rid", Shape::Rid { none: true }),
    ("spotlight_encodings", Shape::Objects),
    ("audio_streaming_language_code", Shape::Text),
    ("turn_tcp_only", Shape::Flag),
    ("turn_tls_only", Shape::Flag),
];
const REASON: &[(&str, Shape)] = &[("reason", Shape::Text)];

impl AuthReply {
    /// The connection may be.
    #[must_use]
    pub fn allow() -> Self {
        Self { allowed: true, members: Map::new(), data_channels: Vec::new() }
    }

    /// The connection may not be. The client is told the reason with the end of its WebSocket (code 4490), which has
    /// room for 123 bytes; whether the server shortens a longer one is not documented.
    #[must_use]
    pub fn refuse(reason: impl Into<String>) -> Self {
        let reply = Self { allowed: false, members: Map::new(), data_channels: Vec::new() };
        reply.member("reason", reason.into())
    }

    setters! {
        /// Names the client. Bounds: 1 to 255 bytes.
        client_id: impl Into<String> => |value| value.into();
        /// Sets the bundle. Bounds: 1 to 255 bytes.
        bundle_id: impl Into<String> => |value| value.into();
        /// Whether there is sound, or an object of settings.
        audio: impl Into<Value> => |value| value.into();
        /// Sets the codec of sound, such as `OPUS`; `audio` must be set, too.
        audio_codec_type: impl Into<String> => |value| value.into();
        /// Sets the bit rate of sound in kbit/s; `audio` must be set, too. Bounds: 6 to 510.
        audio_bit_rate: u32 => |value| value;
        /// Whether there are pictures, or an object of settings.
        video: impl Into<Value> => |value| value.into();
        /// Sets the codec of pictures, such as `VP9`; `video` must be set, too.
        video_codec_type: impl Into<String> => |value| value.into();
        /// Sets the bit rate of pictures in kbit/s; `video` must be set, too. Bounds: 1 to 50,000.
        video_bit_rate: u32 => |value| value;
        /// Whether signaling moves to data channels, which RPC needs.
        data_channel_signaling: bool => |value| value;
        /// Whether the connection stays when the WebSocket is lost after that.
        ignore_disconnect_websocket: bool => |value| value;
        /// Sets the methods that the connection may call, such as `2025.2.0/RequestSimulcastRid`: without any there is
        /// no RPC. Bounds: each 1 to 255 bytes without control characters.
        rpc_methods: impl IntoIterator<Item = impl Into<String>> => |value| texts(value);
        /// Whether the client is told of others: of who comes and goes, for one.
        signaling_notify: bool => |value| value;
        /// Sets what others are told of the connection. Any JSON.
        signaling_notify_metadata: impl Into<Value> => |value| value.into();
        /// Sets what the client is told: `metadata` of its [`Offer`](crate::Offer). Any JSON.
        metadata: impl Into<Value> => |value| value.into();
        /// Sets what event webhooks of the connection repeat; the client does not see it. Any JSON.
        event_metadata: impl Into<Value> => |value| value.into();
        /// Whether video comes in several encodings.
        simulcast: bool => |value| value;
        /// Sets the encoding that is received. Bounds: `r0` to `r2`. Superseded by `simulcast_request_rid`.
        simulcast_rid: impl Into<Rid> => |value| value.into().as_str();
        /// Sets the encoding that is received at first. Bounds: `none`, `r0` to `r2`.
        simulcast_request_rid: impl Into<Rid> => |value| value.into().as_str();
        /// Sets the encodings that may be asked for by RPC. Bounds: `none`, `r0` to `r2`. Known from tests of the
        /// official SDKs; what a server does with a call for another one is not documented.
        simulcast_rpc_rids: impl IntoIterator<Item = impl Into<Rid>> =>
            |value| texts(value.into_iter().map(|rid| rid.into().as_str().to_owned()));
        /// Whether only those who speak are received in full.
        spotlight: bool => |value| value;
        /// Sets how many are in the focus. Bounds: 1 to 8.
        spotlight_number: u32 => |value| value;
        /// Sets the encoding of those in focus. Bounds: `none`, `r0` to `r2`.
        spotlight_focus_rid: impl Into<Rid> => |value| value.into().as_str();
        /// Sets the encoding of the others. Bounds: `none`, `r0` to `r2`.
        spotlight_unfocus_rid: impl Into<Rid> => |value| value.into().as_str();
        /// Sets the language for speech recognition, such as `ja-JP`.
        audio_streaming_language_code: impl Into<String> => |value| value.into();
        /// Offers the client TURN over TCP only.
        turn_tcp_only: bool => |value| value;
        /// Offers the client TURN over TLS only.
        turn_tls_only: bool => |value| value;
    }

    /// Sets the client's own data channels.
    #[must_use]
    pub fn data_channels(mut self, channels: impl IntoIterator<Item = DataChannel>) -> Self {
        self.data_channels = channels.into_iter().collect();
        self
    }

    /// Sets any member. Those that have a method are checked as if it had set them.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }

    /// Checks the reply.
    ///
    /// # Errors
    /// All broken rules: values outside their bounds; settings of media that is not switched on; a refusal without a
    /// reason, or with anything else beside it.
    pub fn validate(&self) -> std::result::Result<(), Violations> {
        let mut checks = Checks::new();
        if self.allowed {
            self.check_allowed(&mut checks);
        } else {
            self.check_refused(&mut checks);
        }
        checks.finish()
    }

    fn check_allowed(&self, checks: &mut Checks) {
        reply::check(&self.members, MEMBERS, checks);
        for (index, channel) in self.data_channels.iter().enumerate() {
            let field = Field::new("data_channels", "data_channels");
            checks.element(field, index, |checks| channel.check(checks));
        }
        for (of, media) in [
            ("audio_codec_type", "audio"),
            ("audio_bit_rate", "audio"),
            ("video_codec_type", "video"),
            ("video_bit_rate", "video"),
        ] {
            let is_on = self.members.get(media).is_some_and(|value| *value != Value::Bool(false));
            if self.members.contains_key(of) && !is_on {
                let message = format!("{media} must be true with it");
                checks.report(Field::new(of, of), Rule::Conflict, None, message);
            }
        }
        self.check_owned(checks);
    }

    fn check_refused(&self, checks: &mut Checks) {
        reply::check(&self.members, REASON, checks);
        self.check_owned(checks);
        if self.members.keys().any(|name| name != "reason") || !self.data_channels.is_empty() {
            let message = "goes alone: a refusal gives the client nothing else";
            checks.report(Field::new("reason", "reason"), Rule::Conflict, None, message);
        }
    }

    fn check_owned(&self, checks: &mut Checks) {
        if self.members.contains_key("allowed") {
            let message = "is set by allow() and refuse() only";
            checks.report(Field::new("allowed", "allowed"), Rule::Forbidden, None, message);
        }
    }

    /// The body of the response, for status 200.
    ///
    /// # Errors
    /// Kind [`InvalidInput`](crate::ErrorKind::InvalidInput): the reply [breaks rules](Self::validate).
    pub fn to_json(&self) -> Result<String> {
        self.validate().map_err(Error::from)?;
        let mut members = self.members.clone();
        members.insert("allowed".to_owned(), self.allowed.into());
        if !self.data_channels.is_empty() {
            let channels = serde_json::to_value(&self.data_channels);
            // Texts, numbers and booleans: it cannot fail.
            members.insert("data_channels".to_owned(), channels.unwrap_or_default());
        }
        Ok(Value::Object(members).to_string())
    }
}

/// What a refusal says and what metadata holds is the user's.
impl fmt::Debug for AuthReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthReply")
            .field("allowed", &self.allowed)
            .field("members", &self.members.keys().collect::<Vec<_>>())
            .field("data_channels", &self.data_channels)
            .finish()
    }
}

fn texts(items: impl IntoIterator<Item = impl Into<String>>) -> Vec<Value> {
    items.into_iter().map(|item| Value::String(item.into())).collect()
}
