//! What EnableX's numbers mean. The same number may mean different things in different spaces, so there is one
//! table for the Server API and one for rooms.

use rtc_core::ErrorKind;

/// The meaning of a code of the Server API; `None` for an unknown one.
pub(crate) fn rest_kind(code: i64) -> Option<ErrorKind> {
    Some(match code {
        10000 | 40001 => ErrorKind::NotFound,
        40002 => ErrorKind::PermissionDenied,
        // An active room, a room of another type, a conference that is over, not open or full.
        10030 | 10106 | 10111..=10114 => ErrorKind::Conflict,
        10105 => ErrorKind::Unavailable,
        10021 => ErrorKind::PermissionDenied,
        10001..=10026 | 10101..=10104 | 10201..=10205 => ErrorKind::InvalidInput,
        // The server's own failures. The vendor does not say that they pass, so they count as other, not as
        // unavailable; they are repeated all the same where that does no harm.
        50000..=50005 => ErrorKind::Other,
        _ => return None,
    })
}

/// The codes of the Server API after which the same request may pass later.
pub(crate) fn rest_transient(code: i64) -> bool {
    matches!(code, 10105 | 50000..=50005)
}

/// The caller is not a moderator.
pub(crate) const NOT_ALLOWED: i64 = 1168;
/// There is no connection to the room.
pub(crate) const NOT_CONNECTED: i64 = 1163;
/// The subscription of the room does not cover this.
pub(crate) const NOT_SUBSCRIBED: i64 = 1170;
/// The room is locked, or unlocked, already.
pub(crate) const SAME_LOCK: i64 = 4121;

/// The meaning of a code of a room, and what it says in our words; `None` for an unknown one.
pub(crate) fn session(code: i64) -> Option<(ErrorKind, &'static str)> {
    Some(match code {
        2101 => (ErrorKind::Conflict, "the room has as many moderators as it may have"),
        2102 => (ErrorKind::Conflict, "the room has as many participants as it may have"),
        4119 => (ErrorKind::Conflict, "the room has ended, nobody is in it any more"),
        SAME_LOCK => (ErrorKind::Conflict, "the room is in this lock state already"),
        5117 => (ErrorKind::Conflict, "the room is locked already"),
        5118 => (ErrorKind::Conflict, "the room is not locked"),
        5034 => (ErrorKind::Conflict, "the session is being recorded already"),
        5036 => (ErrorKind::Conflict, "the session is not being recorded"),
        1716 | 1717 => (ErrorKind::Conflict, "the room is in this mode already"),
        7019 => (ErrorKind::Conflict, "the live recording is running already"),
        NOT_ALLOWED | 1201 | 5003 | 5007 | 5115 | 7036 | 7201 => {
            (ErrorKind::PermissionDenied, "only a moderator may do this")
        }
        NOT_SUBSCRIBED => (ErrorKind::PermissionDenied, "the room's subscription does not cover this"),
        1155 => (ErrorKind::InvalidInput, "a parameter is not valid"),
        5126 => (ErrorKind::InvalidInput, "a client id or the mode is not valid"),
        7101 => (ErrorKind::InvalidInput, "a streaming address is not valid"),
        1161 => (ErrorKind::Unauthenticated, "the token is not valid, was used before, or has expired"),
        NOT_CONNECTED | 1171 | 5086 => (ErrorKind::Closed, "there is no connection to the room"),
        _ => return None,
    })
}
