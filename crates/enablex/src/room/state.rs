//! What is known of a room, from what the room has told. Nothing is guessed and nothing is toggled.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::event::{ClientRole, Participant, RoleChange, RoomEvent, RoomSnapshot};
use crate::codes;
use crate::error::EnableXError;
use crate::operation::Role;

/// How far you are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// Not in the room yet.
    #[default]
    Connecting,
    /// Waiting until a moderator lets you in.
    Awaited,
    /// In the room.
    Connected,
    /// Out of it, for good.
    Closed,
}

/// What is known of a room. What the room has not told is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct RoomState {
    /// How far you are.
    pub phase: Phase,
    /// The room's id.
    pub room_id: Option<String>,
    /// The number of the session.
    pub conf_num: Option<String>,
    /// Your own id in the room.
    pub client_id: Option<String>,
    /// Your own role.
    pub role: Option<Role>,
    /// Whether nobody can enter any more.
    pub locked: Option<bool>,
    /// Whether all participants are muted.
    pub muted: Option<bool>,
    /// Whether the session is being recorded.
    pub recording: Option<bool>,
    /// Whether the room's subscription covers recordings.
    pub recording_subscribed: Option<bool>,
    /// Everybody in the room by client id, you included.
    pub participants: BTreeMap<String, Participant>,
}

impl RoomState {
    /// Takes an event in. A room that is over stays as it was, whatever comes after.
    pub fn apply(&mut self, event: &RoomEvent) {
        if self.phase == Phase::Closed {
            return;
        }
        match event {
            RoomEvent::RoomConnected(snapshot) => self.enter(snapshot),
            RoomEvent::RoomAwaited(_) => self.phase = Phase::Awaited,
            RoomEvent::RoomDisconnected(_) => self.phase = Phase::Closed,
            RoomEvent::UserConnected(participant) => self.add(participant),
            RoomEvent::UserDisconnected(participant) => {
                if let Some(id) = &participant.client_id {
                    self.participants.remove(id);
                }
            }
            RoomEvent::UserRoleChanged(change) => self.change_roles(change),
            RoomEvent::RoomLocked(_) => self.locked = Some(true),
            RoomEvent::RoomUnlocked(_) => self.locked = Some(false),
            RoomEvent::RoomMuted(_) => self.muted = Some(true),
            RoomEvent::RoomUnmuted(_) => self.muted = Some(false),
            RoomEvent::RoomRecordOn(_) => self.recording = Some(true),
            RoomEvent::RoomRecordOff(_) => self.recording = Some(false),
            RoomEvent::Unknown(_) => {}
        }
    }

    /// Takes in that the room has acknowledged `operation`. Of hard muting it does not tell the moderator in any
    /// other way; of the rest it does, but perhaps later than the next command is given.
    pub fn acknowledge(&mut self, operation: &str) {
        match operation {
            "lock_room" => self.locked = Some(true),
            "unlock_room" => self.locked = Some(false),
            "start_record" => self.recording = Some(true),
            "stop_record" => self.recording = Some(false),
            "hard_mute_room" => self.muted = Some(true),
            "hard_unmute_room" => self.muted = Some(false),
            _ => {}
        }
    }

    /// Whether the room would refuse `operation` (a name like `lock_room`) as things stand. The room has the last
    /// word: what it has not told does not stop a command, but for the role, which must be the moderator's.
    ///
    /// # Errors
    /// The refusal, with the code that the vendor's own libraries give.
    pub fn guard(&self, operation: &'static str) -> Result<(), EnableXError> {
        let refuse = |code| Err(EnableXError::room(operation, code));
        if self.phase != Phase::Connected {
            return refuse(codes::NOT_CONNECTED);
        }
        // All commands of this version are the moderators'.
        if self.role != Some(Role::Moderator) {
            return refuse(codes::NOT_ALLOWED);
        }
        match operation {
            "lock_room" if self.locked == Some(true) => refuse(codes::SAME_LOCK),
            "unlock_room" if self.locked == Some(false) => refuse(codes::SAME_LOCK),
            "start_record" | "stop_record" if self.recording_subscribed == Some(false) => {
                refuse(codes::NOT_SUBSCRIBED)
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, snapshot: &RoomSnapshot) {
        self.phase = Phase::Connected;
        self.participants.clear();
        for participant in &snapshot.user_list {
            self.add(participant);
        }
        let user = snapshot.user.clone().unwrap_or_default();
        self.client_id =
            user.client_id.clone().or_else(|| snapshot.client_id.clone()).or(self.client_id.take());
        let listed = self.client_id.as_ref().and_then(|id| self.participants.get(id));
        self.role = user.role.clone().or_else(|| listed.and_then(|p| p.role.clone()));
        self.room_id.clone_from(&snapshot.id);
        let room = snapshot.room.clone().unwrap_or_default();
        (self.locked, self.muted, self.conf_num) = (room.locked, room.mute, room.conf_num);
        let subscription = snapshot.subscription.as_ref();
        self.recording_subscribed =
            subscription.map(|s| s.get("recording").and_then(Value::as_bool) == Some(true));
    }

    fn add(&mut self, participant: &Participant) {
        if let Some(id) = &participant.client_id {
            self.participants.insert(id.clone(), participant.clone());
        }
    }

    fn change_roles(&mut self, change: &RoleChange) {
        if let Some(moderator) = &change.moderator {
            for (id, role) in [(&moderator.old, Role::Participant), (&moderator.new, Role::Moderator)] {
                self.set_role(id.as_deref(), role);
            }
        }
        for ClientRole { client_id, role } in &change.clients_info {
            if let Some(new) = &role.new {
                self.set_role(client_id.as_deref(), Role::from(new.as_str()));
            }
        }
    }

    fn set_role(&mut self, client_id: Option<&str>, role: Role) {
        let Some(id) = client_id else { return };
        if let Some(participant) = self.participants.get_mut(id) {
            participant.role = Some(role.clone());
        }
        if self.client_id.as_deref() == Some(id) {
            self.role = Some(role);
        }
    }
}
