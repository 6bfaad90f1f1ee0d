//! Session and event webhooks are really posted, once and in order.

use std::time::{Duration, SystemTime};

use rtc_emulator::{Emulator, EmulatorClock};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::peer::{Peer, connect};
use crate::{done, receiver};

async fn next(inbox: &mut mpsc::UnboundedReceiver<(String, Value)>, kind: &str) -> (String, Value) {
    let (head, body) = inbox.recv().await.unwrap();
    assert_eq!(body["type"], kind, "{body}");
    (head, body)
}

#[tokio::test]
async fn the_life_of_a_session_is_told() {
    let clock = EmulatorClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let emulator = Emulator::builder().clock(clock.clone()).start().await.unwrap();
    let (events, mut event) = receiver(200, json!({})).await;
    let (sessions, mut session) = receiver(500, json!({})).await;
    let reply = json!({ "allowed": true, "event_metadata": "e" });
    let config = json!({
        "event_webhook_url": events, "session_webhook_url": sessions, "auth_reply": reply, "ping_interval_ms": 0,
    });
    emulator.sora().configure(&config).unwrap();
    let peer = Peer::up(&emulator, connect()).await;
    let (head, body) = next(&mut session, "session.created").await;
    assert!(head.contains("sora-session-webhook-type: session.created"), "{head}");
    let id = peer.offer["session_id"].clone();
    assert_eq!((&body["session_id"], &body["created_time"]), (&id, &json!(1_700_000_000)));
    let (head, body) = next(&mut event, "connection.created").await;
    assert!(head.contains(&format!("sora-connection-id: {}", peer.id())), "{head}");
    assert_eq!((&body["event_metadata"], &body["data"]["channel_connections"]), (&json!("e"), &json!(1)));

    let start = json!({ "channel_id": "sora", "expire_time": 60, "metadata": { "m": 1 } });
    let recording = done(&emulator, "Sora_20231220.StartRecording", start).await["recording_id"].clone();
    for inbox in [&mut session, &mut event] {
        let (_, body) = next(inbox, "recording.started").await;
        assert_eq!(
            (&body["data"]["recording_id"], &body["data"]["metadata"]),
            (&recording, &json!({ "m": 1 }))
        );
    }
    // Its end, and the minute of the connection: which of them is first is the runtime's affair.
    clock.advance(Duration::from_secs(60));
    next(&mut session, "recording.report").await;
    let mut kinds =
        [event.recv().await.unwrap().1, event.recv().await.unwrap().1].map(|body| body["type"].clone());
    kinds.sort_by_key(Value::to_string);
    assert_eq!(kinds, ["connection.updated", "recording.report"]);

    let end = json!({ "channel_id": "sora", "connection_id": peer.id(), "reason": { "why": "spam" } });
    done(&emulator, "Sora_20151104.DisconnectConnection", end).await;
    let (_, body) = next(&mut event, "connection.destroyed").await;
    assert_eq!((&body["data"]["reason"], &body["data"]["minutes"]), (&json!("DISCONNECTED-API"), &json!(1)));
    assert_eq!(body["data"]["disconnect_api_reason"], json!({ "why": "spam" }));
    let (_, body) = next(&mut session, "session.destroyed").await;
    assert_eq!((&body["session_id"], &body["destroyed_time"]), (&id, &json!(1_700_000_060)));
    assert_eq!((&body["max_connections"], &body["total_connections"]), (&json!(1), &json!(1)));
    assert_eq!(body["connections"][0]["connection_id"], peer.id());

    // Once each, refused or not.
    let deliveries = emulator.state()["sora-rpc"]["deliveries"].clone();
    let of = |status: &str| deliveries.as_array().unwrap().iter().filter(|d| d["status"] == status).count();
    assert_eq!((of("delivered"), of("failed") >= 3), (5, true), "{deliveries}");
    assert_eq!(emulator.state()["sora-rpc"]["sessions"], json!([]));
}

#[tokio::test]
async fn one_that_never_came_up_is_not_told() {
    let emulator = Emulator::start().await.unwrap();
    let (url, mut inbox) = receiver(200, json!({})).await;
    let config = json!({ "event_webhook_url": url, "session_webhook_url": url });
    emulator.sora().configure(&config).unwrap();
    let mut gone = Peer::offered(&emulator, connect()).await;
    gone.close_ws().await;
    let peer = Peer::up(&emulator, connect()).await;
    let (_, body) = next(&mut inbox, "session.created").await;
    assert_eq!(body["session_id"], peer.offer["session_id"]);
    let (_, body) = next(&mut inbox, "connection.created").await;
    assert_eq!(body["connection_id"], peer.id());
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_nobody() {
    let emulator = Emulator::start().await.unwrap();
    // Connections come about, and nobody takes them.
    let hanging = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/hook", hanging.local_addr().unwrap());
    let config = json!({ "event_webhook_url": url, "session_webhook_url": url });
    emulator.sora().configure(&config).unwrap();
    let _peer = Peer::up(&emulator, connect()).await;
    let channel = json!({ "channel_id": "sora" });
    // Each tells both webhooks.
    for _ in 0..150 {
        done(&emulator, "Sora_20231220.StartRecording", channel.clone()).await;
        done(&emulator, "Sora_20231220.StopRecording", channel.clone()).await;
    }
    // 602 came, 500 wait; the first may have been given up by now. Those without a place are one entry.
    let deliveries = emulator.state()["sora-rpc"]["deliveries"].clone();
    let dropped: Vec<&Value> =
        deliveries.as_array().unwrap().iter().filter(|delivery| delivery["status"] == "dropped").collect();
    let detail = dropped.last().unwrap()["detail"].as_str().unwrap();
    let count: u32 = detail
        .strip_prefix("500 reports wait already; ")
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!((80..=102).contains(&count) && deliveries.as_array().unwrap().len() < 20, "{detail}");
    assert_eq!(dropped.last().unwrap()["type"], "recording.report");
}
