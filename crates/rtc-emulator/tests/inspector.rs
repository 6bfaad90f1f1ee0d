//! What the page under `/_emulator/` is given.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests, shared by several files"
)]

mod common;

use std::time::Duration;

use common::{body, builder, connect, make, manage, raw, request};
use rtc_emulator::Emulator;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let emulator = Emulator::start().await.unwrap();
    for path in ["/_emulator", "/_emulator/"] {
        let answer = raw(&emulator, &request("GET", path, "")).await;
        let (head, page) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 200") && head.contains("content-type: text/html; charset=utf-8"),
            "{head}"
        );
        let policy = head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        for header in
            ["x-content-type-options: nosniff", "cache-control: no-store", "referrer-policy: no-referrer"]
        {
            assert!(head.contains(header), "{head}");
        }
        for elsewhere in ["http://", "https://", "src=\"", "innerHTML", "@import", "url("] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }
    assert_eq!(manage(&emulator, "POST", "", "").await.0, 404, "it is there to be read");
    assert_eq!(manage(&emulator, "POST", "inspector", "").await.0, 404);
    assert_eq!(manage(&emulator, "GET", "inspector/state/nobody", "").await.0, 404);
    assert_eq!(manage(&emulator, "GET", "inspector/more", "").await.0, 404);
    assert!(emulator.log().is_empty(), "looking is not logged");
}

#[tokio::test]
async fn the_log_is_given_from_where_the_page_is() {
    let emulator = builder().log_capacity(700).start().await.unwrap();
    let ask = async |since: u64| manage(&emulator, "GET", &format!("inspector?since={since}"), "").await.1;
    let nothing = ask(0).await;
    assert_eq!(
        (&nothing["entries"], &nothing["first"], &nothing["next"]),
        (&json!([]), &json!(1), &json!(1))
    );
    assert_eq!((&nothing["loopback"], &nothing["manual"]), (&json!(true), &json!(false)));
    make(&emulator).await;
    make(&emulator).await;
    let numbers = |told: &Value| {
        told["entries"].as_array().unwrap().iter().map(|e| e["seq"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&ask(0).await), [1, 2]);
    let told = ask(1).await;
    assert_eq!((numbers(&told), &told["next"]), (vec![json!(2)], &json!(3)));
    assert_eq!(
        (&told["entries"][0]["operation"], &told["entries"][0]["status"]),
        (&json!("make"), &json!(200))
    );
    for since in [2, 3, u64::MAX] {
        assert_eq!(numbers(&ask(since).await), Vec::<Value>::new(), "{since}");
    }
    emulator.clear_log();
    assert_eq!(ask(0).await["first"], 3, "what was before is gone");

    let many = "GET /nobody HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(799);
    raw(&emulator, &format!("{many}{}", request("GET", "/nobody", ""))).await;
    let told = ask(0).await;
    assert_eq!((&told["first"], &told["next"]), (&json!(103), &json!(803)));
    let given = numbers(&told);
    assert_eq!((given.len(), &given[0], &given[499]), (500, &json!(303), &json!(802)), "the latest 500");
    assert_eq!(numbers(&ask(800).await), [801, 802]);
}

#[tokio::test]
async fn a_call_whose_client_left_is_no_longer_under_way() {
    let emulator = builder().start().await.unwrap();
    manage(&emulator, "POST", "faults", r#"{"action":{"kind":"delay","ms":3600000}}"#).await;
    let mut stream = connect(&emulator).await;
    stream.write_all(request("POST", "/fake/a/things", r#"{"name":"n"}"#).as_bytes()).await.unwrap();
    let mut look = tokio::time::interval(Duration::from_millis(1));
    let mut until = async |ended: bool| {
        let found = async {
            while emulator.log().first().is_none_or(|entry| entry.duration_ms.is_some() != ended) {
                look.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.expect("it is not told")
    };
    until(false).await;
    drop(stream);
    until(true).await;
    assert_eq!(emulator.log()[0].status, None, "nobody was answered");
}

#[tokio::test]
async fn no_secret_is_shown() {
    let emulator = Emulator::builder().quotas(false).start().await.unwrap();
    let (user, key) = (emulator.mediasfu().api_user_name(), emulator.mediasfu().api_key());
    let create =
        r#"{"action":"create","duration":60,"capacity":10,"userName":"host1","secureCode":"canary-code"}"#;
    let head =
        format!("authorization: Bearer {user}:{key}\r\ncontent-type: application/json\r\nconnection: close");
    let length = create.len();
    let sent = format!(
        "POST /v1/rooms/ HTTP/1.1\r\nhost: localhost\r\n{head}\r\ncontent-length: {length}\r\n\r\n{create}"
    );
    let answer = raw(&emulator, &sent).await;
    let room: Value = serde_json::from_str(body(&answer)).unwrap();
    let secret = room["secret"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let rule = r#"{"id":"f","action":{"kind":"status","status":500,"headers":{"x-token":"canary-header"},"body":{"secret":"canary-body"}}}"#;
    manage(&emulator, "POST", "faults", rule).await;
    let mut shown = String::new();
    for path in ["inspector", "inspector/state", "inspector/state/mediasfu"] {
        shown += &manage(&emulator, "GET", path, "").await.1.to_string();
    }
    assert!(shown.contains("host1") && shown.contains(room["roomName"].as_str().unwrap()), "{shown}");
    for hidden in [key, secret, "canary-code", "canary-header", "canary-body"] {
        assert!(!shown.contains(hidden), "{hidden} is in {shown}");
    }
    let state = manage(&emulator, "GET", "state", "").await.1.to_string();
    assert!(state.contains(secret), "the management API itself gives state back as it is");
}

#[tokio::test]
async fn what_is_kept_is_counted() {
    let emulator = Emulator::start().await.unwrap();
    let (_, numbers) = manage(&emulator, "GET", "inspector/state", "").await;
    for (name, what) in [
        ("mediasfu", "rooms"),
        ("opentok", "sessions"),
        ("kvs-signaling", "channels"),
        ("enablex", "rooms"),
        ("sora-rpc", "channels"),
    ] {
        assert!(numbers[name][what].is_u64(), "{name} {what}: {numbers}");
    }
    assert!(numbers["mediasfu"]["quirks"].is_null(), "switches are not counted");
}
