//! Posting webhooks: to `http` URLs of this machine only, once. What the service does when nobody takes a webhook is not
//! documented; here it is given up.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::hub::Hub;
use crate::credentials::{ENABLEX_WEBHOOK_PASSWORD, ENABLEX_WEBHOOK_USER};
use crate::posting::{self, Delivery};

/// Where webhooks go, as one sets it in the portal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    url: String,
    /// Whether the credentials for webhooks are sent with them.
    #[serde(default)]
    basic: bool,
    /// Where files are transferred to, as the webhook tells it; none are if it is not set.
    pub(super) destination: Option<Value>,
}

impl Hook {
    pub(super) fn shown(&self) -> Value {
        json!({ "url": self.url, "basic": self.basic, "destination": self.destination })
    }
}

/// Posts a webhook to whoever wants them now.
pub(super) async fn deliver(hub: &Hub, body: Value) {
    let hook = hub.lock().hook.as_ref().map(|hook| (hook.url.clone(), hook.basic));
    let Some((url, basic)) = hook else { return };
    let pair = || STANDARD.encode(format!("{ENABLEX_WEBHOOK_USER}:{ENABLEX_WEBHOOK_PASSWORD}"));
    let authorization = basic.then(|| format!("Basic {}", pair()));
    let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
    let outcome = posting::post(&url, &headers, &body.to_string(), 0).await;
    hub.deliveries.note(delivery(url, body, outcome.status, outcome.detail));
}

/// Notes a webhook that found no place to wait, if anybody wants them.
pub(super) fn drop_one(hub: &Hub, body: Value) {
    let url = hub.lock().hook.as_ref().map(|hook| hook.url.clone());
    if let Some(url) = url {
        hub.deliveries.note_dropped(delivery(url, body, "", String::new()));
    }
}

fn delivery(url: String, body: Value, status: &'static str, detail: String) -> Delivery {
    let kind = body.get("type").cloned().unwrap_or_default();
    Delivery { webhook: None, kind, url, body, status, detail }
}
