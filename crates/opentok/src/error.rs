//! What OpenTok refuses, and why.

use std::borrow::Cow;

use rtc_core::http::StatusCode;
use rtc_core::{ErrorKind, RetryHint, ServiceError};

use crate::operation::Refusal;

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
        /// What this status means for this operation.
        refusal: Refusal,
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
    /// A webhook that was not posted by the service, or cannot be read.
    #[error("the webhook was refused: {0}")]
    Webhook(WebhookFault),
}

/// What is wrong with a client token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// It is neither a JWT nor a T1 token.
    #[error("it is neither a JWT nor a T1 token")]
    Malformed,
    /// Its signature was not made with this API secret, or this private key.
    #[error("its signature does not match the credentials")]
    Signature,
    /// It belongs to another API key, or another application.
    #[error("it belongs to another project")]
    Issuer,
    /// It has expired.
    #[error("it has expired")]
    Expired,
}

/// What is wrong with a webhook. Neither the body nor the signature is ever shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookFault {
    /// The header `Authorization` holds no bearer token.
    #[error("its Authorization header holds no bearer token; has this webhook a signature secret?")]
    Unsigned,
    /// The token is not a JWT that is signed with HS256. Others are refused, `none` above all.
    #[error("its token is not a JWT that is signed with HS256")]
    Malformed,
    /// The token was not signed with this signature secret.
    #[error("its token was not signed with this signature secret; each webhook has a secret of its own")]
    Signature,
    /// Somebody else has issued the token.
    #[error("its token was not issued by the service (claim iss)")]
    Issuer,
    /// The token was issued too long ago or too far ahead, does not say when, or has expired.
    #[error("its token is too old, lies ahead or has no time (claims iat, exp); is the clock right?")]
    Age,
    /// The token says nothing about the body, so that anything could be posted with it.
    #[error("its token does not cover the body (claim payload_hash is missing)")]
    NoPayloadHash,
    /// The body is not the one that was signed.
    #[error("its body is not the one that was signed (claim payload_hash); pass it byte for byte as it came")]
    PayloadHash,
    /// The body is not a JSON object.
    #[error("its body is not a JSON object: line {line}, column {column}")]
    #[non_exhaustive]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 when the line is empty.
        column: usize,
    },
    /// The body names an event that is known, but has not its form.
    #[error("its body is not a well-formed {event} event: {problem}")]
    #[non_exhaustive]
    Event {
        /// The event.
        event: &'static str,
        /// What is missing or wrong; no value is quoted.
        problem: String,
    },
}

impl OpenTokError {
    /// What the refusal means, by operation and status; none for a token or webhook that is not valid.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Api { refusal, .. } => Some(*refusal),
            Self::Token(_) | Self::Webhook(_) => None,
        }
    }
}

impl ServiceError for OpenTokError {
    fn kind(&self) -> ErrorKind {
        match self {
            // 408 is the service's way to say that a stream id is not valid.
            Self::Api { status, .. } if status.as_u16() == 408 => ErrorKind::InvalidInput,
            // Unknown keys and bad tokens come as 403; 401 was never seen but means the same.
            Self::Api { status, .. } if status.as_u16() == 403 => ErrorKind::Unauthenticated,
            Self::Api { status, .. } => ErrorKind::from_status(*status),
            Self::Webhook(WebhookFault::Json { .. } | WebhookFault::Event { .. }) => ErrorKind::Protocol,
            Self::Token(_) | Self::Webhook(_) => ErrorKind::Unauthenticated,
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
            Self::Token(_) | Self::Webhook(_) => None,
        }
    }

    fn detail(&self) -> Option<&str> {
        match self {
            Self::Api { message, .. } => Some(message).filter(|m| !m.is_empty()).map(String::as_str),
            Self::Token(_) | Self::Webhook(_) => None,
        }
    }
}
