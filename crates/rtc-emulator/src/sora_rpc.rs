//! Sora: JSON-RPC over a WebSocket at `/_emulator/sora/rpc`, which stands in for the data channel `rpc`.
//!
//! Query: `channel_id` (the channel that always exists when missing), `rpc_methods`, a list with commas in
//! between (all five when missing), which stands in for the answer of the auth webhook, and `compress` (`true`:
//! binary frames are zlib streams both ways). The first message stands in for the signaling: a text frame with an
//! offer that tells `connection_id`, `rpc_methods` and `compress`.

mod members;
mod rpc;

use std::io::Read as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderValue, Method, Response, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

use self::members::{Channels, Member};
use crate::credentials::{SORA_CHANNEL_ID, SoraAccess};
use crate::generated::sora_rpc::{METHODS, ROUTES};
use crate::provider::{BoxFuture, Claim, Exchange, Provider, json};
use crate::shared::Shared;
use crate::spec::Route;

const RPC_PATH: &str = "/_emulator/sora/rpc";
/// The largest message that a compressed frame may hold, in bytes.
const MAX_INFLATED: u64 = 16 * 1024 * 1024;
/// The largest id of a channel, in bytes.
const MAX_CHANNEL_ID: usize = 255;

/// The emulated server.
pub(crate) struct Sora {
    shared: Arc<Shared>,
    channels: Arc<Mutex<Channels>>,
}

/// What the server tells a connection beside its answers.
pub(crate) enum Event {
    /// A message.
    Message(Value),
    /// The end, with a reason.
    Close(&'static str),
}

impl Sora {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), channels: Arc::default() }
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        lock(&self.channels)
    }

    /// Accepts a WebSocket, or says why not.
    fn accept(&self, mut exchange: Exchange) -> Result<Response<Full<Bytes>>, (StatusCode, &'static str)> {
        let key = exchange.header(SEC_WEBSOCKET_KEY.as_str()).map(|key| derive_accept_key(key.as_bytes()));
        let version = exchange.header(SEC_WEBSOCKET_VERSION.as_str()) == Some("13");
        let (Some(accept), true, Some(upgrade)) = (key, version, exchange.upgrade()) else {
            return Err((StatusCode::UPGRADE_REQUIRED, "this is a WebSocket, version 13"));
        };
        let channel_id = exchange.query("channel_id").unwrap_or(SORA_CHANNEL_ID).to_owned();
        if channel_id.is_empty() || channel_id.len() > MAX_CHANNEL_ID {
            return Err((StatusCode::BAD_REQUEST, "channel_id must be 1 to 255 bytes long"));
        }
        let rpc_methods: Vec<String> = match exchange.query("rpc_methods") {
            Some(list) => list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            None => METHODS.iter().map(|method| method.path.to_owned()).collect(),
        };
        let compress = exchange.query("compress") == Some("true");
        let connection_id = self.connection_id();
        let (events, inbox) = mpsc::unbounded_channel();
        let member = Member::new(events, rpc_methods.clone());
        self.channels().join(&channel_id, &connection_id, member);
        let channels = Arc::clone(&self.channels);
        let connection = Connection { channels, channel_id, connection_id, compress };
        self.shared.spawn(connection.serve(upgrade, inbox, rpc_methods));
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::try_from(accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        Ok(response)
    }

    /// 26 characters of Base32, as the real ones.
    fn connection_id(&self) -> String {
        const BASE32: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let digit = |byte: u8| BASE32.get(usize::from(byte % 32)).copied().map_or('0', char::from);
        self.shared.ids.bytes(26).into_iter().map(digit).collect()
    }
}

fn lock(channels: &Mutex<Channels>) -> MutexGuard<'_, Channels> {
    channels.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Provider for Sora {
    fn name(&self) -> &'static str {
        "sora-rpc"
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn claims(&self, parts: &Parts) -> Option<Claim> {
        (parts.uri.path() == RPC_PATH).then_some(Claim::Handle("rpc"))
    }

    fn handle(&self, exchange: Exchange) -> BoxFuture<'_, Response<Full<Bytes>>> {
        let answer = self
            .accept(exchange)
            .unwrap_or_else(|(status, message)| json(status, &json!({ "error": { "message": message } })));
        Box::pin(std::future::ready(answer))
    }

    fn state(&self) -> Value {
        json!({ "channels": self.channels().to_json() })
    }

    fn reset(&self) {
        self.channels().close_all();
    }

    fn seed(&self, state: Value) -> Result<(), String> {
        match state {
            Value::Object(members) if members.is_empty() => Ok(()),
            _ => Err("channels exist while somebody is connected: there is nothing to seed".into()),
        }
    }

    /// `GET channels`, and `DELETE channels/{channel_id}/{connection_id}` to end a connection.
    fn manage(&self, method: &Method, path: &str, _body: &Value) -> Option<(StatusCode, Value)> {
        if (method, path) == (&Method::GET, "channels") {
            return Some((StatusCode::OK, self.channels().to_json()));
        }
        let rest = path.strip_prefix("channels/").filter(|_| method == Method::DELETE)?;
        let (channel_id, connection_id) = rest.split_once('/')?;
        let channel_id = crate::routing::decode(channel_id, false);
        if self.channels().close(&channel_id, connection_id) {
            Some((StatusCode::OK, json!({})))
        } else {
            Some((StatusCode::NOT_FOUND, json!({ "error": { "message": "there is no such connection" } })))
        }
    }
}

/// One WebSocket.
struct Connection {
    channels: Arc<Mutex<Channels>>,
    channel_id: String,
    connection_id: String,
    /// Whether binary frames are zlib streams.
    compress: bool,
}

impl Connection {
    async fn serve(
        self,
        upgrade: OnUpgrade,
        mut inbox: mpsc::UnboundedReceiver<Event>,
        rpc_methods: Vec<String>,
    ) {
        let Ok(upgraded) = upgrade.await else { return };
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let offer = json!({
            "type": "offer",
            "channel_id": self.channel_id,
            "connection_id": self.connection_id,
            "rpc_methods": rpc_methods,
            "data_channels": [{ "label": "rpc", "compress": self.compress, "direction": "sendrecv" }],
        });
        let mut sent = socket.send(Message::text(offer.to_string())).await;
        // Any failure means that the client is gone.
        while sent.is_ok() {
            let message = tokio::select! {
                received = socket.next() => match received {
                    Some(Ok(message)) => match self.answer(message) {
                        Some(answer) => answer,
                        None => continue,
                    },
                    _ => return,
                },
                event = inbox.recv() => match event {
                    Some(Event::Message(message)) if self.compress => self.binary(&message),
                    Some(Event::Message(message)) => Message::text(message.to_string()),
                    Some(Event::Close(reason)) => {
                        let frame = CloseFrame { code: 1000.into(), reason: reason.into() };
                        let _ = socket.close(Some(frame)).await;
                        return;
                    }
                    None => return,
                },
            };
            sent = socket.send(message).await;
        }
    }

    /// The answer, in the kind of frame that the request came in.
    fn answer(&self, message: Message) -> Option<Message> {
        let answer = |bytes: &[u8]| {
            rpc::answer(&mut lock(&self.channels), &self.channel_id, &self.connection_id, bytes)
        };
        match message {
            Message::Text(text) => answer(text.as_bytes()).map(|value| Message::text(value.to_string())),
            Message::Binary(bytes) if self.compress => {
                // A frame that is no zlib stream is as good as one that is no JSON.
                let mut plain = Vec::new();
                let read = ZlibDecoder::new(&bytes[..]).take(MAX_INFLATED).read_to_end(&mut plain);
                answer(if read.is_ok() { &plain } else { b"" }).map(|value| self.binary(&value))
            }
            Message::Binary(bytes) => answer(&bytes).map(|value| self.binary(&value)),
            _ => None,
        }
    }

    fn binary(&self, value: &Value) -> Message {
        let text = value.to_string();
        if !self.compress {
            return Message::binary(text);
        }
        let mut zlib = ZlibEncoder::new(text.as_bytes(), Compression::fast());
        let mut bytes = Vec::new();
        // Reading from memory cannot fail.
        let _ = zlib.read_to_end(&mut bytes);
        Message::binary(bytes)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        lock(&self.channels).leave(&self.channel_id, &self.connection_id);
    }
}

impl SoraAccess {
    /// WebSocket URL of the RPC in the channel that always exists, with all five methods permitted. It stands
    /// in for the data channel `rpc`; the query takes `channel_id`, `rpc_methods` (with commas in between) and
    /// `compress`.
    pub fn rpc_url(&self) -> String {
        format!("{}{RPC_PATH}", self.http.replacen("http", "ws", 1))
    }

    /// The same over TLS, if asked for.
    pub fn tls_rpc_url(&self) -> Option<String> {
        Some(format!("{}{RPC_PATH}", self.https.as_ref()?.replacen("http", "ws", 1)))
    }
}
