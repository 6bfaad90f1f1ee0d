//! The meeting itself: who waits is let in, muted and talked to, and all of it is recorded.

use mediasfu::meeting::{Meeting, MeetingEvent, MeetingEvents, WaitingMember};
use mediasfu::{
    AdmitParticipant, Client, ConnectMeeting, ControlMedia, ControlledMedia, Level, Message, PauseRecording,
    ResumeRecording, Room, SendMessage, StartRecording, StopRecording, UserRecordingParams,
};
use serde_json::{Value, json};

use super::super::{Failed, Stage};

/// Somebody who is connected to the meeting.
pub(super) struct Seat {
    meeting: Meeting,
    events: MeetingEvents,
}

impl Seat {
    /// Reads what the seat is told until something fits.
    pub(super) async fn told<T>(&mut self, fits: impl Fn(MeetingEvent) -> Option<T>) -> Result<T, Failed> {
        while let Some(event) = self.events.next().await {
            if let Some(found) = fits(event) {
                return Ok(found);
            }
        }
        Err("the meeting ended before the notification came".into())
    }
}

/// Leads a meeting of two. The guest's seat is given back, to see how it ends.
pub(super) async fn play(
    stage: &mut Stage<'_>,
    client: &Client,
    room: &Room,
    guest: &Room,
) -> Result<Seat, Failed> {
    stage.emulator.mediasfu().waiting_room(&room.room_name, true);
    let (meeting, events) =
        client.connect_meeting(ConnectMeeting::to(room).member("hostUser").islevel(Level::Host)).await?;
    let mut host = Seat { meeting, events };
    let (meeting, events) = client.connect_meeting(ConnectMeeting::to(guest)).await?;
    let mut seat = Seat { meeting, events };

    let id = let_in(&mut host, &mut seat, guest).await?;
    stage.tell("let in who waits at the door", "guestUser is in")?;

    host.meeting.control_media(ControlMedia::new(&id, "guestUser").media(ControlledMedia::Audio)).await?;
    let welcome = Message::new("hostUser", "Welcome! You are muted.", "12:00:00", true);
    host.meeting.send_message(SendMessage::new(welcome)).await?;
    let muted = seat.told(muted).await?;
    let heard = seat.told(heard).await?;
    stage.require(muted == "audio" && heard.starts_with("Welcome"), "the guest got both")?;
    stage.tell("mute the guest, and say why", "the guest got both")?;

    let pauses = record(&host.meeting).await?;
    stage.require(pauses == 1, "one pause was counted")?;
    stage.tell("record, pause, go on, stop", "paused once")?;
    host.meeting.close().await;
    Ok(seat)
}

/// The guest asks, is on the list, is admitted, and comes in. Gives the guest's id.
async fn let_in(host: &mut Seat, seat: &mut Seat, guest: &Room) -> Result<String, Failed> {
    // What the page of the vendor does in a guest's browser.
    let join = json!({
        "roomName": guest.room_name, "apiUserName": guest.room_name, "sec": guest.secret.expose(),
        "member": "guestUser", "islevel": "0",
    });
    let answer = seat.meeting.emit_with_ack("joinRoom", &join).await?;
    if answer.get("success") != Some(&Value::Bool(false)) {
        return Err("the guest did not have to wait".into());
    }
    let waiting = host.told(waiting).await?;
    let (id, name) = (waiting.id.unwrap_or_default(), waiting.name.unwrap_or_default());
    host.meeting.admit_participant(AdmitParticipant::new(&id, name, true)).await?;
    if !seat.told(admitted).await? {
        return Err("the guest was refused".into());
    }
    let answer = seat.meeting.emit_with_ack("joinRoom", &join).await?;
    if answer.get("success") == Some(&Value::Bool(true)) { Ok(id) } else { Err("the guest is not in".into()) }
}

/// Gives how often the recording was paused.
async fn record(meeting: &Meeting) -> Result<u32, Failed> {
    let how = UserRecordingParams::new;
    meeting.start_recording(StartRecording::new(how())).await?;
    let paused = meeting.pause_recording(PauseRecording::new()).await?;
    meeting.resume_recording(ResumeRecording::new(how())).await?;
    meeting.stop_recording(StopRecording::new()).await?;
    Ok(paused.pause_count.unwrap_or_default())
}

fn waiting(event: MeetingEvent) -> Option<WaitingMember> {
    match event {
        MeetingEvent::WaitingRoom(list) => list.waiting_participants.into_iter().next(),
        _ => None,
    }
}

fn admitted(event: MeetingEvent) -> Option<bool> {
    match event {
        MeetingEvent::WaitRoomAnswer(answer) => answer.admitted,
        _ => None,
    }
}

fn muted(event: MeetingEvent) -> Option<String> {
    match event {
        MeetingEvent::ControlMediaHost(control) => control.media,
        _ => None,
    }
}

fn heard(event: MeetingEvent) -> Option<String> {
    match event {
        MeetingEvent::Message(message) => message.message,
        _ => None,
    }
}
