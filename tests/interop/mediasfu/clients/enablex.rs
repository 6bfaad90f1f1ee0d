//! A room of EnableX, whose clients use the same port: the older generation by the same path, the newer by its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enablex::{Client, CreateRoom, CreateToken, Credentials, Role, RoomSettings};
use rtc_emulator::Emulator;
use serde_json::{Value, json};

use super::{Clients, OLDER};
use crate::node::Drivers;
use crate::server::same;

pub(super) async fn room(drivers: &Drivers, package: &str) -> Result<(), String> {
    let emulator = Emulator::start().await.map_err(|e| e.to_string())?;
    let mut clients = Clients::start(drivers, package, &emulator)?;
    let path = if package == OLDER { "/socket.io/" } else { "/v3/socket.io/" };
    clients.dial("somebody", "/", &json!({ "path": path }))?;
    clients.node.hear(json!({ "event": "connect", "who": "somebody" })).await?;
    clients.ask_only("somebody", "token", token(&emulator).await?)?;
    let told = clients.node.hear(json!({ "event": "ack", "who": "somebody", "name": "token" })).await?;
    same("the acknowledgement", &told["args"][0], &"success".into())?;
    let connected = clients.event("somebody", "room-connected").await?;
    same("the client", &connected["clientId"], &told["args"][1]["clientId"])
}

/// What the token of a user holds, which is what a client says first.
async fn token(emulator: &Emulator) -> Result<Value, String> {
    let access = emulator.enablex();
    let client = Client::builder(Credentials::new(access.app_id(), access.app_key())).endpoint(access.url());
    let client = client.build().map_err(|e| e.to_string())?;
    let room = client.create_room(CreateRoom::new("Interop", "interop", RoomSettings::new(2))).await;
    let room = room.map_err(|e| e.to_string())?;
    let request = CreateToken::new(room.room_id, "Somebody", Role::Participant, "somebody");
    let token = client.create_token(request).await.map_err(|e| e.to_string())?.token;
    let content = STANDARD.decode(token.expose()).map_err(|e| e.to_string())?;
    serde_json::from_slice(&content).map_err(|e| e.to_string())
}
