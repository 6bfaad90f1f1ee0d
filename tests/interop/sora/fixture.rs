//! Our connection against an independent server over `aiortc`.

use std::time::Duration;

use serde_json::{Value, json};
use sora_rpc::signaling::EndClass;
use sora_rpc::{
    Connection, ConnectionBuilder, ConnectionEvent, ConnectionEvents, DataChannel, Direction, Error,
    SoraError,
};

use crate::node::{LIMIT, Node};
use crate::{Found, drivers, same};

/// How long a call that is not answered is waited for.
const PATIENCE: Duration = Duration::from_millis(300);
/// What a large call carries.
const LARGE: usize = 60_000;

pub(crate) async fn run(found: &mut Found) {
    if let Err(lack) = drivers::python("server.py") {
        return found.skip(&format!("the server over aiortc needs {lack}"));
    }
    println!("\nour connection with a server over aiortc");
    for (how, settings) in [
        ("compressed", json!({ "compress": ["signaling", "notify", "push", "stats", "rpc", "#chat"] })),
        ("text frames", json!({})),
        ("binary frames", json!({ "text": false })),
    ] {
        found.check(&format!("{how}: connect, switch, calls, messages, disconnect"), whole(settings).await);
    }
    found.check("answers that are not as they should be", answers().await);
    found.check("an offer without data channels is told", unswitched().await);
    found.check("an offer anew, and one that takes RPC away", again().await);
    found.check("a redirect", redirected().await);
    found.check("statistics, and answers to pings", questions().await);
    found.check("ends that the server brings about", ends().await);
    found.check("a WebSocket that is lost after the switch", lost().await);
}

/// A server that runs, and where.
pub(crate) struct Server {
    pub(crate) node: Node,
    pub(crate) url: String,
}

impl Server {
    pub(crate) async fn start(settings: Value) -> Result<Self, String> {
        let mut node = drivers::python("server.py")?;
        node.tell(&settings)?;
        let told = node.hear(json!({ "event": "listening" })).await?;
        Ok(Self { node, url: format!("ws://127.0.0.1:{}/signaling", told["port"]) })
    }

    fn builder(&self) -> ConnectionBuilder {
        let chat = DataChannel::new("#chat", Direction::SendRecv);
        Connection::builder([self.url.as_str()], "sora").data_channel(chat).timeout(LIMIT)
    }

    async fn connect(&self) -> Result<(Connection, ConnectionEvents), String> {
        self.builder().connect().await.map_err(full)
    }

    /// A message of ours over the WebSocket or a data channel.
    async fn heard(&mut self, lane: &str, kind: &str) -> Result<Value, String> {
        let fits = |told: &Value| told["lane"] == lane && told["message"]["type"] == kind;
        Ok(self.node.hear_if(&format!("{kind} over {lane}"), fits).await?["message"].clone())
    }

    fn say(&mut self, lane: &str, message: Value) -> Result<(), String> {
        self.node.tell(&json!({ "do": "say", "lane": lane, "message": message }))
    }
}

/// An error with all that it says of itself.
pub(crate) fn full(error: Error) -> String {
    format!("{error}: {error:?}")
}

/// The first event that fits; the others are left out.
pub(crate) async fn event<T>(
    events: &mut ConnectionEvents,
    what: &str,
    fits: impl Fn(ConnectionEvent) -> Option<T>,
) -> Result<T, String> {
    let waiting = async {
        while let Some(event) = events.next().await {
            if let Some(found) = fits(event) {
                return Ok(found);
            }
        }
        Err(format!("the connection has ended before {what}"))
    };
    tokio::time::timeout(LIMIT, waiting).await.unwrap_or_else(|_| Err(format!("never: {what}")))
}

/// How a connection ends.
pub(crate) async fn end(events: &mut ConnectionEvents) -> Result<EndClass, String> {
    let class = |event| match event {
        ConnectionEvent::Ended(end) => Some(end.class),
        _ => None,
    };
    event(events, "the end", class).await
}

/// That a connection ends as it should.
async fn ends_as(events: &mut ConnectionEvents, class: EndClass) -> Result<(), String> {
    same("the end", &end(events).await?, &class)
}

/// All that a connection does when all is well.
async fn whole(settings: Value) -> Result<(), String> {
    let mut server = Server::start(settings).await?;
    let (connection, mut events) = server.connect().await?;
    let offer = connection.offer();
    same("the channels of the offer", &offer.data_channels.len(), &6)?;
    event(&mut events, "connection.created", |event| match event {
        ConnectionEvent::Notify(notify) => (notify.event_type() == "connection.created").then_some(()),
        _ => None,
    })
    .await?;

    calls(&connection).await?;
    // Whatever the label, ours go out in binary frames.
    let call = server.node.hear_if("a call", |told| told["lane"] == "rpc").await?;
    same("binary", &call["binary"], &true.into())?;

    server.say("push", json!({ "type": "push", "data": { "number": 1 } }))?;
    let push = event(&mut events, "a push", |event| match event {
        ConnectionEvent::Push(push) => Some(push),
        _ => None,
    });
    same("the push", &push.await?.data, &json!({ "number": 1 }))?;

    connection.send("#chat", "hello").await.map_err(full)?;
    server.node.hear(json!({ "event": "data", "lane": "#chat", "text": "hello" })).await?;
    let echo = event(&mut events, "the message", |event| match event {
        ConnectionEvent::Message { label, data, .. } => Some((label, data)),
        _ => None,
    });
    same("the message", &echo.await?, &("#chat".to_owned(), "hello".into()))?;

    connection.disconnect().await.map_err(full)?;
    same("the reason", &server.heard("signaling", "disconnect").await?["reason"], &"NO-ERROR".into())?;
    for channel in &offer.data_channels {
        server.node.hear(json!({ "event": "close", "label": channel.label })).await?;
    }
    ends_as(&mut events, EndClass::ClientDisconnectDone).await
}

/// Calls that are answered, small and large ones, and notifications.
pub(crate) async fn calls(connection: &Connection) -> Result<(), String> {
    let rpc = connection.rpc();
    let echo = |params: Value| rpc.call("test/echo", params).timeout(LIMIT);
    for params in [json!({ "rid": "r0" }), json!(["a", 1, null]), json!({ "text": "あ".repeat(LARGE / 3) })]
    {
        if echo(params.clone()).await.map_err(full)? != params {
            return Err("the answer is not what was sent".into());
        }
    }
    // Zlib cannot make this smaller by much: several pieces of SCTP on the way.
    let noise: Vec<u64> = (1..3_500_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let noise = json!({ "noise": noise });
    if echo(noise.clone()).await.map_err(full)? != noise {
        return Err("the large answer is not what was sent".into());
    }
    let calls: Vec<_> = (0..100).map(|number| tokio::spawn(echo(json!([number])).into_future())).collect();
    for (number, call) in calls.into_iter().enumerate() {
        let answer = call.await.map_err(|e| e.to_string())?.map_err(full)?;
        same("one of many", &answer, &json!([number]))?;
    }
    rpc.notify("test/echo", json!({ "quiet": true })).await.map_err(full)?;
    let refusal = rpc.call("test/refuse", json!({})).await;
    match refusal.as_ref().map_err(Error::service) {
        Err(Some(SoraError::Remote { code: -32602, message, data, .. })) => {
            same("the message", message, &"refused".to_owned())?;
            same("the data", data, &Some(json!({ "member": "rid" })))
        }
        _ => Err(format!("{refusal:?} instead of a refusal")),
    }
}

/// Answers that are none, or not whole.
async fn answers() -> Result<(), String> {
    let server = Server::start(json!({})).await?;
    let (connection, _events) = server.connect().await?;
    let rpc = connection.rpc();
    for method in ["test/never", "test/text-id", "test/broken"] {
        let outcome = rpc.call(method, None).timeout(PATIENCE).await;
        let kind = outcome.as_ref().map_err(Error::kind);
        same(method, &kind.err(), &Some(sora_rpc::ErrorKind::Timeout))?;
    }
    let both = rpc.call("test/both", None).await;
    match both.as_ref().map_err(Error::service) {
        Err(Some(SoraError::ProtocolViolation { .. })) => {}
        _ => return Err(format!("{both:?} instead of a protocol violation")),
    }
    let unlisted = rpc.call("test/unlisted", None).await;
    match unlisted.as_ref().map_err(Error::service) {
        Err(Some(SoraError::MethodNotPermitted { .. })) => {}
        _ => return Err(format!("{unlisted:?} instead of a method that is not permitted")),
    }
    let unlisted = rpc.call("test/unlisted", None).unchecked().await;
    match unlisted.as_ref().map_err(Error::service) {
        Err(Some(SoraError::Remote { code: -32601, .. })) => {}
        _ => return Err(format!("{unlisted:?} instead of the server's refusal")),
    }
    same("null", &rpc.call("test/alive", None).await.map_err(full)?, &Value::Null)
}

/// A server that keeps signaling on the WebSocket has no RPC: that is told, and what to do.
async fn unswitched() -> Result<(), String> {
    let offer = json!({ "data_channel_signaling": false, "data_channels": null, "rpc_methods": null });
    let server = Server::start(json!({ "switch": false, "offer": offer })).await?;
    match server.builder().connect().await {
        Ok(_) => Err("the connection stands".into()),
        Err(error) if error.to_string().contains("data_channel_signaling") => Ok(()),
        Err(error) => Err(full(error)),
    }
}

/// An offer that changes nothing, and one without RPC.
async fn again() -> Result<(), String> {
    let mut server = Server::start(json!({ "compress": ["rpc", "signaling"] })).await?;
    let (connection, mut events) = server.connect().await?;
    let changed = |event| matches!(event, ConnectionEvent::Changed(_)).then_some(());
    server.node.tell(&json!({ "do": "re-offer" }))?;
    server.heard("signaling", "re-answer").await?;
    event(&mut events, "the offer anew", changed).await?;
    calls(&connection).await?;

    let waiting = tokio::spawn(connection.rpc().call("test/never", None).timeout(LIMIT).into_future());
    let never = |told: &Value| told["message"]["method"] == "test/never";
    server.node.hear_if("the call that waits", never).await?;
    server.node.tell(&json!({ "do": "re-offer", "members": { "rpc_methods": [] } }))?;
    server.heard("signaling", "re-answer").await?;
    event(&mut events, "the offer without RPC", changed).await?;
    let outcome = waiting.await.map_err(|e| e.to_string())?;
    match outcome.as_ref().map_err(Error::service) {
        Err(Some(SoraError::NotAvailable)) => Ok(()),
        _ => Err(format!("{outcome:?} for a call when RPC was taken away")),
    }
}

async fn redirected() -> Result<(), String> {
    let mut server = Server::start(json!({ "redirect": "/elsewhere" })).await?;
    let (connection, _events) = server.connect().await?;
    server.node.hear(json!({ "event": "socket", "path": "/signaling" })).await?;
    server.node.hear(json!({ "event": "socket", "path": "/elsewhere" })).await?;
    same("the first", &server.heard("ws", "connect").await?.get("redirect"), &None)?;
    same("the second", &server.heard("ws", "connect").await?["redirect"], &true.into())?;
    calls(&connection).await
}

async fn questions() -> Result<(), String> {
    let offer = json!({ "ignore_disconnect_websocket": false });
    let mut server = Server::start(json!({ "compress": ["stats"], "offer": offer })).await?;
    let (_connection, _events) = server.connect().await?;
    server.say("ws", json!({ "type": "ping" }))?;
    same("no statistics", &server.heard("ws", "pong").await?.get("stats"), &None)?;
    server.say("ws", json!({ "type": "ping", "stats": true }))?;
    same("statistics", &server.heard("ws", "pong").await?["stats"].is_array(), &true)?;
    server.say("stats", json!({ "type": "req-stats" }))?;
    same("statistics", &server.heard("stats", "stats").await?["reports"].is_array(), &true)
}

async fn ends() -> Result<(), String> {
    let close = |code: u16, reason: &str| json!({ "type": "close", "code": code, "reason": reason });
    for (code, reason, class) in [
        (1000, "DISCONNECTED-API", EndClass::ServerClose),
        (1000, "LIFETIME-EXPIRED", EndClass::ServerClose),
        (4490, "INTERNAL-ERROR", EndClass::SignalingError),
    ] {
        let mut server = Server::start(json!({})).await?;
        let (connection, mut events) = server.connect().await?;
        let waiting = tokio::spawn(connection.rpc().call("test/never", None).timeout(LIMIT).into_future());
        server.node.hear_if("the call that waits", |told| told["lane"] == "rpc").await?;
        server.say("signaling", close(code, reason))?;
        server.node.tell(&json!({ "do": "leave" }))?;
        ends_as(&mut events, class).await.map_err(|e| format!("{code} {reason}: {e}"))?;
        let outcome = waiting.await.map_err(|e| e.to_string())?;
        match outcome.as_ref().map_err(Error::service) {
            Err(Some(SoraError::Disconnected)) => {}
            _ => return Err(format!("{outcome:?} for a call when the server closed")),
        }
    }
    let mut server = Server::start(json!({})).await?;
    let (_connection, mut events) = server.connect().await?;
    server.node.tell(&json!({ "do": "cut" }))?;
    // It resets the streams and shuts the rest down in one go: either may be noticed first.
    match end(&mut events).await? {
        EndClass::ChannelsClosed | EndClass::TransportClosed => Ok(()),
        other => Err(format!("{other:?} when the server cut the connection")),
    }
}

/// The loss means the end, unless the server said that it does not matter.
async fn lost() -> Result<(), String> {
    let offer = json!({ "ignore_disconnect_websocket": false });
    let mut server = Server::start(json!({ "offer": offer })).await?;
    let (_connection, mut events) = server.connect().await?;
    server.node.tell(&json!({ "do": "cut_socket" }))?;
    ends_as(&mut events, EndClass::WebsocketClosed).await?;

    let mut server = Server::start(json!({})).await?;
    let (connection, _events) = server.connect().await?;
    server.node.tell(&json!({ "do": "cut_socket" }))?;
    server.node.hear(json!({ "event": "socket_closed" })).await?;
    calls(&connection).await
}
