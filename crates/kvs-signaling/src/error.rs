//! What Kinesis Video Streams refuses, and why.

use std::borrow::Cow;

use rtc_core::encode::{excerpt, without_bom};
use rtc_core::http::{Response, StatusCode};
use rtc_core::{Bytes, ErrorKind, REDACTED, RetryHint, ServiceError};
use serde_json::{Map, Value};

use crate::exception::Exception;

/// The error of every call.
pub type Error = rtc_core::Error<KvsError>;

/// The result of every call.
pub type Result<T> = std::result::Result<T, Error>;

/// The error of Kinesis Video Streams.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KvsError {
    /// The service refused the request.
    #[error("Kinesis Video Streams refused {operation} with status {}{}{}", status.as_u16(), named(exception.as_ref()), told(message))]
    #[non_exhaustive]
    Api {
        /// The operation.
        operation: &'static str,
        /// The HTTP status.
        status: StatusCode,
        /// The name of the refusal, where one was conveyed.
        exception: Option<Exception>,
        /// The service's own text; empty when there is none.
        message: String,
        /// The body, at most 2 KiB of it.
        body: String,
    },
    /// The service named no endpoint of the protocol that is needed.
    #[error("the channel has no {protocol} endpoint for this role")]
    #[non_exhaustive]
    NoEndpoint {
        /// The protocol.
        protocol: &'static str,
    },
    /// The service named an endpoint outside its own domain; no credentials were sent there.
    #[error(
        "the endpoint {host} is not within {expected}; if that is meant, allow it with ClientBuilder::trusted_host"
    )]
    #[non_exhaustive]
    UntrustedEndpoint {
        /// The host that was named.
        host: String,
        /// The domain that was expected.
        expected: String,
    },
    /// The service named an endpoint that the client's policy refuses; nothing was sent there.
    #[error("the service named an endpoint that must not be used: {reason}")]
    #[non_exhaustive]
    RefusedEndpoint {
        /// What the policy says, with the host and the setting that would allow it.
        reason: String,
    },
    /// The call waited for the same request of another one, and that failed.
    #[error("the request that this call shared failed: {message}")]
    #[non_exhaustive]
    Shared {
        /// The neutral meaning of the failure.
        kind: ErrorKind,
        /// The name of the refusal, where it was one.
        code: Option<String>,
        /// Whether the same call may be tried again, as `Error::is_retryable` of the failed call told.
        is_retryable: bool,
        /// What the failed call was told.
        message: String,
    },
}

fn named(exception: Option<&Exception>) -> String {
    exception.map(|e| format!(" ({e})")).unwrap_or_default()
}

fn told(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl ServiceError for KvsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Api { status, exception, .. } => exception
                .as_ref()
                .and_then(Exception::kind)
                .unwrap_or_else(|| ErrorKind::from_status(*status)),
            Self::NoEndpoint { .. } | Self::UntrustedEndpoint { .. } | Self::RefusedEndpoint { .. } => {
                ErrorKind::Protocol
            }
            Self::Shared { kind, .. } => *kind,
        }
    }

    fn retry(&self) -> RetryHint {
        let Self::Api { status, exception, message, .. } = self else { return RetryHint::No };
        match exception {
            Some(Exception::ClientLimitExceeded | Exception::Throttling) => RetryHint::RefusedWithoutEffect,
            Some(Exception::RequestTimeTooSkewed) => RetryHint::ClockSkew,
            _ if status.is_client_error() && tells_of_skew(message) => RetryHint::ClockSkew,
            _ if status.as_u16() == 429 => RetryHint::RefusedWithoutEffect,
            _ if status.is_server_error() => RetryHint::Transient,
            _ => RetryHint::No,
        }
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Api { exception, .. } => exception.as_ref().map(|e| e.as_str().into()),
            Self::Shared { code, .. } => code.as_deref().map(Into::into),
            _ => None,
        }
    }

    fn detail(&self) -> Option<&str> {
        match self {
            Self::Api { message, .. } => Some(message).filter(|m| !m.is_empty()).map(String::as_str),
            _ => None,
        }
    }
}

/// The texts of a signature that is too old or from the future.
fn tells_of_skew(message: &str) -> bool {
    message.contains("Signature expired") || message.contains("Signature not yet current")
}

/// The refusal that an answer is; none for a success.
pub(crate) fn refusal(operation: &'static str, response: &Response<Bytes>) -> Option<KvsError> {
    let status = response.status();
    if status.is_success() {
        return None;
    }
    let body: Map<String, Value> = serde_json::from_slice(without_bom(response.body())).unwrap_or_default();
    let member = |name| body.get(name).and_then(Value::as_str);
    let header = response.headers().get("x-amzn-errortype").and_then(|v| v.to_str().ok());
    // The header wins over `__type`, and that over `code`.
    let conveyed = [header, member("__type"), member("code"), member("Code")];
    let exception = conveyed.into_iter().flatten().map(sanitized).find(|name| !name.is_empty());
    let message = member("message").or_else(|| member("Message")).unwrap_or_default();
    Some(KvsError::Api {
        operation,
        status,
        exception: exception.map(Exception::from),
        message: told_of(message.as_bytes()),
        body: told_of(response.body()),
    })
}

/// An excerpt for a person. Tokens are hidden before it is cut: the rest of a token that was cut could be too short
/// to be known as one.
fn told_of(text: &[u8]) -> String {
    excerpt(without_tokens(&String::from_utf8_lossy(text)).as_bytes())
}

/// Hides what the service echoes of a signed request: it explains a wrong signature with the canonical request,
/// session token included.
fn without_tokens(text: &str) -> String {
    const MARKS: [&str; 3] = ["x-amz-security-token", "x-amz-signature", "signature="];
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(end_of_mark) = next_mark(&lower, from, &MARKS) {
        let value = lower.get(end_of_mark..).unwrap_or_default();
        let start = end_of_mark + separator(value);
        let value = lower.get(start..).unwrap_or_default();
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.~+/=%".contains(c);
        let end = start + value.find(|c| !is_token(c)).unwrap_or(value.len());
        out.push_str(text.get(from..start).unwrap_or_default());
        // The names alone, as in a list of signed headers, hide nothing.
        if end - start >= 16 {
            out.push_str(REDACTED);
        } else {
            out.push_str(text.get(start..end).unwrap_or_default());
        }
        from = end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// The length of what stands between a name and its value: `:`, `=`, spaces, and the quotes of JSON, which are
/// escaped where the JSON is a text itself.
fn separator(text: &str) -> usize {
    let mut rest = text;
    while let Some(next) = rest.strip_prefix("\\\"").or_else(|| rest.strip_prefix([':', '=', ' ', '"'])) {
        rest = next;
    }
    text.len() - rest.len()
}

/// Where the next of the marks ends. Each character is looked at once, however often and whichever marks occur.
fn next_mark(text: &str, from: usize, marks: &[&str]) -> Option<usize> {
    let begins = |c: char| marks.iter().any(|mark| mark.starts_with(c));
    let mut rest = text.get(from..)?;
    loop {
        rest = rest.get(rest.find(begins)?..)?;
        if let Some(mark) = marks.iter().find(|mark| rest.starts_with(*mark)) {
            return Some(text.len() - rest.len() + mark.len());
        }
        rest = rest.get(1..)?;
    }
}

/// The bare name: without the URL after `:` and the name space before `#`.
fn sanitized(name: &str) -> &str {
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    name.rsplit_once('#').map_or(name, |(_, name)| name).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (raw, name) in [
            ("A", "A"),
            ("A:http://x/#y", "A"),
            ("com.amazonaws.kinesisvideo#A", "A"),
            ("ns#A:http://x/", "A"),
            (":x", ""),
            ("", ""),
        ] {
            assert_eq!(sanitized(raw), name);
        }
    }

    #[test]
    fn echoed_tokens_are_hidden() {
        let token = "IQoJb3JpZ2luX2VjE/+aA==";
        for (text, shown) in [
            (
                format!("x-amz-security-token:{token} host;x-amz-date"),
                "x-amz-security-token:[redacted] host;x-amz-date",
            ),
            (
                format!("é X-Amz-Security-Token={token}&X-Amz-Date=1"),
                "é X-Amz-Security-Token=[redacted]&X-Amz-Date=1",
            ),
            (format!("Signature={}, x", "a".repeat(64)), "Signature=[redacted], x"),
            (
                format!(r#"{{"X-Amz-Security-Token":"{token}"}} \"x-amz-security-token\": \"{token}\""#),
                r#"{"X-Amz-Security-Token":"[redacted]"} \"x-amz-security-token\": \"[redacted]\""#,
            ),
            ("host;x-amz-date;x-amz-security-token\\n".into(), "host;x-amz-date;x-amz-security-token\\n"),
            ("Signature expired: 2023".into(), "Signature expired: 2023"),
            ("x-amz-security-token".into(), "x-amz-security-token"),
        ] {
            assert_eq!(without_tokens(&text), shown);
        }
        // One that begins just before the cut.
        let text = format!("{}X-Amz-Security-Token={token}", "a".repeat(2048 - 30));
        assert!(!told_of(text.as_bytes()).contains("IQoJ"));
    }
}
