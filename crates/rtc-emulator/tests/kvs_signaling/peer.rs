//! A client that signs by itself, so that no mistake of our own crates is shared.

use std::time::{Duration, SystemTime};

use futures_util::{SinkExt as _, StreamExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rtc_emulator::time::rfc3339;
use rtc_emulator::{Emulator, EmulatorClock};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Base64 of `{}`.
pub const PAYLOAD: &str = "e30=";

/// An emulator whose time stands still.
pub async fn still() -> Emulator {
    // At a whole second, because signatures tell no more.
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Emulator::builder().seed(7).clock(EmulatorClock::manual(start)).start().await.unwrap()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

fn hmac(key: &[u8], data: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// What is signed; tests change members of it.
pub struct Signing {
    pub key_id: String,
    pub secret: String,
    pub at: SystemTime,
}

impl Signing {
    pub fn of(emulator: &Emulator) -> Self {
        let kvs = emulator.kvs();
        Self {
            key_id: kvs.access_key_id().into(),
            secret: kvs.secret_access_key().into(),
            at: emulator.clock().now(),
        }
    }

    fn stamp(&self) -> String {
        rfc3339(self.at).replace(['-', ':'], "").split('.').next().unwrap().to_owned() + "Z"
    }

    fn scope(&self) -> String {
        format!("{}/us-west-2/kinesisvideo/aws4_request", &self.stamp()[..8])
    }

    fn sign(&self, canonical: &str) -> String {
        let start = format!("AWS4{}", self.secret).into_bytes();
        let key = self.scope().split('/').fold(start, |key, part| hmac(&key, part));
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            self.stamp(),
            self.scope(),
            hex(Sha256::digest(canonical.as_bytes()))
        );
        hex(hmac(&key, &text))
    }

    /// A presigned query. `change` may spoil a parameter before it is signed; an empty value takes it away.
    pub fn query(&self, host: &str, path: &str, given: &[(&str, &str)], change: &[(&str, &str)]) -> String {
        let credential = format!("{}/{}", self.key_id, self.scope());
        let stamp = self.stamp();
        let mut all = vec![
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &*credential),
            ("X-Amz-Date", &*stamp),
            ("X-Amz-Expires", "299"),
            ("X-Amz-SignedHeaders", "host"),
        ];
        all.extend(given);
        for (name, value) in change {
            all.retain(|(known, _)| known != name);
            all.push((*name, *value));
        }
        all.retain(|(_, value)| !value.is_empty());
        let mut pairs: Vec<_> = all.iter().map(|(n, v)| format!("{}={}", encoded(n), encoded(v))).collect();
        pairs.sort();
        let query = pairs.join("&");
        let canonical = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\n{}", hex(Sha256::digest(b"")));
        format!("{query}&X-Amz-Signature={}", self.sign(&canonical))
    }
}

/// What a REST call was answered with.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The sanitised type of the error, if a header told it.
    pub name: Option<String>,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.body
    }

    #[track_caller]
    pub fn refused(self, status: u16, name: &str) -> String {
        assert_eq!((self.status, self.name.as_deref()), (status, Some(name)), "{:?}", self.body);
        let text = |member: &str| self.body[member].as_str().map(str::to_owned);
        text("Message").or_else(|| text("message")).unwrap()
    }
}

/// Calls a REST operation, signed.
pub async fn call(emulator: &Emulator, path: &str, body: Value) -> Answer {
    call_as(&Signing::of(emulator), emulator.url(), path, body).await
}

pub async fn call_as(signing: &Signing, url: &str, path: &str, body: Value) -> Answer {
    let (host, body, stamp) = (url.split_once("://").unwrap().1, body.to_string(), signing.stamp());
    let names = "content-type;host;x-amz-date";
    let canonical = format!(
        "POST\n{path}\n\ncontent-type:application/json\nhost:{host}\nx-amz-date:{stamp}\n\n{names}\n{}",
        hex(Sha256::digest(body.as_bytes()))
    );
    let (scope, signature, key) = (signing.scope(), signing.sign(&canonical), &signing.key_id);
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         x-amz-date: {stamp}\r\ncontent-length: {}\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    assert!(header("x-amzn-requestid: ").is_some(), "{head}");
    Answer {
        status: head[9..12].parse().unwrap(),
        name: header("x-amzn-errortype: ").map(|name| name.split(':').next().unwrap().to_owned()),
        body: if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() },
    }
}

/// A WebSocket of a peer.
pub struct Peer(pub WebSocketStream<TcpStream>);

/// Connects to a channel as its master, or as a viewer.
pub async fn join(emulator: &Emulator, arn: &str, client_id: Option<&str>) -> Peer {
    try_join(emulator, arn, client_id).await.unwrap()
}

/// The same, or status, type and message of the refusal.
pub async fn try_join(
    emulator: &Emulator,
    arn: &str,
    client_id: Option<&str>,
) -> Result<Peer, (u16, String, String)> {
    let mut given = vec![("X-Amz-ChannelARN", arn)];
    given.extend(client_id.map(|id| ("X-Amz-ClientId", id)));
    let role = if client_id.is_some() { "viewer" } else { "master" };
    let path = format!("/kvs-signaling/{role}");
    let host = emulator.url().strip_prefix("http://").unwrap();
    let query = Signing::of(emulator).query(host, &path, &given, &[]);
    open(host, &format!("{path}?{query}")).await
}

/// Opens a WebSocket on a path with a query.
pub async fn open(host: &str, target: &str) -> Result<Peer, (u16, String, String)> {
    let stream = TcpStream::connect(host).await.unwrap();
    match client_async(format!("ws://{host}{target}"), stream).await {
        Ok((socket, _)) => Ok(Peer(socket)),
        Err(Error::Http(response)) => {
            let name = response.headers().get("x-amzn-errortype").map(|name| name.to_str().unwrap());
            let name = name.unwrap_or_default().split(':').next().unwrap().to_owned();
            let body = String::from_utf8(response.body().clone().unwrap_or_default()).unwrap();
            Err((response.status().as_u16(), name, body))
        }
        Err(error) => Err((0, error.to_string(), String::new())),
    }
}

impl Peer {
    pub async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// Sends an offer, an answer or a candidate of one character: base64 of `tag`.
    pub async fn say(&mut self, action: &str, tag: &str, recipient: Option<&str>) {
        let mut frame = json!({ "action": action, "messagePayload": tag });
        if let Some(recipient) = recipient {
            frame["recipientClientId"] = recipient.into();
        }
        self.send(frame).await;
    }

    /// The next thing that comes; fails after ten seconds rather than hang.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.unwrap()
    }

    /// The next text frame.
    pub async fn hear(&mut self) -> Value {
        match self.next().await.unwrap().unwrap() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => unreachable!("{other:?} is no text"),
        }
    }

    /// The payload of the next text frame.
    pub async fn payload(&mut self) -> String {
        self.hear().await["messagePayload"].as_str().unwrap().to_owned()
    }

    /// The code that the other side closes with; none for an end without a close frame.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Closes, and waits until the other side did.
    pub async fn leave(mut self) {
        self.0.close(None).await.unwrap();
        while let Some(Ok(_)) = self.next().await {}
    }

    /// Waits until what was sent before is taken in.
    pub async fn settle(&mut self) {
        self.send(json!({ "action": "NOTHING" })).await;
        assert!(self.hear().await["connectionId"].is_string());
    }
}
