//! How connections end, and that nothing of them is left.

use std::time::{Duration, SystemTime};

use rtc_emulator::{Emulator, EmulatorClock};
use serde_json::json;

use crate::peer::{Peer, Seen, connect, with};

const LABELS: [&str; 5] = ["notify", "push", "rpc", "signaling", "stats"];

async fn lanes_closed(peer: &mut Peer) {
    for label in LABELS {
        peer.find(|seen| *seen == Seen::Closed(label.to_owned())).await;
    }
}

fn disconnect() -> serde_json::Value {
    json!({ "type": "disconnect", "reason": "NO-ERROR" })
}

fn nobody(emulator: &Emulator) -> bool {
    emulator.state()["sora-rpc"]["channels"] == json!({})
}

#[tokio::test]
async fn a_disconnect_closes_each_data_channel_and_leaves_the_rest_to_the_client() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    peer.close_ws().await;
    peer.send("signaling", &disconnect());
    lanes_closed(&mut peer).await;
    assert!(!peer.has(|seen| *seen == Seen::Gone));
    assert!(nobody(&emulator));
}

#[tokio::test]
async fn a_disconnect_closes_the_websocket_as_well() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, with(connect(), "ignore_disconnect_websocket", json!(false))).await;
    peer.send("signaling", &disconnect());
    assert_eq!(peer.ws_closed().await, (1000, "TYPE-DISCONNECT".into()));
    lanes_closed(&mut peer).await;
}

#[tokio::test]
async fn a_disconnect_before_the_answer_closes_the_websocket() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::offered(&emulator, connect()).await;
    peer.send_ws(disconnect()).await;
    assert_eq!(peer.ws_closed().await, (1000, "TYPE-DISCONNECT".into()));
    assert!(nobody(&emulator));
}

#[tokio::test]
async fn the_server_says_close_before_it_closes_the_data_channels() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, with(connect(), "ignore_disconnect_websocket", json!(false))).await;
    emulator
        .sora()
        .command(&peer.id(), "close", &json!({ "code": 1000, "reason": "LIFETIME-EXPIRED" }))
        .unwrap();
    assert!(nobody(&emulator));
    let close = peer.message("signaling").await;
    assert_eq!(close, json!({ "type": "close", "code": 1000, "reason": "LIFETIME-EXPIRED" }));
    lanes_closed(&mut peer).await;
    assert_eq!(peer.ws_closed().await, (1000, "LIFETIME-EXPIRED".into()));
}

#[tokio::test]
async fn before_the_switch_the_server_closes_the_websocket_alone() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::offered(&emulator, connect()).await;
    let reason = "é".repeat(100);
    emulator.sora().command(&peer.id(), "close", &json!({ "code": 4490, "reason": reason })).unwrap();
    // As much as a close frame holds, and no half character.
    assert_eq!(peer.ws_closed().await, (4490, "é".repeat(61)));
}

#[tokio::test]
async fn a_redirect_ends_the_connection_here() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, with(connect(), "ignore_disconnect_websocket", json!(false))).await;
    emulator
        .sora()
        .command(&peer.id(), "redirect", &json!({ "location": "ws://127.0.0.1:1/signaling" }))
        .unwrap();
    assert_eq!(peer.ws("redirect").await["location"], "ws://127.0.0.1:1/signaling");
    assert!(nobody(&emulator));
    assert_eq!(peer.ws_closed().await, (1000, String::new()));
    peer.find(|seen| *seen == Seen::Gone).await;
}

#[tokio::test]
async fn a_connect_can_be_sent_elsewhere_once() {
    let emulator = Emulator::start().await.unwrap();
    let location = emulator.sora().signaling_url();
    emulator.sora().configure(&json!({ "redirect": location })).unwrap();
    let mut peer = Peer::open(&emulator).await;
    peer.send_ws(connect()).await;
    assert_eq!(peer.ws("redirect").await, json!({ "type": "redirect", "location": location }));
    assert_eq!(peer.ws_closed().await, (1000, String::new()));
    Peer::up(&emulator, with(connect(), "redirect", json!(true))).await;
}

#[tokio::test]
async fn a_connection_can_be_cut_without_a_word() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    emulator.sora().command(&peer.id(), "drop", &json!({})).unwrap();
    peer.find(|seen| *seen == Seen::WsLost).await;
    assert!(!peer.has(|seen| matches!(seen, Seen::Closed(_) | Seen::Gone)));
    assert!(nobody(&emulator));
}

#[tokio::test]
async fn losing_the_websocket_ends_what_has_not_switched() {
    let emulator = Emulator::start().await.unwrap();
    let mut watcher = Peer::up(&emulator, connect()).await;
    for signals in [true, false] {
        let connect = with(connect(), "data_channel_signaling", json!(signals));
        let mut peer =
            Peer::up(&emulator, with(connect, "ignore_disconnect_websocket", json!(!signals))).await;
        peer.cut_ws();
        peer.find(|seen| *seen == Seen::Gone).await;
        watcher.outlives(&peer.id()).await;
    }
}

#[tokio::test]
async fn losing_the_websocket_means_nothing_after_the_switch_if_so_agreed() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    peer.cut_ws();
    for id in 1..=20 {
        let answer =
            peer.rpc(&json!({ "jsonrpc": "2.0", "id": id, "method": "2025.2.0/ResetSpotlightRid" })).await;
        assert_eq!((&answer["id"], &answer["result"]["recv_connection_id"]), (&json!(id), &json!(peer.id())));
    }
}

#[tokio::test]
async fn the_end_of_dtls_or_of_the_signaling_channel_is_the_end() {
    let emulator = Emulator::start().await.unwrap();
    let mut watcher = Peer::up(&emulator, connect()).await;
    let mut peer = Peer::up(&emulator, connect()).await;
    peer.close_rtc();
    let id = peer.id();
    tokio::select! {
        () = watcher.outlives(&id) => {}
        () = peer.idle() => {}
    }
    let mut peer = Peer::up(&emulator, connect()).await;
    peer.close_channel("signaling");
    peer.find(|seen| *seen == Seen::Gone).await;
    watcher.outlives(&peer.id()).await;
}

#[tokio::test]
async fn another_data_channel_may_go_by_itself() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    peer.close_channel("stats");
    peer.find(|seen| *seen == Seen::Closed("stats".into())).await;
    let answer =
        peer.rpc(&json!({ "jsonrpc": "2.0", "id": 1, "method": "2025.2.0/ResetSpotlightRid" })).await;
    assert_eq!(answer["id"], 1);
}

#[tokio::test]
async fn clients_that_vanish_are_found_out() {
    let emulator = Emulator::start().await.unwrap();
    let mut watcher = Peer::up(&emulator, connect()).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        let mut peer = Peer::up(&emulator, connect()).await;
        peer.close_ws().await;
        ids.push(peer.id());
    }
    for _ in &ids {
        let destroyed = watcher.notified("connection.destroyed").await;
        let id = destroyed["connection_id"].as_str().unwrap();
        assert!(ids.iter().any(|known| known == id));
    }
}

#[tokio::test]
async fn pings_must_be_answered() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let emulator = Emulator::builder().clock(EmulatorClock::manual(start)).start().await.unwrap();
    emulator.sora().configure(&json!({ "updated_interval_ms": 0 })).unwrap();
    let mut peer = Peer::up(&emulator, with(connect(), "ignore_disconnect_websocket", json!(false))).await;
    for n in 0..20 {
        emulator.clock().wait_for_sleepers(1).await;
        emulator.clock().advance(Duration::from_secs(5));
        assert_eq!(peer.ws("ping").await, json!({ "type": "ping" }));
        peer.send_ws(json!({ "type": "pong", "stats": [n] })).await;
        peer.reported(&emulator, &json!([n])).await;
    }
    // A minute after the first one.
    for _ in 0..12 {
        emulator.clock().wait_for_sleepers(1).await;
        emulator.clock().advance(Duration::from_secs(5));
        peer.ws("ping").await;
    }
    emulator.clock().wait_for_sleepers(1).await;
    emulator.clock().advance(Duration::from_secs(5));
    assert_eq!(peer.ws_closed().await, (4490, "PONG-TIMEOUT".into()));
}

#[tokio::test]
async fn a_reset_ends_everything_and_so_does_the_emulator() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    emulator.reset();
    assert_eq!(peer.message("signaling").await["reason"], "DISCONNECTED-API");
    lanes_closed(&mut peer).await;
    let mut peer = Peer::up(&emulator, connect()).await;
    drop(emulator);
    peer.find(|seen| *seen == Seen::WsLost).await;
}
