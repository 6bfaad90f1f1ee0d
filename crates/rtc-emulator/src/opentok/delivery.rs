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
use crate::bounds::{Place, Places, SAID, WAITING};
use crate::posting::{self, Outcome};
use crate::shared::Shared;

/// How long is waited after each refusal, on the emulator's clock; then it is given up.
const BACKOFF: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// A callback for the eyes of the management API.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Delivery {
    id: String,
    group: String,
    event: String,
    url: String,
    body: Value,
    /// `pending`, `delivered`, `failed`, `refused` when the URL is not one of this machine, or `dropped` when too many
    /// wait already.
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
        while self.state.deliveries.len() > SAID {
            self.state.deliveries.pop_front();
        }
    }
}

/// Posts what one call made known: to each URL one after the other, as many as may wait.
pub(super) fn send(shared: &Arc<Shared>, state: &Arc<Mutex<State>>, places: &Places, posts: Vec<Post>) {
    // Without a runtime there is nobody to post: they stay pending.
    if posts.is_empty() || tokio::runtime::Handle::try_current().is_err() {
        return;
    }
    // A queue for each URL: whoever does not answer holds up nobody else.
    let mut queues: BTreeMap<String, Vec<(Post, Place)>> = BTreeMap::new();
    for post in posts {
        match places.take() {
            Some(place) => queues.entry(post.url.clone()).or_default().push((post, place)),
            None => note(state, &post.id, "dropped", 0, format!("{WAITING} callbacks wait already")),
        }
    }
    for queue in queues.into_values() {
        let (owned, state) = (Arc::clone(shared), Arc::clone(state));
        shared.spawn(async move {
            for (post, _place) in queue {
                deliver(&owned, &state, &post).await;
            }
        });
    }
}

/// Writes down what became of a callback, if it is still remembered.
fn note(state: &Mutex<State>, id: &str, status: &'static str, attempts: usize, detail: String) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(delivery) = state.deliveries.iter_mut().rev().find(|delivery| delivery.id == id) {
        (delivery.status, delivery.attempts, delivery.detail) = (status, attempts, detail);
    }
}

async fn deliver(shared: &Shared, state: &Mutex<State>, post: &Post) {
    let headers: Vec<_> = post.authorization.iter().map(|value| ("authorization", value.as_str())).collect();
    let mut pauses = BACKOFF.into_iter();
    for attempts in 1.. {
        let Outcome { status, detail, .. } = posting::post(&post.url, &headers, &post.body, 0).await;
        let pause = if status == "failed" { pauses.next() } else { None };
        let Some(pause) = pause else {
            // One that is refused was never sent.
            let attempts = if status == "refused" { 0 } else { attempts };
            return note(state, &post.id, status, attempts, detail);
        };
        note(state, &post.id, "pending", attempts, detail);
        shared.clock.sleep(pause).await;
    }
}
