//! What the room would refuse is not sent. What the room has not told stops nothing, but for the role: the room has the
//! last word.

#[cfg(feature = "socketio")]
use rtc_core::validate::{Field, Violation};
#[cfg(feature = "socketio")]
use rtc_core::{Rule, Violations};
#[cfg(feature = "socketio")]
use serde_json::Map;
use serde_json::Value;

#[cfg(feature = "socketio")]
use super::live::Protocol;
use super::state::{Phase, RoomState};
use crate::codes;
use crate::error::EnableXError;
use crate::operation::{Role, RoomMode};

impl RoomState {
    /// Whether the room would refuse `operation` (a name like `lock_room`, with the arguments that go out) as things
    /// stand. The limits of pins and spotlights stop nothing: the documentation is not sure of them.
    ///
    /// # Errors
    /// The refusal, with the code that the vendor's own libraries give.
    pub fn guard(
        &self,
        operation: &'static str,
        moderators: Option<i64>,
        args: &[Value],
    ) -> Result<(), EnableXError> {
        match self.refusal(operation, moderators, args) {
            Some(code) => Err(EnableXError::room(operation, code)),
            None => Ok(()),
        }
    }

    fn refusal(&self, operation: &str, moderators: Option<i64>, args: &[Value]) -> Option<i64> {
        if self.phase != Phase::Connected {
            return Some(codes::NOT_CONNECTED);
        }
        if moderators.is_some() && self.role != Some(Role::Moderator) {
            return moderators;
        }
        let first = args.first().unwrap_or(&Value::Null);
        if names(first).any(|id| id.trim().is_empty()) {
            return Some(codes::INVALID);
        }
        match operation {
            "lock_room" if self.locked == Some(true) => Some(codes::SAME_LOCK),
            "unlock_room" if self.locked == Some(false) => Some(codes::SAME_LOCK),
            "start_record" | "stop_record" if self.recording_subscribed == Some(false) => {
                Some(codes::NOT_SUBSCRIBED)
            }
            "switch_room_mode" => self.same_mode(first),
            "switch_user_role" => self.no_candidate(first),
            _ => None,
        }
    }

    fn same_mode(&self, wanted: &Value) -> Option<i64> {
        let mode = self.mode.as_ref().filter(|mode| Some(mode.as_str()) == wanted.as_str())?;
        match mode {
            RoomMode::Lecture => Some(codes::SAME_LECTURE),
            RoomMode::Group => Some(codes::SAME_GROUP),
            RoomMode::Other(_) => None,
        }
    }

    /// Roles are swapped with somebody else who is in the room.
    fn no_candidate(&self, wanted: &Value) -> Option<i64> {
        let id = names(wanted).next()?;
        if self.client_id.as_deref() == Some(id) {
            return Some(codes::INVALID);
        }
        (!self.participants.is_empty() && !self.participants.contains_key(id)).then_some(codes::NO_SUCH_USER)
    }
}

/// The client ids in an argument: itself, `clientId`, `clientIds` or `clients`, alone or in a list of one.
fn names(argument: &Value) -> impl Iterator<Item = &str> {
    let inner = argument.get(0).unwrap_or(argument);
    let list = inner.get("clientIds").or_else(|| inner.get("clients")).and_then(Value::as_array);
    let one = inner.get("clientId").or(Some(inner));
    let one = one.filter(|_| list.is_none());
    list.into_iter().flatten().chain(one).filter_map(Value::as_str)
}

/// Refuses what only the newer protocol generation knows, and fills in what the state knows.
#[cfg(feature = "socketio")]
pub(super) fn complete(
    operation: &str,
    protocol: Protocol,
    state: &RoomState,
    mut args: Vec<Value>,
) -> Result<Vec<Value>, Violations> {
    let newer = protocol == Protocol::Eio4;
    match (operation, args.first_mut()) {
        ("destroy_room", Some(Value::Object(object))) if newer => {
            object.entry("deleteRoom").or_insert(Value::Bool(false));
        }
        ("destroy_room", Some(Value::Object(object))) => {
            // Not to delete the room is all that the older generation can.
            let delete = object.remove("deleteRoom");
            if delete == Some(Value::Bool(true)) {
                return Err(newer_only(Field::new("delete_room", "deleteRoom")));
            }
        }
        ("switch_user_role", Some(Value::Array(_))) if !newer => {
            return Err(newer_only(Field::new("role", "role")));
        }
        ("stop_streaming", Some(argument)) => {
            let options = argument.get_mut("options").and_then(Value::as_object_mut);
            if let Some(options) = options {
                fill(options, "confNum", state.conf_num.as_deref());
                fill(options, "roomId", state.room_id.as_deref());
            }
        }
        _ => {}
    }
    Ok(args)
}

#[cfg(feature = "socketio")]
fn fill(options: &mut Map<String, Value>, name: &str, known: Option<&str>) {
    if let Some(known) = known {
        options.entry(name).or_insert_with(|| known.into());
    }
}

#[cfg(feature = "socketio")]
fn newer_only(field: Field) -> Violations {
    let message = "only the newer protocol generation (Protocol::Eio4) knows it: leave it out";
    Violation::new(field.name, field.wire, Rule::Forbidden, message).into()
}
