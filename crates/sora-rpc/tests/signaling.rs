//! Signaling rule by rule: what goes where, and what the caller is told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "common/signaling.rs"]
mod common;

use common::{LABELS, connect, frame, message, offer, ready, ready_with, sent, told, with};
use rtc_core::transport::channel::Frame;
use rtc_core::{Bytes, ErrorKind};
use serde_json::{Value, json};
use sora_rpc::compress::deflate;
use sora_rpc::signaling::{Event, Signaling, SignalingOptions, StatsReply};
use sora_rpc::{Connect, Role, SoraError};

#[test]
fn connect_goes_out_once() {
    let mut signaling = Signaling::new(&connect(), SignalingOptions::new()).unwrap();
    assert!(sent(&mut signaling).is_empty());
    signaling.websocket_message(&offer(false).to_string());
    assert_eq!((told(&mut signaling), signaling.counters().dropped_late), (vec![], 1));
    signaling.websocket_opened();
    signaling.websocket_opened();
    let connect =
        json!({ "type": "connect", "role": "recvonly", "channel_id": "sora", "metadata": { "token": "t" } });
    assert_eq!(sent(&mut signaling), [json!(["ws", connect])]);
}

#[test]
fn a_connect_that_breaks_rules_is_refused() {
    let error = Signaling::new(&Connect::new(Role::SendRecv, ""), SignalingOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn an_offer_is_answered_once() {
    let mut signaling = with(SignalingOptions::new());
    signaling.answer("too early".into());
    assert!(sent(&mut signaling).is_empty());
    message(&mut signaling, &offer(false));
    // Not known to the caller yet.
    signaling.answer("too early".into());
    assert!(sent(&mut signaling).is_empty());
    assert_eq!(told(&mut signaling), ["offer"]);
    signaling.candidate("candidate:1".into());
    signaling.answer("mine".into());
    signaling.answer("again".into());
    let candidate = json!({ "type": "candidate", "candidate": "candidate:1" });
    assert_eq!(
        sent(&mut signaling),
        [json!(["ws", candidate]), json!(["ws", { "type": "answer", "sdp": "mine" }])]
    );
    // A second offer is none.
    message(&mut signaling, &offer(false));
    assert_eq!((told(&mut signaling), signaling.counters().dropped_unexpected), (vec![], 1));
}

#[test]
fn a_later_offer_is_answered_the_way_it_came() {
    let mut signaling = ready(true, false);
    for (name, lane) in
        [("re-offer", "ws"), ("update", "ws"), ("re-offer", "signaling"), ("update", "signaling")]
    {
        let later = json!({ "type": name, "sdp": "v=1" });
        if lane == "ws" {
            message(&mut signaling, &later);
        } else {
            frame(&mut signaling, lane, &later);
        }
        assert_eq!(told(&mut signaling), ["re-offer"]);
        signaling.answer("mine".into());
        assert_eq!(sent(&mut signaling), [json!([lane, { "type": "re-answer", "sdp": "mine" }])]);
    }
}

#[test]
fn a_later_offer_keeps_what_it_leaves_out() {
    let mut signaling = ready(true, true);
    let later = |signaling: &mut Signaling, extra: Value| {
        let mut later = json!({ "type": "re-offer", "sdp": "v=1" });
        later.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        frame(signaling, "signaling", &later);
        match signaling.poll_event() {
            Some(Event::ReOffer(offer)) => offer,
            other => panic!("{other:?}"),
        }
    };
    let offer = later(&mut signaling, json!({}));
    assert_eq!((offer.connection_id.as_deref(), offer.rpc, offer.compress), (Some("C"), true, Some(true)));
    assert_eq!((offer.sdp.as_str(), offer.rpc_methods.as_slice()), ("v=1", ["m".to_owned()].as_slice()));
    let config =
        |urls: &str| json!({ "config": { "iceServers": [{ "urls": urls }], "iceTransportPolicy": "relay" } });
    for (extra, urls) in [(config("turn:a"), "turn:a"), (json!({}), "turn:a"), (config("turn:b"), "turn:b")] {
        let offer = later(&mut signaling, extra);
        assert_eq!(offer.ice_servers.first().unwrap().urls, [urls]);
        assert!(offer.ice_transport_policy.is_some());
    }
    // A label without a flag, and one that is not listed, keep theirs; the list itself is in force.
    let offer =
        later(&mut signaling, json!({ "data_channels": [{ "label": "signaling" }], "rpc_methods": [] }));
    assert!(!offer.rpc && offer.rpc_methods.is_empty());
    assert_eq!((signaling.compress("signaling"), signaling.compress("rpc")), (Some(true), Some(true)));
    // A change counts from the next message.
    later(&mut signaling, json!({ "data_channels": [{ "label": "signaling", "compress": false }] }));
    assert_eq!(signaling.compress("signaling"), Some(false));
    signaling.answer("mine".into());
    assert_eq!(sent(&mut signaling), [json!(["signaling", { "type": "re-answer", "sdp": "mine" }])]);
    assert_eq!(signaling.compress("nobody"), None);
}

#[test]
fn ready_takes_switched_and_all_labels_in_any_order() {
    for switched_at in 0..=LABELS.len() {
        let mut steps = LABELS.to_vec();
        steps.insert(switched_at, "switched");
        let mut signaling = with(SignalingOptions::new());
        message(&mut signaling, &offer(false));
        for step in steps {
            assert!(!signaling.is_ready());
            match step {
                "switched" => {
                    let switched = json!({ "type": "switched", "ignore_disconnect_websocket": true });
                    message(&mut signaling, &switched);
                }
                label => signaling.channel_opened(label),
            }
        }
        assert!(signaling.is_ready());
        let events = told(&mut signaling);
        assert_eq!(events.iter().filter(|event| *event == "Ready").count(), 1, "{events:?}");
        assert_eq!(events.iter().filter(|event| *event == "CloseWebSocket").count(), 1, "{events:?}");
    }
}

#[test]
fn a_later_offer_may_be_what_makes_it_ready() {
    let mut signaling = with(SignalingOptions::new());
    message(&mut signaling, &offer(false));
    message(&mut signaling, &json!({ "type": "switched" }));
    signaling.channel_opened("rpc");
    assert_eq!(told(&mut signaling), ["offer", "switched false"]);
    message(
        &mut signaling,
        &json!({ "type": "re-offer", "sdp": "v=1", "data_channels": [{ "label": "rpc" }] }),
    );
    assert_eq!(told(&mut signaling), ["re-offer", "Ready"]);
}

#[test]
fn nothing_is_ready_without_data_channels() {
    let mut signaling = with(SignalingOptions::new());
    message(&mut signaling, &json!({ "type": "offer", "sdp": "v=0", "data_channels": [] }));
    message(&mut signaling, &json!({ "type": "switched" }));
    assert_eq!(told(&mut signaling), ["offer", "switched false"]);
    assert!(signaling.is_switched() && !signaling.is_ready());
}

#[test]
fn data_channels_are_used_only_after_switched() {
    let mut signaling = with(SignalingOptions::new());
    message(&mut signaling, &offer(false));
    LABELS.iter().for_each(|label| signaling.channel_opened(label));
    signaling.candidate("1".into());
    message(&mut signaling, &json!({ "type": "switched", "ignore_disconnect_websocket": false }));
    signaling.candidate("2".into());
    signaling.channel_closed("signaling");
    signaling.candidate("3".into());
    let lanes: Vec<Value> = sent(&mut signaling).iter().map(|sent| sent[0].clone()).collect();
    assert_eq!(lanes, ["ws", "signaling", "ws"]);
}

#[test]
fn pings_are_answered_the_way_they_came() {
    let mut signaling = ready(true, false);
    for (ping, pong) in [
        (json!({ "type": "ping" }), json!({ "type": "pong" })),
        (json!({ "type": "ping", "stats": false }), json!({ "type": "pong" })),
        (json!({ "type": "ping", "stats": true }), json!({ "type": "pong", "stats": [] })),
    ] {
        message(&mut signaling, &ping);
        assert_eq!(sent(&mut signaling), [json!(["ws", pong])]);
        frame(&mut signaling, "signaling", &ping);
        assert_eq!(sent(&mut signaling), [json!(["signaling", pong])]);
    }
    frame(&mut signaling, "stats", &json!({ "type": "req-stats" }));
    assert_eq!(sent(&mut signaling), [json!(["stats", { "type": "stats", "reports": [] }])]);
    assert!(told(&mut signaling).is_empty());
}

#[test]
fn statistics_are_asked_for_once_and_never_left_out() {
    fn wanted(signaling: &mut Signaling) -> StatsReply {
        match signaling.poll_event() {
            Some(Event::StatsWanted(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }
    let mut signaling = ready_with(SignalingOptions::new().stats(true), false, false);
    frame(&mut signaling, "stats", &json!({ "type": "req-stats" }));
    let slow = wanted(&mut signaling);
    message(&mut signaling, &json!({ "type": "ping", "stats": true }));
    let ping = wanted(&mut signaling);
    assert!(sent(&mut signaling).is_empty());
    // The caller has not answered: the older question is answered with nothing.
    frame(&mut signaling, "stats", &json!({ "type": "req-stats" }));
    assert_eq!(sent(&mut signaling), [json!(["stats", { "type": "stats", "reports": [] }])]);
    signaling.stats(slow, vec![json!({ "late": true })]);
    assert!(sent(&mut signaling).is_empty());
    let reply = wanted(&mut signaling);
    signaling.stats(reply, vec![json!({ "type": "codec" })]);
    assert_eq!(
        sent(&mut signaling),
        [json!(["stats", { "type": "stats", "reports": [{ "type": "codec" }] }])]
    );
    signaling.stats(ping, vec![json!(1)]);
    assert_eq!(sent(&mut signaling), [json!(["ws", { "type": "pong", "stats": [1] }])]);
}

#[test]
fn notify_and_push_come_over_either() {
    let mut signaling = ready(true, false);
    let notify = json!({ "type": "notify", "event_type": "network.status", "unstable_level": 1 });
    let push = json!({ "type": "push", "data": { "spam": "egg" } });
    message(&mut signaling, &notify);
    frame(&mut signaling, "notify", &notify);
    message(&mut signaling, &push);
    frame(&mut signaling, "push", &push);
    let egg = r#"push {"spam":"egg"}"#;
    assert_eq!(told(&mut signaling), ["notify network.status", "notify network.status", egg, egg]);
}

#[test]
fn text_frames_are_understood_even_where_frames_are_compressed() {
    for compress in [false, true] {
        let mut signaling = ready(compress, true);
        signaling.channel_message("push", Frame::Text(r#"{"type":"push","data":1}"#.into()));
        signaling.channel_message("#chat", Frame::Text("hello".into()));
        assert_eq!(told(&mut signaling), ["push 1", "Message(#chat, 5 bytes)"]);
    }
}

#[test]
fn messages_of_the_wrong_lane_are_dropped() {
    let mut signaling = ready(false, false);
    let wrong = [
        ("signaling", json!({ "type": "offer", "sdp": "v=0" })),
        ("signaling", json!({ "type": "switched" })),
        ("signaling", json!({ "type": "redirect", "location": "wss://example.com" })),
        ("signaling", json!({ "type": "notify" })),
        ("notify", json!({ "type": "push" })),
        ("push", json!({ "type": "notify" })),
        ("stats", json!({ "type": "ping" })),
        ("notify", json!({ "type": "close", "code": 1000, "reason": "" })),
        ("push", json!({ "type": "re-offer", "sdp": "v=0" })),
    ];
    for (label, message) in &wrong {
        frame(&mut signaling, label, message);
    }
    message(&mut signaling, &json!({ "type": "req-stats" }));
    message(&mut signaling, &json!({ "type": "close", "code": 1000, "reason": "" }));
    assert_eq!((told(&mut signaling), sent(&mut signaling)), (vec![], vec![]));
    assert_eq!(signaling.counters().dropped_wrong_lane, wrong.len() as u64 + 2);
}

#[test]
fn broken_messages_cost_only_themselves() {
    let mut signaling = ready_with(SignalingOptions::new().max_inflated(1000), true, false);
    let broken: [(&str, Frame); 8] = [
        ("signaling", Frame::Binary(Bytes::from_static(b"{\"type\":\"ping\"}"))),
        ("signaling", Frame::Binary(Bytes::new())),
        ("signaling", Frame::Binary(deflate(b"no JSON").into())),
        ("signaling", Frame::Binary(deflate(b"{\"type\":\"close\",\"code\":1000}").into())),
        ("notify", Frame::Binary(deflate(b"[]").into())),
        ("notify", Frame::Binary(deflate(b"{\"type\":1}").into())),
        ("#chat", Frame::Binary(deflate(&[0; 1001]).into())),
        ("#chat", Frame::Text("x".repeat(1001))),
    ];
    let count = broken.len() as u64;
    for (label, frame) in broken {
        signaling.channel_message(label, frame);
    }
    signaling.channel_message("push", Frame::Binary(deflate(b"\xff\xfe").into()));
    let ping = format!(r#"{{"type":"ping","padding":"{}"}}"#, "x".repeat(1000));
    for text in ["", "{", "null", "{}", r#"{"type":"redirect"}"#, r#"{"type":"re-offer"}"#, ping.as_str()] {
        signaling.websocket_message(text);
    }
    assert_eq!((told(&mut signaling), sent(&mut signaling)), (vec![], vec![]));
    assert_eq!(signaling.counters().dropped_malformed, count + 8);
    frame(&mut signaling, "signaling", &json!({ "type": "ping" }));
    assert_eq!(sent(&mut signaling), [json!(["signaling", { "type": "pong" }])]);
}

#[test]
fn an_offer_without_a_description_is_none() {
    let mut signaling = with(SignalingOptions::new());
    message(&mut signaling, &json!({ "type": "offer", "connection_id": "C" }));
    message(&mut signaling, &json!({ "type": "re-offer", "sdp": "v=0" }));
    message(&mut signaling, &json!({ "type": "switched" }));
    let counters = signaling.counters();
    assert_eq!((counters.dropped_malformed, counters.dropped_unexpected), (1, 2));
    message(&mut signaling, &offer(false));
    assert_eq!(told(&mut signaling), ["offer"]);
}

#[test]
fn unknown_types_and_labels_are_told() {
    let mut signaling = ready(true, false);
    message(&mut signaling, &json!({ "type": "new" }));
    frame(&mut signaling, "push", &json!({ "type": "newer" }));
    signaling.channel_opened("e2ee");
    signaling.channel_message("e2ee", Frame::Binary(Bytes::from_static(b"raw")));
    signaling.channel_message("closed", Frame::Binary(Bytes::from_static(b"raw")));
    assert_eq!(
        told(&mut signaling),
        [r#"Unknown(Unknown("new"))"#, r#"Unknown(Unknown("newer"))"#, "Message(e2ee, 3 bytes)"]
    );
    assert_eq!(signaling.counters().dropped_late, 1);
}

#[test]
fn user_messages_and_rpc_go_both_ways() {
    for compress in [false, true] {
        let mut signaling = ready(compress, true);
        for label in ["#chat", "rpc"] {
            signaling.send(label, Bytes::from_static(b"{}")).unwrap();
            assert_eq!(sent(&mut signaling), [json!([label, {}])]);
            frame(&mut signaling, label, &json!({}));
        }
        assert_eq!(told(&mut signaling), ["Message(#chat, 2 bytes)", "Rpc(2 bytes)"]);
    }
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let mut signaling = ready(false, true);
    let code = |signaling: &mut Signaling, label: &str, size: usize| {
        let error = signaling.send(label, vec![0; size].into()).unwrap_err();
        assert!(!error.was_sent());
        error.code().map_or_else(|| error.kind().to_string(), |code| code.into_owned())
    };
    assert_eq!(code(&mut signaling, "#nobody", 1), "channel_not_open");
    assert_eq!(code(&mut signaling, "#chat", 262_145), "too_large");
    for label in ["signaling", "notify", "push", "stats"] {
        assert_eq!(code(&mut signaling, label, 1), "invalid_input");
    }
    let later = json!({ "type": "re-offer", "sdp": "v=0", "data_channels": [{ "label": "#chat", "direction": "recvonly" }] });
    frame(&mut signaling, "signaling", &later);
    assert_eq!(code(&mut signaling, "#chat", 1), "invalid_input");
    signaling.channel_closed("#chat");
    assert_eq!(code(&mut signaling, "#chat", 1), "channel_not_open");
    assert!(signaling.is_switched() && sent(&mut signaling).is_empty());
    signaling.disconnect("NO-ERROR");
    let error = signaling.send("rpc", Bytes::new()).unwrap_err();
    assert_eq!(error.service(), Some(&SoraError::Disconnected));
}

#[test]
fn the_largest_message_is_what_both_sides_take() {
    for (line, option, expected) in [
        ("a=max-message-size:1000", 262_144, 1000),
        ("a=max-message-size:1000", 10, 10),
        ("a=max-message-size:0", 262_144, 262_144),
        ("", 262_144, 65_536),
        ("a=max-message-size:many", 262_144, 65_536),
    ] {
        let mut signaling = with(SignalingOptions::new().max_message(option));
        message(&mut signaling, &json!({ "type": "offer", "sdp": format!("v=0\r\n{line}\r\n") }));
        assert_eq!(signaling.max_message(), expected, "{line} {option}");
    }
    let mut signaling = ready(false, true);
    signaling.send("#chat", vec![b' '; 262_144].into()).unwrap();
    // What counts is what goes out.
    let mut signaling = ready(true, true);
    signaling.send("#chat", vec![b' '; 300_000].into()).unwrap();
}

#[test]
fn a_caller_that_does_not_poll_costs_no_memory() {
    let mut signaling = ready(false, false);
    for _ in 0..3000 {
        message(&mut signaling, &json!({ "type": "ping" }));
        message(&mut signaling, &json!({ "type": "push", "data": 1 }));
    }
    assert_eq!((sent(&mut signaling).len(), told(&mut signaling).len()), (1024, 1024));
    assert_eq!(signaling.counters().dropped_full, 2 * (3000 - 1024));
    message(&mut signaling, &json!({ "type": "ping" }));
    assert_eq!(sent(&mut signaling).len(), 1);
}
