//! A room made with all kinds of care: once and no more, entered, led, telephoned from, watched from outside, ended.

use mediasfu::meeting::MeetingEvent;
use mediasfu::{
    ChatPermission, Client, CreateRoom, Credentials, DeleteRoom, EventType, JoinRoom, ListRooms,
    MediaSfuError, MediaType, MeetingRoomParams, Orientation, Permission, Region, Resolution, Room,
    SafeRoomAction, ServerKind,
};
use rtc_core::ErrorKind;
use rtc_emulator::{Action, DropWhen, Fault};

use super::{Failed, Stage, hidden};

mod meeting;
mod outside;

/// What the host tells the guests beforehand.
const CODE: &str = "open sesame";

pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let access = stage.emulator.mediasfu();
    let credentials = Credentials::new(access.api_user_name(), access.api_key());
    let client = Client::builder(credentials).endpoint(access.url()).server(ServerKind::Cloud).build()?;

    let room = client.create_room(with_care()).await?;
    stage.tell("create a safe room for an hour and ten", &room.room_name)?;
    once(stage, &client).await?;
    let guest = enter(stage, &client, &room).await?;
    let mut seat = meeting::play(stage, &client, &room, &guest).await?;
    outside::play(stage, &client, &room).await?;

    client.delete_room(DeleteRoom::new(&room.room_name)).await?;
    seat.told(|event| matches!(event, MeetingEvent::Ended).then_some(())).await?;
    let late = client.join_room(JoinRoom::new(&room.room_name, "late").secure_code(CODE)).await;
    let error = late.err().ok_or("a room that is gone was entered")?;
    stage.require(error.kind() == ErrorKind::NotFound, "the room is gone")?;
    stage.tell("delete the room: the guest is told", format!("who comes late gets {}", error.kind()))
}

/// A room in which little is left to chance.
fn with_care() -> CreateRoom {
    let meeting = MeetingRoomParams::new()
        .event_type(EventType::Conference)
        .item_page_limit(4)
        .media_type(MediaType::Video)
        .add_co_host(true)
        .target_orientation(Orientation::Neutral)
        .target_orientation_host(Orientation::Landscape)
        .target_resolution(Resolution::Sd)
        .target_resolution_host(Resolution::Hd)
        .audio_setting(Permission::Allow)
        .video_setting(Permission::Allow)
        .screenshare_setting(Permission::Approval)
        .chat_setting(ChatPermission::Allow);
    CreateRoom::new("hostUser", 60, 10)
        .event_type(EventType::Conference)
        .secure_code(CODE)
        .region(Region::Europe)
        .safe_room(true)
        .safe_room_action(SafeRoomAction::Warn)
        .support_sip(true)
        .meeting_room_params(meeting)
}

/// Whatever goes wrong, one room is one room.
async fn once(stage: &mut Stage<'_>, client: &Client) -> Result<(), Failed> {
    let faulty = client.create_room(CreateRoom::new("x y", 0, 0)).await;
    let error = faulty.err().ok_or("faulty input was accepted")?;
    let found = error.violations().map_or(0, |v| v.iter().count());
    stage
        .require(error.kind() == ErrorKind::InvalidInput && !error.was_sent(), "faulty input is not sent")?;
    stage.tell("refuse faulty input before sending", format!("{found} violations at once"))?;

    // The server takes its time, so that the second call surely comes while the first is under way.
    stage.emulator.add_fault(Fault::new(Action::Delay { ms: 200 }).operation("create_room").times(1))?;
    let sent = stage.emulator.requests("create_room").len();
    let same = || client.create_room(CreateRoom::new("twice", 30, 5)).into_future();
    let (first, second) = tokio::join!(same(), same());
    let refused = first.err().or(second.err()).ok_or("the same room was created twice")?;
    stage.require(
        matches!(refused.service(), Some(MediaSfuError::InProgress)),
        "one of two equal calls is refused",
    )?;
    stage.require(stage.emulator.requests("create_room").len() == sent + 1, "one request was sent")?;
    stage.tell("refuse a duplicate while one is under way", &refused)?;

    // The answer is lost after the server acted. The key that the call was given makes it safe to ask again.
    let before = rooms(client).await?;
    stage
        .emulator
        .add_fault(Fault::new(Action::Drop { when: DropWhen::After }).operation("create_room").times(1))?;
    let reply = client.create_room(CreateRoom::new("lostOne", 15, 2)).reply().await?;
    stage.require(reply.attempts == 2, "a lost answer costs one more attempt")?;
    stage.require(rooms(client).await? == before + 1, "there is one room more")?;
    stage
        .tell("get a lost answer back by its automatic key", format!("{} attempts, one room", reply.attempts))
}

/// How many rooms the account has.
async fn rooms(client: &Client) -> Result<usize, Failed> {
    let listed = client.list_rooms(ListRooms::new()).await?;
    let rooms = listed.pointer("/rooms").and_then(|rooms| rooms.as_array());
    Ok(rooms.ok_or("the list of rooms has another form")?.len())
}

/// The guest's way in.
async fn enter(stage: &mut Stage<'_>, client: &Client, room: &Room) -> Result<Room, Failed> {
    let guess = client.join_room(JoinRoom::new(&room.room_name, "stranger1").secure_code("guessed")).await;
    let error = guess.err().ok_or("a wrong code was accepted")?;
    stage.require(error.was_sent(), "the server refused")?;
    stage.tell("refuse a stranger with a guessed code", error.kind())?;

    let guest = client.join_room(JoinRoom::new(&room.room_name, "guestUser").secure_code(CODE)).await?;
    stage.require(guest.room_name == room.room_name, "the guest is in the same room")?;
    stage.require(guest.secret != room.secret, "the guest has a token of their own")?;
    stage.tell("join as a guest who knows it", hidden(guest.secret.expose()))?;
    Ok(guest)
}
