//! Each fault as a client sees it, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests, shared by two files"
)]

mod common;

use std::time::{Duration, SystemTime};

use common::{body, builder, make};
use rtc_emulator::{Action, DropWhen, Emulator, EmulatorClock, Fault};
use serde_json::json;

async fn with(action: serde_json::Value) -> (Emulator, String) {
    let clock = EmulatorClock::manual(SystemTime::UNIX_EPOCH);
    let emulator = builder().clock(clock).start().await.unwrap();
    emulator.add_faults(json!({"operation": "make", "times": 1, "action": action})).unwrap();
    let answer = make(&emulator).await;
    assert_eq!(emulator.log()[0].fault.as_deref(), Some("f1"));
    assert!(make(&emulator).await.starts_with("HTTP/1.1 200"), "only once");
    (emulator, answer)
}

/// How often the provider acted: once for the second call, once more if it did for the first.
fn acted(emulator: &Emulator) -> bool {
    emulator.state()["fake"]["made"] == 2
}

#[tokio::test]
async fn answers_in_the_providers_place() {
    let (emulator, answer) =
        with(json!({"kind": "status", "status": 503, "headers": {"x-a": "b"}, "body": {"m": 1}})).await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("x-a: b\r\n") && body(&answer) == r#"{"m":1}"#
    );
    assert!(!acted(&emulator));
    assert_eq!(emulator.log()[0].status, Some(503));
    let (emulator, answer) = with(json!({"kind": "redirect", "location": "http://b/"})).await;
    assert!(
        answer.starts_with("HTTP/1.1 307") && answer.contains("location: http://b/\r\n") && !acted(&emulator)
    );
    let (emulator, answer) = with(json!({"kind": "retry_after", "value": 7})).await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 7\r\n") && !acted(&emulator));
    let value = "Thu, 01 Jan 1970 00:01:00 GMT";
    let (_, answer) = with(json!({"kind": "retry_after", "status": 503, "value": value})).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains(&format!("retry-after: {value}\r\n")));
    let (emulator, answer) = with(json!({"kind": "html", "status": 502})).await;
    assert!(
        answer.starts_with("HTTP/1.1 502") && answer.contains("content-type: text/html") && !acted(&emulator)
    );
    assert!(body(&answer).starts_with("<!doctype html>"));
}

#[tokio::test]
async fn dropped_connections() {
    let (emulator, answer) = with(json!({"kind": "drop", "when": "before"})).await;
    assert!(answer.is_empty() && !acted(&emulator));
    assert_eq!(emulator.log()[0].status, None);
    let (emulator, answer) = with(json!({"kind": "drop", "when": "after"})).await;
    assert!(answer.is_empty() && acted(&emulator));
    assert_eq!(emulator.log()[0].status, None);
    let (emulator, answer) = with(json!({"kind": "drop", "when": "during_headers"})).await;
    assert_eq!((answer.as_str(), acted(&emulator)), ("HTTP/1.1 200", true));
    let (emulator, answer) = with(json!({"kind": "drop", "when": "during_body"})).await;
    assert_eq!((body(&answer).len(), acted(&emulator)), (length(&answer) / 2, true));
    let (_, answer) = with(json!({"kind": "truncate", "bytes": 5})).await;
    assert_eq!(body(&answer), r#"{"id""#);
    assert!(length(&answer) > 5);
}

fn length(answer: &str) -> usize {
    let (_, rest) = answer.split_once("content-length: ").unwrap();
    rest.split_once("\r\n").unwrap().0.parse().unwrap()
}

#[tokio::test]
async fn other_bodies() {
    let (emulator, answer) = with(json!({"kind": "garbage"})).await;
    assert!(answer.starts_with("HTTP/1.1 200") && acted(&emulator));
    assert!(serde_json::from_str::<serde_json::Value>(body(&answer)).is_err());
    let (_, answer) = with(json!({"kind": "huge", "bytes": 3_000_001})).await;
    assert_eq!((length(&answer), body(&answer).len()), (3_000_001, 3_000_001));
}

#[tokio::test]
async fn a_wrong_clock() {
    let (_, answer) = with(json!({"kind": "clock_skew", "seconds": 600})).await;
    assert!(answer.contains("date: Thu, 01 Jan 1970 00:10:00 GMT\r\n"), "{answer}");
    assert!(body(&answer).contains("1970-01-01T00:10:00.000Z"));
    let (_, answer) = with(json!({"kind": "clock_skew", "seconds": i64::MIN})).await;
    assert!(answer.contains("date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), "{answer}");
}

#[tokio::test]
async fn time_passes_only_by_hand() {
    let emulator = builder().clock(EmulatorClock::manual(SystemTime::UNIX_EPOCH)).start().await.unwrap();
    emulator.add_fault(Fault::new(Action::Delay { ms: 60_000 }).nth(1)).unwrap();
    emulator.add_fault(Fault::new(Action::Slow { bytes_per_second: 100 }).nth(2)).unwrap();
    let clock = emulator.clock().clone();
    let (answer, ()) = tokio::join!(make(&emulator), async {
        clock.wait_for_sleepers(1).await;
        assert_eq!(emulator.state()["fake"]["made"], 1, "it acts first");
        clock.advance(Duration::from_secs(60));
    });
    assert!(answer.starts_with("HTTP/1.1 200"));
    assert_eq!(emulator.log()[0].duration_ms, Some(60_000));
    let before = clock.now();
    let driver = async {
        loop {
            clock.wait_for_sleepers(1).await;
            clock.advance(Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    let slow = tokio::select! {
        slow = make(&emulator) => slow,
        () = driver => String::new(),
    };
    let pieces = u32::try_from(body(&answer).len().div_ceil(10)).unwrap();
    assert!(clock.now() >= before + pieces * Duration::from_millis(100));
    assert_eq!(body(&slow).len(), body(&answer).len());
}

#[tokio::test]
async fn a_client_that_leaves_is_still_logged() {
    use tokio::io::AsyncWriteExt;

    let emulator = builder().clock(EmulatorClock::manual(SystemTime::UNIX_EPOCH)).start().await.unwrap();
    emulator.add_fault(Fault::new(Action::Delay { ms: 1 })).unwrap();
    let mut stream = common::connect(&emulator).await;
    let request = common::request("POST", "/fake/a/things", r#"{"name":"n"}"#);
    stream.write_all(request.as_bytes()).await.unwrap();
    emulator.clock().wait_for_sleepers(1).await;
    drop(stream);
    while emulator.clock().sleepers() > 0 {
        tokio::task::yield_now().await;
    }
    let log = emulator.log();
    assert_eq!((log[0].status, log[0].operation.as_deref()), (None, Some("make")));
    assert!(emulator.add_fault(Fault::new(Action::Drop { when: DropWhen::After })).is_ok());
}
