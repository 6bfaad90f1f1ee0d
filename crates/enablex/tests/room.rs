//! Rooms against a scripted server in this process: what is sent, what is not, and what becomes of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/script.rs"]
mod script;

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::room::Protocol;
use enablex::{
    AddSpotlightUsers, ApproveAwaitedUser, DenyAwaitedUser, DestroyRoom, DropUsers, EnableKnock,
    EnableXError, HardMuteAudio, HardMuteVideo, HardUnmuteAudio, HardUnmuteVideo, InviteToFloor, MuteRoom,
    OpenFloor, PinUsers, ProcessFloorRequest, RemoveSpotlightUsers, Role, Room, RoomMode, RoomOptions,
    RtmpDetails, SendMessage, SetTalkerCount, StartLiveRecording, StartStreaming, StopStreaming,
    SwitchRoomMode, SwitchUserRole, UnmuteRoom, UnpinUsers, UpdateLiveRecording, UpdateStreaming, UrlDetails,
};
use rtc_core::testing::{LoopChannel, ManualClock};
use rtc_core::transport::channel::{Connect, ConnectError};
use rtc_core::{Clock, ErrorKind, Limits, Reason, http};
use script::{Reply, Scripted, ack, entered, friendly, joined, room};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

/// Every command, and the frame it goes out in; captured from the vendor's libraries where those send it.
async fn every_command(room: &Room) -> Vec<Value> {
    let mut expected = Vec::new();
    macro_rules! sends {
        ($($call:ident($($request:expr)?) => $frame:tt;)*) => {$(
            room.$call($($request)?).await.unwrap();
            expected.push(json!($frame));
        )*};
    }
    let view = || UrlDetails::new().url("https://v.example/?token=");
    let layout = || UrlDetails::new().lay_out(json!({ "a": 1 }));
    sends! {
        start_record() => ["startRecord", {}];
        stop_record() => ["stopRecord", {}];
        start_live_recording(StartLiveRecording::new().url_details(view()))
            => ["startLiveRecording", { "urlDetails": { "url": "https://v.example/?token=" } }];
        start_live_recording(StartLiveRecording::new()) => ["startLiveRecording", { "urlDetails": {} }];
        stop_live_recording() => ["stopLiveRecording", { "urlDetails": { "url": "", "layOut": {} } }];
        update_live_recording(UpdateLiveRecording::new(layout()))
            => ["setLiveRecordingParams", { "urlDetails": { "layOut": { "a": 1 } } }];
        start_streaming(StartStreaming::new(RtmpDetails::new("rtmp://a.example/live/k")).url_details(view()))
            => ["startStreaming", {
                "rtmpDetails": { "rtmpUrl": "rtmp://a.example/live/k" },
                "urlDetails": { "url": "https://v.example/?token=" },
            }];
        update_streaming(UpdateStreaming::new(layout()))
            => ["setStreamingParams", { "urlDetails": { "layOut": { "a": 1 } } }];
        stop_streaming(StopStreaming::new()) => ["stopStreaming", {
            "options": { "confNum": "1", "roomId": "room-1" }, "rtmpDetails": { "rtmpUrl": "" },
            "urlDetails": { "url": "", "layOut": {} },
        }];
        hard_mute_room() => ["room-muted", {}];
        hard_unmute_room() => ["room-unmuted", {}];
        hard_mute_audio(HardMuteAudio::new("c-par")) => ["hardmute-user-audio", { "clientId": "c-par" }];
        hard_unmute_audio(HardUnmuteAudio::new("c-par")) => ["hardunmute-user-audio", { "clientId": "c-par" }];
        hard_mute_video(HardMuteVideo::new("c-par")) => ["hardmute-user-video", { "clientId": "c-par" }];
        hard_unmute_video(HardUnmuteVideo::new("c-par")) => ["hardunmute-user-video", { "clientId": "c-par" }];
        lock_room() => ["lockRoom", true];
        unlock_room() => ["lockRoom", false];
        approve_awaited_user(ApproveAwaitedUser::new("c-wait")) => ["user-allowed", "c-wait"];
        deny_awaited_user(DenyAwaitedUser::new("c-w2")) => ["user-denied", "c-w2"];
        pin_users(PinUsers::new(["c-par"]))
            => ["setAdvancedOptions", [{ "id": "update-pin-users", "request": "add", "clientIds": ["c-par"] }]];
        unpin_users(UnpinUsers::new(["c-par"]))
            => ["setAdvancedOptions", [{ "id": "update-pin-users", "request": "remove", "clientIds": ["c-par"] }]];
        add_spotlight_users(AddSpotlightUsers::new(["c-par"]))
            => ["setAdvancedOptions", [{ "id": "spotlight-users", "request": "add", "clientIds": ["c-par"] }]];
        remove_spotlight_users(RemoveSpotlightUsers::new(["c-par"]))
            => ["setAdvancedOptions", [{ "id": "spotlight-users", "request": "remove", "clientIds": ["c-par"] }]];
        drop_users(DropUsers::new(["c-par"])) => ["drop", { "all": false, "clientIds": ["c-par"] }];
        switch_room_mode(SwitchRoomMode::new(RoomMode::Lecture)) => ["switchRoomMode", "lecture"];
        switch_user_role(SwitchUserRole::new("c-par")) => ["switchUserRole", "c-par"];
        enable_knock(EnableKnock::new(true)) => ["enableKnock", true];
        open_floor(OpenFloor::new(true)) => ["openFloor", true];
        set_talker_count(SetTalkerCount::new(4).num_audio_talkers(4).num_video_talkers(4))
            => ["setNumberOfTalker", { "numTalkers": 4, "numAudioTalkers": 4, "numVideoTalkers": 4 }];
        get_talker_count() => ["getNumberOfTalker"];
        get_advanced_options() => ["getAdvancedOptions"];
        mute_room(MuteRoom::new()) => ["muteRoom", { "audio": true, "video": true }];
        unmute_room(UnmuteRoom::new().audio(false).video(false)) => ["unMuteRoom", { "audio": false, "video": false }];
        process_floor_request(ProcessFloorRequest::new("c-par", "grantFloor"))
            => ["processFloorRequest", "c-par", "grantFloor"];
        invite_to_floor(InviteToFloor::new("c-par")) => ["inviteToFloor", { "clientId": "c-par" }];
        send_message(SendMessage::new("hi"))
            => ["sendDataStreamToRoom", { "msg": "hi", "broadcast": true, "clients": [], "type": "chat" }];
    }
    expected
}

#[tokio::test]
async fn commands_go_out_as_the_vendor_sends_them() {
    for (protocol, url, destroyed) in [
        (
            Protocol::Eio3,
            "wss://edge.example/socket.io/?EIO=3&transport=websocket&X-Forwarded-Host=media.example%3A7443",
            json!(["drop", { "all": true, "clients": null }]),
        ),
        (
            Protocol::Eio4,
            "wss://edge.example/v3/socket.io/?EIO=4&transport=websocket&X-Forwarded-Host=media.example%3A7443",
            json!(["drop", { "all": true, "clients": null, "deleteRoom": false }]),
        ),
    ] {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let server = Scripted::new(protocol, friendly);
        let (room, _events) = server.enter_with(RoomOptions::new().clock(clock.clone())).await.unwrap();
        assert_eq!(server.urls(), [url]);
        let mut expected = every_command(&room).await;
        server.pass(&clock, 21).await;
        room.extend_conference_duration().await.unwrap();
        expected.push(json!(["extendConferenceDuration", {}]));
        room.destroy_room(DestroyRoom::new()).await.unwrap();
        expected.push(destroyed);
        room.leave_room().await.unwrap();
        expected.push(json!(["drop", { "self": true }]));
        let frames = server.frames();
        assert_eq!(frames[1..], expected);
        let hello = &frames[0][1];
        assert_eq!((&frames[0][0], &hello["tokenId"]), (&json!("token"), &json!("canary")));
        assert_eq!(hello["roomMeta"]["settings"]["mode"], "group");
        let newer = protocol == Protocol::Eio4;
        assert_eq!(hello["version"], if newer { "3.1.8" } else { "2.3.0" });
        assert_eq!(hello["singlePC"] == "subs" && hello["dataChannel"] == true, newer);
        assert_eq!(hello.get("singlePC").is_some(), newer);
        assert_eq!(hello.get("isReconnecting"), None);
        assert!(!format!("{room:?} {:?}", room.state()).contains("canary"));
    }
}

#[tokio::test]
async fn what_only_the_newer_generation_knows() {
    for (protocol, newer) in [(Protocol::Eio3, false), (Protocol::Eio4, true)] {
        let server = Scripted::new(protocol, friendly);
        let (room, _events) = server.enter().await.unwrap();
        let role = room.switch_user_role(SwitchUserRole::new("c-par").role(Role::Viewer)).await;
        let delete = room.destroy_room(DestroyRoom::new().delete_room(true)).await;
        for (result, field) in [(role, "role"), (delete, "delete_room")] {
            match result {
                Ok(_) => assert!(newer, "{field}"),
                Err(error) => {
                    assert!(!newer && !error.was_sent(), "{error}");
                    assert_eq!(error.violations().unwrap().first().unwrap().field, field);
                }
            }
        }
        let sent = [
            json!(["switchUserRole", [{ "clientId": "c-par", "role": "viewer" }]]),
            json!(["drop", { "all": true, "clients": null, "deleteRoom": true }]),
        ];
        assert_eq!(server.frames()[1..], sent[..if newer { 2 } else { 0 }]);
    }
}

#[tokio::test]
async fn a_command_may_follow_on_the_acknowledgement_of_another() {
    // This server tells nobody of anything: all that is known of the lock is what was acknowledged.
    let server = Scripted::new(Protocol::Eio4, friendly);
    let (room, _events) = server.enter().await.unwrap();
    for locked in [true, false, true] {
        let done = if locked { room.lock_room().await } else { room.unlock_room().await };
        done.unwrap();
        assert_eq!(room.state().locked, Some(locked));
    }
    room.start_record().await.unwrap();
    assert_eq!(room.state().recording, Some(true));
    assert!(!room.lock_room().await.unwrap_err().was_sent());
}

/// The code of a refusal that was not sent.
fn refused<T: std::fmt::Debug>(result: enablex::Result<T>) -> String {
    let error = result.unwrap_err();
    assert!(!error.was_sent() && error.attempts() == 0);
    error.code().unwrap().into_owned()
}

/// A room of which this is known, as this role.
async fn as_role(role: &'static str, facts: Value) -> (Scripted, Room) {
    let server = Scripted::new(Protocol::Eio4, move |connection, frame| {
        if frame[0] == "token" { entered(room(role, facts.clone())) } else { friendly(connection, frame) }
    });
    let (room, _events) = server.enter().await.unwrap();
    (server, room)
}

#[tokio::test]
async fn only_moderators_moderate() {
    let (server, room) = as_role("participant", json!({})).await;
    for result in [
        room.lock_room().await,
        room.unlock_room().await,
        room.hard_mute_room().await,
        room.hard_unmute_room().await,
        room.hard_mute_audio(HardMuteAudio::new("c-par")).await,
        room.hard_unmute_audio(HardUnmuteAudio::new("c-par")).await,
        room.hard_mute_video(HardMuteVideo::new("c-par")).await,
        room.hard_unmute_video(HardUnmuteVideo::new("c-par")).await,
        room.start_record().await,
        room.stop_record().await,
        room.approve_awaited_user(ApproveAwaitedUser::new("c-wait")).await,
        room.deny_awaited_user(DenyAwaitedUser::new("c-wait")).await,
        room.switch_user_role(SwitchUserRole::new("c-par")).await,
        room.drop_users(DropUsers::new(["c-par"])).await,
        room.switch_room_mode(SwitchRoomMode::new(RoomMode::Lecture)).await,
        room.destroy_room(DestroyRoom::new()).await,
        room.enable_knock(EnableKnock::new(true)).await,
        room.open_floor(OpenFloor::new(true)).await,
        room.process_floor_request(ProcessFloorRequest::new("c-par", "grantFloor")).await,
        room.invite_to_floor(InviteToFloor::new("c-par")).await,
    ] {
        assert_eq!(refused(result), "1168");
    }
    assert_eq!(refused(room.pin_users(PinUsers::new(["c-par"])).await), "1168");
    assert_eq!(refused(room.add_spotlight_users(AddSpotlightUsers::new(["c-par"])).await), "1168");
    let live = room.start_live_recording(StartLiveRecording::new()).await;
    assert_eq!(refused(live), "7201");
    assert_eq!(refused(room.stop_live_recording().await), "7036");
    let rtmp = RtmpDetails::new("rtmp://a.example/live/k");
    assert_eq!(refused(room.start_streaming(StartStreaming::new(rtmp)).await), "7008");
    assert_eq!(refused(room.stop_streaming(StopStreaming::new()).await), "7044");
    assert_eq!(server.frames().len(), 1);
    room.send_message(SendMessage::new("hi")).await.unwrap();
}

#[tokio::test]
async fn what_the_room_would_refuse_is_not_sent() {
    let (server, room) = as_role("moderator", json!({ "locked": true })).await;
    assert_eq!(refused(room.lock_room().await), "4121");
    let mode = |mode| room.switch_room_mode(SwitchRoomMode::new(mode));
    assert_eq!(refused(mode(RoomMode::Group).await), "1717");
    let own = room.switch_user_role(SwitchUserRole::new("c-me")).await;
    assert_eq!(refused(own), "1155");
    let unknown = room.switch_user_role(SwitchUserRole::new("c-nobody")).await;
    assert_eq!(refused(unknown), "1159");
    assert_eq!(server.frames().len(), 1);
    mode(RoomMode::Lecture).await.unwrap();
    assert_eq!(refused(mode(RoomMode::Lecture).await), "1716");
    // Limits of pins are not sure enough to refuse.
    room.pin_users(PinUsers::new((0..40).map(|n| format!("c-{n}")))).await.unwrap();
    room.close().await;
    assert_eq!(refused(room.unlock_room().await), "1163");
    assert_eq!(refused(room.send_message(SendMessage::new("hi")).await), "1163");

    let (server, room) = as_role("moderator", json!({ "locked": false })).await;
    assert_eq!(refused(room.unlock_room().await), "4121");
    assert_eq!(server.frames().len(), 1);
}

#[tokio::test]
async fn recording_must_be_subscribed() {
    let server = Scripted::new(Protocol::Eio3, |connection, frame| {
        let mut reply = friendly(connection, frame);
        for event in &mut reply.events {
            event[1]["subscription"] = json!({ "recording": false });
        }
        reply
    });
    let (room, _events) = server.enter().await.unwrap();
    assert_eq!(refused(room.start_record().await), "1170");
    assert_eq!(refused(room.stop_record().await), "1170");
    assert_eq!(server.frames().len(), 1);
}

#[tokio::test]
async fn empty_ids_never_pass() {
    let (server, room) = as_role("moderator", json!({})).await;
    let code = |error: enablex::Error| {
        assert!(!error.was_sent() && error.kind() == ErrorKind::InvalidInput);
        let violation = error.violations().and_then(|v| v.first()).and_then(|v| v.code.clone());
        violation.or_else(|| error.code()).unwrap().into_owned()
    };
    for id in ["", " "] {
        assert_eq!(code(room.hard_mute_audio(HardMuteAudio::new(id)).await.unwrap_err()), "1155");
        assert_eq!(code(room.approve_awaited_user(ApproveAwaitedUser::new(id)).await.unwrap_err()), "1155");
        assert_eq!(code(room.switch_user_role(SwitchUserRole::new(id)).await.unwrap_err()), "1155");
        assert_eq!(code(room.pin_users(PinUsers::new(["c-par", id])).await.unwrap_err()), "1155");
        assert_eq!(code(room.drop_users(DropUsers::new([id])).await.unwrap_err()), "1155");
        let message = SendMessage::new("hi").broadcast(false).clients(["c-par", id]);
        assert_eq!(code(room.send_message(message).await.unwrap_err()), "1155");
    }
    let nobody: [&str; 0] = [];
    assert_eq!(code(room.drop_users(DropUsers::new(nobody)).await.unwrap_err()), "1155");
    assert_eq!(code(room.unpin_users(UnpinUsers::new(nobody)).await.unwrap_err()), "1155");
    assert_eq!(server.frames().len(), 1);
}

/// What becomes of a command whose acknowledgement has these arguments.
async fn acknowledged(arguments: Value) -> (Room, enablex::Result<enablex::LiveAck>) {
    let server = Scripted::new(Protocol::Eio4, move |connection, frame| {
        if frame[0] == "token" { friendly(connection, frame) } else { ack(arguments.clone()) }
    });
    let (room, _events) = server.enter().await.unwrap();
    let result = room.start_live_recording(StartLiveRecording::new()).await;
    (room, result)
}

#[tokio::test]
async fn live_recordings_in_all_forms_of_acknowledgements() {
    use enablex::LiveOutcome;
    use enablex::room::LiveState;

    let status =
        |code: i64| json!({ "resultCode": code, "success": code == 0, "error": { "errorCode": code } });
    for (arguments, outcome, state) in [
        (json!([{ "status": status(0), "startedBy": "c-me" }]), LiveOutcome::Done, LiveState::On),
        (json!(["success", { "status": status(0) }]), LiveOutcome::Done, LiveState::On),
        (json!([]), LiveOutcome::Done, LiveState::On),
        (json!(["error", { "status": status(7207) }]), LiveOutcome::Queued, LiveState::Queued),
        (json!([null, { "status": status(7014) }]), LiveOutcome::Fallback, LiveState::Fallback),
    ] {
        let (room, result) = acknowledged(arguments.clone()).await;
        assert_eq!(result.unwrap().outcome, outcome, "{arguments}");
        assert_eq!(room.state().live_recording, Some(state), "{arguments}");
    }
    for arguments in [
        json!(["error", { "status": status(7019) }]),
        json!([null, { "result": 7019 }]),
        json!([{ "result": "7019" }]),
    ] {
        let (room, result) = acknowledged(arguments.clone()).await;
        let error = result.unwrap_err();
        assert_eq!(error.code().as_deref(), Some("7019"), "{arguments}");
        assert_eq!((error.kind(), room.state().live_recording), (ErrorKind::Conflict, None));
    }
}

#[tokio::test]
async fn a_server_that_never_acknowledges_ends_with_the_deadline() {
    fn silent(connection: usize, frame: &Value) -> Reply {
        if frame[0] == "token" { friendly(connection, frame) } else { Reply::default() }
    }
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let server = Scripted::new(Protocol::Eio4, silent);
    let (room, _events) = server.enter_with(RoomOptions::new().clock(clock.clone())).await.unwrap();
    let command = tokio::spawn(async move { room.lock_room().await });
    while server.frames().len() < 2 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_millis(9_999));
    tokio::task::yield_now().await;
    assert!(!command.is_finished());
    clock.advance(Duration::from_millis(1));
    let error = command.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Timeout, true));
    assert!(clock.now() < SystemTime::UNIX_EPOCH + Duration::from_secs(11));
}

#[tokio::test]
async fn a_server_that_does_not_let_in() {
    fn refuses(_: usize, _: &Value) -> Reply {
        ack(json!(["error", { "result": 2102, "msg": "full" }]))
    }
    fn forgets(_: usize, _: &Value) -> Reply {
        ack(joined())
    }
    fn drops(_: usize, _: &Value) -> Reply {
        entered(json!(["room-disconnected", { "reason": "over" }]))
    }
    let error = Scripted::new(Protocol::Eio4, refuses).enter().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code().as_deref(), error.detail()),
        (ErrorKind::Conflict, Some("2102"), Some("full"))
    );
    let limit = RoomOptions::new().timeout(Duration::from_millis(100));
    let error = Scripted::new(Protocol::Eio3, forgets).enter_with(limit).await.unwrap_err();
    assert_eq!((error.kind(), error.was_sent()), (ErrorKind::Timeout, true));
    let error = Scripted::new(Protocol::Eio4, drops).enter().await.unwrap_err();
    assert!(
        matches!(error.service(), Some(EnableXError::Room { code: None, message, .. }) if message == "over")
    );
}

/// What reaches a room's server on 127.0.0.1 when the client's endpoint is `endpoint`: the head of the handshake.
async fn handshake(endpoint: &str, options: impl FnOnce(RoomOptions) -> RoomOptions) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token =
        json!({ "tokenId": "t", "host": listener.local_addr().unwrap().to_string(), "secure": false });
    let client = enablex::Client::builder(enablex::Credentials::new("id", "key"))
        .endpoint(endpoint)
        .header("x-gateway-key", "canary")
        .proxy("")
        .build()
        .unwrap();
    let room = Room::connect(STANDARD.encode(token.to_string()), options(client.room_options()));
    let head = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    };
    let (room, head) = tokio::join!(room, head);
    room.unwrap_err();
    head
}

#[tokio::test]
async fn extra_headers_go_only_to_servers_that_were_configured() {
    for (endpoint, trusted, shown) in [
        ("http://127.0.0.1:1/video/v2", None, true),
        ("http://localhost:1/video/v2", None, false),
        ("https://127.0.0.1:1/video/v2", None, false),
        ("http://localhost:1/video/v2", Some("127.0.0.1"), true),
        ("http://localhost:1/video/v2", Some("27.0.0.1"), false),
    ] {
        let options = |options: RoomOptions| match trusted {
            Some(host) => options.trusted_host(host),
            None => options,
        };
        let head = handshake(endpoint, options).await;
        assert!(head.starts_with("GET /v3/socket.io/"), "{head}");
        assert_eq!(head.contains("canary"), shown, "{endpoint} {trusted:?} {head}");
    }
}

/// A server that nobody reaches.
#[derive(Debug)]
struct Unreachable;

impl Connect for Unreachable {
    type Channel = LoopChannel;

    async fn connect(&self, _: http::Request<()>, _: Limits) -> Result<LoopChannel, ConnectError> {
        std::future::pending().await
    }
}

/// How long connecting and an answer are waited for, in a client with these settings.
async fn patience(
    configure: impl FnOnce(enablex::ClientBuilder) -> enablex::ClientBuilder,
) -> (Duration, Duration) {
    fn mute(_: usize, _: &Value) -> Reply {
        Reply::default()
    }
    let clock = ManualClock::jumping(SystemTime::UNIX_EPOCH);
    let builder = enablex::Client::builder(enablex::Credentials::new("id", "key")).clock(clock);
    let options = configure(builder).build().unwrap().room_options();
    let limit = |error: enablex::Error| match error.reason() {
        Reason::Timeout(limit) => *limit,
        other => panic!("{other:?}"),
    };
    let token = STANDARD.encode(r#"{"tokenId":"t","host":"media.example:7443","secure":true}"#);
    let unreachable = Room::connect(token, options.clone().connector(Unreachable)).await.unwrap_err();
    let silent = Scripted::new(Protocol::Eio4, mute).enter_with(options).await.unwrap_err();
    (limit(unreachable), limit(silent))
}

#[tokio::test]
async fn rooms_have_limits_of_their_own_unless_the_client_sets_some() {
    let seconds = Duration::from_secs;
    assert_eq!(patience(|builder| builder).await, (seconds(8), seconds(10)));
    // The defaults of the Server API, but set by the user.
    let set = patience(|builder| builder.connect_timeout(seconds(5)).timeout(seconds(15))).await;
    assert_eq!(set, (seconds(5), seconds(15)));
}
