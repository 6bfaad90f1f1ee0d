//! What goes over the wire, and how answers are read. No I/O.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use mediasfu::{
    BufferType, ChatPermission, Client, ClientBuilder, CreateRoom, Credentials, DeleteRoom, EventType,
    JoinRoom, Level, ListDisposableKeys, ListRooms, MediaSfuError, MediaType, MeetingRoomParams, Orientation,
    Permission, RecordingParams, Region, Resolution, SafeRoomAction, ServerKind, SipDirection,
};
use rtc_core::http::Request;
use rtc_core::testing::ScriptedTransport;
use rtc_core::{Bytes, ErrorKind, RetryPolicy, Revealed, ServiceError as _};
use serde_json::{Value, json};

const USER: &str = "apiUser123";
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ROOM: &str = r#"{"message":"Room created successfully","roomName":"s12345678","secureCode":"secure123",
    "publicURL":"https://x.mediasfu.com/meet/s12345678/tok","link":"https://x.mediasfu.com","secret":"c4n4ry","success":true}"#;

fn builder(transport: &ScriptedTransport) -> ClientBuilder {
    Client::builder(Credentials::new(USER, KEY)).transport(transport.clone()).retry(RetryPolicy::none())
}

fn request() -> CreateRoom {
    CreateRoom::new("hostUser", 60, 10)
}

fn body(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

async fn sent(configure: impl FnOnce(ClientBuilder) -> ClientBuilder, request: CreateRoom) -> Request<Bytes> {
    let transport = ScriptedTransport::new().json(201, ROOM);
    let client = configure(builder(&transport)).build().unwrap();
    client.create_room(request).await.unwrap();
    transport.requests().remove(0)
}

async fn answered(status: u16, answer: impl Into<Bytes>) -> mediasfu::Result<mediasfu::Room> {
    let transport = ScriptedTransport::new().json(status, answer);
    builder(&transport).build().unwrap().create_room(request()).await
}

#[tokio::test]
async fn the_smallest_room() {
    let sent = sent(|b| b, request()).await;
    assert_eq!(
        (sent.method().as_str(), sent.uri().to_string().as_str()),
        ("POST", "https://mediasfu.com/v1/rooms/")
    );
    assert_eq!(sent.headers()["authorization"], format!("Bearer {USER}:{KEY}").as_str());
    assert!(sent.headers()["authorization"].is_sensitive());
    assert_eq!(sent.headers()["content-type"], "application/json");
    assert!(sent.headers()["idempotency-key"].to_str().unwrap().starts_with("rtc-"), "made for the call");
    assert_eq!(
        body(&sent),
        json!({"action": "create", "userName": "hostUser", "duration": 60, "capacity": 10})
    );
}

#[tokio::test]
async fn every_field_of_a_room() {
    let request = request()
        .scheduled_date(1_893_456_000_000)
        .secure_code("secure123")
        .event_type(EventType::Broadcast)
        .meeting_room_params(meeting())
        .recording_params(recording())
        .record_only(false)
        .safe_room(true)
        .auto_start_safe_room(true)
        .safe_room_action(SafeRoomAction::Ban)
        .data_buffer(true)
        .buffer_type(BufferType::Images)
        .support_sip(true)
        .direction_sip(SipDirection::Outbound)
        .prefer_pcma(true)
        .support_translation(false)
        .translation_config_nick_name("mine")
        .support_flex_room(true)
        .support_max_room(false)
        .region(Region::Europe)
        .room_name("lobby")
        .admin_passcode("letmein")
        .islevel(Level::Host)
        .idempotency_key("call-create-0001");
    let sent = sent(|b| b, request).await;
    assert_eq!(sent.headers()["idempotency-key"], "call-create-0001");
    assert_eq!(
        body(&sent),
        json!({
            "action": "create", "userName": "hostUser", "duration": 60, "capacity": 10,
            "scheduledDate": 1_893_456_000_000_u64, "secureCode": "secure123", "eventType": "broadcast",
            "meetingRoomParams": {
                "itemPageLimit": 4, "mediaType": "video", "addCoHost": true,
                "targetOrientation": "neutral", "targetOrientationHost": "landscape",
                "targetResolution": "QnHD", "targetResolutionHost": "hd", "type": "conference",
                "audioSetting": "allow", "videoSetting": "approval", "screenshareSetting": "disallow", "chatSetting": "allow",
            },
            "recordingParams": {
                "recordingAudioPausesLimit": 1, "recordingAudioPeopleLimit": 2,
                "recordingAudioParticipantsTimeLimit": 432_000_000, "recordingVideoPausesLimit": 3,
                "recordingVideoPeopleLimit": 4, "recordingVideoParticipantsTimeLimit": 5,
                "recordingAudioSupport": true, "recordingVideoSupport": false,
                "recordingAllParticipantsSupport": true, "recordingVideoParticipantsSupport": false,
                "recordingAllParticipantsFullRoomSupport": true, "recordingVideoParticipantsFullRoomSupport": false,
                "recordingPreferredOrientation": "portrait", "recordingSupportForOtherOrientation": true,
                "recordingMultiFormatsSupport": false, "recordingHLSSupport": true, "recordingVideoPausesCount": 6,
            },
            "recordOnly": false, "safeRoom": true, "autoStartSafeRoom": true, "safeRoomAction": "ban",
            "dataBuffer": true, "bufferType": "images", "supportSIP": true, "directionSIP": "outbound",
            "preferPCMA": true, "supportTranslation": false, "translationConfigNickName": "mine",
            "supportFlexRoom": true, "supportMaxRoom": false, "region": "europe", "roomName": "lobby",
            "adminPasscode": "letmein", "islevel": "2",
        })
    );
}

fn meeting() -> MeetingRoomParams {
    MeetingRoomParams::new()
        .item_page_limit(4)
        .media_type(MediaType::Video)
        .add_co_host(true)
        .target_orientation(Orientation::Neutral)
        .target_orientation_host(Orientation::Landscape)
        .target_resolution(Resolution::Qnhd)
        .target_resolution_host(Resolution::Hd)
        .event_type(EventType::Conference)
        .audio_setting(Permission::Allow)
        .video_setting(Permission::Approval)
        .screenshare_setting(Permission::Disallow)
        .chat_setting(ChatPermission::Allow)
}

fn recording() -> RecordingParams {
    RecordingParams::new()
        .recording_audio_pauses_limit(1)
        .recording_audio_people_limit(2)
        .recording_audio_participants_time_limit(432_000_000)
        .recording_video_pauses_limit(3)
        .recording_video_people_limit(4)
        .recording_video_participants_time_limit(5)
        .recording_audio_support(true)
        .recording_video_support(false)
        .recording_all_participants_support(true)
        .recording_video_participants_support(false)
        .recording_all_participants_full_room_support(true)
        .recording_video_participants_full_room_support(false)
        .recording_preferred_orientation(Orientation::Portrait)
        .recording_support_for_other_orientation(true)
        .recording_multi_formats_support(false)
        .recording_hls_support(true)
        .recording_video_pauses_count(6)
}

#[tokio::test]
async fn joining() {
    let transport = ScriptedTransport::new().json(200, ROOM).json(200, ROOM);
    let client = builder(&transport).build().unwrap();
    client.join_room(JoinRoom::new("testRoom123", "user123")).await.unwrap();
    let full = JoinRoom::new("s1", "guest1")
        .secure_code("abcde")
        .islevel(Level::CoHost)
        .idempotency_key("call-join-0001");
    client.join_room(full).await.unwrap();
    let sent = transport.requests();
    assert_eq!(sent[0].uri(), "https://mediasfu.com/v1/rooms/");
    assert_eq!(body(&sent[0]), json!({"action": "join", "meetingID": "testRoom123", "userName": "user123"}));
    assert_eq!(sent[1].headers()["idempotency-key"], "call-join-0001");
    assert_eq!(
        body(&sent[1]),
        json!({"action": "join", "meetingID": "s1", "userName": "guest1", "secureCode": "abcde", "islevel": "1"})
    );
}

#[tokio::test]
async fn the_host_or_the_switch_decides_about_the_path() {
    for (endpoint, server, url) in [
        ("", None, "https://mediasfu.com/v1/rooms/"),
        ("   ", None, "https://mediasfu.com/v1/rooms/"),
        ("https://staging.mediasfu.com", None, "https://staging.mediasfu.com/v1/rooms/"),
        ("https://mediasfu.com/v1/rooms", None, "https://mediasfu.com/v1/rooms/"),
        ("https://mediasfu.com/v1/rooms/", None, "https://mediasfu.com/v1/rooms/"),
        ("https://ce.example.com//", None, "https://ce.example.com/createRoom"),
        ("http://127.0.0.1:18080/", None, "http://127.0.0.1:18080/createRoom"),
        ("http://127.0.0.1:18080", Some(ServerKind::Cloud), "http://127.0.0.1:18080/v1/rooms/"),
        ("https://mediasfu.com", Some(ServerKind::Community), "https://mediasfu.com/createRoom"),
        ("https://ce.example.com/v1/rooms/", None, "https://ce.example.com/v1/rooms/createRoom"),
        ("http://127.0.0.1:1/a/v1/rooms", Some(ServerKind::Cloud), "http://127.0.0.1:1/a/v1/rooms/"),
        (
            "https://mediasfu.com.own.example",
            Some(ServerKind::Community),
            "https://mediasfu.com.own.example/createRoom",
        ),
        ("https://notmediasfu.com", None, "https://notmediasfu.com/createRoom"),
    ] {
        let configure = |b: ClientBuilder| {
            let b = b.endpoint(endpoint);
            if let Some(kind) = server { b.server(kind) } else { b }
        };
        assert_eq!(sent(configure, request()).await.uri().to_string(), url, "{endpoint}");
    }
}

#[tokio::test]
async fn without_the_slash_at_its_end() {
    for (endpoint, url) in [
        ("", "https://mediasfu.com/v1/rooms"),
        ("https://eu.mediasfu.com/v1/rooms/", "https://eu.mediasfu.com/v1/rooms"),
        ("https://ce.example.com", "https://ce.example.com/createRoom"),
    ] {
        let plain = sent(|b| b.endpoint(endpoint).trailing_slash(false), request()).await;
        assert_eq!(plain.uri().to_string(), url);
    }
    let transport = ScriptedTransport::new().json(200, ROOM).json(200, "{}");
    let client = builder(&transport).trailing_slash(false).build().unwrap();
    client.join_room(JoinRoom::new("s1", "guest1")).await.unwrap();
    client.delete_room(DeleteRoom::new("s1")).await.unwrap();
    assert!(transport.requests().iter().all(|request| request.uri().path() == "/v1/rooms"));
}

#[tokio::test]
async fn a_base_that_names_the_rooms_is_good_for_all_calls() {
    let transport = (0..3).fold(ScriptedTransport::new(), |script, _| script.json(200, "{}"));
    let client = builder(&transport).endpoint("https://eu.mediasfu.com/v1/rooms/").build().unwrap();
    client.list_rooms(ListRooms::new()).await.unwrap();
    client.list_disposable_keys(ListDisposableKeys::new()).await.unwrap();
    client.delete_room(DeleteRoom::new("s1")).await.unwrap();
    let paths: Vec<_> = transport.requests().iter().map(|request| request.uri().path().to_owned()).collect();
    assert_eq!(paths, ["/v1/rooms", "/v1/disposable-keys", "/v1/rooms/"]);
}

#[tokio::test]
async fn the_defaults_of_an_official_sdk() {
    let defaults = json!({
        "action": "create", "userName": "hostUser", "duration": 60, "capacity": 10, "recordOnly": false,
        "safeRoom": false, "autoStartSafeRoom": false, "safeRoomAction": "kick", "dataBuffer": false,
        "bufferType": "all", "supportSIP": false, "directionSIP": "both", "preferPCMA": false,
        "supportTranslation": false, "translationConfigNickName": "", "supportFlexRoom": false,
        "supportMaxRoom": false,
    });
    assert_eq!(body(&sent(|b| b, request().with_sdk_defaults()).await), defaults);
    // What was told stays, before and after.
    let told = request().safe_room(true).buffer_type(BufferType::Audio).with_sdk_defaults().support_sip(true);
    let mut expected = defaults;
    expected["safeRoom"] = json!(true);
    expected["bufferType"] = json!("audio");
    expected["supportSIP"] = json!(true);
    assert_eq!(body(&sent(|b| b, told).await), expected);
}

#[tokio::test]
async fn an_endpoint_of_one_call_is_judged_by_its_own_host() {
    let transport = ScriptedTransport::new().json(200, ROOM);
    let client = builder(&transport).build().unwrap();
    client.create_room(request()).endpoint("https://ce.example.com").await.unwrap();
    assert_eq!(transport.requests()[0].uri(), "https://ce.example.com/createRoom");
}

#[test]
fn what_would_leak_the_key_is_refused_when_the_client_is_built() {
    for endpoint in [
        "http://ce.example.com",
        "http://mediasfu.com",
        "https://mediasfu.com@evil.example",
        "https://user:pass@mediasfu.com",
        "https://ce.example.com?x=1",
        "https://ce.example.com/#x",
        "mediasfu.com",
    ] {
        let error = builder(&ScriptedTransport::new()).endpoint(endpoint).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{endpoint}");
        assert!(!error.to_string().contains("pass"), "{error}");
    }
}

#[tokio::test]
async fn rooms_are_read_leniently() {
    let room = answered(201, ROOM).await.unwrap();
    assert_eq!(
        serde_json::to_value(Revealed(&room)).unwrap(),
        json!({
            "message": "Room created successfully", "room_name": "s12345678", "secure_code": "secure123",
            "public_url": "https://x.mediasfu.com/meet/s12345678/tok", "link": "https://x.mediasfu.com",
            "secret": "c4n4ry", "success": true,
        })
    );
    assert_eq!(room.parsed_link().unwrap().host_str(), Some("x.mediasfu.com"));
    assert!(room.parsed_public_url().unwrap().path().ends_with("/tok"));
    let shown = format!("{room:?} {}", serde_json::to_string(&room).unwrap());
    for secret in ["c4n4ry", "secure123", "/tok"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    for (answer, name) in [
        (r#"{"meetingID":"m1","roomId":"no","link":"l","secret":"s"}"#, "m1"),
        (r#"{"meetingId":"m2","roomId":"no","link":"l","secret":"s","extra":{"a":1}}"#, "m2"),
        (r#"{"roomId":3,"link":"l","secret":"s"}"#, "3"),
        (r#"{"data":{"roomName":"m4"},"link":"l","secret":"s","message":null}"#, "m4"),
        (r#"{"data":[],"roomName":"","meetingID":"m5","link":"l","secret":7,"success":"true"}"#, "m5"),
        (r#"{"roomName":"m7","link":"l","secret":"s","message":{"a":1},"success":1,"publicURL":[]}"#, "m7"),
        (
            r#"{"roomName":[],"meetingId":"m8","link":"l","secret":"s","secureCode":{},"success":"True"}"#,
            "m8",
        ),
        (r#"{"roomName":"m9","link":"l","secret":"s","data":"x","success":{},"message":["false"]}"#, "m9"),
        ("\u{feff}{\"roomName\":\"m6\",\"link\":\"https://.mediasfu.com\",\"secret\":\"s\"}", "m6"),
    ] {
        let room = answered(200, answer).await.unwrap();
        assert_eq!((room.room_name.as_str(), room.success), (name, true), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_without_what_is_needed_is_no_room() {
    for (status, answer) in [
        (200, ""),
        (204, ""),
        (200, "<html>"),
        (200, "[]"),
        (200, r#"{"roomName":"s1","link":"https://x"}"#),
        (200, r#"{"roomName":"s1","link":"https://x","secret":""}"#),
        (200, r#"{"roomName":"s1","secret":"c4n4ry"}"#),
        (200, r#"{"roomName":"s1","link":"","secret":"c4n4ry"}"#),
        (200, r#"{"link":"https://x","secret":"c4n4ry"}"#),
        (200, r#"{"roomName":{},"link":"https://x","secret":"c4n4ry"}"#),
    ] {
        let error = answered(status, answer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{answer}: {error}");
        assert!(!format!("{error} {error:?}").contains("c4n4ry"));
    }
}

#[tokio::test]
async fn refusals_are_told_in_the_services_own_words() {
    let plain = "HTTP error! Status: 400";
    for (status, answer, kind, detail, shown) in [
        (
            400,
            r#"{"error":"Invalid input","success":false}"#,
            ErrorKind::InvalidInput,
            Some("Invalid input"),
            "Invalid input",
        ),
        (
            401,
            r#"{"error":"Invalid or expired credentials"}"#,
            ErrorKind::Unauthenticated,
            Some("Invalid or expired credentials"),
            "Invalid or expired credentials",
        ),
        (
            403,
            "\u{feff}{\"message\":\"Forbidden domain\"}",
            ErrorKind::PermissionDenied,
            Some("Forbidden domain"),
            "Forbidden domain",
        ),
        (404, r#"{"error":"","message":"gone"}"#, ErrorKind::NotFound, Some("gone"), "gone"),
        (
            409,
            r#"{"error":{"code":1,"secret":"c4n4ry"}}"#,
            ErrorKind::Conflict,
            Some(r#"{"code":1,"secret":"[redacted]"}"#),
            r#"{"code":1,"secret":"[redacted]"}"#,
        ),
        (
            429,
            r#"{"error":"Too many requests"}"#,
            ErrorKind::RateLimited,
            Some("Too many requests"),
            "Too many requests",
        ),
        (500, "", ErrorKind::Unavailable, None, "HTTP error! Status: 500"),
        (502, "<html>bad gateway</html>", ErrorKind::Unavailable, None, "HTTP error! Status: 502"),
        (504, "{}", ErrorKind::Timeout, None, "HTTP error! Status: 504"),
        (400, r#"{"success":false}"#, ErrorKind::InvalidInput, None, plain),
        (400, r#"{"error":{},"message":[]}"#, ErrorKind::InvalidInput, None, plain),
        (400, r#"{"code":17}"#, ErrorKind::InvalidInput, Some(r#"{"code":17}"#), r#"{"code":17}"#),
        (
            200,
            r#"{"success":false,"error":"Room creation rejected."}"#,
            ErrorKind::Other,
            Some("Room creation rejected."),
            "Room creation rejected.",
        ),
        (
            200,
            r#"{"success":"False","roomName":"s1","link":"https://x","secret":"c4n4ry","error":"no"}"#,
            ErrorKind::Other,
            Some("no"),
            "no",
        ),
        (
            403,
            r#"{"error":{"rooms":[{"secret":"c4n4ry"},[{"api_key":"c4n4ry"}]]}}"#,
            ErrorKind::PermissionDenied,
            Some(r#"{"rooms":[{"secret":"[redacted]"},[{"api_key":"[redacted]"}]]}"#),
            r#"{"rooms":[{"secret":"[redacted]"},[{"api_key":"[redacted]"}]]}"#,
        ),
        (404, r#"[{"secret":"c4n4ry"}]"#, ErrorKind::NotFound, None, "HTTP error! Status: 404"),
        (302, "", ErrorKind::Protocol, None, "HTTP error! Status: 302"),
    ] {
        let error = answered(status, answer).await.unwrap_err();
        assert_eq!((error.kind(), error.detail()), (kind, detail), "{answer}");
        assert_eq!(error.to_string(), format!("Unable to create room, {shown}"));
        assert_eq!(error.status().map(|s| s.as_u16()), Some(status));
        assert!(!format!("{error:?}").contains("c4n4ry"));
    }
    let transport = ScriptedTransport::new().json(404, r#"{"error":"no such room"}"#);
    let error =
        builder(&transport).build().unwrap().join_room(JoinRoom::new("s1", "guest1")).await.unwrap_err();
    assert_eq!(error.to_string(), "Unable to join room, no such room");
}

#[tokio::test]
async fn errors_show_no_credentials_and_are_cut() {
    let answer = format!(
        r#"{{"error":"bad key tempsandABCDEF in Bearer {USER}:{KEY} or {KEY}\r\nx{}","apiKey":"{KEY}"}}"#,
        "y".repeat(10)
    )
    .replace("\r\n", "\\r\\n");
    let error = answered(401, answer).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(KEY) && !shown.contains("tempsandABCDEF") && !shown.contains(USER), "{shown}");
    assert!(
        error.detail().unwrap().contains("bad key [redacted] in Bearer [redacted] or [redacted]  x"),
        "{error}"
    );

    // A key across the limit of the message.
    let answer = format!(r#"{{"error":"{}{KEY}"}}"#, "no way. ".repeat(512 / 8 - 2));
    let error = answered(401, answer).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&KEY[..8]), "{error:?}");

    let error = answered(500, format!(r#"{{"error":"{}"}}"#, "no way. ".repeat(1000))).await.unwrap_err();
    assert!(error.detail().unwrap().chars().count() <= 512);
    let Some(MediaSfuError::Api { body, .. }) = error.service() else { panic!("{error}") };
    assert!(body.chars().count() <= 2048 && body.starts_with('{'));
    assert!(error.service().unwrap().code().is_none());
}
