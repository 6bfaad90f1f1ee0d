//! Idempotency keys that a service makes, passes on, or does not know.

use std::collections::BTreeSet;
use std::time::Duration;

use rtc_core::testing::ScriptedTransport;
use rtc_core::transport::TransportErrorKind as Transport;
use rtc_core::{Caller, ErrorKind, Keys};

use crate::fake::{BASE, Fake, Keyed, Make, Read, config, failure};

/// The base at which the service does with keys what it was told.
const THERE: &str = "https://keys.example.com";

fn caller(keys: Keys, transport: &ScriptedTransport) -> Caller<Fake> {
    let (mut config, _) = config(transport);
    config.endpoint = Some(THERE.into());
    config.caller(Fake { keys: Some(keys), ..Fake::default() }, BASE, "rtc-fake/1.0").unwrap()
}

/// The keys of the requests so far.
fn sent(transport: &ScriptedTransport) -> Vec<Option<String>> {
    let key = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    transport.requests().iter().map(|request| request.headers().get("idempotency-key").map(key)).collect()
}

fn lossy() -> ScriptedTransport {
    ScriptedTransport::new().fail(failure(Transport::Interrupted)).json(503, "{}").json(200, "fine")
}

#[tokio::test]
async fn a_made_key_is_that_of_all_attempts() {
    let transport = lossy();
    let reply = caller(Keys::Made, &transport).call(Keyed::new("a")).reply().await.unwrap();
    let keys = sent(&transport);
    assert_eq!((reply.attempts, keys.len()), (3, 3));
    let key = keys[0].as_deref().unwrap();
    assert!(keys.iter().all(|other| other.as_deref() == Some(key)), "{keys:?}");
    let digits = key.strip_prefix("rtc-").unwrap();
    assert!(digits.len() == 32 && u128::from_str_radix(digits, 16).is_ok(), "{key}");
}

#[tokio::test]
async fn no_two_calls_have_the_same_key() {
    let transport = (0..1000).fold(ScriptedTransport::new(), |script, _| script.json(200, "fine"));
    let caller = caller(Keys::Made, &transport);
    let call = caller.call(Keyed::new("a"));
    for _ in 0..500 {
        // Clones of one call are calls of their own, as are equal ones.
        call.clone().await.unwrap();
        caller.call(Keyed::new("a")).await.unwrap();
    }
    assert_eq!(sent(&transport).into_iter().flatten().collect::<BTreeSet<_>>().len(), 1000);
}

#[tokio::test]
async fn a_given_key_wins_and_an_unknown_one_is_not_sent() {
    for (keys, given, expected) in [
        (Keys::Made, Some("own"), Some("own")),
        (Keys::Given, Some("own"), Some("own")),
        (Keys::Given, None, None),
        (Keys::Unknown, Some("own"), None),
        (Keys::Unknown, None, None),
    ] {
        let transport = lossy();
        let operation = given.map_or_else(|| Keyed::new("a"), |key| Keyed::new("a").key(key));
        let result = caller(keys, &transport).call(operation).await;
        let sent = sent(&transport);
        let case = format!("{keys:?} {given:?}");
        assert!(sent.iter().all(|key| key.as_deref() == expected), "{case}: {sent:?}");
        // Only what the server knows makes a repeat safe.
        assert_eq!(
            (result.is_ok(), sent.len()),
            (expected.is_some(), if expected.is_some() { 3 } else { 1 }),
            "{case}"
        );
        if let Err(error) = result {
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Connection, false), "{case}");
        }
    }
}

/// A key that was made ends with its call: the next one would be another action.
#[tokio::test]
async fn a_call_that_failed_tells_whether_another_one_is_safe() {
    for (keys, given, retryable) in [
        (Keys::Made, None, false),
        (Keys::Made, Some("own"), true),
        (Keys::Given, None, false),
        (Keys::Given, Some("own"), true),
        (Keys::Unknown, Some("own"), false),
    ] {
        let transport = lossy();
        let operation = given.map_or_else(|| Keyed::new("a"), |key| Keyed::new("a").key(key));
        let call = caller(keys, &transport).call(operation).timeout(Duration::from_nanos(1));
        let error = call.await.unwrap_err();
        let told = (error.was_sent(), error.is_retryable());
        assert_eq!(told, (true, retryable), "{keys:?} {given:?}: {error:?}");
        assert_eq!(transport.requests().len(), 1);
    }
    // Nothing has happened if all that came was a refusal without effect; something may have before the last one.
    let refused = || ScriptedTransport::new().json(429, "{}").json(429, "{}");
    for (transport, retryable) in [
        (refused().json(429, "{}"), true),
        (refused().json(503, "{}"), false),
        (ScriptedTransport::new().json(503, "{}").json(429, "{}").json(429, "{}"), false),
    ] {
        let error = caller(Keys::Made, &transport).call(Keyed::new("a")).await.unwrap_err();
        assert_eq!((error.attempts(), error.is_retryable()), (3, retryable), "{error:?}");
    }
}

#[tokio::test]
async fn the_base_of_the_call_decides() {
    for (keys, here) in [(Keys::Made, true), (Keys::Unknown, false)] {
        let transport = ScriptedTransport::new().json(200, "fine").json(200, "fine");
        let caller = caller(keys, &transport);
        caller.call(Keyed::new("a").key("own")).await.unwrap();
        caller.call(Keyed::new("a")).endpoint("https://other.example.com").await.unwrap();
        let sent = sent(&transport);
        assert_eq!((sent[0].is_some(), sent[1].is_some()), (here, false), "{keys:?}");
    }
}

#[tokio::test]
async fn other_operations_get_none() {
    let transport = ScriptedTransport::new().json(200, "fine").json(200, "fine");
    let caller = caller(Keys::Made, &transport);
    caller.call(Make::new("a").key("own")).await.unwrap();
    caller.call(Read::new("a")).await.unwrap();
    assert_eq!(sent(&transport), [None, None]);
}
