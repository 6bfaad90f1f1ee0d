//! Meetings against a scripted server in this process: what is sent, what is not, and what becomes of it.

#![cfg(feature = "socketio")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/media.rs"]
mod media;

use std::time::{Duration, SystemTime};

use media::{LINK, Media, SECRET, ack, event, friendly, host, room};
use mediasfu::{
    AdmitParticipant, CoHostResponsibility, ConnectMeeting, ControlMedia, ControlledMedia, CreateEventRoom,
    DisconnectParticipant, JoinEventRoom, MediaSfuError, Meeting, MeetingEvent, MeetingOptions, Message,
    PauseRecording, Permission, RemoveParticipant, ResumeRecording, SendMessage, StartRecording,
    StopRecording, UpdateCoHost, UpdateRequestSettings, UserRecordingParams,
};
use rtc_core::testing::{LoopChannel, ManualClock};
use rtc_core::transport::channel::{Connect, ConnectError};
use rtc_core::{ErrorKind, Limits, Reason, http};
use serde_json::{Value, json};

#[tokio::test]
async fn a_connection_carries_the_room_s_credentials_and_joins_with_a_member() {
    let server = Media::new(friendly);
    let (meeting, mut events) = server.enter(host()).await.unwrap();
    assert_eq!(
        server.urls(),
        [format!(
            "wss://x.mediasfu.com/socket.io/?EIO=4&transport=websocket&apiUserName=s12345678&apiToken={SECRET}"
        )]
    );
    assert!(server.headers()[0].is_empty());
    let join = json!({
        "roomName": "s12345678", "islevel": "2", "member": "host1", "sec": SECRET, "apiUserName": "s12345678",
    });
    assert_eq!(server.frames(), [json!(["joinRoom", join])]);
    let hello = meeting.hello();
    assert_eq!((hello.socket_id.as_deref(), hello.allow_record), (Some("me"), Some(true)));
    assert_eq!(hello.api_key.as_ref().unwrap().expose(), SECRET);
    let joined = meeting.joined().unwrap();
    // A setting that is no yes or no counts as not there.
    assert_eq!((joined.is_host, joined.allow_record), (Some(true), None));
    let first = events.next().await.unwrap();
    assert!(matches!(first, MeetingEvent::Connected(_)));
    let shown = format!("{meeting:?} {hello:?} {joined:?} {first:?} {events:?}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn a_socket_of_one_s_own_server_has_no_credentials_and_an_origin_if_wanted() {
    for (origin, header) in [(None, None), (Some("http://localhost:3000"), Some("http://localhost:3000"))] {
        let server = Media::new(friendly);
        let mut options = MeetingOptions::new();
        if let Some(origin) = origin {
            options = options.origin(origin);
        }
        let (meeting, _events) =
            server.enter_with(ConnectMeeting::new("https://ce.example/"), options).await.unwrap();
        assert_eq!(server.urls(), ["wss://ce.example/socket.io/?EIO=4&transport=websocket"]);
        let sent = server.headers()[0].get("origin").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(sent.as_deref(), header);
        assert!(meeting.joined().is_none() && meeting.room_name().is_none());
    }
    let odd = MeetingOptions::new().origin("a\nb");
    let error = Media::new(friendly).enter_with(room(), odd).await.unwrap_err();
    assert_eq!(error.violations().unwrap().iter().next().unwrap().field, "origin");
}

#[tokio::test]
async fn commands_go_out_as_the_official_sdks_send_them() {
    let server = Media::new(friendly);
    let (meeting, _events) = server.enter(room()).await.unwrap();
    let control = ControlMedia::new("p1", "guest1").media(ControlledMedia::Audio);
    meeting.control_media(control).await.unwrap();
    meeting.disconnect_participant(DisconnectParticipant::new("guest1", "p1")).await.unwrap();
    meeting.remove_participant(RemoveParticipant::new("guest1").ban(true)).await.unwrap();
    meeting.admit_participant(AdmitParticipant::new("p1", "guest1", false)).await.unwrap();
    let settings = [Permission::Allow, Permission::Approval, Permission::Disallow, Permission::Allow];
    meeting.update_request_settings(UpdateRequestSettings::new(settings)).await.unwrap();
    let waiting = CoHostResponsibility::new("waiting", true, false);
    meeting.update_co_host(UpdateCoHost::new("guest1").co_host_responsibility([waiting])).await.unwrap();
    let message = Message::new("host1", "hi", "10:00", false).receivers(["guest1"]);
    meeting.send_message(SendMessage::new(message)).await.unwrap();
    let how = UserRecordingParams::new();
    let ack = meeting.start_recording(StartRecording::new(how.clone())).await.unwrap();
    assert_eq!((ack.success, ack.record_state.as_deref(), ack.pause_count), (true, Some("s"), Some(2)));
    meeting.pause_recording(PauseRecording::new()).await.unwrap();
    meeting.resume_recording(ResumeRecording::new(how).room_name("other")).await.unwrap();
    meeting.stop_recording(StopRecording::new()).await.unwrap();
    meeting.emit("one", &json!({ "a": 1 })).await.unwrap();
    assert_eq!(meeting.emit_with_ack("two", &json!([])).await.unwrap()["success"], true);
    let room = "s12345678";
    assert_eq!(
        server.frames(),
        [
            json!(["controlMedia", { "participantId": "p1", "participantName": "guest1", "type": "audio", "roomName": room }]),
            json!(["disconnectUserInitiate", { "member": "guest1", "roomName": room, "id": "p1" }]),
            json!(["disconnectUser", { "member": "guest1", "roomName": room, "ban": true }]),
            json!(["allowUserIn", { "participantId": "p1", "participantName": "guest1", "type": "false", "roomName": room }]),
            json!(["updateSettingsForRequests", { "settings": ["allow", "approval", "disallow", "allow"], "roomName": room }]),
            json!(["updateCoHost", {
                "roomName": room, "coHost": "guest1",
                "coHostResponsibility": [{ "name": "waiting", "value": true, "dedicated": false }],
            }]),
            json!(["sendMessage", {
                "messageObject": { "sender": "host1", "receivers": ["guest1"], "message": "hi", "timestamp": "10:00", "group": false },
                "roomName": room,
            }]),
            json!(["startRecord", { "roomName": room, "userRecordingParams": {} }]),
            json!(["pauseRecord", { "roomName": room }]),
            json!(["resumeRecord", { "roomName": "other", "userRecordingParams": {} }]),
            json!(["stopRecord", { "roomName": room }]),
            json!(["one", { "a": 1 }]),
            json!(["two", []]),
        ]
    );
}

#[tokio::test]
async fn the_event_that_was_created_is_the_room_of_what_follows() {
    fn community(name: &str, content: &Value) -> Vec<String> {
        match name {
            "createRoom" if content["eventID"] == "m0taken" => {
                vec![ack(&json!({ "success": false, "reason": "Room already exists." }))]
            }
            "createRoom" => {
                vec![ack(&json!({ "success": true, "secret": SECRET, "url": false, "reason": "success" }))]
            }
            "joinEventRoom" if content["eventID"] == "m2" => {
                vec![ack(
                    &json!({ "success": true, "secret": "s", "url": "/meet/m2/s", "reason": "success" }),
                )]
            }
            "joinEventRoom" => {
                vec![ack(
                    &json!({ "success": false, "secret": null, "url": null, "reason": "no such event" }),
                )]
            }
            _ => Vec::new(),
        }
    }
    let server = Media::new(community);
    let (meeting, _events) = server.enter(ConnectMeeting::new(LINK)).await.unwrap();
    let error = meeting.admit_participant(AdmitParticipant::new("p", "g", true)).await.unwrap_err();
    let violation = error.violations().unwrap().iter().next().unwrap().clone();
    assert_eq!((violation.field.as_ref(), error.was_sent()), ("room_name", false));
    // A broken rule comes first, and nothing is sent either way.
    assert!(meeting.admit_participant(AdmitParticipant::new("", "g", true)).await.is_err());
    assert!(server.frames().is_empty());

    let answer = meeting.join_event_room(JoinEventRoom::new("m9", "guest1")).await.unwrap();
    assert!(!answer.success && meeting.room_name().is_none());
    let error = answer.entered().unwrap_err();
    assert_eq!(error.detail(), Some("no such event"));
    assert!(error.to_string().contains("join_event_room"), "{error}");
    let taken = CreateEventRoom::new("m0taken", 30, 5, "host1");
    let error = meeting.create_event_room(taken).await.unwrap().entered().unwrap_err();
    assert!(error.to_string().contains("create_event_room"), "{error}");
    let answer = meeting.create_event_room(CreateEventRoom::new("M1", 30, 5, "host1")).await.unwrap();
    assert_eq!((answer.url, meeting.room_name().as_deref()), (None, Some("m1")));
    let answer = meeting.join_event_room(JoinEventRoom::new("m2", "guest1")).await.unwrap();
    assert_eq!(answer.entered().unwrap().url.unwrap().expose(), "/meet/m2/s");
    meeting.admit_participant(AdmitParticipant::new("p", "g", true)).await.unwrap();
    while server.frames().len() < 5 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.frames()[4][1]["roomName"], "m2");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    fn refuses(_: &str, content: &Value) -> Vec<String> {
        let answer = match content["member"].as_str().unwrap() {
            "error" => json!({ "error": "room not found" }),
            "banned" => json!({ "isBanned": true, "rtpCapabilities": null }),
            "early" => json!({ "hostNotJoined": true, "rtpCapabilities": null, "success": false }),
            "full" => json!({ "eventAtCapacity": true, "rtpCapabilities": null, "success": false }),
            "over" => json!({ "eventEnded": true, "rtpCapabilities": null, "success": false }),
            "words" => json!({ "suspended": true, "reason": "words", "rtpCapabilities": null }),
            "nothing" => json!({ "rtpCapabilities": null, "success": false }),
            "leak" => json!({ "error": format!("no {SECRET}") }),
            _ => json!("odd"),
        };
        vec![ack(&answer)]
    }
    for (member, reason) in [
        ("error", "room not found"),
        ("banned", "this name was banned from the meeting"),
        ("early", "the host has not joined yet; try again later"),
        ("full", "the meeting is full"),
        ("over", "the meeting is over"),
        ("words", "words"),
        ("nothing", "it did not say why"),
    ] {
        let error = Media::new(refuses).enter(room().member(member)).await.unwrap_err();
        assert_eq!((error.detail(), error.was_sent()), (Some(reason), true), "{member}");
        assert!(error.to_string().contains("connect_meeting"), "{error}");
    }
    let error = Media::new(refuses).enter(room().member("leak")).await.unwrap_err();
    assert!(error.detail().is_some() && !format!("{error:?} {error}").contains("canary"), "{error:?}");
    let error = Media::new(refuses).enter(room().member("odd")).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Protocol, true));
}

#[tokio::test]
async fn a_refused_command_is_an_error_with_the_server_s_words() {
    fn refuses(_: &str, _: &Value) -> Vec<String> {
        vec![ack(&json!({ "success": false, "reason": "nope" }))]
    }
    fn odd(_: &str, _: &Value) -> Vec<String> {
        vec!["{ack}[[1]]".into()]
    }
    let (meeting, _events) = Media::new(refuses).enter(room()).await.unwrap();
    let error = meeting.stop_recording(StopRecording::new()).await.unwrap_err();
    assert!(matches!(
        error.service(),
        Some(MediaSfuError::Meeting { operation: "stop_recording", reason, .. }) if reason == "nope"
    ));
    let (meeting, _events) = Media::new(odd).enter(room()).await.unwrap();
    let error = meeting.stop_recording(StopRecording::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Protocol, true));
}

#[tokio::test]
async fn a_server_that_never_acknowledges_ends_with_the_deadline() {
    fn silent(_: &str, _: &Value) -> Vec<String> {
        Vec::new()
    }
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let server = Media::new(silent);
    let options = MeetingOptions::new().clock(clock.clone()).timeout(Duration::from_secs(10));
    let (meeting, _events) = server.enter_with(room(), options).await.unwrap();
    let command = tokio::spawn(async move { meeting.stop_recording(StopRecording::new()).await });
    while server.frames().is_empty() {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_millis(9_999));
    tokio::task::yield_now().await;
    assert!(!command.is_finished());
    clock.advance(Duration::from_millis(1));
    let error = command.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Timeout, true));
}

/// Takes its time to connect.
#[derive(Debug, Clone)]
struct Late(Media, ManualClock);

impl Connect for Late {
    type Channel = LoopChannel;

    async fn connect(
        &self,
        handshake: http::Request<()>,
        limits: Limits,
    ) -> Result<LoopChannel, ConnectError> {
        self.1.advance(Duration::from_secs(4));
        self.0.connect(handshake, limits).await
    }
}

#[tokio::test]
async fn entering_ends_with_the_deadline_however_the_time_was_spent() {
    fn silent(_: &str, _: &Value) -> Vec<String> {
        Vec::new()
    }
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let server = Media::new(silent);
    let options = MeetingOptions::new().clock(clock.clone()).timeout(Duration::from_secs(10));
    let options = options.connector(Late(server.clone(), clock.clone()));
    let entering = tokio::spawn(Meeting::connect(host(), options));
    while server.frames().is_empty() {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_millis(5_999));
    tokio::task::yield_now().await;
    assert!(!entering.is_finished());
    clock.advance(Duration::from_millis(1));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(entering.is_finished(), "connecting and joining have one limit");
    let error = entering.await.unwrap().unwrap_err();
    assert!(matches!(error.reason(), Reason::Timeout(limit) if limit.as_secs() == 10), "{error:?}");
}

#[tokio::test]
async fn a_server_that_does_not_greet_is_not_connected() {
    let joined = || r#"40/media,{"sid":"n"}"#.to_owned();
    let quick = || MeetingOptions::new().clock(ManualClock::jumping(SystemTime::UNIX_EPOCH));
    let refused = format!(r#"44/media,{{"message":"bad token {SECRET}"}}"#);
    for (greeting, kind) in [
        (Vec::new(), ErrorKind::Timeout),
        (vec![joined()], ErrorKind::Timeout),
        (vec![joined(), event("connection-success", &json!([1]))], ErrorKind::Protocol),
        (vec![joined(), "drop".into()], ErrorKind::Closed),
        (vec![refused], ErrorKind::Other),
    ] {
        let error =
            Media::greeting(friendly, greeting.clone()).enter_with(host(), quick()).await.unwrap_err();
        assert_eq!((error.kind(), error.was_sent()), (kind, true), "{greeting:?}: {error:?}");
        assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_ends_the_wait_and_the_events() {
    fn drops(_: &str, _: &Value) -> Vec<String> {
        vec![event("ban", &json!({ "name": "guest1" })), "drop".into()]
    }
    let server = Media::new(drops);
    let (meeting, mut events) = server.enter(room()).await.unwrap();
    let error = meeting.stop_recording(StopRecording::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Closed, true));
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.push(event);
    }
    assert_eq!(told.len(), 3);
    assert!(matches!(&told[1], MeetingEvent::Banned(who) if who.name.as_deref() == Some("guest1")));
    assert!(matches!(&told[2], MeetingEvent::Disconnected(end) if end.reason.is_some()));
    let error = meeting.send_message(SendMessage::new(Message::new("h1", "x", "t", true))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn storms_of_acknowledgements_and_odd_events_do_no_harm() {
    fn storm(_: &str, _: &Value) -> Vec<String> {
        let yes = ack(&json!({ "success": true }));
        let mut frames: Vec<String> = vec![yes.clone(); 50];
        frames.extend((0..50).map(|id| format!("43/media,{}[]", 900 + id)));
        for odd in [
            r#"42/media,["allMembers",[1,2]]"#,
            r#"42/media,["allMembers",{"members":7}]"#,
            r#"42/media,["receiveMessage",{}]"#,
            r#"42/media,["receiveMessage",{"message":"text"}]"#,
            r#"42/media,["RecordingNotice","pause"]"#,
            r#"42/media,["meetingTimeRemaining",{"timeRemaining":-5}]"#,
            r#"42/media,["somethingNew",{"token":"canary"}]"#,
            r#"42/media,[7]"#,
            r#"42/media,{"#,
            r#"42/other,["ban",{"name":"x"}]"#,
            r#"9"#,
        ] {
            frames.push(odd.into());
        }
        frames.push(event("meetingEnded", &Value::Null));
        frames
    }
    let (meeting, mut events) = Media::new(storm).enter(room()).await.unwrap();
    assert!(meeting.stop_recording(StopRecording::new()).await.unwrap().success);
    let mut unknown = Vec::new();
    loop {
        match events.next().await.unwrap() {
            MeetingEvent::Ended => break,
            MeetingEvent::Unknown(event) => unknown.push(event),
            MeetingEvent::Connected(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let names: Vec<_> = unknown.iter().map(|event| event.name.as_str()).collect();
    let odd = ["receiveMessage", "receiveMessage", "RecordingNotice", "meetingTimeRemaining", "somethingNew"];
    assert_eq!(names, [["allMembers", "allMembers"].as_slice(), odd.as_slice()].concat());
    assert!(!format!("{unknown:?}").contains("canary"));
    assert_eq!(unknown[6].args[0].value()["token"], "canary");
    assert!(meeting.stop_recording(StopRecording::new()).await.unwrap().success);
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_connection() {
    let server = Media::new(friendly);
    let (meeting, mut events) = server.enter(host()).await.unwrap();
    let clone = meeting.clone();
    drop(meeting);
    assert!(clone.stop_recording(StopRecording::new()).await.is_ok());
    drop(clone);
    while events.next().await.is_some() {}
    while server.closed() == 0 {
        tokio::task::yield_now().await;
    }
    let (meeting, mut events) = server.enter(host()).await.unwrap();
    meeting.close().await;
    let error = meeting.stop_recording(StopRecording::new()).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::Closed));
    while let Some(event) = events.next().await {
        assert!(matches!(event, MeetingEvent::Connected(_) | MeetingEvent::Disconnected(_)), "{event:?}");
    }
}

#[tokio::test]
async fn a_reader_that_is_too_slow_misses_the_oldest_events() {
    fn chatty(_: &str, _: &Value) -> Vec<String> {
        let mut frames: Vec<String> =
            (0..10).map(|i| event("userWaiting", &json!({ "name": format!("g{i}") }))).collect();
        frames.push(ack(&json!({})));
        frames.push("drop".into());
        frames
    }
    let server = Media::new(chatty);
    let options = MeetingOptions::new().event_queue(4);
    let (meeting, mut events) = server.enter_with(room(), options).await.unwrap();
    meeting.emit_with_ack("x", &Value::Null).await.unwrap();
    while meeting.emit("x", &Value::Null).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let mut names = Vec::new();
    while let Some(event) = events.next().await {
        if let MeetingEvent::UserWaiting(who) = event {
            names.push(who.name.unwrap());
        }
    }
    assert_eq!(names.last().map(String::as_str), Some("g9"));
    assert!(names.len() <= 10 && events.missed() <= 12);
}
