//! A room over both Socket.IO generations: the moderator locks, mutes and records, everybody is told, a webhook tells of
//! the recording, and it is downloaded.

use enablex::{
    Client, CodeSpace, CreateRoom, CreateToken, Credentials, DownloadRecording, LookupError, Protocol,
    RecordingAccess, Role, Room, RoomEvent, RoomEvents, RoomInfo, RoomSettings, Webhook, WebhookKind,
    WebhookReader, lookup_error,
};
use rtc_emulator::{Action, Fault};

use super::opentok::Mailbox;
use super::{Failed, Stage};

pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let access = stage.emulator.enablex();
    let credentials = Credentials::new(access.app_id(), access.app_key());
    let recordings = RecordingAccess::new(access.recording_user(), access.recording_password());
    let client = Client::builder(credentials)
        .recordings(recordings.allow_host("127.0.0.1"))
        .endpoint(access.url())
        .build()?;
    let mailbox = Mailbox::open().await?;
    stage.require(access.send_webhooks(&mailbox.url()?, true), "webhooks are posted to us")?;

    let info =
        client.create_room(CreateRoom::new("Tour", "guide-1", RoomSettings::new(4).moderators(1))).await?;
    stage.tell("create a room for four", &info.room_id)?;

    let (moderator, _) = enter(&client, &info, "Mo", Role::Moderator, Protocol::Eio4).await?;
    let (older, mut seen_older) = enter(&client, &info, "Old", Role::Participant, Protocol::Eio3).await?;
    let (newer, mut seen_newer) = enter(&client, &info, "New", Role::Participant, Protocol::Eio4).await?;
    stage.require(newer.state().participants.len() == 3, "three are in the room")?;
    stage.tell("enter with a moderator and two participants", "Engine.IO 3 and 4 in one room")?;

    moderator.lock_room().await?;
    told(&mut seen_older, |e| matches!(e, RoomEvent::RoomLocked(_))).await?;
    told(&mut seen_newer, |e| matches!(e, RoomEvent::RoomLocked(_))).await?;
    moderator.unlock_room().await?;
    stage.tell("lock the room and unlock it", "both participants were told")?;

    moderator.hard_mute_room().await?;
    told(&mut seen_older, |e| matches!(e, RoomEvent::RoomMuted(_))).await?;
    stage.require(older.state().muted == Some(true), "the participant is muted")?;
    stage.tell("mute everybody", "the older client is muted")?;

    moderator.start_record().await?;
    told(&mut seen_newer, |e| matches!(e, RoomEvent::RoomRecordOn(_))).await?;
    moderator.stop_record().await?;
    told(&mut seen_newer, |e| matches!(e, RoomEvent::RoomRecordOff(_))).await?;
    stage.tell("record, and stop recording", "the newer client saw both")?;

    let error = newer.lock_room().await.err().ok_or("a participant locked the room")?;
    stage.require(!error.was_sent(), "a participant's command is not sent")?;
    stage.tell("keep a participant from locking", format!("code {}", error.code().unwrap_or_default()))?;

    let faulty = CreateRoom::new("", "guide-1", RoomSettings::new(0).moderators(6));
    let error = client.create_room(faulty).await.err().ok_or("faulty input was accepted")?;
    let found = error.violations().map_or(0, |v| v.iter().count());
    stage.require(found == 3 && !error.was_sent(), "faulty input is not sent")?;
    stage.tell("refuse faulty input before sending", format!("{found} violations at once"))?;

    stage.emulator.add_fault(Fault::new(Action::Html { status: 502 }).operation("create_token").times(1))?;
    let request = CreateToken::new(&info.room_id, "Late", Role::Participant, "late");
    let error = client.create_token(request).await.err().ok_or("a proxy's page was taken for a token")?;
    stage.tell("tell a proxy's error page from an answer", error.kind())?;

    let meanings = lookup_error(LookupError::new(CodeSpace::Session, "5126"))?;
    stage.require(meanings.len() > 1, "the code has several meanings")?;
    stage.tell("look up a code", format!("5126 has {} meanings", meanings.len()))?;

    for room in [newer, older, moderator] {
        room.close().await;
    }
    let reader = WebhookReader::new().credentials(access.webhook_user(), access.webhook_password());
    let told = recorded(&mailbox, &reader).await?;
    stage.require(told.room_id.as_ref() == Some(&info.room_id), "the webhook is about the room")?;
    stage.tell("receive a webhook with credentials", told.kind.as_str())?;

    let url = told.urls.first().ok_or("the webhook tells of no file")?;
    let mut download = client.open_recording(DownloadRecording::new(url)).await?;
    while download.next().await?.is_some() {}
    stage.require(Some(download.received()) == download.total(), "the file is whole")?;
    stage.tell("download the recording", format!("{} bytes", download.received()))
}

/// The webhook that tells of the recording: that of the session's end comes, too, in any order.
async fn recorded(mailbox: &Mailbox, reader: &WebhookReader) -> Result<Webhook, Failed> {
    loop {
        let (authorization, body) = mailbox.receive().await?;
        let webhook = reader.read(Some(&authorization), &body)?;
        if webhook.kind == WebhookKind::Recording {
            return Ok(webhook);
        }
    }
}

async fn enter(
    client: &Client,
    info: &RoomInfo,
    name: &str,
    role: Role,
    protocol: Protocol,
) -> Result<(Room, RoomEvents), Failed> {
    let token = client.create_token(CreateToken::new(&info.room_id, name, role, name)).await?.token;
    Ok(Room::connect(token, client.room_options().protocol(protocol)).await?)
}

/// Reads events until one fits.
async fn told(events: &mut RoomEvents, fits: impl Fn(&RoomEvent) -> bool) -> Result<(), Failed> {
    while let Some(event) = events.next().await {
        if fits(&event) {
            return Ok(());
        }
    }
    Err("the room ended before the notification came".into())
}
