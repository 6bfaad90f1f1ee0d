//! What EnableX's codes mean. The vendor gives some numbers several meanings: a code is known by where it came from, the
//! operation, and the number, and a look-up gives every meaning that fits. Nothing is picked silently.

use std::time::Duration;

use rtc_core::ErrorKind;
use serde::Serialize;

use crate::generated_codes::TABLES;
use crate::operation::{CodeSpace, LookupError};

/// Codes that the vendor lists together.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) space: CodeSpace,
    pub(crate) origin: &'static str,
    pub(crate) operations: &'static [&'static str],
    pub(crate) rows: &'static [Row],
}

pub(crate) struct Row {
    pub(crate) code: &'static str,
    pub(crate) class: CodeClass,
    pub(crate) after_seconds: Option<u64>,
    pub(crate) http: Option<u16>,
    pub(crate) text: &'static str,
}

/// What a code comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CodeClass {
    /// It tells how things are; nothing has failed.
    Ok,
    /// The same was asked for a moment ago and is being done: wait for its event.
    InProgress,
    /// It waits in the service's queue: wait for its event.
    Queued,
    /// It runs already.
    AlreadyRunning,
    /// Not now: try again after a while.
    TryLater,
    /// It is done in another way.
    Fallback,
    /// A value is not valid.
    InvalidInput,
    /// The role, the subscription or the account does not cover it.
    NotAllowed,
    /// The credentials are not valid.
    Unauthenticated,
    /// There is no such thing.
    NotFound,
    /// The state of things forbids it.
    Conflict,
    /// There is no connection, or the room is closing.
    Closed,
    /// Too many requests.
    RateLimited,
    /// The service cannot now.
    Unavailable,
    /// It failed, and nobody says why.
    Failed,
    /// Cameras, microphones, browsers: nothing that a server has.
    Media,
}

impl CodeClass {
    /// The kind of an error of this class.
    #[must_use]
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::InvalidInput => ErrorKind::InvalidInput,
            Self::NotAllowed => ErrorKind::PermissionDenied,
            Self::Unauthenticated => ErrorKind::Unauthenticated,
            Self::NotFound => ErrorKind::NotFound,
            Self::InProgress | Self::AlreadyRunning | Self::Conflict => ErrorKind::Conflict,
            Self::Closed => ErrorKind::Closed,
            Self::RateLimited => ErrorKind::RateLimited,
            Self::TryLater | Self::Unavailable => ErrorKind::Unavailable,
            Self::Ok | Self::Queued | Self::Fallback | Self::Failed | Self::Media => ErrorKind::Other,
        }
    }
}

/// One meaning of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CodeMeaning {
    /// Where the code comes from.
    pub space: CodeSpace,
    /// The vendor's table that lists it; empty for the statuses of HTTP.
    pub table: &'static str,
    /// Where that table was found.
    pub origin: &'static str,
    /// The operations that it belongs to; none where it belongs to no single one.
    pub operations: &'static [&'static str],
    /// The code.
    pub code: &'static str,
    /// What it comes to.
    pub class: CodeClass,
    /// After how long the same may pass, where the vendor says so.
    pub retry_after: Option<Duration>,
    /// The status that comes with it, where one is documented.
    pub http_status: Option<u16>,
    /// What it means, in our words.
    pub description: &'static str,
}

/// Every meaning of a code in a space: of one operation, or without one of all.
pub(crate) fn meanings<'a>(
    space: &'a CodeSpace,
    code: &'a str,
    operation: Option<&'a str>,
) -> impl Iterator<Item = CodeMeaning> + 'a {
    let tables = TABLES.iter().filter(move |table| {
        table.space == *space && operation.is_none_or(|name| table.operations.contains(&name))
    });
    tables.flat_map(move |table| {
        table.rows.iter().filter(move |row| row.code == code).map(|row| CodeMeaning {
            space: table.space.clone(),
            table: table.name,
            origin: table.origin,
            operations: table.operations,
            code: row.code,
            class: row.class,
            retry_after: row.after_seconds.map(Duration::from_secs),
            http_status: row.http,
            description: row.text,
        })
    })
}

/// Tells everything that a code can mean. Sends nothing.
///
/// # Errors
/// Validation: the space is unknown, the code is empty.
///
/// ```
/// use enablex::{CodeClass, CodeSpace, LookupError, lookup_error};
///
/// // The same number for an unknown client and for an unknown mode.
/// assert!(lookup_error(LookupError::new(CodeSpace::Session, "5126"))?.len() > 1);
/// let pin = lookup_error(LookupError::new(CodeSpace::Session, "5126").operation("pin_users"))?;
/// assert_eq!(pin[0].class, CodeClass::InvalidInput);
/// # Ok::<(), enablex::Error>(())
/// ```
#[allow(clippy::needless_pass_by_value, reason = "every operation takes its request by value")]
pub fn lookup_error(request: LookupError) -> crate::Result<Vec<CodeMeaning>> {
    request.validate()?;
    Ok(meanings(&request.space, request.code.trim(), request.operation.as_deref()).collect())
}

/// What a code of a room means for an operation, where all that fits agrees: that of the operation's own table, or
/// without one there of all tables.
pub(crate) fn session_kind(operation: &str, code: i64) -> Option<ErrorKind> {
    if (operation, code) == ("connect_room", BAD_TOKEN) {
        return Some(ErrorKind::Unauthenticated);
    }
    agreed(&CodeSpace::Session, operation, &code.to_string())
}

fn agreed(space: &CodeSpace, operation: &str, code: &str) -> Option<ErrorKind> {
    let kinds = |operation| meanings(space, code, operation).map(|m| m.class.kind()).collect::<Vec<_>>();
    let mut found = kinds(Some(operation));
    if found.is_empty() {
        found = kinds(None);
    }
    // What the client libraries alone say of devices does not speak against the rest.
    found.retain(|kind| *kind != ErrorKind::Other);
    found.dedup();
    match found.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// What a code of a room says, in our words: that of the operation, else the first one.
pub(crate) fn session_words(operation: &str, code: i64) -> Option<&'static str> {
    let code = code.to_string();
    let mut own = meanings(&CodeSpace::Session, &code, Some(operation));
    own.next().or_else(|| meanings(&CodeSpace::Session, &code, None).next()).map(|m| m.description)
}

/// The meaning of a code of the Server API; `None` for an unknown one.
pub(crate) fn rest_kind(operation: &str, code: i64) -> Option<ErrorKind> {
    match code {
        // A room of another type, a conference that is not open: the state of things forbids it.
        10106 | 10113 => Some(ErrorKind::Conflict),
        // More than the application was granted.
        10021 => Some(ErrorKind::PermissionDenied),
        // The server's own failures. The vendor does not say that they pass, so they count as other, not as
        // unavailable; they are repeated all the same where that does no harm.
        50000..=50005 => Some(ErrorKind::Other),
        _ => agreed(&CodeSpace::Rest, operation, &code.to_string()),
    }
}

/// The codes of the Server API after which the same request may pass later.
pub(crate) fn rest_transient(code: i64) -> bool {
    matches!(code, 10105 | 50000..=50005)
}

/// There is no connection to the room.
pub(crate) const NOT_CONNECTED: i64 = 1163;
/// The subscription of the room does not cover this.
pub(crate) const NOT_SUBSCRIBED: i64 = 1170;
/// The token is not valid, was used, or has expired; elsewhere the number means other things.
const BAD_TOKEN: i64 = 1161;
/// The room is locked, or unlocked, already.
pub(crate) const SAME_LOCK: i64 = 4121;
/// The room is in lecture mode, in group mode already.
pub(crate) const SAME_LECTURE: i64 = 1716;
pub(crate) const SAME_GROUP: i64 = 1717;
/// A value is not valid.
pub(crate) const INVALID: i64 = 1155;
/// There is no such user.
pub(crate) const NO_SUCH_USER: i64 = 1159;
/// Nobody is left in the room to come back to.
#[cfg(feature = "socketio")]
pub(crate) const EMPTY_ROOM: i64 = 4119;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_there() {
        assert_eq!(TABLES.iter().map(|table| table.rows.len()).sum::<usize>(), 447);
        assert!(
            TABLES
                .iter()
                .flat_map(|table| table.rows)
                .all(|row| !row.text.is_empty() && row.text.len() <= 90)
        );
    }

    #[test]
    fn kinds_that_the_documentation_tells() {
        for (operation, code, kind) in [
            ("lock_room", 1168, ErrorKind::PermissionDenied),
            ("stop_live_recording", 7036, ErrorKind::PermissionDenied),
            ("start_live_recording", 7201, ErrorKind::PermissionDenied),
            ("pin_users", 1155, ErrorKind::InvalidInput),
            ("pin_users", 5126, ErrorKind::InvalidInput),
            ("switch_room_mode", 5126, ErrorKind::InvalidInput),
            ("start_streaming", 7101, ErrorKind::InvalidInput),
            ("switch_room_mode", 1716, ErrorKind::Conflict),
            ("switch_room_mode", 1717, ErrorKind::Conflict),
            ("connect_room", 1161, ErrorKind::Unauthenticated),
            ("connect_room", 2101, ErrorKind::Conflict),
            ("connect_room", 2102, ErrorKind::Conflict),
            ("lock_room", 4121, ErrorKind::Conflict),
            ("start_live_recording", 7019, ErrorKind::Conflict),
            ("start_record", 1163, ErrorKind::Closed),
            ("start_record", 1170, ErrorKind::PermissionDenied),
        ] {
            assert_eq!(session_kind(operation, code), Some(kind), "{operation} {code}");
        }
        for (code, kind) in [
            (10000, ErrorKind::NotFound),
            (40001, ErrorKind::NotFound),
            (40002, ErrorKind::PermissionDenied),
            (10030, ErrorKind::Conflict),
            (10111, ErrorKind::Conflict),
            (10112, ErrorKind::Conflict),
            (10114, ErrorKind::Conflict),
            (10105, ErrorKind::Unavailable),
            (50001, ErrorKind::Other),
            (10002, ErrorKind::InvalidInput),
        ] {
            assert_eq!(rest_kind("create_token", code), Some(kind), "{code}");
        }
        assert_eq!((session_kind("x", 7999), rest_kind("x", 7999)), (None, None));
    }
}
