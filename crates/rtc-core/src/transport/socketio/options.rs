//! How to connect.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Uri};
use serde_json::Value;
use url::{Url, form_urlencoded};

/// The protocol generation of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Engine.IO 3 with Socket.IO protocol 4: servers 2.x.
    Eio3,
    /// Engine.IO 4 with Socket.IO protocol 5: servers 3.x and 4.x.
    Eio4,
}

/// How to connect.
#[derive(Clone)]
#[non_exhaustive]
pub struct SocketOptions {
    /// The protocol generation.
    pub protocol: Protocol,
    /// The path of the endpoint, `/socket.io/` unless set.
    pub path: String,
    /// The namespace, `/` unless set.
    pub namespace: String,
    /// Query parameters of the handshake; [`Protocol::Eio3`] also sends them when it joins a named namespace.
    pub query: Vec<(String, String)>,
    /// What [`Protocol::Eio4`] sends when it joins the namespace.
    pub auth: Option<Value>,
    /// Headers of the handshake.
    pub headers: HeaderMap,
    /// How long it may take until the namespace is joined: 20 s unless set.
    pub connect_timeout: Duration,
    /// How many acknowledgements can be waited for at once: 1024 unless set.
    pub max_pending_acks: usize,
    /// How many events wait to be read before the oldest is dropped: 1024 unless set.
    pub event_queue: usize,
}

impl SocketOptions {
    /// The defaults for a protocol generation.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            path: "/socket.io/".into(),
            namespace: "/".into(),
            query: Vec::new(),
            auth: None,
            headers: HeaderMap::new(),
            connect_timeout: Duration::from_secs(20),
            max_pending_acks: 1024,
            event_queue: 1024,
        }
    }

    /// The query as both the URL and the namespace carry it.
    pub(super) fn encoded_query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.query);
        // Not every server reads `+` as a space; a literal one is `%2B` here.
        query.finish().replace('+', "%20")
    }
}

impl fmt::Debug for SocketOptions {
    // Query, auth and headers hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketOptions")
            .field("protocol", &self.protocol)
            .field("path", &self.path)
            .field("namespace", &self.namespace)
            .field("query", &self.query.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// The URL of the upgrade; `None` where `base` has no scheme or host to build on.
pub(super) fn handshake_url(base: &Url, options: &SocketOptions, query: &str) -> Option<Uri> {
    let scheme = match base.scheme() {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        _ => return None,
    };
    let generation = match options.protocol {
        Protocol::Eio3 => 3,
        Protocol::Eio4 => 4,
    };
    let mut url = base.clone();
    url.set_scheme(scheme).ok()?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_fragment(None);
    url.set_path(&options.path);
    let separator = if query.is_empty() { "" } else { "&" };
    url.set_query(Some(&format!("EIO={generation}&transport=websocket{separator}{query}")));
    url.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let mut options = SocketOptions::new(Protocol::Eio3);
        options.query = vec![("X-Forwarded-Host".into(), "a b&c,d+é".into())];
        let query = options.encoded_query();
        let url = |base: &str, options: &SocketOptions, query: &str| {
            handshake_url(&Url::parse(base).unwrap(), options, query).map(|uri| uri.to_string())
        };
        assert_eq!(
            url("https://u:p@h.example:8443/x?y#z", &options, &query).unwrap(),
            "wss://h.example:8443/socket.io/?EIO=3&transport=websocket&X-Forwarded-Host=a%20b%26c%2Cd%2B%C3%A9"
        );
        let mut options = SocketOptions::new(Protocol::Eio4);
        options.path = "/v3/socket.io/".into();
        assert_eq!(
            url("http://h.example", &options, "").unwrap(),
            "ws://h.example/v3/socket.io/?EIO=4&transport=websocket"
        );
        assert_eq!(url("file:///x", &options, ""), None);
    }

    #[test]
    fn debug_tells_no_values() {
        let mut options = SocketOptions::new(Protocol::Eio4);
        options.query = vec![("apiToken".into(), "canary".into())];
        options.auth = Some("canary".into());
        options.headers.insert("x-token", http::HeaderValue::from_static("canary"));
        assert!(!format!("{options:?}").contains("canary"));
    }
}
