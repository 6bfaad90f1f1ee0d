//! The emulator as a client without this crate sees it: events and acknowledgements of both protocol generations, as the
//! vendor's libraries send and read them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed test says enough")]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::{Client, CreateRoom, CreateToken, Credentials, Role, RoomSettings};
use rtc_core::SharedClock;
use rtc_core::transport::Limits;
use rtc_core::transport::socketio::{Events, Protocol, Socket, SocketOptions, connect};
use rtc_core::transport::websocket::WebSocketConnector;
use rtc_emulator::Emulator;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(10);

/// A client that knows nothing but frames.
struct Peer {
    socket: Socket,
    events: Events,
    id: String,
}

impl Peer {
    async fn ask(&self, event: &str, args: &[Value]) -> Value {
        self.socket.emit_with_ack(event, args, LIMIT).await.unwrap().into()
    }

    /// The next event: its name and its argument.
    async fn next(&mut self) -> (String, Value) {
        let event = tokio::time::timeout(LIMIT, self.events.recv()).await.unwrap().unwrap();
        (event.name, event.args.first().cloned().unwrap_or_default())
    }

    /// The next event of a name.
    async fn until(&mut self, name: &str) -> Value {
        loop {
            let (found, content) = self.next().await;
            if found == name {
                return content;
            }
        }
    }
}

struct Scene {
    emulator: Emulator,
    client: Client,
    room_id: String,
}

impl Scene {
    async fn new(settings: RoomSettings) -> Self {
        let emulator = Emulator::start().await.unwrap();
        let access = emulator.enablex();
        let credentials = Credentials::new(access.app_id(), access.app_key());
        let client = Client::builder(credentials).endpoint(access.url()).build().unwrap();
        let room = client.create_room(CreateRoom::new("n", "o", settings)).await.unwrap();
        Self { emulator, client, room_id: room.room_id }
    }

    async fn token(&self, name: &str, role: Role) -> Value {
        let token =
            self.client.create_token(CreateToken::new(&self.room_id, name, role, name)).await.unwrap();
        serde_json::from_slice(&STANDARD.decode(token.token.expose()).unwrap()).unwrap()
    }

    /// Connects and shows a token; gives the acknowledgement, too.
    async fn show(&self, protocol: Protocol, token: Value) -> (Peer, Value) {
        let base = self.emulator.url().parse().unwrap();
        let mut options = SocketOptions::new(protocol);
        if protocol == Protocol::Eio4 {
            options.path = "/v3/socket.io/".into();
        }
        let (socket, events) =
            connect(&WebSocketConnector::new(), &base, options, SharedClock::default(), Limits::default())
                .await
                .unwrap();
        let mut peer = Peer { socket, events, id: String::new() };
        let ack = peer.ask("token", &[token]).await;
        peer.id = ack[1]["clientId"].as_str().unwrap_or_default().to_owned();
        (peer, ack)
    }

    async fn enter(&self, name: &str, role: Role, protocol: Protocol) -> Peer {
        let (mut peer, ack) = self.show(protocol, self.token(name, role).await).await;
        assert_eq!((&ack[0], &ack[1]["result"]), (&json!("success"), &json!(0)));
        peer.until("room-connected").await;
        peer
    }
}

#[tokio::test]
async fn the_forms_of_acknowledgements() {
    for protocol in [Protocol::Eio3, Protocol::Eio4] {
        let scene = Scene::new(RoomSettings::new(5).moderators(2).duration(60)).await;
        let mo = scene.enter("Mo", Role::Moderator, protocol).await;
        let ada = scene.enter("Ada", Role::Participant, protocol).await;
        let pin = |ids: &str| json!([{ "id": "update-pin-users", "request": "add", "clientIds": [ids] }]);
        for (peer, event, args, expected) in [
            (&mo, "getMaxNumberOfTalker", vec![], json!([{ "result": 0, "maxTalkers": 6 }])),
            (
                &mo,
                "logClientEvents",
                vec![json!({ "eventType": "x" })],
                json!([{ "result": 0, "msg": "success" }]),
            ),
            (&mo, "lockRoom", vec![json!(false)], json!([{ "result": 4121 }])),
            (&mo, "lockRoom", vec![json!("yes")], json!([{ "result": 1155 }])),
            (&mo, "setAdvancedOptions", vec![pin("nobody")], json!([{ "result": 5126 }])),
            (&mo, "setAdvancedOptions", vec![json!([])], json!([{ "result": 1155 }])),
            (&ada, "setAdvancedOptions", vec![pin(&ada.id)], json!([{ "result": 5003 }])),
            (&ada, "lockRoom", vec![json!(true)], json!([{ "result": 1168 }])),
            (
                &ada,
                "startLiveRecording",
                vec![json!({})],
                json!(["error", { "status": { "resultCode": 7201 } }]),
            ),
            (
                &mo,
                "stopLiveRecording",
                vec![json!({})],
                json!(["error", { "status": { "resultCode": 5140 } }]),
            ),
            (
                &mo,
                "startStreaming",
                vec![json!({ "rtmpDetails": { "rtmpUrl": "rtmp://a,rtmp://b,rtmp://c,rtmp://d" } })],
                json!(["error", { "status": { "resultCode": 7101 } }]),
            ),
            (&mo, "switchRoomMode", vec![json!("webinar")], json!([{ "result": 5126 }])),
            (&mo, "switchRoomMode", vec![json!("group")], json!([{ "result": 1717 }])),
            (&mo, "switchUserRole", vec![json!(mo.id)], json!([{ "result": 1155 }])),
            (&mo, "switchUserRole", vec![json!("nobody")], json!([{ "result": 1159 }])),
            (&mo, "user-allowed", vec![json!(ada.id)], json!([{ "result": 1159 }])),
            (
                &mo,
                "processFloorRequest",
                vec![json!(ada.id), json!("grantFloor")],
                json!([{ "result": 5082 }]),
            ),
            (&mo, "extendConferenceDuration", vec![json!({})], json!([{ "result": 1140 }])),
            (&mo, "room-muted", vec![json!({})], json!([{ "result": 0, "msg": "success" }])),
            (
                &mo,
                "startLiveRecording",
                vec![json!({ "urlDetails": { "url": "https://v.example/?token=" } })],
                json!([{ "status": { "resultCode": 0, "success": true }, "startedBy": mo.id }]),
            ),
        ] {
            let answer = peer.ask(event, &args).await;
            assert!(is_part(&expected, &answer), "{event} {args:?}: {answer}");
        }
    }
}

/// Whether everything of one value is in another.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|found| is_part(value, found)))
        }
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len() && part.iter().zip(whole).all(|(part, whole)| is_part(part, whole))
        }
        (part, whole) => part == whole,
    }
}

#[tokio::test]
async fn a_token_again_is_only_for_the_client_that_had_it() {
    let scene = Scene::new(RoomSettings::new(5).knock(true)).await;
    let mut mo = scene.enter("Mo", Role::Moderator, Protocol::Eio4).await;
    let mut token = scene.token("Ada", Role::Participant).await;
    let (mut ada, _) = scene.show(Protocol::Eio4, token.clone()).await;
    assert_eq!(ada.next().await, ("room-awaited".into(), json!({ "event_type": "knock" })));
    mo.ask("user-allowed", &[json!(ada.id)]).await;
    let joined = ada.until("room-connected").await;
    assert_eq!(
        (&joined["roomMeta"]["pinnedUsers"], &joined["room"]["sharePermissions"]["screen"]),
        (&json!([]), &json!(true))
    );

    let (_, refused) = scene.show(Protocol::Eio4, token.clone()).await;
    assert_eq!((&refused[0], &refused[1]["result"]), (&json!("error"), &json!(1161)));
    token["isReconnecting"] = true.into();
    token["oldClientIdForReconnect"] = "somebody else".into();
    assert_eq!(scene.show(Protocol::Eio4, token.clone()).await.1[1]["result"], 1161);
    token["oldClientIdForReconnect"] = ada.id.clone().into();
    let (mut again, ack) = scene.show(Protocol::Eio4, token.clone()).await;
    assert_eq!(ack[0], "success");
    // Nobody has to knock twice, and the others see one go and another come.
    again.until("room-connected").await;
    assert_eq!(mo.until("user-disconnected").await["clientId"], ada.id.as_str());
    assert_eq!(mo.until("user-connected").await["clientId"], again.id.as_str());

    // In an empty room there is nobody to come back to.
    mo.ask("drop", &[json!({ "self": true })]).await;
    again.until("user-disconnected").await;
    token["oldClientIdForReconnect"] = again.id.clone().into();
    assert_eq!(scene.show(Protocol::Eio4, token).await.1[1]["result"], 4119);
}

#[tokio::test]
async fn participants_ask_for_the_floor_themselves() {
    let scene = Scene::new(RoomSettings::new(5).mode(enablex::RoomMode::Lecture)).await;
    let mut mo = scene.enter("Mo", Role::Moderator, Protocol::Eio3).await;
    let mut ada = scene.enter("Ada", Role::Participant, Protocol::Eio4).await;
    let floor = |id: &str, action: &str| [json!(id), json!(action)];
    assert_eq!(ada.ask("processFloorRequest", &floor(&ada.id, "grantFloor")).await[0]["result"], 1168);
    assert_eq!(ada.ask("processFloorRequest", &floor(&ada.id, "requestFloor")).await[0]["result"], 0);
    let asked = mo.until("floorManagementEvents").await;
    assert_eq!((&asked["id"], &asked["name"]), (&json!("floorRequested"), &json!("Ada")));
    mo.ask("processFloorRequest", &floor(&ada.id, "grantFloor")).await;
    let granted = ada.until("floorManagementEvents").await;
    assert_eq!((&granted["id"], &granted["moderatorId"]), (&json!("floorGranted"), &json!(mo.id)));
    // Who becomes a moderator learns who has the floor; who comes late sees it.
    let mut eve = scene.enter("Eve", Role::Participant, Protocol::Eio3).await;
    mo.ask("switchUserRole", &[json!(eve.id)]).await;
    let changed = eve.until("userRoleChanged").await;
    assert_eq!(changed["moderator"], json!({ "new": eve.id, "old": mo.id }));
    assert_eq!(changed["approvedHands"], json!([{ "clientId": ada.id, "moderatorId": mo.id }]));
    assert_eq!(mo.until("userRoleChanged").await["approvedHands"], Value::Null);
}
