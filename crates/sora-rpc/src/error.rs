//! What Sora refuses, and why.

use std::borrow::Cow;
use std::fmt;

use rtc_core::{ErrorKind, Reason, ServiceError};
use serde_json::Value;

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
            Self::NotAvailable | Self::ChannelNotOpen => ErrorKind::Unavailable,
            Self::MethodNotPermitted { .. } => ErrorKind::PermissionDenied,
            Self::TooManyPending { .. } => ErrorKind::RateLimited,
            Self::TooLarge { .. } => ErrorKind::InvalidInput,
        }
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        let word = match self {
            Self::Remote { code, .. } => return Some(code.to_string().into()),
            Self::ProtocolViolation { .. } => return None,
            // The number that the field knows for it.
            Self::Disconnected => "-1",
            Self::Redirected => "redirected",
            Self::NotAvailable => "not_available",
            Self::ChannelNotOpen => "channel_not_open",
            Self::MethodNotPermitted { .. } => "method_not_permitted",
            Self::TooManyPending { .. } => "too_many_pending",
            Self::TooLarge { .. } => "too_large",
        };
        Some(word.into())
    }

    fn detail(&self) -> Option<&str> {
        match self {
            Self::Remote { message, .. } => Some(message),
            Self::Disconnected => Some("Disconnected"),
            _ => None,
        }
    }
}
