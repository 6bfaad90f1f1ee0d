//! A scripted session against the emulator: a moderator and three participants, one of whom knocks and one of whom is of
//! the older protocol generation. Every command of the reference, and what each of the four hears of it: what the
//! reference promises, and nothing more. `-- --nocapture` shows it as a table.
//!
//! After each step a message goes to everybody, and each reads up to it: nothing waits for time to pass.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed test says enough")]

#[path = "session/promises.rs"]
mod promises;
#[path = "session/stage.rs"]
mod stage;

use std::time::Duration;

use enablex::room::Phase;
use enablex::{
    AddSpotlightUsers, ApproveAwaitedUser, DenyAwaitedUser, DestroyRoom, DropUsers, EnableKnock,
    HardMuteAudio, HardMuteVideo, HardUnmuteAudio, HardUnmuteVideo, PinUsers, RemoveSpotlightUsers, Role,
    RoomMode, StartLiveRecording, SwitchRoomMode, SwitchUserRole, UnpinUsers,
};
use promises::COMMANDS;
use stage::{ADA, BOB, EVE, MO, Stage};

#[tokio::test]
async fn each_hears_exactly_what_the_reference_promises() {
    let mut stage = Stage::new().await;
    let [mo, ada] = [MO, ADA].map(|n| stage.room(n));
    let [ada_id, bob_id] = [ADA, BOB].map(|n| stage.id(n));
    mo.enable_knock(EnableKnock::new(true)).await.unwrap();
    stage.clear().await;

    // Eve waits in front of the room, and hears nothing of what goes on inside.
    stage.knock(EVE).await;
    let eve_id = stage.id(EVE);
    stage.step("lock_room", MO, None, mo.lock_room()).await;
    stage.step("unlock_room", MO, None, mo.unlock_room()).await;
    stage.step("start_record", MO, None, mo.start_record()).await;
    stage.step("stop_record", MO, None, mo.stop_record()).await;
    let deny = mo.deny_awaited_user(DenyAwaitedUser::new(&eve_id));
    stage.step("deny_awaited_user", MO, Some(EVE), deny).await;

    // The second time she is let in: late, into a room that is muted and recorded.
    let live = mo.start_live_recording(StartLiveRecording::new());
    stage.step("start_live_recording", MO, None, live).await;
    stage.step("hard_mute_room", MO, None, mo.hard_mute_room()).await;
    stage.knock(EVE).await;
    let approve = mo.approve_awaited_user(ApproveAwaitedUser::new(stage.id(EVE)));
    stage.step("approve_awaited_user", MO, Some(EVE), approve).await;
    assert_eq!(stage.room(EVE).state().muted, Some(true));
    stage.step("hard_unmute_room", MO, None, mo.hard_unmute_room()).await;
    stage.step("stop_live_recording", MO, None, mo.stop_live_recording()).await;

    let command = mo.hard_mute_audio(HardMuteAudio::new(&ada_id));
    stage.step("hard_mute_audio", MO, Some(ADA), command).await;
    let command = mo.hard_unmute_audio(HardUnmuteAudio::new(&ada_id));
    stage.step("hard_unmute_audio", MO, Some(ADA), command).await;
    let command = mo.hard_mute_video(HardMuteVideo::new(&ada_id));
    stage.step("hard_mute_video", MO, Some(ADA), command).await;
    let command = mo.hard_unmute_video(HardUnmuteVideo::new(&ada_id));
    stage.step("hard_unmute_video", MO, Some(ADA), command).await;
    stage.step("pin_users", MO, Some(BOB), mo.pin_users(PinUsers::new([&bob_id]))).await;
    stage.step("unpin_users", MO, Some(BOB), mo.unpin_users(UnpinUsers::new([&bob_id]))).await;
    let command = mo.add_spotlight_users(AddSpotlightUsers::new([&bob_id]));
    stage.step("add_spotlight_users", MO, Some(BOB), command).await;
    let command = mo.remove_spotlight_users(RemoveSpotlightUsers::new([&bob_id]));
    stage.step("remove_spotlight_users", MO, Some(BOB), command).await;

    // From one protocol generation to the other, and back.
    let command = mo.switch_user_role(SwitchUserRole::new(&ada_id));
    stage.step("switch_user_role", MO, Some(ADA), command).await;
    assert_eq!(
        [MO, ADA].map(|n| stage.room(n).state().role),
        [Some(Role::Participant), Some(Role::Moderator)]
    );
    stage.step("hard_mute_room", ADA, None, ada.hard_mute_room()).await;
    stage.step("hard_unmute_room", ADA, None, ada.hard_unmute_room()).await;
    let command = ada.switch_user_role(SwitchUserRole::new(stage.id(MO)));
    stage.step("switch_user_role", ADA, Some(MO), command).await;

    let command = mo.switch_room_mode(SwitchRoomMode::new(RoomMode::Lecture));
    stage.step("switch_room_mode", MO, None, command).await;
    stage.emulator.clock().advance(Duration::from_secs(50 * 60));
    stage.step("ten minutes left", MO, None, std::future::ready(Ok(()))).await;
    // Anybody may.
    stage.step("extend_conference_duration", ADA, None, ada.extend_conference_duration()).await;
    stage.step("drop_users", MO, Some(BOB), mo.drop_users(DropUsers::new([&bob_id]))).await;
    stage.step("destroy_room", MO, None, mo.destroy_room(DestroyRoom::new())).await;

    stage.print();
    let missing: Vec<_> = COMMANDS.iter().filter(|command| !stage.has_run(command)).collect();
    assert!(missing.is_empty(), "never run: {missing:?}");
    for n in [MO, ADA, BOB, EVE] {
        assert_eq!((stage.room(n).state().phase, stage.missed(n)), (Phase::Closed, 0));
    }
}
