//! What it costs to have the ICE servers of a channel from the cache: a look-up in a `HashMap` under a `Mutex`, by
//! the same key, that hands out an `Arc`, beside ours, which also reads the clock, checks the request and can be
//! waited for by many. Rounds are interleaved; the figures are medians.
//!
//! `cargo xtask bench kvs_cache`.

#![allow(clippy::indexing_slicing, reason = "a benchmark over fixed arrays")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kvs_signaling::{Client, Credentials, IceKey, IceServer, IceServers};
use rtc_bench::{Outcome, Server, median};

const ROUNDS: usize = 100;
const HITS: u32 = 10_000;
const ARN: &str = "arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo-channel/1234567890123";
const VIEWER: &str = "viewer-1";
const ANSWER: &str = r#"{"IceServerList":[{"Password":"cGFzc3dvcmQ=","Ttl":300,"Uris":["turn:192-0-2-1.t-0a1b2c3d.kinesisvideo.us-west-2.amazonaws.com:443?transport=udp"],"Username":"1700000300:djE6YXJu"}]}"#;

fn main() -> Outcome<()> {
    let Some(server) = Server::start(ANSWER)? else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&server.address))
}

async fn measure(address: &str) -> Outcome<()> {
    let client = Client::builder(Credentials::new("AKIDEXAMPLE", "secret"))
        .region("us-west-2")
        .signaling_endpoint(format!("http://{address}"))
        .build()?;
    let request = || IceServers::new(ARN).client_id(VIEWER);
    let servers = client.ice_servers(request()).await?;
    let key = IceKey::from(&request());
    let map: Mutex<HashMap<IceKey, Arc<[IceServer]>>> =
        Mutex::new(HashMap::from([(key.clone(), Arc::clone(&servers))]));

    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = [0.0; 3];
        // Whoever goes first in a round finds other caches: take turns.
        for turn in 0..3 {
            let who = (round + turn) % 3;
            let begun = Instant::now();
            for _ in 0..HITS {
                match who {
                    0 => {
                        let map = map.lock().unwrap_or_else(PoisonError::into_inner);
                        black_box(map.get(black_box(&key)).cloned());
                    }
                    1 => {
                        let missed = async || Err(rtc_core::AuthError::new("no hit").into());
                        black_box(client.ice_cache().get(black_box(&key), missed).await?);
                    }
                    _ => drop(black_box(client.ice_servers(black_box(request())).await?)),
                }
            }
            row[who] = begun.elapsed().as_nanos() as f64 / f64::from(HITS);
        }
        // The first round warms up.
        if round > 0 {
            rounds.push(row);
        }
    }
    println!("a cache hit, {ROUNDS} interleaved rounds of {HITS}");
    println!("{:<26} {:>8} {:>10}", "", "ns", "x look-up");
    for (i, name) in ["Mutex<HashMap>", "IceCache::get", "Client::ice_servers"].iter().enumerate() {
        println!("{name:<26} {:>8.0} {:>10.2}", median(&rounds, |r| r[i]), median(&rounds, |r| r[i] / r[0]));
    }
    println!("goal: Client::ice_servers at most 3 x the look-up");
    Ok(())
}
