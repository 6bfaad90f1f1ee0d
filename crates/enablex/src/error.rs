//! What EnableX refuses, and why.

use std::borrow::Cow;
use std::fmt;

use rtc_core::http::StatusCode;
use rtc_core::{ErrorKind, RetryHint, ServiceError};

use crate::codes;

/// The error of every call.
pub type Error = rtc_core::Error<EnableXError>;

/// The result of every call.
pub type Result<T> = std::result::Result<T, Error>;

/// The code of a refusal by the Server API.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiCode {
    /// A number, in the older form of errors (`result`).
    Number(i64),
    /// A name, in the newer form of errors (`error_code`).
    Name(String),
}

impl fmt::Display for ApiCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// EnableX's own error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnableXError {
    /// The Server API refused the request; it often does so with status 200.
    #[error("EnableX refused {operation} with status {}{}{}{message}", status.as_u16(), shown(code), colon(message))]
    #[non_exhaustive]
    Api {
        /// The operation.
        operation: &'static str,
        /// The HTTP status.
        status: StatusCode,
        /// The code, where the answer holds one.
        code: Option<ApiCode>,
        /// The text of the answer, where it holds one.
        message: String,
        /// The id of the request, where the answer holds one.
        request_id: Option<String>,
        /// The body, at most 2 KiB of it, without credentials.
        body: String,
    },
    /// A room refused a command, or the command was refused here because the room would.
    #[error("{operation}: {}{}", message, code.map(|c| format!(" (code {c})")).unwrap_or_default())]
    #[non_exhaustive]
    Room {
        /// The operation.
        operation: &'static str,
        /// The code, where there is one. It counts only together with the operation: the vendor gives some
        /// numbers several meanings.
        code: Option<i64>,
        /// What is wrong, in the server's words where it has some.
        message: String,
    },
    /// The session cannot be extended now, by the clock of this client: nothing was sent.
    #[error(
        "{operation}: no window for an extension is open, {minutes_left} minutes are left; see SessionLife"
    )]
    #[non_exhaustive]
    OutsideWindow {
        /// The operation.
        operation: &'static str,
        /// How many whole minutes are left.
        minutes_left: u64,
    },
}

fn shown(code: &Option<ApiCode>) -> String {
    code.as_ref().map(|code| format!(" (code {code})")).unwrap_or_default()
}

fn colon(message: &str) -> &'static str {
    if message.is_empty() { "" } else { ": " }
}

impl EnableXError {
    /// A refusal of a room by its code, in our words.
    pub(crate) fn room(operation: &'static str, code: i64) -> Self {
        let message = codes::session_words(operation, code).unwrap_or("the room refused it");
        Self::Room { operation, code: Some(code), message: message.to_owned() }
    }
}

/// The meaning of the newer form's names, where the status is one of success.
fn kind_of_name(name: &str) -> ErrorKind {
    match name {
        "RATE_LIMITED" => ErrorKind::RateLimited,
        "UNAUTHORIZED" => ErrorKind::Unauthenticated,
        "FORBIDDEN" => ErrorKind::PermissionDenied,
        "NOT_FOUND" => ErrorKind::NotFound,
        "CONFLICT" => ErrorKind::Conflict,
        _ => ErrorKind::Other,
    }
}

impl ServiceError for EnableXError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Api { status, .. } if status.as_u16() == 429 => ErrorKind::RateLimited,
            Self::Api { operation, status, code: Some(ApiCode::Number(number)), .. } => {
                codes::rest_kind(operation, *number).unwrap_or(if status.is_success() {
                    ErrorKind::Other
                } else {
                    ErrorKind::from_status(*status)
                })
            }
            Self::Api { status, code: Some(ApiCode::Name(name)), .. } if status.is_success() => {
                kind_of_name(name)
            }
            Self::Api { status, .. } if status.is_success() => ErrorKind::Other,
            Self::Api { status, .. } => ErrorKind::from_status(*status),
            Self::Room { operation, code, .. } => {
                code.and_then(|code| codes::session_kind(operation, code)).unwrap_or(ErrorKind::Other)
            }
            Self::OutsideWindow { .. } => ErrorKind::Conflict,
        }
    }

    fn retry(&self) -> RetryHint {
        match self {
            _ if self.kind() == ErrorKind::RateLimited => RetryHint::RefusedWithoutEffect,
            Self::Api { code: Some(ApiCode::Number(number)), .. } if codes::rest_transient(*number) => {
                RetryHint::Transient
            }
            Self::Api { status, .. } if status.is_server_error() => RetryHint::Transient,
            _ => RetryHint::No,
        }
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Api { code, .. } => code.as_ref().map(|code| code.to_string().into()),
            Self::Room { code, .. } => code.map(|code| code.to_string().into()),
            Self::OutsideWindow { .. } => None,
        }
    }

    fn detail(&self) -> Option<&str> {
        match self {
            Self::Api { message, .. } | Self::Room { message, .. } => {
                Some(message.as_str()).filter(|m| !m.is_empty())
            }
            Self::OutsideWindow { .. } => None,
        }
    }
}
