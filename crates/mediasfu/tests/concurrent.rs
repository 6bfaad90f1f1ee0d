//! Very many rooms at once: for each key one request is under way at any instant, counted where it arrives.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    reason = "helpers of tests"
)]

#[path = "common/rest.rs"]
mod common;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{KEY, ROOM, USER};
use mediasfu::*;
use rtc_core::testing::ManualClock;
use rtc_core::{MemoryStore, SharedClock, SharedStore, Store as _};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const CALLS: usize = 10_000;
const KEYS: usize = 100;
/// A hang is a failure, too.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a server has seen.
#[derive(Debug, Default)]
struct Seen {
    arrived: usize,
    under_way: HashMap<String, usize>,
    /// The most that were under way of one key, and of all.
    most_of_one: usize,
    most: usize,
}

impl Seen {
    fn enter(&mut self, key: &str) {
        self.arrived += 1;
        let count = self.under_way.entry(key.to_owned()).or_default();
        *count += 1;
        self.most_of_one = self.most_of_one.max(*count);
        self.most = self.most.max(self.under_way.values().sum());
    }

    fn leave(&mut self, key: &str) {
        *self.under_way.get_mut(key).unwrap() -= 1;
    }
}

/// A server of rooms, slow by a barrier or quick without.
#[derive(Debug, Clone)]
struct Server {
    seen: Arc<Mutex<Seen>>,
    barrier: Option<Arc<Barrier>>,
}

impl Server {
    async fn start(barrier: Option<&Arc<Barrier>>) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { seen: Arc::default(), barrier: barrier.cloned() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        (server, url)
    }

    /// How many requests arrived, and how many at most were under way at once: of one key, and of all.
    fn counts(&self) -> (usize, usize, usize) {
        let seen = self.seen.lock().unwrap();
        assert!(seen.under_way.values().all(|left| *left == 0));
        (seen.arrived, seen.most_of_one, seen.most)
    }

    /// Serves the requests of one connection until it ends.
    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        let mut text = Vec::new();
        loop {
            // The body is one flat object, and nothing before it has a brace.
            while !text.ends_with(b"}") {
                stream.read_buf(&mut text).await.ok().filter(|read| *read > 0)?;
            }
            let begin = text.iter().position(|byte| *byte == b'{')?;
            let body: Value = serde_json::from_slice(&text[begin..]).unwrap();
            text.clear();
            let key = body["userName"].as_str().unwrap();
            self.seen.lock().unwrap().enter(key);
            match &self.barrier {
                Some(barrier) => {
                    barrier.wait().await;
                }
                None => tokio::task::yield_now().await,
            }
            self.seen.lock().unwrap().leave(key);
            let answer = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{ROOM}", ROOM.len());
            stream.write_all(answer.as_bytes()).await.ok()?;
        }
    }
}

/// Four clients on one store, as parts of a program have them. Their time stands still: nothing runs out.
fn clients(url: &str) -> (Vec<Client>, SharedStore) {
    let clock = ManualClock::new(std::time::SystemTime::now());
    let store = SharedStore::new(MemoryStore::new(SharedClock::new(clock.clone())));
    let client = || {
        let builder = Client::builder(Credentials::new(USER, KEY)).endpoint(url).server(ServerKind::Cloud);
        builder.store(store.clone()).clock(clock.clone()).build().unwrap()
    };
    ((0..4).map(|_| client()).collect(), store)
}

fn room(n: usize) -> CreateRoom {
    CreateRoom::new(format!("host{}", n % KEYS), 60, 10)
}

/// All calls at once, spread over the clients.
fn start(clients: &[Client]) -> JoinSet<Result<Room>> {
    let mut calls = JoinSet::new();
    for n in 0..CALLS {
        calls.spawn(clients[n / KEYS % clients.len()].create_room(room(n)).into_future());
    }
    calls
}

fn is_in_progress(error: &Error) -> bool {
    matches!(error.service(), Some(MediaSfuError::InProgress)) && !error.was_sent() && error.attempts() == 0
}

async fn nothing_is_left(clients: &[Client], store: &SharedStore) {
    for n in 0..KEYS {
        let key = clients[0].pending_key(&room(n)).unwrap();
        assert_eq!(store.peek(&key).await.unwrap(), None, "host{n} is free");
    }
}

/// While 100 requests are held back by the server, the other 9,900 calls end by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_thousand_calls_over_a_hundred_keys_a_hundred_go_out() {
    // Opens when one request of each key is there, and the test.
    let barrier = Arc::new(Barrier::new(KEYS + 1));
    let (server, url) = Server::start(Some(&barrier)).await;
    let (clients, store) = clients(&url);
    let all = async {
        let mut calls = start(&clients);
        for ended in 0..CALLS - KEYS {
            let error = calls.join_next().await.unwrap().unwrap().unwrap_err();
            assert!(is_in_progress(&error), "{ended}: {error:?}");
        }
        // Nothing was answered yet.
        barrier.wait().await;
        let rooms = calls.join_all().await;
        assert_eq!(rooms.into_iter().filter(Result::is_ok).count(), KEYS);
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    assert_eq!(server.counts(), (KEYS, 1, KEYS), "arrived, at once of one key, at once of all");
    nothing_is_left(&clients, &store).await;
}

/// The same at a server that answers at once: claims are taken and given back all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claims_that_come_and_go_let_one_in_at_a_time() {
    let (server, url) = Server::start(None).await;
    let (clients, store) = clients(&url);
    let ended = tokio::time::timeout(PATIENCE, start(&clients).join_all()).await.unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
    assert!(bad.into_iter().all(|result| is_in_progress(&result.unwrap_err())));
    let (arrived, of_one, of_all) = server.counts();
    assert_eq!((arrived, of_one), (good.len(), 1));
    assert!(arrived >= KEYS && of_all <= KEYS, "{arrived} {of_all}");
    nothing_is_left(&clients, &store).await;
}

/// What the server counts is what arrives: without the guard it sees two requests of one key at once.
#[tokio::test]
async fn the_server_would_see_more_than_one() {
    let barrier = Arc::new(Barrier::new(2));
    let (server, url) = Server::start(Some(&barrier)).await;
    let builder = Client::builder(Credentials::new(USER, KEY)).endpoint(url).duplicate_guard(false);
    let client = builder.build().unwrap();
    let both = async {
        tokio::join!(client.create_room(room(1)).into_future(), client.create_room(room(1)).into_future())
    };
    let both = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(server.counts(), (2, 2, 2));
}
