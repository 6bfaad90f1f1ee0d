//! The two HTTP/1.1 exchanges before a WebSocket: a proxy's CONNECT and the upgrade. They are written out
//! because the body of a refusal is wanted too, which tungstenite's own handshake does not read.

use std::fmt::Write as _;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use url::Url;

use super::super::{TransportError, TransportErrorKind};

/// The largest head of an answer.
const MAX_HEAD: usize = 64 * 1024;

/// Asks `proxy` for a tunnel to the host of `url`.
pub(super) async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    url: &Url,
    port: u16,
    proxy: &Url,
) -> Result<(), TransportError> {
    let target = format!("{}:{port}", url.host_str().unwrap_or_default());
    let mut head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if !proxy.username().is_empty() || proxy.password().is_some() {
        let mut pair = unescape(proxy.username());
        pair.push(b':');
        pair.extend(unescape(proxy.password().unwrap_or_default()));
        let _ = write!(head, "Proxy-Authorization: Basic {}\r\n", STANDARD.encode(pair));
    }
    head.push_str("\r\n");
    let mut read = BytesMut::new();
    // Whatever the proxy does wrong, the server has seen nothing yet.
    let answer =
        exchange(stream, &mut read, head.as_bytes()).await.map_err(|error| error.with_unsent(true))?;
    let refused = |why: String| TransportError::new(TransportErrorKind::Connect).with_source(why);
    if !answer.status().is_success() {
        return Err(refused(format!("the proxy answered with status {}", answer.status().as_u16())));
    }
    if read.is_empty() { Ok(()) } else { Err(refused("the proxy sent more than its answer".into())) }
}

/// Asks for the upgrade. The inner error is the head of a refusal; `read` holds what came after the head.
pub(super) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    read: &mut BytesMut,
    handshake: &Request<()>,
    extra: &HeaderMap,
) -> Result<Result<(), Response<()>>, TransportError> {
    let key = generate_key();
    let mut headers = extra.clone();
    for name in handshake.headers().keys() {
        headers.remove(name);
    }
    headers.extend(handshake.headers().iter().map(|(name, value)| (name.clone(), value.clone())));
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().cloned().collect::<Vec<_>>();
    let answer = exchange(stream, read, &request(handshake, headers, &key)).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Err(answer));
    }
    check(&answer, &key, &offered)
        .map(Ok)
        .map_err(|why| TransportError::new(TransportErrorKind::Protocol).with_source(why))
}

fn request(handshake: &Request<()>, mut headers: HeaderMap, key: &str) -> Vec<u8> {
    let uri = handshake.uri();
    let host = headers.remove(header::HOST).or_else(|| {
        let authority = uri.authority()?.as_str();
        HeaderValue::from_str(authority.rsplit('@').next()?).ok()
    });
    // Ours to set, or features that are not spoken here.
    for name in [
        header::CONNECTION,
        header::UPGRADE,
        header::SEC_WEBSOCKET_KEY,
        header::SEC_WEBSOCKET_VERSION,
        header::SEC_WEBSOCKET_EXTENSIONS,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
    ] {
        headers.remove(name);
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // A URI may have an empty path before its query; a request line may not.
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut head = format!(
        "GET {slash}{path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    )
    .into_bytes();
    let host = host.iter().map(|value| (&header::HOST, value));
    for (name, value) in host.chain(headers.iter()) {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn check(answer: &Response<()>, key: &str, offered: &[HeaderValue]) -> Result<(), &'static str> {
    let headers = answer.headers();
    if !tokens(headers.get_all(header::UPGRADE)).any(|token| token.eq_ignore_ascii_case("websocket")) {
        return Err("the answer upgrades to something else");
    }
    if !tokens(headers.get_all(header::CONNECTION)).any(|token| token.eq_ignore_ascii_case("upgrade")) {
        return Err("the answer does not upgrade the connection");
    }
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accept != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err("the answer is to another key");
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        return Err("the server chose an extension that was not offered");
    }
    match headers.get(header::SEC_WEBSOCKET_PROTOCOL).map(|chosen| chosen.to_str()) {
        None if offered.is_empty() => Ok(()),
        Some(Ok(chosen)) if tokens(offered).any(|token| token == chosen.trim()) => Ok(()),
        _ => Err("the server chose none of the offered subprotocols"),
    }
}

fn tokens<'a>(values: impl IntoIterator<Item = &'a HeaderValue>) -> impl Iterator<Item = &'a str> {
    values.into_iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',').map(str::trim))
}

/// Sends a request and reads the head of its answer; what came after the head stays in `read`.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    read: &mut BytesMut,
    request: &[u8],
) -> Result<Response<()>, TransportError> {
    let interrupted =
        |error: io::Error| TransportError::new(TransportErrorKind::Interrupted).with_source(error);
    let broken = |why: &'static str| TransportError::new(TransportErrorKind::Protocol).with_source(why);
    stream.write_all(request).await.map_err(interrupted)?;
    stream.flush().await.map_err(interrupted)?;
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = read.split_to(end + 4);
            return parse_head(&head).ok_or_else(|| broken("the answer is not HTTP/1.1"));
        }
        if read.len() > MAX_HEAD {
            return Err(broken("the head of the answer is too large"));
        }
        if stream.read_buf(read).await.map_err(interrupted)? == 0 {
            return Err(interrupted(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

fn parse_head(head: &[u8]) -> Option<Response<()>> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status = lines.next()?.strip_prefix(b"HTTP/1.")?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_bytes(status.get(2..5)?).ok()?;
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = HeaderName::from_bytes(name).ok()?;
        let value = HeaderValue::from_bytes(value.get(1..)?.trim_ascii()).ok()?;
        response.headers_mut().append(name, value);
    }
    Some(response)
}

fn is_chunked(head: &Response<()>) -> bool {
    tokens(head.headers().get_all(header::TRANSFER_ENCODING))
        .any(|token| token.eq_ignore_ascii_case("chunked"))
}

/// Reads the body of a refusal into `read` until its end, the end of the connection, or `limit`.
pub(super) async fn read_body<S: AsyncRead + Unpin>(
    stream: &mut S,
    read: &mut BytesMut,
    head: &Response<()>,
    limit: usize,
) {
    let length =
        head.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let end = limit.min(length.unwrap_or(usize::MAX));
    let chunked = is_chunked(head);
    while read.len() < end && !(chunked && read.ends_with(b"0\r\n\r\n")) {
        if !matches!(stream.read_buf(read).await, Ok(1..)) {
            return;
        }
    }
}

/// The body that was read, without its framing; cut short where not all of it arrived.
pub(super) fn decode_body(head: &Response<()>, read: &[u8], limit: usize) -> Bytes {
    let read = read.get(..limit).unwrap_or(read);
    if !is_chunked(head) {
        return Bytes::copy_from_slice(read);
    }
    let mut body = BytesMut::new();
    let mut rest = read;
    while let Some((size, after)) = chunk(rest) {
        let taken = after.get(..size).unwrap_or(after);
        body.extend_from_slice(taken);
        // The chunk's own line end.
        rest = after.get(size..).and_then(|rest| rest.get(2..)).unwrap_or_default();
    }
    body.freeze()
}

fn chunk(rest: &[u8]) -> Option<(usize, &[u8])> {
    let line = rest.windows(2).position(|window| window == b"\r\n")?;
    let digits = std::str::from_utf8(rest.get(..line)?).ok()?.split(';').next()?;
    let size = usize::from_str_radix(digits.trim(), 16).ok().filter(|size| *size > 0)?;
    Some((size, rest.get(line + 2..)?))
}

/// Undoes percent encoding; what is not an escape stays.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        let head = parse_head(b"HTTP/1.1 403 Forbidden\r\nA: 1\r\na:2 \r\n\r\n").unwrap();
        assert_eq!(head.status(), 403);
        assert_eq!(head.headers().get_all("a").iter().collect::<Vec<_>>(), ["1", "2"]);
        for bad in
            ["", "HTTP/2 200\r\n\r\n", "HTTP/1.1 2\r\n\r\n", "HTTP/1.1 200 OK\r\nnocolon\r\n\r\n", "SSH-2.0"]
        {
            assert!(parse_head(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn chunked_bodies_lose_their_framing() {
        let head = parse_head(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        assert_eq!(decode_body(&head, b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 1000), "abcde");
        assert_eq!(decode_body(&head, b"ffffffffffffffff\r\nab", 1000), "ab");
        assert_eq!(decode_body(&head, b"zz\r\nab", 1000), "");
    }

    #[test]
    fn requests_keep_the_query_and_own_their_reserved_headers() {
        let handshake = Request::builder()
            .uri("ws://user:pw@example.com:81?a=b%20c")
            .header("Upgrade", "h2c")
            .header("X-Token", "t")
            .body(())
            .unwrap();
        let text = String::from_utf8(request(&handshake, handshake.headers().clone(), "KEY")).unwrap();
        assert!(text.starts_with("GET /?a=b%20c HTTP/1.1\r\n"), "{text}");
        for part in ["\r\nhost: example.com:81\r\n", "\r\nx-token: t\r\n", "Sec-WebSocket-Key: KEY\r\n"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("h2c") && text.ends_with("\r\n\r\n"));
    }

    #[test]
    fn answers_are_checked() {
        let accept = derive_accept_key(b"KEY");
        let good = format!(
            "HTTP/1.1 101 X\r\nUpgrade: WebSocket\r\nConnection: x, upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
        );
        let verdict = |more: &str, offered: &[HeaderValue]| {
            check(&parse_head(format!("{good}{more}\r\n").as_bytes()).unwrap(), "KEY", offered)
        };
        let offer = [HeaderValue::from_static("sora, other")];
        assert!(verdict("", &[]).is_ok());
        assert!(verdict("Sec-WebSocket-Protocol: other\r\n", &offer).is_ok());
        assert!(verdict("", &offer).is_err());
        assert!(verdict("Sec-WebSocket-Protocol: third\r\n", &offer).is_err());
        assert!(verdict("Sec-WebSocket-Protocol: other\r\n", &[]).is_err());
        assert!(verdict("Sec-WebSocket-Extensions: permessage-deflate\r\n", &[]).is_err());
        assert!(check(&parse_head(format!("{good}\r\n").as_bytes()).unwrap(), "OTHER", &[]).is_err());
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape("a%40b%zz%4"), b"a@b%zz%4");
    }
}
