//! How tests reach the emulated EnableX, and what they can do to its rooms.

use std::{fmt, sync::Arc};

use http::Method;
use serde_json::{Value, json};

use crate::credentials::{
    ENABLEX_APP_ID, ENABLEX_APP_KEY, ENABLEX_RECORDING_PASSWORD, ENABLEX_RECORDING_USER,
    ENABLEX_WEBHOOK_PASSWORD, ENABLEX_WEBHOOK_USER,
};
use crate::provider::Provider;

/// How to reach the emulated EnableX.
#[derive(Clone)]
pub struct EnablexAccess {
    pub(crate) http: String,
    pub(crate) https: Option<String>,
    pub(crate) provider: Option<Arc<dyn Provider>>,
}

impl EnablexAccess {
    /// Base URL of the Server API on the plain listener.
    pub fn url(&self) -> String {
        format!("{}/video/v2", self.http)
    }

    /// Base URL of the Server API on the TLS listener, if one was asked for.
    pub fn tls_url(&self) -> Option<String> {
        Some(format!("{}/video/v2", self.https.as_ref()?))
    }

    /// Application id.
    pub fn app_id(&self) -> &'static str {
        ENABLEX_APP_ID
    }

    /// Application key.
    pub fn app_key(&self) -> &'static str {
        ENABLEX_APP_KEY
    }

    /// User for the download of recordings.
    pub fn recording_user(&self) -> &'static str {
        ENABLEX_RECORDING_USER
    }

    /// Password for the download of recordings.
    pub fn recording_password(&self) -> &'static str {
        ENABLEX_RECORDING_PASSWORD
    }

    /// User that webhooks come with.
    pub fn webhook_user(&self) -> &'static str {
        ENABLEX_WEBHOOK_USER
    }

    /// Password that webhooks come with.
    pub fn webhook_password(&self) -> &'static str {
        ENABLEX_WEBHOOK_PASSWORD
    }

    /// Has webhooks posted to an `http` URL of this machine, with the credentials for webhooks if `basic`. False if the
    /// emulator does not run EnableX.
    pub fn send_webhooks(&self, url: &str, basic: bool) -> bool {
        self.manage("webhook", &json!({ "url": url, "basic": basic })).is_some()
    }

    /// Says what becomes of the next live recording or stream that is started: `started`, `queued`,
    /// `queued_then_failed`, `fallback`, `failed` or `running`. False for anything else.
    pub fn next_live(&self, next: &str) -> bool {
        self.manage("live", &json!({ "next": next })).is_some()
    }

    /// Lets somebody into a room without a connection, past locks and knocking, and gives the client id; none if there is
    /// no such room.
    pub fn join(&self, room_id: &str, name: &str, role: &str) -> Option<String> {
        let answer =
            self.manage(&format!("rooms/{room_id}/users"), &json!({ "name": name, "role": role }))?;
        answer.get("client_id").and_then(Value::as_str).map(str::to_owned)
    }

    /// Has somebody ask for the floor of a room in lecture mode. False if that is not possible.
    pub fn raise_hand(&self, room_id: &str, client_id: &str) -> bool {
        self.manage(&format!("rooms/{room_id}/users/{client_id}/floor"), &json!({})).is_some()
    }

    /// None unless it was done.
    fn manage(&self, path: &str, body: &Value) -> Option<Value> {
        let (status, value) = self.provider.as_ref()?.manage(&Method::POST, path, body)?;
        status.is_success().then_some(value)
    }
}

impl fmt::Debug for EnablexAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnablexAccess")
            .field("url", &self.http)
            .field("tls_url", &self.https)
            .finish_non_exhaustive()
    }
}
