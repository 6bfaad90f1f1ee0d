//! The examples of the commands: all begin in the same way.

/// A runnable example: enters a room of the emulator as its moderator, where Ada already is (`ada`: her client id), then
/// runs `$commands`.
macro_rules! example {
    ($commands:literal) => {
        concat!(
            "
```
# mod example { include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/tests/common/scene.rs\")); }
# use enablex::*;
# #[tokio::main(flavor = \"current_thread\")] async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
# let (emulator, client, room_id) = example::scene().await;
# let ada = emulator.enablex().join(&room_id, \"Ada\", \"participant\").unwrap();
# let token = example::token(&client, &room_id, Role::Moderator).await;
let (room, mut events) = client.connect_room(ConnectRoom::new(token)).await?;
",
            $commands,
            "
# let _ = (&emulator, &ada, &mut events);
# Ok(()) }
```"
        )
    };
}

pub(super) use example;
