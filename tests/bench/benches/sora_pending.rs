//! What a call keeps in memory while it waits, with 100,000 of them waiting: its entry, its deadline, and where its
//! answer goes; in a client also the future that the caller holds. Everything that the allocator has handed out and not
//! got back is counted, tables with room to spare included.
//!
//! `cargo xtask bench sora_pending`.

use std::alloc::System;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use rtc_bench::Outcome;
use rtc_core::transport::channel::{Channel as _, pair};
use serde_json::{Value, json};
use sora_rpc::{CallOptions, Client, ClientOptions, Message, Peer, PeerOptions};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CALLS: usize = 100_000;
const METHOD: &str = "2025.2.0/RequestSimulcastRid";
const GOAL: f64 = 300.0;

/// The bytes that are in use since the region began, per call.
fn per_call(region: &Region<'_, System>) -> f64 {
    let change = region.change();
    (change.bytes_allocated as f64 - change.bytes_deallocated as f64) / CALLS as f64
}

fn bounds() -> PeerOptions {
    PeerOptions::new().max_pending(CALLS)
}

fn of_a_peer() -> Outcome<f64> {
    let mut peer = Peer::new(bounds());
    let _ = peer.offer(true, [METHOD]);
    let region = Region::new(ALLOCATOR);
    for token in 0..CALLS {
        // The message goes out, and is freed.
        peer.call(
            Message::raw(METHOD, Some(json!({ "rid": "r1" })))?,
            &CallOptions::new(),
            Instant::now(),
            token,
        )?;
    }
    let bytes = per_call(&region);
    assert_eq!(peer.pending(), CALLS);
    Ok(bytes)
}

/// What the library keeps, and the same with the caller's futures.
async fn of_a_client() -> Outcome<(f64, f64)> {
    let (channel, mut server) = pair();
    let client = Client::connect(channel, ClientOptions::new().rpc_methods([METHOD]).bounds(bounds()))?;
    let mut calls: Vec<Pin<Box<dyn Future<Output = sora_rpc::Result<Value>> + Send>>> =
        Vec::with_capacity(CALLS);
    let region = Region::new(ALLOCATOR);
    for _ in 0..CALLS {
        let mut call = client.call(METHOD, json!({ "rid": "r1" })).into_future();
        if let Poll::Ready(ended) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            ended?;
        }
        calls.push(call);
        // Takes each message off the channel, as a network does.
        server.recv().await.ok_or("the channel has ended")??;
    }
    let bytes = per_call(&region);
    assert_eq!(client.pending(), CALLS);
    let futures: usize = calls.iter().map(|call| size_of_val(&**call)).sum();
    Ok((bytes - futures as f64 / CALLS as f64, bytes))
}

fn main() -> Outcome<()> {
    println!("{CALLS} calls waiting, each with a deadline");
    println!("{:<40} {:>8}", "", "bytes");
    let peer = of_a_peer()?;
    println!("{:<40} {peer:>8.0}", "in a peer without I/O");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (client, whole) = runtime.block_on(of_a_client())?;
    println!("{:<40} {client:>8.0}", "in a client");
    println!("{:<40} {whole:>8.0}", "in a client, with the caller's future");
    println!("goal: under {GOAL} bytes per call");
    if whole < GOAL { Ok(()) } else { Err("the goal is missed".into()) }
}
