//! Rooms that misbehave, connections that break, and sessions that end, on a clock that moves when told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/script.rs"]
mod script;

#[path = "common/scene.rs"]
#[allow(unreachable_pub, dead_code, reason = "it is the scene of the examples")]
mod scene;

use std::time::{Duration, SystemTime};

use enablex::room::{Phase, Protocol};
use enablex::{EnableXError, ErrorKind, ExtensionWindow, Role, Room, RoomEvent, RoomEvents, RoomOptions};
use rtc_core::RetryPolicy;
use rtc_core::testing::ManualClock;
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame};
use rtc_core::transport::websocket::WebSocketConnector;
use rtc_core::{EndpointPolicy, Limits, TransportError, http};
use script::{Reply, Scripted, ack, connected, done, entered, friendly, joined, room};
use serde_json::{Value, json};
use tokio::sync::watch;

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// A server that answers everything but the token in this way.
fn after_entering(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Scripted {
    Scripted::new(
        Protocol::Eio4,
        move |connection, frame| {
            if frame[0] == "token" { friendly(connection, frame) } else { reply() }
        },
    )
}

async fn last(events: &mut RoomEvents) -> Option<RoomEvent> {
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    last
}

#[tokio::test]
async fn an_acknowledgement_is_found_in_a_storm_of_others() {
    let server = Scripted::new(Protocol::Eio3, |connection, frame| {
        if frame[0] == "token" {
            return friendly(connection, frame);
        }
        // Of ids that nobody waits for, and of the right one only the first counts.
        let storm = (1000..6000).map(|id| format!(r#"43{id}[{{"result":0}}]"#)).collect();
        Reply { packets: storm, ..done() }
    });
    let (room, _events) = server.enter().await.unwrap();
    for _ in 0..3 {
        room.hard_mute_room().await.unwrap();
    }
    assert_eq!(server.frames().len(), 4);
}

#[tokio::test]
async fn malformed_packets_are_dropped_and_the_deadline_holds() {
    let packets = || {
        ["43", "43x[]", "430{", "42", "42[", "42[7]", "42{}", "49", "99", "", "450-[]", "42[\"room-muted\",]"]
            .map(str::to_owned)
            .to_vec()
    };
    let server = after_entering(move || Reply { packets: packets(), ..Reply::default() });
    let clock = ManualClock::jumping(SystemTime::UNIX_EPOCH);
    let options = RoomOptions::new().clock(clock.clone()).timeout(Duration::from_secs(3));
    let (room, _events) = server.enter_with(options.reconnect(RetryPolicy::none())).await.unwrap();
    let error = room.lock_room().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Closed | ErrorKind::Protocol), "{error}");
    assert!(error.was_sent() && clock.passed() <= Duration::from_secs(3));
}

#[tokio::test]
async fn acknowledgements_of_no_known_form() {
    for arguments in [json!(["what"]), json!([7]), json!([[]]), json!([true, {}])] {
        let server = after_entering(move || ack(arguments.clone()));
        let (room, _events) = server.enter().await.unwrap();
        let error = room.lock_room().await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Protocol, true));
        assert_eq!(room.state().locked, Some(false));
    }
}

#[tokio::test]
async fn a_frame_over_the_limit_ends_the_connection() {
    let server = after_entering(|| ack(json!([{ "result": 0, "msg": "x".repeat(200_000) }])));
    let options = RoomOptions::new().reconnect(RetryPolicy::none());
    let (room, mut events) = server.enter_with(options).await.unwrap();
    assert_eq!(room.lock_room().await.unwrap_err().kind(), ErrorKind::Closed);
    assert!(matches!(last(&mut events).await, Some(RoomEvent::RoomDisconnected(_))));
    assert_eq!(room.state().phase, Phase::Closed);
}

#[tokio::test]
async fn malformed_tokens_reach_nobody() {
    for token in ["", "%%%", "bm90anNvbg==", "e30=", "eyJob3N0IjoiYS9iIn0="] {
        let server = Scripted::new(Protocol::Eio4, friendly);
        let error = Room::connect(token, RoomOptions::new().connector(server.clone())).await.unwrap_err();
        assert_eq!(error.violations().unwrap().first().unwrap().field, "token");
        assert!(!error.was_sent() && server.urls().is_empty());
    }
}

/// A server that breaks the connection upon the first command, and then lets in as `again` says.
fn breaking(protocol: Protocol, again: impl Fn() -> Reply + Send + Sync + 'static) -> Scripted {
    Scripted::new(protocol, move |connection, frame| match (connection, frame[0] == "token") {
        (1, true) => friendly(connection, frame),
        (1, false) => Reply { hang_up: true, ..Reply::default() },
        (_, true) => again(),
        (_, false) => done(),
    })
}

/// Options with a clock that moves on by a little whenever everybody has had a turn.
fn ticking() -> RoomOptions {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let ticks = clock.clone();
    tokio::spawn(async move {
        loop {
            ticks.advance(Duration::from_millis(20));
            tokio::task::yield_now().await;
        }
    });
    RoomOptions::new().clock(clock)
}

#[tokio::test]
async fn it_comes_back_as_the_newer_libraries_do() {
    let server = breaking(Protocol::Eio4, || {
        let mut back = room("moderator", json!({ "locked": true }));
        back[1]["user"]["clientId"] = "c-back".into();
        back[1]["userList"][0]["clientId"] = "c-back".into();
        Reply {
            ack: Some(json!([{ "result": 0, "clientId": "c-back" }])),
            events: vec![back],
            ..Reply::default()
        }
    });
    let (room, mut events) = server.enter_with(ticking()).await.unwrap();
    let error = room.hard_mute_room().await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Closed, true));
    let mut told = Vec::new();
    while !matches!(told.last(), Some(RoomEvent::RoomReconnected(_))) {
        told.push(events.next().await.unwrap());
    }
    let [
        RoomEvent::RoomConnected(_),
        RoomEvent::RoomReconnecting(first),
        RoomEvent::RoomConnected(_),
        RoomEvent::RoomReconnected(back),
    ] = told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert_eq!((first.attempt, back.attempt, back.client_id.as_deref()), (1, 1, Some("c-back")));
    let state = room.state();
    assert_eq!(
        (state.phase, state.locked, state.participants.contains_key("c-me")),
        (Phase::Connected, Some(true), false)
    );
    room.unlock_room().await.unwrap();
    let hello = &server.frames()[2][1];
    for (name, value) in [
        ("isReconnecting", json!(true)),
        ("reconnectAttempt", json!(1)),
        ("reconnectCount", json!(1)),
        ("oldClientIdForReconnect", json!("c-me")),
        ("room", json!("room-1")),
        ("role", json!("moderator")),
        ("name", json!("M")),
        ("user_ref", json!("u1")),
        ("tokenId", json!("canary")),
    ] {
        assert_eq!(hello[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_room_that_is_empty_by_now_is_over() {
    let server = breaking(Protocol::Eio4, || ack(json!(["error", { "result": 4119 }])));
    let (room, mut events) = server.enter_with(ticking()).await.unwrap();
    room.hard_mute_room().await.unwrap_err();
    let Some(RoomEvent::RoomDisconnected(over)) = last(&mut events).await else { panic!() };
    assert!(over.reason.unwrap().contains("4119"));
    // It did not ask twice.
    assert_eq!((server.urls().len(), room.state().phase), (2, Phase::Closed));
    assert_eq!(room.lock_room().await.unwrap_err().code().as_deref(), Some("1163"));
}

#[tokio::test]
async fn it_gives_up_after_the_last_attempt() {
    let server = breaking(Protocol::Eio4, || Reply { hang_up: true, ..Reply::default() });
    let (room, mut events) = server.enter_with(ticking()).await.unwrap();
    room.hard_mute_room().await.unwrap_err();
    let (mut attempts, mut over) = (Vec::new(), 0);
    while let Some(event) = events.next().await {
        match event {
            RoomEvent::RoomReconnecting(told) => attempts.push(told.attempt),
            RoomEvent::RoomDisconnected(_) => over += 1,
            _ => {}
        }
    }
    assert_eq!((attempts, over, server.urls().len()), (vec![1, 2, 3], 1, 4));
}

#[tokio::test]
async fn nobody_comes_back_who_does_not_want_to() {
    // The older generation does not unless told to; nor does who has left.
    let server = breaking(Protocol::Eio3, || entered(connected("moderator")));
    let (room, mut events) = server.enter_with(ticking()).await.unwrap();
    room.hard_mute_room().await.unwrap_err();
    assert!(matches!(last(&mut events).await, Some(RoomEvent::RoomDisconnected(_))));
    assert_eq!(server.urls().len(), 1);

    let server = breaking(Protocol::Eio4, || entered(connected("moderator")));
    let (room, mut events) = server.enter_with(ticking()).await.unwrap();
    room.leave_room().await.unwrap_err();
    assert!(matches!(last(&mut events).await, Some(RoomEvent::RoomDisconnected(_))));
    assert_eq!(server.urls().len(), 1);

    let server = breaking(Protocol::Eio3, || entered(connected("moderator")));
    let policy = RetryPolicy::default().with_max_attempts(2);
    let (room, mut events) = server.enter_with(ticking().reconnect(policy)).await.unwrap();
    room.hard_mute_room().await.unwrap_err();
    while !matches!(events.next().await.unwrap(), RoomEvent::RoomReconnected(_)) {}
    let hello = &server.frames()[2][1];
    assert_eq!((&hello["isReconnecting"], hello.get("reconnectCount")), (&json!(true), None));
}

#[tokio::test]
async fn closing_ends_the_way_back() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let server = breaking(Protocol::Eio4, || entered(connected("moderator")));
    let policy = RetryPolicy::default().with_base(minutes(1)).with_cap(minutes(1));
    let options = RoomOptions::new().clock(clock.clone()).reconnect(policy);
    let (room, mut events) = server.enter_with(options).await.unwrap();
    room.hard_mute_room().await.unwrap_err();
    while !matches!(events.next().await.unwrap(), RoomEvent::RoomReconnecting(_)) {}
    assert_eq!(room.state().phase, Phase::Reconnecting);
    assert_eq!(room.lock_room().await.unwrap_err().code().as_deref(), Some("1163"));
    room.close().await;
    assert!(last(&mut events).await.is_none());
    assert_eq!((server.urls().len(), room.state().phase), (1, Phase::Closed));
}

/// A room that answers an extension in this way, and its clock.
async fn extending(answer: Value) -> (Scripted, Room, ManualClock) {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let server = after_entering(move || ack(answer.clone()));
    let (room, _events) = server.enter_with(RoomOptions::new().clock(clock.clone())).await.unwrap();
    (server, room, clock)
}

#[tokio::test]
async fn a_session_is_extended_within_its_windows_only() {
    let (server, room, clock) = extending(json!([{ "result": 0, "extendedTime": 20 }])).await;
    let outside = |error: enablex::Error| {
        assert!(
            !error.was_sent() && matches!(error.service(), Some(EnableXError::OutsideWindow { .. })),
            "{error}"
        );
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, None));
    };
    let window = || room.extension_state().unwrap().window;
    assert_eq!((room.extension_state().unwrap().time_left, window()), (30.0, None));
    outside(room.extend_conference_duration().await.unwrap_err());
    server.pass(&clock, 21).await;
    assert_eq!(window(), Some(ExtensionWindow::First));
    assert_eq!(room.extend_conference_duration().await.unwrap().extended_time, Some(20.0));
    assert_eq!((room.extension_state().unwrap().time_left, window()), (29.0, None));
    outside(room.extend_conference_duration().await.unwrap_err());
    server.pass(&clock, 25).await;
    assert_eq!(window(), Some(ExtensionWindow::Final));
    server.pass(&clock, 60).await;
    outside(room.extend_conference_duration().await.unwrap_err());
    assert_eq!(server.frames().len(), 2);
}

#[tokio::test]
async fn one_extension_for_each_window() {
    // The room does not tell by how much: the window stays closed until it tells what is left.
    let (server, room, clock) = extending(json!([{ "result": 0 }])).await;
    server.pass(&clock, 21).await;
    assert_eq!(room.extend_conference_duration().await.unwrap().extended_time, None);
    assert_eq!(room.extend_conference_duration().await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(server.frames().len(), 2);
    // A refusal leaves it open.
    let (server, room, clock) = extending(json!(["error", { "result": 5003, "msg": "no" }])).await;
    server.pass(&clock, 21).await;
    for _ in 0..2 {
        assert!(room.extend_conference_duration().await.unwrap_err().was_sent());
    }
}

#[tokio::test]
async fn an_extension_has_10_to_30_minutes() {
    for (time, good) in [(json!(10), true), (json!("30"), true), (json!(9.9), false), (json!(31), false)] {
        let (server, room, clock) = extending(json!([{ "result": 0, "extendedTime": time }])).await;
        server.pass(&clock, 25).await;
        let result = room.extend_conference_duration().await;
        assert_eq!(result.as_ref().err().map(enablex::Error::kind), (!good).then_some(ErrorKind::Protocol));
    }
}

#[tokio::test]
async fn a_room_without_a_duration_leaves_it_to_the_server() {
    let server = Scripted::new(Protocol::Eio4, |connection, frame| {
        if frame[0] != "token" {
            return friendly(connection, frame);
        }
        let facts = room("participant", json!({ "remainingDuration": null }));
        Reply { ack: Some(joined()), events: vec![facts], ..Reply::default() }
    });
    let (room, _events) = server.enter().await.unwrap();
    assert!(room.extension_state().is_none());
    room.extend_conference_duration().await.unwrap();
}

#[tokio::test]
async fn a_reader_that_is_too_slow_misses_the_oldest_events() {
    fn chatty(connection: usize, frame: &Value) -> Reply {
        if frame[0] == "token" {
            return friendly(connection, frame);
        }
        let events = (0..10).map(|i| json!(["user-connected", { "clientId": format!("c-{i}") }])).collect();
        Reply { events, ..done() }
    }
    let server = Scripted::new(Protocol::Eio4, chatty);
    let (room, mut events) = server.enter_with(RoomOptions::new().event_queue(4)).await.unwrap();
    room.lock_room().await.unwrap();
    while room.state().participants.len() < 12 {
        tokio::task::yield_now().await;
    }
    let RoomEvent::UserConnected(first) = events.next().await.unwrap() else { panic!() };
    assert_eq!(first.client_id.as_deref(), Some("c-6"));
    assert_eq!(events.missed(), 7);
}

#[tokio::test]
async fn events_end_with_the_room_even_if_the_server_keeps_the_connection() {
    fn dropped(connection: usize, frame: &Value) -> Reply {
        if frame[0] == "token" {
            return friendly(connection, frame);
        }
        let over = json!(["room-disconnected", { "reason": "over" }]);
        Reply { events: vec![over, connected("moderator")], ..done() }
    }
    let server = Scripted::new(Protocol::Eio4, dropped);
    let (room, mut events) = server.enter().await.unwrap();
    room.hard_mute_room().await.unwrap();
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    let Some(RoomEvent::RoomDisconnected(over)) = last else { panic!("{last:?}") };
    assert_eq!((over.reason.as_deref(), room.state().phase), (Some("over"), Phase::Closed));
    assert_eq!(room.lock_room().await.unwrap_err().code().as_deref(), Some("1163"));
}

#[tokio::test]
async fn a_queue_of_any_length_is_a_queue() {
    for length in [0, usize::MAX] {
        let server = Scripted::new(Protocol::Eio4, friendly);
        let (_room, mut events) = server.enter_with(RoomOptions::new().event_queue(length)).await.unwrap();
        assert!(matches!(events.next().await, Some(RoomEvent::RoomConnected(_))));
    }
}

/// Real connections that can be cut.
#[derive(Debug)]
struct Cuttable(watch::Receiver<()>);

struct Cut<C>(C, watch::Receiver<()>);

impl Connect for Cuttable {
    type Channel = Cut<<WebSocketConnector as Connect>::Channel>;

    async fn connect(
        &self,
        handshake: http::Request<()>,
        limits: Limits,
    ) -> Result<Self::Channel, ConnectError> {
        let connector =
            WebSocketConnector::new().with_policy(EndpointPolicy::default().with_private_discovery(true));
        // Cuts that were before do not concern it.
        let mut cut = self.0.clone();
        cut.mark_unchanged();
        Ok(Cut(connector.connect(handshake, limits).await?, cut))
    }
}

impl<C: Channel> Channel for Cut<C> {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.0.send(frame).await
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        tokio::select! {
            frame = self.0.recv() => frame,
            Ok(()) = self.1.changed() => None,
        }
    }
}

/// A moderator in a room of the emulator, and what cuts the connection.
async fn cuttable(with_ada: bool) -> (rtc_emulator::Emulator, Room, RoomEvents, watch::Sender<()>) {
    let (emulator, client, room_id) = scene::scene().await;
    if with_ada {
        emulator.enablex().join(&room_id, "Ada", "participant").unwrap();
    }
    let token = scene::token(&client, &room_id, Role::Moderator).await;
    let cut = watch::Sender::new(());
    let policy = RetryPolicy::default().with_base(Duration::ZERO);
    let options = client.room_options().reconnect(policy).connector(Cuttable(cut.subscribe()));
    let (room, events) = Room::connect(token, options.allow_private(true)).await.unwrap();
    (emulator, room, events, cut)
}

#[tokio::test]
async fn it_comes_back_into_a_room_of_the_emulator() {
    let (_emulator, room, mut events, cut) = cuttable(true).await;
    let before = room.state();
    room.lock_room().await.unwrap();
    cut.send_replace(());
    while !matches!(events.next().await.unwrap(), RoomEvent::RoomReconnected(_)) {}
    let state = room.state();
    assert_eq!((state.phase, state.locked, &state.role), (Phase::Connected, Some(true), &before.role));
    assert_ne!(state.client_id, before.client_id);
    assert_eq!((state.room_id, state.conf_num), (before.room_id, before.conf_num));
    room.unlock_room().await.unwrap();
}

#[tokio::test]
async fn it_does_not_come_back_into_an_empty_room_of_the_emulator() {
    let (_emulator, room, mut events, cut) = cuttable(false).await;
    cut.send_replace(());
    let Some(RoomEvent::RoomDisconnected(over)) = last(&mut events).await else { panic!() };
    assert!(over.reason.unwrap().contains("4119"));
    assert_eq!(room.state().phase, Phase::Closed);
}
