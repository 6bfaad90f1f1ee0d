//! What the room says in an order of its own, and what it repeats of what it was told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/script.rs"]
mod script;

use std::time::SystemTime;

use enablex::room::{Phase, Protocol};
use enablex::{RoomOptions, RtmpDetails, StartStreaming};
use rtc_core::testing::ManualClock;
use script::{Reply, Scripted, ack, connected, done, entered, friendly};
use serde_json::{Value, json};

const KEY: &str = "rtmp://live.example.com/app/canary-key";

/// A server that answers everything but the token in this way.
fn after_entering(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Scripted {
    Scripted::new(
        Protocol::Eio4,
        move |connection, frame| {
            if frame[0] == "token" { friendly(connection, frame) } else { reply() }
        },
    )
}

#[tokio::test]
async fn what_was_sent_in_secret_is_not_repeated() {
    let request = || StartStreaming::new(RtmpDetails::new(KEY));
    let refusals = [
        json!(["error", { "result": 7102, "msg": format!("{KEY} cannot be reached") }]),
        json!([null, format!("{KEY} cannot be reached")]),
        json!(["error", { "status": { "resultCode": 7102, "error": { "errorDesc": format!("bad {KEY}") } } }]),
    ];
    for refusal in refusals {
        let server = after_entering(move || ack(refusal.clone()));
        let (room, _events) = server.enter().await.unwrap();
        let error = room.start_streaming(request()).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("[redacted]") && !text.contains("canary"), "{text}");
    }
    let server = after_entering(|| ack(json!([{ "result": 0, "msg": format!("to {KEY}") }])));
    let (room, _events) = server.enter().await.unwrap();
    let said = room.start_streaming(request()).await.unwrap().msg;
    assert_eq!(said.as_deref(), Some("to [redacted]"));
}

#[tokio::test]
async fn a_refused_token_is_not_repeated() {
    let server = Scripted::new(Protocol::Eio4, |_, _| {
        ack(json!(["error", { "result": 1161, "msg": "token canary of edge.example was used" }]))
    });
    let error = server.enter().await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("token [redacted] of edge.example was used"), "{text}");

    let server = Scripted::new(Protocol::Eio4, |_, _| {
        let events =
            vec![json!(["room-disconnected", { "cause": format!("no canary {}", "x".repeat(9000)) }])];
        Reply { events, ..ack(script::joined()) }
    });
    let error = server.enter().await.unwrap_err().to_string();
    assert!(error.contains("no [redacted]") && error.len() < 3000, "{error}");
}

/// Everybody is told of an extension, and who asked for it once more, in either order.
#[tokio::test]
async fn an_extension_counts_once() {
    let told = |content: Value| {
        format!("42{}", json!(["roomManagementEvents", { "id": "conference-extended", "msg": content }]))
    };
    let left = format!(
        "42{}",
        json!(["roomManagementEvents", { "id": "conference-remaining-duration", "msg": { "timeLeft": 29 } }])
    );
    // Of the commands it is the first after the token.
    let ack = r#"431[{"result":0,"extendedTime":20}]"#.to_owned();
    for (first, second) in [
        (told(json!({ "extendedTime": 20, "timeLeft": 29 })), ack.clone()),
        (ack.clone(), told(json!({ "extendedTime": 20, "timeLeft": 29 }))),
        (told(json!({ "extendedTime": 20 })), ack.clone()),
        (ack.clone(), told(json!({ "extendedTime": 20 }))),
        (left.clone(), ack.clone()),
        (ack.clone(), left.clone()),
    ] {
        let packets = vec![first, second];
        let script = packets.clone();
        let server = after_entering(move || Reply { packets: script.clone(), ..Reply::default() });
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let (room, _events) = server.enter_with(RoomOptions::new().clock(clock.clone())).await.unwrap();
        server.pass(&clock, 21).await;
        room.extend_conference_duration().await.unwrap();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(room.extension_state().unwrap().time_left, 29.0, "{packets:?}");
    }
}

#[tokio::test]
async fn a_crowd_that_comes_at_once_is_counted() {
    let server = Scripted::new(Protocol::Eio4, |_, frame| {
        if frame[0] != "token" {
            return done();
        }
        let mut reply = entered(connected("moderator"));
        let come = |i| json!(["user-connected", { "clientId": format!("c-{i}"), "role": "participant" }]);
        reply.events.extend((0..5000).map(come));
        reply
    });
    let (room, _events) = server.enter().await.unwrap();
    room.lock_room().await.unwrap();
    for _ in 0..20_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(room.state().participants.len(), 5002);
}

/// What matters little does not keep anybody out.
#[tokio::test]
async fn a_room_with_odd_members_is_entered() {
    for (name, odd) in [
        ("subscription", json!([])),
        ("userList", json!([{ "clientId": "c-me", "role": 7 }])),
        ("roomMeta", json!(7)),
    ] {
        let server = Scripted::new(Protocol::Eio4, move |_, _| {
            let mut room = connected("moderator");
            room[1][name] = odd.clone();
            entered(room)
        });
        let clock = ManualClock::jumping(SystemTime::UNIX_EPOCH);
        let (room, _events) = server.enter_with(RoomOptions::new().clock(clock)).await.expect(name);
        assert_eq!(room.state().phase, Phase::Connected);
    }
}

#[tokio::test]
async fn who_has_left_is_out_even_if_the_server_keeps_the_connection() {
    let server = Scripted::new(Protocol::Eio4, friendly);
    let (room, mut events) = server.enter().await.unwrap();
    room.leave_room().await.unwrap();
    assert_eq!(room.state().phase, Phase::Closed);
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn the_last_word_counts_though_it_is_known_before_the_acknowledgement_is() {
    // Acknowledged, and undone by somebody else in the same moment.
    let server = after_entering(|| Reply {
        events: vec![
            json!(["roomManagementEvents", { "id": "room-unlocked", "msg": { "moderator": "c-2" } }]),
        ],
        ..done()
    });
    let (room, _events) = server.enter().await.unwrap();
    room.lock_room().await.unwrap();
    while room.state().locked.is_none() {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(room.state().locked, Some(false));
    // Nothing is in the way of locking it again.
    room.lock_room().await.unwrap();
}

#[tokio::test]
async fn an_extension_that_is_given_up_can_be_asked_for_again() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let silent = after_entering(Reply::default);
    let (room, _events) = silent.enter_with(RoomOptions::new().clock(clock.clone())).await.unwrap();
    silent.pass(&clock, 21).await;
    let window = || room.extension_state().unwrap().window;
    assert!(window().is_some());
    let mut asking = Box::pin(room.extend_conference_duration());
    std::future::poll_fn(|context| {
        assert!(asking.as_mut().poll(context).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    assert_eq!(window(), None, "it is under way");
    drop(asking);
    assert!(window().is_some());
}
