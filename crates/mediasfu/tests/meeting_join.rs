//! Joining over a connection that stands, and a command that is confirmed in two ways.

#![cfg(feature = "socketio")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/media.rs"]
#[allow(dead_code)]
mod media;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use mediasfu::{
    AttemptLimiter, CreateEventRoom, ErrorKind, Level, MediaSfuError, MeetingEvent, MeetingOptions,
    UpdateCoHost,
};
use serde_json::{Value, json};

use media::{Media, ack, event, friendly, room};

#[tokio::test]
async fn a_co_host_is_confirmed_by_an_acknowledgement_or_by_the_event() {
    fn refusing(event: &str, content: &Value) -> Vec<String> {
        match event {
            "updateCoHost" => vec![ack(&json!({ "success": false, "reason": "not you" }))],
            _ => friendly(event, content),
        }
    }
    // The cloud may not acknowledge it: then the event counts, whoever else is told of before.
    fn telling(name: &str, content: &Value) -> Vec<String> {
        let told = json!({ "coHost": "guest1", "coHostResponsibilities": [] });
        match name {
            "updateCoHost" => {
                vec![event("personJoined", &json!({ "name": "x" })), event("updatedCoHost", &told)]
            }
            _ => friendly(name, content),
        }
    }
    let (meeting, _events) = Media::new(refusing).enter(room()).await.unwrap();
    let error = meeting.update_co_host(UpdateCoHost::new("guest1")).await.unwrap_err();
    assert_eq!((error.detail(), error.was_sent()), (Some("not you"), true));

    let (meeting, mut events) = Media::new(telling).enter(room()).await.unwrap();
    meeting.update_co_host(UpdateCoHost::new("guest1")).await.unwrap();
    let mut told = false;
    while let Some(event) = events.next().await {
        if let MeetingEvent::CoHostUpdated(change) = event {
            told = change.co_host.as_deref() == Some("guest1");
            break;
        }
    }
    assert!(told, "the event is there for the others, too");
}

#[tokio::test]
async fn a_connection_that_ends_ends_the_wait_for_the_confirmation() {
    fn gone(event: &str, content: &Value) -> Vec<String> {
        if event == "updateCoHost" { vec!["drop".into()] } else { friendly(event, content) }
    }
    let (meeting, _events) = Media::new(gone).enter(room()).await.unwrap();
    let error = meeting.update_co_host(UpdateCoHost::new("guest1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn who_is_not_let_in_keeps_the_connection() {
    fn shy(event: &str, content: &Value) -> Vec<String> {
        match (event, content["member"].as_str()) {
            ("joinRoom", Some("early")) => {
                vec![ack(&json!({ "hostNotJoined": true, "rtpCapabilities": null }))]
            }
            _ => friendly(event, content),
        }
    }
    let server = Media::new(shy);
    let (meeting, _events) = server.enter(room()).await.unwrap();
    assert!(meeting.join("early", Level::Participant).await.unwrap_err().detail().is_some());
    assert_eq!(meeting.join("host1", Level::Host).await.unwrap().is_host, Some(true));
    let sent = server.frames();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1][1]["roomName"], "s12345678");
    assert_eq!((&sent[1][1]["sec"], &sent[1][1]["islevel"]), (&json!(media::SECRET), &json!("2")));

    let error = meeting.join("!", Level::Participant).await.unwrap_err();
    let broken: Vec<_> = error.violations().unwrap().iter().map(|v| v.field.to_string()).collect();
    assert_eq!(broken, ["member"]);
    assert_eq!(server.frames().len(), 2, "nothing was sent");
}

#[tokio::test]
async fn a_confirmation_is_about_the_co_host_that_was_asked_for() {
    // Somebody else names another one at the same time; ours is refused after that.
    fn crossing(name: &str, content: &Value) -> Vec<String> {
        let other = json!({ "coHost": "other", "coHostResponsibilities": [] });
        match name {
            "updateCoHost" => {
                vec![event("updatedCoHost", &other), ack(&json!({ "success": false, "reason": "not you" }))]
            }
            _ => friendly(name, content),
        }
    }
    let (meeting, _events) = Media::new(crossing).enter(room()).await.unwrap();
    let error = meeting.update_co_host(UpdateCoHost::new("guest1")).await.unwrap_err();
    assert_eq!(error.detail(), Some("not you"));
}

#[tokio::test]
async fn of_many_connections_at_once_no_more_go_out_than_may_still_fail() {
    let refusing = Media::greeting(friendly, vec![r#"44/media,{"message":"no"}"#.into()]);
    let limiter = AttemptLimiter::new();
    let enter = || refusing.enter_with(room(), MeetingOptions::new().limiter(limiter.clone()));
    assert!(enter().await.is_err());
    let outcomes = join_all((0..100).map(|_| enter())).await;
    let refused_here = |outcome: &mediasfu::Result<_>| {
        matches!(
            outcome.as_ref().err().and_then(|error| error.service()),
            Some(MediaSfuError::TooManyAttempts)
        )
    };
    assert_eq!(outcomes.iter().filter(|outcome| refused_here(outcome)).count(), 91);
    assert_eq!(refusing.urls().len(), 10);
}

#[tokio::test]
async fn a_connection_that_is_given_up_leaves_its_place() {
    let silent = Media::greeting(friendly, Vec::new());
    let limiter = AttemptLimiter::new();
    limiter.restore(" s12345678", 9, std::time::Duration::ZERO);
    for _ in 0..20 {
        let entering = silent.enter_with(room(), MeetingOptions::new().limiter(limiter.clone()));
        // Polled until it waits for the server, then dropped.
        let mut entering = std::pin::pin!(entering);
        for _ in 0..20 {
            assert!(entering.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    }
    assert_eq!((silent.urls().len(), limiter.counted(" s12345678")), (20, 9));
}

#[tokio::test]
async fn a_code_that_a_refusal_repeats_is_hidden() {
    fn telling(name: &str, content: &Value) -> Vec<String> {
        match name {
            "createRoom" => {
                let reason = format!("the code {} is too short", content["secureCode"].as_str().unwrap());
                vec![ack(&json!({ "success": false, "reason": reason }))]
            }
            _ => friendly(name, content),
        }
    }
    let (meeting, _events) = Media::new(telling).enter(room()).await.unwrap();
    let request = CreateEventRoom::new("m1", 30, 5, "host1").secure_code("open-sesame");
    let answer = meeting.create_event_room(request).await.unwrap();
    assert_eq!(answer.reason.as_deref(), Some("the code [redacted] is too short"));
}
