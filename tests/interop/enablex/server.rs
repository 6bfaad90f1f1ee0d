//! npm `socket.io` as the server of our rooms: both generations of the protocol, the older one by the server of its time
//! and by the newer server in its mode for older clients.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::room::{Phase, Protocol, Room, RoomEvents};
use enablex::rtc_core::RetryPolicy;
use enablex::{ErrorKind, RoomOptions, StartLiveRecording};
use serde_json::{Value, json};

use crate::node::{Drivers, LIMIT, Node};
use crate::{Found, commands, same};

/// A server and the client's way of speaking to it.
struct Kind<'a> {
    drivers: &'a Drivers,
    package: &'static str,
    allows_older: bool,
    protocol: Protocol,
}

struct Server {
    node: Node,
    host: String,
    protocol: Protocol,
}

pub(crate) async fn run(drivers: &Drivers, found: &mut Found) {
    for (package, allows_older, protocol) in [
        ("socket.io", false, Protocol::Eio4),
        ("socket.io", true, Protocol::Eio4),
        ("socket.io", true, Protocol::Eio3),
        ("socket.io-2", false, Protocol::Eio3),
    ] {
        let mode = if allows_older { ", allowEIO3" } else { "" };
        println!("\nsocket.io {}{mode} as the server of our {protocol:?} rooms", drivers.version(package));
        let kind = Kind { drivers, package, allows_older, protocol };
        found.check("the way in", way_in(&kind).await);
        found.check("the frame of every command", frames(&kind).await);
        found.check("the forms of acknowledgements", acknowledgements(&kind).await);
        found.check("notifications", notifications(&kind).await);
        found.check("a token that is refused", refused(&kind).await);
        found.check("the server's disconnect", disconnect(&kind).await);
        found.check("a broken connection", broken(&kind).await);
    }
}

impl Kind<'_> {
    async fn start(&self) -> Result<Server, String> {
        let mut options = json!({ "pingInterval": 25_000, "pingTimeout": 5000 });
        if self.allows_older {
            options["allowEIO3"] = true.into();
        }
        if self.protocol == Protocol::Eio4 {
            options["path"] = "/v3/socket.io/".into();
        }
        let settings = json!({ "package": self.package, "options": options });
        let mut node = Node::start(self.drivers, "serve.mjs", &settings)?;
        let port = &node.hear(json!({ "event": "listening" })).await?["port"];
        let mut server = Server { host: format!("127.0.0.1:{port}"), node, protocol: self.protocol };
        for event in commands::all(self.protocol).iter().filter_map(|(_, frame)| frame[0].as_str()) {
            server.answer(event, json!([{ "result": 0, "msg": "success" }])).await?;
        }
        let joined = json!({ "result": 0, "clientId": "c-mod", "connectedIP": "127.0.0.1" });
        server.answer("token", json!(["success", joined])).await?;
        Ok(server)
    }
}

impl Server {
    /// From now on an event is acknowledged with this.
    async fn answer(&mut self, event: &str, args: Value) -> Result<(), String> {
        self.node.tell(&json!({ "do": "answer", "name": event, "args": args }))?;
        self.node.hear(json!({ "event": "obeyed", "name": event })).await.map(drop)
    }

    fn emit(&mut self, event: &str, args: Value) -> Result<(), String> {
        self.node.tell(&json!({ "do": "emit", "place": "/", "name": event, "args": args }))
    }

    async fn packet(&mut self, event: &str) -> Result<Value, String> {
        self.node.hear(json!({ "event": "packet", "name": event, "asked": true })).await
    }

    /// A token whose room is on this server, behind a gateway.
    fn token(&self) -> String {
        let token = json!({
            "tokenId": "tok-1", "signature": "c2ln", "host": "media.example:7443", "gateway": self.host,
            "secure": false, "logId": "log-1", "roomMeta": { "settings": { "mode": "group" } },
        });
        STANDARD.encode(token.to_string())
    }

    /// Begins to enter.
    fn enter(&self) -> tokio::task::JoinHandle<enablex::Result<(Room, RoomEvents)>> {
        let quick = RetryPolicy::default().with_base(Duration::from_millis(1)).with_max_attempts(3);
        let mut options = RoomOptions::new().protocol(self.protocol).allow_private(true);
        if self.protocol == Protocol::Eio4 {
            options = options.reconnect(quick);
        }
        tokio::spawn(Room::connect(self.token(), options))
    }

    /// A room that is entered: with what the client said first.
    async fn entered(&mut self) -> Result<(Room, RoomEvents, Value), String> {
        let entering = self.enter();
        let token = self.packet("token").await?["args"][0].clone();
        self.emit("room-connected", json!([state()]))?;
        let (room, events) = entering.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        Ok((room, events, token))
    }
}

/// The state of a room that ends in eight minutes.
fn state() -> Value {
    let me = json!({ "clientId": "c-mod", "name": "M", "role": "moderator", "user_ref": "u1" });
    let other = json!({ "clientId": "c-par", "name": "P", "role": "participant", "user_ref": "u2" });
    json!({
        "id": "room-1", "clientId": "c-mod", "streams": {}, "userList": [me, other], "user": me,
        "room": {
            "settings": { "mode": "group", "max_active_talkers": 6 }, "name": "n", "owner_ref": "o", "conf_num": "1",
            "mute": false, "share": true, "locked": false, "waitRoom": false, "knockEnabled": true,
            "openFloor": false, "remainingDuration": 480, "sharePermissions": { "screen": true },
        },
        "subscription": { "recording": true, "live_recording": true }, "raisedHands": [], "approvedHands": [],
        "floorInvites": [], "awaitedParticipants": { "c-wait": { "clientId": "c-wait", "name": "W" } },
        "mediaConfiguration": "Default", "iceServers": [],
    })
}

async fn way_in(kind: &Kind<'_>) -> Result<(), String> {
    let mut server = kind.start().await?;
    let (room, _events, token) = server.entered().await?;
    let connection = server.node.hear(json!({ "event": "connection" })).await?;
    let newer = kind.protocol == Protocol::Eio4;
    same("the generation", &connection["query"]["EIO"], &json!(if newer { "4" } else { "3" }))?;
    same("the transport", &connection["query"]["transport"], &json!("websocket"))?;
    same(
        "the host behind the gateway",
        &connection["query"]["X-Forwarded-Host"],
        &json!("media.example:7443"),
    )?;
    for (name, value) in [("tokenId", "tok-1"), ("signature", "c2ln"), ("logId", "log-1")] {
        same(name, &token[name], &json!(value))?;
    }
    same("the rest of the token", &token["roomMeta"]["settings"]["mode"], &json!("group"))?;
    commands::has_dialect(&token, kind.protocol)?;
    same("our id", &json!(room.joined().client_id), &json!("c-mod"))
}

async fn frames(kind: &Kind<'_>) -> Result<(), String> {
    let mut server = kind.start().await?;
    let (room, _events, _) = server.entered().await?;
    commands::say(&room).await.map_err(|e| e.to_string())?;
    for (operation, frame) in commands::all(kind.protocol) {
        // In the order in which they were sent.
        let packet = server.node.hear(json!({ "event": "packet" })).await?;
        let mut is = vec![packet["name"].clone()];
        is.extend(packet["args"].as_array().into_iter().flatten().cloned());
        same(operation, &Value::Array(is), &frame)?;
        same(operation, &packet["asked"], &json!(true))?;
    }
    Ok(())
}

async fn acknowledgements(kind: &Kind<'_>) -> Result<(), String> {
    let mut server = kind.start().await?;
    let (room, _events, _) = server.entered().await?;
    let done = json!({ "result": 0, "msg": "done" });
    for ack in [json!(["success", done]), json!([done]), json!([done, null])] {
        server.answer("room-muted", ack.clone()).await?;
        let told = room.hard_mute_room().await.map_err(|e| format!("{ack}: {e}"))?;
        same(&ack.to_string(), &json!([told.result, told.msg]), &json!([0, "done"]))?;
    }
    let no = json!({ "result": 4121, "msg": "no" });
    for ack in [
        json!(["error", no]),
        json!([no]),
        json!([null, no]),
        json!([null, { "errorCode": 4121, "errorDesc": "no" }]),
    ] {
        server.answer("room-muted", ack.clone()).await?;
        match room.hard_mute_room().await {
            Err(error) if error.code().as_deref() == Some("4121") && error.kind() == ErrorKind::Conflict => {}
            other => return Err(format!("{ack} was taken for {other:?}")),
        }
    }
    let status = |code: i64, success: bool| json!({ "resultCode": code, "success": success, "error": { "errorCode": code, "errorDesc": "" } });
    let start = || room.start_live_recording(StartLiveRecording::new());
    for (code, success) in [(0, true), (7014, true), (7207, false)] {
        let ack = json!([{ "status": status(code, success), "startedBy": "c-mod" }]);
        server.answer("startLiveRecording", ack.clone()).await?;
        let told = start().await.map_err(|e| format!("{ack}: {e}"))?;
        same(&ack.to_string(), &json!([told.raw_result, told.started_by]), &json!([code, "c-mod"]))?;
    }
    let no = json!({ "status": status(7011, false) });
    for ack in [json!(["error", no]), json!([no]), json!([null, no])] {
        server.answer("startLiveRecording", ack.clone()).await?;
        match start().await {
            Err(error) if error.code().as_deref() == Some("7011") => {}
            other => return Err(format!("{ack} was taken for {other:?}")),
        }
    }
    Ok(())
}

/// What the library's handlers read, as an independent server writes it.
async fn notifications(kind: &Kind<'_>) -> Result<(), String> {
    let mut server = kind.start().await?;
    let (room, mut events, _) = server.entered().await?;
    let about = |id: &str, msg: Value| ("roomManagementEvents", json!([{ "id": id, "msg": msg }]));
    let by = json!({ "moderator": "c-mod" });
    let sent = [
        ("room-record-on", json!([{ "moderatorId": "c-mod" }])),
        ("room-record-off", json!([{ "moderatorId": "c-mod" }])),
        about("room-locked", by.clone()),
        about("room-unlocked", by.clone()),
        about("conference-remaining-duration", json!({ "timeLeft": 5 })),
        about("update-pin-users", json!({ "moderator_id": "c-mod", "clients": ["c-par"] })),
        about("spotlight-users", json!({ "moderator_id": "c-mod", "clients": ["c-par"] })),
        about("knock-disabled", by.clone()),
        ("room-live-recording-on", json!([{}])),
        (
            "onLiveRecordingNotification",
            json!([{ "type": "room-live-recording-off", "data": { "stoppedBy": "c-mod" } }]),
        ),
        ("user-awaited", json!([{ "clientId": "c-w2", "name": "W2", "event_type": "knock" }])),
        ("user-connected", json!([{ "clientId": "c-w2", "name": "W2", "role": "participant" }])),
        ("roomSwitched", json!([by])),
        ("floorManagementEvents", json!([{ "id": "floorRequested", "clientId": "c-par", "name": "P" }])),
        ("userRoleChanged", json!([{ "moderator": { "new": "c-par", "old": "c-mod" }, "raisedHands": [] }])),
        (
            "userRoleChanged",
            json!([{ "clientsInfo": [{ "clientId": "c-mod", "role": { "new": "moderator", "old": "participant" } }] }]),
        ),
        ("room-muted", json!([by])),
        ("hardmute-user-audio", json!([{ "clientId": "c-par", "moderator": "c-mod" }])),
        (
            "active-talkers-updated",
            json!([{ "active": true, "activeList": [{ "clientId": "c-par", "spotlight": true }] }]),
        ),
        ("ofTomorrow", json!([{ "a": 1 }, 2])),
    ];
    for (name, args) in &sent {
        server.emit(name, args.clone())?;
    }
    let told = [
        "room_connected",
        "room_record_on",
        "room_record_off",
        "room_locked",
        "room_unlocked",
        "conference_remaining_duration",
        "update_pin_users",
        "spotlight_users",
        "knock_disabled",
        "room_live_recording_on",
        "on_live_recording_notification",
        "user_awaited",
        "user_connected",
        "room_switched",
        "floor_requested",
        "user_role_changed",
        "user_role_changed",
        "room_muted",
        "hardmute_user_audio",
        "active_talkers_updated",
        "unknown",
    ];
    for kind in told {
        same("an event", &json!(next(&mut events).await?["type"]), &json!(kind))?;
    }
    let state = room.state();
    let known = json!([
        state.locked,
        state.recording,
        state.muted,
        state.pins,
        state.participants.contains_key("c-w2")
    ]);
    same("the state", &known, &json!([false, false, true, ["c-par"], true]))
}

async fn refused(kind: &Kind<'_>) -> Result<(), String> {
    let mut server = kind.start().await?;
    server.answer("token", json!(["error", { "result": 2102, "msg": "full" }])).await?;
    match server.enter().await.map_err(|e| e.to_string())? {
        Err(error) if error.code().as_deref() == Some("2102") && error.kind() == ErrorKind::Conflict => {}
        Err(error) => return Err(format!("a full room ended with: {error}")),
        Ok(_) => return Err("a full room let somebody in".into()),
    }
    // Nobody is left behind.
    server.node.hear(json!({ "event": "disconnect" })).await.map(drop)
}

/// The room says why, and then ends the connection.
async fn disconnect(kind: &Kind<'_>) -> Result<(), String> {
    let mut server = kind.start().await?;
    let (room, mut events, _) = server.entered().await?;
    server.emit("room-disconnected", json!([{ "reason": "dropped-by-moderator" }]))?;
    server.node.tell(&json!({ "do": "dismiss", "place": "/" }))?;
    same("the first event", &next(&mut events).await?["type"], &json!("room_connected"))?;
    same("the reason", &next(&mut events).await?["reason"], &json!("dropped-by-moderator"))?;
    ended(&mut events).await?;
    match room.lock_room().await {
        Err(error) if error.code().as_deref() == Some("1163") && room.state().phase == Phase::Closed => {
            Ok(())
        }
        other => Err(format!("a command after the end came to {other:?}")),
    }
}

/// The newer generation comes back, with the token that it has; the older one does not.
async fn broken(kind: &Kind<'_>) -> Result<(), String> {
    let mut server = kind.start().await?;
    let (room, mut events, first) = server.entered().await?;
    same("the first event", &next(&mut events).await?["type"], &json!("room_connected"))?;
    server.node.tell(&json!({ "do": "cut", "place": "/" }))?;
    if kind.protocol == Protocol::Eio3 {
        same("the end", &next(&mut events).await?["type"], &json!("room_disconnected"))?;
        return ended(&mut events).await;
    }
    same("the break", &next(&mut events).await?["type"], &json!("room_reconnecting"))?;
    let again = server.packet("token").await?["args"][0].clone();
    server.emit("room-connected", json!([state()]))?;
    same("the token", &again["tokenId"], &first["tokenId"])?;
    for (name, value) in [
        ("isReconnecting", json!(true)),
        ("reconnectAttempt", json!(1)),
        ("oldClientIdForReconnect", json!("c-mod")),
        ("room", json!("room-1")),
        ("role", json!("moderator")),
        ("name", json!("M")),
        ("user_ref", json!("u1")),
    ] {
        same(name, &again[name], &value)?;
    }
    for kind in ["room_connected", "room_reconnected"] {
        same("coming back", &next(&mut events).await?["type"], &json!(kind))?;
    }
    room.lock_room().await.map(drop).map_err(|e| e.to_string())
}

async fn next(events: &mut RoomEvents) -> Result<Value, String> {
    let event = tokio::time::timeout(LIMIT, events.next()).await.map_err(|_| "no event came")?;
    Ok(json!(event.ok_or("the events have ended")?))
}

async fn ended(events: &mut RoomEvents) -> Result<(), String> {
    match tokio::time::timeout(LIMIT, events.next()).await {
        Ok(None) => Ok(()),
        Ok(Some(event)) => Err(format!("the end was awaited, and {event:?} came")),
        Err(_) => Err("the events do not end".into()),
    }
}
