//! The Server API against the emulator: the rules of rooms, and what is left of sessions: archives, records of use, files
//! and webhooks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test says enough"
)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::room::Room;
use enablex::{
    Client, CreateRoom, CreateToken, Credentials, DeleteRoom, ErrorKind, GetArchiveByConference,
    GetCdrByConference, GetDialIn, GetRoom, ListArchivesByPeriod, ListArchivesByRoom,
    ListArchivesByRoomAndPeriod, ListCdrsByPeriod, ListCdrsByRoom, ListCdrsByRoomAndPeriod, ListRooms,
    ListUsers, Role, RoomSettings, SendMessage, SettingsChange, UpdateRoom,
};
use rtc_core::transport::reqwest::HttpTransport;
use rtc_core::{Bytes, Limits, Transport as _, http};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

fn client(emulator: &Emulator) -> Client {
    let access = emulator.enablex();
    let credentials = Credentials::new(access.app_id(), access.app_key());
    Client::builder(credentials).endpoint(access.url()).build().unwrap()
}

async fn create(client: &Client, settings: RoomSettings) -> String {
    client.create_room(CreateRoom::new("Stand-up", "team-7", settings)).await.unwrap().room_id
}

async fn enter(client: &Client, room_id: &str, name: &str, role: Role) -> Room {
    let token = client.create_token(CreateToken::new(room_id, name, role, name)).await.unwrap().token;
    Room::connect(token, client.room_options()).await.unwrap().0
}

async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &Value) -> http::Response<Bytes> {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = request.body(Bytes::from(body)).unwrap();
    let answer = HttpTransport::builder().build().unwrap().send(request, Limits::default()).await.unwrap();
    let (parts, body) = answer.into_parts();
    http::Response::from_parts(parts, body.collect(1 << 20).await.unwrap())
}

/// Waits until something is so, as far as the emulator can be seen.
async fn until(emulator: &Emulator, so: impl Fn(&Value) -> bool) {
    let wait = async {
        while !so(&emulator.state()["enablex"]) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("it never came to be so");
}

/// The head and the body of the next request, answered with 200.
async fn receive(listener: &TcpListener) -> (String, Value) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (head, body) = read(&mut stream).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

async fn read(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let body = bytes.split_off(head.len() + 4);
        if body.len() == length.parse::<usize>().unwrap() {
            return (String::from_utf8_lossy(&bytes).into_owned(), body);
        }
        bytes.extend(body);
    }
}

#[tokio::test]
async fn what_a_session_leaves() {
    let emulator = Emulator::start().await.unwrap();
    let (client, access) = (client(&emulator), emulator.enablex());
    let room_id = create(&client, RoomSettings::new(5)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/hook", listener.local_addr().unwrap());
    assert!(access.send_webhooks(&hook, true));

    let mo = enter(&client, &room_id, "Mo", Role::Moderator).await;
    let ada = enter(&client, &room_id, "Ada", Role::Participant).await;
    let conf_num = mo.state().conf_num.unwrap();
    mo.start_record().await.unwrap();
    mo.send_message(SendMessage::new("hello")).await.unwrap();
    emulator.clock().advance(Duration::from_secs(90));
    mo.stop_record().await.unwrap();
    assert_eq!(client.list_users(ListUsers::new(&room_id)).await.unwrap().total, Some(2));
    ada.close().await;
    until(&emulator, |state| state["rooms"][0]["users"].as_array().unwrap().len() == 1).await;
    emulator.clock().advance(Duration::from_secs(30));
    mo.close().await;

    let (head, drop) = receive(&listener).await;
    let pair = STANDARD.encode(format!("{}:{}", access.webhook_user(), access.webhook_password()));
    assert!(head.contains(&format!("Basic {pair}")), "{head}");
    assert_eq!((&drop["type"], &drop["conf_num"]), (&json!("roomdrop"), &json!(conf_num)));
    let (_, recording) = receive(&listener).await;
    assert_eq!(
        (&recording["type"], recording["recording"].as_array().unwrap().len()),
        (&json!("recording"), 2)
    );
    let (_, chat) = receive(&listener).await;
    assert_eq!(chat["type"], "chatdata");

    // The same files are in the archive, whichever way one asks; the composed one comes later.
    let today = recording["trans_date"].as_str().unwrap()[..10].to_owned();
    let of_room = client.list_archives_by_room(ListArchivesByRoom::new(&room_id)).await.unwrap().archive;
    assert_eq!((of_room.len(), of_room[0].recording.len(), of_room[0].transcoded.len()), (1, 2, 0));
    emulator.clock().advance(Duration::from_secs(601));
    let (_, transcoded) = receive(&listener).await;
    assert_eq!(transcoded["type"], "transcoded");
    let by_number = GetArchiveByConference::new(&conf_num);
    assert_eq!(client.get_archive_by_conference(by_number).await.unwrap().archive[0].transcoded.len(), 1);
    let period = ListArchivesByPeriod::new(&today, &today);
    assert_eq!(client.list_archives_by_period(period).await.unwrap().archive.len(), 1);
    let both = ListArchivesByRoomAndPeriod::new(&room_id, "2020-01-01", "2020-01-31");
    assert_eq!(client.list_archives_by_room_and_period(both).await.unwrap().archive.len(), 0);

    // Who was there, and for how long.
    let mut cdr = client.list_cdrs_by_room(ListCdrsByRoom::new(&room_id)).await.unwrap().cdr;
    cdr.sort_by(|a, b| a.user.as_ref().unwrap().name.cmp(&b.user.as_ref().unwrap().name));
    let stayed: Vec<u64> =
        cdr.iter().map(|cdr| cdr.sigserver.as_ref().unwrap().duration.unwrap() as u64).collect();
    assert!((90..95).contains(&stayed[0]) && (120..125).contains(&stayed[1]), "{stayed:?}");
    assert_eq!(cdr[0].published_track.as_ref().unwrap().audio, Some(true));
    assert!(!format!("{cdr:?}").contains("eyJ"), "tokens are secret");
    let count = |list: enablex::CdrList| list.cdr.len();
    assert_eq!(count(client.get_cdr_by_conference(GetCdrByConference::new(&conf_num)).await.unwrap()), 2);
    assert_eq!(count(client.list_cdrs_by_period(ListCdrsByPeriod::new(&today, &today)).await.unwrap()), 2);
    let both = ListCdrsByRoomAndPeriod::new("elsewhere", &today, &today);
    assert_eq!(count(client.list_cdrs_by_room_and_period(both).await.unwrap()), 0);

    // The file itself.
    let url = recording["recording"][0]["url"].as_str().unwrap();
    assert_eq!(send("GET", url, &[], &Value::Null).await.status(), 403);
    let wrong = format!("Basic {}", STANDARD.encode("recordings:wrong"));
    assert_eq!(send("GET", url, &[("authorization", &wrong)], &Value::Null).await.status(), 403);
    let pair = STANDARD.encode(format!("{}:{}", access.recording_user(), access.recording_password()));
    let pair = format!("Basic {pair}");
    let whole = send("GET", url, &[("authorization", &pair)], &Value::Null).await;
    let part = send("GET", url, &[("authorization", &pair), ("range", "bytes=1000-")], &Value::Null).await;
    assert_eq!((whole.status().as_u16(), part.status().as_u16()), (200, 206));
    assert_eq!(part.body()[..], whole.body()[1000..]);
    let range = format!("bytes 1000-{}/{}", whole.body().len() - 1, whole.body().len());
    assert_eq!(part.headers()["content-range"], range.as_str());
    let said = chat["chatdata"][0]["url"].as_str().unwrap();
    let said = send("GET", said, &[("authorization", &pair)], &Value::Null).await;
    assert!(String::from_utf8_lossy(said.body()).contains("hello"));
    emulator.clock().advance(Duration::from_secs(72 * 3600));
    assert_eq!(send("GET", url, &[("authorization", &pair)], &Value::Null).await.status(), 404);
    until(&emulator, |state| state["deliveries"].as_array().unwrap().len() == 4).await;
    assert!(!emulator.log().iter().any(|entry| format!("{entry:?}").contains(access.recording_password())));
}

#[tokio::test]
async fn rooms_keep_their_rules() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let room_id = create(&client, RoomSettings::new(5)).await;
    assert_eq!(client.list_rooms(ListRooms::new()).await.unwrap().rooms.len(), 1);
    let change = |n: u32| UpdateRoom::new(&room_id).settings(SettingsChange::new().participants(n));
    client.update_room(change(15)).await.unwrap();
    let room = client.get_room(GetRoom::new(&room_id)).await.unwrap();
    assert_eq!((room.settings.participants, room.name.as_deref()), (Some(15), Some("Stand-up")));

    let mo = enter(&client, &room_id, "Mo", Role::Moderator).await;
    for error in [
        client.update_room(change(3)).await.map(drop).unwrap_err(),
        client.delete_room(DeleteRoom::new(&room_id)).await.map(drop).unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.code().as_deref()), (ErrorKind::Conflict, Some("10030")));
    }
    mo.close().await;
    until(&emulator, |state| state["rooms"][0]["users"] == json!([])).await;
    client.delete_room(DeleteRoom::new(&room_id)).await.unwrap();
    let gone = client.get_room(GetRoom::new(&room_id)).await.unwrap_err();
    assert_eq!((gone.kind(), gone.code().as_deref()), (ErrorKind::NotFound, Some("40001")));
    assert!(!format!("{:?}", client.get_dial_in(GetDialIn::new()).await.unwrap()).contains("Password"));
}

#[tokio::test]
async fn some_settings_stay_as_they_were() {
    let emulator = Emulator::start().await.unwrap();
    let (client, access) = (client(&emulator), emulator.enablex());
    let room_id = create(&client, RoomSettings::new(5)).await;
    let pair = STANDARD.encode(format!("{}:{}", access.app_id(), access.app_key()));
    let pair = format!("Basic {pair}");
    for (settings, expected) in [
        (json!({ "mode": "lecture" }), 10020),
        (json!({ "scheduled": true }), 10106),
        (json!({ "adhoc": true }), 10106),
        (json!({ "colour": "red" }), 10009),
        (json!({ "moderators": "9" }), 10022),
        (json!({ "scheduled_time": "2099-01-01 00:00:00" }), 10018),
    ] {
        let url = format!("{}/rooms/{room_id}", access.url());
        let answer = send("PATCH", &url, &[("authorization", &pair)], &json!({ "settings": settings })).await;
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(answer["result"], expected, "{settings}: {answer}");
    }
}

#[tokio::test]
async fn a_room_for_one_use_is_gone_after_it() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let short = create(&client, RoomSettings::new(5).adhoc(true)).await;
    enter(&client, &short, "Mo", Role::Moderator).await.close().await;
    until(&emulator, |state| state["rooms"] == json!([])).await;
    // With a duration it lives on until that has passed.
    let long = create(&client, RoomSettings::new(5).adhoc(true).duration(30)).await;
    enter(&client, &long, "Mo", Role::Moderator).await.close().await;
    until(&emulator, |state| state["rooms"][0]["users"] == json!([])).await;
    client.get_room(GetRoom::new(&long)).await.unwrap();
    emulator.clock().advance(Duration::from_secs(31 * 60));
    until(&emulator, |state| state["rooms"] == json!([])).await;
}

#[tokio::test]
async fn guests_without_a_connection() {
    let emulator = Emulator::start().await.unwrap();
    let (client, access) = (client(&emulator), emulator.enablex());
    let room_id = create(&client, RoomSettings::new(5)).await;
    assert_eq!(access.join("nowhere", "Ada", "participant"), None);
    assert_eq!(access.join(&room_id, "Ada", "king"), None);
    let ada = access.join(&room_id, "Ada", "participant").unwrap();
    let mo = enter(&client, &room_id, "Mo", Role::Moderator).await;
    assert!(mo.state().participants.contains_key(&ada));
    let manage = |path: &str| format!("{}/_emulator/enablex/{path}", emulator.url());
    let url = manage(&format!("rooms/{room_id}/users/{ada}"));
    assert_eq!(send("DELETE", &url, &[], &Value::Null).await.status(), 200);
    assert_eq!(send("DELETE", &url, &[], &Value::Null).await.status(), 404);
    let extension = |n: u32| json!({ "minutes": n });
    assert_eq!(send("POST", &manage("extension"), &[], &extension(30)).await.status(), 200);
    assert_eq!(send("POST", &manage("extension"), &[], &extension(31)).await.status(), 400);
    // What was shown can be taken in again.
    let state = emulator.state();
    emulator.reset();
    assert_eq!(emulator.state()["enablex"]["rooms"], json!([]));
    emulator.seed(json!({ "enablex": { "rooms": state["enablex"]["rooms"] } })).unwrap();
    client.get_room(GetRoom::new(&room_id)).await.unwrap();
    assert!(emulator.seed(json!({ "enablex": { "rooms": [{}] } })).is_err());
}

#[tokio::test]
async fn scheduled_rooms_open_and_close_by_the_clock() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let clock = emulator.clock();
    let start = rtc_emulator::time::rfc3339(clock.now() + Duration::from_secs(3600));
    let start = start[..19].replace('T', " ");
    let settings = RoomSettings::new(5).scheduled(true).scheduled_time(start).duration(30);
    let room_id = create(&client, settings).await;
    let token = || async {
        let asked = client.create_token(CreateToken::new(&room_id, "Ada", Role::Participant, "ada")).await;
        asked.map(drop).map_err(|error| error.code().map(|code| code.into_owned()))
    };
    let update = || async {
        let asked = client.update_room(UpdateRoom::new(&room_id).name("Later")).await;
        asked.map(drop).map_err(|error| error.code().map(|code| code.into_owned()))
    };
    let refused = |code: &str| Err(Some(code.to_owned()));
    assert_eq!((token().await, update().await), (refused("10113"), Ok(())));
    clock.advance(Duration::from_secs(46 * 60));
    assert_eq!((token().await, update().await), (Ok(()), refused("10030")));
    clock.advance(Duration::from_secs(45 * 60));
    assert_eq!((token().await, update().await), (refused("10111"), Ok(())));
}

#[tokio::test]
async fn a_session_ends_in_time_for_whoever_asks() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let room_id = create(&client, RoomSettings::new(5).duration(30)).await;
    let _mo = enter(&client, &room_id, "Mo", Role::Moderator).await;
    emulator.clock().advance(Duration::from_secs(30 * 60));
    assert_eq!(client.list_users(ListUsers::new(&room_id)).await.unwrap().total, Some(0));
    let cdr = client.list_cdrs_by_room(ListCdrsByRoom::new(&room_id)).await.unwrap().cdr;
    assert_eq!(cdr.len(), 1);
}

#[tokio::test]
async fn webhooks_that_reach_nobody_are_remembered() {
    let emulator = Emulator::start().await.unwrap();
    let client = client(&emulator);
    let room_id = create(&client, RoomSettings::new(5).auto_recording(true)).await;
    let url = format!("{}/_emulator/enablex/webhook", emulator.url());
    for (hook, so_far) in [("http://127.0.0.1:1/", 4), ("http://192.0.2.1/", 8)] {
        let hook = json!({ "url": hook, "destination": { "name": "awss3", "account": "acme" } });
        assert_eq!(send("POST", &url, &[], &hook).await.status(), 200);
        enter(&client, &room_id, "Mo", Role::Moderator).await.close().await;
        until(&emulator, |state| state["rooms"][0]["users"] == json!([])).await;
        emulator.clock().advance(Duration::from_secs(601));
        // Those of one session: later ones would go to the next address.
        until(&emulator, |state| state["deliveries"].as_array().unwrap().len() == so_far).await;
    }
    let state = emulator.state();
    let deliveries = state["enablex"]["deliveries"].as_array().unwrap();
    let transfer = deliveries.iter().find(|delivery| delivery["type"] == "file-transfer").unwrap();
    assert_eq!(transfer["body"]["destination"]["account"], "acme");
    assert_eq!(transfer["body"]["files"].as_array().unwrap().len(), 2);
    let with = |status: &str| deliveries.iter().filter(|delivery| delivery["status"] == status).count();
    assert_eq!((with("failed"), with("refused")), (4, 4));
    assert_eq!(send("POST", &url, &[], &json!({ "uri": "x" })).await.status(), 400);
    assert_eq!(send("DELETE", &url, &[], &Value::Null).await.status(), 200);
}
