//! What MediaSFU refuses, and why.

use std::borrow::Cow;

use rtc_core::http::StatusCode;
use rtc_core::{ErrorKind, RetryHint, ServiceError};

/// The error of every call.
pub type Error = rtc_core::Error<MediaSfuError>;

/// The result of every call.
pub type Result<T> = std::result::Result<T, Error>;

/// MediaSFU's own error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaSfuError {
    /// The same `create_room` call is under way; nothing was sent. See [`pending`](crate::pending).
    #[error("Room creation already in progress")]
    InProgress,
    /// Too many connections to meetings failed: none is tried for a while. Nothing was sent. See
    /// [`AttemptLimiter`](crate::AttemptLimiter).
    #[error("Too many unsuccessful attempts. Please try again later.")]
    TooManyAttempts,
    /// A meeting refused a command or a connection.
    #[error("the meeting refused {operation}: {reason}")]
    #[non_exhaustive]
    Meeting {
        /// The operation.
        operation: &'static str,
        /// The service's own words, without secrets.
        reason: String,
    },
    /// The service refused the request.
    #[error("{}, {}", attempt(operation), shown(message.as_deref(), *status))]
    #[non_exhaustive]
    Api {
        /// The operation.
        operation: &'static str,
        /// The HTTP status. A success means that the body says `"success": false`.
        status: StatusCode,
        /// The service's own code, where it gave one.
        code: Option<String>,
        /// The service's own text, where it gave one, without secrets and at most 512 characters of it.
        message: Option<String>,
        /// The body without secrets, at most 2 KiB of it.
        body: String,
    },
}

/// What was tried, in the words of the official SDKs.
fn attempt(operation: &str) -> String {
    match operation {
        "create_room" => "Unable to create room".into(),
        "join_room" => "Unable to join room".into(),
        other => format!("MediaSFU refused {other}"),
    }
}

fn shown(message: Option<&str>, status: StatusCode) -> String {
    message.map_or_else(|| format!("HTTP error! Status: {}", status.as_u16()), str::to_owned)
}

impl ServiceError for MediaSfuError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::InProgress => ErrorKind::Conflict,
            Self::TooManyAttempts => ErrorKind::RateLimited,
            // The words alone tell nothing about why.
            Self::Meeting { .. } => ErrorKind::Other,
            // A success that says no tells nothing about why.
            Self::Api { status, .. } if status.is_success() => ErrorKind::Other,
            Self::Api { status, .. } => ErrorKind::from_status(*status),
        }
    }

    fn retry(&self) -> RetryHint {
        match self {
            Self::Api { status, .. } => match status.as_u16() {
                429 => RetryHint::RefusedWithoutEffect,
                502..=504 => RetryHint::Transient,
                _ => RetryHint::No,
            },
            Self::InProgress | Self::TooManyAttempts | Self::Meeting { .. } => RetryHint::No,
        }
    }

    fn detail(&self) -> Option<&str> {
        match self {
            Self::Api { message, .. } => message.as_deref(),
            Self::Meeting { reason, .. } => Some(reason),
            Self::InProgress | Self::TooManyAttempts => None,
        }
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Api { code, .. } => code.as_deref().map(Cow::Borrowed),
            _ => None,
        }
    }
}
