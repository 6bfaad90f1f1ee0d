//! Events and the state that is kept from them, without any connection.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/script.rs"]
mod script;

use enablex::room::{LiveState, Phase};
use enablex::{Role, RoomEvent, RoomMode, RoomState};
use proptest::prelude::*;
use script::{connected, room};
use serde_json::{Value, json};

fn read(event: &Value) -> RoomEvent {
    let event = event.as_array().unwrap();
    RoomEvent::read(event[0].as_str().unwrap(), &event[1..])
}

/// The state after the given events.
fn after<'a>(events: impl IntoIterator<Item = &'a Value>) -> RoomState {
    let mut state = RoomState::default();
    events.into_iter().for_each(|event| state.apply(&read(event)));
    state
}

/// The state of a room after these events.
fn with(events: &[Value]) -> RoomState {
    after(std::iter::once(&connected("moderator")).chain(events))
}

fn about_room(id: &str, msg: Value) -> Value {
    json!(["roomManagementEvents", { "id": id, "msg": msg }])
}

fn floor(id: &str, client_id: &str) -> Value {
    json!(["floorManagementEvents", { "id": id, "clientId": client_id, "name": "P" }])
}

#[test]
fn the_state_follows_the_events_and_never_toggles() {
    let lock = about_room("room-locked", json!({ "moderator": "c-x" }));
    let unlock = about_room("room-unlocked", json!({ "moderator": "c-x" }));
    assert_eq!(with(&[]).locked, Some(false));
    assert_eq!(with(&[lock.clone(), lock.clone()]).locked, Some(true));
    assert_eq!(with(&[lock.clone(), unlock.clone(), unlock]).locked, Some(false));
    assert_eq!(with(&[json!(["room-muted", {}]), json!(["room-muted"])]).muted, Some(true));
    assert_eq!(with(&[]).recording, None);
    assert_eq!(with(&[json!(["room-record-on", { "moderatorId": "c-x" }])]).recording, Some(true));
    assert_eq!(with(&[json!(["room-disconnected", "over"])]).phase, Phase::Closed);
    let over = with(&[
        json!(["room-disconnected", "over"]),
        connected("moderator"),
        json!(["room-awaited", {}]),
        lock,
    ]);
    assert_eq!((over.phase, over.locked), (Phase::Closed, Some(false)));
    assert_eq!(with(&[json!(["user-disconnected", { "clientId": "c-par" }])]).participants.len(), 1);
    assert_eq!(with(&[json!(["user-disconnected", { "clientId": 7 }])]).participants.len(), 2);
}

#[test]
fn roles_of_both_generations() {
    let swap =
        json!(["userRoleChanged", { "moderator": { "new": "c-par", "old": "c-me" }, "raisedHands": [] }]);
    let state = with(&[swap]);
    let role = &state.participants["c-par"].role;
    assert_eq!((state.role.as_ref(), role), (Some(&Role::Participant), &Some(Role::Moderator)));
    assert!(state.raised_hands.is_empty());
    let newer = json!(["userRoleChanged", {
        "clientsInfo": [{ "clientId": "c-me", "role": { "new": "viewer", "old": "moderator" } }],
        "userList": [{ "clientId": "c-me" }, { "clientId": "c-new" }], "awaitedParticipants": {},
    }]);
    let state = with(&[newer]);
    assert_eq!(state.participants.keys().collect::<Vec<_>>(), ["c-me", "c-new"]);
    assert_eq!((state.role, state.awaited.len(), state.raised_hands.len()), (Some(Role::Viewer), 0, 1));
}

#[test]
fn the_mode_is_not_guessed() {
    assert_eq!(with(&[]).mode, Some(RoomMode::Group));
    assert_eq!(with(&[json!(["roomSwitched", { "moderator": "c-x" }])]).mode, None);
    // Of one's own switch the acknowledgement tells the mode, before the event or after it.
    let own = read(&json!(["roomSwitched", { "moderator": "c-me" }]));
    for event_first in [true, false] {
        let mut state = with(&[]);
        if event_first {
            state.apply(&own);
        }
        state.acknowledge("switch_room_mode", &[json!("lecture")]);
        state.apply(&own);
        assert_eq!(state.mode, Some(RoomMode::Lecture));
    }
}

#[test]
fn the_floor_and_the_waiting_room() {
    let state = with(&[]);
    assert_eq!((state.knock, state.floor_open, state.awaited.len()), (Some(true), Some(false), 1));
    assert!(state.raised_hands.contains_key("c-par"));
    let granted = with(&[floor("floorGranted", "c-par")]);
    assert!(granted.raised_hands.is_empty() && granted.approved_hands.contains_key("c-par"));
    let released = with(&[floor("floorGranted", "c-par"), floor("floorReleased", "c-par")]);
    assert!(released.approved_hands.is_empty());
    let again = with(&[
        floor("floorDenied", "c-par"),
        floor("floorRequested", "c-par"),
        floor("floorRequested", "c-par"),
    ]);
    assert_eq!(again.raised_hands.len(), 1);
    let invited = with(&[floor("inviteToFloor", "c-par")]);
    assert_eq!(invited.floor_invites.len(), 1);
    assert!(
        with(&[floor("inviteToFloor", "c-par"), floor("floorRejected", "c-par")]).floor_invites.is_empty()
    );
    let gone = with(&[floor("floorGranted", "c-par"), json!(["user-disconnected", { "clientId": "c-par" }])]);
    assert!(gone.approved_hands.is_empty() && gone.raised_hands.is_empty());
    assert_eq!(with(&[about_room("floor-opened", json!({}))]).floor_open, Some(true));
    assert_eq!(with(&[json!(["user-awaited", { "clientId": "c-w2" }])]).awaited.len(), 2);
    assert!(with(&[json!(["user-connected", { "clientId": "c-wait" }])]).awaited.is_empty());
    assert!(with(&[about_room("knock-disabled", json!({}))]).awaited.is_empty());
    let told = json!({ "roomData": { "streams": {}, "userList": [{ "clientId": "c-me" }] } });
    for event in [
        about_room("wait-room-disabled", told.clone()),
        json!(["roomManagementEvents", { "id": "wait-room-disabled", "roomData": told["roomData"] }]),
    ] {
        let state = with(&[event]);
        assert_eq!((state.wait_room, state.participants.len()), (Some(false), 1));
    }
}

#[test]
fn single_users_pins_and_the_rest() {
    let muted = with(&[json!(["hardmute-user-audio", { "clientId": "c-par" }])]);
    assert_eq!(muted.participants["c-par"].hard_muted_audio, Some(true));
    assert_eq!(muted.participants["c-par"].hard_muted_video, None);
    let own = with(&[json!(["hardmute-user-video", {}]), json!(["hardunmute-user-video", {}])]);
    assert_eq!(own.participants["c-me"].hard_muted_video, Some(false));
    let pins = with(&[about_room("update-pin-users", json!({ "clients": ["c-par"] }))]);
    assert_eq!(pins.pins.unwrap(), ["c-par"]);
    let spotlight = about_room("spotlight-users", json!({ "moderator_id": "c-me", "clients": ["c-par"] }));
    assert_eq!(with(&[spotlight]).spotlights.unwrap(), ["c-par"]);
    let state = with(&[about_room("conference-remaining-duration", json!({ "timeLeft": "10" }))]);
    assert_eq!(state.time_left, Some(10.0));
    assert_eq!((with(&[]).time_left, with(&[]).talkers.video), (Some(30.0), Some(3)));
    let mut full = room("moderator", json!({ "settings": { "mode": "lecture", "max_active_talkers": 6 } }));
    full[1]["roomMeta"] = json!({ "pinnedUsers": ["c-par"] });
    let state = after([&full]);
    assert_eq!((state.pins.unwrap().len(), state.max_active_talkers), (1, Some(6)));
}

#[test]
fn live_recordings_and_streams() {
    let live = |event: Value| with(&[event]).live_recording;
    assert_eq!(live(json!(["room-live-recording-on", {}])), Some(LiveState::On));
    assert_eq!(live(json!(["room-live-recording-off"])), Some(LiveState::Off));
    assert_eq!(
        live(json!(["room-live-recording-failed", { "error": { "code": 7024 } }])),
        Some(LiveState::Failed)
    );
    let told = |name: &str, kind: &str, code: i64| json!([name, { "type": kind, "data": { "status": { "resultCode": code }, "startedBy": "c-me" } }]);
    let live = |kind, code| live(told("onLiveRecordingNotification", kind, code));
    assert_eq!(live("room-live-recording-on", 0), Some(LiveState::On));
    assert_eq!(live("room-live-recording-on", 7208), Some(LiveState::Queued));
    assert_eq!(live("room-live-recording-on", 7080), Some(LiveState::Failed));
    assert_eq!(live("something-else", 0), None);
    let streaming = |kind, code| with(&[told("onStreamingNotification", kind, code)]).streaming;
    assert_eq!(streaming("streaming-started", 0), Some(LiveState::On));
    assert_eq!(streaming("streaming-stopped", 0), Some(LiveState::Off));
    assert_eq!(streaming("x", 7104), Some(LiveState::Queued));
}

#[test]
fn what_is_not_known_stops_nothing() {
    let state = after([&json!(["room-connected", { "user": { "clientId": "c", "role": "moderator" } }])]);
    assert_eq!((state.locked, state.recording_subscribed, state.mode.as_ref()), (None, None, None));
    for operation in ["lock_room", "unlock_room", "start_record", "hard_mute_room"] {
        state.guard(operation, Some(1168), &[]).unwrap();
    }
    state.guard("switch_room_mode", Some(1168), &[json!("group")]).unwrap();
    state.guard("switch_user_role", Some(1168), &[json!("c-anybody")]).unwrap();
}

#[test]
fn a_strange_detail_does_not_cost_the_full_state() {
    let state = after([&json!(["room-connected", {
        "clientId": "c", "room": {
            "settings": { "mode": 7, "max_active_talkers": {} }, "knockEnabled": "?",
        },
        "roomMeta": { "pinnedUsers": {} }, "mediaRecord": {},
        "raisedHands": 7, "awaitedParticipants": [{ "clientId": "a" }, 7], "numAudioTalkers": "many",
    }])]);
    assert_eq!((state.phase, state.awaited.len()), (Phase::Connected, 1));
    assert_eq!((state.mode, state.knock, state.talkers.audio), (None, None, None));
}

#[test]
fn events_in_their_outward_form() {
    let show = |name: &str, args: Value| {
        serde_json::to_value(RoomEvent::read(name, args.as_array().unwrap())).unwrap()
    };
    for (event, form) in [
        (
            about_room("room-locked", json!({ "moderator": "c" })),
            json!({ "type": "room_locked", "moderator": "c" }),
        ),
        (json!(["room-muted"]), json!({ "type": "room_muted", "moderator": null })),
        (
            json!(["room-awaited", { "event_type": "knock", "more": 1 }]),
            json!({ "type": "room_awaited", "event_type": "knock" }),
        ),
        (
            json!(["userRoleChanged", { "moderator": { "new": "a", "old": "b" } }]),
            json!({
                "type": "user_role_changed", "moderator": { "new": "a", "old": "b" }, "clients_info": null,
                "raised_hands": null, "approved_hands": null, "awaited_participants": null, "user_list": null,
            }),
        ),
        (
            json!(["onDataStreamToRoom", { "type": "chat", "message": "hi", "senderId": "c" }]),
            json!({
                "type": "on_data_stream_to_room", "kind": "chat", "message": "hi", "broadcast": null,
                "sender": null, "sender_id": "c",
            }),
        ),
        (
            json!(["active-talkers-updated", { "active": true, "activeList": [{ "clientId": "c", "streamId": 3 }] }]),
            json!({
                "type": "active_talkers_updated", "active": true, "active_list": [{
                    "client_id": "c", "name": null, "stream_id": "3", "mediatype": null, "video_muted": null,
                    "spotlight": null, "pinned": null,
                }],
            }),
        ),
        (
            floor("floorRequested", "c"),
            json!({
                "type": "floor_requested", "client_id": "c", "name": "P", "moderator_id": null,
            }),
        ),
        (
            json!(["onLiveRecordingNotification", { "type": "room-live-recording-on", "data": { "startedBy": "c" } }]),
            json!({
                "type": "on_live_recording_notification", "event": "room-live-recording-on",
                "data": { "status": null, "started_by": "c", "stopped_by": null },
            }),
        ),
    ] {
        assert_eq!(serde_json::to_value(read(&event)).unwrap(), form, "{event}");
    }
    // Kept as they came: new ones, and known ones that are not what they should be.
    for (name, id, args) in [
        ("newEvent", None, json!([1, { "id": 7 }])),
        ("roomManagementEvents", Some("new-id"), json!([{ "id": "new-id", "msg": {} }])),
        ("roomManagementEvents", Some("room-locked"), json!([{ "id": "room-locked", "msg": [] }])),
        ("floorManagementEvents", Some("floorGranted"), json!([{ "id": "floorGranted" }])),
        ("room-muted", None, json!([7])),
        ("user-connected", None, json!([{ "name": "nobody" }])),
        ("user-awaited", None, json!([{ "name": "nobody" }])),
    ] {
        assert_eq!(
            show(name, args.clone()),
            json!({ "type": "unknown", "name": name, "id": id, "args": args })
        );
    }
}

/// Every event by its name on the wire, and the type that it has outwards.
#[test]
fn every_event_has_a_type() {
    let typed =
        |event: &Value| serde_json::to_value(read(event)).unwrap()["type"].as_str().unwrap().to_owned();
    for name in [
        "room-connected",
        "room-awaited",
        "room-disconnected",
        "user-updated",
        "room-muted",
        "room-unmuted",
        "hardmute-user-audio",
        "hardunmute-user-audio",
        "hardmute-user-video",
        "hardunmute-user-video",
        "room-record-on",
        "room-record-off",
        "room-live-recording-on",
        "room-live-recording-off",
        "room-live-recording-failed",
        "room-live-recording-updated",
        "active-talkers-updated",
    ] {
        assert_eq!(typed(&json!([name, {}])), name.replace('-', "_"));
    }
    for name in ["user-connected", "user-disconnected", "user-awaited"] {
        assert_eq!(typed(&json!([name, { "clientId": "c" }])), name.replace('-', "_"));
    }
    for id in [
        "room-locked",
        "room-unlocked",
        "update-pin-users",
        "spotlight-users",
        "knock-enabled",
        "knock-disabled",
        "floor-opened",
        "floor-closed",
        "wait-room-disabled",
        "breakout-room-created",
        "conference-remaining-duration",
        "conference-extended",
    ] {
        assert_eq!(typed(&about_room(id, json!({}))), id.replace('-', "_"));
    }
    for (id, outward) in [
        ("floorRequested", "floor_requested"),
        ("floorCancelled", "floor_cancelled"),
        ("floorFinished", "floor_finished"),
        ("floorRejected", "floor_rejected"),
        ("floorAccepted", "floor_accepted"),
        ("inviteToFloor", "invite_to_floor"),
        ("cancelFloorInvite", "cancel_floor_invite"),
        ("floorGranted", "floor_granted"),
        ("floorDenied", "floor_denied"),
        ("floorReleased", "floor_released"),
    ] {
        assert_eq!(typed(&floor(id, "c")), outward);
    }
    for (name, outward) in [
        ("userRoleChanged", "user_role_changed"),
        ("roomSwitched", "room_switched"),
        ("userRoleManagementEvents", "user_role_management_events"),
        ("genericEvents", "generic_events"),
        ("dialStateEvents", "dial_state_events"),
        ("onStreamingNotification", "on_streaming_notification"),
        ("onLiveRecordingNotification", "on_live_recording_notification"),
        ("onDataStreamToRoom", "on_data_stream_to_room"),
    ] {
        assert_eq!(typed(&json!([name, {}])), outward);
    }
}

#[test]
fn debug_shows_no_free_content() {
    for event in [
        json!(["onDataStreamToRoom", { "type": "chat", "message": "canary" }]),
        json!(["genericEvents", { "id": "x", "data": { "a": "canary" } }]),
        json!(["user-awaited", { "clientId": "c", "data": { "a": "canary" } }]),
        json!(["user-updated", { "clientId": "c", "info": { "a": "canary" } }]),
        json!(["room-live-recording-failed", { "error": "canary" }]),
        json!(["onLiveRecordingNotification", { "data": { "status": "canary" } }]),
        json!(["something-new", "canary"]),
    ] {
        let event = read(&event);
        assert!(!format!("{event:?}").contains("canary"), "{event:?}");
    }
}

fn id() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec!["c-me", "c-par", "c-wait", "c-new", ""])
}

/// Any event of a room: sensible ones, and ones that are not what they should be.
fn event() -> impl Strategy<Value = Value> {
    let plain = proptest::sample::select(vec![
        "room-awaited",
        "user-connected",
        "user-disconnected",
        "user-updated",
        "user-awaited",
        "roomSwitched",
        "room-muted",
        "room-unmuted",
        "hardmute-user-audio",
        "hardunmute-user-video",
        "room-record-on",
        "room-record-off",
        "room-live-recording-on",
        "room-live-recording-failed",
        "active-talkers-updated",
        "onLiveRecordingNotification",
        "onStreamingNotification",
        "onDataStreamToRoom",
        "genericEvents",
        "dialStateEvents",
        "userRoleManagementEvents",
        "userRoleChanged",
        "no-such-event",
    ]);
    let about = proptest::sample::select(vec![
        "room-locked",
        "room-unlocked",
        "update-pin-users",
        "spotlight-users",
        "knock-enabled",
        "knock-disabled",
        "floor-opened",
        "floor-closed",
        "wait-room-disabled",
        "conference-remaining-duration",
        "no-such-id",
    ]);
    let of_floor = proptest::sample::select(vec![
        "floorRequested",
        "floorGranted",
        "floorDenied",
        "floorReleased",
        "inviteToFloor",
        "floorAccepted",
    ]);
    let content = prop_oneof![
        id().prop_map(|id| json!({ "clientId": id, "moderator": id })),
        id().prop_map(|id| json!({
            "clients": [id], "timeLeft": 5, "type": "streaming-started", "moderator": { "new": id },
            "userList": [{ "clientId": id }], "roomData": { "userList": [] }, "raisedHands": [{ "clientId": id }],
        })),
        Just(json!(null)),
        Just(json!([])),
        Just(json!({ "clientId": {}, "clients": 7, "moderator": [], "timeLeft": "soon" })),
    ];
    prop_oneof![
        (plain, content.clone()).prop_map(|(name, content)| json!([name, content])),
        (about, content).prop_map(|(id, content)| about_room(id, content)),
        (of_floor, id()).prop_map(|(event, id)| floor(event, id)),
        Just(connected("participant")),
    ]
}

proptest! {
    #[test]
    fn any_order_of_events_converges_on_the_next_full_state(
        events in proptest::collection::vec((event(), 0usize..3), 0..40), role in "moderator|participant|viewer",
    ) {
        // Each event is lost, comes once, or comes twice.
        let noise = events.iter().flat_map(|(event, times)| std::iter::repeat_n(event, *times));
        let full = connected(&role);
        prop_assert_eq!(after(noise.chain([&full])), after([&full]));
    }

    #[test]
    fn duplicates_change_nothing(events in proptest::collection::vec(event(), 0..20), last in event()) {
        let once = after(events.iter().chain([&last]));
        prop_assert_eq!(after(events.iter().chain([&last, &last])), once);
    }
}
