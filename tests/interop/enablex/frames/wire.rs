//! A client of the emulator that knows nothing but text.

use enablex::room::Protocol;
use rtc_core::http::{HeaderMap, HeaderName, HeaderValue, Request};
use rtc_core::transport::Limits;
use rtc_core::transport::channel::{Channel as _, Connect as _, Frame};
use rtc_core::transport::websocket::{WebSocketChannel, WebSocketConnector};
use serde_json::{Value, json};

use crate::node::LIMIT;
use crate::scene::Scene;

/// What the vendor's library reads of the state of a room.
const READ: [&str; 22] = [
    "/id",
    "/clientId",
    "/streams",
    "/userList/0/clientId",
    "/userList/0/name",
    "/userList/0/role",
    "/userList/0/user_ref",
    "/user/permissions",
    "/room/settings",
    "/room/name",
    "/room/owner_ref",
    "/room/conf_num",
    "/room/service_id",
    "/room/remainingDuration",
    "/room/sharePermissions/screen",
    "/subscription/recording",
    "/raisedHands",
    "/approvedHands",
    "/floorInvites",
    "/awaitedParticipants",
    "/mediaConfiguration",
    "/iceServers",
];

/// How a client connects.
pub(super) struct Handshake {
    protocol: Protocol,
    path: String,
    headers: HeaderMap,
}

impl Handshake {
    pub(super) fn own(protocol: Protocol) -> Self {
        let newer = protocol == Protocol::Eio4;
        let path = if newer { "/v3/socket.io/?EIO=4" } else { "/socket.io/?EIO=3" };
        Self { protocol, path: format!("{path}&transport=websocket"), headers: HeaderMap::new() }
    }

    /// As it was captured, without what belongs to the connection.
    pub(super) fn captured(line: &Value) -> Self {
        let path = line["upgrade"].as_str().unwrap_or_default().to_owned();
        let protocol = if path.contains("EIO=3") { Protocol::Eio3 } else { Protocol::Eio4 };
        let theirs = line["headers"].as_object().into_iter().flatten();
        let theirs = theirs.filter(|(name, _)| {
            !matches!(name.as_str(), "host" | "connection" | "upgrade") && !name.starts_with("sec-websocket")
        });
        let header = |(name, value): (&String, &Value)| {
            let value = HeaderValue::from_str(value.as_str()?).ok()?;
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
        };
        Self { protocol, path, headers: theirs.filter_map(header).collect() }
    }
}

pub(super) struct Wire {
    channel: WebSocketChannel,
    asked: usize,
    /// The state of the room, once it was told.
    room: Option<Value>,
}

impl Wire {
    pub(super) async fn open(scene: &Scene, handshake: &Handshake) -> Result<Self, String> {
        let host = scene.emulator.url().replacen("http", "ws", 1);
        let mut request = Request::builder().uri(format!("{host}{}", handshake.path));
        request =
            handshake.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request.body(()).map_err(|e| e.to_string())?;
        let channel = WebSocketConnector::new().connect(request, Limits::default()).await;
        let mut wire = Self { channel: channel.map_err(|e| e.to_string())?, asked: 0, room: None };
        wire.expect("0").await?;
        if handshake.protocol == Protocol::Eio4 {
            wire.send("40".into()).await?;
        }
        wire.expect("40").await?;
        Ok(wire)
    }

    async fn send(&mut self, text: String) -> Result<(), String> {
        self.channel.send(Frame::Text(text)).await.map_err(|e| e.to_string())
    }

    async fn next(&mut self) -> Result<String, String> {
        loop {
            match tokio::time::timeout(LIMIT, self.channel.recv()).await.map_err(|_| "nothing comes")? {
                // The newer server asks whether we are there.
                Some(Ok(Frame::Text(text))) if text == "2" => self.send("3".into()).await?,
                Some(Ok(Frame::Text(text))) => return Ok(text.to_string()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("the connection has ended".into()),
            }
        }
    }

    async fn expect(&mut self, start: &str) -> Result<(), String> {
        let text = self.next().await?;
        if text.starts_with(start) { Ok(()) } else { Err(format!("{text} came, not {start}..")) }
    }

    /// Hands a token in, with the ids of this one: the client id. The room has then said what it has to say to a guest.
    pub(super) async fn enter(&mut self, frame: &str, token: &Value) -> Result<String, String> {
        let own = |name: &str| token[name].as_str().unwrap_or_default().to_owned();
        let answer = self.ask(frame, &[("tok-1", own("tokenId")), ("c2ln", own("signature"))]).await?;
        let id =
            answer[1]["clientId"].as_str().filter(|_| answer[0] == "success" && answer[1]["result"] == 0);
        let id = id.ok_or_else(|| format!("the token was answered with {answer}"))?.to_owned();
        let text = self.next().await?;
        let event: Value =
            serde_json::from_str(text.trim_start_matches("42")).map_err(|e| format!("{text}: {e}"))?;
        match event[0].as_str() {
            Some("room-connected") => self.room = Some(event[1].clone()),
            Some("room-awaited") => {}
            _ => return Err(format!("{text} came after the token")),
        }
        Ok(id)
    }

    /// What the vendor's library reads of the room, and does not find.
    pub(super) fn knows_the_room(&self) -> Result<Value, String> {
        let room = self.room.as_ref().ok_or("the room was not told")?;
        Ok(json!(READ.iter().filter(|path| room.pointer(path).is_none()).collect::<Vec<_>>()))
    }

    /// Sends an event as it is but for some texts: the arguments of the acknowledgement.
    pub(super) async fn ask(&mut self, frame: &str, replaced: &[(&str, String)]) -> Result<Value, String> {
        let text = replaced.iter().fold(frame.to_owned(), |text, (old, new)| {
            text.replace(&format!("\"{old}\""), &format!("\"{new}\""))
        });
        let id = self.asked;
        self.asked += 1;
        self.send(format!("42{id}{text}")).await?;
        loop {
            let text = self.next().await?;
            if text.starts_with(&format!("43{id}[")) {
                let (_, answer) = text.split_at(format!("43{id}").len());
                return serde_json::from_str(answer).map_err(|e| format!("{text}: {e}"));
            }
        }
    }
}
