//! Messages made to hurt: each is dropped or ends its own call only, is counted, costs no more memory than its bound,
//! and the connection lives. One test does it all, as what is
//! allocated is counted for the whole process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::alloc::System;
use std::time::SystemTime;

use rtc_core::Reason;
use rtc_core::testing::ManualClock;
use rtc_core::transport::channel::{Channel, Frame, LoopChannel, pair};
use serde_json::{Value, json};
use sora_rpc::compress::{MAX_INFLATED, deflate, inflate};
use sora_rpc::{Client, ClientOptions, Error, SoraError};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::task::JoinHandle;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DEEP: usize = 100_000;
const HUGE: usize = 2 << 20;
/// What a frame may inflate to.
const LIMIT: usize = 1 << 20;
/// What tables, tasks and errors may take besides the message.
const OVERHEAD: usize = 1 << 20;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Malformed,
    WithoutId,
    /// It ends its call: as no response, as one whose result cannot be read, or as it should.
    Violation,
    Unreadable,
    Remote,
    Result,
}
use Fate::{Malformed, Remote, Unreadable, Violation, WithoutId};

/// A zlib stream of `size` zero bytes, without the compressor's time: a block of fixed codes whose matches are 13 bits
/// for 258 bytes, so that eight of them fill 13 bytes. Its checksum is wrong: nobody hears of that in time.
fn zeros(size: usize) -> Vec<u8> {
    // The block's header: last, fixed codes. Literal 0 is 00110000; a match of 258 is 11000101, its distance 00000.
    let begin = [1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0];
    let matched = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0];
    let bits: Vec<u8> = begin.into_iter().chain(matched.into_iter().cycle().take(120)).collect();
    let byte = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    let bytes: Vec<u8> = bits.chunks_exact(8).map(byte).collect();
    let (begin, repeated) = bytes.split_at(2);
    let repeated = repeated.get(..13).unwrap();
    [&[0x78, 0x9c], begin, &repeated.repeat(size / (8 * 258))].concat()
}

fn nested(open: &str, close: &str) -> String {
    [open.repeat(DEEP), close.repeat(DEEP)].concat()
}

fn result(id: u64, result: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).into_bytes()
}

fn error(id: u64, error: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#).into_bytes()
}

fn with_id(id: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":1}}"#).into_bytes()
}

/// Messages for call `id` as text.
fn texts(id: u64) -> Vec<(&'static str, Fate, Vec<u8>)> {
    let deep_list = nested("[", "]");
    let deep_object = nested(r#"{"a":"#, "}").replace("}}", "}").replacen(r#":}"#, ":1}", 1);
    let digits = "9".repeat(HUGE);
    let long = "x".repeat(HUGE);
    let members = (0..200_000).map(|n| format!(r#""m{n}":0,"#)).collect::<String>();
    vec![
        ("empty", Malformed, Vec::new()),
        ("nul bytes", Malformed, vec![0; 1000]),
        ("invalid UTF-8", Malformed, [b"\"".as_slice(), &[0xff; 1000], b"\""].concat()),
        (
            "invalid UTF-8 in a good response",
            Malformed,
            result(id, "\"\u{fffd}\"").into_iter().map(|b| if b == 0xbf { 0xff } else { b }).collect(),
        ),
        ("an open list, deep", Malformed, "[".repeat(DEEP).into_bytes()),
        ("an open object, deep", Malformed, r#"{"a":"#.repeat(DEEP).into_bytes()),
        ("a deep list", Malformed, deep_list.clone().into_bytes()),
        ("a deep object", Malformed, deep_object.into_bytes()),
        ("a deep id", WithoutId, with_id(&deep_list)),
        ("a deep result", Unreadable, result(id, &deep_list)),
        ("a deep error", Violation, error(id, &deep_list)),
        ("a deep code", Violation, error(id, &format!(r#"{{"code":{deep_list},"message":""}}"#))),
        ("deep data", Violation, error(id, &format!(r#"{{"code":1,"message":"","data":{deep_list}}}"#))),
        ("a huge id", WithoutId, with_id(&digits)),
        ("an id with a huge exponent", WithoutId, with_id("1e999999999")),
        ("an id beyond u64", WithoutId, with_id("18446744073709551616")),
        ("a negative id", WithoutId, with_id("-1")),
        ("a huge number", Unreadable, result(id, &digits)),
        ("a number with a huge exponent", Unreadable, result(id, "1e999999999")),
        ("a huge code", Violation, error(id, &format!(r#"{{"code":{digits},"message":""}}"#))),
        ("half a surrogate", Unreadable, result(id, r#""\ud800""#)),
        ("a name with half a surrogate", Malformed, format!(r#"{{"\ud800":1,"id":{id}}}"#).into_bytes()),
        ("a huge string", Fate::Result, result(id, &format!("\"{long}\""))),
        ("a huge message of an error", Remote, error(id, &format!(r#"{{"code":1,"message":"{long}"}}"#))),
        (
            "a huge name",
            Fate::Result,
            format!(r#"{{"{long}":1,{}"#, String::from_utf8(result(id, "1")).unwrap().split_off(1))
                .into_bytes(),
        ),
        (
            "very many members",
            Fate::Result,
            format!("{{{members}{}", String::from_utf8(result(id, "1")).unwrap().split_off(1)).into_bytes(),
        ),
        ("something behind it", Malformed, [result(id, "1"), b"{}".to_vec()].concat()),
    ]
}

/// Frames that are no zlib stream of a message, or of too large a one.
fn streams(id: u64) -> Vec<(&'static str, Vec<u8>)> {
    let good = deflate(&result(id, "1"));
    let cut = |end: usize| good.get(..end).unwrap().to_vec();
    let mut sum = good.clone();
    *sum.last_mut().unwrap() ^= 1;
    let mut dictionary = good.clone();
    dictionary.splice(..2, [0x78, 0xbb]);
    vec![
        ("1 GiB of zeros", zeros(1 << 30)),
        ("one byte too many", deflate(&vec![b' '; LIMIT + 1])),
        ("an empty frame", Vec::new()),
        ("the header only", cut(2)),
        ("cut in the middle", cut(good.len() / 2)),
        ("cut before the checksum", cut(good.len() - 4)),
        ("cut in the checksum", cut(good.len() - 1)),
        ("a wrong checksum", sum),
        ("a byte behind it", [good.clone(), vec![0]].concat()),
        ("another stream behind it", [good.clone(), good.clone()].concat()),
        ("raw deflate", good.get(2..good.len() - 4).unwrap().to_vec()),
        ("gzip", [b"\x1f\x8b\x08\0\0\0\0\0\0\0".to_vec(), good.clone()].concat()),
        ("a preset dictionary", dictionary),
        ("not compressed", result(id, "1")),
        ("a block of a reserved kind", vec![0x78, 0x9c, 0x07, 0, 0, 0, 0]),
        ("a stored block that claims more than is there", vec![0x78, 0x9c, 0x01, 0xff, 0xff, 0, 0, b'{']),
        ("a distance before the beginning", vec![0x78, 0x9c, 0x4b, 0x04, 0x12, 0x00, 0, 0, 0, 0]),
    ]
}

struct World {
    client: Client,
    server: LoopChannel,
    compress: bool,
}

impl World {
    fn new(compress: bool) -> Self {
        let (channel, server) = pair();
        let options = ClientOptions::new().rpc_methods(["m"]).compress(compress).max_inflated(LIMIT);
        let options = options.clock(ManualClock::new(SystemTime::UNIX_EPOCH));
        Self { client: Client::connect(channel, options).unwrap(), server, compress }
    }

    async fn call(&mut self) -> JoinHandle<Result<Value, Error>> {
        let call = tokio::spawn(self.client.call("m", None).no_timeout().into_future());
        self.server.recv().await.unwrap().unwrap();
        call
    }

    /// Lets call 1 wait, sends it `bomb`, and tells what became of it; another call then goes through as ever. What
    /// the bomb costs stays under `bound`.
    async fn throw(mut self, what: &str, bomb: Vec<u8>, bound: usize) -> Fate {
        let call = self.call().await;
        let region = Region::new(ALLOCATOR);
        self.server.send(Frame::Binary(bomb.into())).await.unwrap();
        let fate = loop {
            let stats = self.client.stats();
            match (stats.dropped_malformed, stats.dropped_without_id, self.client.pending()) {
                (0, 0, 1) => tokio::task::yield_now().await,
                (1, 0, 1) => break Malformed,
                (0, 1, 1) => break WithoutId,
                (0, 0, 0) => break ended(call.await.unwrap()),
                _ => panic!("{what}: {stats:?}"),
            }
        };
        let bytes = region.change().bytes_allocated;
        assert!(bytes <= bound, "{what}: {bytes} bytes were allocated, and {bound} would be enough");

        let call = self.call().await;
        let text = result(2, "true");
        let frame = if self.compress { deflate(&text) } else { text };
        self.server.send(Frame::Binary(frame.into())).await.unwrap();
        assert_eq!(call.await.unwrap().unwrap(), json!(true), "{what}");
        fate
    }
}

fn ended(end: Result<Value, Error>) -> Fate {
    match end {
        Ok(_) => Fate::Result,
        Err(error) => match (error.reason(), error.service()) {
            (Reason::Decode(_), _) => Unreadable,
            (_, Some(SoraError::ProtocolViolation { .. })) => Violation,
            (_, Some(SoraError::Remote { .. })) => Remote,
            _ => panic!("{error}"),
        },
    }
}

#[tokio::test]
async fn each_is_dropped_or_ends_its_own_call_and_the_connection_lives() {
    for (what, fate, message) in texts(1) {
        // A result is read from the message; an error's text and an escaped name are copies of it.
        let bound = 2 * message.len() + OVERHEAD;
        let found = World::new(false).throw(what, message, bound).await;
        assert_eq!(found, fate, "{what}");
    }
    let error = inflate(&zeros(1 << 30), MAX_INFLATED).unwrap_err();
    assert!(error.to_string().contains("more than"), "{error}");
    for (what, frame) in streams(1) {
        let found = World::new(true).throw(what, frame, LIMIT + OVERHEAD).await;
        assert_eq!(found, Malformed, "{what}");
    }
    // As much as is allowed is inflated.
    let mut largest = result(1, "1");
    largest.resize(LIMIT, b' ');
    let frame = deflate(&largest);
    let found = World::new(true).throw("the largest", frame, LIMIT + OVERHEAD).await;
    assert_eq!(found, Fate::Result);
}
