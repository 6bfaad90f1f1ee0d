//! A media server at the other end of a pair inside this process: it greets, lets in, acknowledges.

use std::sync::{Arc, Mutex};

use mediasfu::{ConnectMeeting, Level, Meeting, MeetingEvents, MeetingOptions};
use rtc_core::testing::{LoopChannel, pair};
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame};
use rtc_core::{Limits, http};
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "canary6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const LINK: &str = "https://x.mediasfu.com";

/// What the server says to a packet: the events' frames, in order. `{ack}` stands for the head of an acknowledgement.
pub(crate) type Answer = fn(&str, &Value) -> Vec<String>;

/// The clones are one server.
#[derive(Clone)]
pub(crate) struct Media {
    answer: Answer,
    /// What follows the request for the namespace.
    greeting: Vec<String>,
    handshakes: Arc<Mutex<Vec<http::Request<()>>>>,
    frames: Arc<Mutex<Vec<Value>>>,
    closed: Arc<Mutex<usize>>,
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Media")
    }
}

impl Connect for Media {
    type Channel = LoopChannel;

    async fn connect(&self, handshake: http::Request<()>, _: Limits) -> Result<LoopChannel, ConnectError> {
        self.handshakes.lock().unwrap().push(handshake);
        let (client, server) = pair();
        tokio::spawn(self.clone().serve(server));
        Ok(client)
    }
}

/// The frame of an event.
pub(crate) fn event(name: &str, content: &Value) -> String {
    format!("42/media,{}", json!([name, content]))
}

/// The frame of an acknowledgement.
pub(crate) fn ack(content: &Value) -> String {
    format!("{{ack}}{}", json!([content]))
}

impl Media {
    pub(crate) fn new(answer: Answer) -> Self {
        let hello = json!({ "socketId": "me", "mode": "sandbox", "allowRecord": "true", "apiKey": SECRET });
        Self::greeting(answer, vec![r#"40/media,{"sid":"n"}"#.into(), event("connection-success", &hello)])
    }

    pub(crate) fn greeting(answer: Answer, greeting: Vec<String>) -> Self {
        Self { answer, greeting, handshakes: Arc::default(), frames: Arc::default(), closed: Arc::default() }
    }

    async fn serve(self, mut channel: LoopChannel) {
        let open =
            r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        let _ = channel.send(Frame::Text(open.into())).await;
        while let Some(Ok(frame)) = channel.recv().await {
            let Frame::Text(text) = frame else { continue };
            for answer in self.answers(&text) {
                if answer == "drop" {
                    return;
                }
                let _ = channel.send(Frame::Text(answer)).await;
            }
        }
        *self.closed.lock().unwrap() += 1;
    }

    fn answers(&self, text: &str) -> Vec<String> {
        if text.starts_with("40/media,") {
            return self.greeting.clone();
        }
        let Some(packet) = text.strip_prefix("42/media,") else { return Vec::new() };
        let digits = packet.find('[').unwrap();
        let content: Value = serde_json::from_str(&packet[digits..]).unwrap();
        self.frames.lock().unwrap().push(content.clone());
        let answers = (self.answer)(content[0].as_str().unwrap(), &content[1]);
        let head = format!("43/media,{}", &packet[..digits]);
        // Nobody waits for the acknowledgement of an event without a number.
        let wanted = answers.into_iter().filter(|answer| digits > 0 || !answer.starts_with("{ack}"));
        wanted.map(|answer| answer.replace("{ack}", &head)).collect()
    }

    pub(crate) fn frames(&self) -> Vec<Value> {
        self.frames.lock().unwrap().clone()
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.handshakes.lock().unwrap().iter().map(|handshake| handshake.uri().to_string()).collect()
    }

    pub(crate) fn headers(&self) -> Vec<http::HeaderMap> {
        self.handshakes.lock().unwrap().iter().map(|handshake| handshake.headers().clone()).collect()
    }

    pub(crate) fn closed(&self) -> usize {
        *self.closed.lock().unwrap()
    }

    pub(crate) async fn enter(&self, request: ConnectMeeting) -> mediasfu::Result<(Meeting, MeetingEvents)> {
        self.enter_with(request, MeetingOptions::new()).await
    }

    pub(crate) async fn enter_with(
        &self,
        request: ConnectMeeting,
        options: MeetingOptions,
    ) -> mediasfu::Result<(Meeting, MeetingEvents)> {
        Meeting::connect(request, options.connector(self.clone())).await
    }
}

/// To a room, without taking part.
pub(crate) fn room() -> ConnectMeeting {
    ConnectMeeting::new(LINK).room_name("s12345678").secret(SECRET)
}

/// To a room, as its host.
pub(crate) fn host() -> ConnectMeeting {
    room().member("host1").islevel(Level::Host)
}

/// Lets everybody in, and acknowledges everything.
pub(crate) fn friendly(event: &str, _: &Value) -> Vec<String> {
    match event {
        "joinRoom" => vec![ack(&json!({
            "rtpCapabilities": {}, "isHost": true, "secureCode": SECRET, "allowRecord": "yes", "isBanned": false,
        }))],
        _ => {
            vec![ack(&json!({ "success": true, "reason": "success", "recordState": "s", "pauseCount": "2" }))]
        }
    }
}
