//! A room's server that follows a script, at the other end of a pair inside this process.

#![allow(unreachable_pub, dead_code, reason = "it is a part of several tests, and not each needs all of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::room::Protocol;
use enablex::{Room, RoomEvents, RoomOptions};
use rtc_core::testing::{LoopChannel, ManualClock, pair};
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame};
use rtc_core::{Limits, TransportError, TransportErrorKind, http};
use serde_json::{Value, json};
use tokio::sync::watch;

/// What the server does about an event.
#[derive(Default)]
pub struct Reply {
    /// The arguments of its acknowledgement; none: it never comes.
    pub ack: Option<Value>,
    /// The events that follow.
    pub events: Vec<Value>,
    /// Packets that follow, as they are.
    pub packets: Vec<String>,
    /// Whether the server then breaks the connection.
    pub hang_up: bool,
}

type Script = dyn Fn(usize, &Value) -> Reply + Send + Sync;

/// The longest frame that a client takes, for the tests of limits.
const LONGEST: usize = 100_000;

/// The client's end: refuses frames that are too long, as a WebSocket does.
pub struct Limited(LoopChannel);

impl Channel for Limited {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.0.send(frame).await
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        match self.0.recv().await {
            Some(Ok(Frame::Text(text))) if text.len() > LONGEST => {
                Some(Err(TransportError::new(TransportErrorKind::TooLarge { limit: LONGEST as u64 })))
            }
            other => other,
        }
    }
}

/// Keeps what it was asked and told. The clones are one server.
#[derive(Clone)]
pub struct Scripted {
    protocol: Protocol,
    script: Arc<Script>,
    urls: Arc<Mutex<Vec<String>>>,
    frames: Arc<Mutex<Vec<Value>>>,
    pings: watch::Sender<u32>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Connect for Scripted {
    type Channel = Limited;

    async fn connect(&self, handshake: http::Request<()>, _limits: Limits) -> Result<Limited, ConnectError> {
        let connection = {
            let mut urls = self.urls.lock().unwrap();
            urls.push(handshake.uri().to_string());
            urls.len()
        };
        let (client, server) = pair();
        tokio::spawn(self.clone().serve(connection, server));
        Ok(Limited(client))
    }
}

impl Scripted {
    /// A server that answers the events of its connections, numbered from 1, in this way.
    pub fn new(protocol: Protocol, script: impl Fn(usize, &Value) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            protocol,
            script: Arc::new(script),
            urls: Arc::default(),
            frames: Arc::default(),
            pings: watch::Sender::new(0),
        }
    }

    async fn serve(self, connection: usize, mut channel: LoopChannel) {
        let open =
            r#"0{"sid":"s","upgrades":[],"pingInterval":240000,"pingTimeout":60000,"maxPayload":1000000}"#;
        let _ = channel.send(Frame::Text(open.into())).await;
        if self.protocol == Protocol::Eio3 {
            let _ = channel.send(Frame::Text("40".into())).await;
        }
        let mut pings = self.pings.subscribe();
        loop {
            let frame = tokio::select! {
                frame = channel.recv() => frame,
                _ = pings.changed() => {
                    let _ = channel.send(Frame::Text("2".into())).await;
                    continue;
                }
            };
            let text = match frame {
                Some(Ok(Frame::Text(text))) => text,
                Some(Ok(_)) => continue,
                _ => return,
            };
            match text.as_str() {
                "40" => drop(channel.send(Frame::Text(r#"40{"sid":"n"}"#.into())).await),
                "2" => drop(channel.send(Frame::Text("3".into())).await),
                _ => {}
            }
            let Some(packet) = text.strip_prefix("42") else { continue };
            let digits = packet.find('[').unwrap();
            let content: Value = serde_json::from_str(&packet[digits..]).unwrap();
            self.frames.lock().unwrap().push(content.clone());
            let reply = (self.script)(connection, &content);
            let ack = reply.ack.map(|ack| format!("43{}{ack}", &packet[..digits]));
            let events = reply.events.into_iter().map(|event| format!("42{event}"));
            for packet in ack.into_iter().chain(events).chain(reply.packets) {
                let _ = channel.send(Frame::Text(packet)).await;
            }
            if reply.hang_up {
                return;
            }
        }
    }

    /// Lets this much time pass, in steps between which both ends show that they live.
    pub async fn pass(&self, clock: &ManualClock, minutes: u32) {
        for _ in 0..minutes {
            clock.advance(Duration::from_secs(60));
            if self.protocol == Protocol::Eio4 {
                self.pings.send_modify(|pings| *pings += 1);
            }
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }

    pub fn urls(&self) -> Vec<String> {
        self.urls.lock().unwrap().clone()
    }

    pub fn frames(&self) -> Vec<Value> {
        self.frames.lock().unwrap().clone()
    }

    pub async fn enter(&self) -> enablex::Result<(Room, RoomEvents)> {
        self.enter_with(RoomOptions::new()).await
    }

    pub async fn enter_with(&self, options: RoomOptions) -> enablex::Result<(Room, RoomEvents)> {
        let token = json!({
            "tokenId": "canary", "host": "media.example:7443", "secure": true, "gateway": "edge.example",
            "roomMeta": { "settings": { "mode": "group" } },
        });
        let options = options.protocol(self.protocol).connector(self.clone());
        Room::connect(STANDARD.encode(token.to_string()), options).await
    }
}

/// An acknowledgement alone.
pub fn ack(arguments: Value) -> Reply {
    Reply { ack: Some(arguments), ..Reply::default() }
}

/// Lets everybody in as a moderator; acknowledges everything.
pub fn friendly(_: usize, frame: &Value) -> Reply {
    if frame[0] == "token" { entered(connected("moderator")) } else { done() }
}

/// What follows the token: it is taken, and this is the room.
pub fn entered(room: Value) -> Reply {
    Reply { ack: Some(joined()), events: vec![room], ..Reply::default() }
}

/// A success without details.
pub fn done() -> Reply {
    ack(json!([{ "result": 0, "msg": "success" }]))
}

pub fn joined() -> Value {
    json!(["success", { "result": 0, "clientId": "c-me", "connectedIP": "127.0.0.1" }])
}

/// The full state of an unlocked room with a participant in it and somebody in front of it, half an hour before its end.
pub fn connected(role: &str) -> Value {
    room(role, json!({}))
}

/// The same with other facts of the room.
pub fn room(role: &str, facts: Value) -> Value {
    let me = json!({ "clientId": "c-me", "name": "M", "role": role, "user_ref": "u1" });
    let mut room = json!({
        "name": "n", "conf_num": "1", "mute": false, "locked": false, "knockEnabled": true, "openFloor": false,
        "remainingDuration": 1800, "settings": { "mode": "group", "max_active_talkers": true },
    });
    room.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
    json!(["room-connected", {
        "id": "room-1", "clientId": "c-me", "userList": [me, { "clientId": "c-par", "name": "P", "role": "participant" }],
        "user": me, "room": room, "subscription": { "recording": true }, "iceServers": [{ "credential": "canary" }],
        "raisedHands": [{ "clientId": "c-par", "name": "P" }], "approvedHands": [], "floorInvites": [],
        "awaitedParticipants": { "c-wait": { "clientId": "c-wait", "name": "W" } },
        "numAudioTalkers": 3, "numVideoTalkers": "3",
    }])
}
