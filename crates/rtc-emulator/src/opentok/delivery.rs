//! Posting callbacks: to loopback only, signed where there is a secret, again after a while when refused.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;

use super::state::{State, World};
use crate::shared::Shared;

/// How long is waited after each refusal, on the emulator's clock; then it is given up.
const BACKOFF: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many deliveries are remembered.
const KEPT: usize = 1_000;

/// A callback for the eyes of the management API.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Delivery {
    id: String,
    group: String,
    event: String,
    url: String,
    body: Value,
    /// `pending`, `delivered`, `failed`, or `refused` when the URL is not one of this machine.
    status: &'static str,
    attempts: usize,
    /// What came of the last attempt.
    detail: String,
}

/// A callback to be posted.
pub(super) struct Post {
    id: String,
    url: String,
    body: String,
    authorization: Option<String>,
}

impl Post {
    /// A callback; with a secret it is signed as secure callbacks are. Their claims are documented for the
    /// vendor's other products and taken over from there.
    pub(super) fn new(
        id: String,
        url: String,
        body: &Value,
        project: &str,
        secret: Option<&str>,
        now: u64,
    ) -> Self {
        let body = body.to_string();
        let authorization = secret.and_then(|secret| {
            let member = if project.parse::<u64>().is_ok() { "api_key" } else { "application_id" };
            let hash: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
            let claims = json!({
                "iat": now / 1000, "jti": id, "iss": "Vonage", "payload_hash": hash, (member): project,
            });
            let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
            let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
            mac.update(signed.as_bytes());
            Some(format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
        });
        Self { id, url, body, authorization }
    }

    pub(super) fn delivery(&self, group: &str, event: &str, body: Value) -> Delivery {
        Delivery {
            id: self.id.clone(),
            group: group.to_owned(),
            event: event.to_owned(),
            url: self.url.clone(),
            body,
            status: "pending",
            attempts: 0,
            detail: String::new(),
        }
    }

    async fn attempt(&self, address: SocketAddr, uri: &Uri) -> Result<StatusCode, String> {
        let text = |error: &dyn std::error::Error| error.to_string();
        let socket = TcpStream::connect(address).await.map_err(|error| text(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
            .await
            .map_err(|error| text(&error))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path)
            .header(header::HOST, uri.authority().map_or("", |authority| authority.as_str()))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request =
            request.body(Full::new(Bytes::from(self.body.clone()))).map_err(|error| text(&error))?;
        let exchange = async move { sender.send_request(request).await.map(|response| response.status()) };
        let (status, _) = tokio::join!(exchange, connection);
        status.map_err(|error| text(&error))
    }
}

/// Where a callback may go: an `http` URL of this machine. Nothing else is ever contacted.
fn loopback(url: &str) -> Result<(SocketAddr, Uri), String> {
    let uri: Uri = url.parse().map_err(|_| "the URL cannot be read".to_owned())?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let ip = match host.parse() {
        // Not looked up: a name may lead anywhere.
        Err(_) if host.eq_ignore_ascii_case("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Err(_) => return Err(format!("{host:?} is not this machine: only loopback is contacted")),
        Ok(ip) => ip,
    };
    if uri.scheme_str() != Some("http") || !ip.is_loopback() {
        return Err("only http URLs of this machine (127.0.0.1, [::1], localhost) are contacted".into());
    }
    Ok((SocketAddr::new(ip, uri.port_u16().unwrap_or(80)), uri))
}

impl World<'_> {
    pub(super) fn note_delivery(&mut self, delivery: Delivery) {
        self.state.deliveries.push_back(delivery);
        while self.state.deliveries.len() > KEPT {
            self.state.deliveries.pop_front();
        }
    }
}

/// Posts what one call made known: to each URL one after the other.
pub(super) fn send(shared: &Arc<Shared>, state: &Arc<Mutex<State>>, posts: Vec<Post>) {
    // Without a runtime there is nobody to post: they stay pending.
    if posts.is_empty() || tokio::runtime::Handle::try_current().is_err() {
        return;
    }
    // A queue for each URL: whoever does not answer holds up nobody else.
    let mut queues: BTreeMap<String, Vec<Post>> = BTreeMap::new();
    for post in posts {
        queues.entry(post.url.clone()).or_default().push(post);
    }
    for queue in queues.into_values() {
        let (owned, state) = (Arc::clone(shared), Arc::clone(state));
        shared.spawn(async move {
            for post in &queue {
                deliver(&owned, &state, post).await;
            }
        });
    }
}

async fn deliver(shared: &Shared, state: &Mutex<State>, post: &Post) {
    let note = |status, attempts, detail: String| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(delivery) = state.deliveries.iter_mut().rev().find(|delivery| delivery.id == post.id) {
            (delivery.status, delivery.attempts, delivery.detail) = (status, attempts, detail);
        }
    };
    let (address, uri) = match loopback(&post.url) {
        Ok(target) => target,
        Err(reason) => return note("refused", 0, reason),
    };
    let mut pauses = BACKOFF.into_iter();
    for attempts in 1.. {
        let result = tokio::time::timeout(TIMEOUT, post.attempt(address, &uri)).await;
        let detail = match result {
            Ok(Ok(status)) if status.is_success() => return note("delivered", attempts, status.to_string()),
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error,
            Err(_) => "no answer in 5 s".to_owned(),
        };
        let Some(pause) = pauses.next() else { return note("failed", attempts, detail) };
        note("pending", attempts, detail);
        shared.clock.sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::loopback;

    #[test]
    fn only_this_machine_is_contacted() {
        for url in ["http://127.0.0.1:1/a?b", "http://[::1]:2/", "http://LOCALHOST/x", "http://127.9.9.9/"] {
            assert!(loopback(url).is_ok(), "{url}");
        }
        assert_eq!(loopback("http://localhost/x").unwrap().0.to_string(), "127.0.0.1:80");
        for url in [
            "https://127.0.0.1/",
            "http://example.com/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://127.1/",
            "http://localhost.example.com/",
            "http://127.0.0.1@example.com/",
            "ftp://127.0.0.1/",
            "/a",
            "",
            "http://[::ffff:10.0.0.1]/",
        ] {
            assert!(loopback(url).is_err(), "{url}");
        }
    }
}
