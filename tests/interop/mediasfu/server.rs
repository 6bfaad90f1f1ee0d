//! npm `socket.io` as the server of the shared Socket.IO client: both generations of the protocol, by the server of
//! each and by the newer server in its mode for older clients.

use std::time::Duration;

use rtc_core::SharedClock;
use rtc_core::transport::Limits;
use rtc_core::transport::socketio::{Events, Protocol, Socket, SocketError, SocketOptions, connect};
use rtc_core::transport::websocket::WebSocketConnector;
use serde_json::{Value, json};
use url::Url;

use crate::Found;
use crate::node::{Drivers, LIMIT, Node};

/// What the server's named namespace asks for.
pub(crate) const ROOM: &str = "s12345678";
/// A query is to bring these over unharmed in both generations.
const ODD: &str = "a b&c=d+é%/?#";
/// Of the protocol's own pings and pongs, so many are waited for.
const HEARTBEATS: usize = 3;

/// The token of the room.
pub(crate) fn token() -> String {
    "0123456789abcdef".repeat(4)
}

/// A server of npm that listens.
pub(crate) struct Server {
    pub(crate) node: Node,
    pub(crate) url: Url,
}

impl Server {
    pub(crate) async fn start(
        drivers: &Drivers,
        package: &str,
        allows_older: bool,
        ping: u32,
    ) -> Result<Self, String> {
        let mut options = json!({ "pingInterval": ping, "pingTimeout": 5000 });
        if allows_older {
            options["allowEIO3"] = true.into();
        }
        let settings = json!({ "package": package, "options": options, "room": ROOM, "token": token() });
        let mut node = Node::start(drivers, "serve.mjs", &settings)?;
        let port = &node.hear(json!({ "event": "listening" })).await?["port"];
        let url = format!("http://127.0.0.1:{port}").parse().map_err(|e| format!("{e}"))?;
        Ok(Self { node, url })
    }

    async fn connect(&self, options: SocketOptions) -> Result<(Socket, Events), SocketError> {
        let connector = WebSocketConnector::new();
        connect(&connector, &self.url, options, SharedClock::default(), Limits::default()).await
    }
}

pub(crate) async fn run(drivers: &Drivers, found: &mut Found) {
    let older = "socket.io-2";
    for (package, allows_older, protocol) in [
        ("socket.io", false, Protocol::Eio4),
        ("socket.io", true, Protocol::Eio4),
        ("socket.io", true, Protocol::Eio3),
        (older, false, Protocol::Eio3),
    ] {
        let mode = if allows_older { ", allowEIO3" } else { "" };
        let version = drivers.version(package);
        println!("\nsocket.io {version}{mode} as the server of our {protocol:?} client");
        for place in ["/", "/media"] {
            let result = conversation(drivers, package, allows_older, protocol, place).await;
            found.check(&format!("a conversation in {place}"), result);
        }
        found.check("wrong credentials", wrong(drivers, package, allows_older, protocol).await);
        let lost = lost(drivers, package, allows_older, protocol).await;
        found.check("a lost connection with an open question", lost);
    }
    println!("\nservers of the other generation");
    for (package, protocol) in [("socket.io", Protocol::Eio3), (older, Protocol::Eio4)] {
        let what = format!("socket.io {} and {protocol:?}", drivers.version(package));
        found.check(&what, other_generation(drivers, package, protocol).await);
    }
}

fn options(protocol: Protocol, place: &str) -> SocketOptions {
    let mut options = SocketOptions::new(protocol);
    options.namespace = place.into();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    options.query = vec![pair("apiUserName", ROOM), pair("apiToken", &token()), pair("odd", ODD)];
    options
}

/// Everything that the client can do, once.
async fn conversation(
    drivers: &Drivers,
    package: &str,
    allows_older: bool,
    protocol: Protocol,
    place: &str,
) -> Result<(), String> {
    let mut server = Server::start(drivers, package, allows_older, 50).await?;
    let (socket, mut events) = server.connect(options(protocol, place)).await.map_err(|e| e.to_string())?;
    let node = &mut server.node;
    let connection = node.hear(json!({ "event": "connection", "place": place })).await?;
    let generation = if protocol == Protocol::Eio3 { 3 } else { 4 };
    // The older server does not say.
    same("the generation", &connection["protocol"], &json!(generation))
        .or_else(|e| if connection["protocol"].is_null() { Ok(()) } else { Err(e) })?;
    for (name, value) in [("apiUserName", ROOM), ("apiToken", &token()), ("odd", ODD)] {
        same(&format!("the query's {name}"), &connection["query"][name], &json!(value))?;
    }
    if place == "/media" {
        let hello = event(&mut events, "connection-success").await?;
        same("the id", &hello[0]["socketId"], &connection["id"])?;
    }

    socket.emit("plain", &[json!({ "roomName": ROOM }), json!("é")]).await.map_err(|e| e.to_string())?;
    let packet = node.hear(json!({ "event": "packet", "name": "plain" })).await?;
    same("the arguments", &packet["args"], &json!([{ "roomName": ROOM }, "é"]))?;
    same("asking", &packet["asked"], &json!(false))?;
    for number in 0..3 {
        let answer = socket.emit_with_ack("echo", &[json!({ "n": number })], LIMIT).await;
        let answer = answer.map_err(|e| e.to_string())?;
        same("the answer", &json!(answer), &json!(["success", { "n": number }]))?;
    }

    node.tell(&json!({ "do": "ask", "place": place, "name": "question", "args": [{ "n": 1 }] }))?;
    let question = next(&mut events).await?;
    same("the question", &json!([question.name, question.args]), &json!(["question", [{ "n": 1 }]]))?;
    let id = question.ack.ok_or("the question does not ask for an acknowledgement")?;
    socket.ack(id, &[json!("fine"), json!(2)]).await.map_err(|e| e.to_string())?;
    let answered = node.hear(json!({ "event": "answered", "name": "question" })).await?;
    same("our answer", &answered["args"], &json!(["fine", 2]))?;

    // What has attachments is not for us, and does no harm.
    node.tell(&json!({ "do": "attach", "place": place, "name": "picture" }))?;
    node.tell(&json!({ "do": "emit", "place": place, "name": "after", "args": [] }))?;
    same("the next event", &json!(event(&mut events, "after").await?), &json!([]))?;
    if socket.dropped_packets() == 0 {
        return Err("an event with an attachment was not counted as dropped".into());
    }

    for _ in 0..HEARTBEATS {
        node.hear(json!({ "event": "heartbeat" })).await?;
    }
    node.tell(&json!({ "do": "dismiss", "place": place }))?;
    ended(&socket, &mut events).await
}

/// The named namespace refuses, and gives its reason. The connection counts for nothing then.
async fn wrong(
    drivers: &Drivers,
    package: &str,
    allows_older: bool,
    protocol: Protocol,
) -> Result<(), String> {
    let server = Server::start(drivers, package, allows_older, 25_000).await?;
    let mut options = options(protocol, "/media");
    options.query[1].1 = "wrong".into();
    match server.connect(options).await {
        Err(SocketError::Refused(reason)) if reason.to_string().contains("Invalid credentials") => Ok(()),
        Err(SocketError::Refused(reason)) => Err(format!("the reason is {reason}")),
        Err(other) => Err(format!("this was told: {other}")),
        Ok(_) => Err("it was let in".into()),
    }
}

/// An open question ends with the connection, at once.
async fn lost(
    drivers: &Drivers,
    package: &str,
    allows_older: bool,
    protocol: Protocol,
) -> Result<(), String> {
    let mut server = Server::start(drivers, package, allows_older, 25_000).await?;
    let (socket, mut events) =
        server.connect(options(protocol, "/media")).await.map_err(|e| e.to_string())?;
    event(&mut events, "connection-success").await?;
    let asking = socket.clone();
    let question =
        tokio::spawn(async move { asking.emit_with_ack("never", &[], Duration::from_secs(3600)).await });
    server.node.hear(json!({ "event": "packet", "name": "never", "asked": true })).await?;
    server.node.tell(&json!({ "do": "cut", "place": "/media" }))?;
    let answer = tokio::time::timeout(LIMIT, question).await;
    match answer.map_err(|_| "the question outlived its connection")?.map_err(|e| e.to_string())? {
        Err(SocketError::Closed { .. }) => ended(&socket, &mut events).await,
        other => Err(format!("the question ended with {other:?}")),
    }
}

/// Both are told at once. The newer server writes an HTTP refusal on the WebSocket that it has opened already, the
/// older one lets everybody in and gives the session no id.
async fn other_generation(drivers: &Drivers, package: &str, protocol: Protocol) -> Result<(), String> {
    let server = Server::start(drivers, package, false, 25_000).await?;
    match (server.connect(options(protocol, "/media")).await, protocol) {
        (Err(SocketError::Closed { .. }), Protocol::Eio3) | (Err(SocketError::Protocol(_)), _) => Ok(()),
        (Err(other), _) => Err(format!("this was told: {other}")),
        (Ok(_), _) => Err("it was let in".into()),
    }
}

async fn next(events: &mut Events) -> Result<rtc_core::transport::socketio::Event, String> {
    let event = tokio::time::timeout(LIMIT, events.recv()).await;
    event.map_err(|_| "no event came")?.ok_or_else(|| "the connection has ended".into())
}

/// The arguments of the next event, which is this one.
async fn event(events: &mut Events, name: &str) -> Result<Vec<Value>, String> {
    let event = next(events).await?;
    if event.name == name { Ok(event.args) } else { Err(format!("{:?} came, not {name:?}", event.name)) }
}

async fn ended(socket: &Socket, events: &mut Events) -> Result<(), String> {
    match tokio::time::timeout(LIMIT, events.recv()).await {
        Ok(None) if !socket.is_connected() => Ok(()),
        Ok(event) => Err(format!("the end was awaited, and {event:?} came")),
        Err(_) => Err("the client does not see the end".into()),
    }
}

/// Nothing, or what is the matter.
pub(crate) fn same(what: &str, is: &Value, wanted: &Value) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{what}: {is}, not {wanted}")) }
}
