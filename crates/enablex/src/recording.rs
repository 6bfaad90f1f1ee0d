//! Files of sessions: recordings, chats. They lie on hosts of their own, need credentials of their own, and are kept for
//! 72 hours.

use std::sync::Arc;

use rtc_core::http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use rtc_core::http::{HeaderName, Response, StatusCode, Uri};
use rtc_core::validate::{Checks, Field, Violation};
use rtc_core::{BoxFuture, Bytes, DecodeError, Gate, Permit, Rule, Url, Violations};
use serde::Serialize;

use crate::credentials::RecordingAccess;
use crate::error::{EnableXError, Error};
use crate::operation::DownloadRecording;

mod download;

pub use download::RecordingDownload;

const FIELD: Field = Field::new("url", "url");

/// What is known of a file before its content has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecordingHead {
    /// Where the content that comes begins, in bytes: 0 also where the server cannot go on in the middle.
    pub offset: u64,
    /// How many bytes come.
    pub length: Option<u64>,
    /// How many bytes the whole file has.
    pub total: Option<u64>,
    /// What it is, in the words of the server: the ending of its name does not tell.
    pub content_type: Option<String>,
}

/// What the tables cannot say of an address.
pub(crate) fn check_url(request: &DownloadRecording, checks: &mut Checks) {
    let fault = match Url::parse(&request.url) {
        Err(_) => Some("must be a full URL"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Some("must not hold credentials: they belong to ClientBuilder::recordings")
        }
        Ok(url) if url.fragment().is_some() => Some("must not have a fragment"),
        Ok(_) => None,
    };
    if let Some(message) = fault {
        checks.report(FIELD, Rule::Pattern, None, message);
    }
}

/// Keeps the credentials from hosts that are not allowed.
pub(crate) struct HostGate {
    url: String,
    access: Option<Arc<RecordingAccess>>,
}

impl HostGate {
    pub(crate) fn new(request: &DownloadRecording, access: Option<Arc<RecordingAccess>>) -> Self {
        Self { url: request.url.clone(), access }
    }

    fn check(&self) -> Result<(), Error> {
        let (Ok(url), Some(access)) = (Url::parse(&self.url), &self.access) else { return Ok(()) };
        if access.is_allowed(&url) {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default();
        let message =
            format!("{host} may not see the credentials for recordings: see RecordingAccess::allow_host");
        Err(Violations::from(Violation::new(FIELD.name, FIELD.wire, Rule::Forbidden, message)).into())
    }
}

impl Gate<EnableXError> for HostGate {
    fn enter(&self) -> BoxFuture<'_, Result<Box<dyn Permit>, Error>> {
        // After the checks of the address, so that a broken one is told as such.
        Box::pin(async { self.check().map(|()| Box::new(()) as Box<dyn Permit>) })
    }
}

/// Reads the head of a file.
pub(crate) fn decode_head(
    request: &DownloadRecording,
    _sent: &Uri,
    response: &Response<Bytes>,
) -> Result<RecordingHead, DecodeError> {
    let text = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
    let length: Option<u64> = text(CONTENT_LENGTH).and_then(|text| text.trim().parse().ok());
    let content_type = text(CONTENT_TYPE).map(str::to_owned);
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return Ok(RecordingHead { offset: 0, length, total: length, content_type });
    }
    let range = text(CONTENT_RANGE).and_then(range);
    let (offset, total) =
        range.ok_or_else(|| DecodeError::new("it is a part of a file, but does not say which"))?;
    if offset != request.offset.unwrap_or(0) {
        return Err(DecodeError::new("it is another part of the file than the one that was asked for"));
    }
    Ok(RecordingHead { offset, length, total, content_type })
}

/// The beginning and the total of `bytes 10-99/100`.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (span, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let (first, _) = span.split_once('-')?;
    Some((first.trim().parse().ok()?, total.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("bytes 10-99/100"), Some((10, Some(100))));
        assert_eq!(range("bytes 10-99/*"), Some((10, None)));
        for text in ["", "bytes", "bytes */100", "items 1-2/3", "bytes a-2/3"] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
