//! From the first message to the open data channels.

use std::net::Ipv6Addr;
use std::time::{Duration, SystemTime};

use rtc_emulator::{Emulator, EmulatorClock};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::peer::{Peer, Seen, connect, with};

#[tokio::test]
async fn all_data_channels_open_and_signaling_switches_to_them() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, connect()).await;
    let labels: Vec<&str> = peer.labels.keys().map(String::as_str).collect();
    assert!(peer.compress.values().all(|compress| *compress));
    assert_eq!(labels, ["notify", "push", "rpc", "signaling", "stats"]);
    let created = peer.message("notify").await;
    assert_eq!((&created["type"], &created["event_type"]), (&json!("notify"), &json!("connection.created")));
    assert_eq!(created["connection_id"], peer.offer["connection_id"]);
    assert_eq!(peer.offer["config"], json!({ "iceServers": [], "iceTransportPolicy": "all" }));
}

#[tokio::test]
async fn the_sdp_tells_every_candidate_on_loopback() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::offered(&emulator, connect()).await;
    let sdp = peer.offer["sdp"].as_str().unwrap();
    assert!(sdp.contains("a=setup:actpass\r\n"), "{sdp}");
    let media: Vec<&str> = sdp.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(media.len(), 1, "{sdp}");
    assert!(media[0].starts_with("m=application "), "{sdp}");
    let candidates: Vec<&str> = sdp.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    assert_eq!(candidates.len(), 1, "{sdp}");
    assert!(candidates[0].contains(" 127.0.0.1 ") && candidates[0].contains(" typ host"), "{sdp}");
}

#[tokio::test]
async fn it_listens_on_ipv6_as_well() {
    // Where there is none, there is nothing to listen on.
    let Ok(emulator) = Emulator::builder().bind(Ipv6Addr::LOCALHOST.into()).start().await else { return };
    let peer = Peer::up(&emulator, connect()).await;
    assert!(peer.offer["sdp"].as_str().unwrap().contains(" ::1 "), "{}", peer.offer["sdp"]);
}

#[tokio::test]
async fn without_data_channel_signaling_everything_stays_on_the_websocket() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::up(&emulator, with(connect(), "data_channel_signaling", json!(false))).await;
    emulator.sora().command(&peer.id(), "push", &json!({ "data": 1 })).unwrap();
    assert_eq!(peer.ws("push").await, json!({ "type": "push", "data": 1 }));
    peer.send_ws(json!({ "type": "disconnect", "reason": "NO-ERROR" })).await;
    assert_eq!(peer.ws_closed().await, (1000, "TYPE-DISCONNECT".into()));
    assert!(!peer.has(|seen| matches!(seen, Seen::Ws(message) if message["type"] == "switched")));
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed_after_five_seconds() {
    let emulator = still().await;
    let mut peer = Peer::open(&emulator).await;
    emulator.clock().wait_for_sleepers(1).await;
    emulator.clock().advance(Duration::from_millis(4_999));
    assert_eq!(emulator.clock().sleepers(), 1);
    emulator.clock().advance(Duration::from_millis(1));
    assert_eq!(peer.ws_closed().await, (4490, "CONNECT-TIMEOUT".into()));
}

#[tokio::test]
async fn a_client_that_never_answers_is_closed_after_thirty_seconds() {
    let emulator = still().await;
    let mut peer = Peer::offered(&emulator, connect()).await;
    for _ in 0..6 {
        emulator.clock().wait_for_sleepers(1).await;
        emulator.clock().advance(Duration::from_secs(5));
    }
    assert_eq!(peer.ws_closed().await, (4490, "CONNECTION-CREATED-WAIT-TIMEOUT".into()));
}

#[tokio::test]
async fn what_is_no_message_ends_signaling() {
    let emulator = Emulator::start().await.unwrap();
    let mistakes = [
        ("{", "INVALID-JSON"),
        ("[]", "INVALID-MESSAGE"),
        (r#"{"type":"answer","sdp":""}"#, "INVALID-MESSAGE"),
        ("{}", "INVALID-MESSAGE"),
    ];
    for (text, reason) in mistakes {
        let mut peer = Peer::open(&emulator).await;
        peer.send_raw(Message::text(text)).await;
        assert_eq!(peer.ws_closed().await, (4490, reason.into()), "{text}");
    }
    let later = [
        ("{\"type\":", "INVALID-JSON"),
        (r#"{"type":"answer"}"#, "INVALID-SDP"),
        (r#"{"type":"answer","sdp":"v=0"}"#, "INVALID-SDP"),
        (r#"{"type":"connect","role":"recvonly","channel_id":"sora"}"#, "INVALID-MESSAGE"),
    ];
    for (text, reason) in later {
        let mut peer = Peer::offered(&emulator, connect()).await;
        peer.send_raw(Message::text(text)).await;
        assert_eq!(peer.ws_closed().await, (4490, reason.into()), "{text}");
    }
}

#[tokio::test]
async fn a_connect_may_come_in_a_binary_frame_and_candidates_that_are_of_no_use_are_passed_over() {
    let emulator = Emulator::start().await.unwrap();
    let mut peer = Peer::open(&emulator).await;
    peer.send_raw(Message::binary(connect().to_string())).await;
    peer.offer = peer.ws("offer").await;
    for candidate in [
        "candidate:1 1 udp 2113937151 0a0b0c0d-0000-4000-8000-000000000000.local 40292 typ host",
        "candidate:2 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active",
        "nonsense",
        "",
    ] {
        peer.send_ws(json!({ "type": "candidate", "candidate": candidate, "sdpMid": "0" })).await;
    }
    peer.answer("answer").await;
    peer.ws("switched").await;
}

#[tokio::test]
async fn a_connection_that_is_not_up_is_nobodys_yet() {
    let emulator = Emulator::start().await.unwrap();
    let mut watcher = Peer::up(&emulator, connect()).await;
    watcher.notified("connection.created").await;
    let mut peer = Peer::offered(&emulator, connect()).await;
    peer.answer("answer").await;
    peer.ws("switched").await;
    let created = watcher.notified("connection.created").await;
    assert_eq!((&created["connection_id"], &created["channel_connections"]), (&json!(peer.id()), &json!(2)));
}

#[tokio::test]
async fn a_refusal_closes_the_websocket_with_its_reason() {
    let emulator = Emulator::start().await.unwrap();
    emulator.sora().configure(&json!({ "auth_reply": { "allowed": false, "reason": "NOT-TODAY" } })).unwrap();
    let mut peer = Peer::open(&emulator).await;
    peer.send_ws(connect()).await;
    assert_eq!(peer.ws_closed().await, (4490, "NOT-TODAY".into()));
}

#[tokio::test]
async fn without_methods_there_is_no_channel_for_them() {
    let emulator = Emulator::start().await.unwrap();
    emulator.sora().configure(&json!({ "auth_reply": { "allowed": true } })).unwrap();
    let peer = Peer::up(&emulator, connect()).await;
    let labels: Vec<&str> = peer.labels.keys().map(String::as_str).collect();
    assert_eq!(labels, ["notify", "push", "signaling", "stats"]);
}

#[tokio::test]
async fn no_answer_brings_the_server_down() {
    let emulator = Emulator::start().await.unwrap();
    let lines = {
        let mut peer = Peer::offered(&emulator, connect()).await;
        let offer = peer.offer["sdp"].as_str().unwrap().to_owned();
        peer.accept(&offer).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let without =
        |at: usize| lines.iter().enumerate().filter(move |(n, _)| *n != at).map(|(_, line)| line.as_str());
    let cut = |at: usize| lines.iter().take(at).map(String::as_str);
    let mut answers: Vec<Vec<&str>> = (0..lines.len()).map(|at| without(at).collect()).collect();
    answers.extend((0..lines.len()).map(|at| cut(at).collect()));
    answers.extend(
        (0..lines.len()).map(|at| cut(at).chain(["a=setup:holdconn", "m=video 9 X 1", "a=mid:"]).collect()),
    );
    answers.push(lines.iter().chain(&lines).map(String::as_str).collect());
    for answer in answers {
        let sdp = answer.join("\r\n") + "\r\n";
        let mut peer = Peer::offered(&emulator, connect()).await;
        peer.send_ws(json!({ "type": "answer", "sdp": sdp })).await;
        // The socket may be closed already.
        peer.try_send_ws(json!({ "type": "disconnect" })).await;
        let (_, reason) = peer.ws_closed().await;
        assert!(["INVALID-SDP", "TYPE-DISCONNECT"].contains(&reason.as_str()), "{reason}: {sdp}");
    }
}

async fn still() -> Emulator {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Emulator::builder().clock(EmulatorClock::manual(start)).start().await.unwrap()
}
