//! How tests reach the emulated service, and meddle with its connections.

use std::fmt;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::credentials::{KVS_ACCESS_KEY_ID, KVS_CHANNEL_ARN, KVS_REGION, KVS_SECRET_ACCESS_KEY};
use crate::provider::Provider;

/// How to reach the emulated Kinesis Video Streams signaling.
#[derive(Clone)]
pub struct KvsAccess {
    pub(crate) http: String,
    pub(crate) https: Option<String>,
    pub(crate) provider: Option<Arc<dyn Provider>>,
}

/// A WebSocket that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KvsConnection {
    /// Its id.
    pub connection_id: String,
    /// Its channel.
    pub channel_arn: String,
    /// The id of its viewer; none is the master.
    pub client_id: Option<String>,
}

impl KvsAccess {
    /// Base URL of the plain listener.
    pub fn url(&self) -> String {
        self.http.clone()
    }

    /// Base URL of the TLS listener, if one was asked for.
    pub fn tls_url(&self) -> Option<String> {
        self.https.clone()
    }

    /// Access key id.
    pub fn access_key_id(&self) -> &'static str {
        KVS_ACCESS_KEY_ID
    }

    /// Secret access key.
    pub fn secret_access_key(&self) -> &'static str {
        KVS_SECRET_ACCESS_KEY
    }

    /// Region.
    pub fn region(&self) -> &'static str {
        KVS_REGION
    }

    /// A channel that always exists.
    pub fn channel_arn(&self) -> &'static str {
        KVS_CHANNEL_ARN
    }

    /// The WebSockets that are open, by connection id.
    pub fn connections(&self) -> Vec<KvsConnection> {
        let told = self.manage(&Method::GET, "connections", &Value::Null);
        let list = told.as_ref().ok().and_then(|told| told.get("connections")?.as_array());
        let connection = |told: &Value| {
            let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
            KvsConnection {
                connection_id: text("connection_id").unwrap_or_default(),
                channel_arn: text("channel_arn").unwrap_or_default(),
                client_id: text("client_id"),
            }
        };
        list.into_iter().flatten().map(connection).collect()
    }

    /// Sends GO_AWAY to the peers of a channel: to the viewer with this id, to all of them without one. Their
    /// connections end a minute later. False if nobody is there.
    pub fn go_away(&self, channel_arn: &str, client_id: Option<&str>) -> bool {
        self.post("go_away", channel_arn, client_id)
    }

    /// Sends RECONNECT_ICE_SERVER to them.
    pub fn reconnect_ice_server(&self, channel_arn: &str, client_id: Option<&str>) -> bool {
        self.post("reconnect_ice_server", channel_arn, client_id)
    }

    /// Ends their connections without a close frame.
    pub fn drop_connections(&self, channel_arn: &str, client_id: Option<&str>) -> bool {
        self.post("drop", channel_arn, client_id)
    }

    /// Sends them any text as a frame.
    pub fn send_text(&self, channel_arn: &str, client_id: Option<&str>, text: &str) -> bool {
        let mut body = selection(channel_arn, client_id);
        if let Some(members) = body.as_object_mut() {
            members.insert("text".into(), text.into());
        }
        self.manage(&Method::POST, "send", &body).is_ok()
    }

    /// Sets the switches of `POST /_emulator/kvs-signaling/quirks`; what is not given goes to its default.
    ///
    /// # Errors
    /// Says what is no switch.
    pub fn quirks(&self, quirks: Value) -> Result<(), String> {
        self.manage(&Method::POST, "quirks", &quirks).map(drop)
    }

    fn post(&self, path: &str, channel_arn: &str, client_id: Option<&str>) -> bool {
        self.manage(&Method::POST, path, &selection(channel_arn, client_id)).is_ok()
    }

    fn manage(&self, method: &Method, path: &str, body: &Value) -> Result<Value, String> {
        let provider = self.provider.as_ref().ok_or("the emulator has no such provider")?;
        match provider.manage(method, path, body) {
            Some((status, value)) if status.is_success() => Ok(value),
            Some((_, value)) => Err(value.to_string()),
            None => Err(format!("there is no {path}")),
        }
    }
}

fn selection(channel_arn: &str, client_id: Option<&str>) -> Value {
    json!({ "channel_arn": channel_arn, "client_id": client_id })
}

impl fmt::Debug for KvsAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvsAccess")
            .field("url", &self.http)
            .field("tls_url", &self.https)
            .finish_non_exhaustive()
    }
}
