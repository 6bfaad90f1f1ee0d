//! What the scripted session of the crate promises, held against the catalogue of the reference, where that is: it is not
//! part of this repository.

use serde_json::{Value, json};

use crate::promises::{COMMANDS, To, promised};
use crate::{Found, captures, same};

/// The commands in the catalogue whose names are not ours in another spelling.
const COMMAND_NAMES: [(&str, &str); 9] = [
    ("hardMute", "hard_mute_room"),
    ("hardUnMute", "hard_unmute_room"),
    ("hardUnMuteAudio", "hard_unmute_audio"),
    ("hardUnMuteVideo", "hard_unmute_video"),
    ("unLockRoom", "unlock_room"),
    ("dropUser", "drop_users"),
    ("destroy", "destroy_room"),
    ("hardMuteAudio", "hard_mute_audio"),
    ("hardMuteVideo", "hard_mute_video"),
];

/// The callbacks of the catalogue, by the beginning of the name, and our events.
const CALLBACKS: [(&str, &str); 23] = [
    ("onRoomRecordingOn", "room_record_on"),
    ("onRoomRecordingOff", "room_record_off"),
    ("onLiveRecordingNotification", "room_live_recording_on"),
    ("(none documented; type room-live-recording-off", "room_live_recording_off"),
    ("onReceivedMuteRoom", "room_muted"),
    ("onReceivedUnMuteRoom", "room_unmuted"),
    ("onReceivedHardMuteAudio", "hardmute_user_audio"),
    ("onReceivedHardUnMuteAudio", "hardunmute_user_audio"),
    ("onReceivedHardMuteVideo", "hardmute_user_video"),
    ("onReceivedHardUnMuteVideo", "hardunmute_user_video"),
    ("onLockedRoom", "room_locked"),
    ("onUnLockedRoom", "room_unlocked"),
    ("onUserAwaited", "user_awaited"),
    ("onRoomAwaited", "room_awaited"),
    ("onRoomConnected", "room_connected"),
    ("onRoomDisconnected", "room_disconnected"),
    ("onUserRoleChanged", "user_role_changed"),
    ("onPinnedUsers", "update_pin_users"),
    ("onUpdateSpotlightUsers", "spotlight_users"),
    ("onActiveTalkersUpdated", "active_talkers_updated"),
    ("onRoomModeSwitched", "room_switched"),
    ("onConferenceRemainingDuration", "conference_remaining_duration"),
    ("onConferencessExtended", "conference_extended"),
];

/// What goes before a command, and is listed with it.
const TRIGGERS: [(&str, &str); 3] = [
    ("approve_awaited_user", "knock"),
    ("deny_awaited_user", "knock"),
    ("extend_conference_duration", "ten minutes left"),
];

/// Told as well, as the catalogue says elsewhere: the coming and going of users, and what is for those who come late.
const BESIDES: [(&str, &str); 5] = [
    ("approve_awaited_user", "user_connected"),
    ("approve_awaited_user", "room_live_recording_on"),
    ("drop_users", "room_disconnected"),
    ("drop_users", "user_disconnected"),
    ("destroy_room", "room_disconnected"),
];

pub(crate) fn run(found: &mut Found) {
    println!("\nthe promises of the scripted session");
    let Some(folder) = captures() else {
        return found.skip("the catalogue of the reference: ../shared is not there");
    };
    let text = std::fs::read_to_string(folder.join("../catalog.json")).unwrap_or_default();
    let commands = serde_json::from_str::<Value>(&text).unwrap_or_default()["commands"].clone();
    let commands = commands.as_array().cloned().unwrap_or_default();
    found.check("the number of commands", same("commands", &json!(commands.len()), &json!(COMMANDS.len())));
    for command in &commands {
        let name = command["name"].as_str().unwrap_or_default();
        found.check(name, compare(name, command));
    }
}

fn compare(name: &str, command: &Value) -> Result<(), String> {
    let snake = |name: &str| {
        name.chars().fold(String::new(), |text, c| {
            if c.is_ascii_uppercase() {
                format!("{text}_{}", c.to_ascii_lowercase())
            } else {
                format!("{text}{c}")
            }
        })
    };
    let own = COMMAND_NAMES.iter().find(|(theirs, _)| *theirs == name);
    let step = own.map_or_else(|| snake(name), |(_, own)| (*own).to_owned());
    if !COMMANDS.contains(&step.as_str()) {
        return Err(format!("there is no command {step}"));
    }
    let mut theirs = Vec::new();
    for notification in command["notifications"].as_array().into_iter().flatten() {
        theirs.push(theirs_as_ours(notification)?);
    }
    let trigger = TRIGGERS
        .iter()
        .filter(|(command, _)| *command == step)
        .flat_map(|(_, trigger)| promised(trigger, "", ""));
    let ours = trigger.chain(promised(&step, "", ""));
    let ours = ours.map(|(to, event)| (event["type"].as_str().unwrap_or_default().to_owned(), to));
    let besides = |kind: &str| BESIDES.iter().any(|(command, event)| *command == step && *event == kind);
    let mut ours: Vec<String> =
        ours.filter(|(kind, _)| !besides(kind)).map(|(kind, to)| written(&kind, to)).collect();
    theirs.sort();
    ours.sort();
    ours.dedup();
    same("the notifications", &json!(ours), &json!(theirs))
}

fn written(kind: &str, to: To) -> String {
    // Each generation in its form: together they are all.
    let to = if matches!(to, To::Older | To::Newer) { To::All } else { to };
    format!("{kind} to {to:?}")
}

fn theirs_as_ours(notification: &Value) -> Result<String, String> {
    let callback = notification["callback"].as_str().unwrap_or_default();
    // Some names begin with others: the longest one counts.
    let known = CALLBACKS.iter().filter(|(name, _)| callback.starts_with(name));
    let (_, kind) =
        known.max_by_key(|(name, _)| name.len()).ok_or_else(|| format!("{callback} is not known"))?;
    let to = match notification["to"].as_str().unwrap_or_default() {
        to if to.contains("all participants") => To::Participants,
        to if to.starts_with("all") => To::All,
        to if to.starts_with("moderator") => To::Moderators,
        "awaited user" => To::Whom,
        to => return Err(format!("{callback}: nobody knows who {to:?} is")),
    };
    Ok(written(kind, to))
}
