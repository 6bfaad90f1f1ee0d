//! The RPC over a WebSocket of its own, which stands in for the data channel `rpc`.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{CloseFrame, Message, Role},
    },
};

use super::{
    hub::{Event, Hub, Inbox},
    members::Profile,
    settings::all_methods,
    zlib::{deflate, inflate},
};
use crate::{credentials::SORA_CHANNEL_ID, provider::Exchange};

/// The largest id of a channel, in bytes.
const MAX_CHANNEL_ID: usize = 255;

/// Why there is no WebSocket.
pub(super) type Refused = (StatusCode, &'static str);

/// The answer to the handshake of a WebSocket, or why there is none.
pub(super) fn upgrade(exchange: &mut Exchange) -> Result<(Response<Full<Bytes>>, OnUpgrade), Refused> {
    let key = exchange.header(SEC_WEBSOCKET_KEY.as_str()).map(|key| derive_accept_key(key.as_bytes()));
    let version = exchange.header(SEC_WEBSOCKET_VERSION.as_str()) == Some("13");
    let (Some(accept), true, Some(upgrade)) = (key, version, exchange.upgrade()) else {
        return Err((StatusCode::UPGRADE_REQUIRED, "this is a WebSocket, version 13"));
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok((response, upgrade))
}

/// Accepts a WebSocket, or says why not.
pub(super) fn accept(hub: &Arc<Hub>, mut exchange: Exchange) -> Result<Response<Full<Bytes>>, Refused> {
    let channel_id = exchange.query("channel_id").unwrap_or(SORA_CHANNEL_ID).to_owned();
    if channel_id.is_empty() || channel_id.len() > MAX_CHANNEL_ID {
        return Err((StatusCode::BAD_REQUEST, "channel_id must be 1 to 255 bytes long"));
    }
    let rpc_methods: Vec<String> = match exchange.query("rpc_methods") {
        Some(list) => list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        None => all_methods(),
    };
    let compress = exchange.query("compress") == Some("true");
    let (response, upgrade) = upgrade(&mut exchange)?;
    let connection_id = hub.new_id();
    let profile = Profile::of_rpc(&connection_id, rpc_methods.clone());
    let (inbox, _, generation) = hub.seat(&channel_id, &connection_id, profile);
    let connection = Connection { hub: Arc::clone(hub), channel_id, connection_id, generation, compress };
    hub.connected(&connection.connection_id);
    hub.shared.spawn(connection.serve(upgrade, inbox, rpc_methods));
    Ok(response)
}

/// One WebSocket.
struct Connection {
    hub: Arc<Hub>,
    channel_id: String,
    connection_id: String,
    generation: u64,
    /// Whether binary frames are zlib streams.
    compress: bool,
}

impl Connection {
    async fn serve(self, upgrade: OnUpgrade, mut inbox: Inbox, rpc_methods: Vec<String>) {
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
                    Some(Event::Push(message)) if self.compress => self.binary(&message),
                    Some(Event::Push(message)) => Message::text(message.to_string()),
                    Some(Event::Close { code, reason }) => {
                        let frame = CloseFrame { code: code.into(), reason: reason.into() };
                        let _ = socket.close(Some(frame)).await;
                        return;
                    }
                    Some(Event::Drop) | None => return,
                    // All else belongs to signaling, which is not here.
                    Some(_) => continue,
                },
            };
            sent = socket.send(message).await;
        }
    }

    /// The answer, in the kind of frame that the request came in.
    fn answer(&self, message: Message) -> Option<Message> {
        let answer = |bytes: &[u8]| self.hub.answer_rpc(&self.connection_id, bytes);
        match message {
            Message::Text(text) => answer(text.as_bytes()).map(|value| Message::text(value.to_string())),
            Message::Binary(bytes) if self.compress => {
                // A frame that is no zlib stream is as good as one that is no JSON.
                answer(&inflate(&bytes).unwrap_or_default()).map(|value| self.binary(&value))
            }
            Message::Binary(bytes) => answer(&bytes).map(|value| self.binary(&value)),
            _ => None,
        }
    }

    fn binary(&self, value: &Value) -> Message {
        let text = value.to_string();
        if self.compress { Message::binary(deflate(text.as_bytes())) } else { Message::binary(text) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hub.leave(&self.connection_id, self.generation, "WEBSOCKET-ONCLOSE");
    }
}
