//! Create a room, let a guest in, refuse the same call twice at once, replay one lost answer by its key.

use mediasfu::{Client, CreateRoom, Credentials, JoinRoom, MediaSfuError, ServerKind};
use rtc_core::ErrorKind;
use rtc_emulator::{Action, DropWhen, Fault};

use super::{Failed, Stage, hidden};

pub(super) async fn play(stage: &mut Stage<'_>) -> Result<(), Failed> {
    let access = stage.emulator.mediasfu();
    let credentials = Credentials::new(access.api_user_name(), access.api_key());
    let builder = Client::builder(credentials).endpoint(access.url()).server(ServerKind::Cloud);
    let client = builder.build()?;

    let room = client.create_room(CreateRoom::new("hostUser", 60, 10).secure_code("open sesame")).await?;
    stage.tell("create a room for an hour and ten people", &room.room_name)?;

    let guest = JoinRoom::new(&room.room_name, "guestUser").secure_code("open sesame");
    let joined = client.join_room(guest).await?;
    stage.require(joined.room_name == room.room_name, "the guest is in the same room")?;
    stage.tell("let a guest in by the room's code", hidden(joined.secret.expose()))?;

    let stranger = client.join_room(JoinRoom::new(&room.room_name, "stranger1").secure_code("guessed")).await;
    let error = stranger.err().ok_or("a wrong code was accepted")?;
    stage.require(error.was_sent(), "the server refused")?;
    stage.tell("refuse a guest with a wrong code", error.kind())?;

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

    // The answer is lost after the server acted. The key makes it safe to ask again: no second room.
    stage
        .emulator
        .add_fault(Fault::new(Action::Drop { when: DropWhen::After }).operation("create_room").times(1))?;
    let keyed = CreateRoom::new("lostOne", 15, 2).idempotency_key("tour-lost-answer-1");
    let reply = client.create_room(keyed).reply().await?;
    stage.require(reply.attempts == 2, "a lost answer costs one more attempt")?;
    stage.tell("get a lost answer back by its key", format!("{} attempts, one room", reply.attempts))?;

    let error =
        client.create_room(CreateRoom::new("x y", 0, 0)).await.err().ok_or("faulty input was accepted")?;
    let found = error.violations().map_or(0, |v| v.iter().count());
    stage
        .require(error.kind() == ErrorKind::InvalidInput && !error.was_sent(), "faulty input is not sent")?;
    stage.tell("refuse faulty input before sending", format!("{found} violations at once"))
}
