//! Whole stories over real sockets, against the emulator.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use enablex::room::{Phase, Protocol};
use enablex::{
    Client, ConnectRoom, CreateRoom, CreateToken, Credentials, Role, Room, RoomEvent, RoomEvents, RoomInfo,
    RoomOptions, RoomSettings,
};
use rtc_core::transport::reqwest::HttpTransport;
use rtc_core::{Bytes, ErrorKind, Limits, Secret, Transport as _, http};
use rtc_emulator::Emulator;
use serde_json::{Value, json};

fn client(emulator: &Emulator) -> Client {
    let access = emulator.enablex();
    Client::builder(Credentials::new(access.app_id(), access.app_key()))
        .endpoint(access.url())
        .build()
        .unwrap()
}

async fn create(client: &Client, settings: RoomSettings) -> RoomInfo {
    client.create_room(CreateRoom::new("Stand-up", "team-7", settings)).await.unwrap()
}

async fn token(client: &Client, room: &RoomInfo, name: &str, role: Role) -> Secret {
    client.create_token(CreateToken::new(&room.room_id, name, role, name)).await.unwrap().token
}

async fn enter(
    client: &Client,
    room: &RoomInfo,
    name: &str,
    role: Role,
    protocol: Protocol,
) -> (Room, RoomEvents) {
    let token = token(client, room, name, role).await;
    Room::connect(token, client.room_options().protocol(protocol)).await.unwrap()
}

/// Reads events until one fits, and gives it.
async fn until(events: &mut RoomEvents, fits: impl Fn(&RoomEvent) -> bool) -> RoomEvent {
    let wait = async {
        loop {
            let event = events.next().await.expect("the room ended");
            if fits(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("no such event")
}

#[tokio::test]
async fn a_moderated_session_of_both_protocol_generations() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let info = create(&client, RoomSettings::new(2)).await;
    let (moderator, mut seen) = enter(&client, &info, "Mo", Role::Moderator, Protocol::Eio4).await;
    let (older, mut seen_older) = enter(&client, &info, "Old", Role::Participant, Protocol::Eio3).await;
    let (newer, mut seen_newer) = enter(&client, &info, "New", Role::Participant, Protocol::Eio4).await;
    assert_eq!((newer.state().participants.len(), newer.state().phase), (3, Phase::Connected));
    assert_eq!(newer.state().room_id.as_ref(), Some(&info.room_id));
    assert_eq!(newer.joined().client_id, newer.state().client_id);
    until(&mut seen, |e| matches!(e, RoomEvent::UserConnected(p) if p.name.as_deref() == Some("New"))).await;
    assert_eq!(moderator.state().participants.len(), 3);
    let me = moderator.state().client_id;

    // Locking reaches everybody, and the state says so; the same lock again is not even sent.
    assert_eq!(moderator.lock_room().await.unwrap().result, 0);
    for events in [&mut seen, &mut seen_older, &mut seen_newer] {
        let event = until(events, |e| matches!(e, RoomEvent::RoomLocked(_))).await;
        let RoomEvent::RoomLocked(change) = event else { unreachable!() };
        assert_eq!(change.moderator, me);
    }
    let again = moderator.lock_room().await.unwrap_err();
    assert_eq!(
        (again.kind(), again.code().as_deref(), again.was_sent()),
        (ErrorKind::Conflict, Some("4121"), false)
    );
    moderator.unlock_room().await.unwrap();
    until(&mut seen_older, |e| matches!(e, RoomEvent::RoomUnlocked(_))).await;
    assert_eq!(older.state().locked, Some(false));

    // Of muting the participants are told; the moderator has the acknowledgement.
    moderator.hard_mute_room().await.unwrap();
    until(&mut seen_newer, |e| matches!(e, RoomEvent::RoomMuted(_))).await;
    until(&mut seen_older, |e| matches!(e, RoomEvent::RoomMuted(_))).await;
    assert_eq!((moderator.state().muted, newer.state().muted), (Some(true), Some(true)));
    moderator.hard_unmute_room().await.unwrap();
    until(&mut seen_older, |e| matches!(e, RoomEvent::RoomUnmuted(_))).await;
    assert_eq!((moderator.state().muted, older.state().muted), (Some(false), Some(false)));

    // Recording.
    moderator.start_record().await.unwrap();
    let event = until(&mut seen_older, |e| matches!(e, RoomEvent::RoomRecordOn(_))).await;
    assert_eq!(serde_json::to_value(event).unwrap(), json!({ "type": "room_record_on", "moderator_id": me }));
    let twice = moderator.start_record().await.unwrap_err();
    assert_eq!((twice.code().as_deref(), twice.was_sent()), (Some("5034"), true));
    moderator.stop_record().await.unwrap();
    until(&mut seen, |e| matches!(e, RoomEvent::RoomRecordOff(_))).await;
    assert_eq!(moderator.state().recording, Some(false));

    // Participants may not.
    for error in [newer.lock_room().await, older.hard_mute_room().await, older.start_record().await] {
        let error = error.unwrap_err();
        let seen = (error.kind(), error.code().map(|c| c.into_owned()), error.was_sent());
        assert_eq!(seen, (ErrorKind::PermissionDenied, Some("1168".into()), false));
    }

    // Going.
    newer.close().await;
    assert_eq!(newer.lock_room().await.unwrap_err().kind(), ErrorKind::Closed);
    until(&mut seen, |e| matches!(e, RoomEvent::UserDisconnected(_))).await;
    drop(older);
    until(&mut seen, |e| matches!(e, RoomEvent::UserDisconnected(_))).await;
    assert_eq!(moderator.state().participants.len(), 1);
}

#[tokio::test]
async fn a_token_works_once_and_for_a_quarter_of_an_hour() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let info = create(&client, RoomSettings::new(5)).await;
    let used = token(&client, &info, "Ada", Role::Participant).await;
    let _room = client.connect_room(ConnectRoom::new(used.clone())).await.unwrap();
    let late = token(&client, &info, "Eve", Role::Participant).await;
    emulator.clock().advance(Duration::from_secs(15 * 60 + 1));
    for token in [used, late] {
        let error = client.connect_room(ConnectRoom::new(token)).await.unwrap_err();
        assert_eq!((error.kind(), error.code().as_deref()), (ErrorKind::Unauthenticated, Some("1161")));
    }
}

#[tokio::test]
async fn full_locked_and_guarded_rooms() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let info = create(&client, RoomSettings::new(1).knock(true)).await;
    let spare = token(&client, &info, "Late", Role::Participant).await;
    let second = token(&client, &info, "Second", Role::Moderator).await;
    let locked = token(&client, &info, "Locked", Role::Participant).await;
    let (moderator, mut events) = enter(&client, &info, "Mo", Role::Moderator, Protocol::Eio4).await;
    let connect = |token| client.connect_room(ConnectRoom::new(token));
    assert_eq!(connect(second).await.unwrap_err().code().as_deref(), Some("2101"));

    moderator.lock_room().await.unwrap();
    let error = connect(locked).await.unwrap_err();
    assert_eq!(error.detail(), Some("room-locked"));
    moderator.unlock_room().await.unwrap();

    let (waiting, _events) = enter(&client, &info, "Ada", Role::Participant, Protocol::Eio3).await;
    assert_eq!(waiting.state().phase, Phase::Awaited);
    assert_eq!(waiting.lock_room().await.unwrap_err().code().as_deref(), Some("1163"));
    until(&mut events, |e| matches!(e, RoomEvent::UserAwaited(user) if user.name.as_deref() == Some("Ada")))
        .await;
    assert_eq!(connect(spare).await.unwrap_err().code().as_deref(), Some("2102"));
    let denied =
        client.create_token(CreateToken::new(&info.room_id, "x", Role::Viewer, "x")).await.unwrap_err();
    assert_eq!((denied.kind(), denied.code().as_deref()), (ErrorKind::Conflict, Some("10114")));
}

#[tokio::test]
async fn the_end_of_the_server_is_an_event_and_closes_the_room() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let info = create(&client, RoomSettings::new(1)).await;
    let (room, mut events) = enter(&client, &info, "Mo", Role::Moderator, Protocol::Eio4).await;
    drop(emulator);
    until(&mut events, |e| matches!(e, RoomEvent::RoomDisconnected(_))).await;
    assert!(events.next().await.is_none());
    let error = room.hard_mute_room().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code().as_deref(), error.was_sent()),
        (ErrorKind::Closed, Some("1163"), false)
    );
}

#[tokio::test]
async fn dropping_the_room_leaves_it() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let info = create(&client, RoomSettings::new(1).adhoc(true)).await;
    let (moderator, mut seen) = enter(&client, &info, "Mo", Role::Moderator, Protocol::Eio4).await;
    let (room, mut events) = enter(&client, &info, "Ada", Role::Participant, Protocol::Eio4).await;
    drop(room);
    until(&mut events, |e| matches!(e, RoomEvent::RoomConnected(_))).await;
    while events.next().await.is_some() {}
    until(&mut seen, |e| matches!(e, RoomEvent::UserDisconnected(_))).await;
    moderator.close().await;
}

#[tokio::test]
async fn over_tls() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let access = emulator.enablex();
    let client = Client::builder(Credentials::new(access.app_id(), access.app_key()))
        .endpoint(access.tls_url().unwrap())
        .root_certificate_pem(emulator.ca_pem().unwrap())
        .build()
        .unwrap();
    let info = create(&client, RoomSettings::new(1)).await;
    for protocol in [Protocol::Eio3, Protocol::Eio4] {
        let (room, _events) = enter(&client, &info, "Mo", Role::Moderator, protocol).await;
        room.hard_mute_room().await.unwrap();
        room.close().await;
        // The moderator's place is free once the server has noticed.
        let gone = || emulator.state()["enablex"]["rooms"][0]["users"].as_array().is_some_and(Vec::is_empty);
        while !gone() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_token_may_not_lead_to_this_machine_unless_the_caller_says_so() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let info = create(&client, RoomSettings::new(1)).await;
    let token = token(&client, &info, "Mo", Role::Moderator).await;
    let error = Room::connect(token.clone(), RoomOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::InvalidInput, false));
    assert!(emulator.requests("connect_room").is_empty());
    Room::connect(token, RoomOptions::new().allow_private(true)).await.unwrap();
}

#[tokio::test]
async fn the_server_api_refuses_by_itself() {
    let emulator = Emulator::start().await.unwrap();
    let access = emulator.enablex();
    let wrong =
        Client::builder(Credentials::new(access.app_id(), "wrong")).endpoint(access.url()).build().unwrap();
    let error = wrong.create_token(CreateToken::new("r", "n", Role::Viewer, "u")).await.unwrap_err();
    assert_eq!((error.kind(), error.code().as_deref()), (ErrorKind::Unauthenticated, Some("UNAUTHORIZED")));
    let client = client(&emulator);
    let error = client.create_token(CreateToken::new("nowhere", "n", Role::Viewer, "u")).await.unwrap_err();
    assert_eq!((error.kind(), error.code().as_deref()), (ErrorKind::NotFound, Some("40001")));
    let info = create(&client, RoomSettings::new(1)).await;

    let tokens = format!("/rooms/{}/tokens", info.room_id);
    let room = |settings: Value| json!({ "name": "n", "owner_ref": "o", "settings": settings });
    for (path, body, expected) in [
        ("/rooms", json!({ "owner_ref": "o", "settings": { "participants": "1" } }), json!(10002)),
        ("/rooms", json!({ "name": "n", "settings": { "participants": "1" } }), json!(10010)),
        ("/rooms/", room(json!({ "participants": "1", "mode": "webinar" })), json!(10019)),
        ("/rooms", room(json!({ "participants": "1", "quality": "UHD" })), json!(10014)),
        ("/rooms", room(json!({ "participants": "1", "moderators": "6" })), json!(10022)),
        ("/rooms", room(json!({ "participants": "0" })), json!(10007)),
        ("/rooms", room(json!({ "participants": "1", "colour": "red" })), json!(10009)),
        ("/rooms", room(json!({ "participants": "1", "scheduled": true, "duration": 30 })), json!(10004)),
        (
            "/rooms",
            room(
                json!({ "participants": "1", "scheduled": true, "duration": 30, "scheduled_time": "2001-01-01 00:00:00" }),
            ),
            json!(10006),
        ),
        (
            "/rooms",
            room(json!({ "participants": "1", "scheduled_time": "2099-01-01 00:00:00" })),
            json!(10018),
        ),
        ("/rooms", json!({ "name": "n", "owner_ref": "o" }), json!("VALIDATION_ERROR")),
        (&tokens, json!({ "role": "viewer", "user_ref": "u" }), json!(10101)),
        (&tokens, json!({ "name": "n", "role": "viewer" }), json!(10102)),
        (&tokens, json!({ "name": "n", "user_ref": "u" }), json!(10103)),
        (&tokens, json!({ "name": "n", "role": "Viewer", "user_ref": "u" }), json!(10104)),
    ] {
        let answer = post(&emulator, path, &body).await;
        let code = if answer["result"].is_null() { &answer["error_code"] } else { &answer["result"] };
        assert_eq!(code, &expected, "{path} {body}: {answer}");
    }
}

/// Posts a body as it is, with good credentials.
async fn post(emulator: &Emulator, path: &str, body: &Value) -> Value {
    use base64::Engine as _;
    let access = emulator.enablex();
    let pair = format!("{}:{}", access.app_id(), access.app_key());
    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
    let request = http::Request::post(format!("{}{path}", access.url()))
        .header("authorization", format!("Basic {pair}"))
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let answer = HttpTransport::builder().build().unwrap().send(request, Limits::default()).await.unwrap();
    serde_json::from_slice(&answer.into_body().collect(65_536).await.unwrap()).unwrap()
}
