//! Recordings and chats to download: with the credentials for recordings, in parts if wanted, for 72 hours.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{ACCEPT_RANGES, ALLOW, CONTENT_RANGE, CONTENT_TYPE},
};
use http_body_util::Full;

use super::hub::Data;
use crate::{
    credentials::{ENABLEX_RECORDING_PASSWORD, ENABLEX_RECORDING_USER},
    provider::Exchange,
};

/// Where the files are.
pub(super) const BASE: &str = "/recordings/";
/// How long they are kept.
const KEPT: Duration = Duration::from_secs(72 * 3600);
/// How long the invented recordings are.
const LENGTH: usize = 65_536;

pub(super) struct File {
    pub(super) made: SystemTime,
    /// None for a recording: its content is invented.
    pub(super) content: Option<String>,
}

pub(super) fn answer(data: &Data, exchange: &Exchange) -> Response<Full<Bytes>> {
    if exchange.parts.method != Method::GET {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, Bytes::new());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return response;
    }
    let expected = format!("{ENABLEX_RECORDING_USER}:{ENABLEX_RECORDING_PASSWORD}");
    let given = exchange.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let given = given.and_then(|value| STANDARD.decode(value).ok());
    // Not 401, whatever is missing or wrong.
    if given.as_deref() != Some(expected.as_bytes()) {
        return plain(StatusCode::FORBIDDEN, Bytes::new());
    }
    let path = exchange.parts.uri.path();
    match content(data, path, exchange.now) {
        Some((kind, content)) => part(exchange, kind, &content),
        None => plain(StatusCode::NOT_FOUND, Bytes::new()),
    }
}

/// What a file is, and its content: none before it was made and after its time.
fn content(data: &Data, path: &str, now: SystemTime) -> Option<(&'static str, Bytes)> {
    let kind = match path.rsplit_once('.')?.1 {
        "mkv" => "video/x-matroska",
        "mp4" => "video/mp4",
        _ => "application/json",
    };
    let invented = || path.bytes().cycle().take(LENGTH).collect::<Vec<u8>>().into();
    let Some(file) = data.files.get(path) else {
        // The session that it is of may go on still.
        let of_session =
            data.rooms.values().any(|room| room.session.recordings.iter().any(|known| known == path));
        return of_session.then(|| (kind, invented()));
    };
    let age = now.duration_since(file.made).ok()?;
    let whole = || file.content.clone().map_or_else(invented, Bytes::from);
    (age < KEPT).then(|| (kind, whole()))
}

/// The whole of a content, or the part of it that is asked for.
fn part(exchange: &Exchange, kind: &'static str, content: &Bytes) -> Response<Full<Bytes>> {
    let total = content.len();
    let wanted = exchange.header("range").and_then(|range| span(range, total));
    let mut response = match wanted {
        None => plain(StatusCode::OK, content.clone()),
        Some(None) => {
            let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new());
            set(&mut response, CONTENT_RANGE, &format!("bytes */{total}"));
            return response;
        }
        Some(Some((first, last))) => {
            let mut response = plain(StatusCode::PARTIAL_CONTENT, content.slice(first..=last));
            set(&mut response, CONTENT_RANGE, &format!("bytes {first}-{last}/{total}"));
            response
        }
    };
    set(&mut response, CONTENT_TYPE, kind);
    set(&mut response, ACCEPT_RANGES, "bytes");
    response
}

/// The first and the last byte of a range: none inside if the content has no such part, none at all for what is no
/// single range, which is ignored.
fn span(range: &str, total: usize) -> Option<Option<(usize, usize)>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let end = total.checked_sub(1)?;
    match (number(first), number(last)) {
        (Some(first), last) => {
            let last = last.unwrap_or(end).min(end);
            Some((first <= last).then_some((first, last)))
        }
        (None, Some(length)) if first.trim().is_empty() => {
            Some((length > 0).then(|| (total.saturating_sub(length), end)))
        }
        _ => None,
    }
}

fn set(response: &mut Response<Full<Bytes>>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn plain(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn ranges() {
        for (range, expected) in [
            ("bytes=0-", Some(Some((0, 99)))),
            ("bytes=10-19", Some(Some((10, 19)))),
            ("bytes=90-200", Some(Some((90, 99)))),
            ("bytes=-5", Some(Some((95, 99)))),
            ("bytes=-500", Some(Some((0, 99)))),
            ("bytes=100-", Some(None)),
            ("bytes=9-3", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=a-b", None),
            ("items=0-1", None),
        ] {
            assert_eq!(span(range, 100), expected, "{range}");
        }
        assert_eq!(span("bytes=0-", 0), None);
    }
}
