//! Posting webhooks: to `http` URLs of this machine only, once. What the service does when nobody takes a webhook is not
//! documented; here it is given up.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hub::Hub;
use crate::credentials::{ENABLEX_WEBHOOK_PASSWORD, ENABLEX_WEBHOOK_USER};
use crate::posting;

/// How many deliveries are remembered.
const KEPT: usize = 1_000;

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

/// A webhook for the eyes of the management API.
#[derive(Serialize)]
pub(super) struct Delivery {
    #[serde(rename = "type")]
    kind: Value,
    url: String,
    body: Value,
    /// `delivered`, `failed`, or `refused` when the URL is not one of this machine.
    status: &'static str,
    detail: String,
}

impl Hook {
    pub(super) fn shown(&self) -> Value {
        json!({ "url": self.url, "basic": self.basic, "destination": self.destination })
    }
}

/// Posts a webhook to whoever wants them now.
pub(super) async fn deliver(hub: &Hub, body: &Value) {
    let hook = hub.lock().hook.as_ref().map(|hook| (hook.url.clone(), hook.basic));
    let Some((url, basic)) = hook else { return };
    let (status, detail) = match posting::loopback(&url) {
        Err(why) => ("refused", why),
        Ok((address, uri)) => {
            let pair = || STANDARD.encode(format!("{ENABLEX_WEBHOOK_USER}:{ENABLEX_WEBHOOK_PASSWORD}"));
            let authorization = basic.then(|| format!("Basic {}", pair()));
            match posting::post(address, &uri, authorization.as_deref(), &body.to_string()).await {
                Ok(status) if status.is_success() => ("delivered", status.to_string()),
                Ok(status) => ("failed", status.to_string()),
                Err(error) => ("failed", error),
            }
        }
    };
    let kind = body.get("type").cloned().unwrap_or_default();
    let mut data = hub.lock();
    data.deliveries.push_back(Delivery { kind, url, body: body.clone(), status, detail });
    while data.deliveries.len() > KEPT {
        data.deliveries.pop_front();
    }
}
