//! What the real service was seen to do now and then, and what its official clients are ready for.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reply::{Content, Reply};

/// The switches, set by `POST /_emulator/mediasfu/quirks`; what is not named is off.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Quirks {
    /// A byte order mark in front of the JSON.
    pub(super) bom: bool,
    /// Addresses of rooms whose host begins with an empty label.
    pub(super) empty_label: bool,
    /// A status of success with a body that says no.
    pub(super) success_false: bool,
    /// A room's name as `meetingID`, `meetingId`, `roomId` and `data.roomName`, one after the other.
    pub(super) aliases: bool,
    /// Rooms without `message` and `success`, but with a member that nobody knows.
    pub(super) bare: bool,
    /// The list of telephone calls under `calls`.
    pub(super) calls: bool,
    /// The text of a refusal under `message`.
    pub(super) error_as_message: bool,
    /// How many rooms were answered under another name.
    #[serde(skip)]
    aliased: usize,
}

impl Quirks {
    /// A room as this mood of the service tells it.
    pub(super) fn room(&mut self, mut room: Value) -> Value {
        let Some(members) = room.as_object_mut() else { return room };
        if self.bare {
            members.retain(|name, _| name != "message" && name != "success");
            members.insert("serverBuild".into(), "emulator".into());
        }
        if self.aliases
            && let Some(name) = members.remove("roomName")
        {
            let (member, value) = match self.aliased % 4 {
                0 => ("meetingID", name),
                1 => ("meetingId", name),
                2 => ("roomId", name),
                _ => ("data", json!({ "roomName": name })),
            };
            members.insert(member.into(), value);
            self.aliased += 1;
        }
        room
    }

    /// A refusal as this mood of the service tells it.
    pub(super) fn refusal(self, mut reply: Reply) -> Reply {
        if let (true, Content::Json(Value::Object(members))) = (self.error_as_message, &mut reply.content)
            && let Some(text) = members.remove("error")
        {
            members.insert("message".into(), text);
        }
        reply
    }
}
