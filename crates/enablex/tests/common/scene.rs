// The scene of the examples of room commands: a room for an hour, in which newcomers must be let in.

use enablex::rtc_core::Secret;
use enablex::{Client, ConnectRoom, CreateRoom, CreateToken, Credentials, Role, Room, RoomSettings};
use rtc_emulator::Emulator;

/// The emulator, its client, and the id of the room.
pub async fn scene() -> (Emulator, Client, String) {
    let emulator = Emulator::start().await.unwrap();
    let access = emulator.enablex();
    let credentials = Credentials::new(access.app_id(), access.app_key());
    let client = Client::builder(credentials).endpoint(access.url()).build().unwrap();
    let settings = RoomSettings::new(5).knock(true).duration(60);
    let room = client.create_room(CreateRoom::new("Stand-up", "team-7", settings)).await.unwrap();
    (emulator, client, room.room_id)
}

/// A token for the room.
pub async fn token(client: &Client, room: &str, role: Role) -> Secret {
    let request = CreateToken::new(room, "Somebody", role, "backend");
    client.create_token(request).await.unwrap().token
}

/// Somebody who knocks.
#[allow(dead_code)]
pub async fn knock(client: &Client, room: &str) -> Room {
    let token = token(client, room, Role::Participant).await;
    client.connect_room(ConnectRoom::new(token)).await.unwrap().0
}

/// Has somebody ask for the floor.
#[allow(dead_code)]
pub fn raise_hand(emulator: &Emulator, room: &str, client_id: &str) {
    assert!(emulator.enablex().raise_hand(room, client_id));
}
