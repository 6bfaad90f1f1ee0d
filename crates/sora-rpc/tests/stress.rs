//! Ten thousand calls at once whose answers come shuffled, twice, malformed, late or never: every call ends exactly
//! once, with its own answer, a timeout or a violation, and nothing is left behind. Every run has a seed, which a
//! failure names.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use rtc_core::ErrorKind;
use rtc_core::testing::ManualClock;
use rtc_core::transport::channel::{Channel, Frame, LoopChannel, pair};
use serde_json::{Value, json};
use sora_rpc::compress::{deflate, inflate};
use sora_rpc::{Client, ClientOptions, PeerOptions, Result, SoraError};
use tokio::task::JoinHandle;

const CALLS: u64 = 10_000;

/// Numbers that look random and can be had again: `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// The second answer is one too many.
    Twice,
    Refused,
    /// The answer is no JSON-RPC 2.0 response.
    Violated,
    Missing,
    /// The answer comes after the time has run out.
    Late,
    /// Given up before its answer comes.
    Cancelled,
}

const FATES: [Fate; 10] = [
    Fate::Answered,
    Fate::Answered,
    Fate::Answered,
    Fate::Answered,
    Fate::Twice,
    Fate::Refused,
    Fate::Violated,
    Fate::Missing,
    Fate::Late,
    Fate::Cancelled,
];

/// What the server sends besides, and what the peer counts it as.
#[derive(Debug, Default)]
struct Noise {
    malformed: u64,
    without_id: u64,
    unknown: u64,
}

impl Noise {
    fn frame(&mut self, dice: &mut Dice, id: u64) -> Option<Vec<u8>> {
        let good = answer(id, 0);
        let (counter, text) = match dice.below(30) {
            0 => (&mut self.malformed, "{".to_owned().into_bytes()),
            1 => (&mut self.malformed, format!("[{good}]").into_bytes()),
            2 => (&mut self.malformed, [good.as_bytes(), b"\xff"].concat()),
            3 => {
                (&mut self.without_id, format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":0}}"#).into_bytes())
            }
            4 => (&mut self.without_id, format!(r#"{{"id":{id},"id":{id},"result":0}}"#).into_bytes()),
            5 => {
                (&mut self.without_id, format!(r#"{{"jsonrpc":"2.0","id":{id}.0,"result":0}}"#).into_bytes())
            }
            6 => (&mut self.unknown, answer(id + (1 << 40), 0).into_bytes()),
            7 => (&mut self.unknown, answer(0, 0).into_bytes()),
            _ => return None,
        };
        *counter += 1;
        Some(text)
    }
}

fn answer(id: u64, n: u64) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "n": n } }).to_string()
}

fn violation(dice: &mut Dice, id: u64) -> String {
    match dice.below(5) {
        0 => json!({ "id": id, "result": 1 }),
        1 => json!({ "jsonrpc": 2.0, "id": id, "result": 1 }),
        2 => json!({ "jsonrpc": "2.0", "id": id }),
        3 => json!({ "jsonrpc": "2.0", "id": id, "result": 1, "error": { "code": 1, "message": "" } }),
        _ => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": 1.5, "message": "" } }),
    }
    .to_string()
}

struct World {
    client: Client,
    clock: ManualClock,
    server: LoopChannel,
    compress: bool,
    dice: Dice,
}

impl World {
    fn new(seed: u64, compress: bool) -> Self {
        let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
        let (channel, server) = pair();
        let bounds = PeerOptions::new().max_pending(usize::try_from(CALLS).unwrap());
        let options = ClientOptions::new().rpc_methods(["m"]).bounds(bounds).compress(compress);
        let client = Client::connect(channel, options.clock(clock.clone())).unwrap();
        Self { client, clock, server, compress, dice: Dice(seed) }
    }

    fn calls(&self) -> Vec<JoinHandle<Result<Value>>> {
        let call = |n| tokio::spawn(self.client.call("m", json!({ "n": n })).into_future());
        (0..CALLS).map(call).collect()
    }

    /// The ids of the calls, each by its number.
    async fn ids(&mut self) -> HashMap<u64, u64> {
        let mut ids = HashMap::new();
        for _ in 0..CALLS {
            let Some(Ok(Frame::Binary(frame))) = self.server.recv().await else { panic!("no message") };
            let text = if self.compress { inflate(&frame, 1024).unwrap() } else { frame.to_vec() };
            let message: Value = serde_json::from_slice(&text).unwrap();
            let (n, id) = (message["params"]["n"].as_u64().unwrap(), message["id"].as_u64().unwrap());
            assert!(ids.insert(n, id).is_none(), "call {n} was sent twice");
        }
        ids
    }

    /// As a text or as the kind of binary frame that the label has.
    async fn send(&mut self, message: Vec<u8>) {
        let frame = match String::from_utf8(message) {
            Ok(text) if self.dice.below(2) == 0 => Frame::Text(text),
            Ok(text) if self.compress => Frame::Binary(deflate(text.as_bytes()).into()),
            Ok(text) => Frame::Binary(text.into()),
            Err(bytes) if self.compress => Frame::Binary(deflate(bytes.as_bytes()).into()),
            Err(bytes) => Frame::Binary(bytes.into_bytes().into()),
        };
        self.server.send(frame).await.unwrap();
    }

    /// Until the client has taken in that many messages.
    async fn taken_in(&self, messages: u64) {
        let seen = || {
            let s = self.client.stats();
            let dropped = s.dropped_late + s.dropped_unknown + s.dropped_malformed + s.dropped_without_id;
            s.answered + s.violations + dropped
        };
        while seen() < messages {
            tokio::task::yield_now().await;
        }
        assert_eq!(seen(), messages);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_call_ends_once_whatever_comes() {
    for (seed, compress) in [(1, false), (2, true), (3, false)] {
        println!("seed {seed}, compress {compress}");
        play(World::new(seed, compress)).await;
    }
}

async fn play(mut world: World) {
    let mut calls: Vec<Option<_>> = world.calls().into_iter().map(Some).collect();
    let ids = world.ids().await;
    let mut fates: Vec<Fate> = (0..CALLS).map(|n| FATES[usize::try_from(n).unwrap() % FATES.len()]).collect();
    world.dice.shuffle(&mut fates);
    let of = |fate| fates.iter().filter(|known| **known == fate).count() as u64;

    for (n, fate) in fates.iter().enumerate() {
        if *fate == Fate::Cancelled {
            let call = calls[n].take().unwrap();
            call.abort();
            assert!(call.await.unwrap_err().is_cancelled());
        }
    }
    assert_eq!(world.client.stats().cancelled, of(Fate::Cancelled));

    let (mut frames, mut late, mut noise) = (Vec::new(), Vec::new(), Noise::default());
    for (n, fate) in (0..).zip(&fates) {
        let id = ids[&n];
        let good = answer(id, n).into_bytes();
        match fate {
            Fate::Answered | Fate::Cancelled => frames.push(good),
            Fate::Twice => frames.extend([good.clone(), good]),
            Fate::Refused => frames.push(
                json!({ "jsonrpc": "2.0", "id": id, "error": { "code": n, "message": "no" } })
                    .to_string()
                    .into_bytes(),
            ),
            Fate::Violated => frames.push(violation(&mut world.dice, id).into_bytes()),
            Fate::Missing => {}
            Fate::Late => late.push(good),
        }
        frames.extend(noise.frame(&mut world.dice, id));
    }
    world.dice.shuffle(&mut frames);
    let sent = (frames.len(), late.len());
    for frame in frames {
        world.send(frame).await;
    }
    world.taken_in(sent.0 as u64).await;
    let unanswered = of(Fate::Missing) + of(Fate::Late);
    assert_eq!(world.client.pending() as u64, unanswered);
    world.clock.advance(Duration::from_secs(5));
    while world.client.pending() > 0 {
        tokio::task::yield_now().await;
    }
    for frame in late {
        world.send(frame).await;
    }
    world.taken_in((sent.0 + sent.1) as u64).await;

    for ((n, fate), call) in (0..).zip(&fates).zip(calls) {
        let Some(call) = call else { continue };
        check(n, *fate, ids[&n], call.await.unwrap());
    }
    let stats = world.client.stats();
    assert_eq!((world.client.pending(), stats.calls), (0, CALLS));
    assert_eq!(stats.answered, of(Fate::Answered) + of(Fate::Twice) + of(Fate::Refused));
    assert_eq!((stats.violations, stats.timed_out), (of(Fate::Violated), unanswered));
    assert_eq!(stats.answered + stats.violations + stats.timed_out + stats.cancelled, CALLS);
    assert_eq!(stats.dropped_late, of(Fate::Twice) + of(Fate::Late) + of(Fate::Cancelled));
    assert_eq!(stats.dropped_malformed, noise.malformed);
    assert_eq!((stats.dropped_without_id, stats.dropped_unknown), (noise.without_id, noise.unknown));
    assert!(noise.malformed > 100 && noise.without_id > 100 && noise.unknown > 100);
}

fn check(n: u64, fate: Fate, id: u64, end: Result<Value>) {
    match (fate, end) {
        (Fate::Answered | Fate::Twice, Ok(result)) => assert_eq!(result, json!({ "n": n })),
        (Fate::Refused, Err(error)) => assert_eq!(error.code().unwrap(), n.to_string()),
        (Fate::Violated, Err(error)) => {
            assert!(
                matches!(error.service(), Some(SoraError::ProtocolViolation { id: of, .. }) if *of == id)
            );
        }
        (Fate::Missing | Fate::Late, Err(error)) => assert_eq!(error.kind(), ErrorKind::Timeout),
        (fate, end) => panic!("call {n} was to end as {fate:?} and ended as {end:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_that_breaks_among_its_answers_ends_every_call() {
    let mut world = World::new(4, false);
    let calls = world.calls();
    let ids = world.ids().await;
    let answered = CALLS / 2;
    for n in 0..answered {
        world.send(answer(ids[&n], n).into_bytes()).await;
    }
    drop(world.server);
    for (n, call) in (0..).zip(calls) {
        match call.await.unwrap() {
            Ok(result) => assert_eq!(result, json!({ "n": n })),
            Err(error) => {
                assert!(n >= answered && error.was_sent(), "call {n}: {error}");
                assert_eq!(error.code().unwrap(), "-1");
            }
        }
    }
    let stats = world.client.stats();
    assert_eq!((world.client.pending(), stats.answered, stats.lost), (0, answered, CALLS - answered));
}
