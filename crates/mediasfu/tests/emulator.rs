//! Whole flows against the emulator, over sockets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail a test, too")]

use mediasfu::{
    Client, ClientBuilder, CreateRoom, Credentials, Error, EventType, JoinRoom, MediaSfuError, Room,
    ServerKind,
};
use rtc_core::{ErrorKind, Transport as _};
use rtc_emulator::{Action, DropWhen, Emulator, EmulatorClock, Fault};
use serde_json::{Value, json};

fn builder(emulator: &Emulator) -> ClientBuilder {
    let access = emulator.mediasfu();
    Client::builder(Credentials::new(access.api_user_name(), access.api_key())).endpoint(access.url())
}

fn clients(emulator: &Emulator) -> [(Client, &'static str, &'static str); 2] {
    [
        (builder(emulator).server(ServerKind::Cloud).build().unwrap(), "/v1/rooms/", "/v1/rooms/"),
        (builder(emulator).build().unwrap(), "/createRoom", "/joinRoom"),
    ]
}

fn request() -> CreateRoom {
    CreateRoom::new("hostUser", 60, 10)
}

fn refused(error: &Error) -> (ErrorKind, Option<u16>, Option<&str>) {
    (error.kind(), error.status().map(|s| s.as_u16()), error.detail())
}

/// A request made by hand: what no client of ours would send.
async fn post(
    emulator: &Emulator,
    path: &str,
    authorization: Option<&str>,
    body: &str,
) -> (u16, String, String) {
    let mut request = rtc_core::http::Request::post(format!("{}{path}", emulator.url()));
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let request = request.header("content-type", "application/json").body(body.to_owned().into()).unwrap();
    let transport = rtc_core::transport::reqwest::HttpTransport::builder().build().unwrap();
    let response = transport.send(request, Default::default()).await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let body = response.into_body().collect(1 << 20).await.unwrap();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

async fn quirks(emulator: &Emulator, switches: Value) -> u16 {
    post(emulator, "/_emulator/mediasfu/quirks", None, &switches.to_string()).await.0
}

#[tokio::test]
async fn a_room_is_created_and_joined() {
    let emulator = Emulator::start().await.unwrap();
    for (client, create_path, join_path) in clients(&emulator) {
        emulator.clear_log();
        let room =
            client.create_room(request().event_type(EventType::Webinar).secure_code("abcde")).await.unwrap();
        assert_eq!((room.room_name.len(), room.secret.expose().len()), (17, 64));
        assert!(
            room.room_name.starts_with('s')
                && room.room_name.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
        );
        assert_eq!(room.secure_code.as_ref().map(|code| code.expose()), Some("abcde"));
        let page = format!("{}/meet/{}/{}", emulator.url(), room.room_name, room.secret.expose());
        assert_eq!(room.public_url.as_ref().map(|url| url.expose()), Some(page.as_str()));

        let join = JoinRoom::new(&room.room_name, "guest1");
        let error = client.join_room(join.clone()).await.unwrap_err();
        assert_eq!(
            refused(&error),
            (ErrorKind::PermissionDenied, Some(403), Some("The secure code is not correct."))
        );
        let joined = client.join_room(join.secure_code("abcde")).await.unwrap();
        assert_eq!((&joined.room_name, joined.secure_code.is_none()), (&room.room_name, true));
        assert_ne!(joined.secret, room.secret);

        let paths = |operation| emulator.requests(operation).into_iter().map(|e| e.path).collect::<Vec<_>>();
        assert_eq!(paths("create_room"), [create_path]);
        assert_eq!(paths("join_room"), [join_path, join_path]);
    }
    assert_eq!(emulator.state()["mediasfu"]["rooms"].as_object().unwrap().len(), 2);
    emulator.reset();
    assert_eq!(emulator.state()["mediasfu"]["rooms"], json!({}));
}

#[tokio::test]
async fn rooms_that_are_not_there_cannot_be_joined() {
    let emulator = Emulator::builder().clock(EmulatorClock::system()).start().await.unwrap();
    for (client, ..) in clients(&emulator) {
        let error = client.join_room(JoinRoom::new("s0", "guest1")).await.unwrap_err();
        assert_eq!(refused(&error), (ErrorKind::NotFound, Some(404), Some("The event room does not exist.")));
        let room = client.create_room(CreateRoom::new("hostUser", 1, 2)).await.unwrap();
        emulator.clock().advance(std::time::Duration::from_secs(60));
        let error = client.join_room(JoinRoom::new(room.room_name, "guest1")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_room() {
    let mut rooms = Vec::new();
    for seed in [7, 7, 8] {
        let emulator = Emulator::builder().seed(seed).start().await.unwrap();
        let client = builder(&emulator).build().unwrap();
        let room = client.create_room(request()).await.unwrap();
        rooms.push((room.room_name, room.secret));
    }
    assert!(rooms[0] == rooms[1] && rooms[0] != rooms[2]);
}

#[tokio::test]
async fn a_repeat_under_one_key_has_no_second_effect() {
    let emulator = Emulator::start().await.unwrap();
    let client = builder(&emulator).server(ServerKind::Cloud).build().unwrap();
    let keyed = || request().idempotency_key("call-create-0001");
    let first = client.create_room(keyed()).await.unwrap();
    assert_eq!(client.create_room(keyed()).await.unwrap(), first);
    let error = client.create_room(keyed().safe_room(true)).await.unwrap_err();
    assert_eq!((error.kind(), error.status().map(|s| s.as_u16())), (ErrorKind::Conflict, Some(409)));
    assert_ne!(client.create_room(request()).await.unwrap().room_name, first.room_name);

    // The answer is lost after the service has acted: the client repeats it by itself, one room is made.
    emulator.reset();
    emulator.add_fault(Fault::new(Action::Drop { when: DropWhen::DuringHeaders }).times(1)).unwrap();
    let reply = client.create_room(keyed()).reply().await.unwrap();
    assert_eq!((reply.attempts, reply.status.as_u16()), (2, 201));
    assert_eq!(emulator.state()["mediasfu"]["rooms"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn wrong_credentials_are_refused_as_each_server_does() {
    let emulator = Emulator::start().await.unwrap();
    let other = || Client::builder(Credentials::new("stranger", "0".repeat(64))).endpoint(emulator.url());
    let cloud = other().server(ServerKind::Cloud).build().unwrap();
    let error = cloud.create_room(request()).await.unwrap_err();
    assert_eq!(refused(&error), (ErrorKind::Unauthenticated, Some(401), Some("Invalid credentials")));
    let community = other().build().unwrap();
    let error = community.join_room(JoinRoom::new("s1", "guest1")).await.unwrap_err();
    assert_eq!(
        refused(&error),
        (ErrorKind::Unauthenticated, Some(401), Some("Invalid or expired credentials"))
    );
}

#[tokio::test]
async fn the_emulator_is_strict() {
    let emulator = Emulator::start().await.unwrap();
    let access = emulator.mediasfu();
    let good = format!("Bearer {}:{}", access.api_user_name(), access.api_key());
    let lower = good.replace("Bearer", "bearer");
    let body = r#"{"action":"create","userName":"hostUser","duration":60,"capacity":10}"#;
    let json_type = "application/json";
    for (path, authorization, body, status, kind, text) in [
        ("/createRoom", None, body, 500, json_type, r#"{"error":"Internal server error"}"#),
        ("/createRoom", Some(&lower), body, 401, json_type, r#"{"error":"Invalid or expired credentials"}"#),
        ("/joinRoom", Some(&good), "{", 400, "text/html; charset=utf-8", "SyntaxError"),
        ("/v1/rooms", None, body, 401, json_type, r#""error":"Invalid credentials""#),
        ("/v1/rooms/", Some(&lower), body, 401, json_type, r#""error":"Invalid credentials""#),
        ("/v1/rooms", Some(&good), "{", 400, json_type, r#""error""#),
        ("/v1/rooms", Some(&good), r#"{"action":"delete"}"#, 400, json_type, r#""error""#),
        ("/v1/rooms", Some(&good), &body.replace("60", "0"), 400, json_type, r#"{"error":"duration "#),
        (
            "/v1/rooms",
            Some(&good),
            &body.replace("hostUser", "host user"),
            400,
            json_type,
            r#"{"error":"userName "#,
        ),
        (
            "/createRoom",
            Some(&good),
            r#"{"action":"create"}"#,
            400,
            json_type,
            r#""error":"userName is required""#,
        ),
        ("/v1/rooms", Some(&good), body, 201, json_type, r#""success":true"#),
        // What the official Flutter SDK sends: every default, and null for what is not set.
        (
            "/v1/rooms",
            Some(&good),
            r#"{"action":"create","duration":60,"capacity":10,"userName":"hostUser","scheduledDate":null,"secureCode":null,
               "eventType":null,"meetingRoomParams":null,"recordingParams":null,"recordOnly":false,"safeRoom":false,
               "autoStartSafeRoom":false,"safeRoomAction":"kick","dataBuffer":false,"bufferType":"all","supportSIP":false,
               "directionSIP":"both","preferPCMA":false,"supportTranslation":false,"translationConfigNickName":"",
               "supportFlexRoom":false,"supportMaxRoom":false}"#,
            201,
            json_type,
            r#""success":true"#,
        ),
    ] {
        let answer = post(&emulator, path, authorization.map(String::as_str), body).await;
        assert_eq!((answer.0, answer.1.as_str()), (status, kind), "{path} {body}: {}", answer.2);
        assert!(answer.2.contains(text), "{path} {body}: {}", answer.2);
    }
}

#[tokio::test]
async fn quirks_of_the_service_are_borne() {
    let emulator = Emulator::start().await.unwrap();
    let client = builder(&emulator).server(ServerKind::Cloud).build().unwrap();
    assert_eq!(quirks(&emulator, json!({ "bom": true, "empty_label": true })).await, 200);
    let room: Room = client.create_room(request()).await.unwrap();
    assert_eq!(room.link, "https://.mediasfu.com");
    assert!(room.public_url.unwrap().expose().starts_with("https://.mediasfu.com/meet/s"));
    // Refusals carry the mark as well.
    let error = client.join_room(JoinRoom::new("s0", "guest1")).await.unwrap_err();
    assert_eq!(error.detail(), Some("The event room does not exist."));

    assert_eq!(quirks(&emulator, json!({ "success_false": true })).await, 200);
    let error = client.create_room(request()).await.unwrap_err();
    assert_eq!(refused(&error), (ErrorKind::Other, Some(200), Some("Room creation rejected.")));
    assert!(matches!(error.service(), Some(MediaSfuError::Api { .. })));
    assert_eq!(
        quirks(&emulator, json!({ "aliases": true, "bare": true, "error_as_message": true })).await,
        200
    );
    for _ in 0..4 {
        let room = client.create_room(request()).await.unwrap();
        assert!(room.room_name.starts_with('s') && room.success && room.message.is_none(), "{room:?}");
    }
    let error = client.join_room(JoinRoom::new("s0", "guest1")).await.unwrap_err();
    assert_eq!(error.detail(), Some("The event room does not exist."));
    assert_eq!(quirks(&emulator, json!({ "calls": true, "success_false": true })).await, 200);
    assert_eq!(quirks(&emulator, json!({ "no_such_quirk": true })).await, 400);
    assert_eq!(emulator.state()["mediasfu"]["quirks"]["success_false"], json!(true));
}

#[tokio::test]
async fn state_can_be_given() {
    let emulator = Emulator::start().await.unwrap();
    let rooms = json!({ "sLobby": { "input": {}, "entries": [], "ends_at": u64::MAX } });
    emulator.seed(json!({ "mediasfu": { "rooms": rooms } })).unwrap();
    let client = builder(&emulator).build().unwrap();
    assert_eq!(client.join_room(JoinRoom::new("sLobby", "guest1")).await.unwrap().room_name, "sLobby");
    assert!(emulator.seed(json!({ "mediasfu": { "roms": {} } })).unwrap_err().contains("roms"));
}
