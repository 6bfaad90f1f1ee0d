//! How the server is set up: what `sora.conf` says of a real one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::generated::sora_rpc::METHODS;

/// What `PUT /_emulator/sora-rpc/config` takes; what is not given is as at the start.
#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    /// Methods of everybody, while no reply of an auth webhook says which.
    pub(super) rpc_methods: Vec<String>,
    /// Whether signaling goes over data channels for those who do not say.
    pub(super) data_channel_signaling: bool,
    /// Whether the WebSocket may go after that, for those who do not say.
    pub(super) ignore_disconnect_websocket: bool,
    /// Whether the labels of the server itself are compressed.
    pub(super) compress: bool,
    /// `iceServers` of every offer.
    pub(super) ice_servers: Vec<Value>,
    /// `iceTransportPolicy` of every offer.
    pub(super) ice_transport_policy: String,
    /// 0: none are sent.
    #[serde(rename = "ping_interval_ms", with = "millis")]
    pub(super) ping_interval: Duration,
    /// Whether a ping asks for statistics.
    pub(super) ping_stats: bool,
    /// How long a WebSocket may say nothing at first.
    #[serde(rename = "connect_timeout_ms", with = "millis")]
    pub(super) connect_timeout: Duration,
    /// How long it may take until WebRTC is up.
    #[serde(rename = "created_timeout_ms", with = "millis")]
    pub(super) created_timeout: Duration,
    /// How long a connection lasts; 0 is for ever.
    #[serde(rename = "lifetime_ms", with = "millis")]
    pub(super) lifetime: Duration,
    /// How often `connection.updated` is told.
    #[serde(rename = "updated_interval_ms", with = "millis")]
    pub(super) updated_interval: Duration,
    pub(super) error_codes: ErrorCodes,
    /// RPC methods that are never answered.
    pub(super) silent_methods: Vec<String>,
    /// Where a connection is sent that was not redirected before.
    pub(super) redirect: Option<String>,
    /// Asked whether a connection may come in; `http` on this machine.
    pub(super) auth_webhook_url: Option<String>,
    /// What it would answer, in its place.
    pub(super) auth_reply: Option<Value>,
    pub(super) session_webhook_url: Option<String>,
    pub(super) event_webhook_url: Option<String>,
}

/// Which codes a real server uses is not documented: those of JSON-RPC 2.0 are assumed.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ErrorCodes {
    pub(super) parse_error: i32,
    pub(super) invalid_request: i32,
    pub(super) method_not_found: i32,
    pub(super) invalid_params: i32,
}

impl Default for ErrorCodes {
    fn default() -> Self {
        Self {
            parse_error: -32_700,
            invalid_request: -32_600,
            method_not_found: -32_601,
            invalid_params: -32_602,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rpc_methods: all_methods(),
            data_channel_signaling: true,
            ignore_disconnect_websocket: false,
            compress: true,
            ice_servers: Vec::new(),
            ice_transport_policy: "all".into(),
            ping_interval: Duration::from_secs(5),
            ping_stats: false,
            connect_timeout: Duration::from_secs(5),
            created_timeout: Duration::from_secs(30),
            lifetime: Duration::ZERO,
            updated_interval: Duration::from_secs(60),
            error_codes: ErrorCodes::default(),
            silent_methods: Vec::new(),
            redirect: None,
            auth_webhook_url: None,
            auth_reply: None,
            session_webhook_url: None,
            event_webhook_url: None,
        }
    }
}

/// The RPC methods; the table also holds the messages of signaling.
pub(super) fn all_methods() -> Vec<String> {
    METHODS.iter().filter(|method| method.path.contains('/')).map(|method| method.path.to_owned()).collect()
}

/// A time as a number of milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
