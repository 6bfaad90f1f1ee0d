//! A moderated session against the emulator, one participant in the older protocol generation: every command, and what
//! each participant hears of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed test says enough")]

use std::time::Duration;

use enablex::room::{Protocol, Room, RoomEvents};
use enablex::{
    AddSpotlightUsers, ApproveAwaitedUser, Client, CreateRoom, CreateToken, Credentials, DenyAwaitedUser,
    DestroyRoom, DropUsers, EnableKnock, ErrorKind, GetRoom, HardMuteAudio, HardMuteVideo, HardUnmuteAudio,
    HardUnmuteVideo, InviteToFloor, OpenFloor, PinUsers, ProcessFloorRequest, RemoveSpotlightUsers, Role,
    RoomMode, RoomSettings, RtmpDetails, SendMessage, SetTalkerCount, StartLiveRecording, StartStreaming,
    StopStreaming, SwitchRoomMode, SwitchUserRole, UnpinUsers, UpdateLiveRecording, UrlDetails,
};
use rtc_emulator::Emulator;
use serde_json::{Value, json};

struct Person {
    id: String,
    room: Room,
    events: RoomEvents,
}

impl Person {
    /// What was heard since the last time, in order: everything that was sent before the answer to a question.
    async fn heard(&mut self) -> Vec<Value> {
        self.room.get_talker_count().await.unwrap();
        let mut heard = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, self.events.next()).await {
            heard.push(serde_json::to_value(event).unwrap());
        }
        heard
    }

    async fn kinds(&mut self) -> Vec<String> {
        self.heard().await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    /// Everything until the room is over.
    async fn last_words(&mut self) -> Vec<Value> {
        let mut heard = Vec::new();
        while let Some(event) = self.events.next().await {
            heard.push(serde_json::to_value(event).unwrap());
        }
        heard
    }
}

struct Scene {
    emulator: Emulator,
    client: Client,
    room_id: String,
}

impl Scene {
    async fn new(settings: RoomSettings) -> Self {
        let emulator = Emulator::start().await.unwrap();
        let access = emulator.enablex();
        let credentials = Credentials::new(access.app_id(), access.app_key());
        let client = Client::builder(credentials).endpoint(access.url()).build().unwrap();
        let room_id =
            client.create_room(CreateRoom::new("Stand-up", "team-7", settings)).await.unwrap().room_id;
        Self { emulator, client, room_id }
    }

    async fn enter(&self, name: &str, role: Role, protocol: Protocol) -> Person {
        let request = CreateToken::new(&self.room_id, name, role, name);
        let token = self.client.create_token(request).await.unwrap().token;
        let options = self.client.room_options().protocol(protocol);
        let (room, events) = Room::connect(token, options).await.unwrap();
        let id = room.joined().client_id.clone().unwrap();
        Person { id, room, events }
    }
}

/// Asserts what each of three has heard.
async fn expect(step: &str, people: [&mut Person; 3], kinds: [&[&str]; 3]) {
    for (n, (person, expected)) in people.into_iter().zip(kinds).enumerate() {
        assert_eq!(person.kinds().await, expected, "{step}: person {n}");
    }
}

#[tokio::test]
async fn everybody_hears_exactly_what_the_reference_promises() {
    let scene = Scene::new(RoomSettings::new(5).moderators(2).duration(60).knock(true)).await;
    let mut mo = scene.enter("Mo", Role::Moderator, Protocol::Eio4).await;
    let mut ada = scene.enter("Ada", Role::Participant, Protocol::Eio3).await;
    assert_eq!(mo.kinds().await, ["room_connected", "user_awaited"]);
    mo.room.approve_awaited_user(ApproveAwaitedUser::new(&ada.id)).await.unwrap();
    assert_eq!(ada.kinds().await, ["room_awaited", "room_connected"]);
    let mut eve = scene.enter("Eve", Role::Participant, Protocol::Eio4).await;
    mo.room.deny_awaited_user(DenyAwaitedUser::new(&eve.id)).await.unwrap();
    let last = eve.last_words().await;
    assert_eq!(
        (last[0]["type"].clone(), last[1]["reason"].clone()),
        (json!("room_awaited"), json!("denied"))
    );
    mo.room.enable_knock(EnableKnock::new(false)).await.unwrap();
    let mut eve = scene.enter("Eve", Role::Participant, Protocol::Eio4).await;
    let people = [&mut mo, &mut ada, &mut eve];
    let both = ["knock_disabled", "user_connected"];
    expect(
        "coming in",
        people,
        [&["user_connected", "user_awaited", both[0], both[1]], &both, &["room_connected"]],
    )
    .await;

    macro_rules! step {
        ($name:literal, $command:expr, $mo:expr, $ada:expr, $eve:expr) => {{
            let answer = $command.await.unwrap();
            expect($name, [&mut mo, &mut ada, &mut eve], [&$mo, &$ada, &$eve]).await;
            answer
        }};
    }
    const NONE: [&str; 0] = [];
    step!("lock", mo.room.lock_room(), ["room_locked"], ["room_locked"], ["room_locked"]);
    step!("unlock", mo.room.unlock_room(), ["room_unlocked"], ["room_unlocked"], ["room_unlocked"]);
    step!("mute", mo.room.hard_mute_room(), NONE, ["room_muted"], ["room_muted"]);
    step!("unmute", mo.room.hard_unmute_room(), ["room_unmuted"], ["room_unmuted"], ["room_unmuted"]);
    let audio = ["hardmute_user_audio"];
    step!("audio off", mo.room.hard_mute_audio(HardMuteAudio::new(&ada.id)), NONE, audio, audio);
    let audio = ["hardunmute_user_audio"];
    step!("audio on", mo.room.hard_unmute_audio(HardUnmuteAudio::new(&ada.id)), NONE, audio, audio);
    let video = ["hardmute_user_video"];
    step!("video off", mo.room.hard_mute_video(HardMuteVideo::new(&ada.id)), NONE, video, video);
    let video = ["hardunmute_user_video"];
    step!("video on", mo.room.hard_unmute_video(HardUnmuteVideo::new(&ada.id)), NONE, video, video);
    let on = ["room_record_on"];
    step!("record", mo.room.start_record(), on, on, on);
    let off = ["room_record_off"];
    step!("stop recording", mo.room.stop_record(), off, off, off);
    let on = ["room_live_recording_on"];
    let ack = step!("live", mo.room.start_live_recording(StartLiveRecording::new()), on, on, on);
    assert_eq!(ack.started_by.as_ref(), Some(&mo.id));
    let layout = UpdateLiveRecording::new(UrlDetails::new().lay_out(json!({ "columns": 2 })));
    let updated = ["room_live_recording_updated"];
    step!("live layout", mo.room.update_live_recording(layout), updated, updated, updated);
    let off = ["room_live_recording_off"];
    step!("stop live", mo.room.stop_live_recording(), off, off, off);
    let streams = ["on_streaming_notification"];
    let to = StartStreaming::new(RtmpDetails::new("rtmp://live.example.com/app/key"));
    step!("stream", mo.room.start_streaming(to), streams, streams, streams);
    step!("stop streaming", mo.room.stop_streaming(StopStreaming::new()), streams, streams, streams);
    let pins = ["update_pin_users"];
    let ack = step!("pin", mo.room.pin_users(PinUsers::new([&eve.id])), pins, pins, pins);
    assert_eq!(ack.clients, Some(vec![eve.id.clone()]));
    step!("unpin", mo.room.unpin_users(UnpinUsers::new([&eve.id])), pins, pins, pins);
    let lit = ["spotlight_users", "active_talkers_updated"];
    step!("spotlight", mo.room.add_spotlight_users(AddSpotlightUsers::new([&eve.id])), lit, lit, lit);
    let lit = ["spotlight_users"];
    step!(
        "no spotlight",
        mo.room.remove_spotlight_users(RemoveSpotlightUsers::new([&eve.id])),
        lit,
        lit,
        lit
    );
    let switched = ["room_switched"];
    let lecture = SwitchRoomMode::new(RoomMode::Lecture);
    step!("lecture", mo.room.switch_room_mode(lecture), switched, switched, switched);
    step!(
        "message",
        mo.room.send_message(SendMessage::new("hello")),
        NONE,
        ["on_data_stream_to_room"],
        ["on_data_stream_to_room"]
    );

    // Each is told in the form of the own generation, and the new moderator of all there is to know.
    mo.room.switch_user_role(SwitchUserRole::new(&ada.id)).await.unwrap();
    let (newer, older) = (eve.heard().await, ada.heard().await);
    assert_eq!(newer[0]["clients_info"][0]["client_id"], json!(ada.id));
    assert_eq!((newer[0]["moderator"].clone(), newer.len()), (Value::Null, 1));
    assert_eq!(older[0]["moderator"], json!({ "new": ada.id, "old": mo.id }));
    assert_eq!(mo.kinds().await, ["user_role_changed"]);
    assert_eq!(
        (mo.room.state().role, ada.room.state().role),
        (Some(Role::Participant), Some(Role::Moderator))
    );

    ada.room.drop_users(DropUsers::new([&eve.id])).await.unwrap();
    assert_eq!(eve.last_words().await[0]["type"], "room_disconnected");
    assert_eq!(mo.kinds().await, ["user_disconnected"]);
    assert_eq!(ada.kinds().await, ["user_disconnected"]);
    ada.room.destroy_room(DestroyRoom::new()).await.unwrap();
    for person in [&mut mo, &mut ada] {
        let last = person.last_words().await;
        assert_eq!((last.len(), &last[0]["reason"]), (1, &json!("room-destroyed")));
    }
    let state = scene.emulator.state();
    assert_eq!(state["enablex"]["rooms"][0]["users"], json!([]));
}

#[tokio::test]
async fn the_room_refuses_by_itself() {
    let scene = Scene::new(RoomSettings::new(5).moderators(2).max_active_talkers(2)).await;
    let mo = scene.enter("Mo", Role::Moderator, Protocol::Eio4).await;
    let ada = scene.enter("Ada", Role::Participant, Protocol::Eio4).await;
    let code = |error: enablex::Error| error.code().map(|code| code.into_owned());
    mo.room.start_record().await.unwrap();
    assert_eq!(code(mo.room.start_record().await.unwrap_err()).as_deref(), Some("5034"));
    mo.room.pin_users(PinUsers::new([&ada.id])).await.unwrap();
    assert_eq!(code(mo.room.pin_users(PinUsers::new([&mo.id])).await.unwrap_err()).as_deref(), Some("1155"));
    let more = SetTalkerCount::new(3);
    assert_eq!(code(mo.room.set_talker_count(more).await.unwrap_err()).as_deref(), Some("1155"));
    mo.room.set_talker_count(SetTalkerCount::new(1)).await.unwrap();
    assert_eq!(mo.room.get_talker_count().await.unwrap().num_talkers, Some(1));
    // Who comes now sees how things stand.
    mo.room.hard_mute_room().await.unwrap();
    let late = scene.enter("Late", Role::Viewer, Protocol::Eio3).await;
    assert_eq!(late.room.state().muted, Some(true));
}

#[tokio::test]
async fn live_recordings_wait_fall_back_and_fail() {
    let scene = Scene::new(RoomSettings::new(5)).await;
    let mut mo = scene.enter("Mo", Role::Moderator, Protocol::Eio4).await;
    mo.heard().await;
    let access = scene.emulator.enablex();
    let start = || mo.room.start_live_recording(StartLiveRecording::new());

    assert!(access.next_live("failed"));
    assert_eq!(start().await.unwrap_err().code().as_deref(), Some("7011"));
    assert!(access.next_live("running"));
    let running = start().await.unwrap_err();
    assert_eq!((running.kind(), running.code().as_deref()), (ErrorKind::Conflict, Some("7019")));
    assert!(access.next_live("fallback"));
    assert_eq!(start().await.unwrap().raw_result, 7014);
    assert_eq!(mo.room.stop_live_recording().await.unwrap().raw_result, 7034);
    assert_eq!(mo.kinds().await, ["room_record_on", "room_record_off"]);

    for (next, told) in
        [("queued", "room_live_recording_on"), ("queued_then_failed", "room_live_recording_failed")]
    {
        assert!(access.next_live(next));
        let start = mo.room.start_live_recording(StartLiveRecording::new());
        assert_eq!(start.await.unwrap().raw_result, 7207);
        assert_eq!(mo.kinds().await, Vec::<String>::new());
        scene.emulator.clock().advance(Duration::from_secs(121));
        let event = tokio::time::timeout(Duration::from_secs(10), mo.events.next()).await.unwrap().unwrap();
        assert_eq!(serde_json::to_value(event).unwrap()["type"], told);
        if next == "queued" {
            mo.room.stop_live_recording().await.unwrap();
            assert_eq!(mo.kinds().await, ["room_live_recording_off"]);
        }
    }
    assert!(!access.next_live("nonsense"));
}

#[tokio::test]
async fn the_floor_of_a_lecture() {
    let scene = Scene::new(RoomSettings::new(5)).await;
    let mut mo = scene.enter("Mo", Role::Moderator, Protocol::Eio4).await;
    let mut ada = scene.enter("Ada", Role::Participant, Protocol::Eio4).await;
    let access = scene.emulator.enablex();
    assert!(!access.raise_hand(&scene.room_id, &ada.id), "there is no floor in a group");
    mo.room.switch_room_mode(SwitchRoomMode::new(RoomMode::Lecture)).await.unwrap();
    mo.heard().await;
    ada.heard().await;
    assert!(access.raise_hand(&scene.room_id, &ada.id));
    assert_eq!((mo.kinds().await, ada.kinds().await), (vec!["floor_requested".to_owned()], vec![]));
    let floor = |action: &str| mo.room.process_floor_request(ProcessFloorRequest::new(&ada.id, action));
    assert_eq!(floor("releaseFloor").await.unwrap_err().code().as_deref(), Some("5050"));
    floor("grantFloor").await.unwrap();
    floor("releaseFloor").await.unwrap();
    assert_eq!(ada.kinds().await, ["floor_granted", "floor_released"]);
    mo.room.invite_to_floor(InviteToFloor::new(&ada.id)).await.unwrap();
    mo.room.open_floor(OpenFloor::new(true)).await.unwrap();
    assert_eq!(ada.kinds().await, ["invite_to_floor", "floor_opened"]);
}

#[tokio::test]
async fn the_clock_warns_extends_and_ends() {
    let scene = Scene::new(RoomSettings::new(5).duration(60)).await;
    let mut mo = scene.enter("Mo", Role::Moderator, Protocol::Eio4).await;
    let mut ada = scene.enter("Ada", Role::Participant, Protocol::Eio3).await;
    mo.heard().await;
    ada.heard().await;
    let clock = scene.emulator.clock();
    let minutes = |n: u64| clock.advance(Duration::from_secs(n * 60));
    async fn next(person: &mut Person) -> Value {
        let event = tokio::time::timeout(Duration::from_secs(10), person.events.next()).await.unwrap();
        serde_json::to_value(event.unwrap()).unwrap()
    }
    minutes(50);
    for person in [&mut mo, &mut ada] {
        let told = next(person).await;
        assert_eq!(
            (&told["type"], &told["time_left"]),
            (&json!("conference_remaining_duration"), &json!(10.0))
        );
    }
    // Anybody may extend, once in a window.
    assert_eq!(ada.room.extend_conference_duration().await.unwrap().extended_time, Some(10.0));
    for person in [&mut mo, &mut ada] {
        assert_eq!(next(person).await["type"], "conference_extended");
    }
    assert_eq!(ada.room.extend_conference_duration().await.unwrap_err().kind(), ErrorKind::Conflict);
    minutes(10);
    assert_eq!(next(&mut mo).await["time_left"], 10.0);
    minutes(5);
    assert_eq!(next(&mut mo).await["time_left"], 5.0);
    minutes(5);
    let last = mo.last_words().await;
    assert_eq!((last.len(), &last[0]["reason"]), (1, &json!("conference-expired")));
    assert_eq!(ada.last_words().await.last().unwrap()["reason"], "conference-expired");
    // The room is there for the next session.
    scene.client.get_room(GetRoom::new(&scene.room_id)).await.unwrap();
}

#[tokio::test]
async fn participants_wait_for_a_moderator() {
    let scene = Scene::new(RoomSettings::new(5).wait_for_moderator(true)).await;
    let mut ada = scene.enter("Ada", Role::Participant, Protocol::Eio4).await;
    let mo = scene.enter("Mo", Role::Moderator, Protocol::Eio4).await;
    assert_eq!(ada.kinds().await, ["room_awaited", "room_connected"]);
    mo.room.destroy_room(DestroyRoom::new().delete_room(true)).await.unwrap();
    ada.last_words().await;
    let error = scene.client.get_room(GetRoom::new(&scene.room_id)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_hundred_and_fifty_people_in_one_room() {
    let scene = Scene::new(RoomSettings::new(200)).await;
    let mut mo = scene.enter("Mo", Role::Moderator, Protocol::Eio4).await;
    let mut people = Vec::new();
    for n in 0..149 {
        let protocol = if n % 2 == 0 { Protocol::Eio3 } else { Protocol::Eio4 };
        people.push(scene.enter("Somebody", Role::Participant, protocol).await);
    }
    assert_eq!(mo.heard().await.len(), 150);
    mo.room.lock_room().await.unwrap();
    for person in &mut people {
        assert_eq!(person.kinds().await.last().unwrap(), "room_locked");
        assert_eq!(person.room.state().participants.len(), 150);
    }
}
