//! What becomes of the events of a meeting.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mediasfu::MeetingEvent;
use serde_json::{Value, json};

fn read(name: &str, content: Value) -> Value {
    serde_json::to_value(MeetingEvent::read(name, &[content])).unwrap()
}

/// What is there of the expected members.
fn holds(got: &Value, expected: &Value) -> bool {
    match (got, expected) {
        (Value::Object(got), Value::Object(expected)) => {
            expected.iter().all(|(name, want)| got.get(name).is_some_and(|got| holds(got, want)))
        }
        (Value::Array(got), Value::Array(expected)) => {
            got.len() == expected.len() && got.iter().zip(expected).all(|(got, want)| holds(got, want))
        }
        _ => got == expected,
    }
}

#[test]
fn every_event_has_its_type() {
    let member = json!({
        "name": "g", "id": "p1", "islevel": 1, "isHost": "false", "muted": true, "videoOn": 0, "ScreenOn": true,
        "audioID": "a", "videoID": "", "ScreenID": null, "more": [1],
    });
    let list = json!({
        "members": [member, null], "requests": [{ "id": "p1", "icon": "fa-video", "name": "g" }], "coHost": null,
        "settings": ["allow", "approval", "disallow", "else"],
        "coHostResponsibilities": [{ "name": "chat", "value": true, "dedicated": "true" }],
    });
    let participant = json!({
        "name": "g", "id": "p1", "islevel": "1", "is_host": false, "muted": true, "video_on": false,
        "screen_on": true, "audio_id": "a", "video_id": "", "screen_id": null,
    });
    let listed = json!({
        "type": "members", "members": [participant], "requests": [{ "icon": "fa-video" }], "co_host": null,
        "settings": ["allow", "approval", "disallow", "else"],
        "co_host_responsibilities": [{ "name": "chat", "value": true, "dedicated": true }],
    });
    let waiting = json!([{ "name": "g", "id": "p1" }]);
    for (name, content, expected) in [
        ("connection-success", json!({ "socketId": 7 }), json!({ "type": "connected", "socket_id": "7" })),
        ("allMembers", list, listed),
        ("allMembersRest", json!({}), json!({ "type": "members_rest", "members": [], "settings": [] })),
        (
            "allWaitingRoomMembers",
            json!({ "waitingParticipants": waiting }),
            json!({ "type": "waiting_room", "waiting_participants": waiting }),
        ),
        (
            "allWaitingRoomMembers",
            json!({ "waitingParticipantss": waiting }),
            json!({ "type": "waiting_room", "waiting_participants": waiting }),
        ),
        ("userWaiting", json!({ "name": "g" }), json!({ "type": "user_waiting", "name": "g" })),
        ("personJoined", json!({ "name": 5 }), json!({ "type": "person_joined", "name": "5" })),
        (
            "participantRequested",
            json!({ "userRequest": { "id": "p1", "icon": "fa-video", "username": "g" } }),
            json!({ "type": "participant_requested", "id": "p1", "icon": "fa-video", "username": "g" }),
        ),
        (
            "hostRequestResponse",
            json!({ "requestResponse": { "id": "p1", "icon": "i", "type": "t", "action": "accepted" } }),
            json!({ "type": "request_response", "id": "p1", "icon": "i", "action": "accepted" }),
        ),
        ("updatedCoHost", json!({ "coHost": "g" }), json!({ "type": "co_host_updated", "co_host": "g" })),
        (
            "updateMediaSettings",
            json!({ "settings": ["allow"] }),
            json!({ "type": "media_settings", "settings": ["allow"] }),
        ),
        ("controlMediaHost", json!({ "type": "all" }), json!({ "type": "control_media_host" })),
        (
            "controlMedia",
            json!({ "type": "audio", "action": "mute", "reason": "r" }),
            json!({ "type": "control_media", "action": "mute", "reason": "r" }),
        ),
        ("disconnectUserSelf", Value::Null, json!({ "type": "disconnect_self" })),
        ("ban", json!({ "name": "g" }), json!({ "type": "banned", "name": "g" })),
        (
            "receiveMessage",
            json!({ "message": { "sender": "h", "receivers": [], "message": "hi", "timestamp": 1, "group": true } }),
            json!({ "type": "message", "sender": "h", "receivers": [], "message": "hi", "timestamp": "1", "group": true }),
        ),
        (
            "meetingTimeRemaining",
            json!({ "timeRemaining": "1000" }),
            json!({ "type": "time_remaining", "time_remaining": 1000 }),
        ),
        ("meetingStillThere", Value::Null, json!({ "type": "still_there", "time_remaining": null })),
        ("meetingEnded", json!({ "redirectURL": "x" }), json!({ "type": "ended" })),
        ("exitWaitRoom", json!({ "name": "g" }), json!({ "type": "wait_room_exit", "name": "g" })),
        (
            "exitWaitRoomUser",
            json!({ "typed": "true", "name": "g" }),
            json!({ "type": "wait_room_answer", "admitted": true }),
        ),
        (
            "RecordingNotice",
            json!({ "state": "pause", "userRecordingParam": { "a": 1 }, "pauseCount": 1, "timeDone": 2 }),
            json!({
                "type": "recording", "state": "pause", "user_recording_param": { "a": 1 }, "pause_count": 1,
                "time_done": 2,
            }),
        ),
        (
            "RecordingNotice",
            json!({ "state": "go" }),
            json!({ "type": "recording", "state": "go", "pause_count": null }),
        ),
        (
            "stoppedRecording",
            json!({ "state": "stop", "reason": "r" }),
            json!({ "type": "recording_stopped", "state": "stop", "reason": "r" }),
        ),
        (
            "timeLeftRecording",
            json!({ "timeLeft": 30 }),
            json!({ "type": "recording_time_left", "time_left": 30 }),
        ),
        (
            "roomRecordParams",
            json!({ "recordParams": { "recordingAudioSupport": true } }),
            json!({ "type": "recording_limits", "record_params": { "recordingAudioSupport": true } }),
        ),
        (
            "permissionUpdated",
            json!({ "newLevel": 2, "message": "m" }),
            json!({ "type": "permission_updated", "new_level": "2", "message": "m" }),
        ),
        (
            "producer-media-paused",
            json!({ "producerId": "x", "kind": "audio", "name": "g" }),
            json!({ "type": "producer_paused", "producer_id": "x", "kind": "audio", "name": "g" }),
        ),
        ("producer-media-resumed", json!({ "kind": "audio" }), json!({ "type": "producer_resumed" })),
        (
            "producer-media-closed",
            json!({ "kind": "screen" }),
            json!({ "type": "producer_closed", "kind": "screen" }),
        ),
        (
            "pollUpdated",
            json!({ "a": 1 }),
            json!({ "type": "unknown", "name": "pollUpdated", "args": [{ "a": 1 }] }),
        ),
    ] {
        let got = read(name, content);
        assert!(holds(&got, &expected), "{name}: {got} instead of {expected}");
    }
}

#[test]
fn whatever_comes_is_an_event() {
    let names = [
        "connection-success",
        "allMembers",
        "allMembersRest",
        "allWaitingRoomMembers",
        "userWaiting",
        "participantRequested",
        "hostRequestResponse",
        "updatedCoHost",
        "updateMediaSettings",
        "receiveMessage",
        "meetingTimeRemaining",
        "exitWaitRoomUser",
        "RecordingNotice",
        "timeLeftRecording",
        "permissionUpdated",
        "",
        "\u{0}",
    ];
    let odd = [
        json!(null),
        json!(1e308),
        json!("x"),
        json!([]),
        json!([[]]),
        json!({ "members": { "a": [] } }),
        json!({ "settings": [[]] }),
        json!({ "timeRemaining": -1 }),
        json!({ "message": [] }),
        json!({ "newLevel": {} }),
        json!({ "waitingParticipants": [], "waitingParticipantss": [] }),
        json!({ "state": 5 }),
    ];
    for name in names {
        assert!(!format!("{:?}", MeetingEvent::read(name, &[])).is_empty());
        for content in &odd {
            let event = MeetingEvent::read(name, &[content.clone(), json!("canary")]);
            assert!(!format!("{event:?}").contains("canary"), "{event:?}");
        }
    }
    let MeetingEvent::Unknown(kept) = MeetingEvent::read("ban", &[json!("x"), json!(2)]) else { panic!() };
    assert_eq!((kept.name.as_str(), kept.args.len(), kept.args[1].value()), ("ban", 2, &json!(2)));
    // What people write to each other is not for logs.
    let written = json!({ "message": { "sender": "h", "message": "canary" } });
    assert!(!format!("{:?}", MeetingEvent::read("receiveMessage", &[written])).contains("canary"));
}
