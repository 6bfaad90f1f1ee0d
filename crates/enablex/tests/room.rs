//! Rooms against a scripted server in this process: what is sent, what is not, and what becomes of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::room::{Phase, Protocol};
use enablex::{Ack, EnableXError, Role, Room, RoomEvent, RoomEvents, RoomOptions, RoomState};
use rtc_core::testing::{LoopChannel, ManualClock, pair};
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame};
use rtc_core::{Clock, ErrorKind, Limits, Reason, http};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

/// Answers an event: the arguments of its acknowledgement (none: it never comes) and the events that follow.
type Answer = fn(&str, &Value) -> (Option<Value>, Vec<Value>);

/// A server at the other end of a pair. It keeps what it was asked and told.
#[derive(Clone)]
struct Scripted {
    protocol: Protocol,
    answer: Answer,
    urls: Arc<Mutex<Vec<String>>>,
    frames: Arc<Mutex<Vec<Value>>>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Connect for Scripted {
    type Channel = LoopChannel;

    async fn connect(
        &self,
        handshake: http::Request<()>,
        _limits: Limits,
    ) -> Result<LoopChannel, ConnectError> {
        self.urls.lock().unwrap().push(handshake.uri().to_string());
        let (client, server) = pair();
        tokio::spawn(self.clone().serve(server));
        Ok(client)
    }
}

impl Scripted {
    fn new(protocol: Protocol, answer: Answer) -> Self {
        Self { protocol, answer, urls: Arc::default(), frames: Arc::default() }
    }

    async fn serve(self, mut channel: LoopChannel) {
        let open =
            r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        let _ = channel.send(Frame::Text(open.into())).await;
        if self.protocol == Protocol::Eio3 {
            let _ = channel.send(Frame::Text("40".into())).await;
        }
        while let Some(Ok(frame)) = channel.recv().await {
            let Frame::Text(text) = frame else { continue };
            if text == "40" {
                let _ = channel.send(Frame::Text(r#"40{"sid":"n"}"#.into())).await;
            }
            let Some(packet) = text.strip_prefix("42") else { continue };
            let digits = packet.find('[').unwrap();
            let content: Value = serde_json::from_str(&packet[digits..]).unwrap();
            self.frames.lock().unwrap().push(content.clone());
            let (ack, events) = (self.answer)(content[0].as_str().unwrap(), &content[1]);
            if let Some(ack) = ack {
                let _ = channel.send(Frame::Text(format!("43{}{ack}", &packet[..digits]))).await;
            }
            for event in events {
                let _ = channel.send(Frame::Text(format!("42{event}"))).await;
            }
        }
    }

    fn frames(&self) -> Vec<Value> {
        self.frames.lock().unwrap().clone()
    }

    async fn enter(&self) -> enablex::Result<(Room, RoomEvents)> {
        self.enter_with(RoomOptions::new()).await
    }

    async fn enter_with(&self, options: RoomOptions) -> enablex::Result<(Room, RoomEvents)> {
        let token = json!({
            "tokenId": "canary", "host": "media.example:7443", "secure": true, "gateway": "edge.example",
            "roomMeta": { "settings": { "mode": "group" } },
        });
        let options = options.protocol(self.protocol).connector(self.clone());
        Room::connect(STANDARD.encode(token.to_string()), options).await
    }
}

/// Lets everybody in as a moderator; acknowledges everything.
fn friendly(event: &str, _: &Value) -> (Option<Value>, Vec<Value>) {
    match event {
        "token" => (Some(joined()), vec![connected("moderator", false, true)]),
        _ => (Some(json!([{ "result": 0, "msg": "success" }])), Vec::new()),
    }
}

fn joined() -> Value {
    json!(["success", { "result": 0, "clientId": "c-me", "connectedIP": "127.0.0.1" }])
}

fn connected(role: &str, locked: bool, recording: bool) -> Value {
    let me = json!({ "clientId": "c-me", "name": "M", "role": role, "user_ref": "u1" });
    json!(["room-connected", {
        "id": "room-1", "clientId": "c-me", "userList": [me, { "clientId": "c-par", "role": "participant" }], "user": me,
        "room": { "name": "n", "conf_num": "1", "mute": false, "locked": locked },
        "subscription": { "recording": recording }, "iceServers": [{ "credential": "canary" }],
    }])
}

#[tokio::test]
async fn commands_go_out_as_the_vendor_sends_them() {
    for (protocol, url) in [
        (
            Protocol::Eio3,
            "wss://edge.example/socket.io/?EIO=3&transport=websocket&X-Forwarded-Host=media.example%3A7443",
        ),
        (
            Protocol::Eio4,
            "wss://edge.example/v3/socket.io/?EIO=4&transport=websocket&X-Forwarded-Host=media.example%3A7443",
        ),
    ] {
        let server = Scripted::new(protocol, friendly);
        let (room, _events) = server.enter().await.unwrap();
        assert_eq!(*server.urls.lock().unwrap(), [url]);
        room.lock_room().await.unwrap();
        room.hard_mute_room().await.unwrap();
        room.hard_unmute_room().await.unwrap();
        room.start_record().await.unwrap();
        room.stop_record().await.unwrap();
        let frames = server.frames();
        assert_eq!(
            frames[1..],
            [
                json!(["lockRoom", true]),
                json!(["room-muted", {}]),
                json!(["room-unmuted", {}]),
                json!(["startRecord", {}]),
                json!(["stopRecord", {}]),
            ]
        );
        let hello = &frames[0][1];
        assert_eq!((&frames[0][0], &hello["tokenId"]), (&json!("token"), &json!("canary")));
        assert_eq!(hello["roomMeta"]["settings"]["mode"], "group");
        let newer = protocol == Protocol::Eio4;
        assert_eq!(hello["version"], if newer { "3.1.8" } else { "2.3.0" });
        assert_eq!(hello["singlePC"] == "subs" && hello["dataChannel"] == true, newer);
        assert_eq!(hello.get("singlePC").is_some(), newer);
        assert!(!format!("{room:?} {:?}", room.state()).contains("canary"));
    }
}

#[tokio::test]
async fn a_command_may_follow_on_the_acknowledgement_of_another() {
    // This server tells nobody of anything: all that is known of the lock is what was acknowledged.
    let server = Scripted::new(Protocol::Eio4, friendly);
    let (room, _events) = server.enter().await.unwrap();
    for locked in [true, false, true] {
        let done = if locked { room.lock_room().await } else { room.unlock_room().await };
        done.unwrap();
        assert_eq!(room.state().locked, Some(locked));
    }
    room.start_record().await.unwrap();
    assert_eq!(room.state().recording, Some(true));
    assert!(!room.lock_room().await.unwrap_err().was_sent());
}

#[tokio::test]
async fn what_the_room_would_refuse_is_not_sent() {
    fn participant(event: &str, argument: &Value) -> (Option<Value>, Vec<Value>) {
        let (ack, _) = friendly(event, argument);
        (ack, vec![connected("participant", false, true)])
    }
    fn locked_without_recording(event: &str, argument: &Value) -> (Option<Value>, Vec<Value>) {
        let (ack, _) = friendly(event, argument);
        (ack, vec![connected("moderator", true, false)])
    }
    let code = |result: enablex::Result<Ack>| {
        let error = result.unwrap_err();
        assert!(!error.was_sent() && error.attempts() == 0);
        error.code().unwrap().into_owned()
    };
    let server = Scripted::new(Protocol::Eio4, participant);
    let (room, _events) = server.enter().await.unwrap();
    assert_eq!(code(room.lock_room().await), "1168");
    assert_eq!(code(room.unlock_room().await), "1168");
    assert_eq!(code(room.hard_mute_room().await), "1168");
    assert_eq!(code(room.hard_unmute_room().await), "1168");
    assert_eq!(code(room.start_record().await), "1168");
    assert_eq!(code(room.stop_record().await), "1168");
    assert_eq!(server.frames().len(), 1);

    let server = Scripted::new(Protocol::Eio4, locked_without_recording);
    let (room, _events) = server.enter().await.unwrap();
    assert_eq!(code(room.lock_room().await), "4121");
    assert_eq!(code(room.start_record().await), "1170");
    assert_eq!(code(room.stop_record().await), "1170");
    room.close().await;
    assert_eq!(code(room.unlock_room().await), "1163");
    assert_eq!(server.frames().len(), 1);
}

#[tokio::test]
async fn a_server_that_never_acknowledges_ends_with_the_deadline() {
    fn silent(event: &str, argument: &Value) -> (Option<Value>, Vec<Value>) {
        if event == "token" { friendly(event, argument) } else { (None, Vec::new()) }
    }
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let server = Scripted::new(Protocol::Eio4, silent);
    let (room, _events) = server.enter_with(RoomOptions::new().clock(clock.clone())).await.unwrap();
    let command = tokio::spawn(async move { room.lock_room().await });
    while server.frames().len() < 2 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_millis(9_999));
    tokio::task::yield_now().await;
    assert!(!command.is_finished());
    clock.advance(Duration::from_millis(1));
    let error = command.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Timeout, true));
    assert!(clock.now() < SystemTime::UNIX_EPOCH + Duration::from_secs(11));
}

#[tokio::test]
async fn a_server_that_does_not_let_in() {
    fn refuses(_: &str, _: &Value) -> (Option<Value>, Vec<Value>) {
        (Some(json!(["error", { "result": 2102, "msg": "full" }])), Vec::new())
    }
    fn forgets(_: &str, _: &Value) -> (Option<Value>, Vec<Value>) {
        (Some(joined()), Vec::new())
    }
    fn drops(_: &str, _: &Value) -> (Option<Value>, Vec<Value>) {
        (Some(joined()), vec![json!(["room-disconnected", { "reason": "over" }])])
    }
    let error = Scripted::new(Protocol::Eio4, refuses).enter().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code().as_deref(), error.detail()),
        (ErrorKind::Conflict, Some("2102"), Some("full"))
    );
    let limit = RoomOptions::new().timeout(Duration::from_millis(100));
    let error = Scripted::new(Protocol::Eio3, forgets).enter_with(limit).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Timeout, true));
    let error = Scripted::new(Protocol::Eio4, drops).enter().await.unwrap_err();
    assert!(
        matches!(error.service(), Some(EnableXError::Room { code: None, message, .. }) if message == "over")
    );
}

#[tokio::test]
async fn a_reader_that_is_too_slow_misses_the_oldest_events() {
    fn chatty(event: &str, argument: &Value) -> (Option<Value>, Vec<Value>) {
        if event == "token" {
            return friendly(event, argument);
        }
        let events = (0..10).map(|i| json!(["user-connected", { "clientId": format!("c-{i}") }])).collect();
        (Some(json!([{ "result": 0 }])), events)
    }
    let server = Scripted::new(Protocol::Eio4, chatty);
    let (room, mut events) = server.enter_with(RoomOptions::new().event_queue(4)).await.unwrap();
    room.lock_room().await.unwrap();
    while room.state().participants.len() < 12 {
        tokio::task::yield_now().await;
    }
    let RoomEvent::UserConnected(first) = events.recv().await.unwrap() else { panic!() };
    assert_eq!(first.client_id.as_deref(), Some("c-6"));
    assert_eq!(events.missed(), 7);
}

#[tokio::test]
async fn events_end_with_the_room_even_if_the_server_keeps_the_connection() {
    fn dropped(event: &str, argument: &Value) -> (Option<Value>, Vec<Value>) {
        let (ack, events) = friendly(event, argument);
        let over = json!(["room-disconnected", { "reason": "over" }]);
        if event == "token" { (ack, events) } else { (ack, vec![over, connected("moderator", false, true)]) }
    }
    let server = Scripted::new(Protocol::Eio4, dropped);
    let (room, mut events) = server.enter().await.unwrap();
    room.hard_mute_room().await.unwrap();
    let mut last = None;
    while let Some(event) = events.recv().await {
        last = Some(event);
    }
    let Some(RoomEvent::RoomDisconnected(over)) = last else { panic!("{last:?}") };
    assert_eq!((over.reason.as_deref(), room.state().phase), (Some("over"), Phase::Closed));
    assert_eq!(room.lock_room().await.unwrap_err().code().as_deref(), Some("1163"));
}

#[tokio::test]
async fn a_queue_of_any_length_is_a_queue() {
    for length in [0, usize::MAX] {
        let server = Scripted::new(Protocol::Eio4, friendly);
        let (_room, mut events) = server.enter_with(RoomOptions::new().event_queue(length)).await.unwrap();
        assert!(matches!(events.recv().await, Some(RoomEvent::RoomConnected(_))));
    }
}

/// What reaches a room's server on 127.0.0.1 when the client's endpoint is `endpoint`: the head of the handshake.
async fn handshake(endpoint: &str, options: impl FnOnce(RoomOptions) -> RoomOptions) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token =
        json!({ "tokenId": "t", "host": listener.local_addr().unwrap().to_string(), "secure": false });
    let client = enablex::Client::builder(enablex::Credentials::new("id", "key"))
        .endpoint(endpoint)
        .header("x-gateway-key", "canary")
        .proxy("")
        .build()
        .unwrap();
    let room = Room::connect(STANDARD.encode(token.to_string()), options(client.room_options()));
    let head = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    };
    let (room, head) = tokio::join!(room, head);
    room.unwrap_err();
    head
}

#[tokio::test]
async fn extra_headers_go_only_to_servers_that_were_configured() {
    for (endpoint, trusted, shown) in [
        ("http://127.0.0.1:1/video/v2", None, true),
        ("http://localhost:1/video/v2", None, false),
        ("https://127.0.0.1:1/video/v2", None, false),
        ("http://localhost:1/video/v2", Some("127.0.0.1"), true),
        ("http://localhost:1/video/v2", Some("27.0.0.1"), false),
    ] {
        let options = |options: RoomOptions| match trusted {
            Some(host) => options.trusted_host(host),
            None => options,
        };
        let head = handshake(endpoint, options).await;
        assert!(head.starts_with("GET /v3/socket.io/"), "{head}");
        assert_eq!(head.contains("canary"), shown, "{endpoint} {trusted:?} {head}");
    }
}

/// A server that nobody reaches.
#[derive(Debug)]
struct Unreachable;

impl Connect for Unreachable {
    type Channel = LoopChannel;

    async fn connect(&self, _: http::Request<()>, _: Limits) -> Result<LoopChannel, ConnectError> {
        std::future::pending().await
    }
}

/// How long connecting and an answer are waited for, in a client with these settings.
async fn patience(
    configure: impl FnOnce(enablex::ClientBuilder) -> enablex::ClientBuilder,
) -> (Duration, Duration) {
    fn mute(_: &str, _: &Value) -> (Option<Value>, Vec<Value>) {
        (None, Vec::new())
    }
    let clock = ManualClock::jumping(SystemTime::UNIX_EPOCH);
    let builder = enablex::Client::builder(enablex::Credentials::new("id", "key")).clock(clock);
    let options = configure(builder).build().unwrap().room_options();
    let limit = |error: enablex::Error| match error.reason() {
        Reason::Timeout(limit) => *limit,
        other => panic!("{other:?}"),
    };
    let token = STANDARD.encode(r#"{"tokenId":"t","host":"media.example:7443","secure":true}"#);
    let unreachable = Room::connect(token, options.clone().connector(Unreachable)).await.unwrap_err();
    let silent = Scripted::new(Protocol::Eio4, mute).enter_with(options).await.unwrap_err();
    (limit(unreachable), limit(silent))
}

#[tokio::test]
async fn rooms_have_limits_of_their_own_unless_the_client_sets_some() {
    let seconds = Duration::from_secs;
    assert_eq!(patience(|builder| builder).await, (seconds(8), seconds(10)));
    // The defaults of the Server API, but set by the user.
    let set = patience(|builder| builder.connect_timeout(seconds(5)).timeout(seconds(15))).await;
    assert_eq!(set, (seconds(5), seconds(15)));
}

/// The state after the given events.
fn after(events: &[Value]) -> RoomState {
    let mut state = RoomState::default();
    for event in events {
        let event = event.as_array().unwrap();
        state.apply(&RoomEvent::read(event[0].as_str().unwrap(), &event[1..]));
    }
    state
}

#[test]
fn the_state_follows_the_events_and_never_toggles() {
    let start = connected("moderator", false, true);
    let lock = json!(["roomManagementEvents", { "id": "room-locked", "msg": { "moderator": "c-x" } }]);
    let unlock = json!(["roomManagementEvents", { "id": "room-unlocked" }]);
    let with = |more: &[&Value]| after(&[&[&start], more].concat().into_iter().cloned().collect::<Vec<_>>());
    assert_eq!(with(&[]).locked, Some(false));
    assert_eq!(with(&[&lock, &lock]).locked, Some(true));
    assert_eq!(with(&[&lock, &unlock, &unlock]).locked, Some(false));
    assert_eq!(with(&[&json!(["room-muted", {}]), &json!(["room-muted"])]).muted, Some(true));
    assert_eq!(with(&[]).recording, None);
    assert_eq!(with(&[&json!(["room-record-on", { "moderatorId": "c-x" }])]).recording, Some(true));
    assert_eq!(with(&[&json!(["room-disconnected", "over"])]).phase, Phase::Closed);
    let over = with(&[&json!(["room-disconnected", "over"]), &start, &json!(["room-awaited", {}]), &lock]);
    assert_eq!((over.phase, over.locked), (Phase::Closed, Some(false)));
    assert_eq!(with(&[&json!(["user-disconnected", { "clientId": "c-par" }])]).participants.len(), 1);
    assert_eq!(with(&[&json!(["user-disconnected", { "clientId": 7 }])]).participants.len(), 2);

    let swap =
        json!(["userRoleChanged", { "moderator": { "new": "c-par", "old": "c-me" }, "raisedHands": [] }]);
    let state = with(&[&swap]);
    assert_eq!(
        (state.role, &state.participants["c-par"].role),
        (Some(Role::Participant), &Some(Role::Moderator))
    );
    let newer = json!(["userRoleChanged", { "clientsInfo": [{ "clientId": "c-me", "role": { "new": "viewer", "old": "moderator" } }] }]);
    assert_eq!(
        with(&[&newer]).guard("lock_room").unwrap_err(),
        with(&[&swap]).guard("lock_room").unwrap_err()
    );
}

#[test]
fn what_is_not_known_stops_nothing() {
    let state = after(&[json!(["room-connected", { "user": { "clientId": "c", "role": "moderator" } }])]);
    assert_eq!((state.locked, state.recording_subscribed), (None, None));
    for operation in ["lock_room", "unlock_room", "start_record", "hard_mute_room"] {
        state.guard(operation).unwrap();
    }
}

#[test]
fn events_in_their_outward_form() {
    let show = |name: &str, args: Value| {
        serde_json::to_value(RoomEvent::read(name, args.as_array().unwrap())).unwrap()
    };
    assert_eq!(
        show("roomManagementEvents", json!([{ "id": "room-locked", "msg": { "moderator": "c" } }])),
        json!({ "type": "room_locked", "moderator": "c" })
    );
    assert_eq!(show("room-muted", json!([])), json!({ "type": "room_muted", "moderator": null }));
    assert_eq!(
        show("room-awaited", json!([{ "event_type": "knock", "more": 1 }])),
        json!({ "type": "room_awaited", "event_type": "knock" })
    );
    assert_eq!(
        show("userRoleChanged", json!([{ "moderator": { "new": "a", "old": "b" } }])),
        json!({ "type": "user_role_changed", "moderator": { "new": "a", "old": "b" }, "clients_info": [] })
    );
    // Kept as they came: new ones, and known ones that are not what they should be.
    for (name, id, args) in [
        ("newEvent", None, json!([1, { "id": 7 }])),
        ("roomManagementEvents", Some("new-id"), json!([{ "id": "new-id", "msg": {} }])),
        ("roomManagementEvents", Some("room-locked"), json!([{ "id": "room-locked", "msg": [] }])),
        ("room-muted", None, json!([7])),
        ("user-connected", None, json!([{ "name": "nobody" }])),
    ] {
        assert_eq!(
            show(name, args.clone()),
            json!({ "type": "unknown", "name": name, "id": id, "args": args })
        );
    }
}
