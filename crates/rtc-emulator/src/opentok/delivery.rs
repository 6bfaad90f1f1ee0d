//! Posting callbacks: to loopback only, signed where there is a secret, again after a while when refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::state::{State, World};
use crate::posting;
use crate::shared::Shared;

/// How long is waited after each refusal, on the emulator's clock; then it is given up.
const BACKOFF: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
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
    let (address, uri) = match posting::loopback(&post.url) {
        Ok(target) => target,
        Err(reason) => return note("refused", 0, reason),
    };
    let mut pauses = BACKOFF.into_iter();
    for attempts in 1.. {
        let detail = match posting::post(address, &uri, post.authorization.as_deref(), &post.body).await {
            Ok(status) if status.is_success() => return note("delivered", attempts, status.to_string()),
            Ok(status) => status.to_string(),
            Err(error) => error,
        };
        let Some(pause) = pauses.next() else { return note("failed", attempts, detail) };
        note("pending", attempts, detail);
        shared.clock.sleep(pause).await;
    }
}
