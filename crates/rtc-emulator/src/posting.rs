//! Posting what providers report: to loopback only.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How much of an answer is read, in bytes.
#[cfg(feature = "sora-rpc")]
const ANSWER_LIMIT: usize = 1 << 20;

/// Posts JSON once. An error says why there is no answer.
#[cfg(any(feature = "opentok", feature = "enablex"))]
pub(crate) async fn post(
    address: SocketAddr,
    uri: &Uri,
    authorization: Option<&str>,
    body: &str,
) -> Result<StatusCode, String> {
    let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    timed(exchange(address, uri, &headers, body, 0)).await.map(|(status, _)| status)
}

/// Posts JSON once and reads the answer, at most 1 MiB. An error says why there is none.
#[cfg(feature = "sora-rpc")]
pub(crate) async fn ask(
    address: SocketAddr,
    uri: &Uri,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<(StatusCode, Bytes), String> {
    timed(exchange(address, uri, headers, body, ANSWER_LIMIT)).await
}

async fn timed<T>(exchange: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or_else(|_| Err("no answer in 5 s".to_owned()))
}

/// One request on a connection of its own. With a `limit` of 0 the body of the answer is not waited for.
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
pub(crate) fn loopback(url: &str) -> Result<(SocketAddr, Uri), String> {
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
