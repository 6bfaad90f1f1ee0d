//! Posting what providers report: to loopback only.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::bounds::{SAID, WAITING};

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What became of one attempt.
pub(crate) struct Outcome {
    /// `delivered`, `failed`, or `refused` when the URL is not one of this machine.
    pub(crate) status: &'static str,
    pub(crate) detail: String,
    /// The body of an answer of success, as far as it was asked for.
    #[allow(dead_code, reason = "only Sora asks")]
    pub(crate) answer: Option<Bytes>,
}

/// Posts JSON once and reads at most `limit` bytes of the answer; with a limit of 0 its body is not waited for.
pub(crate) async fn post(url: &str, headers: &[(&str, &str)], body: &str, limit: usize) -> Outcome {
    let (address, uri) = match loopback(url) {
        Ok(target) => target,
        Err(detail) => return Outcome { status: "refused", detail, answer: None },
    };
    match tokio::time::timeout(TIMEOUT, exchange(address, &uri, headers, body, limit)).await {
        Ok(Ok((status, answer))) if status.is_success() => {
            Outcome { status: "delivered", detail: status.to_string(), answer: Some(answer) }
        }
        Ok(Ok((status, _))) => Outcome { status: "failed", detail: status.to_string(), answer: None },
        Ok(Err(detail)) => Outcome { status: "failed", detail, answer: None },
        Err(_) => Outcome { status: "failed", detail: "no answer in 5 s".into(), answer: None },
    }
}

/// A report for the eyes of the management API.
#[derive(Serialize)]
pub(crate) struct Delivery {
    /// Which of the provider's webhooks, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<&'static str>,
    #[serde(rename = "type")]
    pub(crate) kind: Value,
    pub(crate) url: String,
    pub(crate) body: Value,
    /// As in [`Outcome`], or `dropped`.
    pub(crate) status: &'static str,
    pub(crate) detail: String,
}

/// The latest reports, and how many were dropped.
#[derive(Default)]
pub(crate) struct Deliveries(Mutex<(VecDeque<Delivery>, u64)>);

#[allow(dead_code, reason = "OpenTok's deliveries have a life of their own")]
impl Deliveries {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<Delivery>, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, delivery: Delivery) {
        let kept = &mut self.lock().0;
        kept.push_back(delivery);
        while kept.len() > SAID {
            kept.pop_front();
        }
    }

    /// Notes one that found no place to wait. Of many in a row only the last is shown: they would push out what was
    /// delivered.
    pub(crate) fn note_dropped(&self, mut delivery: Delivery) {
        let mut data = self.lock();
        data.1 += 1;
        delivery.status = "dropped";
        delivery.detail = format!("{WAITING} reports wait already; {} dropped so far", data.1);
        if data.0.back().is_some_and(|last| last.status == delivery.status) {
            data.0.pop_back();
        }
        drop(data);
        self.note(delivery);
    }

    pub(crate) fn shown(&self) -> Value {
        serde_json::to_value(&self.lock().0).unwrap_or_default()
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Default::default();
    }
}

/// One request on a connection of its own.
async fn exchange(
    address: SocketAddr,
    uri: &Uri,
    headers: &[(&str, &str)],
    body: &str,
    limit: usize,
) -> Result<(StatusCode, Bytes), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let socket = TcpStream::connect(address).await.map_err(|error| text(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(|error| text(&error))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(path)
        .header(header::HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).map_err(|error| text(&error))?;
    let exchange = async move {
        let response = sender.send_request(request).await.map_err(|error| text(&error))?;
        let status = response.status();
        if limit == 0 {
            return Ok((status, Bytes::new()));
        }
        let body = Limited::new(response.into_body(), limit).collect().await;
        Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
    };
    let (answer, _) = tokio::join!(exchange, connection);
    answer
}

/// Where a report may go: an `http` URL of this machine. Nothing else is ever contacted.
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
