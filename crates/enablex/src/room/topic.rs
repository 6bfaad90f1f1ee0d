//! What commands change and events tell of, so that of both the later one counts.

use super::event::RoomEvent;

/// What a command changes of which an event tells, too.
pub(super) fn of_command(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "lock_room" | "unlock_room" => "lock",
        "start_record" | "stop_record" => "recording",
        "hard_mute_room" | "hard_unmute_room" => "mute",
        "switch_room_mode" => "mode",
        "enable_knock" => "knock",
        "open_floor" => "floor",
        _ => return None,
    })
}

/// The same of an event.
pub(super) fn of_event(event: &RoomEvent) -> Option<&'static str> {
    Some(match event {
        RoomEvent::RoomLocked(_) | RoomEvent::RoomUnlocked(_) => "lock",
        RoomEvent::RoomRecordOn(_) | RoomEvent::RoomRecordOff(_) => "recording",
        RoomEvent::RoomMuted(_) | RoomEvent::RoomUnmuted(_) => "mute",
        RoomEvent::RoomSwitched(_) => "mode",
        RoomEvent::KnockEnabled(_) | RoomEvent::KnockDisabled(_) => "knock",
        RoomEvent::FloorOpened(_) | RoomEvent::FloorClosed(_) => "floor",
        _ => return None,
    })
}
