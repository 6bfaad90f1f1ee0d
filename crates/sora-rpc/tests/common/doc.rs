// The scene of the examples: the HTTP API of the emulator, a channel, and the id of a connection in it.

use sora_rpc::{Client, ClientOptions, HttpClient, ResetSpotlightRid};

pub fn run(
    example: impl AsyncFnOnce(HttpClient, String, String) -> Result<(), Box<dyn std::error::Error>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let emulator = rtc_emulator::Emulator::start().await.unwrap();
        let sora = emulator.sora();
        let member = Client::connect_websocket(&sora.rpc_url(), ClientOptions::new()).await.unwrap();
        let me = member.reset_spotlight_rid(ResetSpotlightRid::new()).await.unwrap();
        let client = HttpClient::new(sora.api_url()).unwrap();
        example(client, me.channel_id, me.recv_connection_id).await.unwrap();
    });
}
