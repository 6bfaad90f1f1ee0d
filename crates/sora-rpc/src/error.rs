//! What Sora refuses, and why.

use std::borrow::Cow;
use std::fmt;

use rtc_core::{ErrorKind, Reason, RetryHint, ServiceError};
use serde_json::Value;

use crate::signaling::{End, EndClass};

/// The error of every call.
pub type Error = rtc_core::Error<SoraError>;

/// The result of every call.
pub type Result<T> = std::result::Result<T, Error>;

/// Sora's own error. Neither Display nor Debug shows what the server wrote: see [`SoraError::Remote`] for that.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SoraError {
    /// The server answered the call with an error.
    #[error("the server answered the call with error {code}{}", meaning(*code))]
    #[non_exhaustive]
    Remote {
        /// The code: -32768 to -32000 as JSON-RPC 2.0 says, others as the server means them.
        code: i32,
        /// The server's words.
        message: String,
        /// What the server added; `Some(Value::Null)` is a null that it wrote.
        data: Option<Value>,
    },
    /// The answer to this call is not JSON-RPC 2.0. Only this call fails; the connection goes on.
    #[error("the answer to call {id} is not a JSON-RPC 2.0 response")]
    #[non_exhaustive]
    ProtocolViolation {
        /// The id of the call.
        id: u64,
    },
    /// The connection ended before the answer came, or had ended before the call.
    #[error("Disconnected")]
    Disconnected,
    /// The server sent the client elsewhere: calls under way are lost.
    #[error("the server redirected the connection before it answered: call again on the new one")]
    Redirected,
    /// The server offered no RPC on this connection: no `rpc` data channel, or no methods.
    #[error(
        "no RPC on this connection: the offer has no data channel `rpc` or its rpc_methods are empty \
         (the auth webhook must answer rpc_methods)"
    )]
    NotAvailable,
    /// The data channel `rpc` is not open yet, or not any more.
    #[error("the data channel `rpc` is not open")]
    ChannelNotOpen,
    /// This data channel is not open: not offered, not open yet, or not any more. Nothing was sent.
    #[error("the data channel {label} is not open")]
    #[non_exhaustive]
    DataChannelNotOpen {
        /// Its label.
        label: String,
    },
    /// The method is not among those that the server permits on this connection. Nothing was sent.
    #[error("{method} is not in rpc_methods of the offer{}", hinted(hint.as_deref()))]
    #[non_exhaustive]
    MethodNotPermitted {
        /// The method.
        method: String,
        /// The methods that are permitted.
        allowed: Vec<String>,
        /// The permitted method that was most likely meant.
        hint: Option<String>,
    },
    /// Too many calls wait for their answers. Nothing was sent.
    #[error("{limit} calls are waiting already: wait for one of them, or raise max_pending")]
    #[non_exhaustive]
    TooManyPending {
        /// The limit.
        limit: usize,
    },
    /// The HTTP API refused the request.
    #[error("{operation} was refused with status {status}{}", named(code.as_deref()))]
    #[non_exhaustive]
    Api {
        /// The operation.
        operation: &'static str,
        /// The HTTP status.
        status: u16,
        /// The server's own name of the error, where it gave one.
        code: Option<String>,
        /// The body as JSON, where it is, at most 2 KiB of it. What failures look like is not documented.
        body: Option<Value>,
    },
    /// The connection could not be made.
    #[error("not connected, {stage}{}: {cause}", at(url.as_deref()))]
    #[non_exhaustive]
    NotConnected {
        /// What failed.
        stage: Stage,
        /// The URL of the signaling, without its query; none where there is none to blame.
        url: Option<String>,
        /// What the failure means.
        kind: ErrorKind,
        /// What was wrong. None of it is the server's words.
        cause: String,
    },
    /// The server ended the connection before it stood: most likely it refused it.
    #[error("not connected: {0}")]
    Rejected(End),
    /// The message is larger than the peer takes. Nothing was sent.
    #[error("the message has {size} bytes, and the peer takes {limit} at most")]
    #[non_exhaustive]
    TooLarge {
        /// The size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The steps of connecting, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Opening the WebSocket of the signaling.
    WebSocket,
    /// Waiting for the offer, and answering it.
    Offer,
    /// Getting an address at a TURN server.
    Relay,
    /// ICE: finding a path for datagrams.
    Ice,
    /// DTLS: the keys on that path.
    Dtls,
    /// SCTP, the data channels, and `switched`.
    Channels,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebSocket => "opening the WebSocket",
            Self::Offer => "waiting for the offer",
            Self::Relay => "asking the TURN servers",
            Self::Ice => "finding a path (ICE)",
            Self::Dtls => "agreeing on keys (DTLS)",
            Self::Channels => "opening the data channels",
        })
    }
}

/// What it means that the server ended a connection that did not stand yet.
fn rejection(end: &End) -> ErrorKind {
    match end.class {
        EndClass::SignalingError if end.reason == "INTERNAL-ERROR" => ErrorKind::Unavailable,
        // Of the auth webhook, in its own words.
        EndClass::SignalingError | EndClass::RedirectRefused => ErrorKind::PermissionDenied,
        _ => ErrorKind::Closed,
    }
}

fn at(url: Option<&str>) -> String {
    url.map(|url| format!(" of {url}")).unwrap_or_default()
}

/// What JSON-RPC 2.0 means by a code.
fn meaning(code: i32) -> &'static str {
    match code {
        -32700 => " (parse error)",
        -32600 => " (invalid request)",
        -32601 => " (method not found or not permitted)",
        -32602 => " (invalid parameters)",
        -32603 => " (internal error)",
        _ => "",
    }
}

fn named(code: Option<&str>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

/// The largest body that an error keeps, in bytes.
#[cfg(feature = "http")]
const BODY_LIMIT: usize = 2_048;
/// The longest name of an error, in bytes; names are ASCII.
#[cfg(feature = "http")]
const CODE_LIMIT: usize = 64;

/// The refusal that an answer of the HTTP API is.
#[cfg(feature = "http")]
pub(crate) fn refusal(
    operation: &'static str,
    response: &rtc_core::http::Response<rtc_core::Bytes>,
) -> Option<SoraError> {
    let status = response.status();
    if status.is_success() {
        return None;
    }
    let body: Option<Value> = Some(response.body())
        .filter(|body| body.len() <= BODY_LIMIT)
        .and_then(|body| serde_json::from_slice(rtc_core::encode::without_bom(body)).ok());
    // A name only: texts of the server may repeat what was sent.
    let is_name = |text: &&str| {
        (1..=CODE_LIMIT).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    let code = body
        .as_ref()
        .and_then(|body| ["error_type", "code", "error"].into_iter().find_map(|name| body.get(name)));
    let code = code.and_then(Value::as_str).filter(is_name).map(str::to_owned);
    Some(SoraError::Api { operation, status: status.as_u16(), code, body })
}

fn hinted(hint: Option<&str>) -> String {
    hint.map(|hint| format!("; did you mean {hint}?")).unwrap_or_default()
}

impl SoraError {
    /// As the error of a call whose message may have reached the server.
    pub(crate) fn sent(self) -> Error {
        Error::new(Reason::Service(self)).with_exchange(1, true)
    }
}

impl fmt::Debug for SoraError {
    // Method names and numbers only: the server's words and data may repeat metadata.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoraError({self})")
    }
}

impl ServiceError for SoraError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Remote { .. } => ErrorKind::Other,
            Self::ProtocolViolation { .. } => ErrorKind::Protocol,
            Self::Disconnected | Self::Redirected => ErrorKind::Closed,
            Self::NotAvailable | Self::ChannelNotOpen | Self::DataChannelNotOpen { .. } => {
                ErrorKind::Unavailable
            }
            Self::MethodNotPermitted { .. } => ErrorKind::PermissionDenied,
            Self::TooManyPending { .. } => ErrorKind::RateLimited,
            Self::Api { status, .. } => {
                rtc_core::http::StatusCode::from_u16(*status).map_or(ErrorKind::Other, ErrorKind::from_status)
            }
            Self::TooLarge { .. } => ErrorKind::InvalidInput,
            Self::NotConnected { kind, .. } => *kind,
            Self::Rejected(end) => rejection(end),
        }
    }

    fn retry(&self) -> RetryHint {
        match self {
            Self::Api { status: 429, .. } => RetryHint::RefusedWithoutEffect,
            Self::Api { status: 502..=504, .. } => RetryHint::Transient,
            _ => RetryHint::No,
        }
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        let word = match self {
            Self::Remote { code, .. } => return Some(code.to_string().into()),
            Self::ProtocolViolation { .. } => return None,
            Self::Api { code, .. } => return code.as_deref().map(Cow::Borrowed),
            // The number that the field knows for it.
            Self::Disconnected => "-1",
            Self::Redirected => "redirected",
            Self::NotAvailable => "not_available",
            Self::ChannelNotOpen | Self::DataChannelNotOpen { .. } => "channel_not_open",
            Self::MethodNotPermitted { .. } => "method_not_permitted",
            Self::TooManyPending { .. } => "too_many_pending",
            Self::TooLarge { .. } => "too_large",
            Self::NotConnected { .. } => "not_connected",
            Self::Rejected(end) => return end.code.map(|code| code.to_string().into()),
        };
        Some(word.into())
    }

    fn detail(&self) -> Option<&str> {
        match self {
            Self::Remote { message, .. } => Some(message),
            Self::Disconnected => Some("Disconnected"),
            Self::Rejected(end) => Some(&end.reason),
            _ => None,
        }
    }
}
