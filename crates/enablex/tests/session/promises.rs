//! What the vendor's reference promises of each command: which notification, and whom.

use serde_json::{Value, json};

/// Whom something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// Everybody in the room, whoever gave the command included.
    All,
    /// Everybody in the room who is no moderator.
    Participants,
    Moderators,
    /// Everybody in the room but the one whom the command is about.
    Others,
    /// The one whom the command is about.
    Whom,
    /// Those in the room whose client is of the older protocol generation.
    Older,
    /// Those in the room whose client is of the newer one.
    Newer,
}

/// The 23 commands of the reference.
pub(crate) const COMMANDS: [&str; 23] = [
    "start_record",
    "stop_record",
    "start_live_recording",
    "stop_live_recording",
    "hard_mute_room",
    "hard_unmute_room",
    "hard_mute_audio",
    "hard_unmute_audio",
    "hard_mute_video",
    "hard_unmute_video",
    "lock_room",
    "unlock_room",
    "approve_awaited_user",
    "deny_awaited_user",
    "switch_user_role",
    "pin_users",
    "unpin_users",
    "add_spotlight_users",
    "remove_spotlight_users",
    "drop_users",
    "switch_room_mode",
    "extend_conference_duration",
    "destroy_room",
];

/// The notifications of a step, in the order in which somebody hears them who hears several: given by one, about another
/// (each a client id). The content is the least that the event must hold.
pub(crate) fn promised(step: &str, by: &str, whom: &str) -> Vec<(To, Value)> {
    match step {
        "knock" => vec![
            (To::Whom, json!({ "type": "room_awaited", "event_type": "knock" })),
            (To::Moderators, json!({ "type": "user_awaited", "client_id": whom, "event_type": "knock" })),
        ],
        "ten minutes left" => {
            vec![(To::All, json!({ "type": "conference_remaining_duration", "time_left": 10.0 }))]
        }
        "start_record" => vec![(To::All, json!({ "type": "room_record_on", "moderator_id": by }))],
        "stop_record" => vec![(To::All, json!({ "type": "room_record_off", "moderator_id": by }))],
        "start_live_recording" => {
            vec![(To::All, json!({ "type": "room_live_recording_on", "started_by": by }))]
        }
        "stop_live_recording" => {
            vec![(To::All, json!({ "type": "room_live_recording_off", "stopped_by": by }))]
        }
        "hard_mute_room" => vec![(To::Participants, json!({ "type": "room_muted", "moderator": by }))],
        "hard_unmute_room" => vec![(To::All, json!({ "type": "room_unmuted", "moderator": by }))],
        "hard_mute_audio" => participants("hardmute_user_audio", by, whom),
        "hard_unmute_audio" => participants("hardunmute_user_audio", by, whom),
        "hard_mute_video" => participants("hardmute_user_video", by, whom),
        "hard_unmute_video" => participants("hardunmute_user_video", by, whom),
        "lock_room" => vec![(To::All, json!({ "type": "room_locked", "moderator": by }))],
        "unlock_room" => vec![(To::All, json!({ "type": "room_unlocked", "moderator": by }))],
        "approve_awaited_user" => vec![
            (To::Whom, json!({ "type": "room_connected", "client_id": whom })),
            // To those who come late as well.
            (To::Whom, json!({ "type": "room_live_recording_on", "started_by": by })),
            (To::Others, json!({ "type": "user_connected", "client_id": whom })),
        ],
        "deny_awaited_user" => vec![(To::Whom, json!({ "type": "room_disconnected", "reason": "denied" }))],
        "switch_user_role" => vec![
            (To::Older, json!({ "type": "user_role_changed", "moderator": { "new": whom, "old": by } })),
            (
                To::Newer,
                json!({ "type": "user_role_changed", "clients_info": [
                { "client_id": whom, "role": { "new": "moderator", "old": "participant" } },
                { "client_id": by, "role": { "new": "participant", "old": "moderator" } },
            ] }),
            ),
        ],
        "pin_users" => people("update_pin_users", by, &[whom]),
        "unpin_users" => people("update_pin_users", by, &[]),
        "add_spotlight_users" => {
            let mut told = people("spotlight_users", by, &[whom]);
            told.push((To::All, json!({ "type": "active_talkers_updated" })));
            told
        }
        "remove_spotlight_users" => people("spotlight_users", by, &[]),
        "drop_users" => vec![
            (To::Whom, json!({ "type": "room_disconnected", "reason": "dropped-by-moderator" })),
            (To::Others, json!({ "type": "user_disconnected", "client_id": whom })),
        ],
        // The mode is not told.
        "switch_room_mode" => vec![(To::All, json!({ "type": "room_switched", "moderator": by }))],
        "extend_conference_duration" => {
            vec![(To::All, json!({ "type": "conference_extended", "extended_time": 10.0 }))]
        }
        "destroy_room" => vec![(To::All, json!({ "type": "room_disconnected", "reason": "room-destroyed" }))],
        step => panic!("nothing is known of {step}"),
    }
}

fn participants(kind: &str, by: &str, whom: &str) -> Vec<(To, Value)> {
    vec![(To::Participants, json!({ "type": kind, "client_id": whom, "moderator_id": by }))]
}

fn people(kind: &str, by: &str, clients: &[&str]) -> Vec<(To, Value)> {
    vec![(To::All, json!({ "type": kind, "moderator_id": by, "clients": clients }))]
}
