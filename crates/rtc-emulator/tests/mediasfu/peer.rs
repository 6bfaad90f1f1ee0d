//! A caller of the emulated API: HTTP by hand.

use std::time::{Duration, SystemTime};

use rtc_emulator::{Emulator, EmulatorClock};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// 2026-01-01T00:00:00Z.
pub const START: u64 = 1_767_225_600;

/// An emulator whose time stands still at [`START`].
pub async fn start() -> Emulator {
    let clock = EmulatorClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(START));
    Emulator::builder().clock(clock).start().await.unwrap()
}

pub fn advance(emulator: &Emulator, seconds: u64) {
    emulator.clock().advance(Duration::from_secs(seconds));
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub text: String,
}

impl Answer {
    /// The value, if the status is this one.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The text of a refusal of this status.
    pub fn refused(&self, status: u16) -> String {
        self.expect(status)["error"].as_str().unwrap().to_owned()
    }
}

/// Who asks.
pub struct Peer<'a> {
    pub emulator: &'a Emulator,
    /// Header lines.
    pub headers: String,
}

impl<'a> Peer<'a> {
    pub fn new(emulator: &'a Emulator) -> Self {
        Self::of(emulator, emulator.mediasfu().api_key())
    }

    pub fn of(emulator: &'a Emulator, key: &str) -> Self {
        let user = emulator.mediasfu().api_user_name();
        Self { emulator, headers: format!("authorization: Bearer {user}:{key}\r\n") }
    }

    /// The same caller with one more header line.
    pub fn with(&self, header: &str) -> Self {
        Self { emulator: self.emulator, headers: format!("{}{header}\r\n", self.headers) }
    }

    pub async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        http(self.emulator.url(), method, path, &self.headers, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &body.to_string()).await
    }

    /// The name of a new room.
    pub async fn room(&self) -> String {
        let body = json!({ "action": "create", "userName": "hostUser", "duration": 60, "capacity": 10 });
        let room = self.post("/v1/rooms", body).await.expect(201);
        room["roomName"].as_str().unwrap().to_owned()
    }

    pub async fn join(&self, room: &str) -> Answer {
        let body = json!({ "action": "join", "meetingID": room, "userName": "guest1" });
        self.post("/v1/rooms/", body).await
    }

    pub async fn delete(&self, room: &str) -> Answer {
        self.post("/v1/rooms", json!({ "action": "delete", "meetingID": room })).await
    }
}

pub async fn http(base: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    Answer { status: head[9..12].parse().unwrap(), head: head.to_ascii_lowercase(), text: text.to_owned() }
}

pub async fn quirks(emulator: &Emulator, switches: Value) {
    http(emulator.url(), "POST", "/_emulator/mediasfu/quirks", "", &switches.to_string()).await.expect(200);
}
