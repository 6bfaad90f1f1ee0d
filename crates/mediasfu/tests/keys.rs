//! Idempotency keys: one for each call of the cloud, the same in all its attempts; none at a Community Edition.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

#[path = "common/rest.rs"]
mod common;

use std::collections::BTreeSet;

use common::{ROOM, builder, room};
use mediasfu::*;
use rtc_core::testing::ScriptedTransport;
use rtc_core::{TransportError, TransportErrorKind};

/// Two answers that are lost, each in its way, then this one.
fn lossy(script: ScriptedTransport, body: &'static str) -> ScriptedTransport {
    script.fail(TransportError::new(TransportErrorKind::Interrupted)).json(503, "{}").json(201, body)
}

/// The keys of the requests so far.
fn keys(transport: &ScriptedTransport) -> Vec<Option<String>> {
    let key = |value: &rtc_core::http::HeaderValue| value.to_str().unwrap().to_owned();
    transport.requests().iter().map(|request| request.headers().get("idempotency-key").map(key)).collect()
}

#[tokio::test]
async fn one_for_all_attempts_of_a_call_and_another_for_the_next() {
    let source = r#"{"sessionID":"e","ingest":{"url":"https://h","token":"t"}}"#;
    let playback = r#"{"playbackID":"p","endpointUrl":"https://h","playbackToken":"t"}"#;
    let transport = [ROOM, ROOM, ROOM, source, playback].into_iter().fold(ScriptedTransport::new(), lossy);
    let client = builder(&transport).build().unwrap();
    let ingest = || Ingest::new([TrackKind::Audio]);
    client.create_room(room()).await.unwrap();
    // The same request once more is another action.
    client.create_room(room()).await.unwrap();
    client.join_room(JoinRoom::new("s1", "guest1")).await.unwrap();
    client.create_external_session(CreateExternalSession::new("s1", "cam", "host", ingest())).await.unwrap();
    client.create_playback(CreatePlayback::new("s1", "e", ["audio"])).await.unwrap();
    let keys = keys(&transport);
    assert_eq!(keys.len(), 15);
    let mut each = BTreeSet::new();
    for attempts in keys.chunks(3) {
        let key = attempts[0].clone().unwrap();
        assert!(attempts.iter().all(|other| other.as_ref() == Some(&key)), "{attempts:?}");
        assert!((8..=128).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()), "{key}");
        each.insert(key);
    }
    assert_eq!(each.len(), 5, "{each:?}");
}

#[tokio::test]
async fn a_call_that_is_awaited_twice_is_two_calls() {
    let transport = ScriptedTransport::new().json(201, ROOM).json(201, ROOM);
    let call = builder(&transport).build().unwrap().create_room(room());
    call.clone().await.unwrap();
    call.await.unwrap();
    let keys = keys(&transport);
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn a_given_key_comes_first() {
    for on in [true, false] {
        let transport = lossy(ScriptedTransport::new(), ROOM);
        let client = builder(&transport).idempotency_keys(on).build().unwrap();
        client.create_room(room().idempotency_key("order-0001")).await.unwrap();
        assert_eq!(keys(&transport), vec![Some("order-0001".to_owned()); 3]);
    }
}

#[tokio::test]
async fn switched_off_there_is_none_and_nothing_is_repeated() {
    let transport = lossy(ScriptedTransport::new(), ROOM);
    let client = builder(&transport).idempotency_keys(false).build().unwrap();
    let error = client.create_room(room()).await.unwrap_err();
    assert_eq!((error.attempts(), error.was_sent(), error.is_retryable()), (1, true, false));
    let error = client.join_room(JoinRoom::new("s1", "guest1")).await.unwrap_err();
    assert_eq!((error.attempts(), error.kind()), (1, ErrorKind::Unavailable));
    assert_eq!(keys(&transport), [None, None]);
}

#[tokio::test]
async fn a_community_edition_gets_none_and_nothing_is_repeated_because_of_one() {
    for (endpoint, kind) in [
        ("https://ce.example.com", None),
        ("https://mediasfu.com", Some(ServerKind::Community)),
        ("https://notmediasfu.com", None),
    ] {
        for request in [room(), room().idempotency_key("order-0001")] {
            let transport = lossy(ScriptedTransport::new(), ROOM);
            let builder = builder(&transport).endpoint(endpoint);
            let builder = if let Some(kind) = kind { builder.server(kind) } else { builder };
            let error = builder.build().unwrap().create_room(request).await.unwrap_err();
            assert_eq!((error.attempts(), error.is_retryable()), (1, false), "{endpoint}");
            assert_eq!(keys(&transport), [None], "{endpoint}");
        }
    }
    // What surely did not arrive is still sent again, and so is what was refused without effect.
    let unsent = || TransportError::new(TransportErrorKind::Connect);
    let transport = ScriptedTransport::new().fail(unsent()).json(429, "{}").json(201, ROOM);
    let client = builder(&transport).endpoint("https://ce.example.com").build().unwrap();
    client.create_room(room()).await.unwrap();
    assert_eq!(keys(&transport), [None, None, None]);
}

#[tokio::test]
async fn the_endpoint_of_the_call_decides() {
    let transport = ScriptedTransport::new().json(201, ROOM).json(201, ROOM);
    let client = builder(&transport).build().unwrap();
    client.create_room(room()).endpoint("https://ce.example.com").await.unwrap();
    client.create_room(room()).endpoint("https://eu.mediasfu.com").await.unwrap();
    let keys = keys(&transport);
    assert!(keys[0].is_none() && keys[1].is_some(), "{keys:?}");
}

/// A key that cannot be one is told, whether or not the server would get it.
#[tokio::test]
async fn a_bad_key_is_refused() {
    for endpoint in ["https://mediasfu.com", "https://ce.example.com"] {
        let transport = ScriptedTransport::new();
        let client = builder(&transport).endpoint(endpoint).build().unwrap();
        let error = client.create_room(room().idempotency_key("two words")).await.unwrap_err();
        assert_eq!((error.kind(), transport.requests().len()), (ErrorKind::InvalidInput, 0));
    }
}
