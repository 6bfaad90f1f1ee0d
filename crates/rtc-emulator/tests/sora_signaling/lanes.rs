//! What passes over data channels.

use rtc_emulator::Emulator;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::peer::{Peer, Seen, connect, with};

const PUT: &str = "2025.2.0/PutSignalingNotifyMetadata";
const RESET: &str = "2025.2.0/ResetSpotlightRid";

fn put(id: u64, metadata: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": PUT, "params": { "metadata": metadata } })
}

fn reset(id: u64) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": RESET })
}

#[tokio::test]
async fn large_messages_pass_both_ways() {
    for compress in [true, false] {
        let emulator = Emulator::start().await.unwrap();
        emulator.sora().configure(&json!({ "compress": compress })).unwrap();
        let mut peer = Peer::up(&emulator, connect()).await;
        assert_eq!(peer.compress["rpc"], compress);
        for id in 1..=10 {
            let metadata: Vec<u64> = (0..10_000).map(|n| n * id).collect();
            let answer = peer.rpc(&put(id, json!(metadata))).await;
            assert_eq!((&answer["id"], &answer["result"]), (&json!(id), &json!(metadata)));
        }
    }
}

#[tokio::test]
async fn uncompressed_answers_come_in_the_kind_of_frame_that_the_client_uses() {
    let emulator = Emulator::start().await.unwrap();
    emulator.sora().configure(&json!({ "compress": false })).unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    for binary in [false, true, false] {
        peer.send_frame("rpc", binary, reset(1).to_string().as_bytes());
        assert_eq!(peer.frame("rpc").await.0, binary);
    }
}

#[tokio::test]
async fn compressed_frames_are_zlib_streams_and_binary() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    peer.send("rpc", &reset(1));
    let (binary, bytes) = peer.frame("rpc").await;
    assert!(binary);
    assert_eq!(bytes[..2], [0x78, 0x9c]);
}

#[tokio::test]
async fn what_is_no_zlib_stream_is_no_json_either() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, with(connect(), "ignore_disconnect_websocket", json!(false))).await;
    peer.send_frame("rpc", true, reset(1).to_string().as_bytes());
    let answer = peer.message("rpc").await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32700)));
    assert_eq!(peer.rpc(&reset(2)).await["id"], 2);
    peer.send_frame("signaling", true, b"{\"type\":\"disconnect\"}");
    assert_eq!(peer.message("signaling").await["reason"], "INVALID-JSON");
    assert_eq!(peer.ws_closed().await, (4490, "INVALID-JSON".into()));
}

#[tokio::test]
async fn a_thousand_calls_are_answered_in_order() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    for id in 1..=1_000 {
        peer.send("rpc", &reset(id));
    }
    for id in 1..=1_000 {
        assert_eq!(peer.message("rpc").await["id"], id);
    }
}

#[tokio::test]
async fn pushes_and_notifications_have_lanes_of_their_own() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    let sora = emulator.sora();
    sora.command(&peer.id(), "push", &json!({ "data": { "a": [1] } })).unwrap();
    assert_eq!(peer.message("push").await, json!({ "type": "push", "data": { "a": [1] } }));
    sora.command(&peer.id(), "notify", &json!({ "event_type": "network.status", "unstable_level": 2 }))
        .unwrap();
    assert_eq!(peer.notified("network.status").await["unstable_level"], 2);
    assert!(!peer.has(|seen| matches!(seen, Seen::Ws(_))));
}

#[tokio::test]
async fn what_is_too_large_for_a_client_is_lost_alone() {
    let emulator = Emulator::start().await.unwrap();
    emulator.sora().configure(&json!({ "compress": false })).unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    for data in ["x".repeat(300_000), "y".repeat(200_000), "z".into()] {
        emulator.sora().command(&peer.id(), "push", &json!({ "data": data })).unwrap();
    }
    assert_eq!(peer.message("push").await["data"].as_str().unwrap().len(), 200_000);
    assert_eq!(peer.message("push").await["data"], "z");
}

#[tokio::test]
async fn statistics_are_asked_for_on_either_way() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    let sora = emulator.sora();
    sora.command(&peer.id(), "req-stats", &json!({})).unwrap();
    assert_eq!(peer.message("stats").await, json!({ "type": "req-stats" }));
    peer.send("stats", &json!({ "type": "stats", "reports": [{ "id": "a" }] }));
    // The lanes are ordered by themselves only: the same one tells that the first was taken in.
    peer.send("stats", &json!({ "type": "stats", "reports": [{ "id": "b" }] }));
    peer.reported(&emulator, &json!([{ "id": "b" }])).await;
    sora.command(&peer.id(), "ping", &json!({ "stats": true })).unwrap();
    assert_eq!(peer.ws("ping").await, json!({ "type": "ping", "stats": true }));
    peer.send_raw(Message::text(json!({ "type": "pong", "stats": [{ "id": "c" }] }).to_string())).await;
    peer.reported(&emulator, &json!([{ "id": "c" }])).await;
}

#[tokio::test]
async fn clients_reach_each_other_on_labels_of_their_own() {
    let emulator = Emulator::start().await.unwrap();
    let labels = json!([
        { "label": "#chat", "direction": "sendrecv", "compress": true },
        { "label": "#fast", "direction": "sendrecv", "ordered": false, "max_retransmits": 0 },
    ]);
    let mut one = Peer::up(&emulator, with(connect(), "data_channels", labels.clone())).await;
    let mut two = Peer::up(&emulator, with(connect(), "data_channels", labels)).await;
    one.notified("connection.created").await;
    one.notified("connection.created").await;
    one.send("#chat", &json!({ "text": "hello" }));
    for binary in [true, false] {
        one.send_frame("#fast", binary, b"quick");
    }
    let heard = async {
        assert_eq!(two.message("#chat").await, json!({ "text": "hello" }));
        for binary in [true, false] {
            assert_eq!(two.frame("#fast").await, (binary, b"quick".to_vec()));
        }
    };
    tokio::select! {
        () = heard => {}
        () = one.idle() => {}
    }
    assert!(!one.has(|seen| matches!(seen, Seen::Frame(label, ..) if label.starts_with('#'))));
}

#[tokio::test]
async fn a_new_offer_may_change_the_compression() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    // A client may also refuse the medium that the offer is about.
    for (compress, refuses) in [(false, true), (true, true), (false, false), (true, false)] {
        let channels = json!([{ "label": "rpc", "direction": "sendrecv", "compress": compress }]);
        emulator.sora().command(&peer.id(), "re-offer", &json!({ "data_channels": channels })).unwrap();
        let offer = peer.message("signaling").await;
        assert_eq!((&offer["type"], &offer["data_channels"]), (&json!("re-offer"), &channels));
        let mut sdp = peer.accept(offer["sdp"].as_str().unwrap());
        if refuses {
            sdp = sdp.replace("m=audio 9 ", "m=audio 0 ");
            assert!(sdp.contains("m=audio 0 "), "{sdp}");
        }
        peer.send("signaling", &json!({ "type": "re-answer", "sdp": sdp }));
        peer.compress.insert("rpc".into(), compress);
        // Between the lanes there is no order: the answer may be later than the call.
        loop {
            let answer = peer.rpc(&reset(1)).await;
            if answer["id"] == 1 {
                break;
            }
            assert_eq!(answer["error"]["code"], -32700);
        }
    }
}

#[tokio::test]
async fn a_new_offer_comes_over_the_websocket_before_the_switch() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, with(connect(), "data_channel_signaling", json!(false))).await;
    for _ in 0..3 {
        emulator.sora().command(&peer.id(), "re-offer", &json!({})).unwrap();
        let offer = peer.ws("re-offer").await;
        let sdp = peer.accept(offer["sdp"].as_str().unwrap());
        peer.send_ws(json!({ "type": "re-answer", "sdp": sdp })).await;
    }
    peer.send_ws(json!({ "type": "re-answer", "sdp": "v=0" })).await;
    assert_eq!(peer.ws_closed().await, (4490, "INVALID-SDP".into()));
}
