// The scene of the crate's examples: a client, and a channel that exists.

use kvs_signaling::{Client, Credentials};
use rtc_emulator::Emulator;

pub fn run(story: impl AsyncFnOnce(Client, &'static str) -> Result<(), Box<dyn std::error::Error>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let emulator = Emulator::start().await.unwrap();
        let kvs = emulator.kvs();
        let credentials = Credentials::new(kvs.access_key_id(), kvs.secret_access_key());
        let client = Client::builder(credentials).region(kvs.region()).endpoint(kvs.url()).build().unwrap();
        story(client, kvs.channel_arn()).await.unwrap();
    });
}
