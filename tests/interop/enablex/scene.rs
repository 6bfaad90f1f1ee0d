//! Rooms of the emulator.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::{Client, CreateRoom, CreateToken, Credentials, Role, RoomSettings};
use rtc_emulator::Emulator;
use serde_json::Value;

pub(crate) struct Scene {
    pub(crate) emulator: Emulator,
    client: Client,
    pub(crate) room_id: String,
}

impl Scene {
    pub(crate) async fn new(settings: RoomSettings) -> Result<Self, String> {
        let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
        let access = emulator.enablex();
        let credentials = Credentials::new(access.app_id(), access.app_key());
        let client =
            Client::builder(credentials).endpoint(access.url()).build().map_err(|e| e.to_string())?;
        let room = client.create_room(CreateRoom::new("Interop", "interop", settings)).await;
        let room_id = room.map_err(|e| e.to_string())?.room_id;
        Ok(Self { emulator, client, room_id })
    }

    /// What the token of a user holds, which is what a client says first.
    pub(crate) async fn token(&self, name: &str, role: Role) -> Result<Value, String> {
        let request = CreateToken::new(&self.room_id, name, role, name);
        let token = self.client.create_token(request).await.map_err(|e| e.to_string())?.token;
        let content = STANDARD.decode(token.expose()).map_err(|e| e.to_string())?;
        serde_json::from_slice(&content).map_err(|e| e.to_string())
    }
}
