//! The commands, one short method each.

use super::example::example;
use super::live::Room;
use super::{Ack, ClientsAck, ExtendAck, LiveAck, RawAck, TalkerAck};
use crate::error::Result;
use crate::operation::{
    AddSpotlightUsers, ApproveAwaitedUser, DenyAwaitedUser, DestroyRoom, DropUsers, EnableKnock,
    ExtendConferenceDuration, GetAdvancedOptions, GetTalkerCount, HardMuteAudio, HardMuteRoom, HardMuteVideo,
    HardUnmuteAudio, HardUnmuteRoom, HardUnmuteVideo, InviteToFloor, LeaveRoom, LockRoom, MuteRoom,
    OpenFloor, PinUsers, ProcessFloorRequest, RemoveSpotlightUsers, SendMessage, SetTalkerCount,
    StartLiveRecording, StartRecord, StartStreaming, StopLiveRecording, StopRecord, StopStreaming,
    SwitchRoomMode, SwitchUserRole, UnlockRoom, UnmuteRoom, UnpinUsers, UpdateLiveRecording, UpdateStreaming,
};

impl Room {
    /// Locks the room: nobody can enter any more.
    ///
    /// # Errors
    /// See [`Room::command`]; code 4121 when it is locked already.
    ///
    #[doc = example!(r#"room.lock_room().await?;
while let Some(event) = events.next().await {
    if let RoomEvent::RoomLocked(_) = event {
        break;
    }
}
assert_eq!(room.state().locked, Some(true));"#)]
    pub async fn lock_room(&self) -> Result<Ack> {
        self.command(LockRoom::new()).await
    }

    /// Unlocks the room.
    ///
    /// # Errors
    /// See [`Room::command`]; code 4121 when it is not locked.
    ///
    #[doc = example!(r#"room.lock_room().await?;
assert!(room.unlock_room().await.is_ok());"#)]
    pub async fn unlock_room(&self) -> Result<Ack> {
        self.command(UnlockRoom::new()).await
    }

    /// Mutes all participants; they cannot unmute themselves. Who comes later is muted, too.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.hard_mute_room().await?;
assert_eq!(room.state().muted, Some(true));"#)]
    pub async fn hard_mute_room(&self) -> Result<Ack> {
        self.command(HardMuteRoom::new()).await
    }

    /// Lets the participants unmute themselves again.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.hard_mute_room().await?;
room.hard_unmute_room().await?;
assert_eq!(room.state().muted, Some(false));"#)]
    pub async fn hard_unmute_room(&self) -> Result<Ack> {
        self.command(HardUnmuteRoom::new()).await
    }

    /// Mutes a user's microphone; only a moderator can unmute it.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.hard_mute_audio(HardMuteAudio::new(&ada)).await?;"#)]
    pub async fn hard_mute_audio(&self, request: HardMuteAudio) -> Result<Ack> {
        self.command(request).await
    }

    /// Lets a user unmute the microphone again.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.hard_mute_audio(HardMuteAudio::new(&ada)).await?;
room.hard_unmute_audio(HardUnmuteAudio::new(&ada)).await?;"#)]
    pub async fn hard_unmute_audio(&self, request: HardUnmuteAudio) -> Result<Ack> {
        self.command(request).await
    }

    /// Switches a user's camera off; only a moderator can switch it on.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.hard_mute_video(HardMuteVideo::new(&ada)).await?;"#)]
    pub async fn hard_mute_video(&self, request: HardMuteVideo) -> Result<Ack> {
        self.command(request).await
    }

    /// Lets a user switch the camera on again.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.hard_mute_video(HardMuteVideo::new(&ada)).await?;
room.hard_unmute_video(HardUnmuteVideo::new(&ada)).await?;"#)]
    pub async fn hard_unmute_video(&self, request: HardUnmuteVideo) -> Result<Ack> {
        self.command(request).await
    }

    /// Starts the recording of the session.
    ///
    /// # Errors
    /// See [`Room::command`]; code 1170 when the subscription does not cover it.
    ///
    #[doc = example!(r#"assert_eq!(room.start_record().await?.result, 0);"#)]
    pub async fn start_record(&self) -> Result<Ack> {
        self.command(StartRecord::new()).await
    }

    /// Stops the recording of the session, one that began by itself included.
    ///
    /// # Errors
    /// See [`Room::command`]; code 1170 when the subscription does not cover it.
    ///
    #[doc = example!(r#"room.start_record().await?;
assert_eq!(room.stop_record().await?.result, 0);"#)]
    pub async fn stop_record(&self) -> Result<Ack> {
        self.command(StopRecord::new()).await
    }

    /// Starts the live recording: one composed picture. The answer tells whether it has begun, waits in a queue, or is done in
    /// the older way ([`LiveAck::outcome`]).
    ///
    /// # Errors
    /// See [`Room::command`]; codes 7201 to 7205 and 7011 to 7020, see [`lookup_error`](crate::lookup_error).
    ///
    #[doc = example!(r#"let view = UrlDetails::new().url("https://view.example.com/?token=");
let ack = room.start_live_recording(StartLiveRecording::new().url_details(view)).await?;
assert_eq!(ack.outcome, LiveOutcome::Done);"#)]
    pub async fn start_live_recording(&self, request: StartLiveRecording) -> Result<LiveAck> {
        self.command(request).await
    }

    /// Stops the live recording.
    ///
    /// # Errors
    /// See [`Room::command`]; codes 7031 to 7037.
    ///
    #[doc = example!(r#"room.start_live_recording(StartLiveRecording::new()).await?;
room.stop_live_recording().await?;"#)]
    pub async fn stop_live_recording(&self) -> Result<LiveAck> {
        self.command(StopLiveRecording::new()).await
    }

    /// Changes the parameters of the running live recording.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.start_live_recording(StartLiveRecording::new()).await?;
let layout = UrlDetails::new().lay_out(serde_json::json!({ "columns": 2 }));
room.update_live_recording(UpdateLiveRecording::new(layout)).await?;"#)]
    pub async fn update_live_recording(&self, request: UpdateLiveRecording) -> Result<LiveAck> {
        self.command(request).await
    }

    /// Starts to stream the session to up to three RTMP addresses.
    ///
    /// # Errors
    /// See [`Room::command`]; codes 7001 to 7009, 7101 to 7103.
    ///
    #[doc = example!(r#"let to = RtmpDetails::new("rtmp://live.example.com/app/key");
room.start_streaming(StartStreaming::new(to)).await?;"#)]
    pub async fn start_streaming(&self, request: StartStreaming) -> Result<LiveAck> {
        self.command(request).await
    }

    /// Stops streaming.
    ///
    /// # Errors
    /// See [`Room::command`]; codes 7041 to 7045.
    ///
    #[doc = example!(r#"room.start_streaming(StartStreaming::new(RtmpDetails::new("rtmp://live.example.com/app/key"))).await?;
room.stop_streaming(StopStreaming::new()).await?;"#)]
    pub async fn stop_streaming(&self, request: StopStreaming) -> Result<LiveAck> {
        self.command(request).await
    }

    /// Changes the parameters of the running stream.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.start_streaming(StartStreaming::new(RtmpDetails::new("rtmp://live.example.com/app/key"))).await?;
let layout = UrlDetails::new().lay_out(serde_json::json!({ "columns": 2 }));
room.update_streaming(UpdateStreaming::new(layout)).await?;"#)]
    pub async fn update_streaming(&self, request: UpdateStreaming) -> Result<LiveAck> {
        self.command(request).await
    }

    /// Lets somebody in who waits in front of the room.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"let waiting = example::knock(&client, &room_id).await;
let id = loop {
    if let Some(RoomEvent::UserAwaited(user)) = events.next().await {
        break user.client_id.unwrap();
    }
};
room.approve_awaited_user(ApproveAwaitedUser::new(id)).await?;
# drop(waiting);"#)]
    pub async fn approve_awaited_user(&self, request: ApproveAwaitedUser) -> Result<Ack> {
        self.command(request).await
    }

    /// Sends somebody away who waits in front of the room.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"let waiting = example::knock(&client, &room_id).await;
let id = loop {
    if let Some(RoomEvent::UserAwaited(user)) = events.next().await {
        break user.client_id.unwrap();
    }
};
room.deny_awaited_user(DenyAwaitedUser::new(id)).await?;
# drop(waiting);"#)]
    pub async fn deny_awaited_user(&self, request: DenyAwaitedUser) -> Result<Ack> {
        self.command(request).await
    }

    /// Hands the role of the moderator over to a participant; you become one. With a role, which only the newer protocol
    /// generation knows, it gives the participant that role.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.switch_user_role(SwitchUserRole::new(&ada)).await?;
while let Some(event) = events.next().await {
    if let RoomEvent::UserRoleChanged(_) = event {
        break;
    }
}
assert_eq!(room.state().role, Some(Role::Participant));"#)]
    pub async fn switch_user_role(&self, request: SwitchUserRole) -> Result<Ack> {
        self.command(request).await
    }

    /// Pins users, so that everybody sees them.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.pin_users(PinUsers::new([&ada])).await?;"#)]
    pub async fn pin_users(&self, request: PinUsers) -> Result<ClientsAck> {
        self.command(request).await
    }

    /// Unpins users.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.pin_users(PinUsers::new([&ada])).await?;
room.unpin_users(UnpinUsers::new([&ada])).await?;"#)]
    pub async fn unpin_users(&self, request: UnpinUsers) -> Result<ClientsAck> {
        self.command(request).await
    }

    /// Puts users into the spotlight.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.add_spotlight_users(AddSpotlightUsers::new([&ada])).await?;"#)]
    pub async fn add_spotlight_users(&self, request: AddSpotlightUsers) -> Result<ClientsAck> {
        self.command(request).await
    }

    /// Takes users out of the spotlight.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.add_spotlight_users(AddSpotlightUsers::new([&ada])).await?;
room.remove_spotlight_users(RemoveSpotlightUsers::new([&ada])).await?;"#)]
    pub async fn remove_spotlight_users(&self, request: RemoveSpotlightUsers) -> Result<ClientsAck> {
        self.command(request).await
    }

    /// Drops users out of the room.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.drop_users(DropUsers::new([&ada])).await?;
while let Some(event) = events.next().await {
    if let RoomEvent::UserDisconnected(_) = event {
        break;
    }
}
assert!(!room.state().participants.contains_key(&ada));"#)]
    pub async fn drop_users(&self, request: DropUsers) -> Result<Ack> {
        self.command(request).await
    }

    /// Switches between group and lecture mode.
    ///
    /// # Errors
    /// See [`Room::command`]; codes 1716 and 1717 when the room is in that mode already.
    ///
    #[doc = example!(r#"room.switch_room_mode(SwitchRoomMode::new(RoomMode::Lecture)).await?;"#)]
    pub async fn switch_room_mode(&self, request: SwitchRoomMode) -> Result<Ack> {
        self.command(request).await
    }

    /// Extends the session, in one of the two windows before its end. Anybody in the room may.
    ///
    /// # Errors
    /// See [`Room::command`]; a conflict outside the windows, see [`SessionLife`](crate::SessionLife).
    ///
    #[doc = example!(r#"// Of an hour 51 minutes are over: the first window is open, and the room tells it.
# emulator.clock().advance(std::time::Duration::from_secs(51 * 60));
while let Some(event) = events.next().await {
    if let RoomEvent::ConferenceRemainingDuration(_) = event {
        break;
    }
}
assert!(room.extend_conference_duration().await?.extended_time >= Some(10.0));"#)]
    pub async fn extend_conference_duration(&self) -> Result<ExtendAck> {
        self.command(ExtendConferenceDuration::new()).await
    }

    /// Ends the session for everybody. The room stays, unless it is told to be deleted.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.destroy_room(DestroyRoom::new()).await?;
while let Some(event) = events.next().await {
    if let RoomEvent::RoomDisconnected(_) = event {
        break;
    }
}"#)]
    pub async fn destroy_room(&self, request: DestroyRoom) -> Result<Ack> {
        self.command(request).await
    }

    /// Leaves the room: tells the service, and then does as [`Room::close`].
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.leave_room().await?;"#)]
    pub async fn leave_room(&self) -> Result<Ack> {
        let ack = self.command(LeaveRoom::new()).await?;
        self.close().await;
        Ok(ack)
    }

    /// Says whether newcomers must be let in.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.enable_knock(EnableKnock::new(true)).await?;"#)]
    pub async fn enable_knock(&self, request: EnableKnock) -> Result<Ack> {
        self.command(request).await
    }

    /// Says whether participants may speak without asking for the floor, in lecture mode.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.switch_room_mode(SwitchRoomMode::new(RoomMode::Lecture)).await?;
room.open_floor(OpenFloor::new(true)).await?;"#)]
    pub async fn open_floor(&self, request: OpenFloor) -> Result<Ack> {
        self.command(request).await
    }

    /// Mutes the room for oneself: the streams of the others.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.mute_room(MuteRoom::new().video(false)).await?;"#)]
    pub async fn mute_room(&self, request: MuteRoom) -> Result<Ack> {
        self.command(request).await
    }

    /// Unmutes the room for oneself.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.mute_room(MuteRoom::new()).await?;
room.unmute_room(UnmuteRoom::new()).await?;"#)]
    pub async fn unmute_room(&self, request: UnmuteRoom) -> Result<Ack> {
        self.command(request).await
    }

    /// Tells how many talkers one receives.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"assert!(room.get_talker_count().await?.num_talkers.is_some());"#)]
    pub async fn get_talker_count(&self) -> Result<TalkerAck> {
        self.command(GetTalkerCount::new()).await
    }

    /// Says how many talkers one receives: up to 16, at most as many as the room shows.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.set_talker_count(SetTalkerCount::new(4).num_audio_talkers(4)).await?;
assert_eq!(room.get_talker_count().await?.num_talkers, Some(4));"#)]
    pub async fn set_talker_count(&self, request: SetTalkerCount) -> Result<TalkerAck> {
        self.command(request).await
    }

    /// Answers a request for the floor, in lecture mode.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.switch_room_mode(SwitchRoomMode::new(RoomMode::Lecture)).await?;
# example::raise_hand(&emulator, &room_id, &ada);
room.process_floor_request(ProcessFloorRequest::new(&ada, "grantFloor")).await?;"#)]
    pub async fn process_floor_request(&self, request: ProcessFloorRequest) -> Result<Ack> {
        self.command(request).await
    }

    /// Invites a participant to the floor, in lecture mode.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.switch_room_mode(SwitchRoomMode::new(RoomMode::Lecture)).await?;
room.invite_to_floor(InviteToFloor::new(&ada)).await?;"#)]
    pub async fn invite_to_floor(&self, request: InviteToFloor) -> Result<Ack> {
        self.command(request).await
    }

    /// Sends a message to everybody or to some.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"room.send_message(SendMessage::new("hello")).await?;"#)]
    pub async fn send_message(&self, request: SendMessage) -> Result<Ack> {
        self.command(request).await
    }

    /// Tells the advanced options of the room, as the service answers them.
    ///
    /// # Errors
    /// See [`Room::command`].
    ///
    #[doc = example!(r#"let options = room.get_advanced_options().await?;
println!("{} members", options.members.len());"#)]
    pub async fn get_advanced_options(&self) -> Result<RawAck> {
        self.command(GetAdvancedOptions::new()).await
    }
}
