//! The examples of the commands: all begin in the same way.

/// A runnable example: enters a room of the emulator as its moderator, then runs `$commands`.
macro_rules! example {
    ($commands:literal) => {
        concat!(
            "
```
# use rtc_emulator::Emulator;
# use enablex::{Client, ConnectRoom, CreateRoom, CreateToken, Credentials, Role, RoomEvent, RoomSettings};
# #[tokio::main(flavor = \"current_thread\")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
# let emulator = Emulator::start().await?;
# let access = emulator.enablex();
# let client = Client::builder(Credentials::new(access.app_id(), access.app_key())).endpoint(access.url()).build()?;
# let created = client.create_room(CreateRoom::new(\"Stand-up\", \"team-7\", RoomSettings::new(5))).await?;
# let request = CreateToken::new(created.room_id, \"Moderator\", Role::Moderator, \"backend\");
# let token = client.create_token(request).await?.token;
let (room, mut events) = client.connect_room(ConnectRoom::new(token)).await?;
",
            $commands,
            "
# let _ = &mut events;
# Ok(()) }
```"
        )
    };
}

pub(super) use example;
