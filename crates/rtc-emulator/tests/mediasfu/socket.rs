//! A client of the namespace `/media`: Socket.IO frames by hand, so that no mistake of our own crates is shared.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    asked: u32,
    heard: VecDeque<(String, Value)>,
    /// What `connection-success` said.
    pub hello: Value,
}

impl Socket {
    /// Connects, or gives the refusal of the namespace.
    pub async fn open(emulator: &Emulator, query: &str, origin: Option<&str>) -> Result<Self, Value> {
        let host = emulator.url().strip_prefix("http://").unwrap();
        let target = format!("ws://{host}/socket.io/?EIO=4&transport=websocket{query}");
        let mut request = target.into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let stream = TcpStream::connect(host).await.unwrap();
        let (stream, _) = client_async(request, stream).await.unwrap();
        let mut socket = Self { stream, asked: 0, heard: VecDeque::new(), hello: Value::Null };
        assert!(socket.frame().await.unwrap().starts_with("0{"));
        socket.send("40/media,".into()).await;
        let answer = socket.frame().await.unwrap();
        if let Some(refusal) = answer.strip_prefix("44/media,") {
            return Err(serde_json::from_str(refusal).unwrap());
        }
        assert!(answer.starts_with("40/media,"), "{answer}");
        socket.hello = socket.event("connection-success").await;
        Ok(socket)
    }

    /// A connection to a Community Edition.
    pub async fn community(emulator: &Emulator) -> Self {
        Self::open(emulator, "", None).await.unwrap()
    }

    /// A connection to a room of the cloud.
    pub async fn cloud(emulator: &Emulator, room: &Value, secret: &str) -> Self {
        let name = room["roomName"].as_str().unwrap();
        Self::open(emulator, &format!("&apiUserName={name}&apiToken={secret}"), None).await.unwrap()
    }

    pub fn id(&self) -> Value {
        self.hello["socketId"].clone()
    }

    async fn send(&mut self, frame: String) {
        self.stream.send(Message::text(frame)).await.unwrap();
    }

    /// The next frame, none at the end; fails after ten seconds rather than hang.
    async fn frame(&mut self) -> Option<String> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(10), self.stream.next()).await.unwrap();
            match next {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => self.send("3".into()).await,
                Some(Ok(Message::Text(text))) if text.as_str() == "41/media," => return None,
                Some(Ok(Message::Text(text))) => return Some(text.as_str().to_owned()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    pub async fn emit(&mut self, event: &str, content: Value) {
        self.send(format!("42/media,{}", json!([event, content]))).await;
    }

    /// Sends an event and gives its acknowledgement.
    pub async fn ask(&mut self, event: &str, content: Value) -> Value {
        self.asked += 1;
        let asked = self.asked;
        self.send(format!("42/media,{asked}{}", json!([event, content]))).await;
        loop {
            let frame = self.frame().await.unwrap();
            match frame.strip_prefix(&format!("43/media,{asked}[")) {
                Some(answer) => return serde_json::from_str(answer.strip_suffix(']').unwrap()).unwrap(),
                None => self.keep(&frame),
            }
        }
    }

    fn keep(&mut self, frame: &str) {
        let content: Vec<Value> = serde_json::from_str(frame.strip_prefix("42/media,").unwrap()).unwrap();
        let argument = content.get(1).cloned().unwrap_or_default();
        self.heard.push_back((content[0].as_str().unwrap().to_owned(), argument));
    }

    /// The next event.
    pub async fn next(&mut self) -> (String, Value) {
        if self.heard.is_empty() {
            let frame = self.frame().await.unwrap();
            self.keep(&frame);
        }
        self.heard.pop_front().unwrap()
    }

    /// The next event of this name; those before it are passed over.
    pub async fn event(&mut self, name: &str) -> Value {
        loop {
            let (found, content) = self.next().await;
            if found == name {
                return content;
            }
        }
    }

    /// Everything that has come until the server has taken in all that was sent before.
    pub async fn settled(&mut self, room: &str) -> Vec<String> {
        self.ask("exitWaitRoomURL", json!({ "eventID": room })).await;
        self.heard.drain(..).map(|(name, _)| name).collect()
    }

    /// The events until the server ends the connection.
    pub async fn until_closed(&mut self) -> Vec<String> {
        while let Some(frame) = self.frame().await {
            self.keep(&frame);
        }
        self.heard.drain(..).map(|(name, _)| name).collect()
    }

    /// Goes, and waits until the server knows.
    pub async fn leave(mut self, emulator: &Emulator) {
        let count = |emulator: &Emulator| emulator.state()["mediasfu"]["meetings"]["connections"].as_u64();
        let before = count(emulator);
        self.send("41/media,".into()).await;
        while count(emulator) == before {
            tokio::task::yield_now().await;
        }
    }
}
