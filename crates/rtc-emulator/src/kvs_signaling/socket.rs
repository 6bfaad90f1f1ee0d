//! The signaling WebSocket: the handshake, and the task of each connection.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderValue, Method, Response, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel, unbounded_channel};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use super::frame::is_client_id;
use super::limits::VIEWERS;
use super::refusal::Refusal;
use super::relay::{Connected, End, OUTBOX, Outgoing};
use super::state::State;
use super::{enter, limited, signature};
use crate::provider::{Claim, Exchange};
use crate::routing::pairs;
use crate::shared::Shared;

/// Paths of the endpoints that the emulator tells; the real ones have none.
const PATH: &str = "/kvs-signaling/";
/// Documented: a connection ends after an hour, or when nothing passed for ten minutes.
const LIFE: Duration = Duration::from_secs(3600);
const IDLE: Duration = Duration::from_secs(600);
/// Documented: what is left after GO_AWAY.
const GRACE: Duration = Duration::from_secs(60);
/// How long a client may take to close, of real time.
const GOODBYE: Duration = Duration::from_secs(1);
/// The largest message of the gateway in front of the service, in bytes.
const MAX_MESSAGE: usize = 128 * 1024;

/// Takes the handshakes: those at the endpoints' paths, and those of clients who drop the path.
pub(super) fn claim(parts: &Parts) -> Option<Claim> {
    let query = pairs(parts.uri.query().unwrap_or(""));
    let has = |name: &str| query.iter().any(|(known, _)| known == name);
    let path = parts.uri.path();
    let ours = path.starts_with(PATH) || (path == "/" && (has("X-Amz-ChannelARN") || has("X-Amz-Signature")));
    let operation = if has("X-Amz-ClientId") || path == "/kvs-signaling/viewer" {
        "connect_as_viewer"
    } else {
        "connect_as_master"
    };
    (ours && parts.method == Method::GET).then_some(Claim::Handle(operation))
}

/// Accepts a WebSocket, or says why not.
pub(super) fn accept(
    shared: &Arc<Shared>,
    state: &Arc<Mutex<State>>,
    mut exchange: Exchange,
) -> Result<Response<Full<Bytes>>, Refusal> {
    signature::verify_presigned(&exchange.parts, exchange.now)?;
    let twice = |name| exchange.query.iter().filter(|(known, _)| known == name).count() > 1;
    if ["X-Amz-ChannelARN", "X-Amz-ClientId"].into_iter().any(twice) {
        return Err(Refusal::invalid("X-Amz-ChannelARN and X-Amz-ClientId must not be there twice."));
    }
    let arn = exchange.query("X-Amz-ChannelARN").unwrap_or_default().to_owned();
    if !crate::pattern::pattern("channel_arn", &arn) {
        return Err(Refusal::invalid("X-Amz-ChannelARN must be the ARN of a channel."));
    }
    let client_id = exchange.query("X-Amz-ClientId").map(str::to_owned);
    check_role(exchange.parts.uri.path(), client_id.as_deref())?;
    let key = exchange.header(SEC_WEBSOCKET_KEY.as_str()).map(|key| derive_accept_key(key.as_bytes()));
    let version = exchange.header(SEC_WEBSOCKET_VERSION.as_str()) == Some("13");
    let (Some(key), true, Some(upgrade)) = (key, version, exchange.upgrade()) else {
        return Err(Refusal::invalid("This is a WebSocket, version 13."));
    };
    let connection = enter(shared, state, |world| {
        world.active(&arn)?;
        limited(world, exchange.operation, Some(&arn))?;
        let is_other =
            |c: &&Connected| c.channel_arn == arn && c.client_id.is_some() && c.client_id != client_id;
        let viewers = world.state.connections.values().filter(is_other).count();
        if world.shared.quotas() && client_id.is_some() && viewers >= VIEWERS {
            return Err(Refusal::limit(format!("The channel has {VIEWERS} viewers already.")));
        }
        let (out, outbox) = channel(OUTBOX);
        let (end, ends) = unbounded_channel();
        let id = format!("{}=", shared.ids.alnum(15));
        let since = world.now;
        let held = Vec::new();
        world.join(Connected { id: id.clone(), channel_arn: arn, client_id, since, out, end, held });
        Ok(Connection { shared: Arc::clone(shared), state: Arc::clone(state), id, outbox, next: None, ends })
    })?;
    shared.spawn(connection.serve(upgrade));
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(key) = HeaderValue::try_from(key) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    }
    Ok(response)
}

fn check_role(path: &str, client_id: Option<&str>) -> Result<(), Refusal> {
    let role = path.strip_prefix(PATH);
    let aws = |id: &str| id.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("AWS_"));
    match client_id {
        None if role == Some("viewer") => Err(Refusal::invalid("A viewer must give X-Amz-ClientId.")),
        Some(_) if role == Some("master") => Err(Refusal::invalid("A master must not give X-Amz-ClientId.")),
        Some(id) if !is_client_id(id) => Err(Refusal::invalid("X-Amz-ClientId is no id of a client.")),
        Some(id) if aws(id) => Err(Refusal::invalid("X-Amz-ClientId must not start with AWS_.")),
        _ => Ok(()),
    }
}

/// One WebSocket.
struct Connection {
    shared: Arc<Shared>,
    state: Arc<Mutex<State>>,
    id: String,
    outbox: Receiver<Outgoing>,
    /// Out of the box, and on its way.
    next: Option<Outgoing>,
    ends: UnboundedReceiver<End>,
}

impl Connection {
    async fn serve(mut self, upgrade: OnUpgrade) {
        let Ok(upgraded) = upgrade.await else { return };
        let config =
            WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config));
        let mut socket = socket.await;
        let end = self.talk(&mut socket).await;
        self.leave();
        if let Some(End::Close(code, reason)) = end {
            let frame = CloseFrame { code: code.into(), reason: reason.into() };
            let goodbye = async {
                self.flush(&mut socket).await;
                let _ = socket.close(Some(frame)).await;
                // Its own close frame is waited for: otherwise the connection would be reset under what the
                // client has not read yet.
                while let Some(Ok(_)) = socket.next().await {}
            };
            let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        }
    }

    /// Until one side has had enough; none if the client went.
    async fn talk(&mut self, socket: &mut WebSocketStream<TokioIo<Upgraded>>) -> Option<End> {
        let clock = self.shared.clock.clone();
        let mut until = later(clock.monotonic(), LIFE);
        loop {
            let left = until.saturating_duration_since(clock.monotonic());
            let due = self.next.as_ref().map(|next| next.due.saturating_duration_since(clock.monotonic()));
            let arrival = async {
                match due {
                    Some(due) => clock.sleep(due).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                // An end is final, and a message that is due goes before the next one is read.
                biased;
                end = self.ends.recv() => return end,
                () = arrival => {
                    let Some(outgoing) = self.next.take() else { continue };
                    if outgoing.is_go_away {
                        until = until.min(later(clock.monotonic(), GRACE));
                    }
                    // A client that does not read must not keep the connection from ending.
                    tokio::select! {
                        end = self.ends.recv() => return end,
                        sent = socket.send(Message::text(outgoing.text)) => sent.ok()?,
                    }
                }
                outgoing = self.outbox.recv(), if self.next.is_none() => self.next = outgoing,
                received = socket.next() => match received {
                    Some(Ok(Message::Text(text))) => self.receive(&text),
                    Some(Ok(Message::Close(_))) => {
                        // Out before its client can see that it is; the reply goes with the reading.
                        self.leave();
                        while let Some(Ok(_)) = socket.next().await {}
                        return None;
                    }
                    Some(Ok(Message::Binary(_))) => {
                        return Some(End::Close(1003, "Binary messages are not supported".into()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(tokio_tungstenite::tungstenite::Error::Capacity(_))) => {
                        return Some(End::Close(1009, "Message too long".into()));
                    }
                    Some(Err(_)) | None => return None,
                },
                () = clock.sleep(IDLE.min(left)) => return Some(End::going_away()),
            }
        }
    }

    /// Sends what has arrived and was not sent yet.
    async fn flush(&mut self, socket: &mut WebSocketStream<TokioIo<Upgraded>>) {
        let now = self.shared.clock.monotonic();
        while let Some(outgoing) = self.next.take().or_else(|| self.outbox.try_recv().ok())
            && outgoing.due <= now
            && socket.send(Message::text(outgoing.text)).await.is_ok()
        {}
    }

    fn receive(&self, text: &str) {
        // Empty frames are ignored on both sides.
        if !text.is_empty() {
            enter(&self.shared, &self.state, |world| world.receive(&self.id, text));
        }
    }

    /// Takes the connection out; nothing happens if it was.
    fn leave(&self) {
        enter(&self.shared, &self.state, |world| world.take_out(&self.id));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave();
    }
}

fn later(at: Instant, by: Duration) -> Instant {
    at.checked_add(by).unwrap_or(at)
}
