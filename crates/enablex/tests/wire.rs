//! What goes out and what comes back, without a network.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use enablex::{
    Client, CreateRoom, CreateToken, Credentials, LiveRecording, MediaZone, Quality, RecordingMedia, Role,
    RoleBasedRecording, RoomMode, RoomSettings, Sip,
};
use rtc_core::testing::ScriptedTransport;
use rtc_core::{ErrorKind, Revealed};
use serde_json::{Value, json};

fn client(transport: &ScriptedTransport) -> Client {
    Client::builder(Credentials::new("APP", "KEY"))
        .endpoint("http://127.0.0.1:1/video/v2")
        .retry(rtc_core::RetryPolicy::none())
        .transport(transport.clone())
        .build()
        .unwrap()
}

fn token_request() -> CreateToken {
    CreateToken::new("5f01", "u", Role::Participant, "u")
}

/// The one request that was sent: method, path, authorization, content type and body.
fn sent(transport: &ScriptedTransport) -> (String, Value) {
    let requests = transport.requests();
    let [request] = requests.as_slice() else { panic!("{} requests", requests.len()) };
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/json");
    let head = format!("{} {} {}", request.method(), request.uri().path(), header("authorization"));
    (head, serde_json::from_slice(request.body()).unwrap())
}

#[tokio::test]
async fn a_room_with_every_setting() {
    let transport = ScriptedTransport::new().json(200, r#"{"result":0,"room":{"room_id":"r"}}"#);
    let settings = RoomSettings::new(3)
        .description("d")
        .mode(RoomMode::Lecture)
        .scheduled(true)
        .adhoc(false)
        .scheduled_time("2021-05-31 05:30:00")
        .duration(30)
        .moderators(5)
        .billing_code("b")
        .auto_recording(true)
        .quality(Quality::Hd)
        .canvas(true)
        .screen_share(false)
        .abwd(true)
        .facex(false)
        .max_active_talkers(16)
        .active_talker(true)
        .wait_moderator(false)
        .wait_for_moderator(true)
        .knock(true)
        .single_file_recording(false)
        .role_based_recording(
            RoleBasedRecording::new()
                .moderator(RecordingMedia::AudioVideo)
                .participant(RecordingMedia::Audio),
        )
        .live_recording(LiveRecording::new(true).url("https://view.example/"))
        .media_zone(MediaZone::Nearest)
        .watermark(true)
        .screen_share_override(false);
    let request = CreateRoom::new("My room: 1", "o", settings).sip(Sip::new(true)).data(json!({ "k": 1 }));
    client(&transport).create_room(request).await.unwrap();
    let expected = json!({
        "name": "My room: 1", "owner_ref": "o", "sip": { "enabled": true }, "data": { "k": 1 },
        "settings": {
            "description": "d", "mode": "lecture", "scheduled": true, "adhoc": false,
            "scheduled_time": "2021-05-31 05:30:00", "duration": 30, "moderators": "5", "participants": "3",
            "billing_code": "b", "auto_recording": true, "quality": "HD", "canvas": true, "screen_share": false,
            "abwd": true, "facex": false, "max_active_talkers": 16, "active_talker": true,
            "wait_moderator": false, "wait_for_moderator": true, "knock": true, "single_file_recording": false,
            "role_based_recording": { "moderator": "audiovideo", "participant": "audio" },
            "live_recording": { "auto_recording": true, "url": "https://view.example/" }, "media_zone": "XX",
            "watermark": true, "screen_share_override": false,
        },
    });
    assert_eq!(sent(&transport), ("POST /video/v2/rooms Basic QVBQOktFWQ==".into(), expected));
}

#[tokio::test]
async fn what_is_not_set_is_not_sent() {
    let transport = ScriptedTransport::new().json(200, r#"{"result":0,"room":{"room_id":"r"}}"#);
    client(&transport).create_room(CreateRoom::new("n", "o", RoomSettings::new(2))).await.unwrap();
    assert_eq!(
        sent(&transport).1,
        json!({ "name": "n", "owner_ref": "o", "settings": { "participants": "2" } })
    );
}

#[tokio::test]
async fn a_token_and_a_room_id_that_needs_encoding() {
    let transport = ScriptedTransport::new().json(200, r#"{"result":"0","token":"canary"}"#);
    let request = CreateToken::new("a/../b", "Ada", Role::Moderator, "u-1").data(json!({ "seat": 7 }));
    let token = client(&transport).create_token(request).await.unwrap();
    let body = json!({ "name": "Ada", "role": "moderator", "user_ref": "u-1", "data": { "seat": 7 } });
    assert_eq!(sent(&transport), ("POST /video/v2/rooms/a%2F..%2Fb/tokens Basic QVBQOktFWQ==".into(), body));
    assert!(!format!("{token:?}").contains("canary"));
    assert_eq!(serde_json::to_value(Revealed(&token)).unwrap(), json!({ "token": "canary" }));
}

#[tokio::test]
async fn numbers_may_come_as_texts_and_objects_as_flags() {
    let settings = json!({
        "moderators": "2", "participants": 10, "duration": "50", "max_active_talkers": true, "scheduled": "false",
        "mode": "group", "quality": "4K", "live_recording": true, "role_based_recording": { "moderator": "audio" },
    });
    let room = json!({
        "room_id": "x", "name": "n", "settings": settings, "sip": { "enabled": true, "pin": 123_456, "meeting_id": 99 },
        "created": "2018-07-12T11:30:24.851Z", "data": { "k": "" }, "new_member": {},
    });
    let transport = ScriptedTransport::new().json(200, json!({ "result": 0, "room": room }).to_string());
    let room = client(&transport).create_room(CreateRoom::new("n", "o", RoomSettings::new(2))).await.unwrap();
    assert_eq!((room.settings.moderators, room.settings.participants), (Some(2), Some(10)));
    assert_eq!((room.settings.duration, room.settings.max_active_talkers), (Some(50), None));
    assert_eq!(room.settings.scheduled, Some(false));
    assert_eq!(room.settings.quality, Some(Quality::Other("4K".into())));
    assert_eq!(room.settings.live_recording.unwrap().auto_recording, Some(true));
    let sip = room.sip.unwrap();
    assert!(!format!("{sip:?}").contains("123456"));
    let shown = json!({ "enabled": true, "pin": "123456", "meeting_id": "99" });
    assert_eq!(serde_json::to_value(Revealed(&sip)).unwrap(), shown);
}

#[tokio::test]
async fn sip_may_be_false_and_the_settings_may_be_missing() {
    let transport = ScriptedTransport::new()
        .json(200, r#"{"result":0,"room":{"room_id":7,"sip":false,"settings":null}}"#);
    let room = client(&transport).create_room(CreateRoom::new("n", "o", RoomSettings::new(2))).await.unwrap();
    assert_eq!((room.room_id.as_str(), room.sip.unwrap().enabled), ("7", Some(false)));
}

#[tokio::test]
async fn answers_without_what_was_asked_for_are_not_understood() {
    for body in
        [r#"{"result":0}"#, r#"{"result":0,"token":""}"#, r#"{"result":0,"token":null}"#, "[]", "", "<html>"]
    {
        let transport = ScriptedTransport::new().json(200, body);
        let error = client(&transport).create_token(token_request()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{body}: {error}");
    }
    for body in [r#"{"result":0}"#, r#"{"result":0,"room":{}}"#, r#"{"result":0,"room":[]}"#] {
        let transport = ScriptedTransport::new().json(200, body);
        let room = client(&transport).create_room(CreateRoom::new("n", "o", RoomSettings::new(2))).await;
        assert_eq!(room.unwrap_err().kind(), ErrorKind::Protocol, "{body}");
    }
}
