//! Every command of a room, with the frame that it goes out in. Those that the vendor's Web SDK was captured with are in
//! the order and with the arguments of the captures.

use enablex::room::{Protocol, Room};
use enablex::{
    AddSpotlightUsers, ApproveAwaitedUser, DenyAwaitedUser, DestroyRoom, DropUsers, EnableKnock,
    HardMuteAudio, HardMuteVideo, HardUnmuteAudio, HardUnmuteVideo, InviteToFloor, MuteRoom, OpenFloor,
    PinUsers, ProcessFloorRequest, RemoveSpotlightUsers, RoomMode, RtmpDetails, SendMessage, SetTalkerCount,
    StartLiveRecording, StartStreaming, StopStreaming, SwitchRoomMode, SwitchUserRole, UnmuteRoom,
    UnpinUsers, UpdateLiveRecording, UpdateStreaming, UrlDetails,
};
use serde_json::{Value, json};

macro_rules! commands {
    ($($call:ident($($request:expr)?) => $frame:tt;)*) => {
        /// Has a room say them all but the last ones, which differ between the generations.
        async fn say_common(room: &Room) -> enablex::Result<()> {
            $(room.$call($($request)?).await?;)*
            Ok(())
        }

        fn common() -> Vec<(&'static str, Value)> {
            vec![$((stringify!($call), json!($frame)),)*]
        }
    };
}

commands! {
    start_record() => ["startRecord", {}];
    stop_record() => ["stopRecord", {}];
    start_live_recording(StartLiveRecording::new().url_details(view()))
        => ["startLiveRecording", { "urlDetails": { "url": "https://v.example/?token=" } }];
    stop_live_recording() => ["stopLiveRecording", { "urlDetails": { "url": "", "layOut": {} } }];
    start_streaming(StartStreaming::new(RtmpDetails::new("rtmp://a.example/live/k")).url_details(view()))
        => ["startStreaming", {
            "rtmpDetails": { "rtmpUrl": "rtmp://a.example/live/k" },
            "urlDetails": { "url": "https://v.example/?token=" },
        }];
    stop_streaming(StopStreaming::new()) => ["stopStreaming", {
        "options": { "confNum": "1", "roomId": "room-1" }, "rtmpDetails": { "rtmpUrl": "" },
        "urlDetails": { "url": "", "layOut": {} },
    }];
    update_live_recording(UpdateLiveRecording::new(layout()))
        => ["setLiveRecordingParams", { "urlDetails": { "layOut": { "a": 1 } } }];
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
    send_message(SendMessage::new("hi"))
        => ["sendDataStreamToRoom", { "msg": "hi", "broadcast": true, "clients": [], "type": "chat" }];
    extend_conference_duration() => ["extendConferenceDuration", {}];
    // These were not captured.
    update_streaming(UpdateStreaming::new(layout())) => ["setStreamingParams", { "urlDetails": { "layOut": { "a": 1 } } }];
    unmute_room(UnmuteRoom::new().audio(false).video(false)) => ["unMuteRoom", { "audio": false, "video": false }];
    process_floor_request(ProcessFloorRequest::new("c-par", "grantFloor"))
        => ["processFloorRequest", "c-par", "grantFloor"];
    invite_to_floor(InviteToFloor::new("c-par")) => ["inviteToFloor", { "clientId": "c-par" }];
}

/// Those that were not captured.
const UNSEEN: [&str; 5] =
    ["update_streaming", "unmute_room", "process_floor_request", "invite_to_floor", "leave_room"];

fn view() -> UrlDetails {
    UrlDetails::new().url("https://v.example/?token=")
}

fn layout() -> UrlDetails {
    UrlDetails::new().lay_out(json!({ "a": 1 }))
}

/// All of them: the operation and its frame.
pub(crate) fn all(protocol: Protocol) -> Vec<(&'static str, Value)> {
    let mut destroyed = json!({ "all": true, "clients": null });
    if protocol == Protocol::Eio4 {
        destroyed["deleteRoom"] = false.into();
    }
    let mut all = common();
    all.push(("destroy_room", json!(["drop", destroyed])));
    all.push(("leave_room", json!(["drop", { "self": true }])));
    all
}

/// Those that the vendor's Web SDK was captured with, in its order.
pub(crate) fn captured(protocol: Protocol) -> Vec<(&'static str, Value)> {
    all(protocol).into_iter().filter(|(operation, _)| !UNSEEN.contains(operation)).collect()
}

/// Has a room say them all.
pub(crate) async fn say(room: &Room) -> enablex::Result<()> {
    say_common(room).await?;
    room.destroy_room(DestroyRoom::new()).await?;
    room.leave_room().await.map(drop)
}

/// What a client says of itself beside its token, whatever it is.
pub(crate) const ABOUT: [&str; 4] = ["hostType", "hostVersion", "hostDeviceType", "userAgent"];
/// What only the newer generation says.
const NEWER: [&str; 2] = ["singlePC", "dataChannel"];

/// The members beside the token that tell the service which dialect to speak; null for one that must not be there.
pub(crate) fn dialect(protocol: Protocol) -> Vec<(&'static str, Value)> {
    let (version, newer) = match protocol {
        Protocol::Eio4 => ("3.1.8", [json!("subs"), json!(true)]),
        _ => ("2.3.0", [Value::Null, Value::Null]),
    };
    NEWER.into_iter().zip(newer).chain([("version", json!(version))]).collect()
}

/// Whether all of it is beside a token.
pub(crate) fn has_dialect(token: &Value, protocol: Protocol) -> Result<(), String> {
    if let Some(name) = ABOUT.iter().find(|name| !token[**name].is_string()) {
        return Err(format!("{name} is not beside the token"));
    }
    dialect(protocol).iter().try_for_each(|(name, value)| crate::same(name, &token[*name], value))
}
