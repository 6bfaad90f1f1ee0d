//! The client of a channel, on a manual clock, against a service inside this process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests may fail a test, too"
)]

use std::future::{Future, IntoFuture as _};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kvs_signaling::rtc_core::{ErrorKind, RetryPolicy, Rule};
use kvs_signaling::signaling::{Action, Event, ReconnectReason, SignalingEvents, SignalingOptions};
use kvs_signaling::{IceServers, SendIceCandidate, SendOffer};
use rtc_core::testing::ScriptedTransport;
use rtc_core::transport::channel::{Channel as _, Frame};
use serde_json::json;

#[path = "common/wire.rs"]
mod wire;

use wire::{ARN, Handshake, World, settle};

fn options() -> SignalingOptions {
    SignalingOptions::new()
}

/// The events so far, as short words.
async fn told(events: &mut SignalingEvents) -> Vec<String> {
    settle().await;
    let mut words = Vec::new();
    loop {
        let mut next = std::pin::pin!(events.next());
        match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(event)) => words.push(word(&event)),
            Poll::Ready(None) => {
                words.push("end".into());
                return words;
            }
            Poll::Pending => return words,
        }
    }
}

fn word(event: &Event) -> String {
    match event {
        Event::SdpOffer(m) => format!("offer {}", m.payload.session_description().unwrap().sdp.expose()),
        Event::SdpAnswer(m) => format!("answer {}", m.payload.session_description().unwrap().sdp.expose()),
        Event::IceCandidate(m) => m.payload.candidate().unwrap().candidate.expose().to_owned(),
        Event::Undelivered(m) => format!("undelivered {}", m.action.as_str()),
        Event::Reconnecting { reason } => format!("reconnecting {reason:?}"),
        Event::Closed { error } => format!("closed {:?}", error.as_ref().map(|e| e.kind())),
        Event::Missed { events } => format!("missed {events}"),
        other => serde_json::to_value(other).unwrap()["event"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn messages_go_both_ways() {
    let mut world = World::new();
    let (viewer, mut events, mut service) = world.connected(options()).await;
    viewer.send_offer(SendOffer::new("v=0")).await.unwrap();
    let sent = service.message().await;
    assert_eq!((&sent["action"], sent.as_object().unwrap().len()), (&json!("SDP_OFFER"), 2));
    service.candidate("c1").await;
    service.candidate("c2").await;
    service.sdp("SDP_ANSWER", "a").await;
    service.candidate("c3").await;
    assert_eq!(told(&mut events).await, ["answer a", "c1", "c2", "c3"]);
    let url = world.wire.urls().remove(0);
    assert!(url.contains("X-Amz-ClientId=viewer-1") && url.contains("X-Amz-Expires=299"), "{url}");
    assert_eq!(viewer.buffered(), 0);
}

#[tokio::test]
async fn a_master_names_its_viewer_and_a_viewer_none() {
    let mut world = World::new();
    let (master, _events) = world.master().await.unwrap();
    let _service = world.accept().await;
    let error = master.send_offer(SendOffer::new("v=0")).await.unwrap_err();
    let first = error.violations().unwrap().first().unwrap().clone();
    assert_eq!((first.field.as_ref(), first.rule), ("recipient_client_id", Rule::Required));
    let (viewer, _events) = world.viewer().await.unwrap();
    let request = SendIceCandidate::new("c").recipient_client_id("viewer-2");
    let error = viewer.send_ice_candidate(request).await.unwrap_err();
    assert_eq!(error.violations().unwrap().first().unwrap().rule, Rule::Forbidden);
    assert_eq!((master.pending(), viewer.pending()), (0, 0));
}

#[tokio::test]
async fn a_refusal_reaches_the_sender_and_silence_is_consent() {
    let mut world = World::new();
    let (viewer, mut events, mut service) = world.connected(options()).await;
    let sending = tokio::spawn(viewer.send_offer(SendOffer::new("v=0")).acknowledged());
    let id = service.message().await["correlationId"].clone();
    service.refuse(&id, "InvalidArgumentException").await;
    let error = sending.await.unwrap().unwrap_err();
    assert_eq!(error.code().as_deref(), Some("InvalidArgumentException"));
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::InvalidInput, true));

    let sending =
        tokio::spawn(viewer.send_offer(SendOffer::new("v=0").correlation_id("mine")).acknowledged());
    assert_eq!(service.message().await["correlationId"], "mine");
    world.advance(1000).await;
    service.pong().await;
    world.advance(1999).await;
    assert!(!sending.is_finished());
    world.advance(1).await;
    sending.await.unwrap().unwrap();

    // With an id but nobody who waits, it is an event.
    viewer.send_offer(SendOffer::new("v=0").correlation_id("other")).await.unwrap();
    service.message().await;
    service.refuse(&json!("other"), "ClientLimitExceededException").await;
    assert_eq!(told(&mut events).await, ["status_response"]);
    world.advance(1000).await;
    service.pong().await;
    settle().await;
    assert_eq!(viewer.pending(), 0);
}

#[tokio::test]
async fn what_was_not_confirmed_is_told_as_undelivered() {
    let mut world = World::new();
    let (viewer, mut events, mut service) = world.connected(options()).await;
    viewer.send_offer(SendOffer::new("first")).await.unwrap();
    service.message().await;
    service.pong().await;
    settle().await;
    assert_eq!(viewer.pending(), 0);
    viewer.send_ice_candidate(SendIceCandidate::new("c1")).await.unwrap();
    let sending = tokio::spawn(viewer.send_offer(SendOffer::new("second")).acknowledged());
    settle().await;
    assert_eq!(viewer.pending(), 2);
    drop(service);
    assert_eq!(
        told(&mut events).await,
        ["undelivered ICE_CANDIDATE", "undelivered SDP_OFFER", "reconnecting Lost { code: None }"]
    );
    let error = sending.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Connection, true));
    assert!(!viewer.is_connected());
    assert_eq!(viewer.pending(), 0);
}

#[tokio::test]
async fn a_refusal_that_cannot_come_any_more_is_no_consent() {
    for (close, is_good) in [(true, true), (false, false)] {
        let mut world = World::new();
        let (viewer, mut events, mut service) = world.connected(options()).await;
        let sending = tokio::spawn(viewer.send_offer(SendOffer::new("v=0")).acknowledged());
        service.message().await;
        service.pong().await;
        settle().await;
        if close {
            // In order: what there was to say was said.
            service.0.send(Frame::Close { code: 1001, reason: String::new() }).await.unwrap();
        }
        drop(service);
        world.advance(2000).await;
        let sent = sending.await.unwrap();
        assert_eq!(sent.is_ok(), is_good, "{sent:?}");
        assert!(!told(&mut events).await.contains(&"undelivered SDP_OFFER".to_owned()));
        assert_eq!(viewer.pending(), 0);
    }
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_and_messages_wait_for_it() {
    let mut world = World::new();
    let (viewer, mut events, mut service) = world.connected(options()).await;
    world.advance(1000).await;
    service.0.send(Frame::Close { code: 1001, reason: "Going away".into() }).await.unwrap();
    assert_eq!(told(&mut events).await, ["reconnecting Lost { code: Some(1001) }"]);
    let sending = tokio::spawn(viewer.send_offer(SendOffer::new("v=0")).into_future());
    settle().await;
    assert_eq!((sending.is_finished(), viewer.pending()), (false, 1));
    // The first pause is at most 100 ms.
    world.advance(100).await;
    let mut service = world.accept().await;
    sending.await.unwrap().unwrap();
    assert_eq!(service.message().await["action"], "SDP_OFFER");
    assert_eq!(told(&mut events).await, ["connected"]);
    let urls = world.wire.urls();
    assert_ne!(urls[0], urls[1], "each connection has a signature of its own");
}

#[tokio::test]
async fn sending_without_a_connection_ends_with_the_time_limit() {
    let mut world = World::new();
    let (viewer, _events, service) = world.connected(options()).await;
    world.wire.script((0..99).map(|_| Handshake::Refuse(500, "InternalFailure")));
    drop(service);
    settle().await;
    let sending = tokio::spawn(viewer.send_offer(SendOffer::new("v=0")).into_future());
    world.advance(15_000).await;
    let error = sending.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Timeout, false));
    // It does not go out later either.
    for _ in 0..200 {
        world.advance(10_000).await;
        if let Some(mut service) = world.accepted().await {
            let request = SendIceCandidate::new("c");
            viewer.send_ice_candidate(request).await.unwrap();
            assert_eq!(service.message().await["action"], "ICE_CANDIDATE");
            settle().await;
            return;
        }
    }
    panic!("it never connected again");
}

#[tokio::test]
async fn pings_keep_it_and_two_without_an_answer_end_it() {
    let mut world = World::new();
    let (_viewer, mut events, mut service) = world.connected(options()).await;
    for _ in 0..3 {
        world.advance(30_000).await;
        service.pong().await;
    }
    for _ in 0..2 {
        world.advance(30_000).await;
        assert!(matches!(service.frame().await, Some(Frame::Ping(_))));
    }
    assert!(told(&mut events).await.is_empty());
    world.advance(30_000).await;
    assert_eq!(told(&mut events).await, ["reconnecting Silence"]);
    // A connection that lasted counts as none that failed.
    world.advance(100).await;
    assert!(world.accepted().await.is_some());
}

#[tokio::test]
async fn go_away_connects_anew_before_it_leaves() {
    let mut world = World::new();
    let (viewer, mut events, mut old) = world.connected(options()).await;
    world.wire.script([Handshake::Refuse(503, "ServiceUnavailable"), Handshake::Accept]);
    old.say(&json!({ "messageType": "GO_AWAY" })).await;
    assert_eq!(told(&mut events).await, ["go_away", "reconnecting GoAway"]);
    // The first attempt failed; the present connection goes on.
    assert!(viewer.is_connected());
    viewer.send_offer(SendOffer::new("v=0")).await.unwrap();
    assert_eq!(old.message().await["action"], "SDP_OFFER");
    old.pong().await;
    old.sdp("SDP_ANSWER", "a").await;
    assert_eq!(told(&mut events).await, ["answer a"]);
    world.advance(100).await;
    let mut new = world.accept().await;
    assert_eq!(told(&mut events).await, ["connected"]);
    // What was under way on the old one is told, what comes again on the new one is not.
    old.candidate("c1").await;
    settle().await;
    new.sdp("SDP_ANSWER", "a").await;
    new.candidate("c1").await;
    new.candidate("c2").await;
    assert_eq!(told(&mut events).await, ["c1", "c2"]);
    assert_eq!(viewer.repeated(), 2);
    viewer.send_ice_candidate(SendIceCandidate::new("c")).await.unwrap();
    assert_eq!(new.message().await["action"], "ICE_CANDIDATE");
    // In the end the old one is left.
    world.advance(5000).await;
    assert!(matches!(old.frame().await, Some(Frame::Close { code: 1000, .. })));
}

#[tokio::test]
async fn nothing_is_under_way_when_a_connection_is_replaced() {
    let mut world = World::new();
    let (viewer, mut events, mut old) = world.connected(options()).await;
    viewer.send_offer(SendOffer::new("v=0")).await.unwrap();
    old.message().await;
    old.pong().await;
    viewer.send_ice_candidate(SendIceCandidate::new("c1")).await.unwrap();
    old.message().await;
    world.wire.script([Handshake::Hang]);
    old.say(&json!({ "messageType": "GO_AWAY" })).await;
    settle().await;
    // It asks at once whether the candidate has arrived, and the next one waits.
    old.pong().await;
    let sending = tokio::spawn(viewer.send_ice_candidate(SendIceCandidate::new("c2")).into_future());
    settle().await;
    assert!(!sending.is_finished());
    // But not for ever, however long the handshake takes.
    world.advance(1999).await;
    assert!(!sending.is_finished());
    world.advance(1).await;
    assert!(sending.is_finished());
    sending.await.unwrap().unwrap();
    assert_eq!(old.message().await["action"], "ICE_CANDIDATE");
    old.pong().await;
    world.advance(3000).await;
    world.advance(100).await;
    let _new = world.accept().await;
    drop(old);
    assert_eq!(told(&mut events).await, ["go_away", "reconnecting GoAway", "connected"]);
    assert_eq!(viewer.pending(), 0);
}

#[tokio::test]
async fn reconnect_ice_server_forgets_the_servers_of_the_channel() {
    let ice = r#"{"IceServerList":[{"Username":"u","Password":"p","Ttl":300,"Uris":["turn:a"]}]}"#;
    let endpoints = json!({ "ResourceEndpointList": [
        { "Protocol": "HTTPS", "ResourceEndpoint": "https://r-1.kinesisvideo.us-west-2.amazonaws.com" },
        { "Protocol": "WSS", "ResourceEndpoint": wire::WSS },
    ] })
    .to_string();
    let transport = ScriptedTransport::new().json(200, endpoints).json(200, ice);
    let mut world = World::with(&transport);
    world.client.ice_servers(IceServers::new(ARN)).await.unwrap();
    assert_eq!(world.client.ice_cache().len(), 1);
    let (_viewer, mut events, mut service) = world.connected(options()).await;
    service.say(&json!({ "messageType": "RECONNECT_ICE_SERVER", "messagePayload": "" })).await;
    let expected = ["reconnect_ice_server", "reconnecting ReconnectIceServer", "connected"];
    assert_eq!(told(&mut events).await, expected);
    assert!(world.client.ice_cache().is_empty());
    assert!(world.accepted().await.is_some());
}

#[tokio::test]
async fn an_old_connection_is_replaced() {
    let mut world = World::new();
    let options = options().max_age(Duration::from_secs(50)).ping_interval(Duration::from_secs(3600));
    let (viewer, mut events, _service) = world.connected(options).await;
    world.advance(49_999).await;
    assert!(told(&mut events).await.is_empty());
    world.advance(1).await;
    assert_eq!(told(&mut events).await, ["reconnecting Age", "connected"]);
    assert!(viewer.is_connected() && world.accepted().await.is_some());
}

#[tokio::test]
async fn it_ends_when_it_is_refused_for_good() {
    let mut world = World::new();
    let (viewer, mut events, service) = world.connected(options()).await;
    world.wire.script((0..5).map(|_| Handshake::Refuse(403, "AccessDeniedException")));
    drop(service);
    for _ in 0..5 {
        world.advance(10_000).await;
    }
    let expected = ["reconnecting Lost { code: None }", "closed Some(PermissionDenied)", "end"];
    assert_eq!(told(&mut events).await, expected);
    let error = viewer.send_offer(SendOffer::new("v=0")).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Closed, false));
    viewer.close().await;
}

#[tokio::test]
async fn attempts_in_a_row_are_bounded() {
    let mut world = World::new();
    let policy = RetryPolicy::default().with_max_attempts(3);
    let (_viewer, mut events, service) = world.connected(options().reconnect(policy)).await;
    world.wire.script((0..9).map(|_| Handshake::Refuse(500, "InternalFailure")));
    drop(service);
    for _ in 0..9 {
        world.advance(10_000).await;
    }
    assert_eq!(told(&mut events).await.last().unwrap(), "end");
    assert_eq!(world.wire.urls().len(), 1 + 2, "losing it was the first failure");
}

#[tokio::test]
async fn candidates_wait_to_be_asked_for() {
    let mut world = World::new();
    let (viewer, mut events, mut service) = world.connected(options().explicit_drain(true)).await;
    service.candidate("c1").await;
    service.sdp("SDP_OFFER", "o").await;
    service.candidate("c2").await;
    assert_eq!(told(&mut events).await, ["offer o"]);
    assert_eq!((viewer.buffered(), viewer.drain(None), viewer.buffered()), (2, 2, 0));
    service.candidate("c3").await;
    assert_eq!(told(&mut events).await, ["c1", "c2", "c3"]);
}

#[tokio::test]
async fn events_that_nobody_reads_are_bounded() {
    let mut world = World::new();
    let (_viewer, mut events, mut service) = world.connected(options().event_queue(2)).await;
    service.sdp("SDP_OFFER", "o").await;
    for number in 0..4 {
        service.candidate(&format!("c{number}")).await;
    }
    assert_eq!(told(&mut events).await, ["missed 3", "c2", "c3"]);
}

#[tokio::test]
async fn messages_go_no_faster_than_the_service_takes_them() {
    let mut world = World::new();
    let (viewer, _events, mut service) = world.connected(options()).await;
    let sending = tokio::spawn(async move {
        for _ in 0..6 {
            viewer.send_offer(SendOffer::new("v=0")).await.unwrap();
        }
    });
    for _ in 0..5 {
        service.message().await;
    }
    world.advance(1099).await;
    assert!(!sending.is_finished());
    world.advance(1).await;
    sending.await.unwrap();
}

#[tokio::test]
async fn closing_ends_everything_in_order() {
    let mut world = World::new();
    let (viewer, mut events, mut service) = world.connected(options()).await;
    service.candidate("early").await;
    let sending = tokio::spawn(viewer.send_offer(SendOffer::new("v=0")).acknowledged());
    service.message().await;
    settle().await;
    assert_eq!((viewer.buffered(), viewer.pending()), (1, 1));
    let closing = tokio::spawn({
        let viewer = viewer.clone();
        async move { viewer.close().await }
    });
    settle().await;
    while !matches!(service.frame().await, Some(Frame::Close { code: 1000, .. })) {}
    closing.await.unwrap();
    // The service has read it, but whether it refused it is not known.
    assert_eq!(sending.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(told(&mut events).await, ["closed None", "end"]);
    assert_eq!((viewer.buffered(), viewer.pending(), viewer.is_connected()), (0, 0, false));
    assert_eq!(viewer.send_offer(SendOffer::new("v=0")).await.unwrap_err().kind(), ErrorKind::Closed);
    viewer.close().await;
    assert_eq!(world.clock.sleepers(), 0);
}

#[tokio::test]
async fn dropping_the_handle_ends_everything_at_once() {
    let mut world = World::new();
    let (viewer, mut events, mut service) = world.connected(options()).await;
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let again = viewer.clone();
    drop(viewer);
    settle().await;
    assert!(again.is_connected());
    drop(again);
    assert_eq!(told(&mut events).await, ["end"]);
    assert!(service.frame().await.is_none());
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), tasks - 1);
    assert_eq!(world.clock.sleepers(), 0);
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let mut world = World::new();
    let (viewer, mut events, mut service) = world.connected(options()).await;
    service.sdp("SDP_OFFER", "canary").await;
    settle().await;
    let event = events.next().await.unwrap();
    let sending = viewer.send_offer(SendOffer::new("canary"));
    let shown = format!("{viewer:?} {events:?} {event:?} {sending:?} {:?}", world.viewer());
    assert!(!shown.contains("canary") && !shown.contains("X-Amz"), "{shown}");
    let Event::SdpOffer(offer) = event else { panic!("no offer") };
    assert_eq!(offer.payload.session_description().unwrap().sdp.expose(), "canary");
    assert_eq!(
        ReconnectReason::Lost { code: Some(1001) }.to_string(),
        "the connection was closed with code 1001"
    );
    assert_eq!(Action::SdpOffer.as_str(), "SDP_OFFER");
}
