// The scene of the crate's examples: a client of the cloud, and a room.

use mediasfu::{
    Client, CreateExternalSession, CreatePlayback, CreateRoom, Credentials, ExternalRole, ExternalSession, Ingest,
    KeyAction, ManageDisposableKey, Playback, Room, ServerKind, StartSipCall, TrackKind,
};
use rtc_emulator::Emulator;

pub fn run(story: impl AsyncFnOnce(Client, Room) -> Result<(), Box<dyn std::error::Error>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let emulator = Emulator::start().await.unwrap();
        let access = emulator.mediasfu();
        let client = Client::builder(Credentials::new(access.api_user_name(), access.api_key()))
            .endpoint(access.url())
            .server(ServerKind::Cloud)
            // The emulator does not mind, and examples are not to wait.
            .paced(false)
            .build()
            .unwrap();
        let room = client.create_room(CreateRoom::new("hostUser", 60, 10)).await.unwrap();
        story(client, room).await.unwrap();
    });
}

/// The id of a telephone call that the room has.
#[allow(dead_code)]
pub async fn telephone(client: &Client, room: &Room) -> String {
    let call = StartSipCall::new("+15551234567", "+15557654321", &room.room_name, "hostUser");
    let answer = client.start_sip_call(call).await.unwrap();
    answer.pointer("/sipCallId").and_then(|id| id.as_str()).unwrap().to_owned()
}

#[allow(dead_code)]
pub async fn external_session(client: &Client, room: &Room) -> ExternalSession {
    let ingest = Ingest::new([TrackKind::Audio]);
    let request = CreateExternalSession::new(&room.room_name, "camera1", ExternalRole::Host, ingest);
    client.create_external_session(request).await.unwrap()
}

#[allow(dead_code)]
pub async fn playback(client: &Client, room: &Room) -> Playback {
    let session = external_session(client, room).await;
    let request = CreatePlayback::new(&room.room_name, session.session_id, [TrackKind::Audio]);
    client.create_playback(request).await.unwrap()
}

/// A client with a disposable key, named `demo`, that may create rooms.
#[allow(dead_code)]
pub async fn disposable(client: &Client) -> Client {
    let members = serde_json::json!({ "name": "demo", "allowedOperations": ["createRoom"] });
    let request = ManageDisposableKey::new(KeyAction::Create).members(members);
    let key = client.manage_disposable_key(request).await.unwrap();
    let key = key.pointer("/key").and_then(|key| key.as_str()).unwrap();
    let credentials = Credentials::new(client.api_user_name(), key);
    Client::builder(credentials).endpoint(client.endpoint()).server(ServerKind::Cloud).build().unwrap()
}
