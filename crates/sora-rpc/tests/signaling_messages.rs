//! The messages of the server: what is read, what is not, and what stays out of logs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use rtc_core::Revealed;
use rtc_core::transport::channel::Frame;
use serde_json::{Value, json};
use sora_rpc::signaling::{
    End, EndClass, Event, Incoming, Notice, Notify, Signaling, SignalingOptions, parse,
};
use sora_rpc::{Connect, Direction, IceTransportPolicy, Offer, Rid, Role};

fn read(message: &Value) -> Incoming {
    parse(&message.to_string()).unwrap()
}

fn offer() -> Value {
    json!({
        "type": "offer", "sdp": "v=0", "version": "2025.2.0", "channel_id": "sora", "session_id": "S",
        "client_id": "L", "bundle_id": "B", "connection_id": "C",
        "config": {
            "iceServers": [
                { "urls": ["turn:192.0.2.1:3478?transport=udp", "turns:t.example.com"], "username": "u", "credential": "p" },
                { "urls": "stun:192.0.2.1" }, { "username": "u" }, 1,
            ],
            "iceTransportPolicy": "relay",
        },
        "data_channels": [
            { "label": "notify", "direction": "recvonly", "compress": true }, { "label": "push", "compress": false },
            { "label": "rpc", "direction": "upstream" }, { "compress": true }, 1,
        ],
        "rpc_methods": ["2025.2.0/RequestSimulcastRid", 1, null],
        "mid": { "audio": "a0" }, "encodings": [{ "rid": "r0" }], "simulcast": true, "spotlight": false,
        "data_channel_signaling": true, "ignore_disconnect_websocket": false, "metadata": { "a": 1 },
        "audio": true, "audio_codec_type": "OPUS", "new": [1],
    })
}

#[test]
fn a_whole_offer() {
    let offer = Offer::parse(offer().to_string().as_bytes()).unwrap();
    assert_eq!((offer.sdp.as_str(), offer.version.as_deref()), ("v=0", Some("2025.2.0")));
    assert_eq!((offer.channel_id.as_deref(), offer.session_id.as_deref()), (Some("sora"), Some("S")));
    assert_eq!((offer.client_id.as_deref(), offer.bundle_id.as_deref()), (Some("L"), Some("B")));
    assert_eq!(offer.connection_id.as_deref(), Some("C"));
    let [turn, stun] = offer.ice_servers.as_slice() else { panic!("{offer:?}") };
    assert_eq!(turn.urls, ["turn:192.0.2.1:3478?transport=udp", "turns:t.example.com"]);
    assert_eq!((turn.username.as_deref(), turn.credential.as_ref().unwrap().expose()), (Some("u"), "p"));
    assert_eq!((stun.urls.as_slice(), &stun.credential), (["stun:192.0.2.1".to_owned()].as_slice(), &None));
    assert_eq!(offer.ice_transport_policy, Some(IceTransportPolicy::Relay));
    let channels: Vec<_> =
        offer.data_channels.iter().map(|c| (c.label.as_str(), c.direction.clone(), c.compress)).collect();
    let upstream = Some(Direction::Other("upstream".into()));
    let notify = ("notify", Some(Direction::RecvOnly), Some(true));
    assert_eq!(channels, [notify, ("push", None, Some(false)), ("rpc", upstream, None)]);
    assert_eq!((offer.rpc, offer.compress), (true, None));
    assert_eq!(offer.rpc_methods, ["2025.2.0/RequestSimulcastRid"]);
    assert_eq!((offer.simulcast, offer.spotlight), (Some(true), Some(false)));
    assert_eq!((offer.data_channel_signaling, offer.ignore_disconnect_websocket), (Some(true), Some(false)));
    assert_eq!(offer.metadata, Some(json!({ "a": 1 })));
    let extra: Vec<&str> = offer.extra.keys().map(String::as_str).collect();
    assert_eq!(extra, ["audio", "audio_codec_type", "encodings", "mid", "new"]);
}

#[test]
fn an_offer_demands_nothing_but_its_type() {
    for members in [
        json!({}),
        json!({ "config": {} }),
        json!({ "config": null, "data_channels": null, "rpc_methods": null }),
        json!({ "config": [], "data_channels": {}, "rpc_methods": "m", "sdp": 1, "connection_id": {}, "simulcast": "true" }),
        json!({ "config": { "iceServers": {} }, "data_channels": [null], "rpc_methods": [null] }),
    ] {
        let mut message = json!({ "type": "offer" });
        message.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let offer = Offer::parse(message.to_string().as_bytes()).unwrap();
        assert_eq!(offer, Offer::default(), "{members}");
    }
    for other in ["", "[]", "{}", r#"{"type":"re-offer"}"#, r#"{"type":1}"#] {
        assert!(Offer::parse(other.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn every_type_is_read() {
    for (message, expected) in [
        (json!({ "type": "re-offer", "sdp": "v=0" }), "ReOffer"),
        (json!({ "type": "update", "sdp": "v=0" }), "ReOffer"),
        (json!({ "type": "ping" }), "Ping { stats: false }"),
        (json!({ "type": "ping", "stats": true }), "Ping { stats: true }"),
        (json!({ "type": "ping", "stats": "yes" }), "Ping { stats: false }"),
        (json!({ "type": "req-stats" }), "ReqStats"),
        (json!({ "type": "push" }), "Push { .. }"),
        (json!({ "type": "switched" }), "Switched { ignore_disconnect_websocket: false }"),
        (
            json!({ "type": "switched", "ignore_disconnect_websocket": true }),
            "Switched { ignore_disconnect_websocket: true }",
        ),
        (json!({ "type": "redirect", "location": "wss://example.com" }), "Redirect"),
        (json!({ "type": "close", "code": 65535, "reason": "" }), "Close(65535)"),
        (json!({ "type": "new", "data": 1 }), r#"Unknown("new")"#),
    ] {
        let shown = format!("{:?}", read(&message));
        assert!(shown.starts_with(expected), "{message} {shown}");
    }
}

#[test]
fn what_is_no_message() {
    for text in [
        "",
        "x",
        "null",
        "[]",
        "1",
        "{}",
        r#"{"type":null}"#,
        r#"{"type":"ping"}x"#,
        r#"{"type":"redirect"}"#,
        r#"{"type":"redirect","location":1}"#,
        r#"{"type":"close"}"#,
        r#"{"type":"close","code":1000}"#,
        r#"{"type":"close","reason":""}"#,
        r#"{"type":"close","code":"1000","reason":""}"#,
        r#"{"type":"close","code":1000,"reason":1}"#,
        r#"{"type":"close","code":65536,"reason":""}"#,
        r#"{"type":"close","code":-1,"reason":""}"#,
        r#"{"type":"close","code":1000.5,"reason":""}"#,
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

fn notify(members: &Value) -> Notify {
    let mut message = json!({ "type": "notify" });
    message.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    match read(&message) {
        Incoming::Notify(notify) => notify,
        other => panic!("{other:?}"),
    }
}

#[test]
fn connections_of_a_channel() {
    for kind in ["connection.created", "connection.updated", "connection.destroyed"] {
        let members = json!({
            "event_type": kind, "role": "sendrecv", "session_id": "S", "client_id": "L", "bundle_id": "B",
            "connection_id": "C", "audio": true, "video": false, "minutes": 2, "channel_connections": 3,
            "channel_sendrecv_connections": 1, "channel_sendonly_connections": 2, "channel_recvonly_connections": 0,
            "turn_transport_type": "udp", "authn_metadata": 1, "authz_metadata": 2, "metadata": 3,
            "data": [{ "client_id": "M", "connection_id": "D", "metadata": { "a": 1 } }, null],
            "timestamp": "2025-12-09T00:00:00.000000Z",
        });
        let notify = notify(&members);
        assert_eq!((notify.event_type(), &Value::Object(notify.raw().clone())), (kind, &members));
        let (Notice::ConnectionCreated(it) | Notice::ConnectionUpdated(it) | Notice::ConnectionDestroyed(it)) =
            &notify.content
        else {
            panic!("{notify:?}")
        };
        assert_eq!((it.role.clone(), it.connection_id.as_deref()), (Some(Role::SendRecv), Some("C")));
        assert_eq!((it.audio, it.video, it.minutes), (Some(true), Some(false), Some(2)));
        let counts = [
            it.channel_connections,
            it.channel_sendrecv_connections,
            it.channel_sendonly_connections,
            it.channel_recvonly_connections,
        ];
        assert_eq!(counts, [Some(3), Some(1), Some(2), Some(0)]);
        assert_eq!(
            (&it.authn_metadata, &it.authz_metadata, &it.metadata),
            (&Some(json!(1)), &Some(json!(2)), &Some(json!(3)))
        );
        let [member] = it.data.as_slice() else { panic!("{it:?}") };
        assert_eq!(
            (member.connection_id.as_deref(), &member.metadata),
            (Some("D"), &Some(json!({ "a": 1 })))
        );
        let shown = format!("{notify:?}");
        assert!(shown.contains(match kind {
            "connection.created" => "ConnectionCreated",
            "connection.updated" => "ConnectionUpdated",
            _ => "ConnectionDestroyed",
        }));
    }
}

#[test]
fn other_notices() {
    for (kind, name) in [
        ("focused", "SpotlightFocused"),
        ("unfocused", "SpotlightUnfocused"),
        ("changed", "SpotlightChanged"),
    ] {
        let members = json!({ "event_type": format!("spotlight.{kind}"), "client_id": "L", "connection_id": "C", "audio": true, "video": true, "fixed": false });
        let notify = notify(&members);
        assert!(format!("{notify:?}").contains(name));
        let (Notice::SpotlightFocused(it) | Notice::SpotlightUnfocused(it) | Notice::SpotlightChanged(it)) =
            notify.content
        else {
            panic!("{members}")
        };
        assert_eq!((it.connection_id.as_deref(), it.fixed, it.spotlight_id), (Some("C"), Some(false), None));
    }
    let network = notify(&json!({ "event_type": "network.status", "unstable_level": 3 }));
    assert!(matches!(network.content, Notice::NetworkStatus(it) if it.unstable_level == Some(3)));
    let switched = notify(&json!({
        "event_type": "simulcast.switched", "timestamp": "T", "sender_connection_id": null, "priority": "higher",
        "trigger": "receiver", "rpc_rids": ["none", "r0"], "auto_rids": [], "request_rid": "r0", "current_rid": "r0",
        "previous_rid": "r9",
    }));
    let Notice::SimulcastSwitched(it) = switched.content else { panic!() };
    assert_eq!((it.sender_connection_id, it.rpc_rids), (None, vec![Rid::None, Rid::R0]));
    assert_eq!((it.current_rid, it.previous_rid), (Some(Rid::R0), Some(Rid::Other("r9".into()))));
    // What is not known, or not as it is known, is kept as it came.
    for members in [
        json!({ "event_type": "ice.gathering", "kind": 1 }),
        json!({ "event_type": "network.status", "unstable_level": {} }),
        json!({ "a": 1 }),
    ] {
        let notify = notify(&members);
        assert_eq!((&notify.content, &Value::Object(notify.raw().clone())), (&Notice::Other, &members));
    }
}

#[test]
fn messages_are_written_as_they_came() {
    for message in [
        json!({ "type": "notify", "event_type": "network.status", "unstable_level": 1, "new": [1] }),
        json!({ "type": "push", "data": { "spam": "egg" }, "new": 1 }),
        json!({ "type": "close", "code": 1000, "reason": "LIFETIME-EXPIRED" }),
        json!({ "type": "ping", "stats": true }),
        json!({ "type": "req-stats" }),
        json!({ "type": "new", "data": 1 }),
    ] {
        assert_eq!(serde_json::to_value(read(&message)).unwrap(), message);
    }
    let written = serde_json::to_value(read(&offer())).unwrap();
    assert_eq!((&written["type"], &written["new"]), (&json!("offer"), &json!([1])));
    assert_eq!(written["ice_servers"][0]["credential"], "[redacted]");
    assert!(serde_json::to_string(&Revealed(&read(&offer()))).unwrap().contains(r#""credential":"p""#));
}

#[test]
fn ends_tell_what_is_known() {
    for (code, reason, expected) in [
        (Some(1000), "TYPE-DISCONNECT", "the connection was disconnected (1000 TYPE-DISCONNECT)"),
        (Some(1000), "LIFETIME-EXPIRED", "the server closed the connection (1000 LIFETIME-EXPIRED)"),
        (Some(4490), "INTERNAL-ERROR", "the server refused the connection (4490 INTERNAL-ERROR)"),
        // The words of an auth webhook.
        (Some(4490), "no such user: tokenless@example.com", "the server refused the connection (4490)"),
        (None, "", "the WebSocket of the connection was lost"),
    ] {
        let end = End::classify(code, reason);
        assert_eq!((end.to_string(), end.reason.as_str()), (expected.to_owned(), reason));
        assert_eq!(format!("{end:?}"), format!("End({expected})"));
    }
    assert_eq!(EndClass::ServerClose.to_string(), "server_close");
}

/// Nothing that the user or the server keeps secret is shown by anything that can be printed.
#[test]
fn nothing_secret_is_shown() {
    const CANARY: &str = "c4n4ry";
    let secret = || json!({ "k": CANARY });
    let connect = Connect::new(Role::SendRecv, "sora")
        .metadata(secret())
        .signaling_notify_metadata(secret())
        .sdp(CANARY);
    let mut signaling = Signaling::new(&connect, SignalingOptions::new().stats(true)).unwrap();
    let mut shown = format!("{connect:?}");
    let mut look = |signaling: &mut Signaling| {
        while let Some(transmit) = signaling.poll_transmit() {
            shown += &format!("{transmit:?}");
        }
        while let Some(event) = signaling.poll_event() {
            if let Event::Ended(end) = &event {
                shown += &end.to_string();
            }
            shown += &format!("{event:?}{event:#?}");
        }
        shown += &format!("{signaling:?}");
    };
    signaling.websocket_opened();
    let mut offer = offer();
    for name in ["sdp", "metadata", "new", "audio"] {
        offer[name] = json!(CANARY);
    }
    offer["config"]["iceServers"][0]["credential"] = json!(CANARY);
    let notify = json!({
        "type": "notify", "event_type": "connection.created", "metadata": secret(), "authn_metadata": secret(),
        "authz_metadata": secret(), "data": [{ "metadata": secret(), "authz_metadata": secret() }], "new": secret(),
    });
    let location = format!("wss://example.com/{CANARY}?token={CANARY}");
    let messages = [
        offer,
        notify,
        json!({ "type": "notify", "event_type": "new", "data": secret() }),
        json!({ "type": "push", "data": secret() }),
        json!({ "type": "new", "data": secret() }),
        json!({ "type": "re-offer", "sdp": CANARY }),
        json!({ "type": "switched" }),
    ];
    for message in &messages {
        signaling.websocket_message(&message.to_string());
        shown_of(&parse(&message.to_string()).unwrap());
        look(&mut signaling);
    }
    for label in ["signaling", "#chat", "rpc"] {
        signaling.channel_opened(label);
    }
    signaling.answer(CANARY.into());
    signaling.candidate(CANARY.into());
    signaling.send("#chat", CANARY.into()).unwrap();
    let refused = signaling.send("signaling", CANARY.into()).unwrap_err();
    signaling.channel_message("#chat", Frame::Text(CANARY.into()));
    signaling.channel_message("rpc", Frame::Text(CANARY.into()));
    look(&mut signaling);
    signaling.websocket_message(&json!({ "type": "redirect", "location": location }).to_string());
    look(&mut signaling);
    signaling.websocket_opened();
    signaling.websocket_message(
        &json!({ "type": "redirect", "location": format!("wss://{CANARY}@example.com/") }).to_string(),
    );
    look(&mut signaling);
    shown += &format!("{refused} {refused:?} {:?}", End::classify(Some(4490), &format!("no {CANARY}")));
    for broken in [
        format!("{{\"type\":\"{CANARY}"),
        format!("{{\"type\":{{\"{CANARY}\":1}}}}"),
        format!("\"{CANARY}\""),
    ] {
        let error = parse(&broken).unwrap_err();
        shown += &format!("{error} {error:?}");
    }
    assert!(shown.contains("RedirectRefused") || shown.contains("the redirect was refused"), "{shown}");
    assert!(!shown.contains(CANARY), "{shown}");
}

/// Checks one value by itself, so that the message tells which it was.
fn shown_of(message: &Incoming) {
    let shown = format!("{message:?}");
    assert!(!shown.contains("c4n4ry"), "{shown}");
}
