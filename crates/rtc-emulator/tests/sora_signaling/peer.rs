//! A client with a glue of its own around str0m, so that no mistake of our own crates is shared.
#![allow(clippy::panic, reason = "tests")]

use std::{
    collections::{BTreeMap, VecDeque},
    io::Read as _,
    time::{Duration, Instant},
};

use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};
use futures_util::{SinkExt as _, StreamExt as _};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use str0m::{
    Candidate, Event, Input, Output, Rtc,
    change::SdpOffer,
    channel::ChannelId,
    net::{Protocol, Receive},
};
use tokio::net::{TcpStream, UdpSocket};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Longer than anything here takes: ICE gives a silent client up after 20 s.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a client sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Ws(Value),
    WsClosed(u16, String),
    /// Without a close frame.
    WsLost,
    Opened(String),
    Closed(String),
    /// A message: label, whether binary, as it came.
    Frame(String, bool, Vec<u8>),
    /// DTLS has ended.
    Gone,
}

pub struct Peer {
    socket: Option<WebSocketStream<TcpStream>>,
    udp: UdpSocket,
    rtc: Box<Rtc>,
    pub labels: BTreeMap<String, ChannelId>,
    /// By label, as the offer says.
    pub compress: BTreeMap<String, bool>,
    seen: VecDeque<Seen>,
    pub offer: Value,
}

/// The `connect` of most tests.
pub fn connect() -> Value {
    json!({
        "type": "connect",
        "role": "recvonly",
        "channel_id": "sora",
        "audio": false,
        "video": false,
        "data_channel_signaling": true,
        "ignore_disconnect_websocket": true,
    })
}

/// The same with one member changed.
pub fn with(mut connect: Value, name: &str, value: Value) -> Value {
    connect[name] = value;
    connect
}

impl Peer {
    /// Opens the WebSocket and says nothing.
    pub async fn open(emulator: &Emulator) -> Self {
        let url = emulator.sora().signaling_url();
        let authority = url.trim_start_matches("ws://").trim_end_matches("/signaling");
        let tcp = TcpStream::connect(authority).await.unwrap();
        let (socket, _) = client_async(&url, tcp).await.unwrap();
        let host = if authority.starts_with('[') { "::1" } else { "127.0.0.1" };
        let udp = UdpSocket::bind((host, 0)).await.unwrap();
        let mut rtc = Rtc::builder().set_sctp_max_buffered_amount(1 << 20).build(Instant::now());
        rtc.add_local_candidate(Candidate::host(udp.local_addr().unwrap(), "udp").unwrap());
        Self {
            socket: Some(socket),
            udp,
            rtc: Box::new(rtc),
            labels: BTreeMap::new(),
            compress: BTreeMap::new(),
            seen: VecDeque::new(),
            offer: Value::Null,
        }
    }

    /// Opens it and says `connect`; the offer is there.
    pub async fn offered(emulator: &Emulator, connect: Value) -> Self {
        let mut peer = Self::open(emulator).await;
        peer.send_ws(connect).await;
        peer.offer = peer.ws("offer").await;
        for entry in peer.offer["data_channels"].as_array().into_iter().flatten() {
            let label = entry["label"].as_str().unwrap().to_owned();
            peer.compress.insert(label, entry["compress"] == json!(true));
        }
        peer
    }

    /// Connects until every data channel is open and signaling has switched.
    pub async fn up(emulator: &Emulator, connect: Value) -> Self {
        let mut peer = Self::offered(emulator, connect).await;
        peer.answer("answer").await;
        let mut missing: Vec<String> = peer.compress.keys().cloned().collect();
        while let Some(label) = missing.pop() {
            peer.find(|seen| *seen == Seen::Opened(label.clone())).await;
        }
        peer.ws(if peer.compress.is_empty() { "notify" } else { "switched" }).await;
        peer
    }

    /// Answers the offer, over the WebSocket.
    pub async fn answer(&mut self, kind: &str) {
        let sdp = self.offer["sdp"].as_str().unwrap().to_owned();
        let answer = self.accept(&sdp);
        self.send_ws(json!({ "type": kind, "sdp": answer })).await;
    }

    pub fn accept(&mut self, sdp: &str) -> String {
        let offer = SdpOffer::from_sdp_string(sdp).unwrap();
        self.rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string()
    }

    pub async fn send_ws(&mut self, message: Value) {
        self.socket.as_mut().unwrap().send(Message::text(message.to_string())).await.unwrap();
    }

    /// The same where the server may be gone.
    pub async fn try_send_ws(&mut self, message: Value) {
        let _ = self.socket.as_mut().unwrap().send(Message::text(message.to_string())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        self.socket.as_mut().unwrap().send(message).await.unwrap();
    }

    /// Sends a frame as it is.
    pub fn send_frame(&mut self, label: &str, binary: bool, bytes: &[u8]) {
        let id = self.labels[label];
        assert!(self.rtc.channel(id).unwrap().write(binary, bytes).unwrap());
    }

    /// Sends a message as the offer says.
    pub fn send(&mut self, label: &str, message: &Value) {
        let text = message.to_string();
        if !self.compress[label] {
            return self.send_frame(label, true, text.as_bytes());
        }
        let mut bytes = Vec::new();
        ZlibEncoder::new(text.as_bytes(), Compression::default()).read_to_end(&mut bytes).unwrap();
        self.send_frame(label, true, &bytes);
    }

    pub fn close_channel(&mut self, label: &str) {
        self.rtc.direct_api().close_data_channel(self.labels[label]);
    }

    /// Ends DTLS, in order.
    pub fn close_rtc(&mut self) {
        self.rtc.close().unwrap();
    }

    /// Goes without a word: no close frame, no end of TLS.
    pub fn cut_ws(&mut self) {
        self.socket = None;
    }

    pub async fn close_ws(&mut self) {
        self.socket.as_mut().unwrap().close(None).await.unwrap();
        self.find(|seen| matches!(seen, Seen::WsClosed(..) | Seen::WsLost)).await;
    }

    /// The next message of this type over the WebSocket.
    pub async fn ws(&mut self, kind: &str) -> Value {
        match self.find(|seen| matches!(seen, Seen::Ws(message) if message["type"] == kind)).await {
            Seen::Ws(message) => message,
            _ => unreachable!(),
        }
    }

    pub async fn ws_closed(&mut self) -> (u16, String) {
        match self.find(|seen| matches!(seen, Seen::WsClosed(..) | Seen::WsLost)).await {
            Seen::WsClosed(code, reason) => (code, reason),
            lost => panic!("{lost:?}"),
        }
    }

    /// The next frame of a data channel, as it came.
    pub async fn frame(&mut self, label: &str) -> (bool, Vec<u8>) {
        match self.find(|seen| matches!(seen, Seen::Frame(known, ..) if known == label)).await {
            Seen::Frame(_, binary, bytes) => (binary, bytes),
            _ => unreachable!(),
        }
    }

    /// The next message of a data channel.
    pub async fn message(&mut self, label: &str) -> Value {
        let (_, bytes) = self.frame(label).await;
        if !self.compress[label] {
            return serde_json::from_slice(&bytes).unwrap();
        }
        let mut text = Vec::new();
        ZlibDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// The next notification of this kind over the data channel; others are passed over.
    pub async fn notified(&mut self, kind: &str) -> Value {
        loop {
            let told = self.message("notify").await;
            if told["event_type"] == kind {
                return told;
            }
        }
    }

    /// Waits for everybody to hear that a connection is over.
    pub async fn outlives(&mut self, id: &str) {
        while self.notified("connection.destroyed").await["connection_id"] != id {}
    }

    pub fn id(&self) -> String {
        self.offer["connection_id"].as_str().unwrap().to_owned()
    }

    pub async fn rpc(&mut self, message: &Value) -> Value {
        self.send("rpc", message);
        self.message("rpc").await
    }

    /// Whether something was seen and not asked for yet.
    pub fn has(&self, wanted: impl Fn(&Seen) -> bool) -> bool {
        self.seen.iter().any(wanted)
    }

    /// Waits until something is seen, and takes it out.
    pub async fn find(&mut self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let found = tokio::time::timeout(DEADLINE, async {
            loop {
                if let Some(at) = self.seen.iter().position(&wanted) {
                    return self.seen.remove(at).unwrap();
                }
                self.step().await;
            }
        });
        match found.await {
            Ok(seen) => seen,
            Err(_) => panic!("not seen; there is {:?}", self.seen),
        }
    }

    /// Waits until the server has taken these statistics of it in.
    pub async fn reported(&mut self, emulator: &Emulator, reports: &Value) {
        let id = self.id();
        let arrived = async {
            while emulator.state()["sora-rpc"]["channels"]["sora"][&id]["reported"] != *reports {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            arrived = tokio::time::timeout(DEADLINE, arrived) => arrived.unwrap(),
            () = self.idle() => {}
        }
    }

    /// Lives on and waits for nothing.
    pub async fn idle(&mut self) {
        loop {
            self.step().await;
        }
    }

    async fn step(&mut self) {
        match self.rtc.poll_output().unwrap() {
            Output::Transmit(packet) => {
                self.udp.send_to(&packet.contents, packet.destination).await.unwrap();
            }
            Output::Event(event) => self.event(event),
            Output::Timeout(at) => self.wait(at).await,
        }
    }

    async fn wait(&mut self, at: Instant) {
        let mut buffer = vec![0; 2_000];
        let socket = &mut self.socket;
        let received = async {
            match socket {
                Some(socket) => socket.next().await,
                None => std::future::pending().await,
            }
        };
        let input = tokio::select! {
            message = received => {
                self.seen.push_back(match message {
                    Some(Ok(Message::Text(text))) => Seen::Ws(serde_json::from_str(&text).unwrap()),
                    Some(Ok(Message::Close(Some(frame)))) => {
                        Seen::WsClosed(frame.code.into(), frame.reason.to_string())
                    }
                    Some(Ok(Message::Close(None))) => Seen::WsClosed(1005, String::new()),
                    Some(Ok(_)) => return,
                    Some(Err(_)) | None => {
                        self.socket = None;
                        Seen::WsLost
                    }
                });
                return;
            }
            datagram = self.udp.recv_from(&mut buffer) => {
                let Ok((length, source)) = datagram else { return };
                let local = self.udp.local_addr().unwrap();
                let received = Receive::new(Protocol::Udp, source, local, &buffer[..length]).unwrap();
                Input::Receive(Instant::now(), received)
            }
            () = tokio::time::sleep_until(at.into()) => Input::Timeout(Instant::now()),
        };
        self.rtc.handle_input(input).unwrap();
    }

    fn event(&mut self, event: Event) {
        let label_of = |labels: &BTreeMap<String, ChannelId>, id: ChannelId| {
            labels.iter().find(|(_, known)| **known == id).map(|(label, _)| label.clone())
        };
        let seen = match event {
            Event::ChannelOpen(id, label) => {
                self.labels.insert(label.clone(), id);
                Seen::Opened(label)
            }
            Event::ChannelClose(id) => Seen::Closed(label_of(&self.labels, id).unwrap()),
            Event::ChannelData(data) => {
                Seen::Frame(label_of(&self.labels, data.id).unwrap(), data.binary, data.data)
            }
            Event::Closed => Seen::Gone,
            _ => return,
        };
        self.seen.push_back(seen);
    }
}
