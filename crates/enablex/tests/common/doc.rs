// The scene of the crate's examples: a client, and the id of a room for five participants.

use enablex::{
    Client, CreateRoom, CreateToken, Credentials, GetArchiveByConference, RecordingAccess, Role, RoomSettings,
};
use rtc_emulator::Emulator;

pub fn run(story: impl AsyncFnOnce(Client, String) -> Result<(), Box<dyn std::error::Error>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let emulator = Emulator::start().await.unwrap();
        let access = emulator.enablex();
        let recordings = RecordingAccess::new(access.recording_user(), access.recording_password());
        let client = Client::builder(Credentials::new(access.app_id(), access.app_key()))
            .recordings(recordings.allow_host("127.0.0.1"))
            .endpoint(access.url())
            .build()
            .unwrap();
        let room = CreateRoom::new("Stand-up", "team-7", RoomSettings::new(5));
        let room = client.create_room(room).await.unwrap().room_id;
        story(client, room).await.unwrap();
    });
}

/// The client, and the address of the recording of a session that has been.
#[allow(dead_code)]
pub async fn recorded(client: &Client, room: &str) -> (Client, String) {
    use enablex::room::Room;

    let request = CreateToken::new(room, "Moderator", Role::Moderator, "backend");
    let token = client.create_token(request).await.unwrap().token;
    let (live, _events) = Room::connect(token, client.room_options()).await.unwrap();
    let session = live.state().conf_num.unwrap();
    live.start_record().await.unwrap();
    live.stop_record().await.unwrap();
    live.close().await;
    let archive = client.get_archive_by_conference(GetArchiveByConference::new(session)).await.unwrap();
    (client.clone(), archive.archive[0].recording[0].clone())
}
