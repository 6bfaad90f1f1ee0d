//! What OpenTok refuses, and why.

use std::borrow::Cow;

use rtc_core::http::StatusCode;
use rtc_core::{ErrorKind, RetryHint, ServiceError};

/// The error of every call.
pub type Error = rtc_core::Error<OpenTokError>;

/// The result of every call.
pub type Result<T> = std::result::Result<T, Error>;

/// OpenTok's own error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenTokError {
    /// The service refused the request.
    #[error("OpenTok refused {operation} with status {}{}{message}", status.as_u16(), if message.is_empty() { "" } else { ": " })]
    #[non_exhaustive]
    Api {
        /// The operation.
        operation: &'static str,
        /// The HTTP status; for an `<error>` document inside a success, the status its code stands for.
        status: StatusCode,
        /// The code of the error document, where there is one.
        code: Option<i64>,
        /// The message of the error document, where there is one.
        message: String,
        /// The body, at most 2 KiB of it, without credentials.
        body: String,
    },
    /// A client token that is not valid.
    #[error("the token is not valid: {0}")]
    Token(TokenFault),
}

/// What is wrong with a client token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// It is neither a JWT nor a T1 token.
    #[error("it is neither a JWT nor a T1 token")]
    Malformed,
    /// Its signature was not made with this API secret.
    #[error("its signature does not match the API secret")]
    Signature,
    /// It belongs to another API key.
    #[error("it belongs to another API key")]
    Issuer,
    /// It has expired.
    #[error("it has expired")]
    Expired,
}

impl ServiceError for OpenTokError {
    fn kind(&self) -> ErrorKind {
        match self {
            // 408 is the service's way to say that a stream id is not valid.
            Self::Api { status, .. } if status.as_u16() == 408 => ErrorKind::InvalidInput,
            // Unknown keys and bad tokens come as 403; 401 was never seen but means the same.
            Self::Api { status, .. } if status.as_u16() == 403 => ErrorKind::Unauthenticated,
            Self::Api { status, .. } => ErrorKind::from_status(*status),
            Self::Token(_) => ErrorKind::Unauthenticated,
        }
    }

    fn retry(&self) -> RetryHint {
        match self {
            Self::Api { status, .. } if status.as_u16() == 429 => RetryHint::RefusedWithoutEffect,
            Self::Api { status, .. } if status.is_server_error() => RetryHint::Transient,
            _ => RetryHint::No,
        }
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Api { code, .. } => code.map(|c| c.to_string().into()),
            Self::Token(_) => None,
        }
    }

    fn detail(&self) -> Option<&str> {
        match self {
            Self::Api { message, .. } => Some(message).filter(|m| !m.is_empty()).map(String::as_str),
            Self::Token(_) => None,
        }
    }
}
