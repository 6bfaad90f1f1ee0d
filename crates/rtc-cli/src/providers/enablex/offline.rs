//! The server of a case: the room it describes, at the other end of a pair inside this process.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use enablex::room::Protocol;
use rtc_core::http::Request;
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame, LoopChannel, pair};
use rtc_core::{Bytes, Limits, SharedTransport, Transport as _};
use serde_json::{Value, json};

use crate::outcome::Run;

/// A token that leads to such a server: `{"host":"room.invalid","secure":true}`.
pub(super) fn token() -> String {
    "eyJob3N0Ijoicm9vbS5pbnZhbGlkIiwic2VjdXJlIjp0cnVlfQ==".into()
}

/// Plays the room's server. The clones are one server.
#[derive(Clone)]
pub(super) struct Server {
    state: Value,
    /// The acknowledgement of the token, and of every command.
    joined: Value,
    ack: Value,
    /// Is shown the handshake, where a case is about it.
    witness: Option<SharedTransport>,
    frames: Arc<Mutex<Vec<Value>>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// The server of a case; `None` where there is a real one. `entering`: the case is about entering itself.
    pub(super) fn of_case(run: &Run, entering: bool) -> Option<Self> {
        if run.environment || run.endpoint.is_some() || run.connector.is_some() {
            return None;
        }
        let given = run.answer.get("ack").cloned();
        let me = run.state.get("me").and_then(Value::as_str).unwrap_or("c-mod");
        let joined = json!(["success", { "result": 0, "clientId": me, "connectedIP": "127.0.0.1" }]);
        let done = json!([{ "result": 0, "msg": "success" }]);
        let (joined, ack) =
            if entering { (given.unwrap_or(joined), done) } else { (joined, given.unwrap_or(done)) };
        let witness = run.transport.clone().filter(|_| entering);
        Some(Self { state: run.state.clone(), joined, ack, witness, frames: Arc::default() })
    }

    pub(super) fn protocol(&self) -> Protocol {
        if self.of_state("protocol") == "v2" { Protocol::Eio3 } else { Protocol::Eio4 }
    }

    /// What the case says of the room; null for nothing.
    fn of_state(&self, name: &str) -> &Value {
        self.state.get(name).unwrap_or(&Value::Null)
    }

    /// Whether the connection is over before the command.
    pub(super) fn is_gone(&self) -> bool {
        self.of_state("connected") == false
    }

    /// What the client sent, `[event, argument, ..]` each.
    pub(super) fn frames(&self) -> Vec<Value> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn serve(self, mut channel: LoopChannel) {
        let open = json!({
            "sid": "case", "upgrades": [], "pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": 1_000_000,
        });
        let mut answers = vec![format!("0{open}")];
        if self.protocol() == Protocol::Eio3 {
            answers.push("40".into());
        }
        loop {
            for answer in answers {
                if channel.send(Frame::Text(answer)).await.is_err() {
                    return;
                }
            }
            answers = match channel.recv().await {
                Some(Ok(Frame::Text(text))) => self.answers(&text),
                Some(Ok(_)) => Vec::new(),
                _ => return,
            };
        }
    }

    /// What follows a packet of the client.
    fn answers(&self, packet: &str) -> Vec<String> {
        if packet == "40" && self.protocol() == Protocol::Eio4 {
            return vec![r#"40{"sid":"case"}"#.into()];
        }
        let Some((id, content)) =
            packet.strip_prefix("42").and_then(|rest| rest.split_at_checked(rest.find('[')?))
        else {
            return Vec::new();
        };
        let Ok(frame) = serde_json::from_str::<Value>(content) else { return Vec::new() };
        let entering = frame.get(0).is_some_and(|event| event == "token");
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
        if !entering {
            return vec![format!("43{id}{}", self.ack)];
        }
        vec![format!("43{id}{}", self.joined), format!("42{}", json!(["room-connected", self.room()]))]
    }

    fn room(&self) -> Value {
        let me = self.of_state("me").as_str().unwrap_or("c-mod");
        let role = self.of_state("role").as_str().unwrap_or("moderator");
        let user = json!({ "clientId": me, "name": "Me", "role": role });
        let waiting = |id: &str| json!({ "clientId": id, "name": id });
        json!({
            "id": "room", "clientId": me, "user": user,
            "userList": [user, { "clientId": "c-par", "name": "Participant", "role": "participant" }],
            "room": {
                "name": "case", "conf_num": "1", "locked": self.of_state("locked"),
                "settings": { "mode": self.of_state("mode") }, "remainingDuration": self.seconds_left(),
            },
            "subscription": { "recording": true },
            "awaitedParticipants": { "c-wait": waiting("c-wait"), "c-w2": waiting("c-w2") },
        })
    }
}

impl Server {
    /// How long the session still lasts; `None` where the case says nothing of its duration.
    fn seconds_left(&self) -> Option<f64> {
        let minutes = |value: &Value| value.as_f64().unwrap_or_default();
        let duration = self.of_state("duration").as_f64()?;
        let extensions = self.of_state("extensions").as_array().into_iter().flatten();
        let extended: f64 =
            extensions.filter_map(|extension| extension.get("extended_time")).map(minutes).sum();
        Some((duration + extended - minutes(self.of_state("elapsed"))) * 60.0)
    }
}

impl Connect for Server {
    type Channel = LoopChannel;

    async fn connect(&self, handshake: Request<()>, limits: Limits) -> Result<LoopChannel, ConnectError> {
        if let Some(witness) = &self.witness {
            // Only to be seen: what it answers is not the server's answer.
            let _ = witness.send(handshake.map(|()| Bytes::new()), limits).await;
        }
        let (client, server) = pair();
        tokio::spawn(self.clone().serve(server));
        Ok(client)
    }
}
