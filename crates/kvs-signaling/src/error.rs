//! What Kinesis Video Streams refuses, and why.

use std::borrow::Cow;

use rtc_core::encode::{excerpt, without_bom};
use rtc_core::http::{Response, StatusCode};
use rtc_core::{Bytes, ErrorKind, RetryHint, ServiceError};
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
    #[error("the endpoint {host} is not within {expected}; if that is meant, allow it with ClientBuilder::trusted_host")]
    #[non_exhaustive]
    UntrustedEndpoint {
        /// The host that was named.
        host: String,
        /// The domain that was expected.
        expected: String,
    },
    /// The call waited for the same request of another one, and that failed.
    #[error("the request that this call shared failed: {message}")]
    #[non_exhaustive]
    Shared {
        /// The neutral meaning of the failure.
        kind: ErrorKind,
        /// The name of the refusal, where it was one.
        code: Option<String>,
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
            Self::Api { status, exception, .. } => {
                exception.as_ref().and_then(Exception::kind).unwrap_or_else(|| ErrorKind::from_status(*status))
            }
            Self::NoEndpoint { .. } | Self::UntrustedEndpoint { .. } => ErrorKind::Protocol,
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
        message: excerpt(message.as_bytes()),
        body: excerpt(response.body()),
    })
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
}
