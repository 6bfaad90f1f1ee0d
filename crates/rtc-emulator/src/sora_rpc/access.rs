//! How tests reach the emulated Sora, and what they can do to its connections.

use std::{fmt, sync::Arc};

use http::Method;
use serde_json::Value;

use super::RPC_PATH;
use crate::{credentials::SORA_CHANNEL_ID, provider::Provider};

/// How to reach the emulated Sora.
#[derive(Clone)]
pub struct SoraAccess {
    pub(crate) http: String,
    pub(crate) https: Option<String>,
    pub(crate) provider: Option<Arc<dyn Provider>>,
}

impl SoraAccess {
    /// Base URL of the plain listener.
    pub fn url(&self) -> String {
        self.http.clone()
    }

    /// Base URL of the TLS listener, if one was asked for.
    pub fn tls_url(&self) -> Option<String> {
        self.https.clone()
    }

    /// A channel. Any other name will do as well: channels are there while somebody is in them.
    pub fn channel_id(&self) -> &'static str {
        SORA_CHANNEL_ID
    }

    /// URL of the HTTP API: the listener's, as the header `x-sora-target` says what is wanted.
    pub fn api_url(&self) -> String {
        self.http.clone()
    }

    /// URL of the HTTP API over TLS, if asked for.
    pub fn tls_api_url(&self) -> Option<String> {
        self.https.clone()
    }

    /// WebSocket URL of the signaling.
    pub fn signaling_url(&self) -> String {
        format!("{}/signaling", ws(&self.http))
    }

    /// WebSocket URL of the signaling over TLS, if asked for.
    pub fn tls_signaling_url(&self) -> Option<String> {
        Some(format!("{}/signaling", ws(self.https.as_ref()?)))
    }

    /// WebSocket URL of the RPC in the channel that always exists, with all five methods permitted. It stands
    /// in for the data channel `rpc`; the query takes `channel_id`, `rpc_methods` (with commas in between) and
    /// `compress`.
    pub fn rpc_url(&self) -> String {
        format!("{}{RPC_PATH}", ws(&self.http))
    }

    /// The same over TLS, if asked for.
    pub fn tls_rpc_url(&self) -> Option<String> {
        Some(format!("{}{RPC_PATH}", ws(self.https.as_ref()?)))
    }

    /// Sets the server up, as `PUT /_emulator/sora-rpc/config` does; what is not given is as at the start.
    ///
    /// # Errors
    /// A member that there is not, or one of the wrong kind.
    pub fn configure(&self, config: &Value) -> Result<(), String> {
        self.manage(&Method::PUT, "config", config)
    }

    /// Has something done to a connection, as `POST /_emulator/sora-rpc/connections/{id}/{action}` does: `close`,
    /// `redirect`, `re-offer`, `ping`, `req-stats`, `push`, `notify` or `drop`.
    ///
    /// # Errors
    /// No such connection or action, or a body that the action does not take.
    pub fn command(&self, connection_id: &str, action: &str, body: &Value) -> Result<(), String> {
        self.manage(&Method::POST, &format!("connections/{connection_id}/{action}"), body)
    }

    fn manage(&self, method: &Method, path: &str, body: &Value) -> Result<(), String> {
        let answer = self.provider.as_ref().and_then(|provider| provider.manage(method, path, body));
        match answer {
            Some((status, _)) if status.is_success() => Ok(()),
            Some((_, answer)) => {
                let message = answer.pointer("/error/message").and_then(Value::as_str);
                Err(message.unwrap_or("refused").to_owned())
            }
            None => Err(format!("there is nothing at {path}")),
        }
    }
}

fn ws(http: &str) -> String {
    http.replacen("http", "ws", 1)
}

impl fmt::Debug for SoraAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoraAccess")
            .field("url", &self.http)
            .field("tls_url", &self.https)
            .finish_non_exhaustive()
    }
}
