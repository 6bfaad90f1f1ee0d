//! What the service refuses, in all the forms it does: kinds, its own words, what may be repeated, and no secret.
//! The words of `create_room` are tested in `wire.rs`, what is sent again in `errors.rs` and `keys.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

#[path = "common/rest.rs"]
mod common;
#[path = "common/every.rs"]
mod every;

use std::time::Duration;

use common::{KEY, ROOM, USER, builder, clock, room};
use every::{Always, every};
use mediasfu::*;
use rtc_core::RetryPolicy;
use rtc_core::http::Response;
use rtc_core::testing::ScriptedTransport;
use serde_json::json;

const CANARY: &str = "canary1234567890canary1234567890";

/// The texts in which a refusal may come, and what is told of each: message and code.
fn bodies() -> Vec<(String, Option<&'static str>, Option<&'static str>)> {
    vec![
        (r#"{"error":"No way"}"#.into(), Some("No way"), None),
        (r#"{"message":"No way","success":false}"#.into(), Some("No way"), None),
        (r#"{"code":"E_NO","error":"No way"}"#.into(), Some("No way"), Some("E_NO")),
        (r#"{"code":17,"error":"No way"}"#.into(), Some("No way"), Some("17")),
        (r#"{"code":"","error":"No way"}"#.into(), Some("No way"), None),
        (r#"{"code":{},"error":"No way"}"#.into(), Some("No way"), None),
        (r#"{"error":{"why":"No way"}}"#.into(), Some(r#"{"why":"No way"}"#), None),
        ("\u{feff}{\"error\":\"No\\r\\nway\"}".into(), Some("No  way"), None),
        (r#"["No way"]"#.into(), None, None),
        (r#""No way""#.into(), None, None),
        ("No way".into(), None, None),
        ("<html><h1>No way</h1></html>".into(), None, None),
        (String::new(), None, None),
    ]
}

#[tokio::test]
async fn every_operation_tells_a_refusal() {
    for (status, kind) in [
        (400, ErrorKind::InvalidInput),
        (401, ErrorKind::Unauthenticated),
        (403, ErrorKind::PermissionDenied),
        (404, ErrorKind::NotFound),
        (409, ErrorKind::Conflict),
        (422, ErrorKind::InvalidInput),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Unavailable),
        (502, ErrorKind::Unavailable),
    ] {
        for (body, message, code) in bodies() {
            let server = Always::json(status, body.clone());
            for (operation, outcome) in every(&server.client()).await {
                let error = outcome.unwrap_err();
                let case = format!("{operation} {status} {body}");
                assert_eq!((error.kind(), error.attempts(), error.was_sent()), (kind, 1, true), "{case}");
                assert_eq!(error.status().map(|s| s.as_u16()), Some(status), "{case}");
                let Some(MediaSfuError::Api {
                    operation: told,
                    message: words,
                    code: number,
                    body: shown,
                    ..
                }) = error.service()
                else {
                    panic!("{case}: {error:?}")
                };
                assert_eq!(
                    (*told, words.as_deref(), number.as_deref()),
                    (operation, message, code),
                    "{case}"
                );
                assert_eq!(shown.is_empty(), body.is_empty(), "{case}");
                let text = error.to_string();
                match message {
                    Some(message) => assert!(text.ends_with(message), "{case}: {text}"),
                    None => assert!(text.ends_with(&format!("Status: {status}")), "{case}: {text}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_success_that_says_no_is_a_refusal_of_every_operation() {
    for status in [200, 201, 202, 206] {
        for no in ["false", r#""false""#, r#""False""#, r#"" FALSE ""#] {
            let body =
                format!(r#"{{"success":{no},"error":"Rejected.","code":7,"data":[],"eventsSettings":{{}}}}"#);
            for (operation, outcome) in every(&Always::json(status, body).client()).await {
                let error = outcome.unwrap_err();
                let told = (error.kind(), error.detail(), error.is_retryable(), error.attempts());
                assert_eq!(
                    told,
                    (ErrorKind::Other, Some("Rejected."), false, 1),
                    "{operation} {status} {no}"
                );
                assert_eq!(error.code().as_deref(), Some("7"), "{operation}");
            }
        }
    }
}

#[tokio::test]
async fn only_a_no_of_its_own_counts() {
    let loose = json!({"keys": [{"success": false}], "note": "false"}).to_string();
    for body in
        [&loose, r#"{"success":"no","x":false}"#, r#"{"success":null,"x":false}"#, r#"[{"success":false}]"#]
    {
        let outcomes = every(&Always::json(200, body.to_owned()).client()).await;
        assert!(outcomes["list_rooms"].is_ok() && outcomes["delete_room"].is_ok(), "{body}");
        // Where a room is missed, that is what is told.
        assert_eq!(outcomes["create_room"].as_ref().unwrap_err().kind(), ErrorKind::Protocol);
    }
    // Operations without an output need no answer at all.
    for (operation, outcome) in every(&Always::json(204, "").client()).await {
        let silent = operation.starts_with("delete_");
        assert!(!silent || outcome.is_ok(), "{operation}: {outcome:?}");
    }
}

#[tokio::test]
async fn no_secret_is_told_by_any_operation() {
    let bodies = [
        json!({"error": format!("bad key {KEY} of Bearer {USER}:{KEY}, tempprod{CANARY}")}).to_string(),
        json!({"error": "x", "details": [{"webhookSecret": CANARY, "password": CANARY, "accessToken": CANARY}]}).to_string(),
        json!({"message": {"api-key": CANARY, "publicURL": CANARY, "Secure_Code": CANARY, "adminPasscode": CANARY}}).to_string(),
        format!("<p>Bearer {USER}:{KEY}</p><i>tempsand{CANARY}</i>"),
        // What these operations sent themselves.
        json!({"error": "unknown token media-token"}).to_string(),
    ];
    for body in bodies {
        for status in [200, 403, 500] {
            let body =
                if status == 200 { body.replacen('{', r#"{"success":false,"#, 1) } else { body.clone() };
            for (operation, outcome) in every(&Always::json(status, body.clone()).client()).await {
                let Err(error) = outcome else { continue };
                let text = format!("{error} {error:?} {error:#?} {:?} {:?}", error.detail(), error.code());
                let whips = matches!(operation, "publish_whip" | "play_whep" | "delete_media_resource");
                assert!(!text.contains(CANARY) && !text.contains(&KEY[..20]), "{operation}: {text}");
                assert!(!whips || !text.contains("media-token"), "{operation}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn the_wait_that_the_service_asks_for_is_kept() {
    for (wait, kind) in [("3", ServerKind::Cloud), ("Thu, 01 Jan 2026 00:00:03 GMT", ServerKind::Community)] {
        let throttled = || Response::builder().status(429).header("retry-after", wait).body("{}").unwrap();
        let transport = ScriptedTransport::new().answer(throttled()).answer(throttled()).json(201, ROOM);
        let clock = clock();
        let client = builder(&transport).clock(clock.clone()).server(kind).build().unwrap();
        let reply = client.create_room(room()).reply().await.unwrap();
        assert_eq!((reply.attempts, transport.requests().len()), (3, 3), "refused without effect, {kind:?}");
        let waited = clock.passed();
        let least = if wait == "3" { Duration::from_secs(6) } else { Duration::from_secs(3) };
        assert!(waited >= least && waited < Duration::from_secs(15), "{waited:?}");
    }
    // Longer than the call may take: told at once, with the wait.
    let long = Response::builder().status(429).header("retry-after", "60").body("{}").unwrap();
    let clock = clock();
    let transport = ScriptedTransport::new().answer(long);
    let client = builder(&transport).clock(clock.clone()).build().unwrap();
    let error = client.create_room(room()).await.unwrap_err();
    assert_eq!((error.retry_after(), error.attempts()), (Some(Duration::from_secs(60)), 1));
    assert!(error.is_retryable() && clock.passed() < Duration::from_secs(1));
}

/// What is repeated by itself, at the cloud: reading and deleting always, making with the key that is made.
#[tokio::test]
async fn which_operations_are_repeated() {
    let keyed = ["create_room", "join_room", "create_external_session", "create_playback"];
    let again = |operation: &str| {
        let deletes = ["delete_external_session", "delete_playback", "delete_media_resource"];
        operation.starts_with("get_")
            || operation.starts_with("list_")
            || operation == "check_session"
            || keyed.contains(&operation)
            || deletes.contains(&operation)
    };
    for (status, passing) in [(502, true), (503, true), (504, true), (500, false), (404, false)] {
        let client = Always::json(status, "{}").builder().retry(RetryPolicy::default().with_budget(1000));
        for (operation, outcome) in every(&client.build().unwrap()).await {
            let error = outcome.unwrap_err();
            assert_eq!(error.attempts() > 1, passing && again(operation), "{operation} {status}");
            // Another call would have another key.
            let safe = passing && again(operation) && !keyed.contains(&operation);
            assert_eq!(error.is_retryable(), safe, "{operation} {status}");
        }
    }
}
