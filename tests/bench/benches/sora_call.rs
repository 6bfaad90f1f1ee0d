//! What a call costs without its network: checked, written, registered, its answer correlated and read, against
//! serde_json alone on the same messages, that is derived structures written and parsed with nothing in between.
//! Rounds are interleaved; the figures are medians. Also counted: what a call allocates.
//!
//! `cargo xtask bench sora_call`.

#![allow(clippy::indexing_slicing, reason = "a benchmark over fixed arrays")]

use std::alloc::System;
use std::hint::black_box;
use std::time::Instant;

use rtc_bench::{Outcome, median, nanos};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sora_rpc::{CallOptions, Message, Method, Peer, PeerOptions, RequestSimulcastRid, Rid};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 60;
const TURNS: u32 = 5_000;
/// How many other calls wait meanwhile.
const WAITING: usize = 100;
const METHOD: &str = RequestSimulcastRid::NAME;

#[derive(Serialize)]
struct Request<P> {
    jsonrpc: &'static str,
    method: &'static str,
    params: P,
    id: u64,
}

#[derive(Serialize)]
struct Simulcast<'a> {
    rid: &'a str,
    sender_connection_id: &'a str,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read for its cost")]
struct Response<R> {
    jsonrpc: String,
    id: u64,
    result: R,
}

type Output = <RequestSimulcastRid as Method>::Output;

const SENDER: &str = "7H3DQ6JV2X1T9AZM0R8K5WYBCE";

/// The answer to a call; the id is always the same number of digits long.
fn answer(id: u64) -> String {
    json!({
        "jsonrpc": "2.0", "id": id,
        "result": {
            "channel_id": "sora", "receiver_connection_id": "0T2Z8C4RQK9VJ5M7XN1PYB6WDH",
            "rid": "r1", "sender_connection_id": SENDER,
        },
    })
    .to_string()
}

/// A peer with some calls that nobody answers.
fn peer() -> Outcome<Peer<u64>> {
    let mut peer = Peer::new(PeerOptions::new().first_id(100_000));
    let _ = peer.offer(
        true,
        [
            "2025.2.0/PutSignalingNotifyMetadata",
            "2025.2.0/PutSignalingNotifyMetadataItem",
            METHOD,
            "2025.2.0/RequestSpotlightRid",
            "2025.2.0/ResetSpotlightRid",
        ],
    );
    for _ in 0..WAITING {
        peer.call(Message::raw(METHOD, None)?, &CallOptions::new().no_timeout(), Instant::now(), 0)?;
    }
    Ok(peer)
}

/// A call whose answer is `text` with the call's own id in it.
fn call<O: serde::de::DeserializeOwned>(
    peer: &mut Peer<u64>,
    text: &mut [u8],
    at: usize,
    message: impl FnOnce() -> sora_rpc::Result<Message>,
) -> Outcome<()> {
    let (id, bytes) = peer.call(message()?, &CallOptions::new(), Instant::now(), 7)?;
    black_box(bytes);
    set_id(text, at, id);
    let answer = peer.receive(text).ok_or("the answer was dropped")?;
    black_box(serde_json::from_str::<O>(answer.outcome?)?);
    Ok(())
}

fn floor<O: serde::de::DeserializeOwned>(
    text: &mut [u8],
    at: usize,
    id: u64,
    params: impl Serialize,
) -> Outcome<()> {
    let request = Request { jsonrpc: "2.0", method: METHOD, params, id };
    black_box(serde_json::to_vec(&request)?);
    set_id(text, at, id);
    black_box(serde_json::from_slice::<Response<O>>(black_box(text))?);
    Ok(())
}

/// Writes six digits of an id over those that are there.
fn set_id(text: &mut [u8], at: usize, id: u64) {
    let mut rest = id;
    for digit in text[at..at + 6].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

fn main() -> Outcome<()> {
    let request = RequestSimulcastRid::new(Rid::R1).sender_connection_id(SENDER);
    let params = Simulcast { rid: "r1", sender_connection_id: SENDER };
    let value = json!({ "rid": "r1", "sender_connection_id": SENDER });
    let mut text = answer(100_000).into_bytes();
    let at = text.windows(6).position(|window| window == b"100000").ok_or("no id")?;

    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = [0.0; 4];
        // Whoever goes first in a round finds other caches: take turns.
        for turn in 0..4 {
            let who = (round + turn) % 4;
            let mut peer = peer()?;
            let mut id = 100_000;
            let mut failed = None;
            row[who] = nanos(TURNS, || {
                id += 1;
                let done = match who {
                    0 => floor::<Output>(&mut text, at, id, black_box(&params)),
                    1 => call::<Output>(&mut peer, &mut text, at, || Message::typed(black_box(&request))),
                    2 => floor::<Value>(&mut text, at, id, value.clone()),
                    _ => {
                        call::<Value>(&mut peer, &mut text, at, || Message::raw(METHOD, Some(value.clone())))
                    }
                };
                if let Err(error) = done {
                    failed = Some(error);
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
        }
        // The first round warms up.
        if round > 0 {
            rounds.push(row);
        }
    }

    println!("a call and its answer, {WAITING} others waiting, {ROUNDS} interleaved rounds of {TURNS}");
    println!("{:<28} {:>8} {:>8}", "", "ns", "x floor");
    let names = ["serde_json, derived types", "our typed call", "serde_json, Value", "our call with Value"];
    for (i, name) in names.iter().enumerate() {
        let nanos = median(&rounds, |row| row[i]);
        println!("{name:<28} {nanos:>8.0} {:>8.2}", median(&rounds, |row| row[i] / row[i / 2 * 2]));
    }
    println!("goal: at most 1.5 x the floor");
    allocations(&request, &mut text, at)
}

/// What a typed call allocates, its result left as text.
fn allocations(request: &RequestSimulcastRid, text: &mut [u8], at: usize) -> Outcome<()> {
    let mut peer = peer()?;
    let options = CallOptions::new();
    let mut counted = [0; 3];
    // The first calls make room in the tables.
    for turn in 0..1_000 {
        let region = Region::new(ALLOCATOR);
        let (id, bytes) = peer.call(Message::typed(request)?, &options, Instant::now(), 7)?;
        set_id(text, at, id);
        let answer = peer.receive(text).ok_or("the answer was dropped")?;
        black_box((bytes, answer.outcome?));
        let change = region.change();
        if turn >= 500 {
            counted[0] += change.allocations;
            counted[1] += change.reallocations;
            counted[2] += change.bytes_allocated;
        }
    }
    let [allocations, resized, bytes] = counted.map(|sum| sum as f64 / 500.0);
    println!("per call: {allocations:.2} allocations, resized {resized:.2} times, {bytes:.0} bytes");
    println!("goal: 1 allocation, the message; it is cut to its size once");
    if allocations <= 1.0 { Ok(()) } else { Err("the goal is missed".into()) }
}
