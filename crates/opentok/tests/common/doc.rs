// The scene of the crate's examples: a client, and a routed session in which somebody publishes.

use opentok::{Client, CreateSession, Credentials, MediaMode};
use rtc_emulator::Emulator;

pub fn run(story: impl AsyncFnOnce(Client, String) -> Result<(), Box<dyn std::error::Error>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let emulator = Emulator::start().await.unwrap();
        let opentok = emulator.opentok();
        let client = Client::builder(Credentials::new(opentok.api_key(), opentok.api_secret()))
            .account(Credentials::new(opentok.account_key(), opentok.account_secret()))
            .endpoint(opentok.url())
            .build()
            .unwrap();
        let routed = CreateSession::new().media_mode(MediaMode::Routed);
        let session = client.create_session(routed).await.unwrap().session_id;
        opentok.join(&session);
        story(client, session).await.unwrap();
    });
}
