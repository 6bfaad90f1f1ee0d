//! Posting webhooks: to `http` URLs of this machine only, once. What the service does when nobody takes a webhook is not
//! documented; here it is given up.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::hub::Hub;
use crate::credentials::{ENABLEX_WEBHOOK_PASSWORD, ENABLEX_WEBHOOK_USER};

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(5);
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
    let (status, detail) = match loopback(&url) {
        Err(why) => ("refused", why),
        Ok((address, uri)) => match tokio::time::timeout(TIMEOUT, post(address, &uri, basic, body)).await {
            Ok(Ok(status)) if status.is_success() => ("delivered", status.to_string()),
            Ok(Ok(status)) => ("failed", status.to_string()),
            Ok(Err(error)) => ("failed", error),
            Err(_) => ("failed", "no answer in 5 s".to_owned()),
        },
    };
    let kind = body.get("type").cloned().unwrap_or_default();
    let mut data = hub.lock();
    data.deliveries.push_back(Delivery { kind, url, body: body.clone(), status, detail });
    while data.deliveries.len() > KEPT {
        data.deliveries.pop_front();
    }
}

async fn post(address: SocketAddr, uri: &Uri, basic: bool, body: &Value) -> Result<StatusCode, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let socket = TcpStream::connect(address).await.map_err(|error| text(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(|error| text(&error))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(path)
        .header(header::HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(header::CONTENT_TYPE, "application/json");
    if basic {
        let pair = STANDARD.encode(format!("{ENABLEX_WEBHOOK_USER}:{ENABLEX_WEBHOOK_PASSWORD}"));
        request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
    }
    let request = request.body(Full::new(Bytes::from(body.to_string()))).map_err(|error| text(&error))?;
    let exchange = async move { sender.send_request(request).await.map(|response| response.status()) };
    let (status, _) = tokio::join!(exchange, connection);
    status.map_err(|error| text(&error))
}

/// Where a webhook may go: an `http` URL of this machine. Nothing else is ever contacted.
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

#[cfg(test)]
mod tests {
    use super::loopback;

    #[test]
    fn only_this_machine_is_contacted() {
        assert_eq!(loopback("http://localhost/x").unwrap().0.to_string(), "127.0.0.1:80");
        assert!(loopback("http://[::1]:2/").is_ok());
        for url in ["https://127.0.0.1/", "http://example.com/", "http://10.0.0.1/", "http://0.0.0.0/", ""] {
            assert!(loopback(url).is_err(), "{url}");
        }
    }
}
