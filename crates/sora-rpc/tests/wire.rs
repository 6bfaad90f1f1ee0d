//! What goes out and how answers are judged: pure tables, no I/O.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity,
    reason = "helpers of tests"
)]

use std::time::Instant;

use proptest::prelude::*;
use rtc_core::{ErrorKind, ServiceError};
use serde_json::{Value, json};
use sora_rpc::{
    CallOptions, Error, Message, Method, Offer, Peer, PeerOptions, PutSignalingNotifyMetadata,
    PutSignalingNotifyMetadataItem, RequestSimulcastRid, RequestSpotlightRid, ResetSpotlightRid, Rid,
    SoraError, compress,
};

/// A peer with the calls 1 and 2 under way.
fn peer() -> Peer<()> {
    let mut peer = Peer::new(PeerOptions::new());
    assert!(peer.offer(true, ["a"]).is_empty());
    for id in [1, 2] {
        let message = Message::raw("a", None).unwrap();
        assert_eq!(peer.call(message, &CallOptions::new(), Instant::now(), ()).unwrap().0, id);
    }
    peer
}

#[derive(Debug, PartialEq)]
enum End {
    Result(Value),
    Remote(i32, &'static str, Option<Value>),
    Violation,
    Dropped,
}

fn end_of(message: &[u8]) -> End {
    let mut peer = peer();
    let Some(answer) = peer.receive(message) else {
        assert_eq!(peer.pending(), 2, "a dropped message ends no call");
        return End::Dropped;
    };
    assert_eq!((answer.id, peer.pending()), (1, 1));
    match answer.outcome {
        Ok(text) => End::Result(serde_json::from_str(text).unwrap()),
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("canary"), "{shown}");
            match error.service().unwrap() {
                SoraError::ProtocolViolation { id: 1, .. } => End::Violation,
                SoraError::Remote { code, message, data, .. } => {
                    End::Remote(*code, if message == "canary" { "canary" } else { "other" }, data.clone())
                }
                other => panic!("{other}"),
            }
        }
    }
}

#[test]
fn answers_are_judged_strictly() {
    use End::{Dropped, Remote, Result, Violation};
    let cases: Vec<(&[u8], End)> = vec![
        // Good ones.
        (br#"{"jsonrpc":"2.0","id":1,"result":{"a":1}}"#, Result(json!({ "a": 1 }))),
        (br#"{"jsonrpc":"2.0","id":1,"result":null}"#, Result(Value::Null)),
        (br#" {"more":[1],"result":true,"more":2,"id" : 1 ,"jsonrpc":"2.0"} "#, Result(json!(true))),
        (br#"{"\u006asonrpc":"2\u002e0","\u0069d":1,"r\u0065sult":"x"}"#, Result(json!("x"))),
        // Errors of the server's.
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"canary"}}"#, Remote(-32000, "canary", None)),
        (
            br#"{"jsonrpc":"2.0","id":1,"error":{"code":0,"message":"canary","data":null}}"#,
            Remote(0, "canary", Some(Value::Null)),
        ),
        (
            br#"{"jsonrpc":"2.0","id":1,"error":{"data":{"k":"canary"},"x":1,"x":2,"message":"canary","code":-2147483648}}"#,
            Remote(i32::MIN, "canary", Some(json!({ "k": "canary" }))),
        ),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":2147483647,"message":""}}"#, Remote(i32::MAX, "other", None)),
        // Not JSON-RPC 2.0, but of call 1.
        (br#"{"id":1,"result":"canary"}"#, Violation),
        (br#"{"jsonrpc":null,"id":1,"result":"canary"}"#, Violation),
        (br#"{"jsonrpc":2.0,"id":1,"result":"canary"}"#, Violation),
        (br#"{"jsonrpc":"2.1","id":1,"result":"canary"}"#, Violation),
        (br#"{"jsonrpc":"2.0x","id":1,"result":"canary"}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":"canary"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"result":null,"error":null}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":null}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":[1]}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":"canary"}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"message":"canary"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"canary"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"canary"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1.0,"message":"canary"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1e2,"message":"canary"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":2147483648,"message":"canary"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":-2147483649,"message":"canary"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":42}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":null}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"canary","data":1e999}}"#, Violation),
        // Duplicates, also behind an escape.
        (br#"{"jsonrpc":"2.0","id":1,"result":null,"result":null}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"result":null,"\u0072esult":null}"#, Violation),
        (br#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"result":null}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"},"error":{"code":1,"message":"m"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"code":1,"message":"m"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","m\u0065ssage":"m"}}"#, Violation),
        (br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":1,"data":1}}"#, Violation),
        // Of no call that could be told.
        (br#"{"jsonrpc":"2.0","result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":null,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":"1","result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":-1,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":1.0,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":1e0,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":1e2,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":-0,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":18446744073709551616,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":[1],"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":1,"id":1,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":1,"\u0069\u0064":2,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":99,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":0,"result":null}"#, Dropped),
        // Not even an object.
        (b"", Dropped),
        (b"null", Dropped),
        (b"true", Dropped),
        (br#""string""#, Dropped),
        (br#"[{"jsonrpc":"2.0","id":1,"result":null}]"#, Dropped),
        (b"not json", Dropped),
        (br#"{"jsonrpc":"2.0","id":01,"result":null}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":1,"result":null,}"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":1,"result":null} x"#, Dropped),
        (br#"{"jsonrpc":"2.0","id":1,"result":nul}"#, Dropped),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\xff\"}", Dropped),
        (br#"{"type":"push","data":{}}"#, Dropped),
    ];
    for (message, expected) in cases {
        assert_eq!(end_of(message), expected, "{}", String::from_utf8_lossy(message));
    }
}

#[test]
fn what_is_dropped_is_counted() {
    let mut peer = peer();
    let good = br#"{"jsonrpc":"2.0","id":1,"result":null}"#;
    assert!(peer.receive(good).is_some());
    for message in [&good[..], b"{", b"{}", br#"{"jsonrpc":"2.0","id":3,"result":null}"#, b"[]"] {
        assert!(peer.receive(message).is_none());
    }
    assert!(peer.receive(br#"{"id":2}"#).unwrap().outcome.is_err());
    let stats = peer.stats();
    let dropped =
        (stats.dropped_late, stats.dropped_malformed, stats.dropped_without_id, stats.dropped_unknown);
    assert_eq!((dropped, stats.answered, stats.violations, stats.calls), ((1, 2, 1, 1), 1, 1, 2));
}

#[test]
fn results_nested_deeply_do_no_harm() {
    let deep =
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(peer().receive(deep.as_bytes()).unwrap().outcome.is_ok());
}

fn sent(message: Message) -> Value {
    let mut peer = Peer::new(PeerOptions::new());
    let options = CallOptions::new().unchecked();
    serde_json::from_slice(&peer.call(message, &options, Instant::now(), ()).unwrap().1).unwrap()
}

#[test]
fn messages_as_the_official_sdks_write_them() {
    let typed = |message: Result<Message, Error>| sent(message.unwrap());
    let call = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 });
    let cases = [
        (
            typed(Message::typed(&RequestSimulcastRid::new(Rid::R1))),
            call("2025.2.0/RequestSimulcastRid", json!({ "rid": "r1" })),
        ),
        (
            typed(Message::typed(&RequestSimulcastRid::new("none").sender_connection_id("S"))),
            call("2025.2.0/RequestSimulcastRid", json!({ "rid": "none", "sender_connection_id": "S" })),
        ),
        (
            typed(Message::typed(&RequestSpotlightRid::new(Rid::R0, Rid::None).send_connection_id("S"))),
            call(
                "2025.2.0/RequestSpotlightRid",
                json!({ "spotlight_focus_rid": "r0", "spotlight_unfocus_rid": "none", "send_connection_id": "S" }),
            ),
        ),
        (typed(Message::typed(&ResetSpotlightRid::new())), call("2025.2.0/ResetSpotlightRid", json!({}))),
        (
            typed(Message::typed(&PutSignalingNotifyMetadata::new(json!({ "spam": "egg" })).push(true))),
            call(
                "2025.2.0/PutSignalingNotifyMetadata",
                json!({ "metadata": { "spam": "egg" }, "push": true }),
            ),
        ),
        (
            typed(Message::typed(&PutSignalingNotifyMetadataItem::new("spam", Value::Null).push(false))),
            call(
                "2025.2.0/PutSignalingNotifyMetadataItem",
                json!({ "key": "spam", "value": null, "push": false }),
            ),
        ),
        (typed(Message::raw("m", Some(json!([1])))), call("m", json!([1]))),
        (typed(Message::raw("\"m\\", None)), json!({ "jsonrpc": "2.0", "method": "\"m\\", "id": 1 })),
    ];
    for (message, expected) in cases {
        assert_eq!(message, expected);
    }
    assert_eq!(RequestSimulcastRid::NAME, "2025.2.0/RequestSimulcastRid");
}

#[test]
fn notifications_use_no_id() {
    let mut peer = Peer::new(PeerOptions::new().first_id(7));
    let options = CallOptions::new().unchecked();
    let message = |method: &str| Message::raw(method, None).unwrap();
    assert_eq!(peer.call(message("a"), &options, Instant::now(), ()).unwrap().0, 7);
    assert_eq!(peer.notify(message("b"), &options).unwrap(), r#"{"jsonrpc":"2.0","method":"b"}"#);
    let (id, text) = peer.call(message("c"), &options, Instant::now(), ()).unwrap();
    assert_eq!((id, &text[..]), (8, &br#"{"jsonrpc":"2.0","method":"c","id":8}"#[..]));
    assert_eq!((peer.pending(), peer.next_id()), (2, Some(9)));
}

#[test]
fn the_last_id_is_the_last() {
    let mut peer = Peer::new(PeerOptions::new().first_id(u64::MAX));
    let options = CallOptions::new().unchecked();
    let mut call = || peer.call(Message::raw("a", None).unwrap(), &options, Instant::now(), ());
    assert!(call().unwrap().1.ends_with(br#""id":18446744073709551615}"#));
    assert_eq!(call().unwrap_err().kind(), ErrorKind::RateLimited);
    let answer = br#"{"jsonrpc":"2.0","id":18446744073709551615,"result":1}"#;
    assert_eq!(peer.receive(answer).unwrap().outcome.unwrap(), "1");
}

#[test]
fn offers_are_read_leniently() {
    let offer = Offer::parse(
        br#"{"type":"offer","connection_id":"C","rpc_methods":["a",1,null,"b"],
            "data_channels":[{"label":"notify"},{"label":"rpc","compress":true}]}"#,
    )
    .unwrap();
    assert_eq!((offer.rpc, offer.compress, offer.connection_id.as_deref()), (true, Some(true), Some("C")));
    assert_eq!(offer.rpc_methods, ["a", "b"]);
    let offer = Offer::parse(br#"{"type":"offer","rpc_methods":"a"}"#).unwrap();
    assert!(!offer.rpc && offer.rpc_methods.is_empty());
    assert!(Offer::parse(br#"{"type":"notify"}"#).is_err());
}

/// `a` 1,024 times, as zlib writes it.
const ZLIB: &[u8] =
    &[0x78, 0x9c, 0x4b, 0x4c, 0x1c, 0x05, 0xa3, 0x60, 0x14, 0x8c, 0x54, 0x00, 0x00, 0xf3, 0x78, 0x84, 0x10];

#[test]
fn frames_inflate_up_to_the_limit() {
    let text = [b'a'; 1024];
    assert_eq!(compress::inflate(ZLIB, 1024).unwrap(), text);
    assert_eq!(compress::inflate(ZLIB, compress::MAX_INFLATED).unwrap(), text);
    assert!(compress::inflate(ZLIB, 1023).unwrap_err().to_string().contains("1023"));
    for end in 0..ZLIB.len() {
        assert!(compress::inflate(&ZLIB[..end], 1024).is_err(), "cut after {end} bytes");
    }
    let with_more = [ZLIB, b"x"].concat();
    assert!(compress::inflate(&with_more, 1024).is_err());
    assert!(compress::inflate(&ZLIB[2..], 1024).is_err(), "a raw stream");
    let mut broken = ZLIB.to_vec();
    broken[16] ^= 1;
    assert!(compress::inflate(&broken, 1024).is_err(), "a wrong checksum");
}

#[test]
fn words_of_the_errors() {
    let error = |kind: &SoraError| (kind.code().map(|c| c.into_owned()), kind.kind(), kind.to_string());
    assert_eq!(
        error(&SoraError::Disconnected),
        (Some("-1".into()), ErrorKind::Closed, "Disconnected".into())
    );
    assert_eq!(SoraError::Disconnected.detail(), Some("Disconnected"));
    assert_eq!(error(&SoraError::Redirected).0.as_deref(), Some("redirected"));
    assert_eq!(error(&SoraError::NotAvailable).0.as_deref(), Some("not_available"));
    assert_eq!(error(&SoraError::ChannelNotOpen).0.as_deref(), Some("channel_not_open"));
    let mut peer = peer();
    let answer = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"canary"}}"#;
    let error = peer.receive(answer).unwrap().outcome.unwrap_err();
    assert_eq!(error.to_string(), "the server answered the call with error -32602 (invalid parameters)");
    assert_eq!((error.code().unwrap().as_ref(), error.detail()), ("-32602", Some("canary")));
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Other, true));
}

proptest! {
    #[test]
    fn no_message_does_harm(message in prop::collection::vec(any::<u8>(), 0..200)) {
        end_of(&message);
        let _ = compress::inflate(&message, 1000);
        let _ = Offer::parse(&message);
    }

    #[test]
    fn no_json_does_harm(message in r#"[{}\[\]:,"a-z0-9 .\\-]{0,60}"#) {
        end_of(message.as_bytes());
    }

    #[test]
    fn every_valid_answer_is_understood(
        id in any::<u64>(), text in any::<String>(), number in any::<i64>(), code in any::<i32>(), failed in any::<bool>(),
    ) {
        let mut peer = Peer::new(PeerOptions::new().first_id(id));
        let options = CallOptions::new().unchecked();
        peer.call(Message::raw("m", None).unwrap(), &options, Instant::now(), ()).unwrap();
        let data = json!({ text.clone(): [number, null] });
        let answer = if failed {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": text, "data": data } })
        } else {
            json!({ "jsonrpc": "2.0", "id": id, "result": data })
        };
        let answer = serde_json::to_vec(&answer).unwrap();
        let end = peer.receive(&answer).unwrap();
        prop_assert_eq!(end.id, id);
        match end.outcome {
            Ok(result) => prop_assert_eq!(serde_json::from_str::<Value>(result).unwrap(), data),
            Err(error) => match error.service() {
                Some(SoraError::Remote { code: c, message, data: d, .. }) => {
                    prop_assert!(failed);
                    prop_assert_eq!((*c, message, d.as_ref()), (code, &text, Some(&data)));
                }
                other => panic!("{other:?}"),
            },
        }
    }
}
