//! RPC round trips a second, one after another and 64 at a time, client and server taking turns on one core: over the
//! in-process pair with a server that answers by hand, and over real data channels (DTLS, SCTP, UDP on loopback) with
//! the emulator behind them. The factor is against the pair.
//!
//! `cargo xtask bench sora_rpc`.

use std::time::Instant;

use rtc_bench::{Outcome, median};
use rtc_core::transport::channel::{Channel as _, Frame, LoopChannel, pair};
use rtc_emulator::Emulator;
use sora_rpc::{Client, ClientOptions, Connection, Method as _, ResetSpotlightRid};
use tokio::task::JoinSet;

const ROUNDS: usize = 15;
const CALLS: usize = 2_000;
/// How many calls are under way at once.
const ABREAST: usize = 64;

/// Answers every call as soon as it comes.
async fn serve(mut server: LoopChannel) -> Option<()> {
    loop {
        let Ok(Frame::Binary(message)) = server.recv().await? else { return None };
        let text = std::str::from_utf8(&message).ok()?;
        let id = text.rsplit_once(r#""id":"#)?.1.trim_end_matches('}');
        let answer = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"channel_id":"sora","recv_connection_id":"7H3DQ6JV2X1T9AZM0R8K5WYBCE"}}}}"#
        );
        server.send(Frame::Binary(answer.into())).await.ok()?;
    }
}

/// Round trips a second.
async fn rate(client: &Client, abreast: usize) -> Outcome<f64> {
    let begun = Instant::now();
    if abreast == 1 {
        for _ in 0..CALLS {
            client.reset_spotlight_rid(ResetSpotlightRid::new()).await?;
        }
    } else {
        let mut tasks = JoinSet::new();
        for _ in 0..abreast {
            let client = client.clone();
            tasks.spawn(async move {
                for _ in 0..CALLS / abreast {
                    client.reset_spotlight_rid(ResetSpotlightRid::new()).await?;
                }
                Ok::<(), sora_rpc::Error>(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
    }
    Ok((CALLS / abreast * abreast) as f64 / begun.elapsed().as_secs_f64())
}

async fn measure() -> Outcome<()> {
    let (channel, server) = pair();
    tokio::spawn(serve(server));
    let in_process = Client::connect(channel, ClientOptions::new().rpc_methods([ResetSpotlightRid::NAME]))?;

    let emulator = Emulator::start().await?;
    let mut connections = Vec::new();
    let mut over_channels = Vec::new();
    for compress in [false, true] {
        emulator.sora().configure(&serde_json::json!({ "compress": compress }))?;
        let urls = [emulator.sora().signaling_url()];
        let (connection, events) = Connection::builder(urls, emulator.sora().channel_id()).connect().await?;
        over_channels.push(connection.rpc());
        connections.push((connection, events));
    }
    let [plain, zipped] = over_channels.as_slice() else { return Err("there are two connections".into()) };
    let lines =
        [("in-process pair", &in_process), ("data channel", plain), ("data channel, compressed", zipped)];

    println!("{ROUNDS} interleaved rounds of {CALLS} round trips");
    println!("{:<28} {:>12} {:>12}", "", "one by one/s", format!("{ABREAST} abreast/s"));
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = Vec::new();
        for (_, client) in lines {
            row.push((rate(client, 1).await?, rate(client, ABREAST).await?));
        }
        // The first round warms up.
        if round > 0 {
            rounds.push(row);
        }
    }
    for (i, (name, _)) in lines.iter().enumerate() {
        let of = |pick: fn(&(f64, f64)) -> f64| median(&rounds, |row| row.get(i).map_or(0.0, pick));
        println!("{name:<28} {:>12.0} {:>12.0}", of(|rates| rates.0), of(|rates| rates.1));
    }
    Ok(())
}

fn main() -> Outcome<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure())
}
