//! Spans tell where a call went and how it ended, and nothing of what was said.
//!
//! A program of its own: a thread without a subscriber that reaches a span first, just while a subscriber is being set
//! in another thread, can switch that span off for both (`tracing` notes a span's place after it has asked who wants it).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use mediasfu::{Client, CreateRoom, Credentials};
use rtc_core::testing::{ManualClock, ScriptedTransport, pair};
use rtc_core::transport::channel::{Channel, Frame};
use rtc_core::{RetryPolicy, TransportError, TransportErrorKind};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

const CANARY: &str = "canary1234567890canary1234567890canary12";

fn silent_text(text: &str) {
    assert!(!text.contains(CANARY), "a secret was printed: {text}");
}

/// Keeps the fields of every span and the text of everything.
#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<Collected>>);

#[derive(Debug, Default)]
struct Collected {
    spans: Vec<(&'static Metadata<'static>, BTreeMap<String, String>)>,
    entered: Vec<Id>,
    events: Vec<BTreeMap<String, String>>,
}

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl Subscriber for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut collected = self.0.lock().unwrap();
        let mut fields = BTreeMap::new();
        span.record(&mut Fields(&mut fields));
        collected.spans.push((span.metadata(), fields));
        Id::from_u64(collected.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut collected = self.0.lock().unwrap();
        let index = usize::try_from(span.into_u64()).unwrap() - 1;
        values.record(&mut Fields(&mut collected.spans[index].1));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        self.0.lock().unwrap().events.push(fields);
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().entered.push(span.clone());
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered.pop();
    }

    // What the spans' owners record goes to the current one.
    fn current_span(&self) -> Current {
        let collected = self.0.lock().unwrap();
        collected.entered.last().map_or_else(Current::none, |id| {
            let index = usize::try_from(id.into_u64()).unwrap() - 1;
            Current::new(id.clone(), collected.spans[index].0)
        })
    }
}

impl Collector {
    /// The fields of the calls, by name.
    fn calls(&self) -> Vec<BTreeMap<String, String>> {
        let collected = self.0.lock().unwrap();
        let calls = collected.spans.iter().filter(|(metadata, _)| metadata.name() == "rtc.call");
        calls.map(|(_, fields)| fields.clone()).collect()
    }

    fn assert_silent(&self) {
        silent_text(&format!("{:?}", self.0.lock().unwrap()));
    }
}

fn fields(fields: &BTreeMap<String, String>) -> [Option<&str>; 7] {
    [
        "rtc.operation",
        "http.request.method",
        "server.address",
        "server.port",
        "http.response.status_code",
        "http.request.resend_count",
        "error.type",
    ]
    .map(|name| fields.get(name).map(String::as_str))
}

#[tokio::test]
async fn a_call_over_http() {
    let collector = Collector::default();
    let _guard = tracing::subscriber::set_default(collector.clone());
    let room = json!({ "roomName": "s1", "link": format!("https://x/{CANARY}"), "secret": CANARY });
    let refusal = json!({ "success": false, "error": { "secret": CANARY } });
    let transport = ScriptedTransport::new()
        .json(200, room.to_string())
        .json(429, refusal.to_string())
        .json(403, refusal.to_string())
        .fail(TransportError::new(TransportErrorKind::Protocol).with_source("gone"));
    let clock = ManualClock::jumping(std::time::SystemTime::UNIX_EPOCH);
    let client = Client::builder(Credentials::new("apiUser123", format!("{CANARY}{}", "0".repeat(24))))
        .endpoint("https://rooms.example:8443/base")
        .header("x-gateway-key", CANARY)
        .clock(clock)
        .transport(transport)
        .retry(RetryPolicy::default().with_max_attempts(2))
        .build()
        .unwrap();
    let request = || CreateRoom::new("hostUser", 60, 10).secure_code(CANARY);
    client.create_room(request()).await.unwrap();
    client.create_room(request()).await.unwrap_err();
    client.create_room(request()).await.unwrap_err();
    client.create_room(request().room_name(format!(" {CANARY}")).idempotency_key("x")).await.unwrap_err();
    collector.assert_silent();
    let calls = collector.calls();
    let common = [Some("create_room"), Some("POST"), Some("rooms.example"), Some("8443")];
    let [operation, method, address, port] = common;
    for (got, expected) in calls.iter().zip([
        [operation, method, address, port, Some("200"), Some("0"), None],
        [operation, method, address, port, Some("403"), Some("1"), Some("permission_denied")],
        [operation, method, address, port, None, Some("0"), Some("protocol")],
        [operation, None, address, port, None, Some("0"), Some("invalid_input")],
    ]) {
        assert_eq!(fields(got), expected);
        assert_eq!(got["otel.kind"], "client");
    }
    assert_eq!(calls.len(), 4);
}

#[tokio::test]
async fn dropped_messages_of_a_live_channel() {
    let collector = Collector::default();
    let _guard = tracing::subscriber::set_default(collector.clone());
    let (channel, mut server) = pair();
    let client =
        sora_rpc::Client::connect(channel, sora_rpc::ClientOptions::new().rpc_methods(["m"])).unwrap();
    let call = tokio::spawn(IntoFuture::into_future(client.call("m", json!([CANARY]))));
    server.recv().await.unwrap().unwrap();
    for text in [
        format!("{{{CANARY}"),
        json!({ "jsonrpc": "2.0", "result": CANARY }).to_string(),
        json!({ "jsonrpc": "2.0", "id": 77, "result": CANARY }).to_string(),
        json!({ "jsonrpc": "2.0", "id": 1, "result": CANARY }).to_string(),
    ] {
        server.send(Frame::Text(text)).await.unwrap();
    }
    assert_eq!(call.await.unwrap().unwrap(), CANARY);
    collector.assert_silent();
    let dropped =
        |fields: &&BTreeMap<String, String>| fields.get("message").is_some_and(|m| m == "dropped a message");
    assert_eq!(collector.0.lock().unwrap().events.iter().filter(dropped).count(), 3);
}
