//! How connections end, and what the management API does to them.

use std::time::Duration;

use futures_util::SinkExt as _;
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::peer::{PAYLOAD, call, join, still};

#[tokio::test]
async fn the_newer_connection_replaces_the_older_one() {
    let emulator = still().await;
    let arn = emulator.kvs().channel_arn();
    for id in [None, Some("viewer-1")] {
        let mut older = join(&emulator, arn, id).await;
        let mut newer = join(&emulator, arn, id).await;
        assert_eq!(older.closed().await, Some(1001));
        newer.settle().await;
        let connections = emulator.kvs().connections();
        assert_eq!(connections.iter().filter(|known| known.client_id.as_deref() == id).count(), 1);
    }
}

#[tokio::test]
async fn go_away_leaves_a_minute() {
    let emulator = still().await;
    let kvs = emulator.kvs();
    let arn = kvs.channel_arn();
    assert!(!kvs.go_away(arn, None), "nobody is there");
    let mut master = join(&emulator, arn, None).await;
    let mut viewer = join(&emulator, arn, Some("v")).await;
    assert!(kvs.go_away(arn, Some("v")) && kvs.reconnect_ice_server(arn, None));
    assert_eq!(viewer.hear().await, json!({ "messageType": "GO_AWAY" }));
    assert_eq!(viewer.hear().await, json!({ "messageType": "RECONNECT_ICE_SERVER" }));
    assert_eq!(master.hear().await, json!({ "messageType": "RECONNECT_ICE_SERVER" }));
    emulator.clock().advance(Duration::from_secs(59));
    viewer.say("SDP_OFFER", PAYLOAD, None).await;
    assert_eq!(master.payload().await, PAYLOAD, "it still works");
    emulator.clock().advance(Duration::from_secs(1));
    assert_eq!(viewer.closed().await, Some(1001));
    master.settle().await;
}

#[tokio::test]
async fn an_idle_connection_ends_after_ten_minutes_and_any_after_an_hour() {
    let emulator = still().await;
    let arn = emulator.kvs().channel_arn();
    let mut idle = join(&emulator, arn, Some("idle")).await;
    let mut busy = join(&emulator, arn, Some("busy")).await;
    idle.settle().await;
    for minutes in [9, 9, 9, 9, 9, 9, 5] {
        busy.0.send(Message::Ping("still here".into())).await.unwrap();
        // Pings are answered, and count.
        assert!(matches!(busy.next().await, Some(Ok(Message::Pong(_)))));
        busy.settle().await;
        emulator.clock().advance(Duration::from_secs(60 * minutes));
    }
    assert_eq!(idle.closed().await, Some(1001));
    busy.settle().await;
    emulator.clock().advance(Duration::from_secs(60));
    assert_eq!(busy.closed().await, Some(1001));
}

#[tokio::test]
async fn what_is_meddled_with() {
    let emulator = still().await;
    let kvs = emulator.kvs();
    let arn = kvs.channel_arn();
    let mut viewer = join(&emulator, arn, Some("v")).await;
    assert!(kvs.send_text(arn, Some("v"), r#"{"messageType":"NEW"}"#));
    assert_eq!(viewer.hear().await["messageType"], "NEW");
    assert!(kvs.drop_connections(arn, Some("v")) && !kvs.drop_connections(arn, Some("v")));
    assert_eq!(viewer.closed().await, None, "without a close frame");
    let mut viewer = join(&emulator, arn, Some("v")).await;
    viewer.0.send(Message::binary("x")).await.unwrap();
    assert_eq!(viewer.closed().await, Some(1003));
    let mut viewer = join(&emulator, arn, Some("v")).await;
    viewer.0.send(Message::text("x".repeat(200_000))).await.unwrap();
    assert_eq!(viewer.closed().await, Some(1009));
    emulator.clock().advance(Duration::from_secs(1));
    let mut viewer = join(&emulator, arn, Some("v")).await;
    emulator.reset();
    assert_eq!(viewer.closed().await, Some(1001));
}

#[tokio::test]
async fn the_management_api_over_http() {
    let emulator = still().await;
    let arn = emulator.kvs().channel_arn();
    let mut master = join(&emulator, arn, None).await;
    let manage = |path: &'static str, body: Value| {
        let emulator = &emulator;
        async move { post(emulator, &format!("/_emulator/kvs-signaling/{path}"), body).await }
    };
    let (status, told) = manage("close", json!({ "role": "MASTER", "code": 4000, "reason": "test" })).await;
    assert_eq!((status, told["connections"].as_array().unwrap().len()), (200, 1));
    assert_eq!(master.closed().await, Some(4000));
    assert_eq!(manage("close", Value::Null).await.0, 404);
    assert_eq!(manage("close", json!({ "unknown": 1 })).await.0, 400);
    assert_eq!(manage("quirks", json!({ "delay_ms": "long" })).await.0, 400);
    let (_, told) = manage("channels", json!({ "channel_name": "hall", "message_ttl_seconds": 5 })).await;
    assert!(told["channel_arn"].as_str().unwrap().contains(":channel/hall/"));
    assert_eq!(manage("channels", json!({})).await.0, 400);
}

async fn post(emulator: &Emulator, path: &str, body: Value) -> (u16, Value) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let body = body.to_string();
    let mut stream =
        tokio::net::TcpStream::connect(emulator.url().strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn what_is_shown_can_be_seeded() {
    let clock = rtc_emulator::EmulatorClock::manual(std::time::SystemTime::now());
    let make = || Emulator::builder().seed(7).clock(clock.clone()).start();
    let (emulator, again) = (make().await.unwrap(), make().await.unwrap());
    for emulator in [&emulator, &again] {
        call(emulator, "/createSignalingChannel", json!({ "ChannelName": "hall" })).await.ok();
        call(emulator, "/listSignalingChannels", json!({})).await.ok();
    }
    assert_eq!(emulator.state(), again.state(), "same seed and calls, same ids");
    let arn = emulator.kvs().channel_arn();
    let storage =
        json!({ "channels": [{ "channel_arn": arn, "ingestion": true }], "quirks": { "delay_ms": 1 } });
    emulator.seed(json!({ "kvs-signaling": storage })).unwrap();
    let _viewer = join(&emulator, arn, Some("v")).await;
    let shown = emulator.state()["kvs-signaling"].clone();
    let fresh = Emulator::start().await.unwrap();
    fresh.seed(json!({ "kvs-signaling": shown.clone() })).unwrap();
    for member in ["channels", "streams", "quirks"] {
        assert_eq!(fresh.state()["kvs-signaling"][member], shown[member]);
    }
    assert!(fresh.seed(json!({ "kvs-signaling": { "channel": [] } })).is_err());
}
