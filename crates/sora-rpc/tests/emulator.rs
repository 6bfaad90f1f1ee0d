//! Whole flows against the emulator, over real WebSockets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity,
    reason = "helpers of tests"
)]

use std::io::{Read as _, Write as _};

use rtc_core::http::Request;
use rtc_core::transport::Limits;
use rtc_core::transport::channel::{Channel, Connect, Frame};
use rtc_core::transport::websocket::{WebSocketChannel, WebSocketConnector};
use rtc_core::{ErrorKind, Reason};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use sora_rpc::{
    Client, ClientOptions, PutSignalingNotifyMetadata, PutSignalingNotifyMetadataItem, RequestSimulcastRid,
    RequestSpotlightRid, ResetSpotlightRid, Rid, SoraError,
};

async fn connect(emulator: &Emulator, query: &str) -> Client {
    let url = format!("{}?{query}", emulator.sora().rpc_url());
    Client::connect_websocket(&url, ClientOptions::new()).await.unwrap()
}

#[tokio::test]
async fn the_five_methods() {
    let emulator = Emulator::start().await.unwrap();
    let client = connect(&emulator, "channel_id=room").await;
    assert_eq!(client.rpc_methods().len(), 5);

    let request = RequestSimulcastRid::new(Rid::R1).sender_connection_id("SENDER");
    let simulcast = client.request_simulcast_rid(request).await.unwrap();
    assert_eq!((simulcast.channel_id.as_str(), &simulcast.rid), ("room", &Rid::R1));
    assert_eq!(simulcast.sender_connection_id.as_deref(), Some("SENDER"));
    let me = simulcast.receiver_connection_id;
    assert_eq!(me.len(), 26);

    let spotlight = client.request_spotlight_rid(RequestSpotlightRid::new(Rid::R2, Rid::None)).await.unwrap();
    assert_eq!((&spotlight.recv_connection_id, &spotlight.spotlight_focus_rid), (&me, &Rid::R2));
    let member = || emulator.state()["sora-rpc"]["channels"]["room"][&me].clone();
    assert_eq!(member()["spotlight_rids"], json!({ "*": ["r2", "none"] }));
    assert_eq!(member()["simulcast_rids"], json!({ "SENDER": "r1" }));

    client.reset_spotlight_rid(ResetSpotlightRid::new()).await.unwrap();
    assert_eq!(member()["spotlight_rids"], json!({}));

    let metadata = client.put_signaling_notify_metadata(PutSignalingNotifyMetadata::new(json!({ "a": 1 })));
    assert_eq!(metadata.await.unwrap(), json!({ "a": 1 }));
    let item = client.put_signaling_notify_metadata_item(PutSignalingNotifyMetadataItem::new("b", "x"));
    assert_eq!(item.await.unwrap(), json!({ "a": 1, "b": "x" }));
    assert_eq!(member()["metadata"], json!({ "a": 1, "b": "x" }));
}

#[tokio::test]
async fn what_the_server_refuses() {
    let emulator = Emulator::start().await.unwrap();
    let client = connect(&emulator, "rpc_methods=2025.2.0/RequestSimulcastRid").await;
    assert_eq!(client.rpc_methods(), ["2025.2.0/RequestSimulcastRid"]);

    // Here first, without a word to the server; then there.
    let error = client.reset_spotlight_rid(ResetSpotlightRid::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::PermissionDenied, false));
    assert_eq!(client.stats().calls, 0);
    let error = client.reset_spotlight_rid(ResetSpotlightRid::new()).unchecked().await.unwrap_err();
    assert_eq!((error.code().unwrap().as_ref(), error.detail()), ("-32601", Some("Method not found")));

    let method = "2025.2.0/RequestSimulcastRid";
    for params in [
        json!({}),
        json!({ "rid": "auto" }),
        json!({ "rid": 1 }),
        json!({ "rid": "r0", "sender_connection_id": "" }),
        // The server knows these from the connection.
        json!({ "rid": "r0", "channel_id": "room" }),
        json!({ "rid": "r0", "receiver_connection_id": "me" }),
        json!(["r0"]),
    ] {
        let error = client.call(method, params.clone()).await.unwrap_err();
        match error.service() {
            Some(SoraError::Remote { code: -32602, data: Some(_), .. }) => {}
            other => panic!("{params}: {other:?}"),
        }
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Other, true));
    }
    assert_eq!(client.call(method, json!({ "rid": "r0" })).await.unwrap()["rid"], "r0");

    let none = connect(&emulator, "rpc_methods=").await;
    assert_eq!(none.call(method, None).await.unwrap_err().code().unwrap(), "not_available");
}

#[tokio::test]
async fn no_answer_to_notifications() {
    let emulator = Emulator::start().await.unwrap();
    let client = connect(&emulator, "channel_id=room").await;
    client.notify("2025.2.0/RequestSimulcastRid", json!({ "rid": "r2" })).await.unwrap();
    client.notify("nonsense", None).unchecked().await.unwrap();
    let me = client.reset_spotlight_rid(ResetSpotlightRid::new()).await.unwrap().recv_connection_id;
    assert_eq!(emulator.state()["sora-rpc"]["channels"]["room"][&me]["simulcast_rids"], json!({ "*": "r2" }));
    let stats = client.stats();
    assert_eq!((stats.notifications, stats.answered, stats.dropped_without_id), (2, 1, 0));
}

/// A member that sees every frame.
struct Witness(WebSocketChannel);

impl Witness {
    async fn connect(emulator: &Emulator, query: &str) -> Self {
        let url = format!("{}?{query}", emulator.sora().rpc_url());
        let handshake = Request::get(url).body(()).unwrap();
        let mut witness =
            Self(WebSocketConnector::new().connect(handshake, Limits::default()).await.unwrap());
        assert_eq!(witness.next().await["type"], "offer");
        witness
    }

    async fn next(&mut self) -> Value {
        match self.0.recv().await.unwrap().unwrap() {
            Frame::Text(text) => serde_json::from_str(&text).unwrap(),
            Frame::Binary(bytes) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn ask(&mut self, text: &str) -> Value {
        self.0.send(Frame::Text(text.into())).await.unwrap();
        self.next().await
    }
}

#[tokio::test]
async fn pushes_reach_the_members_of_the_channel() {
    let emulator = Emulator::start().await.unwrap();
    let mut witness = Witness::connect(&emulator, "channel_id=room").await;
    let mut stranger = Witness::connect(&emulator, "channel_id=other").await;
    let client = connect(&emulator, "channel_id=room").await;
    let quiet = PutSignalingNotifyMetadata::new(json!("unseen"));
    client.put_signaling_notify_metadata(quiet).await.unwrap();
    let told = PutSignalingNotifyMetadata::new(json!("seen")).push(true);
    client.put_signaling_notify_metadata(told).await.unwrap();
    let push = witness.next().await;
    assert_eq!((&push["type"], &push["data"]["metadata"]), (&json!("push"), &json!("seen")));
    // The next thing the stranger hears is the answer to its own question.
    let answer = stranger.ask(r#"{"jsonrpc":"2.0","method":"2025.2.0/ResetSpotlightRid","id":"x"}"#).await;
    assert_eq!(answer["id"], "x");
    // The pusher was told as well, and dropped it: it is no answer.
    client.reset_spotlight_rid(ResetSpotlightRid::new()).await.unwrap();
    assert_eq!(client.stats().dropped_without_id, 1);
}

#[tokio::test]
async fn the_emulator_is_strict() {
    let emulator = Emulator::start().await.unwrap();
    let mut raw = Witness::connect(&emulator, "").await;
    for (text, code) in [
        ("{", -32700),
        ("[]", -32600),
        ("1", -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":2}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"2025.2.0/ResetSpotlightRid","params":[1]}"#, -32602),
    ] {
        assert_eq!(raw.ask(text).await["error"]["code"], code, "{text}");
    }
}

#[tokio::test]
async fn the_server_ends_the_connection() {
    let emulator = Emulator::start().await.unwrap();
    let client = connect(&emulator, "channel_id=room").await;
    client.reset_spotlight_rid(ResetSpotlightRid::new()).await.unwrap();
    let other = connect(&emulator, "channel_id=room").await;
    let members = || emulator.state()["sora-rpc"]["channels"]["room"].as_object().unwrap().len();
    assert_eq!(members(), 2);

    // One of them, as the management call does it.
    let me = client.reset_spotlight_rid(ResetSpotlightRid::new()).await.unwrap().recv_connection_id;
    assert_eq!(manage(&emulator, "DELETE", &format!("channels/room/{me}")).await, 200);
    assert_eq!(manage(&emulator, "DELETE", "channels/room/nobody").await, 404);
    assert_eq!(manage(&emulator, "GET", "channels").await, 200);
    disconnected(&client).await;
    other.reset_spotlight_rid(ResetSpotlightRid::new()).await.unwrap();
    assert_eq!(members(), 1);

    // All of them.
    emulator.reset();
    disconnected(&other).await;
}

#[tokio::test]
async fn compressed_frames() {
    let emulator = Emulator::start().await.unwrap();
    let client = connect(&emulator, "channel_id=room&compress=true").await;
    let long = json!({ "name": "Ada".repeat(10_000) });
    let metadata =
        client.put_signaling_notify_metadata(PutSignalingNotifyMetadata::new(long.clone()).push(true));
    assert_eq!(metadata.await.unwrap(), long);
    let error = client.call("nonsense", None).unchecked().await.unwrap_err();
    assert_eq!(error.code().unwrap(), "-32601");
    // The push came as a compressed frame, too, and is no answer.
    let stats = client.stats();
    assert_eq!((stats.answered, stats.dropped_without_id, stats.dropped_malformed), (2, 1, 0));
}

#[tokio::test]
async fn over_tls() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let url = emulator.sora().tls_rpc_url().unwrap();
    let trusting = ClientOptions::new().root_certificate_pem(emulator.ca_pem().unwrap());
    let client = Client::connect_websocket(&url, trusting.clone()).await.unwrap();
    client.reset_spotlight_rid(ResetSpotlightRid::new()).await.unwrap();
    // Nobody vouches for it otherwise; what cannot be used is told before anything is sent.
    for (options, kind) in [
        (ClientOptions::new(), ErrorKind::Connection),
        (ClientOptions::new().root_certificate_pem("none"), ErrorKind::Other),
        (trusting.clone().header("a b", "c"), ErrorKind::Other),
        (trusting.proxy("not a URL"), ErrorKind::Other),
    ] {
        let error = Client::connect_websocket(&url, options).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (kind, false), "{error:?}");
    }
}

/// Calls until the server has said goodbye.
async fn disconnected(client: &Client) {
    let error = loop {
        match client.call("2025.2.0/ResetSpotlightRid", None).no_timeout().await {
            Ok(_) => {}
            // The server may have read the call after it forgot the member, and before it said goodbye.
            Err(error) if error.code().is_some_and(|code| code == "-32601") => {}
            Err(error) => break error,
        }
    };
    assert_eq!((error.to_string().as_str(), error.kind()), ("Disconnected", ErrorKind::Closed));
    assert_eq!(client.pending(), 0);
}

/// The status of a management call.
async fn manage(emulator: &Emulator, method: &str, path: &str) -> u16 {
    let address = emulator.url().trim_start_matches("http://").to_owned();
    let head = format!(
        "{method} /_emulator/sora-rpc/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    );
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    answer.await.unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_handshake_that_fails() {
    let emulator = Emulator::start().await.unwrap();
    let url = emulator.sora().rpc_url();
    for (url, kind, refused) in [
        // By its status, if the server answers.
        (format!("{url}?channel_id="), ErrorKind::InvalidInput, true),
        (url.replace("/sora/rpc", "/health"), ErrorKind::Protocol, true),
        ("ws://127.0.0.1:1/rpc".to_owned(), ErrorKind::Connection, false),
        ("ws:// /".to_owned(), ErrorKind::Other, false),
        (emulator.url().to_owned(), ErrorKind::Other, false),
    ] {
        let error = Client::connect_websocket(&url, ClientOptions::new()).await.unwrap_err();
        let by_server = matches!(error.reason(), Reason::Service(SoraError::NotConnected { .. }));
        assert_eq!(
            (by_server, matches!(error.reason(), Reason::Transport(_))),
            (refused, !refused),
            "{error:?}"
        );
        assert_eq!((error.kind(), error.was_sent()), (kind, refused), "{url} {error:?}");
    }
}
