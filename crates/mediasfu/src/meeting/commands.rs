//! The commands, one short method each.

use super::ack::{EventRoom, RecordAck};
use super::live::Meeting;
use crate::error::Result;
use crate::operation::{
    AdmitParticipant, ControlMedia, CreateEventRoom, DisconnectParticipant, JoinEventRoom, PauseRecording,
    RemoveParticipant, ResumeRecording, SendMessage, StartRecording, StopRecording, UpdateCoHost,
    UpdateRequestSettings,
};

/// A runnable example: joins a room of the emulator's cloud as its host, then runs `$commands`.
macro_rules! example {
    ($($commands:literal),*) => {
        concat!(
            "
```
# mod doc { include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/tests/common/doc.rs\")); }
# doc::run(async |client, room| {
# use mediasfu::*;
let host = ConnectMeeting::to(&room).member(\"hostUser\").islevel(Level::Host);
let (meeting, mut events) = client.connect_meeting(host).await?;
",
            $($commands,)*
            "
# let _ = &mut events;
# Ok(()) });
```"
        )
    };
}

/// The same with a guest (`guest`, `told`).
macro_rules! guests {
    ($commands:literal) => {
        example!(
            "let room = client.join_room(JoinRoom::new(&room.room_name, \"guest1\")).await?;
let (guest, mut told) = client.connect_meeting(ConnectMeeting::to(&room).member(\"guest1\")).await?;
// The list of members ([`MeetingEvent::Members`]) names everybody's id, too.
let id = guest.hello().socket_id.clone().unwrap_or_default();
",
            $commands
        )
    };
}

/// The same at a Community Edition, on a connection that belongs to no room yet.
macro_rules! community {
    ($commands:literal) => {
        concat!(
            "
```
# mod doc { include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/tests/common/doc.rs\")); }
# doc::run(async |client, _room| {
# use mediasfu::*;
// On a server of one's own.
let (meeting, _events) = client.connect_meeting(ConnectMeeting::new(client.endpoint())).await?;
",
            $commands,
            "
# Ok(()) });
```"
        )
    };
}

pub(super) use example;

impl Meeting {
    /// Asks a participant to switch media off: the official clients obey. Nothing tells the host what became of it
    /// but the next list of members.
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = guests!(r#"meeting.control_media(ControlMedia::new(id, "guest1").media(ControlledMedia::Audio)).await?;
while let Some(event) = told.next().await {
    if let MeetingEvent::ControlMediaHost(control) = event {
        assert_eq!(control.media.as_deref(), Some("audio"));
        break;
    }
}"#)]
    pub async fn control_media(&self, request: ControlMedia) -> Result<()> {
        self.command(request).await
    }

    /// Asks a participant to leave: the official clients obey, and ban themselves.
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = guests!(r#"meeting.disconnect_participant(DisconnectParticipant::new("guest1", id)).await?;
while let Some(event) = told.next().await {
    if event == MeetingEvent::DisconnectSelf {
        break;
    }
}"#)]
    pub async fn disconnect_participant(&self, request: DisconnectParticipant) -> Result<()> {
        self.command(request).await
    }

    /// Has the server remove a participant. Naming the host ends the meeting.
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = guests!(r#"meeting.remove_participant(RemoveParticipant::new("guest1").ban(true)).await?;
let mut last = None;
while let Some(event) = told.next().await {
    last = Some(event);
}
assert!(matches!(last, Some(MeetingEvent::Disconnected(_))));
# let _ = id;"#)]
    pub async fn remove_participant(&self, request: RemoveParticipant) -> Result<()> {
        self.command(request).await
    }

    /// Lets somebody in who waits ([`MeetingEvent::WaitingRoom`](super::MeetingEvent::WaitingRoom)), or not.
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = example!(r#"meeting.admit_participant(AdmitParticipant::new("socketId1", "guest1", true)).await?;"#)]
    pub async fn admit_participant(&self, request: AdmitParticipant) -> Result<()> {
        self.command(request).await
    }

    /// Says what participants may do on their own: audio, video, screen, chat. Everybody is told, you included
    /// ([`MeetingEvent::MediaSettings`](super::MeetingEvent::MediaSettings)).
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = example!(r#"let settings = [Permission::Allow, Permission::Disallow, Permission::Disallow, Permission::Allow];
meeting.update_request_settings(UpdateRequestSettings::new(settings.clone())).await?;
while let Some(event) = events.next().await {
    if let MeetingEvent::MediaSettings(changed) = event {
        assert_eq!(changed.settings, settings);
        break;
    }
}"#)]
    pub async fn update_request_settings(&self, request: UpdateRequestSettings) -> Result<()> {
        self.command(request).await
    }

    /// Makes somebody co-host, or nobody. Everybody is told
    /// ([`MeetingEvent::CoHostUpdated`](super::MeetingEvent::CoHostUpdated)): it is done with that, or with an
    /// acknowledgement, which not every server gives.
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = example!(r#"meeting.update_co_host(UpdateCoHost::new("guest1")).await?;
while let Some(event) = events.next().await {
    if let MeetingEvent::CoHostUpdated(changed) = event {
        assert_eq!(changed.co_host.as_deref(), Some("guest1"));
        break;
    }
}"#)]
    pub async fn update_co_host(&self, request: UpdateCoHost) -> Result<()> {
        self.command(request).await
    }

    /// Sends a message. It comes back to you, too ([`MeetingEvent::Message`](super::MeetingEvent::Message)).
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = example!(r#"let message = Message::new("hostUser", "Welcome", "10:00", true);
meeting.send_message(SendMessage::new(message)).await?;
while let Some(event) = events.next().await {
    if let MeetingEvent::Message(message) = event {
        assert_eq!(message.message.as_deref(), Some("Welcome"));
        break;
    }
}"#)]
    pub async fn send_message(&self, request: SendMessage) -> Result<()> {
        self.command(request).await
    }

    /// Starts the recording. Cloud only: a Community Edition never answers.
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = example!(r#"let started = meeting.start_recording(StartRecording::new(UserRecordingParams::new())).await?;
assert!(started.success);"#)]
    pub async fn start_recording(&self, request: StartRecording) -> Result<RecordAck> {
        self.command(request).await
    }

    /// Pauses the recording, as often as the limits of the room allow.
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = example!(r#"meeting.start_recording(StartRecording::new(UserRecordingParams::new())).await?;
let paused = meeting.pause_recording(PauseRecording::new()).await?;
assert_eq!(paused.pause_count, Some(1));"#)]
    pub async fn pause_recording(&self, request: PauseRecording) -> Result<RecordAck> {
        self.command(request).await
    }

    /// Goes on with a recording that is paused.
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = example!(r#"let how = UserRecordingParams::new();
meeting.start_recording(StartRecording::new(how.clone())).await?;
meeting.pause_recording(PauseRecording::new()).await?;
assert!(meeting.resume_recording(ResumeRecording::new(how)).await?.success);"#)]
    pub async fn resume_recording(&self, request: ResumeRecording) -> Result<RecordAck> {
        self.command(request).await
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = example!(r#"meeting.start_recording(StartRecording::new(UserRecordingParams::new())).await?;
assert!(meeting.stop_recording(StopRecording::new()).await?.success);
// What is not under way cannot be stopped.
assert!(meeting.stop_recording(StopRecording::new()).await.is_err());"#)]
    pub async fn stop_recording(&self, request: StopRecording) -> Result<RecordAck> {
        self.command(request).await
    }

    /// Creates an event at a Community Edition; later commands are about it. A refusal is no error: see
    /// [`EventRoom::entered`].
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = community!(r#"let event = CreateEventRoom::new("m12345678901", 30, 5, "host1").secure_code("abcde");
let event = meeting.create_event_room(event).await?.entered()?;
assert!(event.secret.is_some());"#)]
    pub async fn create_event_room(&self, request: CreateEventRoom) -> Result<EventRoom> {
        self.command(request).await
    }

    /// Joins an event at a Community Edition; later commands are about it. A refusal is no error: see
    /// [`EventRoom::entered`].
    ///
    /// # Errors
    /// See [`Meeting::command`].
    ///
    #[doc = community!(r#"let answer = meeting.join_event_room(JoinEventRoom::new("m00000000000", "guest1")).await?;
assert_eq!(answer.reason.as_deref(), Some("The event room does not exist."));"#)]
    pub async fn join_event_room(&self, request: JoinEventRoom) -> Result<EventRoom> {
        self.command(request).await
    }
}
