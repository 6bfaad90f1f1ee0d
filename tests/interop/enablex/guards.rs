//! What a participant may not: our rooms refuse it by themselves, with the codes that the vendor's Web SDK was captured
//! with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::{
    DestroyRoom, DropUsers, HardMuteAudio, HardMuteVideo, HardUnmuteAudio, HardUnmuteVideo, PinUsers, Role,
    Room, RoomSettings, RtmpDetails, StartLiveRecording, StartStreaming, StopStreaming, SwitchUserRole,
    UnpinUsers, UpdateLiveRecording, UrlDetails,
};
use serde_json::{Value, json};

use crate::scene::Scene;
use crate::{Found, captures, same};

const CAPTURE: &str = "websdk-3.1.8-not-connected.json";
/// A code that the SDK gives because of its missing connection, which ours has.
const NOT_CONNECTED: u64 = 1163;

macro_rules! attempts {
    ($room:ident, $($callback:literal: $call:ident($($request:expr)?) => $code:literal,)*) => {
        vec![$(($callback, $code, $room.$call($($request)?).await.map(drop)),)*]
    };
}

/// What each command comes to, by its name in the SDK, and the code it is to come to.
async fn attempts(room: &Room) -> Vec<(&'static str, u64, enablex::Result<()>)> {
    let layout = UrlDetails::new().lay_out(json!({ "a": 1 }));
    let rtmp = RtmpDetails::new("rtmp://a.example/live/k");
    attempts! { room,
        "startLiveRecording": start_live_recording(StartLiveRecording::new()) => 7201,
        "stopLiveRecording": stop_live_recording() => 7036,
        "startStreaming": start_streaming(StartStreaming::new(rtmp)) => 7008,
        "stopStreaming": stop_streaming(StopStreaming::new()) => 7044,
        "setLiveRecordingParams": update_live_recording(UpdateLiveRecording::new(layout)) => 7071,
        "hardMute": hard_mute_room() => 1168,
        "hardUnmute": hard_unmute_room() => 1168,
        "hardMuteUserAudio": hard_mute_audio(HardMuteAudio::new("c")) => 1168,
        "hardUnmuteUserAudio": hard_unmute_audio(HardUnmuteAudio::new("c")) => 1168,
        "hardMuteUserVideo": hard_mute_video(HardMuteVideo::new("c")) => 1168,
        "hardUnmuteUserVideo": hard_unmute_video(HardUnmuteVideo::new("c")) => 1168,
        "lock": lock_room() => 1168,
        "unlock": unlock_room() => 1168,
        "pinUsers": pin_users(PinUsers::new(["c"])) => 1168,
        "unpinUsers": unpin_users(UnpinUsers::new(["c"])) => 1168,
        "dropUser": drop_users(DropUsers::new(["c"])) => 1168,
        "switchUserRole": switch_user_role(SwitchUserRole::new("c")) => 1168,
        "destroy": destroy_room(DestroyRoom::new()) => 1168,
    }
}

pub(crate) async fn run(found: &mut Found) {
    println!("\nwhat a participant may not");
    match participant().await {
        Ok(attempts) => {
            found.check("our refusals", refusals(&attempts));
            let Some(folder) = captures() else {
                return found.skip("the captured refusals of the vendor's Web SDK: ../shared is not there");
            };
            let text = std::fs::read_to_string(folder.join(CAPTURE)).unwrap_or_default();
            found.check(CAPTURE, compare(&attempts, &text));
        }
        Err(error) => found.check("a participant", Err(error)),
    }
}

async fn participant() -> Result<Vec<(&'static str, u64, enablex::Result<()>)>, String> {
    let scene = Scene::new(RoomSettings::new(5)).await?;
    let token = scene.token("Par", Role::Participant).await?;
    let options = enablex::RoomOptions::new().allow_private(true);
    let entered = Room::connect(STANDARD.encode(token.to_string()), options).await;
    let (room, _events) = entered.map_err(|e| e.to_string())?;
    Ok(attempts(&room).await)
}

fn refusals(attempts: &[(&str, u64, enablex::Result<()>)]) -> Result<(), String> {
    for (name, code, result) in attempts {
        match result {
            Err(error) if error.code().as_deref() == Some(&code.to_string()) && !error.was_sent() => {}
            other => return Err(format!("{name} came to {other:?}, not to {code}")),
        }
    }
    Ok(())
}

fn compare(attempts: &[(&str, u64, enablex::Result<()>)], capture: &str) -> Result<(), String> {
    let lines: Vec<Value> = serde_json::from_str(capture).map_err(|e| e.to_string())?;
    let told = lines.iter().filter_map(|line| line["page"].as_str());
    let told = told
        .filter_map(|page| serde_json::from_str::<Value>(page).ok())
        .filter(|page| page["cb"].is_string());
    let theirs = told.map(|page| json!([page["cb"], page["args"][0]["result"]]));
    let theirs: Vec<Value> = theirs.filter(|told| told[1] != NOT_CONNECTED).collect();
    let ours: Vec<Value> = attempts.iter().map(|(name, code, _)| json!([name, code])).collect();
    same("the refusals", &json!(ours), &json!(theirs))
}
