//! What the vendor's SDKs were seen to send, byte for byte, to the emulator; and how our `connect` differs from theirs.

use std::collections::BTreeMap;
use std::path::Path;

use rtc_core::Bytes;
use rtc_core::http::Request;
use rtc_core::transport::Limits;
use rtc_core::transport::channel::{Channel as _, Connect as _, Frame};
use rtc_core::transport::websocket::{WebSocketChannel, WebSocketConnector};
use rtc_emulator::Emulator;
use rtc_tests::case::workspace;
use serde_json::Value;
use sora_rpc::signaling::{Signaling, SignalingOptions};
use sora_rpc::{Connect, DataChannel, Direction, Role};

use crate::node::LIMIT;
use crate::table::Table;
use crate::{Found, folder, same};

/// The captures, and who was recorded.
const CAPTURES: [(&str, &str); 4] = [
    ("sora_sdk", "python-e2e-compress0.jsonl"),
    ("sora_sdk, compressed", "python-e2e-compress1.jsonl"),
    ("sora-js-sdk", "js-e2e-compress0.jsonl"),
    ("sora-js-sdk, compressed", "js-e2e-compress1.jsonl"),
];
/// What stands in the table for something that is not there.
const ABSENT: &str = "—";

pub(crate) async fn run(bless: bool, found: &mut Found) {
    let captures = workspace().join("../shared/providers/sora-rpc/captures");
    if !captures.is_dir() {
        return found.skip("the captured messages of the vendor's SDKs: ../shared is not there");
    }
    println!("\nwhat the vendor's SDKs were seen to send");
    for (who, file) in CAPTURES {
        match read(&captures.join(file)) {
            Ok(lines) => {
                found.check(&format!("{who}: connect is answered with an offer"), connect(&lines).await);
                found.check(&format!("{who}: its calls are answered as they were"), calls(&lines).await);
                found.check(&format!("{who}: disconnect ends it well"), disconnect(&lines).await);
            }
            Err(error) => found.check(who, Err(error)),
        }
    }
    found.check("our connect beside theirs", compare(&captures, bless));
}

/// The lines of a capture.
fn read(file: &Path) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    text.lines().map(|line| serde_json::from_str(line).map_err(|e| e.to_string())).collect()
}

/// The messages that the SDK sent over the WebSocket, or over a data channel (`dc:rpc`).
fn sent<'a>(lines: &'a [Value], lane: &'a str) -> impl Iterator<Item = &'a Value> {
    lines.iter().filter(move |line| line["where"] == lane && line["dir"] == "c>s")
}

fn of_type<'a>(lines: &'a [Value], lane: &'a str, kind: &str) -> Result<&'a Value, String> {
    let message = sent(lines, lane).map(|line| &line["msg"]).find(|message| message["type"] == kind);
    message.ok_or_else(|| format!("the capture holds no {kind}"))
}

async fn connect(lines: &[Value]) -> Result<(), String> {
    let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
    let mut wire = Wire::open(&emulator.sora().signaling_url()).await?;
    wire.offered(of_type(lines, "ws", "connect")?).await
}

/// Ends a connection before the data channels are there: over the WebSocket.
async fn disconnect(lines: &[Value]) -> Result<(), String> {
    let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
    let mut wire = Wire::open(&emulator.sora().signaling_url()).await?;
    wire.offered(of_type(lines, "ws", "connect")?).await?;
    wire.send(&of_type(lines, "dc:signaling", "disconnect")?.to_string()).await?;
    match wire.next().await? {
        Frame::Close { code, reason } => {
            same("the end", &(code, reason.as_str()), &(1000, "TYPE-DISCONNECT"))
        }
        other => Err(format!("the connection goes on with {other:?}")),
    }
}

/// The calls of Sora's own methods, in the bytes of the SDK, over the emulator's WebSocket for RPC.
async fn calls(lines: &[Value]) -> Result<(), String> {
    let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
    let mut wire = Wire::open(&emulator.sora().rpc_url()).await?;
    wire.next().await?;
    let theirs: Vec<_> = sent(lines, "dc:rpc").filter(|line| is_known(&line["msg"])).collect();
    if theirs.is_empty() {
        return Err("the capture holds no calls".into());
    }
    for line in theirs {
        let raw = line["raw"].as_str().unwrap_or_default();
        wire.send_as(raw, line["frame"] == "text").await?;
        let Some(id) = line["msg"].get("id") else { continue };
        let answer = wire.answer(id).await?;
        let was = lines.iter().find(|line| line["dir"] == "s>c" && line["msg"].get("id") == Some(id));
        let was = &was.ok_or("the capture holds a call without an answer")?["msg"];
        same(raw, &code(&answer), &code(was))?;
        same(raw, &answer.get("result").is_some(), &was.get("result").is_some())?;
    }
    Ok(())
}

/// Whether a call is for the service and not for the recorder. The one with a list for parameters was answered by the
/// recorder, which looked at no parameters.
fn is_known(call: &Value) -> bool {
    let method = call["method"].as_str().unwrap_or_default();
    !method.starts_with("test/") && !call["params"].is_array()
}

/// The code of an answer's error; 0 for a result. The recorder's results were made up.
fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_default()
}

/// A client that knows nothing but messages.
struct Wire(WebSocketChannel);

impl Wire {
    async fn open(url: &str) -> Result<Self, String> {
        let request = Request::get(url).body(()).map_err(|e| e.to_string())?;
        let channel = WebSocketConnector::new().connect(request, Limits::default()).await;
        channel.map(Self).map_err(|e| e.to_string())
    }

    async fn send(&mut self, text: &str) -> Result<(), String> {
        self.send_as(text, true).await
    }

    async fn send_as(&mut self, text: &str, is_text: bool) -> Result<(), String> {
        let frame =
            if is_text { Frame::Text(text.into()) } else { Frame::Binary(Bytes::from(text.to_owned())) };
        self.0.send(frame).await.map_err(|e| e.to_string())
    }

    async fn next(&mut self) -> Result<Frame, String> {
        let frame = tokio::time::timeout(LIMIT, self.0.recv()).await.map_err(|_| "nothing came")?;
        frame.ok_or("the WebSocket has ended")?.map_err(|e| e.to_string())
    }

    async fn message(&mut self) -> Result<Value, String> {
        let bytes = match self.next().await? {
            Frame::Text(text) => text.into_bytes(),
            Frame::Binary(bytes) => bytes.to_vec(),
            Frame::Close { code, reason } => return Err(format!("the server closes with {code} {reason}")),
            other => return Err(format!("{other:?} instead of a message")),
        };
        serde_json::from_slice(&bytes).map_err(|e| e.to_string())
    }

    /// Sends `connect`, and expects an offer.
    async fn offered(&mut self, connect: &Value) -> Result<(), String> {
        self.send(&connect.to_string()).await?;
        let offer = self.message().await?;
        same("the answer", &offer["type"].as_str(), &Some("offer"))?;
        same("the channel", &offer["channel_id"], &connect["channel_id"])
    }

    /// The answer to a call; what else is told is left out.
    async fn answer(&mut self, id: &Value) -> Result<Value, String> {
        loop {
            let message = self.message().await?;
            if message.get("id") == Some(id) {
                return Ok(message);
            }
        }
    }
}

/// Compares what we send for the same input with what the SDKs sent.
fn compare(captures: &Path, bless: bool) -> Result<(), String> {
    let python = read(&captures.join("python-e2e-compress0.jsonl"))?;
    let browser = read(&captures.join("js-e2e-compress0.jsonl"))?;
    let full = std::fs::read_to_string(captures.join("python-connect.json")).map_err(|e| e.to_string())?;
    let full: Value = serde_json::from_str(&full).map_err(|e| e.to_string())?;

    let plain = Connect::new(Role::RecvOnly, "sora")
        .metadata(serde_json::json!({ "access_token": "x" }))
        .audio(false)
        .video(false)
        .data_channel_signaling(true)
        .ignore_disconnect_websocket(true);
    let channel = DataChannel::new("#chat", Direction::SendRecv).ordered(true).compress(true);
    let rich = Connect::new(Role::RecvOnly, "sora")
        .client_id("c1")
        .simulcast(true)
        .metadata(serde_json::json!({ "access_token": "SECRET" }))
        .audio(true)
        .video(true)
        .data_channel_signaling(true)
        .ignore_disconnect_websocket(true)
        .data_channels([channel]);

    let mut rows = Vec::new();
    rows.extend(differences("sora_sdk", of_type(&python, "ws", "connect")?, &ours(&plain)?));
    rows.extend(differences("sora_sdk, more settings", &full["frames"][0], &ours(&rich)?));
    let named = plain.clone().client_id("js1");
    rows.extend(differences("sora-js-sdk", of_type(&browser, "ws", "connect")?, &ours(&named)?));

    let mut table = Table::read(&folder().join("connect.md"))?;
    if bless {
        table.bless(&rows)?;
    }
    let complaints = table.check(&rows);
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}

/// The first message that a connection of ours sends.
fn ours(connect: &Connect) -> Result<Value, String> {
    let mut signaling = Signaling::new(connect, SignalingOptions::default()).map_err(|e| e.to_string())?;
    signaling.websocket_opened();
    match signaling.poll_transmit().map(|transmit| transmit.frame) {
        Some(Frame::Text(text)) => serde_json::from_str(&text).map_err(|e| e.to_string()),
        other => Err(format!("{other:?} instead of connect")),
    }
}

/// Rows of the table: whose, the member, theirs, ours.
fn differences(who: &str, theirs: &Value, ours: &Value) -> Vec<Vec<String>> {
    let (theirs, ours) = (flat(theirs), flat(ours));
    let mut places: Vec<_> = theirs.keys().chain(ours.keys()).collect();
    places.sort();
    places.dedup();
    let told = |values: &BTreeMap<String, String>, place| {
        values.get(place).map_or(ABSENT, String::as_str).to_owned()
    };
    let differ = places.into_iter().filter(|place| theirs.get(*place) != ours.get(*place));
    differ
        .map(|place| vec![who.to_owned(), place.clone(), told(&theirs, place), told(&ours, place)])
        .collect()
}

/// The members by their paths. Of long texts only that they are there: they name machines.
fn flat(value: &Value) -> BTreeMap<String, String> {
    fn walk(place: &str, value: &Value, into: &mut BTreeMap<String, String>) {
        let inner = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| walk(&inner(name), value, into))
            }
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(place, value)| walk(&inner(&place.to_string()), value, into));
            }
            Value::String(text) if text.len() > 40 => {
                into.insert(place.to_owned(), "a text".into());
            }
            leaf => {
                into.insert(place.to_owned(), leaf.to_string());
            }
        }
    }
    let mut into = BTreeMap::new();
    walk("", value, &mut into);
    into
}
