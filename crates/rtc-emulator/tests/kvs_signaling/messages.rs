//! What passes between peers.

use std::time::Duration;

use rtc_emulator::Emulator;
use serde_json::{Value, json};

use super::peer::{PAYLOAD, Peer, call, join, still, try_join};

async fn both(emulator: &Emulator) -> (Peer, Peer) {
    let arn = emulator.kvs().channel_arn();
    (join(emulator, arn, None).await, join(emulator, arn, Some("viewer-1")).await)
}

fn outcomes(emulator: &Emulator) -> Vec<String> {
    let state = emulator.state();
    let messages = state["kvs-signaling"]["messages"].as_array().unwrap();
    messages.iter().map(|message| message["outcome"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn offers_answers_and_candidates_find_their_way() {
    let emulator = still().await;
    let (mut master, mut viewer) = both(&emulator).await;
    let mut other = join(&emulator, emulator.kvs().channel_arn(), Some("viewer-2")).await;
    // Whoever a viewer names, it talks to the master.
    viewer.say("SDP_OFFER", PAYLOAD, Some("viewer-2")).await;
    assert_eq!(
        master.hear().await,
        json!({ "messageType": "SDP_OFFER", "senderClientId": "viewer-1", "messagePayload": PAYLOAD })
    );
    // As the C library writes it.
    let answer = json!({ "action": "SDP_ANSWER", "RecipientClientId": "viewer-1", "MessagePayload": "QQ==" });
    master.send(answer).await;
    assert_eq!(viewer.hear().await, json!({ "messageType": "SDP_ANSWER", "messagePayload": "QQ==" }));
    master.say("ICE_CANDIDATE", "Qg==", Some("viewer-2")).await;
    assert_eq!(other.hear().await, json!({ "messageType": "ICE_CANDIDATE", "messagePayload": "Qg==" }));
    // Nothing else came to anybody.
    for peer in [&mut master, &mut viewer, &mut other] {
        peer.settle().await;
    }
    let shown = emulator.state().to_string();
    assert!(!shown.contains(PAYLOAD), "payloads may hold secrets: {shown}");
}

#[tokio::test]
async fn refusals_go_only_to_those_who_ask() {
    let emulator = still().await;
    let (mut master, mut viewer) = both(&emulator).await;
    for (frame, said) in [
        (json!({ "action": "SDP_OFFER", "messagePayload": PAYLOAD }), "recipientClientId"),
        (
            json!({ "action": "SDP_OFFER", "messagePayload": PAYLOAD, "RecipientClientId": "" }),
            "recipientClientId",
        ),
        (json!({ "action": "SDP_OFFER", "messagePayload": PAYLOAD, "recipientClientId": "a b" }), "no id"),
        (
            json!({ "action": "SDP_OFFER", "messagePayload": "v=0", "recipientClientId": "viewer-1" }),
            "base64",
        ),
        (json!({ "action": "SDP_OFFER", "recipientClientId": "viewer-1" }), "base64"),
    ] {
        // Without a correlation id nothing comes; else it would be heard before the answer to the next one.
        master.send(frame.clone()).await;
        let mut frame = frame;
        frame["correlationId"] = "corr-1".into();
        master.send(frame).await;
        let heard = master.hear().await;
        let told = &heard["statusResponse"];
        assert_eq!(
            (&heard["messageType"], &told["correlationId"], &told["errorType"], &told["statusCode"]),
            (&json!("STATUS_RESPONSE"), &json!("corr-1"), &json!("InvalidArgumentException"), &json!("400"))
        );
        assert!(
            told["success"] == json!(false) && told["description"].as_str().unwrap().contains(said),
            "{told}"
        );
    }
    master.settle().await;
    viewer.settle().await;
}

#[tokio::test]
async fn what_is_too_large_is_dropped_without_a_word() {
    let emulator = still().await;
    let (mut master, mut viewer) = both(&emulator).await;
    for payload in ["A".repeat(10_001), "A".repeat(10_000)] {
        let frame = json!({ "action": "SDP_OFFER", "messagePayload": payload, "correlationId": "c" });
        viewer.send(frame).await;
    }
    assert_eq!(master.payload().await.len(), 10_000);
    viewer.settle().await;
    assert_eq!(outcomes(&emulator), ["too_large", "delivered"]);
}

#[tokio::test]
async fn connections_have_a_rate() {
    let emulator = still().await;
    let (mut master, mut viewer) = both(&emulator).await;
    for (action, most) in [("SDP_OFFER", 5), ("ICE_CANDIDATE", 20)] {
        let frame = json!({ "action": action, "messagePayload": PAYLOAD, "correlationId": "c" });
        for _ in 0..=most {
            viewer.send(frame.clone()).await;
        }
        assert_eq!(viewer.hear().await["statusResponse"]["errorType"], "ClientLimitExceededException");
        for _ in 0..most {
            assert_eq!(master.hear().await["messageType"], action);
        }
    }
    emulator.clock().advance(Duration::from_secs(1));
    viewer.say("SDP_ANSWER", PAYLOAD, None).await;
    assert_eq!(master.hear().await["messageType"], "SDP_ANSWER");
}

#[tokio::test]
async fn messages_wait_for_their_receiver() {
    let emulator = still().await;
    let arn = emulator.kvs().channel_arn();
    let mut viewer = join(&emulator, arn, Some("viewer-1")).await;
    viewer.say("SDP_OFFER", "b2xk", None).await;
    viewer.say("ICE_CANDIDATE", "YzE=", None).await;
    viewer.say("SDP_OFFER", "bmV3", None).await;
    viewer.settle().await;
    assert_eq!(emulator.state()["kvs-signaling"]["waiting"].as_array().unwrap().len(), 2);
    emulator.clock().advance(Duration::from_secs(59));
    let mut master = join(&emulator, arn, None).await;
    // The newer offer took the place of the older one.
    assert_eq!([master.payload().await, master.payload().await], ["YzE=", "bmV3"]);
    master.say("SDP_ANSWER", "YTE=", Some("viewer-2")).await;
    master.settle().await;
    emulator.clock().advance(Duration::from_secs(60));
    let mut late = join(&emulator, arn, Some("viewer-2")).await;
    late.settle().await;
    assert_eq!(
        outcomes(&emulator),
        ["waiting", "waiting", "overwritten", "waiting", "delivered", "delivered", "waiting", "expired"]
    );
    master.leave().await;
    assert!(emulator.kvs().connections().iter().all(|connection| connection.client_id.is_some()));
}

#[tokio::test]
async fn what_nobody_understands() {
    let emulator = still().await;
    let (_, mut viewer) = both(&emulator).await;
    for text in ["not JSON", "{}", r#"{"action":"PING"}"#] {
        viewer.0.send_text(text).await;
        let heard = viewer.hear().await;
        assert!(
            ["message", "connectionId", "requestId"].iter().all(|name| heard[name].is_string()),
            "{heard}"
        );
    }
}

#[tokio::test]
async fn messages_can_be_late_and_out_of_order() {
    let emulator = still().await;
    let (mut master, mut viewer) = both(&emulator).await;
    emulator.kvs().quirks(json!({ "delay_ms": 500, "reorder": 3 })).unwrap();
    for payload in ["MQ==", "Mg==", "Mw==", "NA=="] {
        viewer.say("ICE_CANDIDATE", payload, None).await;
    }
    viewer.settle().await;
    // What the service itself says is neither late nor held back.
    emulator.clock().advance(Duration::from_millis(500));
    let heard = [master.payload().await, master.payload().await, master.payload().await];
    assert_eq!(heard, ["Mw==", "Mg==", "MQ=="]);
    emulator.kvs().quirks(json!({})).unwrap();
    assert_eq!(master.payload().await, "NA==");
    // A connection that is replaced gets what was held back for it.
    emulator.kvs().quirks(json!({ "reorder": 3 })).unwrap();
    viewer.say("ICE_CANDIDATE", "NQ==", None).await;
    viewer.settle().await;
    emulator.clock().advance(Duration::from_secs(1));
    let _newer = join(&emulator, emulator.kvs().channel_arn(), None).await;
    assert_eq!((master.payload().await.as_str(), master.closed().await), ("NQ==", Some(1001)));
}

#[tokio::test]
async fn an_alexa_device_is_answered_by_the_master() {
    let emulator = still().await;
    let arn = emulator.kvs().channel_arn();
    let offer = || {
        let body = json!({ "ChannelARN": arn, "SenderClientId": "alexa", "MessagePayload": "b2ZmZXI=" });
        call(&emulator, "/v1/send-alexa-offer-to-master", body)
    };
    offer().await.refused(404, "ResourceNotFoundException");
    let mut master = join(&emulator, arn, None).await;
    let (answer, ()) = tokio::join!(offer(), async {
        let heard = master.hear().await;
        assert_eq!((&heard["messageType"], &heard["senderClientId"]), (&json!("SDP_OFFER"), &json!("alexa")));
        master.say("ICE_CANDIDATE", PAYLOAD, Some("alexa")).await;
        master.say("SDP_ANSWER", "YW5zd2Vy", Some("alexa")).await;
    });
    assert_eq!(answer.ok(), json!({ "Answer": "YW5zd2Vy" }));
    // One who is not answered waits for as long as a message lives.
    let (answer, ()) = tokio::join!(offer(), async {
        master.hear().await;
        // The master's connection and the one who asks.
        emulator.clock().wait_for_sleepers(2).await;
        emulator.clock().advance(Duration::from_secs(60));
    });
    assert!(answer.refused(404, "ResourceNotFoundException").contains("60 seconds"));
    // The documents have the offer wait for the master.
    master.leave().await;
    emulator.kvs().quirks(json!({ "alexa_waits": true })).unwrap();
    let (answer, ()) = tokio::join!(offer(), async {
        emulator.clock().wait_for_sleepers(1).await;
        let mut master = join(&emulator, arn, None).await;
        master.hear().await;
        master.say("SDP_ANSWER", "QQ==", Some("alexa")).await;
    });
    assert_eq!(answer.ok()["Answer"], "QQ==");
}

#[tokio::test]
async fn ten_viewers_and_three_handshakes_a_second() {
    let emulator = still().await;
    let arn = emulator.kvs().channel_arn();
    let mut viewers = Vec::new();
    for n in 0..10 {
        if n % 3 == 0 {
            emulator.clock().advance(Duration::from_secs(1));
        }
        viewers.push(join(&emulator, arn, Some(&format!("viewer-{n}"))).await);
    }
    // Who is there already takes no further place.
    viewers.push(join(&emulator, arn, Some("viewer-1")).await);
    viewers.push(join(&emulator, arn, Some("viewer-2")).await);
    let refused = |id: &'static str| {
        let emulator = &emulator;
        async move { try_join(emulator, arn, Some(id)).await.err().unwrap() }
    };
    let (status, name, message) = refused("viewer-1").await;
    assert_eq!((status, &*name), (400, "ClientLimitExceededException"));
    assert!(message.contains("per second"), "{message}");
    emulator.clock().advance(Duration::from_secs(1));
    assert!(refused("eleventh").await.2.contains("10 viewers"));
    emulator.set_quotas(false);
    join(&emulator, arn, Some("eleventh")).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_left() {
    let emulator = still().await;
    let arn = emulator.kvs().channel_arn();
    let _deaf = join(&emulator, arn, Some("deaf")).await;
    let text = "x".repeat(16 * 1024);
    let mut sent = 0;
    while emulator.kvs().send_text(arn, Some("deaf"), &text) {
        sent += 1;
        assert!(sent < 10_000, "what waits is bounded");
        tokio::task::yield_now().await;
    }
    assert!(sent > 1024 && emulator.kvs().connections().is_empty());
}

/// Text as it is, for what is no JSON.
trait SendText {
    async fn send_text(&mut self, text: &str);
}

impl SendText for tokio_tungstenite::WebSocketStream<tokio::net::TcpStream> {
    async fn send_text(&mut self, text: &str) {
        use futures_util::SinkExt as _;
        self.send(tokio_tungstenite::tungstenite::Message::text(text)).await.unwrap();
    }
}

#[test]
fn the_emulator_reads_both_casings() {
    let read = rtc_emulator::kvs_signaling::ClientMessage::read(
        r#"{"Action":"SDP_OFFER","MessagePayload":"e30=","RecipientClientId":"","CorrelationId":"c"}"#,
    );
    assert_eq!(
        serde_json::to_value(read).unwrap(),
        json!({
            "action": "SDP_OFFER", "messagePayload": "e30=", "recipientClientId": Value::Null,
            "correlationId": "c",
        })
    );
}
