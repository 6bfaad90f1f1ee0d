//! What is refused before anything is sent, and that nothing is sent then.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity,
    reason = "helpers of tests"
)]

use std::time::{Duration, Instant};

use rtc_core::{ErrorKind, Reason, Rule};
use serde_json::{Value, json};
use sora_rpc::{
    CallOptions, Error, Message, Peer, PeerOptions, PutSignalingNotifyMetadataItem, RequestSimulcastRid,
    RequestSpotlightRid, ResetSpotlightRid, Rid, SoraError,
};

fn first(error: &Error) -> (&str, Rule) {
    match error.reason() {
        Reason::Validation(violations) => {
            let first = violations.first().unwrap();
            (Box::leak(first.field.to_string().into_boxed_str()), first.rule)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn methods_and_parameters() {
    let cases: Vec<(String, Option<Value>, Option<(&str, Rule)>)> = vec![
        ("m".into(), None, None),
        ("2026.1.0/Anything".into(), Some(json!({})), None),
        ("é".repeat(127), Some(json!([])), None),
        (String::new(), None, Some(("method", Rule::Required))),
        ("é".repeat(128), None, Some(("method", Rule::Length))),
        ("a\nb".into(), None, Some(("method", Rule::Pattern))),
        ("a\u{85}".into(), None, Some(("method", Rule::Pattern))),
        ("m".into(), Some(Value::Null), Some(("params", Rule::Pattern))),
        ("m".into(), Some(json!(1)), Some(("params", Rule::Pattern))),
        ("m".into(), Some(json!("x")), Some(("params", Rule::Pattern))),
        ("m".into(), Some(json!(true)), Some(("params", Rule::Pattern))),
    ];
    for (method, params, expected) in cases {
        let result = Message::raw(&method, params.clone());
        let found = result.as_ref().err().map(first);
        assert_eq!(found, expected, "{method} {params:?}");
    }
}

#[test]
fn typed_methods() {
    let simulcast = |rid: &str, sender: Option<&str>| {
        let mut request = RequestSimulcastRid::new(rid);
        request.sender_connection_id = sender.map(str::to_owned);
        request.validate()
    };
    for rid in ["none", "r0", "r1", "r2"] {
        assert!(simulcast(rid, None).is_ok() && simulcast(rid, Some("S")).is_ok());
    }
    for rid in ["auto", "r3", "R0", ""] {
        let violations = simulcast(rid, None).unwrap_err();
        let violation = violations.first().unwrap();
        assert_eq!((violation.wire.as_ref(), violation.rule), ("rid", Rule::OneOf), "{rid}");
    }
    assert_eq!(simulcast("r0", Some("")).unwrap_err().first().unwrap().rule, Rule::Required);
    let spotlight = RequestSpotlightRid::new("r9", Rid::Other("x".into())).send_connection_id("");
    let fields: Vec<_> = spotlight.validate().unwrap_err().into_iter().map(|v| v.field).collect();
    assert_eq!(fields, ["spotlight_focus_rid", "spotlight_unfocus_rid", "send_connection_id"]);
    assert!(ResetSpotlightRid::new().send_connection_id("").validate().is_err());
    assert!(PutSignalingNotifyMetadataItem::new("", Value::Null).validate().is_err());
}

fn call(peer: &mut Peer<()>, method: &str, options: &CallOptions) -> Result<u64, Error> {
    peer.call(Message::raw(method, None).unwrap(), options, Instant::now(), ()).map(|(id, _)| id)
}

/// The code of a refusal that sent nothing.
fn refusal(result: Result<u64, Error>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    assert!(!error.was_sent() && matches!(error.reason(), Reason::Refused(_)), "{error:?}");
    (error.kind(), error.code().unwrap().into_owned())
}

#[test]
fn time_limits() {
    let mut peer = Peer::new(PeerOptions::new());
    let options = CallOptions::new().unchecked();
    for timeout in [Duration::ZERO, Duration::MAX] {
        let error = call(&mut peer, "m", &options.timeout(timeout)).unwrap_err();
        assert_eq!(first(&error), ("timeout", Rule::Range));
    }
    assert_eq!(call(&mut peer, "m", &options.timeout(Duration::from_nanos(1))).unwrap(), 1);
    assert_eq!(call(&mut peer, "m", &options.no_timeout()).unwrap(), 2);
    let late = Instant::now() + Duration::from_secs(1 << 40);
    assert_eq!(peer.expire(late).unwrap().id, 1);
    assert!(peer.expire(late).is_none() && peer.next_deadline().is_none() && peer.pending() == 1);
}

#[test]
fn deadlines_come_in_order_and_skip_what_has_ended() {
    let mut peer = Peer::new(PeerOptions::new());
    let (options, now) = (CallOptions::new().unchecked(), Instant::now());
    let second = Duration::from_secs(1);
    for seconds in [3, 1, 2, 1] {
        let message = Message::raw("m", None).unwrap();
        peer.call(message, &options.timeout(second * seconds), now, ()).unwrap();
    }
    assert_eq!(peer.cancel(2), Some(()));
    assert_eq!(peer.cancel(2), None);
    assert_eq!(peer.next_deadline(), Some(now + second));
    assert!(peer.expire(now + second - Duration::from_nanos(1)).is_none());
    let due: Vec<_> = std::iter::from_fn(|| peer.expire(now + 2 * second)).map(|answer| answer.id).collect();
    assert_eq!((due, peer.pending(), peer.next_deadline()), (vec![4, 3], 1, Some(now + 3 * second)));
    let stats = peer.stats();
    assert_eq!((stats.timed_out, stats.cancelled), (2, 1));
}

#[test]
fn only_permitted_methods() {
    let mut peer = Peer::new(PeerOptions::new());
    let (checked, unchecked) = (CallOptions::new(), CallOptions::new().unchecked());
    assert_eq!(refusal(call(&mut peer, "m", &checked)), (ErrorKind::Unavailable, "not_available".into()));
    assert_eq!(call(&mut peer, "m", &unchecked).unwrap(), 1);

    let lost = peer.offer(false, ["2025.2.0/RequestSimulcastRid"]);
    assert_eq!(lost[0].outcome.as_ref().unwrap_err().code().unwrap(), "not_available");
    assert!(lost[0].outcome.as_ref().unwrap_err().was_sent());
    assert_eq!(refusal(call(&mut peer, "m", &checked)).1, "not_available");

    assert!(peer.offer(true, ["2025.2.0/RequestSimulcastRid", "2025.2.0/ResetSpotlightRid"]).is_empty());
    for (method, expected) in [
        ("RequestSimulcastRid", Some("2025.2.0/RequestSimulcastRid")),
        ("2024.1.0/requestSimulcastRids", Some("2025.2.0/RequestSimulcastRid")),
        ("2025.2.0/ResetSpotlight", Some("2025.2.0/ResetSpotlightRid")),
        ("2025.2.0/PutSignalingNotifyMetadata", None),
    ] {
        let error = call(&mut peer, method, &checked).unwrap_err();
        assert_eq!(
            (error.kind(), error.code().unwrap().as_ref()),
            (ErrorKind::PermissionDenied, "method_not_permitted")
        );
        let Some(SoraError::MethodNotPermitted { hint, allowed, .. }) = error.service() else {
            panic!("{error}")
        };
        assert_eq!((hint.as_deref(), allowed.len()), (expected, 2), "{method}");
    }
    let message = Message::raw("m", None).unwrap();
    assert!(
        peer.notify(message.clone(), &checked).is_err(),
        "a notification would be ignored without a word"
    );
    assert!(peer.notify(message, &unchecked).is_ok());
    assert_eq!(call(&mut peer, "2025.2.0/ResetSpotlightRid", &checked).unwrap(), 2);
}

#[test]
fn only_on_an_open_channel() {
    let mut peer = Peer::new(PeerOptions::new());
    assert!(peer.offer(true, ["m"]).is_empty());
    let (checked, unchecked) = (CallOptions::new(), CallOptions::new().unchecked());
    assert_eq!(call(&mut peer, "m", &checked).unwrap(), 1);
    peer.set_open(false);
    for options in [&checked, &unchecked] {
        let expected = (ErrorKind::Unavailable, "channel_not_open".into());
        assert_eq!(refusal(call(&mut peer, "m", options)), expected);
    }
    assert_eq!(peer.pending(), 1);
    peer.set_open(true);
    assert_eq!(call(&mut peer, "m", &checked).unwrap(), 2);

    let lost = peer.redirect();
    assert!(lost.iter().all(|answer| answer.outcome.as_ref().unwrap_err().code().unwrap() == "redirected"));
    assert_eq!((lost.len(), refusal(call(&mut peer, "m", &unchecked)).1), (2, "redirected".to_owned()));
    peer.set_open(true);
    assert_eq!(refusal(call(&mut peer, "m", &checked)).0, ErrorKind::Closed);
    assert!(peer.disconnect().is_empty());
    assert_eq!(refusal(call(&mut peer, "m", &checked)), (ErrorKind::Closed, "-1".into()));

    // The next connection goes on counting.
    let mut next = Peer::<()>::new(PeerOptions::new());
    next.skip_to(peer.next_id().unwrap());
    assert_eq!(call(&mut next, "m", &unchecked).unwrap(), 3);
}

#[test]
fn bounds_of_size_and_number() {
    let empty = r#"{"jsonrpc":"2.0","method":"m","id":1}"#.len();
    let mut peer = Peer::new(PeerOptions::new().max_pending(2).max_message(empty));
    let options = CallOptions::new().unchecked();
    assert_eq!(refusal(call(&mut peer, "mm", &options)), (ErrorKind::InvalidInput, "too_large".into()));
    assert_eq!(call(&mut peer, "m", &options).unwrap(), 1, "a refused call uses no id");
    assert_eq!(call(&mut peer, "m", &options).unwrap(), 2);
    assert_eq!(refusal(call(&mut peer, "m", &options)), (ErrorKind::RateLimited, "too_many_pending".into()));
    peer.cancel(1);
    assert_eq!(call(&mut peer, "m", &options).unwrap(), 3);
}
