//! How tests reach the emulated OpenTok, and bring clients into its sessions.

use std::fmt;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::credentials::{
    OPENTOK_ACCOUNT_KEY, OPENTOK_ACCOUNT_SECRET, OPENTOK_API_KEY, OPENTOK_API_SECRET, OPENTOK_APPLICATION_ID,
    OPENTOK_PRIVATE_KEY,
};
use crate::provider::Provider;

/// How to reach the emulated OpenTok.
#[derive(Clone)]
pub struct OpentokAccess {
    pub(crate) http: String,
    pub(crate) https: Option<String>,
    pub(crate) provider: Option<Arc<dyn Provider>>,
}

/// A client that joined a session and publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Joined {
    /// Its connection.
    pub connection_id: String,
    /// Its stream.
    pub stream_id: String,
}

impl OpentokAccess {
    /// Base URL of the plain listener.
    pub fn url(&self) -> String {
        self.http.clone()
    }

    /// Base URL of the TLS listener, if one was asked for.
    pub fn tls_url(&self) -> Option<String> {
        self.https.clone()
    }

    /// Project API key.
    pub fn api_key(&self) -> &'static str {
        OPENTOK_API_KEY
    }

    /// Project secret.
    pub fn api_secret(&self) -> &'static str {
        OPENTOK_API_SECRET
    }

    /// Key of the account, for the management of projects.
    pub fn account_key(&self) -> &'static str {
        OPENTOK_ACCOUNT_KEY
    }

    /// Secret of the account.
    pub fn account_secret(&self) -> &'static str {
        OPENTOK_ACCOUNT_SECRET
    }

    /// Id of an application of the unified environment. It is a project of its own.
    pub fn application_id(&self) -> &'static str {
        OPENTOK_APPLICATION_ID
    }

    /// Private key of the application, PEM (PKCS#8, RSA with 2,048 bits). It is published with this crate and
    /// opens nothing but emulators.
    pub fn private_key(&self) -> &'static str {
        OPENTOK_PRIVATE_KEY
    }

    /// Lets a client join a session and publish a stream. A session that nobody made is made, routed.
    pub fn join(&self, session_id: &str) -> Joined {
        let answer = self.manage(&Method::POST, &["sessions", session_id, "streams"], &json!({}));
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Joined { connection_id: text("connection_id"), stream_id: text("stream_id") }
    }

    /// Lets a client go, with its streams. Nothing happens if it is not there.
    pub fn leave(&self, session_id: &str, connection_id: &str) {
        self.manage(&Method::DELETE, &["sessions", session_id, "connections", connection_id], &Value::Null);
    }

    /// Has the calls of a registered callback signed with this secret, as secure callbacks are.
    pub fn sign_callback(&self, callback_id: &str, secret: &str) {
        self.manage(&Method::POST, &["callbacks", callback_id], &json!({ "signature_secret": secret }));
    }

    /// Null if there is no such thing.
    fn manage(&self, method: &Method, path: &[&str], body: &Value) -> Value {
        // Decoded on the other side.
        let path: Vec<String> =
            path.iter().map(|segment| segment.replace('%', "%25").replace('/', "%2f")).collect();
        let answer =
            self.provider.as_ref().and_then(|provider| provider.manage(method, &path.join("/"), body));
        answer.map_or(Value::Null, |(_, value)| value)
    }
}

impl fmt::Debug for OpentokAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpentokAccess")
            .field("url", &self.http)
            .field("tls_url", &self.https)
            .finish_non_exhaustive()
    }
}
