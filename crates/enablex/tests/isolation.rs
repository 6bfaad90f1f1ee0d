//! Several clients in one process: no key, no endpoint, no header of one shows in the requests of another.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use enablex::{
    Client, ClientBuilder, CreateRoom, CreateToken, Credentials, DownloadRecording, Error, ErrorKind,
    GetRoom, ListRooms, RecordingAccess, Role, RoomSettings, UpdateRoom, WebhookReader,
};
use rtc_core::testing::ScriptedTransport;
use rtc_emulator::Emulator;

fn client(emulator: &Emulator, name: &str) -> Client {
    let access = emulator.enablex();
    let builder = Client::builder(Credentials::new(access.app_id(), access.app_key()));
    builder.endpoint(access.url()).header("X-Client", name).build().unwrap()
}

/// What one client does, over and over: it finds its own rooms.
async fn work(client: Client, name: &str) {
    for round in 0..8 {
        let title = format!("{name} {round}");
        let room = client.create_room(CreateRoom::new(&title, name, RoomSettings::new(3))).await.unwrap();
        client.create_token(CreateToken::new(&room.room_id, name, Role::Moderator, name)).await.unwrap();
        client.update_room(UpdateRoom::new(&room.room_id).name(format!("{title}!"))).await.unwrap();
        let room = client.get_room(GetRoom::new(&room.room_id)).await.unwrap();
        assert_eq!(room.name, Some(format!("{title}!")));
    }
    let rooms = client.list_rooms(ListRooms::new()).await.unwrap().rooms;
    assert!(
        rooms.iter().all(|room| room.name.as_ref().is_some_and(|title| title.starts_with(name))),
        "{name}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_never_mix() {
    let one = Emulator::start().await.unwrap();
    let two = Emulator::builder().seed(7).start().await.unwrap();
    // The same key at two endpoints.
    let (a, b) = (client(&one, "a"), client(&two, "b"));
    tokio::join!(work(a.clone(), "a"), work(b, "b"), work(a.clone(), "a"));
    for (emulator, name) in [(&one, "a"), (&two, "b")] {
        let log = emulator.log();
        assert!(log.len() > 30);
        for entry in log {
            let shown = entry
                .headers
                .iter()
                .find(|(header, _)| header == "x-client")
                .map(|(_, value)| value.as_str());
            assert_eq!((shown, entry.status), (Some(name), Some(200)), "{entry:?}");
        }
    }
    // The endpoint of one call is that call's alone.
    two.clear_log();
    let there = a.list_rooms(ListRooms::new()).endpoint(two.enablex().url());
    let (there, here) = tokio::join!(there, a.list_rooms(ListRooms::new()));
    let title = |list: enablex::RoomList| list.rooms[0].name.clone().unwrap();
    assert!(title(there.unwrap()).starts_with('b') && title(here.unwrap()).starts_with('a'));
    assert_eq!(two.log().len(), 1);
}

/// Those for recordings go nowhere but to files, and the application's never go there.
#[tokio::test]
async fn each_has_its_own_credentials() {
    let transport = ScriptedTransport::new().json(200, r#"{"result":0,"rooms":[]}"#).json(200, "x");
    let builder = |access| {
        let client = Client::builder(Credentials::new("APP", "KEY")).transport(transport.clone());
        client.recordings(access).build().unwrap()
    };
    let client = builder(RecordingAccess::new("u", "p").allow_host("files.example"));
    client.list_rooms(ListRooms::new()).await.unwrap();
    client.download_recording(DownloadRecording::new("https://files.example/f")).await.unwrap();
    let other = builder(RecordingAccess::new("u", "p").allow_host("other.example"));
    let refused =
        other.download_recording(DownloadRecording::new("https://files.example/f")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let sent: Vec<_> = transport
        .requests()
        .iter()
        .map(|r| r.headers()["authorization"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(sent, ["Basic QVBQOktFWQ==", "Basic dTpw"]);
}

#[test]
fn what_may_cross_threads() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    fn travels<T: Send + 'static>(_: T) {}
    shared::<Client>();
    shared::<ClientBuilder>();
    shared::<Credentials>();
    shared::<WebhookReader>();
    error::<Error>();
    let client = Client::new(Credentials::new("APP", "KEY")).unwrap();
    travels(client.list_rooms(ListRooms::new()).into_future());
    travels({
        let client = client.clone();
        async move {
            let mut download =
                client.open_recording(DownloadRecording::new("https://files.example/f")).await?;
            while download.next().await?.is_some() {}
            enablex::Result::Ok(())
        }
    });
}
